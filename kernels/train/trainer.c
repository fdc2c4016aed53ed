#include "kernels/train/trainer.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "kernels/cpu/math.h"
#include "kernels/cpu/mem.h"
#include "kernels/train/loss.h"
#include "kernels/train/random.h"
#include "kernels/train/trainer_inside.h"

enum { ROWS_DEFAULT = 1024, BAD_STEPS = 3 };

const struct pl_train_opts pl_train_defaults = {.rank = 16,
                                                .modules = (1u << PL_N_MODULES) - 1,
                                                .alpha = 32,
                                                .steps = 1,
                                                .batch = 8,
                                                .warmup = 5,
                                                .lr = 2e-4f,
                                                .clip = 1,
                                                .replay_weight = 1};

/* --- a run of examples through the net --- */

/* Examples [first, first + n) of LIST that fit the rows together. */
struct packed {
    struct pl__rows rows;
    uint32_t n; /* examples */
};

static struct packed pack(struct pl_trainer *t, const struct pl_example *const *list, uint32_t count)
{
    struct packed p = {0};
    uint32_t at = 0;
    while (p.n < count && at + list[p.n]->n_ids <= t->opts.max_rows) {
        const struct pl_example *e = list[p.n];
        t->segment[p.n++] = at;
        memcpy(t->ids + at, e->ids, e->n_ids * sizeof *t->ids);
        at += e->n_ids;
    }
    PL_MUST(p.n > 0);
    t->segment[p.n] = at;
    p.rows = (struct pl__rows){at, p.n, t->ids, t->segment};
    return p;
}

/* The row before each learnt id, with C times its weight. */
static uint32_t find_targets(struct pl_trainer *t, const struct pl_example *const *list,
                             const struct packed *p, double c)
{
    uint32_t n = 0;
    for (uint32_t s = 0; s < p->n; s++)
        for (uint32_t i = 1; i < list[s]->n_ids; i++)
            if (list[s]->weight[i] > 0)
                t->targets[n++] = (struct pl__target){t->segment[s] + i - 1, list[s]->ids[i],
                                                      (float)(c * list[s]->weight[i])};
    return n;
}

static double weight_of(const struct pl_example *const *list, uint32_t count)
{
    double sum = 0;
    for (uint32_t s = 0; s < count; s++)
        for (uint32_t i = 1; i < list[s]->n_ids; i++) sum += list[s]->weight[i];
    return sum;
}

/* Adds the gradient of the mean loss over COUNT examples; gives the loss. */
static double learn(struct pl_trainer *t, const struct pl_example *const *list, uint32_t count)
{
    double loss = 0, total = weight_of(list, count);
    for (uint32_t done = 0; done < count && total > 0;) {
        struct packed p = pack(t, list + done, count - done);
        pl__net_forward(t->net, &p.rows, t->step, true);
        uint32_t n = find_targets(t, list + done, &p, -1 / total);
        pl__loss_begin(t->net);
        loss += pl__loss_back(t->net, t->targets, n, NULL);
        pl__net_back(t->net);
        done += p.n;
    }
    return loss;
}

static uint32_t target_rows(struct pl_trainer *t, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++) t->rows[i] = t->targets[i].row;
    return n;
}

/* The same for the divergence from the base on examples of the replay. HIDDEN: where the base's rows of each
 * lie. */
static double keep_near(struct pl_trainer *t, const struct pl_example *const *list,
                        const float *const *hidden, uint32_t count)
{
    double sum = 0, total = 0;
    uint32_t d = pl_model_info(t->net->m)->n_embd;
    for (uint32_t i = 0; i < count; i++) total += list[i]->n_learnt;
    for (uint32_t done = 0; done < count && total > 0;) {
        struct packed p = pack(t, list + done, count - done);
        pl__net_forward(t->net, &p.rows, t->step, false);
        uint32_t n = target_rows(t, find_targets(t, list + done, &p, 1)), at = 0;
        for (uint32_t s = 0; s < p.n; s++) {
            memcpy(t->hidden + (size_t)at * d, hidden[done + s],
                   (size_t)list[done + s]->n_learnt * d * sizeof(float));
            at += list[done + s]->n_learnt;
        }
        PL_MUST(at == n);
        pl__loss_begin(t->net);
        sum += pl__loss_kl_back(t->net, t->rows, n, t->hidden, (float)(t->opts.replay_weight / total));
        pl__net_back(t->net);
        done += p.n;
    }
    return total > 0 ? sum / total : 0;
}

/* --- the order --- */

/* Example number N of an endless walk through COUNT examples, each epoch in an order of its own. */
static uint32_t walk(struct pl__order *o, uint64_t seed, uint32_t count, uint64_t n)
{
    uint64_t epoch = n / count;
    if (!o->filled || o->epoch != epoch) {
        for (uint32_t i = 0; i < count; i++) o->order[i] = i;
        uint64_t key = pl__random(seed, epoch);
        for (uint32_t i = count; i > 1; i--) {
            uint32_t j = (uint32_t)(pl__random(key, i) % i), kept = o->order[j];
            o->order[j] = o->order[i - 1];
            o->order[i - 1] = kept;
        }
        o->epoch = epoch;
        o->filled = true;
    }
    return o->order[n % count];
}

/* --- a step --- */

static double rate(const struct pl_train_opts *o, uint32_t step)
{
    if (step < o->warmup) return (double)o->lr * (step + 1) / o->warmup;
    if (o->steps <= o->warmup) return o->lr;
    double part = (double)(step - o->warmup) / (o->steps - o->warmup), sine, cosine;
    pl__sincos64(3.14159265358979323846 * part, &sine, &cosine);
    return o->lr * 0.5 * (1 + cosine);
}

static double gradient_norm(const struct pl__net *n)
{
    double sum = 0;
    for (size_t i = 0; i < n->n_params; i += 4096) {
        uint32_t count = n->n_params - i < 4096 ? (uint32_t)(n->n_params - i) : 4096;
        sum += (double)n->gemm.ops->dot(n->grads + i, n->grads + i, count);
    }
    return sqrt(sum);
}

struct moving {
    struct pl_trainer *t;
    struct pl__adamw o;
};

static void move_part(void *arg, uint32_t part)
{
    const struct moving *j = arg;
    struct pl__net *n = j->t->net;
    size_t from = (size_t)part * 65536, left = n->n_params - from, count = left < 65536 ? left : 65536;
    n->gemm.ops->adamw(n->params + from, n->grads + from, j->t->m + from, j->t->v + from, count, &j->o);
}

static void move(struct pl_trainer *t, double lr, double norm)
{
    float scale = t->opts.clip > 0 && norm > t->opts.clip ? (float)(t->opts.clip / (norm + 1e-6)) : 1.0f;
    struct moving j = {
        .t = t, .o = {.lr = (float)lr, .beta1 = 0.9f, .beta2 = 0.999f, .eps = 1e-8f, .decay = t->opts.decay}};
    t->beta1_power *= 0.9;
    t->beta2_power *= 0.999;
    j.o.c1 = (float)(1 - t->beta1_power);
    j.o.c2 = (float)(1 - t->beta2_power);
    j.o.grad_scale = scale;
    pl__net_each_row(t->net, (uint32_t)((t->net->n_params + 65535) / 65536), move_part, &j);
}

static uint64_t choose(struct pl_trainer *t)
{
    uint64_t ids = 0;
    for (uint32_t i = 0; i < t->opts.batch; i++) {
        uint64_t n = (uint64_t)t->step * t->opts.batch + i;
        t->chosen[i] = &t->data->examples[walk(&t->order, t->opts.seed, t->data->count, n)];
        ids += t->chosen[i]->n_ids;
        if (!t->replay) continue;
        uint32_t r = walk(&t->replay_order, t->opts.seed ^ 0x72706c79, t->replay->count, n);
        t->replayed[i] = &t->replay->examples[r];
        t->replayed_hidden[i] = t->base_hidden + t->hidden_at[r];
        ids += t->replayed[i]->n_ids;
    }
    return ids;
}

int pl_trainer_step(struct pl_trainer *t, struct pl_train_stats *out, struct pl_err *err)
{
    struct pl__net *n = t->net;
    PL_MUST(!pl_trainer_done(t));
    *out = (struct pl_train_stats){.steps = t->opts.steps, .lr = rate(&t->opts, t->step), .ids = choose(t)};
    memset(n->grads, 0, n->n_params * sizeof *n->grads);
    out->loss = learn(t, t->chosen, t->opts.batch);
    if (t->replay) out->divergence = keep_near(t, t->replayed, t->replayed_hidden, t->opts.batch);
    out->gradient_norm = gradient_norm(n);
    out->skipped = !isfinite(out->gradient_norm) || !isfinite(out->loss);
    if (!out->skipped) move(t, out->lr, out->gradient_norm);
    t->bad = out->skipped ? t->bad + 1 : 0;
    out->step = ++t->step;
    if (t->bad < BAD_STEPS) return 0;
    return pl_fail(err, PL_E_NUMERIC_ERROR, "lr", "the gradient was not finite %d steps in a row", BAD_STEPS);
}

bool pl_trainer_done(const struct pl_trainer *t)
{
    return t->step >= t->opts.steps;
}

uint32_t pl_trainer_steps_done(const struct pl_trainer *t)
{
    return t->step;
}

int pl_trainer_evaluate(struct pl_trainer *t, const struct pl_dataset *d, double *loss, struct pl_err *err)
{
    double sum = 0, total = 0;
    if (d->longest > t->opts.max_rows)
        return pl_fail(err, PL_E_TOO_LARGE, "valid", "an example has %u ids, more than %u", d->longest,
                       t->opts.max_rows);
    for (uint32_t i = 0; i < d->count; i++) {
        const struct pl_example *one = &d->examples[i];
        struct packed p = pack(t, &one, 1);
        pl__net_forward(t->net, &p.rows, 0, false);
        uint32_t n = find_targets(t, &one, &p, 1);
        pl__loss_logprobs(t->net, t->targets, n, t->logp);
        for (uint32_t k = 0; k < n; k++) {
            sum -= (double)t->targets[k].c * t->logp[k];
            total += t->targets[k].c;
        }
    }
    *loss = total > 0 ? sum / total : 0;
    return 0;
}

/* --- making one --- */

static int settle_opts(struct pl_trainer *t, const struct pl_adapter *from, struct pl_err *err)
{
    struct pl_train_opts *o = &t->opts;
    uint32_t longest = t->data->longest;
    if (t->replay && t->replay->longest > longest) longest = t->replay->longest;
    if (!o->threads) o->threads = pl__usable_cpus();
    if (!o->max_rows) o->max_rows = longest > ROWS_DEFAULT ? longest : ROWS_DEFAULT;
    if (o->max_rows < longest)
        return pl_fail(err, PL_E_INVALID, "max_rows", "an example has %u ids, more than %u", longest,
                       o->max_rows);
    if (o->batch < 1 || o->batch > 4096)
        return pl_fail(err, PL_E_INVALID, "batch", "a batch is 1 to 4096 examples");
    if (o->steps < 1) return pl_fail(err, PL_E_INVALID, "steps", "there is at least one step");
    if (!(o->lr > 0 && o->lr <= 1)) return pl_fail(err, PL_E_INVALID, "lr", "the learning rate is in (0, 1]");
    if (!(o->decay >= 0 && o->decay <= 1))
        return pl_fail(err, PL_E_INVALID, "decay", "weight decay is in [0, 1]");
    if (!(o->clip >= 0)) return pl_fail(err, PL_E_INVALID, "clip", "the greatest norm is not negative");
    if (!(o->replay_weight >= 0 && o->replay_weight <= 1000))
        return pl_fail(err, PL_E_INVALID, "replay_weight", "the weight of the replay is in [0, 1000]");
    if (!from) return 0;
    o->rank = from->rank;
    o->alpha = from->alpha;
    o->rslora = from->rslora;
    o->modules = from->modules;
    return 0;
}

static bool allocate(struct pl_trainer *t)
{
    const struct pl_train_opts *o = &t->opts;
    size_t d = pl_model_info(t->net->m)->n_embd;
    t->ids = calloc(o->max_rows, sizeof *t->ids);
    t->segment = calloc((size_t)o->max_rows + 1, sizeof *t->segment);
    t->targets = calloc(o->max_rows, sizeof *t->targets);
    t->rows = calloc(o->max_rows, sizeof *t->rows);
    t->logp = calloc(o->max_rows, sizeof *t->logp);
    t->chosen = calloc(o->batch, sizeof *t->chosen);
    t->replayed = calloc(o->batch, sizeof *t->replayed);
    t->replayed_hidden = calloc(o->batch, sizeof *t->replayed_hidden);
    t->order.order = calloc(t->data->count, sizeof *t->order.order);
    t->replay_order.order = calloc(t->replay ? t->replay->count : 1, sizeof *t->order.order);
    t->m = pl__mem_alloc(t->net->n_params * sizeof *t->m);
    t->v = pl__mem_alloc(t->net->n_params * sizeof *t->v);
    t->hidden = t->replay ? pl__mem_alloc(o->max_rows * d * sizeof *t->hidden) : NULL;
    t->hidden_at = calloc(t->replay ? t->replay->count : 1, sizeof *t->hidden_at);
    t->base_hidden = t->replay ? pl__mem_alloc((t->replay->n_learnt + 1) * d * sizeof *t->base_hidden) : NULL;
    bool replay = !t->replay || (t->hidden && t->base_hidden);
    return t->ids && t->segment && t->targets && t->rows && t->logp && t->chosen && t->replayed &&
           t->replayed_hidden && t->order.order && t->replay_order.order && t->m && t->v && t->hidden_at &&
           replay;
}

/* What the base makes of the replay: the rows that go into its head, one by one. */
static void remember_base(struct pl_trainer *t)
{
    size_t at = 0, d = pl_model_info(t->net->m)->n_embd;
    for (uint32_t i = 0; t->replay && i < t->replay->count; i++) {
        const struct pl_example *one = &t->replay->examples[i];
        struct packed p = pack(t, &one, 1);
        pl__net_forward(t->net, &p.rows, 0, false);
        uint32_t n = target_rows(t, find_targets(t, &one, &p, 1));
        t->hidden_at[i] = at;
        pl__loss_hidden(t->net, t->rows, n, t->base_hidden + at);
        at += n * d;
    }
}

/* Values of FROM into the net, or back. */
static void copy_pairs(const struct pl__net *n, struct pl_adapter *a, bool out)
{
    for (uint32_t l = 0; l < a->n_layers; l++)
        for (uint32_t k = 0; k < PL_N_MODULES; k++) {
            const struct pl_lora_pair *p = &a->pairs[l * PL_N_MODULES + k];
            const struct pl__module *m = &n->modules[k];
            if (!m->on) continue;
            float *from = n->params + l * n->layer_params;
            size_t a_bytes = (size_t)p->rank * p->cols * sizeof *from,
                   b_bytes = (size_t)p->rank * p->rows * sizeof *from;
            if (out) {
                memcpy((float *)(uintptr_t)p->a, from + m->a, a_bytes);
                memcpy((float *)(uintptr_t)p->b, from + m->b, b_bytes);
            } else {
                memcpy(from + m->a, p->a, a_bytes);
                memcpy(from + m->b, p->b, b_bytes);
            }
        }
}

/* Pairs of one rank and scale, the same modules in every layer: what a net has. */
static int check_from(const struct pl__net *n, const struct pl_adapter *a, struct pl_err *err)
{
    for (uint32_t i = 0; i < a->n_layers * PL_N_MODULES; i++) {
        bool on = n->modules[i % PL_N_MODULES].on;
        const struct pl_lora_pair *p = &a->pairs[i];
        if (on != (p->rank > 0) || (on && (p->rank != n->opts.rank || p->scale != n->scale)))
            return pl_fail(err, PL_E_UNSUPPORTED, "from",
                           "an adapter with other ranks or modules in some layers cannot be continued");
    }
    return 0;
}

int pl_trainer_create(const struct pl_model *model, const struct pl_train_opts *o,
                      const struct pl_dataset *data, const struct pl_dataset *replay,
                      const struct pl_adapter *from, struct pl_trainer **out, struct pl_err *err)
{
    struct pl_trainer *t = calloc(1, sizeof *t);
    if (!t) return pl_fail(err, PL_E_NO_MEMORY, "trainer", "no memory for a trainer");
    *t = (struct pl_trainer){.opts = *o, .data = data, .replay = replay, .beta1_power = 1, .beta2_power = 1};
    int rc = settle_opts(t, from, err);
    struct pl__net_opts n = {.threads = t->opts.threads, .max_rows = t->opts.max_rows, .rank = t->opts.rank};
    n.modules = t->opts.modules;
    n.alpha = t->opts.alpha;
    n.dropout = t->opts.dropout;
    n.rslora = t->opts.rslora;
    n.seed = t->opts.seed;
    n.recompute = t->opts.recompute;
    if (!rc) rc = pl__net_create(model, &n, &t->net, err);
    if (!rc && !allocate(t)) rc = pl_fail(err, PL_E_NO_MEMORY, "trainer", "no memory for a trainer");
    if (!rc) remember_base(t); /* a fresh net is the base: B is zero */
    if (!rc && from) rc = check_from(t->net, from, err);
    if (!rc && from) copy_pairs(t->net, (struct pl_adapter *)(uintptr_t)from, false);
    if (!rc) rc = pl__trainer_identity(t, from);
    if (rc) pl_trainer_destroy(&t);
    *out = t;
    return rc;
}

void pl_trainer_destroy(struct pl_trainer **trainer)
{
    struct pl_trainer *t = *trainer;
    if (!t) return;
    pl__net_destroy(&t->net);
    pl__mem_free(t->m);
    pl__mem_free(t->v);
    pl__mem_free(t->hidden);
    pl__mem_free(t->base_hidden);
    void *all[] = {t->ids,
                   t->segment,
                   t->targets,
                   t->rows,
                   t->logp,
                   (void *)t->chosen,
                   (void *)t->replayed,
                   (void *)t->replayed_hidden,
                   t->order.order,
                   t->replay_order.order,
                   t->hidden_at};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) free(all[i]);
    free(t);
    *trainer = NULL;
}

int pl_trainer_adapter(const struct pl_trainer *t, struct pl_adapter **out, struct pl_err *err)
{
    const struct pl_train_opts *o = &t->opts;
    int rc = pl_adapter_create(pl_model_info(t->net->m), o->rank, o->alpha, o->rslora, o->modules, out, err);
    if (!rc) copy_pairs(t->net, *out, true);
    return rc;
}
