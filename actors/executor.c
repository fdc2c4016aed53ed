/* executor.c - the actor that runs the model: one exec.step in, one exec.stepped out.
 *
 * Its handler is one step of the engine and blocks for as long as that takes, and its start reads the whole
 * model: the one exception to the rule that handlers never block. That is why it lives in a process of its
 * own. It holds no more than the engine does; who runs and where their pages are is the batcher's knowledge.
 * Each start is another incarnation, with empty pages, and steps meant for another are refused with `gone`. A
 * step of incarnation 0 is a question: exec.ready is the answer. A sequence that cannot be opened or sampled
 * fails alone. */
#include "actors/actors.h"
#include "schemas/gen/generate.h"
#include "schemas/gen/runtime.h"

struct executor {
    const struct pl_executor_opts *o;
    struct pl_model *model;
    struct pl_engine *engine;
    uint64_t incarnation;
};

/* What a step needs while it runs; the memory is the answer's. */
struct work {
    struct pl_step step;
    struct pl_sampled *sampled;
    uint32_t n_sampled;
};

static int send_ready(struct pl_actor *self, struct executor *x)
{
    PL_NEW(m, r, exec_ready);
    if (!m) return -PL_E_NO_MEMORY;
    r->slots = x->o->max_seqs;
    r->pages = x->o->n_pages;
    r->max_rows = x->o->max_rows;
    r->model_digest = pl_msg_str(m, pl_str_of(pl_model_info(x->model)->digest));
    r->incarnation = x->incarnation;
    pl_send_to(self, "batcher", &m);
    return 0;
}

static int open_model(struct executor *x, struct pl_err *err)
{
    const struct pl_executor_opts *o = x->o;
    struct pl_engine_opts e = {.threads = o->threads,
                               .n_slots = o->max_seqs,
                               .n_pages = o->n_pages,
                               .max_rows = o->max_rows,
                               .logits_hash = o->logits_hash};
    int rc = o->model_path ? pl_model_open(o->model_path, o->isa, &x->model, err)
                           : pl_model_open_hash(&x->model, err);
    return rc ? rc : pl_engine_create(x->model, &e, &x->engine, err);
}

static int start(struct pl_actor *self, void *state, const void *arg)
{
    struct executor *x = state;
    struct pl_err err = {0};
    x->o = arg;
    int rc = open_model(x, &err);
    if (rc) {
        pl_log(self, PL_LOG_ERROR, "model_failed", "code=%s field=%s text=%s", pl_error_name(err.code),
               err.field, err.text);
        return rc;
    }
    /* Drawn, because this actor may start anew in the process that was given one number. */
    x->incarnation = (x->o->incarnation ^ pl_random_u64(self)) | 1;
    pl_log(self, PL_LOG_INFO, "model_ready", "threads=%u kv_bytes=%llu model=%s",
           pl_engine_threads(x->engine), (unsigned long long)pl_engine_kv_bytes(x->engine),
           pl_model_info(x->model)->name);
    return send_ready(self, x);
}

static struct pl_sampling sampling_of(const struct pl_exec_open *o)
{
    return (struct pl_sampling){.temperature = (float)o->temperature,
                                .top_p = (float)o->top_p,
                                .min_p = (float)o->min_p,
                                .repetition_penalty = (float)o->repetition_penalty,
                                .presence_penalty = (float)o->presence_penalty,
                                .frequency_penalty = (float)o->frequency_penalty,
                                .top_k = o->top_k,
                                .seed = o->seed};
}

static void add_result(struct pl_exec_stepped *answer, uint32_t slot, uint32_t id, int rc,
                       uint64_t logits_hash)
{
    struct pl_exec_result *r = &answer->results[answer->results_count++];
    *r = (struct pl_exec_result){.slot = slot, .id = id, .code = (uint32_t)-rc, .logits_hash = logits_hash};
}

/* Closes and opens slots. A slot that cannot be opened is closed and gives a result of its own. */
static void change_slots(struct pl_actor *self, struct executor *x, const struct pl_exec_step *s,
                         struct pl_exec_stepped *answer)
{
    for (uint32_t i = 0; i < s->closes_count; i++) pl_engine_close(x->engine, s->closes[i]);
    for (uint32_t i = 0; i < s->opens_count; i++) {
        const struct pl_exec_open *o = &s->opens[i];
        struct pl_sampling sampling = sampling_of(o);
        struct pl_err err = {0};
        int rc = pl_engine_open(x->engine, o->slot, o->ids, o->ids_count, o->n_prompt, &sampling, &err);
        if (!rc) continue;
        pl_log(self, PL_LOG_WARN, "open_failed", "slot=%u field=%s text=%s", o->slot, err.field, err.text);
        pl_engine_close(x->engine, o->slot);
        add_result(answer, o->slot, 0, rc, 0);
    }
}

static bool has_failed(const struct pl_exec_stepped *answer, uint32_t slot)
{
    for (uint32_t i = 0; i < answer->results_count; i++)
        if (answer->results[i].slot == slot) return true;
    return false;
}

/* The engine's form of a step, without the sequences that failed to open. */
static bool lay_out(struct work *w, struct pl_msg *m, const struct pl_exec_step *s,
                    const struct pl_exec_stepped *answer)
{
    struct pl_step_seq *seqs = pl_msg_alloc(m, (s->seqs_count + 1) * sizeof *seqs);
    struct pl_page_copy *copies = pl_msg_alloc(m, (s->copies_count + 1) * sizeof *copies);
    w->sampled = pl_msg_alloc(m, (s->seqs_count + 1) * sizeof *w->sampled);
    if (!seqs || !copies || !w->sampled) return false;
    for (uint32_t i = 0; i < s->copies_count; i++)
        copies[i] = (struct pl_page_copy){s->copies[i].src, s->copies[i].dst};
    w->step = (struct pl_step){.copies = copies, .n_copies = s->copies_count, .seqs = seqs};
    for (uint32_t i = 0; i < s->seqs_count; i++) {
        const struct pl_exec_seq *q = &s->seqs[i];
        if (has_failed(answer, q->slot)) continue;
        seqs[w->step.n_seqs++] = (struct pl_step_seq){.slot = q->slot,
                                                      .from = q->from,
                                                      .count = q->count,
                                                      .sample = q->sample,
                                                      .forced_id = PL_NO_FORCE,
                                                      .pages = q->pages,
                                                      .n_pages = q->pages_count};
    }
    return true;
}

static int run_step(struct pl_actor *self, struct executor *x, const struct pl_exec_step *s, struct pl_msg *m,
                    struct pl_exec_stepped *answer, struct pl_err *err)
{
    struct work w = {0};
    if (s->incarnation != x->incarnation)
        return pl_fail(err, PL_E_GONE, "incarnation", "the step was meant for another start of the executor");
    answer->results = pl_msg_alloc(m, (s->seqs_count + s->opens_count + 1) * sizeof *answer->results);
    if (!answer->results) return pl_fail(err, PL_E_NO_MEMORY, NULL, "no memory for the results of a step");
    change_slots(self, x, s, answer);
    if (!lay_out(&w, m, s, answer)) return pl_fail(err, PL_E_NO_MEMORY, NULL, "no memory for a step");
    int rc = pl_engine_step(x->engine, &w.step, w.sampled, &w.n_sampled, err);
    for (uint32_t i = 0; i < w.n_sampled && !rc; i++) {
        const struct pl_sampled *d = &w.sampled[i];
        add_result(answer, d->slot, d->id, d->status, d->logits_hash);
    }
    return rc;
}

static int on_step(struct pl_actor *self, struct executor *x, const struct pl_msg *request)
{
    const struct pl_exec_step *s = request->body;
    struct pl_err err = {0};
    if (s->incarnation == 0 && s->seqs_count == 0) return send_ready(self, x);
    PL_NEW(m, answer, exec_stepped);
    if (!m) return -PL_E_NO_MEMORY;
    answer->step = s->step;
    int rc = run_step(self, x, s, m, answer, &err);
    if (rc) {
        answer->results_count = 0;
        answer->code = (uint32_t)-rc;
        answer->text = pl_msg_str(m, pl_str_of(err.text));
        answer->has_text = answer->text.len > 0;
    }
    pl_reply(self, request, &m);
    return 0;
}

static int receive(struct pl_actor *self, void *state, const struct pl_msg *m)
{
    return m->type == &pl_exec_step_type ? on_step(self, state, m) : PL_UNHANDLED;
}

static void stop(struct pl_actor *self, void *state)
{
    struct executor *x = state;
    pl_engine_destroy(&x->engine);
    pl_model_close(&x->model);
}

/* One step is under way at a time; the room is for the questions of a batcher that starts anew. */
const struct pl_actor_class pl_executor_class = {.name = "executor",
                                                 .state_bytes = sizeof(struct executor),
                                                 .start = start,
                                                 .receive = receive,
                                                 .stop = stop,
                                                 .mailbox_limit = 64,
                                                 .restart = PL_RESTART_DEFAULT,
                                                 .may_block = true};
