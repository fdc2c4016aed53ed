/* batcher.c - the actor that decides what the executor runs: continuous batching, one step at a time.
 *
 * It answers each gen.submit with gen.tokens, one for each step in which the generation drew an id, and
 * exactly one gen.done, after which nothing is sent for that generation. The next step is chosen when the
 * mailbox is empty and no step is under way, so that what arrives together runs together. What a generation
 * draws depends on its own ids and sampling alone (the engine's promise), so pre-emption, the prefix cache
 * and the loss of the executor never change a text: its generation goes on from the ids that it has.
 *
 * It refuses: prompts that fill the context (context_length_exceeded), more than max_seqs + queue generations
 * at once (overloaded), ids outside the vocabulary (invalid). A generation whose step was refused twice, or
 * whose executor died under it again and again, ends with an error, so that it cannot stop the others for
 * ever. */
#include "actors/batcher.h"

#include <stdio.h>
#include <string.h>

/* LOST_MOST is below the restarts that supervisors allow (10), so that a deadly prompt ends before the node
 * does. */
enum { REFUSED_MOST = 2, LOST_MOST = 8, EARLY_MOST = 64, HELLO_AGAIN_MS = 1000, PREFILL_CHUNK = 256 };
enum timer_kind { TIMER_DEADLINE = 1, TIMER_HELLO };

struct counts {
    struct pl_gauge *running, *waiting, *usage, *pages, *pages_used;
    struct pl_counter *prompt, *cached, *generated, *decode_steps, *preemptions;
    struct pl_histogram *decode_batch, *step_seconds, *first_seconds, *queue_seconds, *token_seconds;
};

/* A cancellation goes by the system lane and may overtake its submit. */
struct early {
    char client[65];
    uint64_t gen;
};

struct batcher {
    const struct pl_batcher_opts *o;
    struct pl_schedule s;
    uint64_t incarnation;   /* of the executor, when s.pages */
    uint64_t step, sent_ms; /* of the newest step */
    bool in_flight;
    bool no_memory;                 /* a message could not be made: the handler fails */
    struct early early[EARLY_MOST]; /* a ring of the last cancellations of what is not here */
    uint32_t n_early;
    uint64_t timer, timer_ms; /* for the earliest deadline; 0: none */
    struct counts counts;
};

static const char executor[] = "executor", session[] = "session";

/* Metrics. */

static void create_counts(struct counts *c, struct pl_metrics *m)
{
    static const double batch[] = {1, 2, 4, 8, 11, 12, 16, 24, 32, 64};
    static const double seconds[] = {.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60};
    const size_t n = sizeof seconds / sizeof *seconds;
    c->running = pl_metrics_gauge(m, "parlance_requests_running", "Generations with a slot.", NULL);
    c->waiting = pl_metrics_gauge(m, "parlance_requests_waiting", "Generations without a slot.", NULL);
    c->usage = pl_metrics_gauge(m, "parlance_kv_cache_usage_ratio", "Share of the KV pages in use.", NULL);
    c->pages = pl_metrics_gauge(m, "parlance_kv_cache_pages", "KV pages of the executor.", NULL);
    c->pages_used =
        pl_metrics_gauge(m, "parlance_kv_cache_pages_used", "Of these, pages of running generations.", NULL);
    c->prompt = pl_metrics_counter(m, "parlance_prompt_tokens_total", "Prompt tokens taken.", NULL);
    c->cached =
        pl_metrics_counter(m, "parlance_cached_tokens_total", "Prompt tokens found in the KV cache.", NULL);
    c->generated = pl_metrics_counter(m, "parlance_generation_tokens_total", "Tokens drawn.", NULL);
    c->decode_steps = pl_metrics_counter(m, "parlance_decode_steps_total", "Steps with decode rows.", NULL);
    c->preemptions =
        pl_metrics_counter(m, "parlance_preemptions_total", "Generations that lost their pages.", NULL);
    c->decode_batch =
        pl_metrics_histogram(m, "parlance_decode_batch_size", "Decode rows of a step that has any.", NULL,
                             batch, sizeof batch / sizeof *batch);
    c->step_seconds = pl_metrics_histogram(m, "parlance_step_duration_seconds",
                                           "From a step's sending to its answer.", NULL, seconds, n);
    c->first_seconds = pl_metrics_histogram(m, "parlance_time_to_first_token_seconds",
                                            "From the submission to the first token.", NULL, seconds, n);
    c->queue_seconds = pl_metrics_histogram(m, "parlance_request_queue_seconds",
                                            "From the submission to the first step.", NULL, seconds, n);
    c->token_seconds = pl_metrics_histogram(m, "parlance_time_between_tokens_seconds",
                                            "From one token of a generation to its next.", NULL, seconds, n);
}

static void update_gauges(struct batcher *b)
{
    const struct pl_pages *p = b->s.pages;
    pl_gauge_set(b->counts.running, b->s.running.count);
    pl_gauge_set(b->counts.waiting, b->s.waiting.count);
    pl_gauge_set(b->counts.usage, p ? 1.0 - (double)pl_pages_available(p) / pl_pages_total(p) : 0);
    pl_gauge_set(b->counts.pages, p ? pl_pages_total(p) : 0);
    pl_gauge_set(b->counts.pages_used, p ? pl_pages_total(p) - pl_pages_available(p) : 0);
    pl_counter_add(b->counts.prompt, b->s.prompt_tokens);
    pl_counter_add(b->counts.cached, b->s.cached_tokens);
    pl_counter_add(b->counts.preemptions, b->s.preempted);
    b->s.prompt_tokens = b->s.cached_tokens = b->s.preempted = 0;
}

/* Answers. */

static void send_done(struct pl_actor *self, struct batcher *b, const char *client, const char *trace,
                      const struct pl_gen_done *done, const char *text)
{
    PL_NEW(m, d, gen_done);
    b->no_memory |= !m;
    if (!m) return;
    d->gen = done->gen;
    d->reason = done->reason;
    d->code = done->code;
    d->cached_tokens = done->cached_tokens;
    d->has_text = text != NULL;
    d->text = pl_msg_str(m, pl_str_of(text));
    m->env.trace = pl_msg_str(m, pl_str_of(trace));
    pl_send_to(self, client, &m);
}

static bool is_running(const struct batcher *b, const struct pl_gen *g)
{
    return b->s.slots[g->slot] == g;
}

static void end_prefill(struct pl_actor *self, struct pl_gen *g, int code)
{
    const struct pl_attribute tokens[] = {{.key = "prompt_tokens", .number = g->n_prompt},
                                          {.key = "cached_tokens", .number = g->cached_tokens}};
    pl_span_end(self, &g->prefill, code, tokens, 2);
}

/* Whichever of its spans is open. */
static void end_spans(struct pl_actor *self, struct pl_gen *g, int code)
{
    const struct pl_attribute tokens = {.key = "tokens", .number = g->n_ids - g->n_prompt};
    end_prefill(self, g, code);
    pl_span_end(self, &g->decode, code, &tokens, 1);
}

/* Takes G out without a word. */
static void forget(struct batcher *b, struct pl_gen *g, bool keep_pages)
{
    if (is_running(b, g))
        pl__schedule_release(&b->s, g, keep_pages);
    else
        pl__gens_remove(&b->s.waiting, g);
    pl__gen_destroy(&g);
}

static void end(struct pl_actor *self, struct batcher *b, struct pl_gen *g, enum pl_gen_done_reason reason)
{
    uint32_t code = reason == PL_GEN_DONE_REASON_CANCELLED  ? PL_E_CANCELLED
                    : reason == PL_GEN_DONE_REASON_DEADLINE ? PL_E_DEADLINE_EXCEEDED
                                                            : 0;
    struct pl_gen_done d = {.gen = g->gen, .reason = reason, .code = code, .cached_tokens = g->cached_tokens};
    end_spans(self, g, (int)code);
    send_done(self, b, g->client, g->trace, &d, NULL);
    forget(b, g, true);
}

static void end_failed(struct pl_actor *self, struct batcher *b, struct pl_gen *g, uint32_t code,
                       const char *text)
{
    struct pl_gen_done d = {
        .gen = g->gen, .reason = PL_GEN_DONE_REASON_ERROR, .code = code, .cached_tokens = g->cached_tokens};
    end_spans(self, g, (int)code);
    send_done(self, b, g->client, g->trace, &d, text ? text : pl_error_text((int)code));
    forget(b, g, false);
}

static void refuse(struct pl_actor *self, struct batcher *b, const struct pl_msg *m, int code,
                   const char *text)
{
    const struct pl_gen_submit *s = m->body;
    char client[65] = {0};
    memcpy(client, m->env.from.ptr, m->env.from.len);
    struct pl_gen_done d = {.gen = s->gen, .reason = PL_GEN_DONE_REASON_ERROR, .code = (uint32_t)code};
    send_done(self, b, client, "", &d, text ? text : pl_error_text(code));
}

static void send_token(struct pl_actor *self, struct batcher *b, const struct pl_gen *g, uint64_t logits_hash)
{
    PL_NEW(m, t, gen_tokens);
    uint32_t *id = m ? pl_msg_alloc(m, sizeof *id) : NULL;
    uint64_t *hash = m ? pl_msg_alloc(m, sizeof *hash) : NULL;
    b->no_memory |= !id || !hash;
    if (!id || !hash) {
        pl_msg_unref(&m);
        return;
    }
    *id = g->ids[g->n_ids - 1];
    *hash = logits_hash;
    t->gen = g->gen;
    t->first = g->n_ids - 1 - g->n_prompt;
    t->ids = id;
    t->ids_count = 1;
    t->has_logits_hashes = logits_hash != 0;
    t->logits_hashes = hash;
    t->logits_hashes_count = logits_hash != 0;
    m->env.trace = pl_msg_str(m, pl_str_of(g->trace));
    pl_send_to(self, g->client, &m);
}

/* The executor's comings and goings. */

/* A step of nothing, to which an executor answers with exec.ready. */
static void hello(struct pl_actor *self, struct batcher *b)
{
    PL_NEW(m, step, exec_step);
    b->no_memory |= !m;
    if (!m) return;
    step->step = 0;
    step->incarnation = 0;
    pl_send_to(self, executor, &m);
}

/* True when G may be what broke the step under way: only positions that were never run before can. */
static bool is_suspect(const struct pl_gen *g)
{
    return g->rows && g->n_ran + g->rows > g->n_proven;
}

static void executor_lost(struct pl_actor *self, struct batcher *b)
{
    for (struct pl_gen *g = b->s.running.first, *next; g; g = next) {
        next = g->next;
        if (is_suspect(g) && ++g->lost >= LOST_MOST)
            end_failed(self, b, g, PL_E_UNAVAILABLE,
                       "the executor was lost again and again under this generation");
    }
    b->in_flight = false;
    pl__schedule_lost(&b->s);
}

static int on_ready(struct pl_actor *self, struct batcher *b, const struct pl_exec_ready *r)
{
    if (b->s.pages && b->incarnation == r->incarnation) return 0;
    if (b->s.pages) executor_lost(self, b);
    if (r->slots < 1 || r->max_rows < 1 || r->pages < pl_pages_for(b->o->ctx_size)) {
        pl_log(self, PL_LOG_ERROR, "executor_too_small", "slots=%u rows=%u pages=%u context=%u", r->slots,
               r->max_rows, r->pages, b->o->ctx_size);
        return -PL_E_INVALID;
    }
    b->incarnation = r->incarnation;
    pl_log(self, PL_LOG_INFO, "executor_ready", "slots=%u rows=%u pages=%u waiting=%u", r->slots, r->max_rows,
           r->pages, b->s.waiting.count);
    return pl__schedule_ready(&b->s, r, b->o->max_seqs);
}

/* The executor refused the step as a whole, which is a bug of ours or of one generation: begin again with an
 * empty executor; who is refused again ends. */
static void on_refused(struct pl_actor *self, struct batcher *b, const struct pl_exec_stepped *st)
{
    pl_log(self, PL_LOG_ERROR, "step_refused", "code=%s text=%.*s", pl_error_name((int)st->code),
           PL_STR_FMT(st->text));
    for (struct pl_gen *g = b->s.running.first, *next; g; g = next) {
        next = g->next;
        /* `gone`: the step was meant for an earlier executor; that is nobody's fault. */
        if (is_suspect(g) && st->code != PL_E_GONE && ++g->refused >= REFUSED_MOST)
            end_failed(self, b, g, st->code, NULL);
    }
    pl__schedule_lost(&b->s);
    hello(self, b);
}

static void on_step_undelivered(struct pl_actor *self, struct batcher *b, const struct pl_sys_undelivered *u)
{
    if (u->token != 0 && (!b->in_flight || u->token != b->step)) return;
    if (u->token != 0) executor_lost(self, b);
    /* One that is down or starting says exec.ready by itself; one that was only busy must be asked. */
    if (u->code == PL_E_OVERLOADED && !b->s.pages) pl_timer_start(self, HELLO_AGAIN_MS, TIMER_HELLO, 0);
}

/* Steps. */

/* The prompt has run: its first token was drawn. */
static void begin_decode(struct pl_actor *self, struct pl_gen *g)
{
    end_prefill(self, g, 0);
    pl_span_begin(self, &g->decode, "batcher.decode", pl_str_of(g->trace), false);
}

static void take_id(struct pl_actor *self, struct batcher *b, struct pl_gen *g,
                    const struct pl_exec_result *r)
{
    uint64_t now_ms = pl_now_ms(self);
    bool first = g->n_ids == g->n_prompt;
    pl_histogram_observe(first ? b->counts.first_seconds : b->counts.token_seconds,
                         (double)(now_ms - (first ? g->submitted_ms : g->token_ms)) / 1000);
    g->token_ms = now_ms;
    if (first) begin_decode(self, g);
    g->ids[g->n_ids++] = r->id;
    g->decoding = true;
    pl_counter_add(b->counts.generated, 1);
    send_token(self, b, g, r->logits_hash);
    if (pl_vocab_is_end(b->o->vocab, r->id))
        end(self, b, g, PL_GEN_DONE_REASON_STOP);
    else if (g->n_ids == g->n_most)
        end(self, b, g, PL_GEN_DONE_REASON_LENGTH);
}

static void take_rows(struct pl_actor *self, struct batcher *b, struct pl_gen *g,
                      const struct pl_exec_result *r)
{
    bool draws = g->draws;
    if (r && r->code) {
        pl_log(self, PL_LOG_WARN, "generation_failed", "code=%s gen=%llu", pl_error_name((int)r->code),
               (unsigned long long)g->gen);
        end_failed(self, b, g, r->code, NULL);
        return;
    }
    g->n_ran += g->rows;
    if (g->n_ran > g->n_proven) {
        g->n_proven = g->n_ran;
        g->refused = g->lost = 0;
    }
    g->rows = 0;
    g->draws = false;
    pl_pages_file(b->s.pages, &g->table, g->ids, g->n_ran);
    if (!draws) return;
    if (r)
        take_id(self, b, g, r);
    else
        end_failed(self, b, g, PL_E_INTERNAL, "the executor drew no id");
}

static void on_stepped(struct pl_actor *self, struct batcher *b, const struct pl_exec_stepped *st)
{
    if (!b->in_flight || st->step != b->step) return;
    b->in_flight = false;
    if (st->code) {
        on_refused(self, b, st);
        return;
    }
    pl_histogram_observe(b->counts.step_seconds, (double)(pl_now_ms(self) - b->sent_ms) / 1000);
    for (uint32_t i = 0; i < st->results_count; i++) {
        const struct pl_exec_result *r = &st->results[i];
        struct pl_gen *g = r->slot < b->s.n_slots ? b->s.slots[r->slot] : NULL;
        if (g) g->result = r;
    }
    for (struct pl_gen *g = b->s.running.first, *next; g; g = next) {
        const struct pl_exec_result *r = g->result;
        next = g->next;
        g->result = NULL;
        if (g->rows) take_rows(self, b, g, r);
    }
    if (b->s.prefill_rows) pl_kill_point(self, "prefill");
    if (b->s.decode_rows) pl_kill_point(self, "decode");
}

/* Those that are in a step for the first time have waited until now. */
static void note_first_steps(struct pl_actor *self, struct batcher *b)
{
    for (struct pl_gen *g = b->s.running.first; g; g = g->next) {
        if (!g->rows || g->began_ms) continue;
        g->began_ms = b->sent_ms;
        pl_span_begin(self, &g->prefill, "batcher.prefill", pl_str_of(g->trace), false);
        pl_histogram_observe(b->counts.queue_seconds, (double)(g->began_ms - g->submitted_ms) / 1000);
    }
}

static int send_step(struct pl_actor *self, struct batcher *b)
{
    if (pl__schedule_plan(&b->s) == 0) return 0;
    PL_NEW(m, step, exec_step);
    if (!m) return -PL_E_NO_MEMORY;
    int rc = pl__schedule_write(&b->s, m, step);
    if (rc) {
        pl_msg_unref(&m);
        return rc;
    }
    step->step = ++b->step;
    step->incarnation = b->incarnation;
    b->in_flight = true;
    b->sent_ms = pl_now_ms(self);
    note_first_steps(self, b);
    if (b->s.decode_rows) {
        pl_counter_add(b->counts.decode_steps, 1);
        pl_histogram_observe(b->counts.decode_batch, b->s.decode_rows);
    }
    pl_send_to(self, executor, &m);
    return 0;
}

/* The clients. */

static struct pl_gen *find(const struct batcher *b, struct pl_str client, uint64_t gen)
{
    struct pl_gen *g = pl__gens_find(&b->s.running, client, gen);
    return g ? g : pl__gens_find(&b->s.waiting, client, gen);
}

/* True once for a generation whose cancellation came first. */
static bool was_cancelled_early(struct batcher *b, struct pl_str client, uint64_t gen)
{
    for (uint32_t i = 0; i < EARLY_MOST; i++) {
        struct early *e = &b->early[i];
        if (e->gen != gen || !e->client[0] || !pl_str_is(client, e->client)) continue;
        e->client[0] = 0;
        return true;
    }
    return false;
}

static void remember_early(struct batcher *b, struct pl_str client, uint64_t gen)
{
    struct early *e = &b->early[b->n_early++ % EARLY_MOST];
    *e = (struct early){.gen = gen};
    if (client.len < sizeof e->client) memcpy(e->client, client.ptr, client.len);
}

static int check_submit(const struct batcher *b, const struct pl_gen_submit *s, struct pl_err *err)
{
    int rc = pl_gen_submit_type.validate(s, err);
    if (rc) return rc;
    if (s->ids_count == 0) return pl_fail(err, PL_E_INVALID, "ids", "the prompt is empty");
    if (s->ids_count >= b->o->ctx_size)
        return pl_fail(err, PL_E_CONTEXT_LENGTH_EXCEEDED, "ids", "%u prompt tokens, the context has %u",
                       s->ids_count, b->o->ctx_size);
    uint32_t size = pl_vocab_size(b->o->vocab);
    for (uint32_t i = 0; i < s->ids_count; i++)
        if (s->ids[i] >= size)
            return pl_fail(err, PL_E_INVALID, "ids", "id %u is not in the vocabulary", s->ids[i]);
    if (b->s.running.count + b->s.waiting.count >= b->o->max_seqs + b->o->queue)
        return pl_fail(err, PL_E_OVERLOADED, NULL, "%s", pl_error_text(PL_E_OVERLOADED));
    return 0;
}

static int on_submit(struct pl_actor *self, struct batcher *b, const struct pl_msg *m)
{
    const struct pl_gen_submit *s = m->body;
    struct pl_err err = {0};
    struct pl_gen *g = find(b, m->env.from, s->gen);
    if (m->env.from.len >= sizeof g->client) return 0; /* no name that a node gives */
    /* A number that is used again comes from a client that began anew: nobody waits for the old one. */
    if (g) forget(b, g, true);
    if (was_cancelled_early(b, m->env.from, s->gen)) {
        struct pl_gen_done d = {
            .gen = s->gen, .reason = PL_GEN_DONE_REASON_CANCELLED, .code = PL_E_CANCELLED};
        char client[65] = {0};
        memcpy(client, m->env.from.ptr, m->env.from.len);
        send_done(self, b, client, "", &d, NULL);
        return 0;
    }
    if (check_submit(b, s, &err)) {
        refuse(self, b, m, err.code, err.text);
        return 0;
    }
    g = pl__gen_create(s, b->o->ctx_size);
    if (!g) {
        refuse(self, b, m, PL_E_NO_MEMORY, NULL);
        return 0;
    }
    memcpy(g->client, m->env.from.ptr, m->env.from.len);
    g->submitted_ms = pl_now_ms(self);
    g->deadline_ms = m->deadline_ms;
    snprintf(g->trace, sizeof g->trace, "%.*s", PL_STR_FMT(m->env.trace));
    pl__gens_push(&b->s.waiting, g);
    pl_kill_point(self, "queued");
    return 0;
}

static void on_cancel(struct pl_actor *self, struct batcher *b, const struct pl_msg *m)
{
    const struct pl_gen_cancel *c = m->body;
    struct pl_gen *g = find(b, m->env.from, c->gen);
    if (g)
        end(self, b, g, PL_GEN_DONE_REASON_CANCELLED);
    else
        remember_early(b, m->env.from, c->gen);
}

/* The client's mailbox was full, or it is gone. What is lost of a text cannot be made good, so it ends; the
 * system lane takes the word about it. */
static void on_answer_undelivered(struct pl_actor *self, struct batcher *b,
                                  const struct pl_sys_undelivered *u)
{
    struct pl_gen *g = find(b, u->to, u->token);
    bool is_done = pl_str_is(u->type, pl_gen_done_type.name);
    if (g) end_spans(self, g, (int)u->code);
    if (g) forget(b, g, true);
    if ((!g && !is_done) || u->code != PL_E_OVERLOADED || u->to.len > 64) return;
    PL_NEW(m, d, gen_done);
    b->no_memory |= !m;
    if (!m) return;
    char client[65] = {0};
    memcpy(client, u->to.ptr, u->to.len);
    d->gen = u->token;
    d->reason = PL_GEN_DONE_REASON_ERROR;
    d->code = PL_E_OVERLOADED;
    pl_send_system(self, client, &m);
}

static void forget_client(struct pl_gen_list *l, struct batcher *b, struct pl_str client)
{
    for (uint32_t i = 0; i < EARLY_MOST; i++)
        if (pl_str_is(client, b->early[i].client)) b->early[i].client[0] = 0;
    for (struct pl_gen *g = l->first, *next; g; g = next) {
        next = g->next;
        if (pl_str_is(client, g->client)) forget(b, g, true);
    }
}

static void on_down(struct pl_actor *self, struct batcher *b, const struct pl_sys_down *d)
{
    if (pl_str_is(d->actor, executor)) {
        executor_lost(self, b);
        return;
    }
    forget_client(&b->s.waiting, b, d->actor);
    forget_client(&b->s.running, b, d->actor);
}

static void on_undelivered(struct pl_actor *self, struct batcher *b, const struct pl_sys_undelivered *u)
{
    if (pl_str_is(u->type, pl_exec_step_type.name))
        on_step_undelivered(self, b, u);
    else
        on_answer_undelivered(self, b, u);
}

/* Deadlines. */

/* Ends what is late in L and returns the earliest deadline that is left. */
static uint64_t expire(struct pl_actor *self, struct batcher *b, const struct pl_gen_list *l)
{
    uint64_t now = pl_now_ms(self), earliest = PL_NO_DEADLINE;
    for (struct pl_gen *g = l->first, *next; g; g = next) {
        next = g->next;
        if (g->deadline_ms <= now)
            end(self, b, g, PL_GEN_DONE_REASON_DEADLINE);
        else if (g->deadline_ms < earliest)
            earliest = g->deadline_ms;
    }
    return earliest;
}

static void watch_deadlines(struct pl_actor *self, struct batcher *b)
{
    uint64_t waiting = expire(self, b, &b->s.waiting), running = expire(self, b, &b->s.running);
    uint64_t earliest = waiting < running ? waiting : running;
    if (b->timer && b->timer_ms == earliest) return;
    if (b->timer) pl_timer_cancel(self, b->timer);
    b->timer =
        earliest == PL_NO_DEADLINE ? 0 : pl_timer_start(self, earliest - pl_now_ms(self), TIMER_DEADLINE, 0);
    b->timer_ms = earliest;
}

static void on_timer(struct pl_actor *self, struct batcher *b, const struct pl_sys_timer *t)
{
    if (t->kind == TIMER_DEADLINE)
        b->timer = 0;
    else if (!b->s.pages)
        hello(self, b);
}

/* Handlers. */

static int start(struct pl_actor *self, void *state, const void *arg)
{
    struct batcher *b = state;
    b->o = arg;
    b->s.prefill_chunk = b->o->prefill_chunk ? b->o->prefill_chunk : PREFILL_CHUNK;
    /* Not from 0: an answer to a step of an earlier start of this actor must not pass for one of its own. */
    b->step = pl_random_u64(self) >> 16;
    create_counts(&b->counts, pl_actor_metrics(self));
    pl_monitor(self, executor);
    pl_monitor(self, session);
    return 0;
}

static int receive(struct pl_actor *self, void *state, const struct pl_msg *m)
{
    struct batcher *b = state;
    int rc = 0;
    if (m->type == &pl_exec_stepped_type)
        on_stepped(self, b, m->body);
    else if (m->type == &pl_gen_submit_type)
        rc = on_submit(self, b, m);
    else if (m->type == &pl_gen_cancel_type)
        on_cancel(self, b, m);
    else if (m->type == &pl_gen_flush_type && b->s.pages)
        pl_pages_forget(b->s.pages);
    else if (m->type == &pl_exec_ready_type)
        rc = on_ready(self, b, m->body);
    else if (m->type == &pl_sys_timer_type)
        on_timer(self, b, m->body);
    else if (m->type == &pl_sys_undelivered_type)
        on_undelivered(self, b, m->body);
    else if (m->type == &pl_sys_down_type)
        on_down(self, b, m->body);
    else if (m->type == &pl_sys_up_type) {
        if (!b->s.pages && pl_str_is(((struct pl_sys_up *)m->body)->actor, executor)) hello(self, b);
    } else
        rc = PL_UNHANDLED;
    return b->no_memory ? -PL_E_NO_MEMORY : rc;
}

static int batch_end(struct pl_actor *self, void *state)
{
    struct batcher *b = state;
    int rc = 0;
    watch_deadlines(self, b);
    if (b->s.pages && !b->in_flight) rc = send_step(self, b);
    update_gauges(b);
    return rc ? rc : b->no_memory ? -PL_E_NO_MEMORY : 0;
}

static void stop(struct pl_actor *self, void *state)
{
    struct batcher *b = state;
    if (b->s.pages) pl__schedule_lost(&b->s);
    while (b->s.waiting.first) forget(b, b->s.waiting.first, false);
}

const struct pl_actor_class pl_batcher_class = {.name = "batcher",
                                                .state_bytes = sizeof(struct batcher),
                                                .start = start,
                                                .receive = receive,
                                                .batch_end = batch_end,
                                                .stop = stop,
                                                .mailbox_limit = 4096,
                                                .restart = PL_RESTART_DEFAULT};
