/* request.c - a chat.request from its arrival to its promise, who listens to it, and how it ends. */
#include "actors/session/session.h"
#include "runtime/plant.h"

#include <stdio.h>
#include <stdlib.h>

/* --- subscribers --- */

static int send_delta(struct pl_actor *self, const struct subscriber *to, uint32_t seq,
                      const struct pl_stored_delta *delta)
{
    if (seq < to->from) return 0;
    PL_NEW(m, d, chat_delta);
    if (!m) return -PL_E_NO_MEMORY;
    d->seq = seq;
    d->kind = (enum pl_chat_delta_kind)delta->kind;
    d->text = pl_msg_str(m, delta->text);
    pl_reply(self, to->asked, &m);
    return 0;
}

static int send_accepted(struct pl_actor *self, struct session *s, const struct request *r,
                         const struct pl_msg *asked)
{
    const struct pl_rec_request *record = r->record->body;
    PL_NEW(m, a, chat_accepted);
    if (!m) return -PL_E_NO_MEMORY;
    a->session = pl_msg_str(m, record->session);
    a->seed = record->seed;
    a->credit = pl__session_credit(s, r->account);
    pl_reply(self, asked, &m);
    return 0;
}

/* Pieces that were said before go out at once, so there must be room for them beside what others are sent.
 * How many there is room for. */
static uint32_t room_for(struct pl_actor *self, const struct pl_msg *asked)
{
    struct pl_str to = asked->env.reply_to.len ? asked->env.reply_to : asked->env.from;
    uint32_t room = pl_room(self, to);
    return room > PL_SESSION_ROOM_KEPT ? room - PL_SESSION_ROOM_KEPT : 0;
}

static int refuse_busy(struct pl_actor *self, const struct pl_msg *asked)
{
    return pl__session_refuse(self, asked, PL_E_OVERLOADED, NULL, "too many answers are being sent again");
}

/* An answer of more pieces than there is room for comes in portions: as many as fit, and a refusal, after
 * which the rest is asked for. True when that was done. */
static bool in_portions(struct pl_actor *self, const struct pl_msg *asked, uint32_t from,
                        const struct pl_stored_delta *deltas, uint32_t n, int *rc)
{
    const struct subscriber to = {.asked = (struct pl_msg *)asked, .from = from};
    uint32_t room = room_for(self, asked);
    *rc = 0;
    if (from >= n ? room > 0 : n - from <= room) return false;
    for (uint32_t i = from; i < n && i - from < room && !*rc; i++) *rc = send_delta(self, &to, i, &deltas[i]);
    if (!*rc) *rc = refuse_busy(self, asked);
    return true;
}

/* A subscriber that joins gets what it missed at once. */
static int subscribe(struct pl_actor *self, struct session *s, struct request *r, const struct pl_msg *asked,
                     uint32_t from)
{
    int done;
    if (in_portions(self, asked, from, r->deltas, r->n_deltas, &done)) return done;
    struct subscriber **last = &r->subscribers;
    uint32_t n = 0;
    for (; *last; n++) last = &(*last)->next;
    if (n >= PL_SUBSCRIBERS_MAX)
        return pl__session_refuse(self, asked, PL_E_OVERLOADED, NULL, "too many wait for this answer");
    struct subscriber *sub = calloc(1, sizeof *sub);
    if (!sub) return -PL_E_NO_MEMORY;
    sub->asked = pl_msg_ref((struct pl_msg *)asked);
    sub->from = from;
    *last = sub;
    bool cancels = asked->type->id == PL_T_CHAT_CANCEL;
    int rc = r->state >= REQ_WAITING && !cancels ? send_accepted(self, s, r, asked) : 0;
    for (uint32_t i = 0; !rc && i < r->n_deltas; i++) rc = send_delta(self, sub, i, &r->deltas[i]);
    return rc;
}

int pl__request_delta(struct pl_actor *self, struct request *r, enum pl_chat_delta_kind kind,
                      struct pl_str text)
{
    if (r->n_deltas == r->deltas_capacity) {
        uint32_t capacity = r->deltas_capacity ? r->deltas_capacity * 2 : 64;
        struct pl_stored_delta *grown = realloc(r->deltas, capacity * sizeof *grown);
        if (!grown) return -PL_E_NO_MEMORY;
        r->deltas = grown;
        r->deltas_capacity = capacity;
    }
    struct pl_stored_delta *d = &r->deltas[r->n_deltas];
    pl_stored_delta_type.init(d);
    d->kind = (enum pl_stored_delta_kind)kind;
    d->text = pl_msg_str(r->answer, text);
    if (!d->text.ptr) return -PL_E_NO_MEMORY;
    uint32_t seq = r->n_deltas++;
    int rc = 0;
    for (struct subscriber *sub = r->subscribers; sub && !rc; sub = sub->next)
        rc = send_delta(self, sub, seq, d);
    return rc;
}

void pl__request_forget_subscribers(struct request *r)
{
    while (r->subscribers) {
        struct subscriber *sub = r->subscribers;
        r->subscribers = sub->next;
        pl_msg_unref(&sub->asked);
        free(sub);
    }
}

/* --- life and end --- */

void pl__request_free(struct pl_actor *self, struct session *s, struct request *r)
{
    struct dialogue *d = r->dialogue;
    if (self) pl_span_end(self, &r->queue_span, PL_E_CANCELLED, NULL, 0); /* NULL: the actor stops */
    if (d && r->in_line) {
        struct request **at = &d->first;
        while (*at && *at != r) at = &(*at)->next;
        if (*at) *at = r->next;
        d->last = NULL;
        for (struct request *q = d->first; q; q = q->next) d->last = q;
        s->unfinished--;
        if (r->account) pl__account_open(r->account, -1);
        pl_gauge_set(s->unfinished_gauge, s->unfinished);
    }
    if (d) d->users--;
    if (r->account) r->account->users--;
    if (self && r->deadline_timer) pl_timer_cancel(self, r->deadline_timer);
    pl__answer_leave_batcher(s, r);
    for (uint32_t i = r->call_tool; i < r->n_tools; i++) {
        uint64_t call = r->call + (i - r->call_tool);
        if (pl_map_get(&s->calls, &call, sizeof call) == r) pl_map_remove(&s->calls, &call, sizeof call);
    }
    pl_map_remove(&s->numbers, &r->number, sizeof r->number);
    pl_map_remove(&s->requests, r->key.ptr, r->key.len);
    pl__request_forget_subscribers(r);
    if (r->round_open) pl_round_finish(&r->round);
    pl_ids_finish(&r->prompt);
    pl_ids_finish(&r->after);
    pl_ids_finish(&r->stored);
    pl_ids_finish(&r->round_ids);
    pl_buf_finish(&r->text);
    pl_buf_finish(&r->reasoning);
    free(r->hashes);
    free(r->deltas);
    pl_msg_unref(&r->answer);
    pl_msg_unref(&r->asked);
    pl_msg_unref(&r->record);
    free(r);
}

void pl__request_refused(struct pl_actor *self, struct session *s, struct request *r,
                         const struct pl_err *err)
{
    for (struct subscriber *sub = r->subscribers; sub; sub = sub->next)
        pl__session_refuse_until(self, sub->asked, err, r->wait_ms);
    pl__request_free(self, s, r);
}

static int send_done(struct pl_actor *self, const struct pl_msg *asked, const struct pl_chat_done *done)
{
    PL_NEW(m, copy, chat_done);
    if (!m) return -PL_E_NO_MEMORY;
    int rc = pl_chat_done_type.copy(done, &m->arena, copy);
    if (rc) {
        pl_msg_unref(&m);
        return rc;
    }
    m->env.has_session = true;
    m->env.session = copy->session;
    pl_reply(self, asked, &m);
    return 0;
}

int pl__request_done(struct pl_actor *self, struct session *s, struct request *r,
                     const struct pl_chat_done *done)
{
    int rc = 0;
    for (struct subscriber *sub = r->subscribers; sub && !rc; sub = sub->next) {
        rc = send_done(self, sub->asked, done);
        if (PL_PLANTED(reply_after_cancel) && r->cancelled && r->n_deltas)
            send_delta(self, sub, 0, r->deltas);
    }
    pl_counter_add(s->finished_total[done->finish_reason], 1);
    pl__request_free(self, s, r);
    return rc;
}

/* --- from the store --- */

static int replay(struct pl_actor *self, struct session *s, const struct pl_msg *asked, uint32_t from,
                  const struct pl_rec_request *record)
{
    struct pl_arena arena = {0};
    struct pl_chat_done done;
    int part;
    if (in_portions(self, asked, from, record->deltas, record->has_deltas ? record->deltas_count : 0, &part))
        return part;
    pl_chat_done_type.init(&done);
    struct pl_cursor c = {record->done.ptr, record->done.ptr + record->done.len};
    int rc = record->has_done ? pl_chat_done_type.decode(&c, &arena, &done, NULL) : -PL_E_CORRUPT;
    if (rc) {
        pl_arena_finish(&arena);
        if (rc == -PL_E_NO_MEMORY) return rc;
        return pl__session_refuse(self, asked, PL_E_CORRUPT, "id", "the stored answer is damaged");
    }
    struct subscriber to = {.asked = (struct pl_msg *)asked, .from = from};
    for (uint32_t i = 0; !rc && record->has_deltas && i < record->deltas_count; i++)
        rc = send_delta(self, &to, i, &record->deltas[i]);
    if (!rc) rc = send_done(self, asked, &done);
    pl_counter_add(s->replayed_total, 1);
    pl_arena_finish(&arena);
    return rc;
}

/* The id's record is on disk. Answered: ASKED gets the answer. Only promised, and unknown here (the store did
 * not say that the promise was written): it is taken up now. */
static int serve_stored(struct pl_actor *self, struct session *s, const struct pl_msg *asked, uint32_t from,
                        struct pl_bin value)
{
    struct pl_arena arena = {0};
    struct pl_rec_request record;
    struct request *r = NULL;
    pl_rec_request_type.init(&record);
    struct pl_cursor c = {value.ptr, value.ptr + value.len};
    int rc = pl_rec_request_type.decode(&c, &arena, &record, NULL);
    if (rc == -PL_E_INVALID)
        rc = pl__session_refuse(self, asked, PL_E_CORRUPT, "id", "the stored request is damaged");
    else if (rc == 0 && record.state == PL_REC_REQUEST_STATE_DONE)
        rc = replay(self, s, asked, from, &record);
    else if (rc == 0)
        rc = pl__request_recover(self, s, &record, &r);
    if (rc == 0 && r) rc = subscribe(self, s, r, asked, from);
    pl_arena_finish(&arena);
    return rc;
}

/* R, still being looked up, turns out to be stored: it gives way to what is on disk. */
static int give_way(struct pl_actor *self, struct session *s, struct request *r, struct pl_bin value)
{
    int rc = 0;
    struct subscriber *subs = r->subscribers;
    r->subscribers = NULL;
    pl__request_free(self, s, r);
    while (subs) {
        struct subscriber *sub = subs;
        subs = sub->next;
        if (!rc) rc = serve_stored(self, s, sub->asked, sub->from, value);
        pl_msg_unref(&sub->asked);
        free(sub);
    }
    return rc;
}

/* --- acceptance --- */

bool pl__request_lacks(const struct request *r)
{
    return r->record->lacking || r->answer->lacking || r->asked->lacking ||
           (r->dialogue && r->dialogue->head->lacking);
}

static int now_waiting(struct pl_actor *self, struct session *s, struct request *r)
{
    if (pl__request_lacks(r)) return -PL_E_NO_MEMORY;
    r->state = REQ_WAITING;
    if (r->deadline_ms != PL_NO_DEADLINE) {
        uint64_t now = pl_now_ms(self);
        uint64_t left = r->deadline_ms > now ? r->deadline_ms - now : 0;
        r->deadline_timer = pl_timer_start(self, left, PL_SESSION_TIMER_DEADLINE, r->number);
    }
    return pl__dialogue_next(self, s, r->dialogue);
}

/* Its subscribers may ask again; it stays. */
static void turn_away(struct pl_actor *self, struct request *r, int code)
{
    while (r->subscribers) {
        struct subscriber *sub = r->subscribers;
        r->subscribers = sub->next;
        pl__session_refuse(self, sub->asked, code, NULL, NULL);
        pl_msg_unref(&sub->asked);
        free(sub);
    }
}

static int accepted(struct pl_actor *self, struct session *s, struct store_op *op, const struct pl_msg *reply,
                    int code)
{
    struct request *r = op->request;
    r->in_doubt |= code == PL_E_UNAVAILABLE || code == PL_E_GONE || code == PL_E_STORAGE;
    if (!reply && r->in_doubt) {
        /* Whether it was written nobody knows: it keeps its place in the line and is written again. Taken up
         * only when it is asked for again, it would stand behind others, and before them after a crash. */
        if (code == PL_E_STORAGE || code == PL_E_STORAGE_FULL) turn_away(self, r, code);
        pl_timer_start(self, PL_SESSION_RETRY_MS, PL_SESSION_TIMER_PROMISE, r->number);
        return 0;
    }
    if (!reply) {
        struct pl_err err = {0};
        pl_fail(&err, code, NULL, "%s", pl_error_text(code));
        pl__request_refused(self, s, r, &err);
        return 0;
    }
    pl_counter_add(s->accepted_total, 1);
    r->state = REQ_WAITING;
    int rc = 0;
    for (struct subscriber *sub = r->subscribers; sub && !rc; sub = sub->next)
        if (sub->asked->type->id != PL_T_CHAT_CANCEL) rc = send_accepted(self, s, r, sub->asked);
    if (rc) return rc;
    if (r->cancelled) {
        r->finish = PL_CHAT_DONE_FINISH_REASON_CANCELLED;
        return pl__answer_commit(self, s, r, false);
    }
    return now_waiting(self, s, r);
}

static int encode_into(struct pl_msg *m, const struct pl_type *type, const void *record, struct pl_bin *out)
{
    struct pl_buf buf = {0};
    int rc = type->encode(record, &buf);
    if (!rc) {
        *out = pl_msg_bin(m, buf.data, buf.len);
        if (!out->ptr) rc = -PL_E_NO_MEMORY;
    }
    pl_buf_finish(&buf);
    return rc;
}

static void join_line(struct session *s, struct request *r)
{
    struct dialogue *d = r->dialogue;
    struct request **at = d->last ? &d->last->next : &d->first;
    if (PL_PLANTED(turns_reordered) && d->first) at = &d->first->next;
    r->next = *at;
    *at = r;
    if (!r->next) d->last = r;
    r->in_line = true;
    s->unfinished++;
    if (r->account) pl__account_open(r->account, 1);
    pl_gauge_set(s->unfinished_gauge, s->unfinished);
}

void pl__request_own(struct pl_msg *m, const struct request *r, struct pl_store_op *op)
{
    const struct pl_rec_request *record = r->record->body;
    const struct dialogue *d = r->dialogue;
    const struct pl_rec_session *head = d->head->body;
    bool known = d->stored || d->loaded || !r->recovered; /* whose session it is */
    op->has_tenant = op->has_user = true;
    op->tenant = pl_msg_str(m, r->tenant);
    op->user = pl_msg_str(m, known ? head->user : record->user);
    op->has_also = known;
    if (known) op->also = pl_msg_str(m, record->user);
}

/* The promise: the request's record and its place in `pending`, in one batch. */
int pl__request_promise(struct pl_actor *self, struct session *s, struct request *r)
{
    struct pl_rec_request *record = r->record->body;
    if (pl__request_lacks(r)) return -PL_E_NO_MEMORY;
    PL_NEW(m, w, store_write);
    if (!m) return -PL_E_NO_MEMORY;
    w->ops = pl_msg_alloc(m, 3 * sizeof *w->ops);
    struct pl_bin value = {0};
    struct pl_bin count = {0};
    /* The newest number, not its own: a promise that is written again must not take the counter back. */
    const struct pl_rec_counter counter = {.value = s->next_accepted - 1};
    if (!w->ops || encode_into(m, &pl_rec_request_type, record, &value) ||
        encode_into(m, &pl_rec_counter_type, &counter, &count)) {
        pl_msg_unref(&m);
        return -PL_E_NO_MEMORY;
    }
    w->ops_count = 2;
    w->ops[0] = (struct pl_store_op){.op = PL_STORE_OP_OP_PUT,
                                     .family = PL_STR(PL_FAMILY_REQUESTS),
                                     .key = pl_msg_bin(m, r->key.ptr, r->key.len),
                                     .has_value = true,
                                     .value = value};
    pl__request_own(m, r, &w->ops[0]);
    w->ops[1] = (struct pl_store_op){.op = PL_STORE_OP_OP_PUT,
                                     .family = PL_STR(PL_FAMILY_PENDING),
                                     .key = pl_key_join(m, NULL, 0, record->accepted_seq, 8),
                                     .has_value = true,
                                     .value = pl_msg_bin(m, r->key.ptr, r->key.len)};
    w->ops[w->ops_count++] = (struct pl_store_op){.op = PL_STORE_OP_OP_PUT,
                                                  .family = PL_STR(PL_FAMILY_META),
                                                  .key = pl__session_counter_key(m),
                                                  .has_value = true,
                                                  .value = count};
    for (struct subscriber *sub = r->subscribers; PL_PLANTED(ack_before_commit) && sub; sub = sub->next)
        send_accepted(self, s, r, sub->asked);
    return pl__session_store(self, s, &m, &(struct store_op){.done = accepted, .request = r});
}

static int check_tools(struct session *s, const struct pl_chat_request *q, struct pl_err *err)
{
    const struct pl_tool_described *up = s->tools ? s->tools->body : NULL;
    if (q->has_tools && q->tools_count && !up)
        return pl_fail(err, PL_E_UNAVAILABLE, "tools", "the tools are not up yet");
    for (uint32_t i = 0; q->has_tools && i < q->tools_count; i++) {
        bool found = false;
        for (uint32_t k = 0; up && k < up->tools_count; k++)
            found = found || pl_str_eq(up->tools[k].name, q->tools[i]);
        for (uint32_t k = 0; up && k < up->starting_count; k++)
            found = found || pl_str_eq(up->starting[k], q->tools[i]); /* the request waits for it */
        if (!found)
            return pl_fail(err, PL_E_NOT_FOUND, "tools", "the service runs no tool named \"%.*s\"",
                           PL_STR_FMT(q->tools[i]));
    }
    if (q->has_tools && q->tools_count && !pl_template_has_tools(s->opts->model->chat_template))
        return pl_fail(err, PL_E_UNSUPPORTED, "tools",
                       "the chat template of this model has no place for tools");
    return 0;
}

static int check_messages(const struct pl_chat_request *q, bool begins, struct pl_err *err)
{
    char field[64];
    for (uint32_t i = 0; i < q->messages_count; i++) {
        enum pl_chat_message_part_role role = q->messages[i].role;
        snprintf(field, sizeof field, "messages[%u].role", i);
        if (role == PL_CHAT_MESSAGE_PART_ROLE_SYSTEM && (i > 0 || !begins))
            return pl_fail(err, PL_E_INVALID, field,
                           "a system message stands first, in the request that begins the session");
        if (role == PL_CHAT_MESSAGE_PART_ROLE_TOOL)
            return pl_fail(err, PL_E_UNSUPPORTED, field,
                           "tool messages come with the caller's own tools, which are not supported yet");
        if (role == PL_CHAT_MESSAGE_PART_ROLE_ASSISTANT && !begins)
            return pl_fail(err, PL_E_INVALID, field,
                           "the session keeps its own answers: send only what is new");
        if (i + 1 == q->messages_count && role != PL_CHAT_MESSAGE_PART_ROLE_USER)
            return pl_fail(err, PL_E_INVALID, field, "the last message must be the user's");
    }
    if (q->has_system && q->messages_count && q->messages[0].role == PL_CHAT_MESSAGE_PART_ROLE_SYSTEM)
        return pl_fail(err, PL_E_INVALID, "system", "the messages hold a system message already");
    return 0;
}

static int check_request(struct session *s, const struct pl_chat_request *q, struct pl_err *err)
{
    if (q->has_text && q->has_messages)
        return pl_fail(err, PL_E_INVALID, "messages", "give text or messages, not both");
    if (!q->has_text && !q->has_messages)
        return pl_fail(err, PL_E_INVALID, "text", "text or messages is missing");
    if (q->has_messages && q->messages_count == 0)
        return pl_fail(err, PL_E_INVALID, "messages", "there is no message");
    for (uint32_t i = 0; q->has_stop && i < q->stop_count; i++)
        if (q->stop[i].len == 0) return pl_fail(err, PL_E_INVALID, "stop", "a stop string is empty");
    return check_tools(s, q, err);
}

/* The system prompt that a request brings. */
static bool system_of(const struct pl_chat_request *q, struct pl_str *out)
{
    bool in_messages = q->messages_count && q->messages[0].role == PL_CHAT_MESSAGE_PART_ROLE_SYSTEM;
    if (in_messages) *out = q->messages[0].content;
    if (q->has_system) *out = q->system;
    return in_messages || q->has_system;
}

/* The session's head: who owns it and its system prompt are fixed by the request that begins it. */
static int settle_head(struct pl_actor *self, struct session *s, struct request *r, struct pl_err *err)
{
    struct dialogue *d = r->dialogue;
    const struct pl_chat_request *q = r->asked->body;
    struct pl_rec_session *head = d->head->body;
    struct pl_rec_request *record = r->record->body;
    bool begins = !d->stored && d->first == NULL;
    int rc = check_messages(q, begins, err);
    if (rc) return rc;
    struct pl_str system = {0};
    bool has_system = system_of(q, &system);
    if (!begins && has_system && !(head->has_system && pl_str_eq(system, head->system)))
        return pl_fail(err, PL_E_CONFLICT, "system", "the session began with another system prompt");
    if (begins) pl__request_begin_head(self, r);
    if (!r->asked->env.has_user) record->user = head->user;
    return 0;
}

void pl__request_begin_head(struct pl_actor *self, struct request *r)
{
    struct pl_msg *m = r->dialogue->head;
    struct pl_rec_session *head = m->body;
    struct pl_str system = {0};
    head->has_system = system_of(r->asked->body, &system);
    head->system = pl_msg_str(m, system);
    if (r->asked->env.has_user) head->user = pl_msg_str(m, r->asked->env.user);
    head->created_ms = head->updated_ms = pl_wall_ms(self);
}

/* Is there room for one more, and for one more of this tenant? */
static int admit(struct pl_actor *self, struct session *s, struct request *r, struct pl_err *err)
{
    if (pl__session_credit(s, NULL) == 0)
        return pl_fail(err, PL_E_OVERLOADED, NULL, "%u requests are not answered yet", s->unfinished);
    return pl__account_admit(&s->accounts, r->account, pl_wall_ms(self), &r->wait_ms, err);
}

static int looked_up(struct pl_actor *self, struct session *s, struct store_op *op,
                     const struct pl_msg *reply, int code)
{
    struct request *r = op->request;
    struct dialogue *d = r->dialogue;
    struct pl_err err = {0};
    const struct pl_store_values *v = reply ? PL_BODY(reply, store_values) : NULL;
    if (!v || v->rows_count != 2) {
        pl_fail(&err, code ? code : PL_E_INTERNAL, NULL, "the store could not be read");
        pl__request_refused(self, s, r, &err);
        return 0;
    }
    if (v->rows[0].found && !PL_PLANTED(dedup_dropped)) return give_way(self, s, r, v->rows[0].value);
    struct pl_rec_session *head = d->head->body;
    /* Of a loaded dialogue memory knows best: a first turn that is being committed may lie on disk already.
     */
    if (v->rows[1].found && !d->stored && !d->loaded) {
        struct pl_cursor c = {v->rows[1].value.ptr, v->rows[1].value.ptr + v->rows[1].value.len};
        int rc = pl_rec_session_type.decode(&c, &d->head->arena, head, &err);
        if (rc == -PL_E_NO_MEMORY) return rc;
        if (rc) {
            err.code = PL_E_CORRUPT;
            pl__request_refused(self, s, r, &err);
            return 0;
        }
        d->stored = true;
    }
    if (pl__forget_blocks(s, r)) {
        pl_fail(&err, PL_E_CONFLICT, "user", "the user is being forgotten");
        pl__request_refused(self, s, r, &err);
        return 0;
    }
    if (admit(self, s, r, &err) || settle_head(self, s, r, &err) || pl__dialogue_fits(s, d, r, &err)) {
        pl__request_refused(self, s, r, &err);
        return 0;
    }
    struct pl_rec_request *record = r->record->body;
    record->accepted_seq = s->next_accepted++;
    r->state = REQ_ACCEPTING;
    join_line(s, r);
    return pl__request_promise(self, s, r);
}

static void make_name(char *out, size_t size, const char *prefix, uint64_t wall_ms, uint64_t random)
{
    snprintf(out, size, "%s%012llx%016llx", prefix, (unsigned long long)wall_ms & 0xFFFFFFFFFFFFull,
             (unsigned long long)random);
}

struct pl_bin pl__request_key(const struct session *s, struct pl_msg *m, struct pl_str tenant,
                              struct pl_str id)
{
    struct pl_str hidden = pl_key_hide(s->opts->row_key, m, tenant, id);
    if (!hidden.ptr) return (struct pl_bin){NULL, 0};
    return pl_key_join(m, (struct pl_str[]){tenant, hidden}, 2, 0, 0);
}

/* A request object for tenant and id, known to nobody yet. */
static struct request *request_create(struct session *s, struct pl_str tenant, struct pl_str id)
{
    struct request *r = calloc(1, sizeof *r);
    if (!r) return NULL;
    r->record = pl_msg_create(&pl_rec_request_type);
    r->answer = pl_msg_create(&pl_rec_turn_type);
    r->deadline_ms = PL_NO_DEADLINE;
    if (r->record && r->answer) {
        r->tenant = pl_msg_str(r->record, tenant);
        r->id = pl_msg_str(r->record, id);
        r->key = pl__request_key(s, r->record, tenant, id);
    }
    r->number = ++s->next_number;
    r->account = pl__account_get(&s->accounts, tenant);
    if (r->account) r->account->users++;
    if (!r->key.ptr || pl_map_put(&s->numbers, &r->number, sizeof r->number, r) ||
        pl_map_put(&s->requests, r->key.ptr, r->key.len, r)) {
        pl_map_remove(&s->numbers, &r->number, sizeof r->number);
        if (r->account) r->account->users--;
        pl_msg_unref(&r->record);
        pl_msg_unref(&r->answer);
        free(r);
        return NULL;
    }
    return r;
}

static int fill_record(struct pl_actor *self, struct request *r, const struct pl_msg *asked)
{
    const struct pl_chat_request *q = asked->body;
    struct pl_rec_request *record = r->record->body;
    uint64_t wall = pl_wall_ms(self);
    char name[64];
    record->state = PL_REC_REQUEST_STATE_ACCEPTED;
    record->created_ms = wall;
    record->tenant = r->tenant;
    record->id = r->id;
    make_name(name, sizeof name, "s-", wall, pl_random_u64(self));
    record->session = pl_msg_str(r->record, asked->env.has_session ? asked->env.session : pl_str_of(name));
    record->user = asked->env.has_user ? pl_msg_str(r->record, asked->env.user) : record->session;
    make_name(name, sizeof name, "t-", wall, pl_random_u64(self));
    record->turn = pl_msg_str(r->record, pl_str_of(name));
    record->seed = q->has_seed ? q->seed : pl_random_u64(self);
    pl_span_begin(self, &r->queue_span, "session.queue", asked->env.trace, false);
    record->has_trace = asked->env.trace.len > 0;
    record->trace = pl_msg_str(r->record, asked->env.trace);
    r->deadline_ms = asked->deadline_ms;
    if (asked->deadline_ms != PL_NO_DEADLINE)
        record->deadline_wall_ms = wall + (asked->deadline_ms - pl_now_ms(self));
    return encode_into(r->record, &pl_chat_request_type, q, &record->request);
}

static int look_up(struct pl_actor *self, struct session *s, struct request *r)
{
    PL_NEW(m, g, store_get);
    if (!m) return -PL_E_NO_MEMORY;
    g->keys = pl_msg_alloc(m, 2 * sizeof *g->keys);
    if (!g->keys) {
        pl_msg_unref(&m);
        return -PL_E_NO_MEMORY;
    }
    g->keys_count = 2;
    g->keys[0] = (struct pl_store_key){.family = PL_STR(PL_FAMILY_REQUESTS),
                                       .key = pl_msg_bin(m, r->key.ptr, r->key.len)};
    g->keys[1] = (struct pl_store_key){.family = PL_STR(PL_FAMILY_SESSIONS),
                                       .key = pl_msg_bin(m, r->dialogue->key.ptr, r->dialogue->key.len)};
    return pl__session_store(self, s, &m, &(struct store_op){.done = looked_up, .request = r});
}

/* --- what its tenant used today --- */

struct pl_bin pl__request_account_key(struct pl_msg *m, const struct request *r)
{
    return pl_key_join(m, (struct pl_str[]){PL_STR("tenant_day"), r->tenant}, 2, 0, 0);
}

bool pl__request_account_unread(const struct request *r)
{
    return r->account && r->account->rule->quota && !r->account->read;
}

int pl__request_read_account(struct pl_actor *self, struct session *s, struct request *r, store_done done)
{
    PL_NEW(m, g, store_get);
    if (!m) return -PL_E_NO_MEMORY;
    g->keys = pl_msg_alloc(m, sizeof *g->keys);
    if (!g->keys) {
        pl_msg_unref(&m);
        return -PL_E_NO_MEMORY;
    }
    g->keys_count = 1;
    g->keys[0] =
        (struct pl_store_key){.family = PL_STR(PL_FAMILY_META), .key = pl__request_account_key(m, r)};
    return pl__session_store(self, s, &m, &(struct store_op){.done = done, .request = r});
}

int pl__request_account_read(struct request *r, const struct pl_msg *reply)
{
    const struct pl_store_values *v = reply ? PL_BODY(reply, store_values) : NULL;
    if (!v || v->rows_count != 1) return -PL_E_UNAVAILABLE;
    struct pl_rec_tenant_day day;
    struct pl_arena arena = {0};
    struct pl_bin value = v->rows[0].value;
    struct pl_cursor c = {value.ptr, value.ptr + value.len};
    pl_rec_tenant_day_type.init(&day);
    int rc = v->rows[0].found ? pl_rec_tenant_day_type.decode(&c, &arena, &day, NULL) : 0;
    pl_arena_finish(&arena);
    if (rc) return rc == -PL_E_NO_MEMORY ? rc : -PL_E_CORRUPT;
    pl__account_read(r->account, day.day, day.tokens);
    return 0;
}

static int account_read(struct pl_actor *self, struct session *s, struct store_op *op,
                        const struct pl_msg *reply, int code)
{
    struct request *r = op->request;
    struct pl_err err = {0};
    int rc = pl__request_account_read(r, reply);
    if (!rc) return look_up(self, s, r);
    pl_fail(&err, code ? code : -rc, NULL, "what the tenant used today could not be read");
    pl__request_refused(self, s, r, &err);
    return 0;
}

/* *OUT: NULL when nobody asked for it. An error, for want of memory, is not the same: a second object for an
 * id would take the place of the first. */
static int find_named(struct session *s, struct pl_str tenant, struct pl_str id, struct request **out)
{
    PL_NEW(tmp, unused, ping);
    (void)unused;
    *out = NULL;
    if (!tmp) return -PL_E_NO_MEMORY;
    struct pl_bin key = pl__request_key(s, tmp, tenant, id);
    if (key.ptr) *out = pl_map_get(&s->requests, key.ptr, key.len);
    pl_msg_unref(&tmp);
    return key.ptr ? 0 : -PL_E_NO_MEMORY;
}

static int find(struct session *s, const struct pl_msg *m, struct request **out)
{
    return find_named(s, m->env.tenant, m->env.id, out);
}

/* A lookup costs a read of the store. Most of those beyond the credit end in a refusal, and would stand in
 * the line before the writes of those that were accepted. */
static uint32_t lookups(const struct session *s)
{
    return pl_map_count(&s->requests) - s->unfinished;
}

int pl__request_ask(struct pl_actor *self, struct session *s, const struct pl_msg *m)
{
    const struct pl_chat_request *q = m->body;
    struct pl_err err = {0};
    struct request *r;
    int rc = find(s, m, &r);
    if (rc) return rc;
    if (r) return subscribe(self, s, r, m, q->resume_from);
    if (check_request(s, q, &err)) return pl__session_refuse_err(self, m, &err);
    if (lookups(s) >= pl__session_credit(s, NULL) + PL_LOOKUPS_SPARE)
        return pl__session_refuse(self, m, PL_E_OVERLOADED, NULL, "too many requests are being looked up");
    if (!room_for(self, m)) return refuse_busy(self, m);
    if (!pl__account_get(&s->accounts, m->env.tenant))
        return pl__session_refuse(self, m, PL_E_OVERLOADED, "tenant",
                                  "too many tenants have requests under way");
    r = request_create(s, m->env.tenant, m->env.id);
    if (!r) return -PL_E_NO_MEMORY;
    r->asked = pl_msg_ref((struct pl_msg *)m);
    rc = fill_record(self, r, m);
    if (rc) return rc;
    const struct pl_rec_request *record = r->record->body;
    r->dialogue = pl__dialogue_get(self, s, r->tenant, record->session);
    if (!r->dialogue) return -PL_E_NO_MEMORY;
    r->dialogue->users++;
    rc = subscribe(self, s, r, m, q->resume_from);
    if (!rc && r->dialogue->deleting) {
        pl_fail(&err, PL_E_CONFLICT, "session", "the session is being deleted");
        pl__request_refused(self, s, r, &err);
        return 0;
    }
    if (rc) return rc;
    bool unread = pl__request_account_unread(r);
    return unread ? pl__request_read_account(self, s, r, account_read) : look_up(self, s, r);
}

/* After a crash: the promise is on disk already; there are no subscribers until somebody asks for the id
 * again. */
int pl__request_recover(struct pl_actor *self, struct session *s, const struct pl_rec_request *stored,
                        struct request **out)
{
    struct request *r;
    int rc = find_named(s, stored->tenant, stored->id, &r);
    if (out) *out = r;
    if (rc || r) return rc;
    r = request_create(s, stored->tenant, stored->id);
    if (!r) return -PL_E_NO_MEMORY;
    if (out) *out = r;
    struct pl_rec_request *record = r->record->body;
    r->asked = pl_msg_create(&pl_chat_request_type);
    if (!r->asked) return -PL_E_NO_MEMORY;
    struct pl_err err = {0};
    rc = pl_rec_request_type.copy(stored, &r->record->arena, record);
    struct pl_cursor c = {record->request.ptr, record->request.ptr + record->request.len};
    if (!rc) rc = pl_chat_request_type.decode(&c, &r->asked->arena, r->asked->body, &err);
    if (rc) return rc;
    r->recovered = true;
    r->asked->env.trace = pl_msg_str(r->asked, record->trace);
    pl_span_begin(self, &r->queue_span, "session.queue", r->asked->env.trace, false);
    r->asked->env.has_user = true;
    r->asked->env.user = pl_msg_str(r->asked, record->user);
    r->asked->env.has_session = true;
    r->asked->env.session = pl_msg_str(r->asked, record->session);
    if (record->deadline_wall_ms) {
        uint64_t wall = pl_wall_ms(self), now = pl_now_ms(self);
        r->deadline_ms = record->deadline_wall_ms > wall ? now + (record->deadline_wall_ms - wall) : now;
    }
    r->dialogue = pl__dialogue_get(self, s, r->tenant, record->session);
    if (!r->dialogue) return -PL_E_NO_MEMORY;
    r->dialogue->users++;
    join_line(s, r);
    return now_waiting(self, s, r);
}

/* --- resume and cancel --- */

static int attached(struct pl_actor *self, struct session *s, struct store_op *op, const struct pl_msg *reply,
                    int code)
{
    const struct pl_store_values *v = reply ? PL_BODY(reply, store_values) : NULL;
    if (!v) return pl__session_refuse(self, op->asked, code, NULL, NULL);
    struct request *r;
    int rc = find(s, op->asked, &r); /* it may have come while we read */
    if (rc) return rc;
    if (r) return subscribe(self, s, r, op->asked, op->count);
    if (v->rows_count == 1 && v->rows[0].found)
        return serve_stored(self, s, op->asked, op->count, v->rows[0].value);
    return pl__session_refuse(self, op->asked, PL_E_NOT_FOUND, "id", "there is no request with this id");
}

int pl__request_attach(struct pl_actor *self, struct session *s, const struct pl_msg *m, uint32_t from)
{
    struct request *r;
    int rc = find(s, m, &r);
    if (rc) return rc;
    if (r) return subscribe(self, s, r, m, from);
    if (!room_for(self, m)) return refuse_busy(self, m);
    PL_NEW(get, g, store_get);
    if (!get) return -PL_E_NO_MEMORY;
    g->keys = pl_msg_alloc(get, sizeof *g->keys);
    struct pl_bin key = pl__request_key(s, get, m->env.tenant, m->env.id);
    if (!g->keys || !key.ptr) {
        pl_msg_unref(&get);
        return -PL_E_NO_MEMORY;
    }
    g->keys_count = 1;
    g->keys[0] = (struct pl_store_key){.family = PL_STR(PL_FAMILY_REQUESTS), .key = key};
    struct store_op op = {.done = attached, .asked = (struct pl_msg *)m, .count = from};
    return pl__session_store(self, s, &get, &op);
}

/* Ends a waiting request at once, or asks the batcher to end a running one; what was said so far is its
 * answer. */
int pl__request_end(struct pl_actor *self, struct session *s, struct request *r,
                    enum pl_chat_done_finish_reason why)
{
    if (r->state == REQ_COMMITTING || r->cancelled) return 0;
    r->cancelled = true;
    r->finish = why;
    if (r->state == REQ_WAITING) return pl__answer_commit(self, s, r, false);
    if (r->state == REQ_CALLING) return pl__answer_commit(self, s, r, true);
    if (r->state != REQ_GENERATING) return 0;
    PL_NEW(m, c, gen_cancel);
    if (!m) return -PL_E_NO_MEMORY;
    c->gen = r->gen;
    pl_send_system(self, "batcher", &m);
    return 0;
}

int pl__request_cancel(struct pl_actor *self, struct session *s, const struct pl_msg *m)
{
    struct request *r;
    int rc = find(s, m, &r);
    if (rc) return rc;
    if (!r) return pl__request_attach(self, s, m, UINT32_MAX);
    if (!room_for(self, m)) return refuse_busy(self, m);
    rc = subscribe(self, s, r, m, UINT32_MAX);
    return rc ? rc : pl__request_end(self, s, r, PL_CHAT_DONE_FINISH_REASON_CANCELLED);
}

int pl__request_deadline(struct pl_actor *self, struct session *s, struct request *r)
{
    r->deadline_timer = 0;
    return pl__request_end(self, s, r, PL_CHAT_DONE_FINISH_REASON_DEADLINE);
}
