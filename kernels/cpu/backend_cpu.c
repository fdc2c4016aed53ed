/* The table of ops of the CPU: the device, memory, the KV cache and the ops that go row by row. */
#include "kernels/backend.h"

#include <stdlib.h>
#include <string.h>
#include "kernels/cpu/cpu.h"
#include "kernels/cpu/mem.h"

void *pl__scratch_get(struct pl__scratch *s, uint64_t bytes)
{
    if (s->data && bytes <= s->bytes) return s->data;
    pl__mem_free(s->data);
    s->data = pl__mem_alloc(bytes);
    PL_MUST(s->data != NULL);
    s->bytes = bytes;
    return s->data;
}

void pl__scratch_free(struct pl__scratch *s)
{
    pl__mem_free(s->data);
    *s = (struct pl__scratch){0};
}

void pl__dev_run(struct pl_dev *dev, uint32_t items, void (*fn)(void *arg, uint32_t thread), void *arg)
{
    if (items > 1) {
        pl__pool_run(dev->pool, fn, arg);
    } else {
        pl__flush_subnormals();
        fn(arg, 0);
    }
}

const struct pl__tile_ops *pl__tile_ops_of(enum pl_isa isa)
{
#if defined(__x86_64__)
    if (isa == PL_ISA_AVX2) return &pl__tile_ops_avx2;
    if (isa == PL_ISA_AVX512 || isa == PL_ISA_AMX) return &pl__tile_ops_avx512;
#endif
    return &pl__tile_ops_portable;
}

const struct pl__lane_ops *pl__lane_ops_of(enum pl_isa isa)
{
#if defined(__x86_64__)
    if (isa == PL_ISA_AVX2) return &pl__lane_ops_avx2;
    if (isa == PL_ISA_AVX512 || isa == PL_ISA_AMX) return &pl__lane_ops_avx512;
#endif
    return &pl__lane_ops_portable;
}

static void cpu_close(struct pl_dev **dev)
{
    struct pl_dev *d = *dev;
    if (!d) return;
    struct pl__scratch *all[] = {&d->q,          &d->qblocks,  &d->lora_u,       &d->lora_at,  &d->tasks,
                                 &d->rope.table, &d->rope.pos, &d->rope.factors, &d->rope.freq};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) pl__scratch_free(all[i]);
    for (uint32_t t = 0; d->thread && d->pool && t < pl__pool_threads(d->pool); t++)
        pl__scratch_free(&d->thread[t]);
    free(d->thread);
    pl__pool_destroy(&d->pool);
    free(d);
    *dev = NULL;
}

static int cpu_open(enum pl_isa isa, uint32_t threads, struct pl_dev **out, struct pl_err *err)
{
    if (threads < 1 || threads > 1024)
        return pl_fail(err, PL_E_INVALID, "threads", "%u is not 1 to 1024", threads);
    if (!pl_isa_available(isa))
        return pl_fail(err, PL_E_UNSUPPORTED, "isa", "this processor does not have %s", pl_isa_name(isa));
    struct pl_dev *d = calloc(1, sizeof *d);
    if (!d) return pl_fail(err, PL_E_NO_MEMORY, "threads", "no memory for a device");
    d->isa = isa == PL_ISA_AUTO ? pl_isa_best() : isa;
    d->tile = pl__tile_ops_of(d->isa);
    d->lane = pl__lane_ops_of(d->isa);
    d->thread = calloc(threads, sizeof *d->thread);
    int rc = d->thread ? pl__pool_create(threads, &d->pool, err)
                       : pl_fail(err, PL_E_NO_MEMORY, "threads", "no memory for %u workers", threads);
    if (rc)
        cpu_close(&d);
    else
        *out = d;
    return rc;
}

static uint32_t cpu_threads(const struct pl_dev *dev)
{
    return pl__pool_threads(dev->pool);
}

static float *cpu_alloc(struct pl_dev *dev, uint64_t floats)
{
    return floats > UINT64_MAX / 8 ? NULL : pl__mem_alloc(floats * sizeof(float));
}

static void cpu_release(struct pl_dev *dev, float *p)
{
    pl__mem_free(p);
}

static int cpu_weight_create(enum pl_isa isa, const struct pl_tensor *const *parts, uint32_t n_parts,
                             const float *bias, struct pl_weight **out, struct pl_err *err)
{
    return pl__weight_create(parts, n_parts, bias, out, err); /* one layout for all instruction sets */
}

static uint64_t cpu_weight_bytes(const struct pl_weight *w)
{
    return w->bytes;
}

static int cpu_kv_create(struct pl_dev *dev, uint32_t n_layers, uint32_t n_pages,
                         const struct pl_attn_desc *a, struct pl_kv **out, struct pl_err *err)
{
    struct pl_kv *kv = calloc(1, sizeof *kv);
    if (!kv) return pl_fail(err, PL_E_NO_MEMORY, "kv", "no memory");
    *kv = (struct pl_kv){
        .n_layers = n_layers, .n_pages = n_pages, .n_kv_heads = a->n_kv_heads, .head_dim = a->head_dim};
    kv->head_stride = (size_t)PL_PAGE_TOKENS * a->head_dim;
    kv->page_stride = 2 * kv->head_stride * a->n_kv_heads;
    kv->layer_stride = kv->page_stride * n_pages;
    uint64_t bytes;
    bool fits = !__builtin_mul_overflow(kv->layer_stride * sizeof(uint16_t), (uint64_t)n_layers, &bytes);
    kv->data = fits ? pl__mem_alloc(bytes) : NULL;
    if (!kv->data) {
        free(kv);
        return pl_fail(err, PL_E_NO_MEMORY, "n_pages", "no memory for %u pages of KV cache", n_pages);
    }
    *out = kv;
    return 0;
}

static void cpu_kv_destroy(struct pl_dev *dev, struct pl_kv **kv)
{
    if (!*kv) return;
    pl__mem_free((*kv)->data);
    free(*kv);
    *kv = NULL;
}

static void cpu_kv_copy_page(struct pl_dev *dev, struct pl_kv *kv, uint32_t src, uint32_t dst)
{
    PL_MUST(src < kv->n_pages && dst < kv->n_pages);
    for (uint32_t l = 0; l < kv->n_layers && src != dst; l++) {
        uint16_t *layer = kv->data + l * kv->layer_stride;
        memcpy(layer + dst * kv->page_stride, layer + src * kv->page_stride, kv->page_stride * sizeof *layer);
    }
}

static uint64_t cpu_kv_bytes(const struct pl_kv *kv)
{
    return (uint64_t)kv->layer_stride * kv->n_layers * sizeof(uint16_t);
}

/* Ops that treat each row alone. */
struct rows_job {
    struct pl_dev *dev;
    struct pl_mat x, y;
    const struct pl_weight *table;
    const uint32_t *ids;
    const float *gain;
    float eps;
    void (*one)(const struct rows_job *j, float *x, float *y, uint32_t row);
    struct pl__share share;
};

static void rows_share(void *arg, uint32_t thread)
{
    struct rows_job *j = arg;
    uint32_t from, to;
    while (pl__share_next(&j->share, &from, &to))
        for (uint32_t r = from; r < to; r++)
            j->one(j, j->x.data + (size_t)r * j->x.ld, j->y.data ? j->y.data + (size_t)r * j->y.ld : NULL, r);
}

static void run_rows(struct rows_job *j)
{
    pl__share_init(&j->share, j->x.rows, 4);
    pl__dev_run(j->dev, (j->x.rows + 3) / 4, rows_share, j);
}

static void embed_row(const struct rows_job *j, float *x, float *y, uint32_t row)
{
    pl__weight_row(j->table, j->ids[row], x);
}

static void norm_row(const struct rows_job *j, float *x, float *y, uint32_t row)
{
    j->dev->lane->rmsnorm(x, j->gain, j->eps, j->x.cols, y);
}

static void add_row(const struct rows_job *j, float *x, float *y, uint32_t row)
{
    j->dev->lane->add(x, y, j->x.cols);
}

static void swiglu_row(const struct rows_job *j, float *x, float *y, uint32_t row)
{
    j->dev->lane->swiglu(x, x + j->y.cols, j->y.cols, y);
}

static void cpu_embed(struct pl_dev *dev, const struct pl_weight *table, const uint32_t *ids, struct pl_mat x)
{
    PL_MUST(x.cols == table->cols);
    run_rows(&(struct rows_job){.dev = dev, .x = x, .table = table, .ids = ids, .one = embed_row});
}

static void cpu_rmsnorm(struct pl_dev *dev, struct pl_mat x, const float *gain, float eps, struct pl_mat out)
{
    PL_MUST(x.rows == out.rows && x.cols == out.cols);
    run_rows(&(struct rows_job){.dev = dev, .x = x, .y = out, .gain = gain, .eps = eps, .one = norm_row});
}

static void cpu_add(struct pl_dev *dev, struct pl_mat x, struct pl_mat y)
{
    PL_MUST(x.rows == y.rows && x.cols == y.cols);
    run_rows(&(struct rows_job){.dev = dev, .x = x, .y = y, .one = add_row});
}

static void cpu_swiglu(struct pl_dev *dev, struct pl_mat gate_up, struct pl_mat out)
{
    PL_MUST(gate_up.rows == out.rows && gate_up.cols == 2 * out.cols);
    run_rows(&(struct rows_job){.dev = dev, .x = gate_up, .y = out, .one = swiglu_row});
}

const struct pl_backend pl_backend_cpu = {
    .name = "cpu",
    .open = cpu_open,
    .close = cpu_close,
    .threads = cpu_threads,
    .alloc = cpu_alloc,
    .release = cpu_release,
    .weight_create = cpu_weight_create,
    .weight_destroy = pl__weight_destroy,
    .weight_bytes = cpu_weight_bytes,
    .weight_row = pl__weight_row,
    .kv_create = cpu_kv_create,
    .kv_destroy = cpu_kv_destroy,
    .kv_copy_page = cpu_kv_copy_page,
    .kv_bytes = cpu_kv_bytes,
    .embed = cpu_embed,
    .rmsnorm = cpu_rmsnorm,
    .matmul = pl__cpu_matmul,
    .add = cpu_add,
    .rope_kv_write = pl__cpu_rope_kv_write,
    .attention = pl__cpu_attention,
    .swiglu = cpu_swiglu,
};
