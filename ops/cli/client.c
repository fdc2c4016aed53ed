#include "ops/cli/client.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { REPLY_MEMORY_BYTES = 64 << 20 }; /* decoded, of one message of at most 16 MiB */

struct pl_client {
    struct parlance_client *wire;
    char tenant[65]; /* "": not said */
};

int pl_client_error(int rc, const struct parlance_error *e, struct pl_err *err)
{
    if (rc >= 0) return rc;
    int code = pl_error_code(e->code, (uint32_t)strlen(e->code));
    if (rc == PARLANCE_INTERRUPTED) code = PL_E_AGAIN;
    return pl_fail(err, code ? code : PL_E_INTERNAL, e->field[0] ? e->field : NULL, "%s", e->message);
}

int pl_client_create(const struct pl_client_opts *opts, struct pl_client **out, struct pl_err *err)
{
    struct parlance_opts o = {
        .endpoint = opts->endpoint, .keys_file = opts->keys_file, .tenant = opts->tenant};
    struct parlance_error e;
    struct pl_client *c = calloc(1, sizeof *c);
    if (!c) return pl_fail(err, PL_E_NO_MEMORY, NULL, "out of memory");
    if (opts->tenant) snprintf(c->tenant, sizeof c->tenant, "%s", opts->tenant);
    int rc = pl_client_error(parlance_client_create(&o, &c->wire, &e), &e, err);
    if (rc)
        pl_client_destroy(&c);
    else
        *out = c;
    return rc;
}

void pl_client_destroy(struct pl_client **c)
{
    if (!c || !*c) return;
    parlance_client_destroy(&(*c)->wire);
    free(*c);
    *c = NULL;
}

struct parlance_client *pl_client_wire(struct pl_client *c)
{
    return c->wire;
}

void pl_reply_finish(struct pl_reply *r)
{
    pl_arena_finish(&r->arena);
    *r = (struct pl_reply){0};
}

static struct pl_envelope envelope_of(const struct pl_client *c, const struct pl_type *type,
                                      const struct pl_client_head *head)
{
    struct pl_envelope e;
    pl_envelope_type.init(&e);
    e.type = pl_str_of(type->name);
    e.has_id = true;
    e.id = pl_str_of(head->id);
    e.has_session = head->session && *head->session;
    if (e.has_session) e.session = pl_str_of(head->session);
    e.has_user = head->user && *head->user;
    if (e.has_user) e.user = pl_str_of(head->user);
    e.has_tenant = head->tenant && *head->tenant;
    if (e.has_tenant) e.tenant = pl_str_of(head->tenant);
    e.has_budget_ms = head->budget_ms > 0;
    e.budget_ms = head->budget_ms;
    e.has_tenant = c->tenant[0] != 0;
    if (e.has_tenant) e.tenant = pl_str_of(c->tenant);
    return e;
}

static int pack(const struct pl_client *c, const struct pl_type *type, const void *body,
                const struct pl_client_head *head, struct pl_buf *out, struct pl_err *err)
{
    struct pl_buf inner = {0};
    struct pl_envelope e = envelope_of(c, type, head);
    int rc = type->validate(body, err);
    if (!rc) rc = pl_envelope_type.validate(&e, err);
    if (!rc && type->encode(body, &inner)) rc = pl_fail(err, PL_E_NO_MEMORY, NULL, "out of memory");
    e.has_body = true;
    e.body = (struct pl_bin){inner.data, (uint32_t)inner.len};
    if (!rc && pl_envelope_type.encode(&e, out)) rc = pl_fail(err, PL_E_NO_MEMORY, NULL, "out of memory");
    pl_buf_finish(&inner);
    return rc;
}

static int decode(const void *frame, size_t len, struct pl_reply *out, struct pl_err *err)
{
    static const uint8_t empty_map[] = {0x80};
    struct pl_envelope e;
    struct pl_cursor c = {frame, (const uint8_t *)frame + len};
    int rc = pl_wire_check(frame, len, err);
    if (!rc) rc = pl_envelope_type.decode(&c, &out->arena, &e, err);
    if (rc) return rc;
    out->type = pl_type_find(e.type.ptr, e.type.len);
    if (!out->type) return pl_fail(err, PL_E_UNKNOWN_TYPE, "type", "the service is newer than this program");
    out->body = pl_arena_alloc(&out->arena, out->type->size);
    if (!out->body) return pl_fail(err, PL_E_NO_MEMORY, NULL, "out of memory");
    struct pl_bin b = e.has_body ? e.body : (struct pl_bin){empty_map, sizeof empty_map};
    c = (struct pl_cursor){b.ptr, b.ptr + b.len};
    return out->type->decode(&c, &out->arena, out->body, err);
}

/* What was decoded may point into the frame, so the arena gets it first. */
int pl_client_decode(const void *frame, size_t len, struct pl_reply *out, struct pl_err *err)
{
    *out = (struct pl_reply){.arena.limit_bytes = REPLY_MEMORY_BYTES};
    void *kept = pl_arena_alloc(&out->arena, len ? len : 1);
    int rc = kept ? 0 : pl_fail(err, PL_E_NO_MEMORY, NULL, "out of memory");
    if (!rc && len) memcpy(kept, frame, len);
    if (!rc) rc = decode(kept, len, out, err);
    if (rc) pl_reply_finish(out);
    return rc;
}

int pl_client_call(struct pl_client *c, const struct pl_type *type, const void *body,
                   const struct pl_client_head *head, const struct pl_type *want, int timeout_ms,
                   struct pl_reply *out, struct pl_err *err)
{
    char drawn[PL_CLIENT_ID_SIZE];
    struct pl_client_head h = head ? *head : (struct pl_client_head){0};
    struct parlance_error e;
    struct pl_buf frame = {0};
    void *answer = NULL;
    size_t len = 0;
    *out = (struct pl_reply){0};
    parlance_draw_id(drawn);
    if (!h.id) h.id = drawn;
    int rc = pack(c, type, body, &h, &frame, err);
    bool again = type->edge == PL_EDGE_IN;
    if (!rc)
        rc = pl_client_error(parlance_call(c->wire, h.id, frame.data, frame.len, want->name, again,
                                           timeout_ms, &answer, &len, &e),
                             &e, err);
    pl_buf_finish(&frame);
    if (!rc) rc = pl_client_decode(answer, len, out, err);
    free(answer);
    return rc;
}
