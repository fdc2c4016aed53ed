/* Shares attention out to the workers: a task is up to 16 rows of one sequence and the heads of one key-value
 * head. The split has no effect on bits, because a row's result depends on its own position and pages only.
 */
#include "kernels/cpu/cpu.h"

enum { TASK_ROWS = 16 };

struct task {
    uint32_t seq, row, n_rows;
};

struct job {
    struct pl_dev *dev;
    struct pl_mat qkv, out;
    const struct pl_attn_desc *a;
    const struct pl_batch *b;
    const struct pl_kv *kv;
    const uint16_t *layer;
    const struct task *tasks;
    struct pl__share share;
};

static void run_task(const struct job *j, const struct task *t, uint32_t g, float *scratch)
{
    const struct pl_kv *kv = j->kv;
    uint32_t group = j->a->n_heads / j->a->n_kv_heads, head = g * group * j->a->head_dim;
    const uint16_t *k = j->layer + g * kv->head_stride;
    struct pl__attend args = {
        .q = j->qkv.data + (size_t)t->row * j->qkv.ld + head,
        .out = j->out.data + (size_t)t->row * j->out.ld + head,
        .q_ld = j->qkv.ld,
        .out_ld = j->out.ld,
        .pos = j->b->pos + t->row,
        .n_rows = t->n_rows,
        .n_heads = group,
        .head_dim = j->a->head_dim,
        .scale = j->a->scale,
        .k = k,
        .v = k + kv->n_kv_heads * kv->head_stride,
        .page_stride = kv->page_stride,
        .pages = j->b->pages[t->seq],
    };
    j->dev->lane->attend(&args, scratch);
}

/* Backwards: the last rows of a long prompt see the most positions, and the longest tasks are best begun
 * first. */
static void run_tasks(void *arg, uint32_t thread)
{
    struct job *j = arg;
    uint32_t g_count = j->a->n_kv_heads, group = j->a->n_heads / g_count, from, to;
    size_t floats = pl__attend_scratch(TASK_ROWS, group, j->a->head_dim);
    float *scratch = pl__scratch_get(&j->dev->thread[thread], floats * sizeof *scratch);
    while (pl__share_next(&j->share, &from, &to))
        for (uint32_t i = from; i < to; i++) {
            uint32_t n = j->share.n - 1 - i;
            run_task(j, &j->tasks[n / g_count], n % g_count, scratch);
        }
}

static uint32_t plan_tasks(const struct pl_batch *b, struct task *out)
{
    uint32_t n = 0;
    for (uint32_t s = 0; s < b->n_seqs; s++)
        for (uint32_t row = b->row[s]; row < b->row[s + 1]; row += TASK_ROWS) {
            uint32_t left = b->row[s + 1] - row;
            out[n++] = (struct task){s, row, left < TASK_ROWS ? left : TASK_ROWS};
        }
    return n;
}

void pl__cpu_attention(struct pl_dev *dev, struct pl_mat qkv, const struct pl_attn_desc *a,
                       const struct pl_batch *b, const struct pl_kv *kv, uint32_t layer, struct pl_mat out)
{
    PL_MUST(qkv.rows == b->n_rows && out.rows == b->n_rows && layer < kv->n_layers);
    PL_MUST(a->head_dim == kv->head_dim && a->n_kv_heads == kv->n_kv_heads &&
            a->n_heads % a->n_kv_heads == 0);
    struct task *tasks = pl__scratch_get(&dev->tasks, ((uint64_t)b->n_rows + 1) * sizeof *tasks);
    struct job j = {.dev = dev, .qkv = qkv, .out = out, .a = a, .b = b, .kv = kv, .tasks = tasks};
    j.layer = kv->data + layer * kv->layer_stride;
    uint32_t n = plan_tasks(b, tasks) * a->n_kv_heads;
    pl__share_init(&j.share, n, 1);
    pl__dev_run(dev, n, run_tasks, &j);
}
