/* store.c - the store actor: its mailbox becomes one batch and one fsync, then everybody is answered.
 *
 * receive puts writes into the batch and keeps the requests; batch_end, a read, or a full batch commits and
 * answers them in order. So an answer always follows the fsync, a read sees every write before it, and
 * answers to one asker keep the order of its requests.
 *
 *   open --commit failed--> read-only --timer: reopened--> open
 *                              +--timer: not yet (no room, damage)--> read-only, later again
 *
 * 1. pending holds a request exactly as long as its operations are in the disk's batch.
 * 2. A request is added whole or refused alone: it can not fail its neighbours.
 * 3. The point `commit` is passed twice a commit: odd passes before it, even ones after it and before the
 * answers. */
#include "runtime/store.h"

#include <time.h>

#include "runtime/store_desk.h"
#include "runtime/store_disk.h"

enum {
    BATCH_REQUESTS = 512,
    BATCH_BYTES = 4 << 20,
    TIMER_REOPEN = 1,
    TIMER_FOLLOW = 2,
    FOLLOW_MS = 1000,
    TIMER_SWEEP = 3,
    SWEEP_MS = 2,
    REOPEN_MS = 1000,
    REOPEN_MAX_MS = 4000 /* writes are taken again well within 10 s of there being room */
};

struct store {
    const struct pl_store_opts *opts;
    struct pl__disk *disk;
    struct pl_msg *pending[BATCH_REQUESTS];
    uint32_t pending_count;
    uint32_t reopen_ms; /* the next delay; 0: no timer is running */
    bool behind;        /* a follower's last try failed */
    struct pl_counter *commits, *requests, *refused, *errors;
    struct pl_gauge *free_bytes, *read_only;
    struct pl_histogram *seconds;
};

static double now_s(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static void refuse(struct pl_actor *self, struct store *s, const struct pl_msg *request, uint64_t token,
                   const struct pl_err *why)
{
    pl_counter_add(s->refused, 1);
    PL_NEW(m, b, store_failed);
    if (b) {
        b->token = token;
        b->code = (uint32_t)why->code;
        b->text = pl_msg_str(m, pl_str_of(why->text));
    }
    pl_reply(self, request, &m);
}

static void answer(struct pl_actor *self, struct store *s, const struct pl_msg *request,
                   const struct pl_err *failed)
{
    const struct pl_store_write *w = PL_BODY(request, store_write);
    if (failed) {
        refuse(self, s, request, w->token, failed);
        return;
    }
    PL_NEW(m, b, store_written);
    if (b) b->token = w->token;
    pl_reply(self, request, &m);
}

static void answer_all(struct pl_actor *self, struct store *s, const struct pl_err *failed)
{
    for (uint32_t i = 0; i < s->pending_count; i++) {
        answer(self, s, s->pending[i], failed);
        pl_msg_unref(&s->pending[i]);
    }
    s->pending_count = 0;
}

static void go_read_only(struct pl_actor *self, struct store *s, const struct pl_err *err)
{
    pl_counter_add(s->errors, 1);
    pl_gauge_set(s->read_only, 1);
    pl_log(self, PL_LOG_ERROR, "store_read_only", "error=%s", err->text);
    if (s->reopen_ms) return;
    s->reopen_ms = REOPEN_MS;
    pl_timer_start(self, s->reopen_ms, TIMER_REOPEN, 0);
}

/* FIRST: the time at which the commit began, when any of its writes belongs to a trace that is written. */
static void begin_spans(struct pl_actor *self, const struct store *s, struct pl_span *first)
{
    for (uint32_t i = 0; i < s->pending_count && !first->on; i++)
        if (s->pending[i]->env.trace.len)
            pl_span_begin(self, first, "store.commit", s->pending[i]->env.trace, false);
}

static void end_spans(struct pl_actor *self, const struct store *s, const struct pl_span *first, int rc)
{
    const struct pl_attribute writes = {.key = "writes", .number = s->pending_count};
    for (uint32_t i = 0; i < s->pending_count && first->on; i++) {
        struct pl_span one;
        pl_span_begin(self, &one, "store.commit", s->pending[i]->env.trace, false);
        one.wall_us = first->wall_us;
        one.mono_us = first->mono_us;
        pl_span_end(self, &one, -rc, &writes, 1);
    }
}

static void commit(struct pl_actor *self, struct store *s)
{
    if (s->pending_count == 0) return;
    struct pl_err err = {0};
    pl_kill_point(self, "commit");
    double began = now_s();
    struct pl_span first = {0};
    begin_spans(self, s, &first);
    int rc = pl__disk_commit(s->disk, &err);
    end_spans(self, s, &first, rc);
    pl_histogram_observe(s->seconds, now_s() - began);
    pl_counter_add(s->commits, 1);
    pl_counter_add(s->requests, s->pending_count);
    pl_gauge_set(s->free_bytes, (double)pl__disk_free_bytes(s->disk));
    if (!rc) pl_kill_point(self, "commit");
    answer_all(self, s, rc ? &err : NULL);
    if (pl__disk_failed(s->disk)) go_read_only(self, s, &err);
}

/* Rows of forgotten users go a chunk at a time, so that nobody waits for all of them. */
static void sweep(struct pl_actor *self, struct store *s)
{
    struct pl_err err = {0};
    bool more = false;
    if (pl__disk_sweep(s->disk, &more, &err)) pl_log(self, PL_LOG_ERROR, "not_swept", "error=%s", err.text);
    if (more) pl_timer_start(self, SWEEP_MS, TIMER_SWEEP, 0);
    if (pl__disk_failed(s->disk)) go_read_only(self, s, &err);
}

static void sweep_later(struct pl_actor *self, struct store *s)
{
    if (pl__disk_sweeping(s->disk)) pl_timer_start(self, SWEEP_MS, TIMER_SWEEP, 0);
}

static void reopen(struct pl_actor *self, struct store *s)
{
    struct pl_err err = {0};
    if (pl__disk_reopen(s->disk, &err) == 0) {
        s->reopen_ms = 0;
        pl_gauge_set(s->read_only, 0);
        pl_log(self, PL_LOG_INFO, "store_reopened", "free_bytes=%llu",
               (unsigned long long)pl__disk_free_bytes(s->disk));
        sweep_later(self, s);
        return;
    }
    pl_log(self, PL_LOG_WARN, "store_not_reopened", "error=%s", err.text);
    s->reopen_ms = s->reopen_ms * 2 < REOPEN_MAX_MS ? s->reopen_ms * 2 : REOPEN_MAX_MS;
    pl_timer_start(self, s->reopen_ms, TIMER_REOPEN, 0);
}

/* A follower that cannot follow says so once, and tries on. */
static void follow(struct pl_actor *self, struct store *s)
{
    struct pl_err err = {0};
    bool failed = pl__disk_follow(s->disk, &err) != 0;
    if (failed && !s->behind) pl_log(self, PL_LOG_WARN, "not_following", "error=%s", err.text);
    s->behind = failed;
    pl_timer_start(self, FOLLOW_MS, TIMER_FOLLOW, 0);
}

static void on_write(struct pl_actor *self, struct store *s, const struct pl_msg *m,
                     const struct pl_store_write *w)
{
    struct pl_err err = {0};
    if (pl__disk_add(s->disk, w, &err)) {
        refuse(self, s, m, w->token, &err);
        return;
    }
    s->pending[s->pending_count++] = pl_msg_ref((struct pl_msg *)m);
    if (s->pending_count == BATCH_REQUESTS || pl__disk_batch_bytes(s->disk) >= BATCH_BYTES) commit(self, s);
}

/* Sends what a read gave: the filled REPLY, or why not. Takes REPLY. */
static int finish_read(struct pl_actor *self, struct store *s, const struct pl_msg *m, uint64_t token, int rc,
                       struct pl_msg *reply, const struct pl_err *err)
{
    if (!rc) {
        pl_reply(self, m, &reply);
        return 0;
    }
    pl_msg_unref(&reply);
    refuse(self, s, m, token, err);
    return 0;
}

static int on_get(struct pl_actor *self, struct store *s, const struct pl_msg *m,
                  const struct pl_store_get *g)
{
    struct pl_err err = {0};
    PL_NEW(reply, b, store_values);
    if (!reply) return -PL_E_NO_MEMORY;
    commit(self, s);
    b->token = g->token;
    return finish_read(self, s, m, g->token, pl__disk_get(s->disk, g, reply, &err), reply, &err);
}

static int on_scan(struct pl_actor *self, struct store *s, const struct pl_msg *m,
                   const struct pl_store_scan *q)
{
    struct pl_err err = {0};
    PL_NEW(reply, b, store_rows);
    if (!reply) return -PL_E_NO_MEMORY;
    commit(self, s);
    b->token = q->token;
    return finish_read(self, s, m, q->token, pl__disk_scan(s->disk, q, reply, &err), reply, &err);
}

static void on_audit(struct pl_actor *self, struct store *s, const struct pl_msg *m,
                     const struct pl_audit_add *a)
{
    struct pl_err err = {0};
    commit(self, s); /* first: whoever waits for its write need not wait for another sync */
    if (pl__desk_audit(s->opts->data, a, &err)) {
        pl_log(self, PL_LOG_ERROR, "audit_failed", "act=%.*s error=%s", PL_STR_FMT(a->act), err.text);
        refuse(self, s, m, a->token, &err);
        return;
    }
    PL_NEW(reply, b, audit_added);
    if (b) b->token = a->token;
    pl_reply(self, m, &reply);
}

static void on_backup(struct pl_actor *self, struct store *s, const struct pl_msg *m,
                      const struct pl_backup_create *q)
{
    struct pl_err err = {0};
    commit(self, s); /* first: what waits was sent before the backup was asked for, and belongs to it */
    double began = now_s();
    if (pl__desk_backup(self, s->opts->data, s->disk, m, q, &err)) pl__desk_refuse(self, m, &err);
    pl_log(self, err.code ? PL_LOG_ERROR : PL_LOG_INFO, "checkpoint", "name=%.*s seconds=%.3f error=%s",
           PL_STR_FMT(q->name), now_s() - began, err.text);
}

static void on_forget(struct pl_actor *self, struct store *s, const struct pl_msg *m,
                      const struct pl_store_forget *f)
{
    struct pl_err err = {0};
    bool found = false;
    commit(self, s); /* first: what was written before belongs to what is forgotten */
    int rc = pl__disk_forget(s->disk, f->tenant, f->user, &found, &err);
    sweep_later(self, s);
    if (rc) {
        refuse(self, s, m, f->token, &err);
        return;
    }
    PL_NEW(reply, b, store_forgotten);
    if (b) b->token = f->token;
    if (b) b->found = found;
    pl_reply(self, m, &reply);
}

static void audit_rotation(struct store *s, const struct pl_keys_rotate *r, const char *outcome)
{
    const struct pl_audit_add a = {.act = r->has_tenant ? PL_STR("keys.rotate-tenant")
                                                        : PL_STR("keys.rotate-master"),
                                   .outcome = pl_str_of(outcome),
                                   .has_tenant = r->has_tenant,
                                   .tenant = r->tenant};
    if (s->opts->data) pl__desk_audit(s->opts->data, &a, NULL);
}

static void on_rotate(struct pl_actor *self, struct store *s, const struct pl_msg *m,
                      const struct pl_keys_rotate *r)
{
    struct pl_err err = {0};
    commit(self, s);
    audit_rotation(s, r, "intent");
    int rc = pl__disk_rotate(s->disk, r, &err);
    audit_rotation(s, r, rc ? "failed" : "done");
    pl_log(self, rc ? PL_LOG_ERROR : PL_LOG_INFO, "keys_rotated", "tenant=%.*s error=%s",
           PL_STR_FMT(r->tenant), err.text);
    if (rc) {
        pl__desk_refuse(self, m, &err);
        return;
    }
    PL_NEW(reply, b, keys_rotated);
    if (b) b->replaced = !r->has_tenant && s->opts->master->file[0];
    pl_reply(self, m, &reply);
}

static int store_receive(struct pl_actor *self, void *state, const struct pl_msg *m)
{
    struct store *s = state;
    const struct pl_store_write *w = PL_BODY(m, store_write);
    const struct pl_store_get *g = PL_BODY(m, store_get);
    const struct pl_store_scan *q = PL_BODY(m, store_scan);
    const struct pl_audit_add *a = PL_BODY(m, audit_add);
    const struct pl_backup_create *b = PL_BODY(m, backup_create);
    const struct pl_store_forget *f = PL_BODY(m, store_forget);
    const struct pl_keys_rotate *r = PL_BODY(m, keys_rotate);
    const struct pl_sys_timer *t = PL_BODY(m, sys_timer);
    if (w)
        on_write(self, s, m, w);
    else if (g)
        return on_get(self, s, m, g);
    else if (q)
        return on_scan(self, s, m, q);
    else if (a)
        on_audit(self, s, m, a);
    else if (b)
        on_backup(self, s, m, b);
    else if (f)
        on_forget(self, s, m, f);
    else if (r)
        on_rotate(self, s, m, r);
    else if (t && t->kind == TIMER_SWEEP)
        sweep(self, s);
    else if (t && t->kind == TIMER_REOPEN)
        reopen(self, s);
    else if (t && t->kind == TIMER_FOLLOW)
        follow(self, s);
    else
        return PL_UNHANDLED;
    return 0;
}

static int store_batch_end(struct pl_actor *self, void *state)
{
    commit(self, state);
    return 0;
}

static void find_metrics(struct pl_actor *self, struct store *s)
{
    static const double bounds[] = {0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01,
                                    0.025,  0.05,    0.1,    0.5,   1,      5};
    struct pl_metrics *m = pl_actor_metrics(self);
    s->commits =
        pl_metrics_counter(m, "parlance_store_commits_total", "Commits of the store, one fsync each.", NULL);
    s->requests =
        pl_metrics_counter(m, "parlance_store_commit_requests_total", "Writes in these commits.", NULL);
    s->refused =
        pl_metrics_counter(m, "parlance_store_failed_total", "Requests answered by store.failed.", NULL);
    s->errors = pl_metrics_counter(m, "parlance_store_errors_total", "Commits that the disk failed.", NULL);
    s->free_bytes =
        pl_metrics_gauge(m, "parlance_store_free_bytes", "Free space where the store lies.", NULL);
    s->read_only =
        pl_metrics_gauge(m, "parlance_store_read_only", "1 while the store takes no writes.", NULL);
    s->seconds = pl_metrics_histogram(m, "parlance_store_commit_seconds", "Time of a commit.", NULL, bounds,
                                      sizeof bounds / sizeof *bounds);
}

static int store_start(struct pl_actor *self, void *state, const void *arg)
{
    struct store *s = state;
    struct pl_err err = {0};
    s->opts = arg;
    find_metrics(self, s);
    int rc = pl__disk_open(arg, &s->disk, &err);
    if (rc) {
        pl_log(self, PL_LOG_ERROR, "store_not_opened", "code=%s error=%s", pl_error_name(-rc), err.text);
        return rc;
    }
    pl_gauge_set(s->read_only, 0);
    pl_gauge_set(s->free_bytes, (double)pl__disk_free_bytes(s->disk));
    if (s->opts->secondary) pl_timer_start(self, 1, TIMER_FOLLOW, 0);
    sweep_later(self, s);
    return 0;
}

/* Only a failed handler leaves requests pending. */
static void store_stop(struct pl_actor *self, void *state)
{
    struct store *s = state;
    struct pl_err err = {.code = PL_E_STORAGE, .text = "the store was stopped before it could commit"};
    answer_all(self, s, &err);
    pl__disk_close(&s->disk);
}

const struct pl_actor_class pl_store_class = {
    .name = "store",
    .state_bytes = sizeof(struct store),
    .start = store_start,
    .receive = store_receive,
    .batch_end = store_batch_end,
    .stop = store_stop,
    .mailbox_limit = 4096,
    .restart = PL_RESTART_DEFAULT,
    .may_block = true,
};
