/* msg.c - messages: creation, sharing, the wire form.
 *
 * A message that was sent is shared and read-only. To pass one on, the runtime wraps it: an envelope of its
 * own over the body of the origin, which is kept alive by a reference. Chains do not grow: the origin of a
 * wrap is never a wrap.
 *
 * A message and the first part of its arena are one allocation, of a size that malloc keeps at hand. */
#include "runtime/msg.h"

#include <stdalign.h>
#include <stdlib.h>

#include "runtime/wrap.h"

enum {
    BUDGET_MAX_MS = 86400000,
    MESSAGE_BYTES = 1024,
    STRINGS_BYTES = 256,
    ENVELOPE_VERSION = 1,
    ALIGN = alignof(max_align_t)
};

/* The body, when it leaves STRINGS_BYTES, and the first block of the arena share the memory. */
struct cell {
    struct pl_msg m;
    alignas(max_align_t) unsigned char memory[];
};
_Static_assert(MESSAGE_BYTES >= sizeof(struct cell) + STRINGS_BYTES, "a message has room for its strings");

/* Cells that were freed on this thread, the newest first: it is still in the cache of the processor. */
#ifdef PL_SANITIZED
enum { CELLS_KEPT = 0 }; /* a sanitizer has to see each of them freed */
#else
enum { CELLS_KEPT = 256 };
#endif
static _Thread_local struct {
    struct pl_msg *first;
    uint32_t count;
} kept;

static struct cell *cell_take(void)
{
    struct pl_msg *m = kept.first;
    if (!m) return malloc(MESSAGE_BYTES);
    kept.first = m->next;
    kept.count--;
    return (struct cell *)m;
}

static void cell_give(struct pl_msg *m)
{
    if (kept.count == CELLS_KEPT) {
        free(m);
        return;
    }
    m->next = kept.first;
    kept.first = m;
    kept.count++;
}

void pl__msg_forget_kept(void)
{
    while (kept.first) free(cell_take());
}

/* A message whose first BODY_BYTES of memory are zero. */
static struct pl_msg *blank(const struct pl_type *type, size_t body_bytes)
{
    struct cell *cell = cell_take();
    size_t bytes = sizeof *cell + body_bytes;
    if (!cell) return NULL;
    struct pl_msg *m = &cell->m;
    __asm__(""
            : "+r"(bytes)); /* a compiler that knows the range writes `rep stos`, slower here than the call */
    memset(cell, 0, bytes);
    m->env.v = ENVELOPE_VERSION; /* all that the envelope's own init does besides */
    m->refs = 1;
    m->type = type;
    m->deadline_ms = PL_NO_DEADLINE;
    pl_arena_lend(&m->arena, cell->memory + body_bytes, MESSAGE_BYTES - sizeof *cell - body_bytes);
    return m;
}

static struct pl_msg *with_body(const struct pl_type *type)
{
    size_t bytes = (type->size + (size_t)ALIGN - 1) / ALIGN * ALIGN;
    bool inside = bytes <= MESSAGE_BYTES - sizeof(struct cell) - STRINGS_BYTES;
    struct pl_msg *m = blank(type, inside ? bytes : 0);
    if (!m) return NULL;
    m->body = inside ? ((struct cell *)m)->memory : pl_arena_alloc(&m->arena, bytes);
    if (!m->body) pl_msg_unref(&m);
    return m;
}

struct pl_msg *pl_msg_create(const struct pl_type *type)
{
    struct pl_msg *m = with_body(type);
    if (m) pl__record_init_zeroed(type->shape, m->body);
    return m;
}

struct pl_msg *pl_msg_ref(struct pl_msg *m)
{
    m->refs++;
    return m;
}

void pl_msg_unref(struct pl_msg **m)
{
    struct pl_msg *gone = *m;
    *m = NULL;
    if (!gone || --gone->refs > 0) return;
    if (gone->arena.head) pl_arena_finish(&gone->arena);
    if (gone->origin) pl_msg_unref(&gone->origin);
    cell_give(gone);
}

struct pl_str pl_msg_str(struct pl_msg *m, struct pl_str s)
{
    if (s.len == 0) return (struct pl_str){0};
    char *copy = pl_arena_copy(&m->arena, s.ptr, s.len);
    m->lacking |= !copy;
    return copy ? (struct pl_str){copy, s.len} : (struct pl_str){0};
}

struct pl_bin pl_msg_bin(struct pl_msg *m, const void *data, size_t len)
{
    if (len == 0) return (struct pl_bin){0};
    char *copy = len <= UINT32_MAX ? pl_arena_copy(&m->arena, data, len) : NULL;
    m->lacking |= !copy;
    return copy ? (struct pl_bin){(const uint8_t *)copy, (uint32_t)len} : (struct pl_bin){0};
}

void *pl_msg_alloc(struct pl_msg *m, size_t bytes)
{
    void *memory = pl_arena_alloc(&m->arena, bytes);
    m->lacking |= !memory;
    return memory;
}

struct pl_msg *pl_msg_copy(const struct pl_msg *m)
{
    struct pl_msg *out = with_body(m->type);
    if (!out) return NULL;
    out->deadline_ms = m->deadline_ms;
    if (pl_envelope_type.copy(&m->env, &out->arena, &out->env) != 0 ||
        m->type->copy(m->body, &out->arena, out->body) != 0)
        pl_msg_unref(&out);
    return out;
}

struct pl_msg *pl__msg_wrap(struct pl_msg *m)
{
    struct pl_msg *out = blank(m->type, 0);
    if (!out) return NULL;
    out->env = m->env;
    out->body = m->body;
    out->deadline_ms = m->deadline_ms;
    out->origin = pl_msg_ref(m->origin ? m->origin : m);
    out->env.to = (struct pl_str){0};
    out->env.from = pl_msg_str(out, m->env.from);
    if (out->env.from.len != m->env.from.len) pl_msg_unref(&out);
    return out;
}

/* Senders set the strings; a string is there exactly when it is not empty. */
void pl__msg_settle(struct pl_msg *m)
{
    struct pl_envelope *e = &m->env;
    e->has_id = e->id.len > 0;
    e->has_from = e->from.len > 0;
    e->has_to = e->to.len > 0;
    e->has_reply_to = e->reply_to.len > 0;
    e->has_correlation = e->correlation.len > 0;
    e->has_session = e->session.len > 0;
    e->has_user = e->user.len > 0;
    e->has_tenant = e->tenant.len > 0;
    e->has_key = e->key.len > 0;
    e->has_trace = e->trace.len > 0;
}

static struct pl_envelope wire_envelope(const struct pl_msg *m, uint64_t now_ms)
{
    struct pl_msg view = {.env = m->env};
    pl__msg_settle(&view);
    struct pl_envelope e = view.env;
    e.type = pl_str_of(m->type->name);
    e.has_budget_ms = m->deadline_ms != PL_NO_DEADLINE;
    e.budget_ms = 0;
    if (e.has_budget_ms && m->deadline_ms > now_ms) e.budget_ms = m->deadline_ms - now_ms;
    if (e.budget_ms > BUDGET_MAX_MS) e.budget_ms = BUDGET_MAX_MS;
    return e;
}

int pl__msg_check(const struct pl_msg *m, struct pl_err *err)
{
    struct pl_envelope e = wire_envelope(m, 0);
    int rc = pl_envelope_type.validate(&e, err);
    return rc != 0 ? rc : m->type->validate(m->body, err);
}

int pl_msg_encode(const struct pl_msg *m, uint64_t now_ms, struct pl_buf *out)
{
    struct pl_buf body = {0};
    int rc = m->type->encode(m->body, &body);
    if (rc == 0 && body.len > UINT32_MAX) rc = -PL_E_TOO_LARGE;
    if (rc == 0) {
        struct pl_envelope e = wire_envelope(m, now_ms);
        e.has_body = true;
        e.body = (struct pl_bin){body.data, (uint32_t)body.len};
        rc = pl_envelope_type.encode(&e, out);
    }
    pl_buf_finish(&body);
    return rc;
}

static void copy_name(char *out, size_t size, struct pl_str s)
{
    if (s.len >= size) return;
    for (uint32_t i = 0; i < s.len; i++)
        if ((unsigned char)s.ptr[i] < 32 || s.ptr[i] == 127) return;
    memcpy(out, s.ptr, s.len);
    out[s.len] = '\0';
}

/* The bytes passed pl_wire_check: only the kinds of the values are in doubt. */
static void read_head(struct pl_cursor c, struct pl_msg_head *head)
{
    uint32_t count;
    if (!head || pl_cursor_map(&c, &count) != 0) return;
    for (uint32_t i = 0; i < count; i++) {
        struct pl_str key, value;
        if (pl_cursor_str(&c, &key) != 0) return;
        if (pl_cursor_str(&c, &value) != 0) {
            if (pl_cursor_skip(&c) != 0) return;
        } else if (pl_str_is(key, "id")) {
            copy_name(head->id, sizeof head->id, value);
        } else if (pl_str_is(key, "type")) {
            copy_name(head->type, sizeof head->type, value);
        } else if (pl_str_is(key, "session")) {
            copy_name(head->session, sizeof head->session, value);
        }
    }
}

static int decode_body(struct pl_msg *m, struct pl_err *err)
{
    static const uint8_t empty_map[] = {0x80};
    struct pl_cursor c = {empty_map, empty_map + 1};
    if (m->env.has_body) c = (struct pl_cursor){m->env.body.ptr, m->env.body.ptr + m->env.body.len};
    m->body = pl_arena_alloc(&m->arena, m->type->size);
    if (!m->body) return pl_fail(err, PL_E_NO_MEMORY, "body", "no memory for the body");
    return m->type->decode(&c, &m->arena, m->body, err);
}

static int decode_into(struct pl_msg *m, struct pl_cursor c, uint64_t now_ms, struct pl_err *err)
{
    int rc = pl_envelope_type.decode(&c, &m->arena, &m->env, err);
    if (rc != 0) return rc;
    m->type = pl_type_find(m->env.type.ptr, m->env.type.len);
    if (!m->type) return pl_fail(err, PL_E_UNKNOWN_TYPE, "type", "there is no such message type");
    rc = decode_body(m, err);
    m->env.has_body = false;
    m->env.body = (struct pl_bin){0};
    if (m->env.has_budget_ms) m->deadline_ms = now_ms + m->env.budget_ms;
    m->env.has_budget_ms = false;
    m->env.budget_ms = 0;
    m->env.type = (struct pl_str){0};
    pl__msg_settle(m);
    return rc;
}

int pl_msg_decode(const void *bytes, size_t n, uint64_t now_ms, size_t limit_bytes, struct pl_msg **out,
                  struct pl_msg_head *partial, struct pl_err *err)
{
    if (partial) *partial = (struct pl_msg_head){0};
    int rc = pl_wire_check(bytes, n, err);
    if (rc != 0) return rc;
    struct pl_cursor c = {bytes, (const uint8_t *)bytes + n};
    struct pl_msg *m = blank(NULL, 0);
    if (!m) return pl_fail(err, PL_E_NO_MEMORY, NULL, "no memory for a message");
    m->arena.limit_bytes = limit_bytes;
    rc = decode_into(m, c, now_ms, err);
    if (rc == 0) {
        m->arena.limit_bytes = 0;
        *out = m;
        return 0;
    }
    if (rc == -PL_E_NO_MEMORY && limit_bytes && m->arena.used_bytes + n > limit_bytes)
        rc = pl_fail(err, PL_E_TOO_LARGE, NULL, "the message needs more than %zu bytes", limit_bytes);
    read_head(c, partial);
    pl_msg_unref(&m);
    return rc;
}
