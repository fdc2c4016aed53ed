/* sim_store.c - the simulator's store: the messages of runtime/store.h over sorted memory that can crash.
 *
 * Disk: rows (synced) and a log of commits that are written but not synced. A sync moves the log into the
 * rows. After a crash some first part of the log survives: a commit is there as a whole or not at all, as
 * with a checksummed log.
 *
 *   write -> waiting -> [commit: logged] -- virtual fsync --> [synced] -> store.written
 *
 * 1. store.written is sent only after the sync.
 * 2. Requests are answered in order: a read waits for the writes before it, so it sees them and nothing
 * unsynced.
 * 3. All writes that wait when a commit begins share its sync.
 * 4. audit.add becomes a row of the family `audit`, durable at once, in its turn.
 * 5. It refuses what the real store refuses, but for families: here one is made by its first write.
 * 6. A commit that failed is on the disk as a whole or not at all, and which of the two shows before the next
 * one begins: as with a store that must be opened again after an error. */
#include <endian.h>
#include <stdlib.h>

#include "runtime/node_inside.h"
#include "runtime/sim_inside.h"
#include "runtime/store_op.h"

enum {
    BATCH_MAX = 256,
    WAITING_MAX = 4096,
    SYNC_MAX_MS = 4,
    TIMER_SYNC = 1,
    FAMILY_NAME_MAX = 32,
    FULL_MAX_MS = 15000
};

struct row {
    struct pl_bin key, value; /* one allocation, at key.ptr */
    uint64_t owner, also;     /* of whom it is; 0: nobody */
};
struct family {
    char name[FAMILY_NAME_MAX + 1];
    struct row *rows; /* in order of keys */
    size_t count, capacity;
};
struct pl_sim_disk {
    struct pl_sim *sim;
    const struct pl_node *user; /* where the store runs */
    bool frozen;
    struct family *families;
    size_t families_count;
    struct pl_msg **log; /* copies of store.write */
    size_t log_count, log_capacity;
    uint64_t forgotten, torn;
    uint64_t full_until_ms;
};

/* ---- rows ---- */

static size_t lower_bound(const struct family *f, struct pl_bin key)
{
    size_t low = 0, high = f->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (pl__store_compare(f->rows[middle].key, key) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static const struct row *find_row(const struct family *f, struct pl_bin key)
{
    size_t at = f ? lower_bound(f, key) : 0;
    return f && at < f->count && pl__store_compare(f->rows[at].key, key) == 0 ? &f->rows[at] : NULL;
}

static struct family *find_family(const struct pl_sim_disk *d, struct pl_str name)
{
    for (size_t i = 0; i < d->families_count; i++)
        if (pl_str_is(name, d->families[i].name)) return &d->families[i];
    return NULL;
}

static struct family *make_family(struct pl_sim_disk *d, struct pl_str name)
{
    struct family *f = find_family(d, name);
    if (f) return f;
    d->families = realloc(d->families, (d->families_count + 1) * sizeof *d->families);
    PL_MUST(d->families && name.len < sizeof f->name);
    f = &d->families[d->families_count++];
    *f = (struct family){.rows = NULL};
    memcpy(f->name, name.ptr, name.len);
    return f;
}

static void erase(struct family *f, size_t from, size_t to)
{
    for (size_t i = from; i < to; i++) free((void *)(uintptr_t)f->rows[i].key.ptr);
    if (to > from) memmove(f->rows + from, f->rows + to, (f->count - to) * sizeof *f->rows);
    f->count -= to - from;
}

static struct row make_row(struct pl_bin key, struct pl_bin value)
{
    uint8_t *bytes = malloc((size_t)key.len + value.len + 1);
    PL_MUST(bytes);
    if (key.len) memcpy(bytes, key.ptr, key.len);
    if (value.len) memcpy(bytes + key.len, value.ptr, value.len);
    return (struct row){{bytes, key.len}, {bytes + key.len, value.len}};
}

static struct row *put(struct family *f, struct pl_bin key, struct pl_bin value)
{
    size_t at = lower_bound(f, key);
    if (at < f->count && pl__store_compare(f->rows[at].key, key) == 0) erase(f, at, at + 1);
    if (f->count == f->capacity) {
        f->capacity = f->capacity ? 2 * f->capacity : 16;
        f->rows = realloc(f->rows, f->capacity * sizeof *f->rows);
        PL_MUST(f->rows);
    }
    memmove(f->rows + at + 1, f->rows + at, (f->count - at) * sizeof *f->rows);
    f->rows[at] = make_row(key, value);
    f->count++;
    return &f->rows[at];
}

/* FNV-1a of tenant and user. */
static uint64_t owner_of(struct pl_str tenant, struct pl_str user)
{
    uint64_t h = 0xcbf29ce484222325u;
    if (!user.len) return 0;
    for (uint32_t i = 0; i < tenant.len; i++) h = (h ^ (uint8_t)tenant.ptr[i]) * 0x100000001b3u;
    h *= 0x100000001b3u;
    for (uint32_t i = 0; i < user.len; i++) h = (h ^ (uint8_t)user.ptr[i]) * 0x100000001b3u;
    return h | 1;
}

static void put_owned(struct family *f, const struct pl_store_op *op)
{
    struct row *r = put(f, op->key, op->value);
    r->owner = owner_of(op->tenant, op->user);
    r->also = owner_of(op->tenant, op->also);
}

static void apply(struct pl_sim_disk *d, const struct pl_store_op *op)
{
    struct family *f = make_family(d, op->family);
    size_t at = lower_bound(f, op->key);
    switch (op->op) {
    case PL_STORE_OP_OP_PUT:
        put_owned(f, op);
        break;
    case PL_STORE_OP_OP_DELETE:
        if (find_row(f, op->key)) erase(f, at, at + 1);
        break;
    case PL_STORE_OP_OP_DELETE_RANGE: {
        size_t to = lower_bound(f, op->end);
        if (to > at) erase(f, at, to);
        break;
    }
    }
}

/* ---- the disk ---- */

struct pl_sim_disk *pl__sim_disk_create(struct pl_sim *s)
{
    struct pl_sim_disk *d = calloc(1, sizeof *d);
    if (d) d->sim = s;
    return d;
}

static void log_append(struct pl_sim_disk *d, const struct pl_msg *write)
{
    if (d->frozen) return;
    if (d->log_count == d->log_capacity) {
        d->log_capacity = d->log_capacity ? 2 * d->log_capacity : 16;
        d->log = realloc(d->log, d->log_capacity * sizeof(struct pl_msg *));
        PL_MUST(d->log);
    }
    d->log[d->log_count] = pl_msg_copy(write);
    PL_MUST(d->log[d->log_count]);
    d->log_count++;
}

/* The first N commits of the log become rows, the others are lost. */
static void keep_first(struct pl_sim_disk *d, size_t n)
{
    for (size_t i = 0; i < d->log_count; i++) {
        const struct pl_store_write *w = d->log[i]->body;
        for (uint32_t k = 0; i < n && k < w->ops_count; k++) apply(d, &w->ops[k]);
        pl_msg_unref(&d->log[i]);
    }
    d->log_count = 0;
}

static void disk_sync(struct pl_sim_disk *d)
{
    if (!d->frozen) keep_first(d, d->log_count);
}

void pl__sim_disk_freeze(struct pl_sim_disk *d, bool frozen)
{
    d->frozen = frozen;
}

bool pl__sim_disk_crash(struct pl_sim_disk *d, const struct pl_node *node, uint64_t random)
{
    if (node && node != d->user) return false;
    size_t kept = random % (d->log_count + 1);
    if (d->log_count > 0 && kept == 0) d->forgotten++;
    if (kept > 0 && kept < d->log_count) d->torn++;
    keep_first(d, kept);
    d->user = NULL;
    return true;
}

void pl__sim_disk_destroy(struct pl_sim_disk *d)
{
    if (!d) return;
    keep_first(d, 0);
    for (size_t i = 0; i < d->families_count; i++) {
        erase(&d->families[i], 0, d->families[i].count);
        free(d->families[i].rows);
    }
    free(d->families);
    free(d->log);
    free(d);
}

void pl_sim_disk_losses(const struct pl_sim_disk *d, uint64_t *forgotten, uint64_t *torn)
{
    *forgotten = d->forgotten;
    *torn = d->torn;
}

void pl_sim_disk_each(const struct pl_sim_disk *d, const char *family, pl_sim_row fn, void *arg)
{
    const struct family *f = find_family(d, pl_str_of(family));
    for (size_t i = 0; f && i < f->count; i++) fn(family, f->rows[i].key, f->rows[i].value, arg);
}

size_t pl_sim_disk_rows(const struct pl_sim_disk *d, const char *family)
{
    const struct family *f = find_family(d, pl_str_of(family));
    return f ? f->count : 0;
}

static bool is_full(struct pl_sim_disk *d)
{
    uint64_t now_ms = d->sim->now_us / 1000;
    if (d->sim->faults_off) d->full_until_ms = 0;
    if (d->full_until_ms <= now_ms && pl__sim_chance(d->sim, PL_FAULT_DISK_FULL))
        d->full_until_ms = now_ms + pl_sim_random(d->sim) % FULL_MAX_MS;
    return d->full_until_ms > now_ms;
}

/* ---- the actor ---- */

struct store {
    struct pl_sim_disk *disk;
    struct pl_msg **waiting;
    size_t count, capacity;
    size_t batch;  /* first of the waiting ones, in the running commit; 0: none runs */
    int failing;   /* code with which the running commit will fail; 0: it will not */
    bool doubtful; /* and yet be there */
};

static int start(struct pl_actor *self, void *state, const void *arg)
{
    struct store *s = state;
    s->disk = (struct pl_sim_disk *)(uintptr_t)arg;
    s->disk->user = self->node;
    pl__sim_hold(s->disk->sim);
    disk_sync(s->disk); /* what a crash left in the log is recovered; what a dead incarnation logged too */
    pl__sim_release(s->disk->sim);
    return 0;
}

static void stop(struct pl_actor *self, void *state)
{
    struct store *s = state;
    for (size_t i = 0; i < s->count; i++) pl_msg_unref(&s->waiting[i]);
    free(s->waiting);
}

static void pop_first(struct store *s, size_t n)
{
    for (size_t i = 0; i < n; i++) pl_msg_unref(&s->waiting[i]);
    memmove(s->waiting, s->waiting + n, (s->count - n) * sizeof(struct pl_msg *));
    s->count -= n;
}

static uint64_t token_of(const struct pl_msg *m)
{
    const struct pl_store_write *w = PL_BODY(m, store_write);
    const struct pl_store_get *g = PL_BODY(m, store_get);
    const struct pl_store_scan *s = PL_BODY(m, store_scan);
    const struct pl_audit_add *a = PL_BODY(m, audit_add);
    const struct pl_store_forget *f = PL_BODY(m, store_forget);
    if (f) return f->token;
    return w ? w->token : g ? g->token : s ? s->token : a ? a->token : 0;
}

static void reply_refused(struct pl_actor *self, const struct pl_msg *request, const struct pl_err *why)
{
    PL_NEW(m, f, store_failed);
    if (f) {
        f->token = token_of(request);
        f->code = (uint32_t)why->code;
        f->text = pl_msg_str(m, pl_str_of(why->text));
    }
    pl_reply(self, request, &m);
}

static void reply_failed(struct pl_actor *self, const struct pl_msg *request, int code)
{
    struct pl_err err = {0};
    pl_fail(&err, code, NULL, "%s", pl_error_text(code));
    reply_refused(self, request, &err);
}

static void reply_written(struct pl_actor *self, const struct pl_msg *request)
{
    PL_NEW(m, w, store_written);
    if (w) w->token = token_of(request);
    pl_reply(self, request, &m);
}

static struct pl_store_row row_out(struct pl_msg *m, struct pl_bin key, const struct row *r)
{
    struct pl_store_row out;
    pl_store_row_type.init(&out);
    out.key = pl_msg_bin(m, key.ptr, key.len);
    out.found = r != NULL;
    out.has_value = r != NULL;
    if (r) out.value = pl_msg_bin(m, r->value.ptr, r->value.len);
    return out;
}

static void reply_values(struct pl_actor *self, const struct store *s, const struct pl_msg *request)
{
    const struct pl_store_get *g = request->body;
    PL_NEW(m, v, store_values);
    if (v) {
        v->token = g->token;
        v->rows = pl_msg_alloc(m, g->keys_count * sizeof *v->rows);
        PL_MUST(v->rows);
        for (uint32_t i = 0; i < g->keys_count; i++)
            v->rows[i] =
                row_out(m, g->keys[i].key, find_row(find_family(s->disk, g->keys[i].family), g->keys[i].key));
        v->rows_count = g->keys_count;
    }
    pl_reply(self, request, &m);
}

static void reply_rows(struct pl_actor *self, const struct store *s, const struct pl_msg *request)
{
    const struct pl_store_scan *q = request->body;
    const struct family *f = find_family(s->disk, q->family);
    size_t first = f && q->from.len ? lower_bound(f, q->from) : 0;
    size_t end = !f ? 0 : q->to.len ? lower_bound(f, q->to) : f->count;
    size_t there = end > first ? end - first : 0;
    uint64_t bytes = 0;
    PL_NEW(m, out, store_rows);
    if (out) {
        out->token = q->token;
        out->rows = pl_msg_alloc(m, (there < q->limit ? there : q->limit) * sizeof *out->rows);
        PL_MUST(out->rows);
        while (out->rows_count < there && out->rows_count < q->limit) {
            const struct row *r = &f->rows[q->reverse ? end - 1 - out->rows_count : first + out->rows_count];
            bytes += (uint64_t)r->key.len + r->value.len;
            if (out->rows_count > 0 && bytes > q->max_bytes) break; /* the first is given whatever its size */
            out->rows[out->rows_count++] = row_out(m, r->key, r);
        }
        out->more = out->rows_count < there;
    }
    pl_reply(self, request, &m);
}

/* The audit record has a sync of its own: what was answered is never forgotten. A row: number -> act. */
static void reply_audited(struct pl_actor *self, const struct store *s, const struct pl_msg *request)
{
    const struct pl_audit_add *a = request->body;
    struct family *f = make_family(s->disk, PL_STR("audit"));
    uint64_t number = htobe64(f->count + 1);
    if (!s->disk->frozen)
        put(f, (struct pl_bin){(const uint8_t *)&number, sizeof number},
            (struct pl_bin){(const uint8_t *)a->act.ptr, a->act.len});
    PL_NEW(m, b, audit_added);
    if (b) b->token = a->token;
    pl_reply(self, request, &m);
}

/* As the vault's, a forgotten key is gone at once and for good. */
static void reply_forgotten(struct pl_actor *self, const struct store *s, const struct pl_msg *request)
{
    const struct pl_store_forget *q = request->body;
    uint64_t who = owner_of(q->tenant, q->user);
    bool found = false;
    for (size_t i = 0; i < s->disk->families_count && who && !s->disk->frozen; i++) {
        struct family *f = &s->disk->families[i];
        for (size_t at = f->count; at > 0; at--) {
            if (f->rows[at - 1].owner != who && f->rows[at - 1].also != who) continue;
            erase(f, at - 1, at);
            found = true;
        }
    }
    PL_NEW(m, b, store_forgotten);
    if (b) b->token = q->token;
    if (b) b->found = found;
    pl_reply(self, request, &m);
}

static void begin_commit(struct pl_actor *self, struct store *s)
{
    uint64_t delay_ms = 1 + pl_random_u64(self) % SYNC_MAX_MS;
    s->doubtful = pl__sim_chance(s->disk->sim, PL_FAULT_WRITE_DOUBTFUL);
    bool fails = s->doubtful || pl__sim_chance(s->disk->sim, PL_FAULT_WRITE_FAILED);
    s->failing = fails ? PL_E_STORAGE : is_full(s->disk) ? PL_E_STORAGE_FULL : 0;
    if (pl__sim_chance(s->disk->sim, PL_FAULT_SLOW_COMMIT))
        delay_ms += pl_random_u64(self) % (s->disk->sim->opts.delay_max_ms + 1);
    while (s->batch < s->count && s->batch < BATCH_MAX &&
           s->waiting[s->batch]->type == &pl_store_write_type) {
        if (!s->failing || s->doubtful) log_append(s->disk, s->waiting[s->batch]);
        s->batch++;
    }
    pl_kill_point(self, "commit");
    pl_timer_start(self, delay_ms, TIMER_SYNC, 0);
}

static void end_commit(struct pl_actor *self, struct store *s)
{
    if (!s->failing || s->doubtful) disk_sync(s->disk);
    pl_kill_point(self, "commit");
    for (size_t i = 0; i < s->batch; i++) {
        if (s->failing)
            reply_failed(self, s->waiting[i], s->failing);
        else
            reply_written(self, s->waiting[i]);
    }
    pop_first(s, s->batch);
    s->batch = 0;
}

static int work(struct pl_actor *self, void *state)
{
    struct store *s = state;
    pl__sim_hold(s->disk->sim);
    while (s->batch == 0 && s->count > 0) {
        const struct pl_msg *m = s->waiting[0];
        if (m->type == &pl_store_write_type) {
            begin_commit(self, s);
            continue;
        }
        if (m->type == &pl_audit_add_type)
            reply_audited(self, s, m);
        else if (m->type == &pl_store_forget_type)
            reply_forgotten(self, s, m);
        else if (m->type == &pl_store_get_type)
            reply_values(self, s, m);
        else
            reply_rows(self, s, m);
        pop_first(s, 1);
    }
    pl__sim_release(s->disk->sim);
    return 0;
}

static void wait(struct pl_actor *self, struct store *s, const struct pl_msg *m)
{
    if (s->count >= WAITING_MAX) {
        reply_failed(self, m, PL_E_OVERLOADED);
        return;
    }
    if (s->count == s->capacity) {
        s->capacity = s->capacity ? 2 * s->capacity : 64;
        s->waiting = realloc(s->waiting, s->capacity * sizeof(struct pl_msg *));
        PL_MUST(s->waiting);
    }
    s->waiting[s->count++] = pl_msg_ref((struct pl_msg *)(uintptr_t)m);
}

static int check_write(const struct pl_store_write *w, struct pl_err *err)
{
    int rc = 0;
    for (uint32_t i = 0; i < w->ops_count && rc == 0; i++) {
        if (w->ops[i].family.len > FAMILY_NAME_MAX)
            rc =
                pl_fail(err, PL_E_INVALID, "family", "a family's name has %d bytes at most", FAMILY_NAME_MAX);
        else
            rc = pl__store_op_check(&w->ops[i], err);
    }
    return rc;
}

static int take(struct pl_actor *self, void *state, const struct pl_msg *m)
{
    const struct pl_store_write *w = PL_BODY(m, store_write);
    struct pl_err err = {0};
    if (w && check_write(w, &err) != 0)
        reply_refused(self, m, &err);
    else if (w || m->type == &pl_store_get_type || m->type == &pl_store_scan_type ||
             m->type == &pl_audit_add_type || m->type == &pl_store_forget_type)
        wait(self, state, m);
    else if (m->type == &pl_sys_timer_type)
        end_commit(self, state);
    else
        return PL_UNHANDLED;
    return 0;
}

static int receive(struct pl_actor *self, void *state, const struct pl_msg *m)
{
    const struct store *s = state;
    pl__sim_hold(s->disk->sim);
    int rc = take(self, state, m);
    pl__sim_release(s->disk->sim);
    return rc;
}

const struct pl_actor_class pl_sim_store_class = {.name = "store",
                                                  .state_bytes = sizeof(struct store),
                                                  .start = start,
                                                  .receive = receive,
                                                  .batch_end = work,
                                                  .stop = stop,
                                                  .mailbox_limit = 8192};
