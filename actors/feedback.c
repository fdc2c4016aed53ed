/* feedback: ratings of answers, bound to the very answer that they judge, and the trigger of a retraining.
 *
 * It owns the counts of the log, the number of the next rating and whether a retraining is due; they are read
 * from the store at start and written with each change. Messages are handled one after another, each to its
 * end; the others wait in a bounded line. It refuses a rating of a turn that the tenant does not have, and an
 * id that was used for another turn.
 *
 *   LOADING --counts read--> READY          (the store went down: LOADING again, the line keeps)
 *   a request to retrain:  RECORD (the audit record says so first) -> WRITE
 *   a rating:  NAMES (seen this id? which turn?) -> TURN -> RATED (an earlier one of this user?) -> WRITE
 *
 * 1. A rating is answered once it is on disk, with its index entries and the counts in the same batch.
 * 2. The counts in memory are those on disk: a change is made on a copy, which replaces them once written.
 * 3. A repeated id gets the stored answer and changes nothing.
 * 4. The log only grows; in the counts of stars a later rating of a user and turn replaces the earlier.
 * 5. Once due, a retraining stays due until a snapshot is taken. */
#include "actors/actors.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include "actors/feedback_log.h"
#include "runtime/audit_line.h"

#define RETRAIN "retrain.request"

enum {
    DEFAULT_THRESHOLD = 100,
    LINE_MAX = 1024, /* messages that wait */
    RELOAD_MS = 500,
    RETRY_AFTER_MS = 1000,
    PAGE_BYTES = 1 << 20 /* of one answer to feedback.list */
};
enum phase { LOADING, READY, NAMES, TURN, RATED, RECORD, WRITE, LIST };

struct waiting {
    struct waiting *next;
    struct pl_msg *m;
};

struct feedback {
    const uint8_t *row_key;
    uint32_t threshold;
    bool standby;
    enum phase phase;
    struct pl_ratings counts, pending; /* on disk; as they will be once the write is done */
    uint64_t token;                    /* of the store request under way */
    struct waiting *first, *last;
    uint32_t waiting;
    struct pl_msg *asked;  /* what is being handled; its reply is due */
    struct pl_msg *turn;   /* body: rec.turn */
    struct pl_msg *answer; /* sent when the write is done */
    struct pl_counter *ratings, *errors;
    struct pl_gauge *below_3, *due;
};

/* ---- counts ---- */

static void show_counts(struct feedback *st)
{
    pl_gauge_set(st->below_3, st->counts.below_3);
    pl_gauge_set(st->due, st->counts.due);
}

/* ---- answers ---- */

static void job_finish(struct feedback *st)
{
    pl_msg_unref(&st->asked);
    pl_msg_unref(&st->turn);
    pl_msg_unref(&st->answer);
    st->phase = READY;
    st->token++; /* a late reply of the store finds nothing */
}

static void refuse(struct pl_actor *self, struct feedback *st, const struct pl_msg *asked, int code,
                   const char *field, const char *text)
{
    PL_NEW(m, b, chat_error);
    pl_counter_add(st->errors, 1);
    if (b) {
        b->code = pl_str_of(pl_error_name(code));
        b->message = pl_msg_str(m, pl_str_of(text ? text : pl_error_text(code)));
        b->has_field = field != NULL;
        b->field = pl_str_of(field);
        b->has_retry_after_ms = code == PL_E_OVERLOADED || code == PL_E_UNAVAILABLE || code == PL_E_STORAGE ||
                                code == PL_E_STORAGE_FULL;
        b->retry_after_ms = b->has_retry_after_ms ? RETRY_AFTER_MS : 0;
    }
    pl_reply(self, asked, &m);
}

/* Ends the job with an error; the counts are as they were. */
static void job_fail(struct pl_actor *self, struct feedback *st, int code, const char *field,
                     const char *text)
{
    refuse(self, st, st->asked, code, field, text);
    job_finish(st);
}

static void answer_state(struct pl_actor *self, const struct feedback *st, const struct pl_msg *asked)
{
    const struct pl_ratings *c = &st->counts;
    PL_NEW(m, b, retrain_state);
    if (b) {
        b->due = c->due;
        b->ratings_below_3 = c->below_3;
        b->threshold = st->threshold;
        b->has_reason = b->has_since_ms = c->due;
        if (c->due) b->reason = pl_msg_str(m, pl_str_of(c->reason));
        if (c->due) b->since_ms = c->since_ms;
    }
    pl_reply(self, asked, &m);
}

static void answer_stats(struct pl_actor *self, const struct feedback *st, const struct pl_msg *asked)
{
    const struct pl_ratings *c = &st->counts;
    uint64_t n = 0, sum = 0;
    PL_NEW(m, b, feedback_counted);
    if (b) b->stars = pl_msg_alloc(m, sizeof c->stars);
    if (!b || !b->stars) {
        pl_msg_unref(&m);
        pl_reply(self, asked, &m); /* of nothing: this handler failed, and the asker is told */
        return;
    }
    b->stars_count = 5;
    for (uint32_t i = 0; i < 5; i++) {
        b->stars[i] = c->stars[i];
        n += c->stars[i];
        sum += c->stars[i] * (i + 1);
    }
    b->total = c->total;
    b->mean = n ? (double)sum / (double)n : 0;
    b->corrections = c->corrections;
    b->ratings_below_3 = c->below_3;
    b->due = c->due;
    pl_reply(self, asked, &m);
}

/* ---- the store ---- */

static void store_send(struct pl_actor *self, struct feedback *st, struct pl_msg **m, enum phase phase)
{
    st->phase = phase;
    pl_send_to(self, "store", m);
}

struct lookup {
    const char *family;
    struct pl_bin key;
};

/* M's body is the store.get; the keys lie in M. */
static void get(struct pl_actor *self, struct feedback *st, struct pl_msg **m, const struct lookup *keys,
                uint32_t n, enum phase phase)
{
    struct pl_store_get *g = (*m)->body;
    g->token = ++st->token;
    g->keys = pl_msg_alloc(*m, n * sizeof *g->keys);
    for (uint32_t i = 0; g->keys && i < n; i++) {
        pl_store_key_type.init(&g->keys[i]);
        g->keys[i].family = pl_str_of(keys[i].family);
        g->keys[i].key = keys[i].key;
        if (keys[i].key.len) g->keys_count++;
    }
    if (g->keys_count == n) {
        store_send(self, st, m, phase);
        return;
    }
    pl_msg_unref(m); /* no memory for the keys */
    if (st->asked)
        job_fail(self, st, PL_E_NO_MEMORY, NULL, NULL);
    else
        pl_timer_start(self, RELOAD_MS, 0, 0);
}

static void load(struct pl_actor *self, struct feedback *st)
{
    struct pl_msg *m = pl_msg_create(&pl_store_get_type);
    st->phase = LOADING;
    if (!m) {
        pl_timer_start(self, RELOAD_MS, 0, 0);
        return;
    }
    struct lookup key = {PL_FAMILY_META, pl__ratings_key(m)};
    get(self, st, &m, &key, 1, LOADING);
}

/* ---- a rating ---- */

static struct pl_str rater(const struct feedback *st)
{
    const struct pl_rec_turn *turn = st->turn->body;
    return st->asked->env.user.len ? st->asked->env.user : turn->user;
}

static void begin_add(struct pl_actor *self, struct feedback *st)
{
    const struct pl_feedback_add *add = st->asked->body;
    struct pl_msg *m = pl_msg_create(&pl_store_get_type);
    if (!m) {
        job_fail(self, st, PL_E_NO_MEMORY, NULL, NULL);
        return;
    }
    struct lookup keys[] = {{PL_FAMILY_RATED, pl__answered_key(st->row_key, m, st->asked)},
                            {PL_FAMILY_TURN_NAMES, pl_key_join(m, &add->turn, 1, 0, 0)}};
    get(self, st, &m, keys, 2, NAMES);
}

static void repeat_answer(struct pl_actor *self, struct feedback *st, struct pl_bin stored)
{
    const struct pl_feedback_add *add = st->asked->body;
    struct pl_cursor c = {stored.ptr, stored.ptr + stored.len};
    PL_NEW(m, b, feedback_stored);
    bool ok = m && pl_wire_check(stored.ptr, stored.len, NULL) == 0 &&
              pl_feedback_stored_type.decode(&c, &m->arena, b, NULL) == 0;
    if (!ok)
        job_fail(self, st, PL_E_CORRUPT, "id", NULL);
    else if (!pl_str_eq(b->turn, add->turn))
        job_fail(self, st, PL_E_CONFLICT, "id", "this id was used for another rating");
    else {
        pl_reply(self, st->asked, &m);
        job_finish(st);
    }
    pl_msg_unref(&m);
}

static const struct pl_store_row *row_at(const struct pl_store_values *v, uint32_t i)
{
    return i < v->rows_count && v->rows[i].found ? &v->rows[i] : NULL;
}

static void on_names(struct pl_actor *self, struct feedback *st, const struct pl_store_values *v)
{
    const struct pl_store_row *answered = row_at(v, 0), *name = row_at(v, 1);
    if (answered)
        repeat_answer(self, st, answered->value);
    else if (!name)
        job_fail(self, st, PL_E_NOT_FOUND, "turn", "there is no such turn");
    else {
        struct pl_msg *m = pl_msg_create(&pl_store_get_type);
        struct lookup key = {PL_FAMILY_TURNS, {NULL, 0}};
        if (!m) {
            job_fail(self, st, PL_E_NO_MEMORY, NULL, NULL);
            return;
        }
        key.key = pl_msg_bin(m, name->value.ptr, name->value.len);
        get(self, st, &m, &key, 1, TURN);
    }
}

/* Decodes the turn into a message of its own, which holds its memory. */
static int read_turn(struct feedback *st, struct pl_bin value)
{
    struct pl_cursor c = {value.ptr, value.ptr + value.len};
    st->turn = pl_msg_create(&pl_rec_turn_type);
    if (!st->turn) return -PL_E_NO_MEMORY;
    if (pl_wire_check(value.ptr, value.len, NULL) != 0) return -PL_E_CORRUPT;
    int rc = pl_rec_turn_type.decode(&c, &st->turn->arena, st->turn->body, NULL);
    return rc == -PL_E_INVALID ? -PL_E_CORRUPT : rc;
}

static void on_turn(struct pl_actor *self, struct feedback *st, const struct pl_store_values *v)
{
    const struct pl_store_row *row = row_at(v, 0);
    int rc = row ? read_turn(st, row->value) : -PL_E_NOT_FOUND;
    const struct pl_rec_turn *turn = rc == 0 ? st->turn->body : NULL;
    if (turn && !pl_str_eq(turn->tenant, st->asked->env.tenant)) rc = -PL_E_NOT_FOUND; /* of another tenant */
    if (turn && !pl_str_eq(turn->turn, ((struct pl_feedback_add *)st->asked->body)->turn))
        rc = -PL_E_NOT_FOUND;
    struct pl_msg *m = rc == 0 ? pl_msg_create(&pl_store_get_type) : NULL;
    if (rc == 0 && !m) rc = -PL_E_NO_MEMORY;
    if (rc != 0) {
        job_fail(self, st, -rc, "turn", rc == -PL_E_NOT_FOUND ? "there is no such turn" : NULL);
        return;
    }
    struct lookup key = {PL_FAMILY_RATED, pl__rated_key(st->row_key, m, st->asked, rater(st))};
    get(self, st, &m, &key, 1, RATED);
}

static bool make_answer(struct feedback *st)
{
    const struct pl_feedback_add *add = st->asked->body;
    PL_NEW(m, b, feedback_stored);
    st->answer = m;
    if (!m) return false;
    b->turn = pl_msg_str(m, add->turn);
    b->feedback = st->counts.next;
    b->ratings_below_3 = st->pending.below_3;
    b->due = st->pending.due;
    return true;
}

/* The rating, its two index entries and the counts, in one batch. */
static bool fill_batch(struct pl_actor *self, struct feedback *st, struct pl_msg *m,
                       const struct pl_rated *was)
{
    struct pl_rec_feedback r;
    pl__rating_fill(&r, st->asked, st->turn->body, st->counts.next, pl_wall_ms(self), was);
    st->pending = st->counts;
    pl__ratings_count(&st->pending, r.stars, r.has_correction, was, st->threshold, r.created_ms);
    bool ok = make_answer(st) &&
              pl__batch_put(m, PL_FAMILY_FEEDBACK, pl_key_join(m, NULL, 0, r.feedback, 8),
                            &pl_rec_feedback_type, &r) &&
              pl__batch_put_rated(m, pl__rated_key(st->row_key, m, st->asked, r.user), &r) &&
              pl__batch_put(m, PL_FAMILY_RATED, pl__answered_key(st->row_key, m, st->asked),
                            &pl_feedback_stored_type, st->answer->body) &&
              pl__batch_put_ratings(m, &st->pending);
    if (ok) pl__batch_own(m, st->turn->body, r.user);
    return ok;
}

static void on_rated(struct pl_actor *self, struct feedback *st, const struct pl_store_values *v)
{
    struct pl_rated was = pl__rated_read(row_at(v, 0));
    struct pl_msg *m = pl__batch_create(++st->token);
    if (m && fill_batch(self, st, m, &was))
        store_send(self, st, &m, WRITE);
    else
        job_fail(self, st, PL_E_NO_MEMORY, NULL, NULL);
    pl_msg_unref(&m);
}

/* ---- other jobs ---- */

static void begin_request(struct pl_actor *self, struct feedback *st)
{
    struct pl_msg *m = pl_audit_line(st->asked, ++st->token, RETRAIN, "intent", (struct pl_str){0});
    if (m)
        store_send(self, st, &m, RECORD);
    else
        job_fail(self, st, PL_E_NO_MEMORY, NULL, NULL);
}

static void on_recorded(struct pl_actor *self, struct feedback *st)
{
    const struct pl_retrain_request *r = st->asked->body;
    struct pl_str reason = r->has_reason && r->reason.len ? r->reason : PL_STR("asked for by the operator");
    struct pl_msg *m = pl__batch_create(++st->token);
    st->pending = st->counts;
    pl__ratings_due(&st->pending, reason, pl_wall_ms(self));
    if (m && pl__batch_put_ratings(m, &st->pending))
        store_send(self, st, &m, WRITE);
    else
        job_fail(self, st, PL_E_NO_MEMORY, NULL, NULL);
    pl_msg_unref(&m);
}

static void on_written(struct pl_actor *self, struct feedback *st)
{
    st->counts = st->pending;
    show_counts(st);
    if (st->answer) {
        pl_counter_add(st->ratings, 1);
        pl_reply(self, st->asked, &st->answer);
    } else {
        struct pl_msg *m = pl_audit_line(st->asked, 0, RETRAIN, "done", (struct pl_str){0});
        if (m) pl_send_to(self, "store", &m);
        answer_state(self, st, st->asked);
    }
    job_finish(st);
}

static bool read_number(struct pl_str s, uint64_t *out)
{
    *out = 0;
    for (uint32_t i = 0; i < s.len; i++) {
        if (s.ptr[i] < '0' || s.ptr[i] > '9' || *out > UINT64_MAX / 10 - 1) return false;
        *out = *out * 10 + (uint64_t)(s.ptr[i] - '0');
    }
    return true;
}

static void begin_list(struct pl_actor *self, struct feedback *st)
{
    const struct pl_feedback_list *asked = st->asked->body;
    uint64_t after;
    PL_NEW(m, s, store_scan);
    if (!read_number(asked->after, &after)) {
        pl_msg_unref(&m);
        job_fail(self, st, PL_E_INVALID, "after", "after is the number of a rating");
        return;
    }
    if (m) {
        s->token = ++st->token;
        s->family = PL_STR(PL_FAMILY_FEEDBACK);
        s->has_from = true;
        s->from = pl_key_join(m, NULL, 0, after + 1, 8);
        s->limit = asked->limit;
        s->max_bytes = PAGE_BYTES;
        store_send(self, st, &m, LIST);
    } else {
        job_fail(self, st, PL_E_NO_MEMORY, NULL, NULL);
    }
}

static void on_rows(struct pl_actor *self, struct feedback *st, const struct pl_store_rows *rows)
{
    char next[24] = "";
    PL_NEW(m, b, feedback_listed);
    if (m) b->feedback = pl_msg_alloc(m, (rows->rows_count + 1) * sizeof *b->feedback);
    if (!m || !b->feedback) {
        pl_msg_unref(&m);
        job_fail(self, st, PL_E_NO_MEMORY, NULL, NULL);
        return;
    }
    for (uint32_t i = 0; i < rows->rows_count; i++) {
        /* a damaged row is left out */
        if (pl__rating_row(m, &b->feedback[b->feedback_count], rows->rows[i].value, st->asked->env.tenant))
            b->feedback_count++;
        snprintf(next, sizeof next, "%" PRIu64, pl_key_number(rows->rows[i].key, 8));
    }
    b->has_next = rows->more;
    if (rows->more) b->next = pl_msg_str(m, pl_str_of(next));
    pl_reply(self, st->asked, &m);
    job_finish(st);
}

/* ---- the line ---- */

static void begin(struct pl_actor *self, struct feedback *st)
{
    switch (st->asked->type->id) {
    case PL_T_FEEDBACK_ADD:
        begin_add(self, st);
        return;
    case PL_T_FEEDBACK_LIST:
        begin_list(self, st);
        return;
    case PL_T_RETRAIN_REQUEST:
        begin_request(self, st);
        return;
    case PL_T_FEEDBACK_STATS:
        answer_stats(self, st, st->asked);
        break;
    case PL_T_RETRAIN_STATUS:
        answer_state(self, st, st->asked);
        break;
    default:
        refuse(self, st, st->asked, PL_E_UNKNOWN_TYPE, "type", NULL);
    }
    job_finish(st);
}

/* Gives the first of the line, which is not empty. */
static struct pl_msg *line_take(struct feedback *st)
{
    struct waiting *w = st->first;
    struct pl_msg *m = w->m;
    st->first = w->next;
    if (!st->first) st->last = NULL;
    st->waiting--;
    free(w);
    return m;
}

static void next_jobs(struct pl_actor *self, struct feedback *st)
{
    while (st->phase == READY && st->first) {
        st->asked = line_take(st);
        if (st->asked->deadline_ms <= pl_now_ms(self))
            job_fail(self, st, PL_E_DEADLINE_EXCEEDED, NULL, NULL);
        else
            begin(self, st);
    }
}

static void wait_in_line(struct pl_actor *self, struct feedback *st, const struct pl_msg *m)
{
    struct waiting *w = st->waiting < LINE_MAX ? calloc(1, sizeof *w) : NULL;
    if (!w) {
        refuse(self, st, m, PL_E_OVERLOADED, NULL, NULL);
        return;
    }
    w->m = pl_msg_ref((struct pl_msg *)(uintptr_t)m);
    if (st->last)
        st->last->next = w;
    else
        st->first = w;
    st->last = w;
    st->waiting++;
}

/* ---- what the store and the system tell ---- */

/* Nothing can be rated as long as the counts cannot be read: who waits is told so. */
static void refuse_line(struct pl_actor *self, struct feedback *st, int code)
{
    while (st->first) {
        struct pl_msg *m = line_take(st);
        refuse(self, st, m, code, NULL, NULL);
        pl_msg_unref(&m);
    }
}

static void on_loaded(struct pl_actor *self, struct feedback *st, const struct pl_store_values *v)
{
    if (pl__ratings_read(&st->counts, row_at(v, 0)) != 0) {
        /* Numbers given out again would overwrite ratings: better none than wrong ones. */
        pl_log(self, PL_LOG_ERROR, "damaged", "record=%s", "retrain");
        refuse_line(self, st, PL_E_CORRUPT);
        pl_timer_start(self, RELOAD_MS, 0, 0);
        return;
    }
    show_counts(st);
    st->phase = READY;
    st->token++;
    if (st->standby) pl_timer_start(self, RELOAD_MS, 0, 0);
}

static void on_values(struct pl_actor *self, struct feedback *st, const struct pl_store_values *v)
{
    if (v->token != st->token) return;
    if (st->phase == LOADING)
        on_loaded(self, st, v);
    else if (st->phase == NAMES)
        on_names(self, st, v);
    else if (st->phase == TURN)
        on_turn(self, st, v);
    else if (st->phase == RATED)
        on_rated(self, st, v);
}

static void on_failed(struct pl_actor *self, struct feedback *st, uint64_t token, int code, const char *text)
{
    bool writing = st->phase == WRITE;
    if (token != st->token || st->phase == READY) return;
    st->token++;
    if (st->phase == LOADING)
        pl_timer_start(self, RELOAD_MS, 0, 0);
    else
        job_fail(self, st, code, NULL, text);
    /* What failed may be on disk all the same: the counts are read again before the next job. */
    if (writing) load(self, st);
}

static void on_undelivered(struct pl_actor *self, struct feedback *st, const struct pl_sys_undelivered *u)
{
    bool absent = u->code == PL_E_GONE || u->code == PL_E_NOT_FOUND;
    if (!pl_str_is(u->to, "store") || u->token != st->token) return;
    on_failed(self, st, u->token, absent ? PL_E_UNAVAILABLE : (int)u->code, NULL);
}

/* A write under way may be on disk or not: the counts are read again before the next. */
static void on_store_down(struct pl_actor *self, struct feedback *st)
{
    if (st->asked) job_fail(self, st, PL_E_UNAVAILABLE, NULL, NULL);
    st->phase = LOADING;
    st->token++;
}

static int feedback_start(struct pl_actor *self, void *state, const void *arg)
{
    const struct pl_feedback_opts *o = arg;
    struct feedback *st = state;
    struct pl_metrics *m = pl_actor_metrics(self);
    st->row_key = o ? o->row_key : NULL;
    st->threshold = o && o->threshold ? o->threshold : DEFAULT_THRESHOLD;
    st->standby = o && o->standby;
    st->token = pl_random_u64(self) >> 1; /* replies to an earlier life are not taken for ours */
    st->ratings = pl_metrics_counter(m, "parlance_feedback_ratings_total", "Ratings stored.", NULL);
    st->errors = pl_metrics_counter(m, "parlance_feedback_errors_total", "Feedback messages refused.", NULL);
    st->below_3 =
        pl_metrics_gauge(m, "parlance_feedback_below_3", "Ratings below 3 since the last snapshot.", NULL);
    st->due = pl_metrics_gauge(m, "parlance_feedback_retrain_due", "1 when a retraining is due.", NULL);
    pl_monitor(self, "store");
    load(self, st);
    return 0;
}

static int feedback_receive(struct pl_actor *self, void *state, const struct pl_msg *m)
{
    struct feedback *st = state;
    const struct pl_store_failed *failed = PL_BODY(m, store_failed);
    const struct pl_sys_down *down = PL_BODY(m, sys_down);
    const struct pl_sys_up *up = PL_BODY(m, sys_up);
    const struct pl_store_rows *rows = PL_BODY(m, store_rows);
    const struct pl_store_written *written = PL_BODY(m, store_written);
    const struct pl_audit_added *added = PL_BODY(m, audit_added);
    switch (m->type->id) {
    case PL_T_STORE_VALUES:
        on_values(self, st, m->body);
        break;
    case PL_T_STORE_ROWS:
        if (rows->token == st->token && st->phase == LIST) on_rows(self, st, rows);
        break;
    case PL_T_STORE_WRITTEN:
        if (written->token == st->token && st->phase == WRITE) on_written(self, st);
        break;
    case PL_T_AUDIT_ADDED:
        if (added->token == st->token && st->phase == RECORD) on_recorded(self, st);
        break;
    case PL_T_STORE_FAILED:
        on_failed(self, st, failed->token, (int)failed->code, NULL);
        break;
    case PL_T_SYS_UNDELIVERED:
        on_undelivered(self, st, m->body);
        break;
    case PL_T_SYS_TIMER:
        if (st->phase == LOADING || (st->phase == READY && st->standby))
            load(self, st);
        else if (st->standby)
            pl_timer_start(self, RELOAD_MS, 0, 0);
        break;
    case PL_T_SYS_UP:
        if (st->phase == LOADING && pl_str_is(up->actor, "store")) load(self, st);
        break;
    case PL_T_SYS_DOWN:
        if (pl_str_is(down->actor, "store")) on_store_down(self, st);
        break;
    case PL_T_SYS_STOP:
        break; /* what waits is answered while the node drains */
    default:
        wait_in_line(self, st, m);
    }
    next_jobs(self, st);
    return 0;
}

static void feedback_stop(struct pl_actor *self, void *state)
{
    struct feedback *st = state;
    while (st->first) {
        struct pl_msg *m = line_take(st);
        pl_msg_unref(&m);
    }
    job_finish(st);
}

const struct pl_actor_class pl_feedback_class = {
    .name = "feedback",
    .state_bytes = sizeof(struct feedback),
    .start = feedback_start,
    .receive = feedback_receive,
    .stop = feedback_stop,
    .restart = PL_RESTART_DEFAULT,
};
