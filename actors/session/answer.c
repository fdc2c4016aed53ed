/* answer.c - from a prompt to a stored turn: rounds in the batcher, tool calls between them, the commit. */
#include "actors/session/session.h"

#include <stdio.h>
#include <stdlib.h>

enum { DELTA_BYTES_MAX = 262144 }; /* schemas/chat.json, text of chat.delta */

static const char HINT[] = "Now answer in one sentence.";

/* --- rounds --- */

void pl__answer_leave_batcher(struct session *s, struct request *r)
{
    if (r->gen) pl_map_remove(&s->gens, &r->gen, sizeof r->gen);
    r->gen = 0;
}

static int fill_submit(const struct session *s, struct pl_msg *m, struct pl_gen_submit *g, struct request *r)
{
    const struct pl_chat_request *q = r->asked->body;
    const struct pl_rec_request *record = r->record->body;
    size_t n = r->prompt.count + r->after.count;
    g->ids = pl_msg_alloc(m, n * sizeof *g->ids);
    if (!g->ids) return -PL_E_NO_MEMORY;
    memcpy(g->ids, r->prompt.ids, r->prompt.count * sizeof *g->ids);
    if (r->after.count) memcpy(g->ids + r->prompt.count, r->after.ids, r->after.count * sizeof *g->ids);
    g->ids_count = (uint32_t)n;
    g->gen = r->gen;
    g->drawn = r->sampled - (uint32_t)r->round_ids.count;
    g->max_tokens = q->max_tokens - g->drawn;
    g->temperature = q->temperature;
    g->top_p = q->top_p;
    g->top_k = q->top_k;
    g->min_p = q->min_p;
    g->repetition_penalty = q->repetition_penalty;
    g->presence_penalty = q->presence_penalty;
    g->frequency_penalty = q->frequency_penalty;
    g->seed = record->seed;
    g->owner = pl_key_owner(s->opts->row_key, record->tenant);
    return 0;
}

/* Gives the round's prompt to the batcher. Used again when the batcher lost it: ids that come twice are
 * skipped. */
int pl__answer_resubmit(struct pl_actor *self, struct session *s, struct request *r)
{
    pl__answer_leave_batcher(s, r);
    r->gen = ++s->next_gen;
    if (pl_map_put(&s->gens, &r->gen, sizeof r->gen, r)) return -PL_E_NO_MEMORY;
    PL_NEW(m, g, gen_submit);
    if (!m || fill_submit(s, m, g, r)) {
        pl_msg_unref(&m);
        return -PL_E_NO_MEMORY;
    }
    char number[24];
    snprintf(number, sizeof number, "%llu", (unsigned long long)r->gen);
    m->env.has_correlation = true;
    m->env.correlation = pl_msg_str(m, pl_str_of(number));
    m->deadline_ms = r->deadline_ms;
    r->state = REQ_GENERATING;
    m->env.trace = pl_msg_str(m, r->asked->env.trace);
    pl_span_end(self, &r->queue_span, 0, NULL, 0);
    pl_send_to(self, "batcher", &m);
    return 0;
}

static int begin_round(struct pl_actor *self, struct session *s, struct request *r)
{
    const struct pl_chat_request *q = r->asked->body;
    struct pl_round_opts o = {.model = s->opts->model,
                              .stop = q->stop,
                              .stop_count = q->has_stop ? q->stop_count : 0,
                              .tools = q->tools,
                              .tools_count = q->has_tools ? q->tools_count : 0,
                              .repeats = r->repeats,
                              .repeats_count = r->n_repeats};
    if (r->round_open) pl_round_finish(&r->round);
    r->round_open = true;
    r->round_ids.count = 0;
    int rc = pl_round_init(&r->round, &o);
    if (rc) return rc;
    if (r->sampled >= q->max_tokens || r->prompt.count + r->after.count >= s->opts->ctx_size) {
        r->finish = PL_CHAT_DONE_FINISH_REASON_LENGTH;
        return pl__answer_commit(self, s, r, true);
    }
    return pl__answer_resubmit(self, s, r);
}

int pl__answer_begin(struct pl_actor *self, struct session *s, struct request *r)
{
    struct pl_rec_turn *t = r->answer->body;
    struct pl_err err = {0};
    int rc = t->messages_count
                 ? 0
                 : pl__dialogue_messages(r->answer, r->asked->body, &t->messages, &t->messages_count);
    if (!rc) rc = pl__dialogue_prompt(s, r->dialogue, r, &r->prompt, &r->tail, &err);
    if (rc == -PL_E_NO_MEMORY) return rc;
    if (rc) {
        pl_log(self, PL_LOG_WARN, "no_prompt", "id=%.*s text=%s", PL_STR_FMT(r->id), err.text);
        r->finish = PL_CHAT_DONE_FINISH_REASON_ERROR;
        r->error = -rc;
        return pl__answer_commit(self, s, r, false);
    }
    r->usage.prompt_tokens = (uint32_t)r->prompt.count;
    return begin_round(self, s, r);
}

/* --- tokens --- */

static int emit(struct pl_actor *self, struct request *r, enum pl_chat_delta_kind kind, struct pl_buf *piece,
                struct pl_buf *all)
{
    if (piece->len == 0) return 0;
    int rc = pl_buf_write(all, piece->data, piece->len);
    if (!rc)
        rc = pl__request_delta(self, r, kind,
                               (struct pl_str){(const char *)piece->data, (uint32_t)piece->len});
    pl_buf_clear(piece);
    return rc;
}

static int emit_pieces(struct pl_actor *self, struct request *r)
{
    int rc = emit(self, r, PL_CHAT_DELTA_KIND_REASONING, &r->round.reasoning, &r->reasoning);
    return rc ? rc : emit(self, r, PL_CHAT_DELTA_KIND_ANSWER, &r->round.answer, &r->text);
}

static int keep_hash(struct request *r, uint64_t hash)
{
    if (r->n_hashes == r->hashes_capacity) {
        uint32_t capacity = r->hashes_capacity ? r->hashes_capacity * 2 : 64;
        uint64_t *grown = realloc(r->hashes, capacity * sizeof *grown);
        if (!grown) return -PL_E_NO_MEMORY;
        r->hashes = grown;
        r->hashes_capacity = capacity;
    }
    r->hashes[r->n_hashes++] = hash;
    return 0;
}

static int cancel_round(struct pl_actor *self, uint64_t gen)
{
    PL_NEW(m, c, gen_cancel);
    if (!m) return -PL_E_NO_MEMORY;
    c->gen = gen;
    pl_send_system(self, "batcher", &m);
    return 0;
}

static int take_id(struct pl_actor *self, struct session *s, struct request *r, uint32_t id)
{
    int rc = pl_ids_push(&r->round_ids, id);
    r->sampled++;
    if (!rc) rc = pl_round_id(&r->round, id);
    if (!rc) rc = emit_pieces(self, r);
    if (!rc && r->round.stopped) rc = cancel_round(self, r->gen);
    return rc;
}

int pl__answer_tokens(struct pl_actor *self, struct session *s, const struct pl_gen_tokens *t)
{
    struct request *r = pl_map_get(&s->gens, &t->gen, sizeof t->gen);
    if (!r) return cancel_round(self, t->gen); /* of an earlier life: the batcher may forget it */
    int rc = 0;
    for (uint32_t i = 0; i < t->ids_count && !rc && !r->round.stopped; i++) {
        if (t->first + i != r->round_ids.count) continue;
        rc = take_id(self, s, r, t->ids[i]);
        if (!rc && t->has_logits_hashes && i < t->logits_hashes_count) rc = keep_hash(r, t->logits_hashes[i]);
    }
    return rc;
}

/* --- between rounds --- */

static struct pl_chat_message message(const char *role, struct pl_str content)
{
    return (struct pl_chat_message){role, content.ptr ? content.ptr : "", content.len};
}

/* Appends the results of the last calls, what is asked with them when HINT is no NULL, and the opening of the
 * next reply. */
static int add_results(struct session *s, struct request *r, const struct pl_str *hint)
{
    struct pl_chat_message messages[PL_TOOL_CALLS_MAX + 1];
    struct pl_err err = {0};
    uint32_t n = 0;
    for (uint32_t i = r->call_tool; i < r->n_tools; i++) messages[n++] = message("tool", r->tools[i].result);
    if (hint) messages[n++] = message("user", *hint);
    return pl_template_continue(s->opts->model->chat_template, r->ended_before_results, messages, n,
                                &r->after, &err);
}

/* A call that says again what was called or what came of it is no new one. Asked once more, the model may
 * have its way with a result (a chain of calls of one tool), not with the same call. */
static bool call_is_new(const struct request *r, const struct pl_found_call *c)
{
    for (uint32_t i = 0; i < r->n_tools; i++) {
        if (!pl_str_eq(r->tools[i].tool, c->name)) continue;
        if (pl_str_eq(r->tools[i].arguments, c->arguments)) return false;
        if (!r->hinted && pl_round_call_holds_only(c, r->tools[i].result)) return false;
    }
    return true;
}

static uint32_t new_calls(const struct request *r)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < r->round.calls.calls_count; i++) n += call_is_new(r, &r->round.calls.calls[i]);
    return n;
}

static bool is_offered(const struct request *r, struct pl_str tool)
{
    const struct pl_chat_request *q = r->asked->body;
    for (uint32_t i = 0; q->has_tools && i < q->tools_count; i++)
        if (pl_str_eq(q->tools[i], tool)) return true;
    return false;
}

static int send_call(struct pl_actor *self, struct session *s, struct request *r, uint64_t call,
                     const struct pl_tool_record *t)
{
    PL_NEW(m, c, tool_call);
    if (!m || pl_map_put(&s->calls, &call, sizeof call, r)) {
        pl_msg_unref(&m);
        return -PL_E_NO_MEMORY;
    }
    char number[24];
    snprintf(number, sizeof number, "%llu", (unsigned long long)call);
    m->env.has_correlation = true;
    m->env.correlation = pl_msg_str(m, pl_str_of(number));
    m->deadline_ms = r->deadline_ms;
    c->call = call;
    c->tool = pl_msg_str(m, t->tool);
    c->arguments = pl_msg_str(m, t->arguments);
    m->env.trace = pl_msg_str(m, r->asked->env.trace);
    pl_send_to(self, "tools", &m);
    return 0;
}

static int calls_over(struct pl_actor *self, struct session *s, struct request *r);

/* The same call of an earlier life, whose result is on disk: T gets it and is not called again. */
static bool remembered(const struct request *r, uint32_t index, struct pl_tool_record *t)
{
    const struct pl_rec_request *record = r->record->body;
    if (!record->has_tools || index >= record->tools_count) return false;
    const struct pl_tool_record *was = &record->tools[index];
    if (!pl_str_eq(was->tool, t->tool) || !pl_str_eq(was->arguments, t->arguments)) return false;
    t->result = was->result;
    t->code = was->code;
    return true;
}

/* A model may name any tool; only those that the request offers are run. */
static int call_tools(struct pl_actor *self, struct session *s, struct request *r)
{
    const struct pl_tool_stream *found = &r->round.calls;
    r->state = REQ_CALLING;
    r->calls_done = 0;
    r->call = s->next_call;
    r->call_tool = r->n_tools;
    s->next_call += found->calls_count;
    for (uint32_t i = 0; i < found->calls_count; i++) {
        struct pl_tool_record *t = &r->tools[r->n_tools++];
        pl_tool_record_type.init(t);
        t->tool = pl_msg_str(r->answer, found->calls[i].name);
        t->arguments = pl_msg_str(r->answer, found->calls[i].arguments);
        if (r->answer->lacking) return -PL_E_NO_MEMORY; /* it would be another call */
        if (remembered(r, r->n_tools - 1, t)) {
            r->calls_done++;
        } else if (is_offered(r, t->tool)) {
            int rc = send_call(self, s, r, r->call + i, t);
            if (rc) return rc;
        } else {
            t->result = PL_STR("There is no tool of this name.");
            t->code = pl_str_of(pl_error_name(PL_E_NOT_FOUND));
            r->calls_done++;
        }
    }
    pl_kill_point(self, "tool");
    return calls_over(self, s, r);
}

/* The model said nothing of its own after a tool's result: what it said is taken out of the prompt, because
 * a small model goes on repeating what it reads there, and it is asked once more. */
static int ask_once_more(struct pl_actor *self, struct session *s, struct request *r)
{
    struct pl_str hint = pl_str_of(s->opts->tool_hint && *s->opts->tool_hint ? s->opts->tool_hint : HINT);
    r->hinted = true;
    r->after.count = r->before_results;
    int rc = add_results(s, r, &hint);
    return rc ? rc : begin_round(self, s, r);
}

static int end_answer(struct pl_actor *self, struct session *s, struct request *r)
{
    int rc = pl_ids_append(&r->stored, r->round_ids.ids, r->round_ids.count);
    if (!rc) rc = emit(self, r, PL_CHAT_DELTA_KIND_ANSWER, &r->round.rest, &r->text);
    return rc ? rc : pl__answer_commit(self, s, r, true);
}

static enum pl_chat_done_finish_reason finish_of(const struct request *r, const struct pl_gen_done *d)
{
    if (r->round.stopped) return PL_CHAT_DONE_FINISH_REASON_STOP;
    if (r->cancelled) return r->finish;
    switch (d->reason) {
    case PL_GEN_DONE_REASON_STOP:
        return PL_CHAT_DONE_FINISH_REASON_STOP;
    case PL_GEN_DONE_REASON_LENGTH:
        return PL_CHAT_DONE_FINISH_REASON_LENGTH;
    case PL_GEN_DONE_REASON_CANCELLED:
        return PL_CHAT_DONE_FINISH_REASON_CANCELLED;
    case PL_GEN_DONE_REASON_DEADLINE:
        return PL_CHAT_DONE_FINISH_REASON_DEADLINE;
    case PL_GEN_DONE_REASON_ERROR:
        break;
    }
    return PL_CHAT_DONE_FINISH_REASON_ERROR;
}

int pl__answer_round_done(struct pl_actor *self, struct session *s, const struct pl_gen_done *d)
{
    struct request *r = pl_map_get(&s->gens, &d->gen, sizeof d->gen);
    if (!r) return 0;
    pl__answer_leave_batcher(s, r);
    bool passing = d->code == PL_E_OVERLOADED || d->code == PL_E_UNAVAILABLE || d->code == PL_E_GONE ||
                   d->code == PL_E_NOT_FOUND || d->code == PL_E_NO_MEMORY;
    if (d->reason == PL_GEN_DONE_REASON_ERROR && passing && !r->cancelled) {
        pl_timer_start(self, PL_SESSION_RETRY_MS, PL_SESSION_TIMER_RESUBMIT, r->number);
        return 0;
    }
    if (r->rounds == 0 && !r->hinted) r->usage.cached_tokens = d->cached_tokens;
    r->finish = finish_of(r, d);
    if (r->finish == PL_CHAT_DONE_FINISH_REASON_ERROR) r->error = d->code ? (int)d->code : PL_E_INTERNAL;
    r->ended = r->round_ids.count &&
               pl_vocab_is_end(s->opts->model->vocab, r->round_ids.ids[r->round_ids.count - 1]);
    int rc = pl_round_end(&r->round);
    if (!rc) rc = emit_pieces(self, r);
    if (rc) return rc;
    if (r->finish != PL_CHAT_DONE_FINISH_REASON_STOP || r->round.o.tools_count == 0)
        return end_answer(self, s, r);
    uint32_t fresh = new_calls(r);
    if (fresh && r->rounds < PL_TOOL_ROUNDS_MAX) {
        rc = emit(self, r, PL_CHAT_DELTA_KIND_ANSWER, &r->round.rest, &r->text);
        return rc ? rc : call_tools(self, s, r);
    }
    if (r->rounds && !r->hinted && !r->round.emitted &&
        (r->round.calls.calls_count || pl_round_only_repeats(&r->round)))
        return ask_once_more(self, s, r);
    return end_answer(self, s, r);
}

static int all_results(struct pl_actor *self, struct session *s, struct request *r)
{
    size_t before = r->after.count;
    for (uint32_t i = r->call_tool; i < r->n_tools; i++) r->repeats[r->n_repeats++] = r->tools[i].result;
    int rc = pl_ids_append(&r->after, r->round_ids.ids, r->round_ids.count);
    r->before_results = r->after.count;
    r->ended_before_results = r->ended;
    if (!rc) rc = add_results(s, r, NULL);
    if (!rc) rc = pl_ids_append(&r->stored, r->after.ids + before, r->after.count - before);
    r->rounds++;
    r->ended = false;
    return rc ? rc : begin_round(self, s, r);
}

static int tool_delta(struct pl_actor *self, struct request *r, const struct pl_tool_record *t)
{
    struct pl_buf json = {0};
    pl_tool_record_type.print(t, &json);
    if (json.len > DELTA_BYTES_MAX) { /* escapes can make it many times longer: say only what was called */
        struct pl_tool_record brief = {.tool = t->tool, .code = t->code};
        pl_buf_clear(&json);
        pl_tool_record_type.print(&brief, &json);
    }
    int rc = json.failed ? -PL_E_NO_MEMORY
                         : pl__request_delta(self, r, PL_CHAT_DELTA_KIND_TOOL,
                                             (struct pl_str){(const char *)json.data, (uint32_t)json.len});
    pl_buf_finish(&json);
    return rc;
}

static int add_put(struct pl_msg *m, struct pl_store_write *w, const struct request *r, const char *family,
                   struct pl_bin key, const struct pl_type *type, const void *record)
{
    struct pl_buf buf = {0};
    int rc = type->encode(record, &buf);
    struct pl_store_op *op = &w->ops[w->ops_count++];
    *op = (struct pl_store_op){
        .op = PL_STORE_OP_OP_PUT, .family = pl_str_of(family), .key = key, .has_value = true};
    if (!rc) op->value = pl_msg_bin(m, buf.data, buf.len);
    pl_buf_finish(&buf);
    if (r) pl__request_own(m, r, op); /* else nobody's */
    return rc ? rc : op->key.ptr && op->value.ptr ? 0 : -PL_E_NO_MEMORY;
}

static int go_on(struct pl_actor *self, struct session *s, struct request *r)
{
    int rc = 0;
    if (r->cancelled) return pl__answer_commit(self, s, r, true);
    for (uint32_t i = r->call_tool; i < r->n_tools && !rc; i++) rc = tool_delta(self, r, &r->tools[i]);
    return rc ? rc : all_results(self, s, r);
}

static int journaled(struct pl_actor *self, struct session *s, struct store_op *op,
                     const struct pl_msg *reply, int code)
{
    struct request *r = op->request;
    if (reply) return go_on(self, s, r);
    pl_log(self, PL_LOG_ERROR, "journal_waits", "id=%.*s code=%s", PL_STR_FMT(r->id), pl_error_name(code));
    pl_timer_start(self, PL_SESSION_RETRY_MS, PL_SESSION_TIMER_JOURNAL, r->number);
    return 0;
}

int pl__answer_journal(struct pl_actor *self, struct session *s, struct request *r)
{
    struct pl_rec_request record = *(struct pl_rec_request *)r->record->body;
    PL_NEW(m, w, store_write);
    if (!m) return -PL_E_NO_MEMORY;
    record.has_tools = true;
    record.tools = r->tools;
    record.tools_count = r->n_tools;
    r->state = REQ_JOURNALING;
    w->ops = pl_msg_alloc(m, sizeof *w->ops);
    int rc = w->ops ? add_put(m, w, r, PL_FAMILY_REQUESTS, pl_msg_bin(m, r->key.ptr, r->key.len),
                              &pl_rec_request_type, &record)
                    : -PL_E_NO_MEMORY;
    if (rc) {
        pl_msg_unref(&m);
        return rc;
    }
    return pl__session_store(self, s, &m, &(struct store_op){.done = journaled, .request = r});
}

/* Goes on once each call of the round has its result; what is on disk already need not be written again. */
static int calls_over(struct pl_actor *self, struct session *s, struct request *r)
{
    const struct pl_rec_request *record = r->record->body;
    if (r->calls_done < r->n_tools - r->call_tool) return 0;
    if (pl__request_lacks(r)) return -PL_E_NO_MEMORY;
    bool known = record->has_tools && record->tools_count >= r->n_tools;
    return known ? go_on(self, s, r) : pl__answer_journal(self, s, r);
}

int pl__answer_tool_result(struct pl_actor *self, struct session *s, uint64_t call, int code,
                           struct pl_str content)
{
    struct request *r = pl_map_remove(&s->calls, &call, sizeof call);
    if (!r || r->state != REQ_CALLING) return 0;
    struct pl_tool_record *t = &r->tools[r->call_tool + (uint32_t)(call - r->call)];
    t->result = pl_msg_str(r->answer, content);
    t->code = code ? pl_str_of(pl_error_name(code)) : PL_STR("ok");
    r->calls_done++;
    return calls_over(self, s, r);
}

/* --- the commit --- */

static struct pl_str buf_str(const struct pl_buf *b)
{
    return (struct pl_str){(const char *)b->data, (uint32_t)b->len};
}

static void fill_done(struct session *s, struct request *r, struct pl_chat_done *d)
{
    const struct pl_rec_request *record = r->record->body;
    pl_chat_done_type.init(d);
    d->text = buf_str(&r->text);
    d->has_reasoning = r->reasoning.len > 0;
    d->reasoning = buf_str(&r->reasoning);
    d->turn = record->turn;
    d->session = record->session;
    d->finish_reason = r->finish;
    d->usage = r->usage;
    d->model_digest = pl_str_of(s->opts->model->model_digest);
    d->template_digest = pl_str_of(pl_template_digest(s->opts->model->chat_template));
    d->dropped_turns = r->dropped;
    d->has_tools = r->n_tools > 0;
    d->tools = r->tools;
    d->tools_count = r->n_tools;
    d->seed = record->seed;
    d->has_error = r->finish == PL_CHAT_DONE_FINISH_REASON_ERROR;
    if (d->has_error) d->error = pl_str_of(pl_error_name(r->error));
}

static struct pl_str last_user_text(const struct pl_rec_turn *t)
{
    for (uint32_t i = t->messages_count; i > 0; i--)
        if (t->messages[i - 1].role == PL_CHAT_MESSAGE_PART_ROLE_USER) return t->messages[i - 1].content;
    return (struct pl_str){NULL, 0};
}

/* The turn's record borrows the request's buffers until the commit is done; then it is copied for the
 * dialogue. */
static void fill_turn(struct session *s, struct request *r, const struct pl_chat_done *d, uint32_t number,
                      uint64_t wall_ms)
{
    const struct pl_chat_request *q = r->asked->body;
    const struct pl_rec_request *record = r->record->body;
    struct pl_rec_turn *t = r->answer->body;
    t->turn = record->turn;
    t->id = r->id;
    t->session = record->session;
    t->user = record->user;
    t->tenant = r->tenant;
    t->prompt = last_user_text(t);
    t->text = d->text;
    t->has_reasoning = d->has_reasoning;
    t->reasoning = d->reasoning;
    t->finish_reason = pl_str_of(pl_chat_done_finish_reason_name(d->finish_reason));
    t->number = number;
    t->created_ms = wall_ms;
    t->has_tool_names = q->has_tools;
    t->tool_names = q->tools;
    t->tool_names_count = q->tools_count;
    t->has_tools = d->has_tools;
    t->tools = d->tools;
    t->tools_count = d->tools_count;
    t->prompt_ids = r->prompt.ids + r->tail;
    t->prompt_ids_count = (uint32_t)(r->prompt.count - r->tail);
    t->answer_ids = r->stored.ids;
    t->answer_ids_count = (uint32_t)r->stored.count;
    /* What the next prompt must close is what is stored, not what was fed. */
    t->ended = r->stored.count && pl_vocab_is_end(s->opts->model->vocab, r->stored.ids[r->stored.count - 1]);
    t->usage = d->usage;
    t->temperature = q->temperature;
    t->top_p = q->top_p;
    t->top_k = q->top_k;
    t->min_p = q->min_p;
    t->repetition_penalty = q->repetition_penalty;
    t->presence_penalty = q->presence_penalty;
    t->frequency_penalty = q->frequency_penalty;
    t->seed = record->seed;
    t->max_tokens = q->max_tokens;
    t->dropped_turns = r->dropped;
    t->model_digest = d->model_digest;
    t->template_digest = d->template_digest;
    t->has_logits_hashes = r->n_hashes > 0;
    t->logits_hashes = r->hashes;
    t->logits_hashes_count = r->n_hashes;
}

static int add_turn(struct pl_actor *self, struct session *s, struct request *r, const struct pl_chat_done *d,
                    struct pl_msg *m, struct pl_store_write *w)
{
    struct pl_rec_session head = *(struct pl_rec_session *)r->dialogue->head->body;
    uint64_t wall = pl_wall_ms(self);
    fill_turn(s, r, d, head.turns, wall);
    struct pl_bin key = pl_key_join(m, (struct pl_str[]){head.tenant, r->dialogue->hidden}, 2, head.turns, 4);
    int rc = add_put(m, w, r, PL_FAMILY_TURNS, key, &pl_rec_turn_type, r->answer->body);
    struct pl_store_op *op = &w->ops[w->ops_count++];
    struct pl_bin name = pl_msg_bin(m, d->turn.ptr, d->turn.len);
    *op = (struct pl_store_op){.op = PL_STORE_OP_OP_PUT,
                               .family = PL_STR(PL_FAMILY_TURN_NAMES),
                               .key = name,
                               .has_value = true,
                               .value = key};
    pl__request_own(m, r, op);
    head.turns++;
    head.first_kept = r->dropped;
    head.updated_ms = wall;
    struct pl_bin head_key = pl_msg_bin(m, r->dialogue->key.ptr, r->dialogue->key.len);
    if (!rc) rc = add_put(m, w, r, PL_FAMILY_SESSIONS, head_key, &pl_rec_session_type, &head);
    w->ops[w->ops_count - 1].has_also = false; /* it is the owner's alone */
    return rc;
}

static int add_answer(struct request *r, const struct pl_chat_done *d, struct pl_msg *m,
                      struct pl_store_write *w)
{
    struct pl_rec_request record = *(struct pl_rec_request *)r->record->body;
    struct pl_buf done = {0};
    int rc = pl_chat_done_type.encode(d, &done);
    record.state = PL_REC_REQUEST_STATE_DONE;
    record.has_tools = false;
    record.has_done = true;
    record.done = (struct pl_bin){done.data, (uint32_t)done.len};
    record.has_deltas = true;
    record.deltas = r->deltas;
    record.deltas_count = r->n_deltas;
    if (!rc)
        rc = add_put(m, w, r, PL_FAMILY_REQUESTS, pl_msg_bin(m, r->key.ptr, r->key.len), &pl_rec_request_type,
                     &record);
    struct pl_store_op *op = &w->ops[w->ops_count++];
    *op = (struct pl_store_op){.op = PL_STORE_OP_OP_DELETE,
                               .family = PL_STR(PL_FAMILY_PENDING),
                               .key = pl_key_join(m, NULL, 0, record.accepted_seq, 8)};
    pl_buf_finish(&done);
    return rc;
}

/* The dialogue takes the turn in: memory follows the disk, never the other way round. */
static int turn_committed(struct request *r)
{
    struct dialogue *d = r->dialogue;
    struct pl_rec_session *head = d->head->body;
    uint32_t drop = r->dropped - head->first_kept;
    for (uint32_t i = 0; i < drop; i++) pl_msg_unref(&d->turns[i]);
    if (drop) memmove(d->turns, d->turns + drop, (d->n_turns - drop) * sizeof *d->turns);
    d->n_turns -= drop;
    head->first_kept = r->dropped;
    head->turns++;
    d->stored = true;
    struct pl_msg *turn = pl_msg_create(&pl_rec_turn_type);
    int rc = turn ? pl_rec_turn_type.copy(r->answer->body, &turn->arena, turn->body) : -PL_E_NO_MEMORY;
    if (!rc) rc = pl__dialogue_add_turn(d, &turn);
    pl_msg_unref(&turn);
    return rc;
}

static int committed(struct pl_actor *self, struct session *s, struct store_op *op,
                     const struct pl_msg *reply, int code)
{
    struct request *r = op->request;
    if (!reply) {
        /* The promise stands: keep the answer and try again. */
        pl_log(self, PL_LOG_ERROR, "commit_waits", "id=%.*s code=%s", PL_STR_FMT(r->id), pl_error_name(code));
        pl_timer_start(self, PL_SESSION_RETRY_MS, PL_SESSION_TIMER_COMMIT, r->number);
        return 0;
    }
    struct dialogue *d = r->dialogue;
    struct pl_chat_done done;
    fill_done(s, r, &done);
    int rc = r->as_turn ? turn_committed(r) : 0;
    if (!rc) rc = pl__request_done(self, s, r, &done);
    return rc ? rc : pl__dialogue_next(self, s, d);
}

/* The tokens of the day as they stand with this answer. */
static int add_usage(struct pl_actor *self, struct request *r, struct pl_msg *m, struct pl_store_write *w)
{
    struct pl_account *a = r->account;
    if (!a) return 0;
    if (!r->billed) pl__account_use(a, pl_wall_ms(self), r->usage.prompt_tokens + r->usage.completion_tokens);
    r->billed = true;
    if (!a->rule->quota) return 0;
    const struct pl_rec_tenant_day day = {.day = a->day, .tokens = a->tokens};
    return add_put(m, w, NULL, PL_FAMILY_META, pl__request_account_key(m, r), &pl_rec_tenant_day_type, &day);
}

/* After a restart the tokens may be unknown yet. */
static int account_read(struct pl_actor *self, struct session *s, struct store_op *op,
                        const struct pl_msg *reply, int code)
{
    struct request *r = op->request;
    if (!reply || pl__request_account_read(r, reply)) {
        pl_timer_start(self, PL_SESSION_RETRY_MS, PL_SESSION_TIMER_COMMIT, r->number);
        return 0;
    }
    return pl__answer_commit(self, s, r, r->as_turn);
}

int pl__answer_commit(struct pl_actor *self, struct session *s, struct request *r, bool with_turn)
{
    r->state = REQ_COMMITTING;
    r->as_turn = with_turn;
    if (pl__request_account_unread(r)) return pl__request_read_account(self, s, r, account_read);
    PL_NEW(m, w, store_write);
    if (!m) return -PL_E_NO_MEMORY;
    w->ops = pl_msg_alloc(m, 6 * sizeof *w->ops);
    struct pl_chat_done done;
    r->usage.completion_tokens = r->sampled;
    fill_done(s, r, &done);
    int rc = w->ops ? 0 : -PL_E_NO_MEMORY;
    if (!rc && with_turn) rc = add_turn(self, s, r, &done, m, w);
    if (!rc) rc = add_answer(r, &done, m, w);
    if (!rc) rc = add_usage(self, r, m, w);
    if (rc) {
        pl_msg_unref(&m);
        return rc;
    }
    return pl__session_store(self, s, &m, &(struct store_op){.done = committed, .request = r});
}
