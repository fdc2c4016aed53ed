/* parlance_client.c - the socket, one message each way, and the call that waits for its answer. */
#include "ops/clients/c/parlance_client.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>
#include <time.h>
#include <zmq.h>
#include "ops/clients/c/client_inside.h"

struct pl_client {
    void *context, *socket;
};

uint64_t pl__client_now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

void pl_reply_finish(struct pl_reply *r)
{
    pl_arena_finish(&r->arena);
    *r = (struct pl_reply){0};
}

static int set(void *socket, int option, int value)
{
    return zmq_setsockopt(socket, option, &value, sizeof value);
}

static int connect_to(struct pl_client *c, const char *endpoint, struct pl_err *err)
{
    int64_t most = PL_CLIENT_REPLY_MAX_BYTES;
    c->context = zmq_ctx_new();
    if (c->context) c->socket = zmq_socket(c->context, ZMQ_DEALER);
    if (!c->socket) return pl_fail(err, PL_E_NO_MEMORY, NULL, "no socket: %s", zmq_strerror(errno));
    if (set(c->socket, ZMQ_LINGER, 0) || set(c->socket, ZMQ_RECONNECT_IVL, 50) ||
        set(c->socket, ZMQ_RECONNECT_IVL_MAX, 1000) || set(c->socket, ZMQ_HEARTBEAT_IVL, 5000) ||
        set(c->socket, ZMQ_HEARTBEAT_TIMEOUT, 15000) ||
        zmq_setsockopt(c->socket, ZMQ_MAXMSGSIZE, &most, sizeof most))
        return pl_fail(err, PL_E_INTERNAL, NULL, "a socket option: %s", zmq_strerror(errno));
    if (zmq_connect(c->socket, endpoint))
        return pl_fail(err, PL_E_INVALID, "endpoint", "cannot connect to %s: %s", endpoint,
                       zmq_strerror(errno));
    return 0;
}

int pl_client_create(const char *endpoint, struct pl_client **out, struct pl_err *err)
{
    struct pl_client *c = calloc(1, sizeof *c);
    if (!c) return pl_fail(err, PL_E_NO_MEMORY, NULL, "out of memory");
    int rc = connect_to(c, endpoint, err);
    if (rc)
        pl_client_destroy(&c);
    else
        *out = c;
    return rc;
}

void pl_client_destroy(struct pl_client **c)
{
    if (!c || !*c) return;
    if ((*c)->socket) zmq_close((*c)->socket);
    if ((*c)->context) zmq_ctx_term((*c)->context);
    free(*c);
    *c = NULL;
}

void pl_client_draw_id(char out[PL_CLIENT_ID_SIZE])
{
    struct timespec t;
    unsigned char b[16];
    clock_gettime(CLOCK_REALTIME, &t);
    uint64_t ms = (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
    while (getrandom(b, sizeof b, 0) != (ssize_t)sizeof b) continue;
    for (int i = 0; i < 6; i++) b[i] = (unsigned char)(ms >> (40 - 8 * i));
    b[6] = (unsigned char)(0x70 | (b[6] & 0x0f));
    b[8] = (unsigned char)(0x80 | (b[8] & 0x3f));
    char *p = out;
    for (int i = 0; i < 16; i++) {
        if (i == 4 || i == 6 || i == 8 || i == 10) *p++ = '-';
        p += snprintf(p, 3, "%02x", b[i]);
    }
}

/* --- one message each way --- */

static struct pl_envelope envelope_of(const struct pl_type *type, const struct pl_client_head *head,
                                      const char *id)
{
    struct pl_envelope e;
    pl_envelope_type.init(&e);
    e.type = pl_str_of(type->name);
    e.has_id = true;
    e.id = pl_str_of(id);
    if (!head) return e;
    e.has_session = head->session && *head->session;
    if (e.has_session) e.session = pl_str_of(head->session);
    e.has_user = head->user && *head->user;
    if (e.has_user) e.user = pl_str_of(head->user);
    e.has_budget_ms = head->budget_ms > 0;
    e.budget_ms = head->budget_ms;
    return e;
}

static int pack(const struct pl_type *type, const void *body, const struct pl_client_head *head,
                const char *id, struct pl_buf *out, struct pl_err *err)
{
    struct pl_buf inner = {0};
    struct pl_envelope e = envelope_of(type, head, id);
    int rc = type->validate(body, err);
    if (!rc) rc = pl_envelope_type.validate(&e, err);
    if (!rc && type->encode(body, &inner)) rc = pl_fail(err, PL_E_NO_MEMORY, NULL, "out of memory");
    e.has_body = true;
    e.body = (struct pl_bin){inner.data, (uint32_t)inner.len};
    if (!rc && pl_envelope_type.encode(&e, out)) rc = pl_fail(err, PL_E_NO_MEMORY, NULL, "out of memory");
    pl_buf_finish(&inner);
    return rc;
}

int pl_client_send(struct pl_client *c, const struct pl_type *type, const void *body,
                   const struct pl_client_head *head, char id[PL_CLIENT_ID_SIZE], struct pl_err *err)
{
    struct pl_buf frame = {0};
    char drawn[PL_CLIENT_ID_SIZE];
    if (head && head->id)
        snprintf(drawn, sizeof drawn, "%s", head->id);
    else
        pl_client_draw_id(drawn);
    if (head && head->id && strlen(head->id) >= sizeof drawn)
        return pl_fail(err, PL_E_INVALID, "id", "an id has 1 to %d bytes", PL_CLIENT_ID_SIZE - 1);
    int rc = pack(type, body, head, drawn, &frame, err);
    if (!rc && zmq_send(c->socket, frame.data, frame.len, ZMQ_DONTWAIT) < 0)
        rc = pl_fail(err, PL_E_OVERLOADED, NULL, "the message cannot be sent: %s", zmq_strerror(errno));
    pl_buf_finish(&frame);
    if (!rc && id) memcpy(id, drawn, sizeof drawn);
    return rc;
}

/* Reads one frame into OUT. 1 when it is of a type that this version does not know. */
static int unpack(const void *bytes, size_t n, struct pl_reply *out, struct pl_err *err)
{
    static const uint8_t empty_map[] = {0x80};
    struct pl_envelope e;
    int rc = pl_wire_check(bytes, n, err);
    if (rc) return rc;
    struct pl_cursor c = {bytes, (const uint8_t *)bytes + n};
    rc = pl_envelope_type.decode(&c, &out->arena, &e, err);
    if (rc) return rc;
    out->type = pl_type_find(e.type.ptr, e.type.len);
    if (!out->type || out->type->edge != PL_EDGE_OUT) return 1;
    snprintf(out->id, sizeof out->id, "%.*s", PL_STR_FMT(e.correlation));
    out->body = pl_arena_alloc(&out->arena, out->type->size);
    if (!out->body) return pl_fail(err, PL_E_NO_MEMORY, NULL, "out of memory");
    struct pl_bin b = e.has_body ? e.body : (struct pl_bin){empty_map, sizeof empty_map};
    c = (struct pl_cursor){b.ptr, b.ptr + b.len};
    return out->type->decode(&c, &out->arena, out->body, err);
}

/* One frame; parts after the first are no message of ours and are dropped. */
static int read_frame(struct pl_client *c, struct pl_reply *out, struct pl_err *err)
{
    zmq_msg_t frame;
    zmq_msg_init(&frame);
    int rc = zmq_msg_recv(&frame, c->socket, ZMQ_DONTWAIT) < 0 ? -PL_E_AGAIN : 0;
    while (!rc && zmq_msg_more(&frame) && zmq_msg_recv(&frame, c->socket, ZMQ_DONTWAIT) >= 0) continue;
    if (!rc) rc = unpack(zmq_msg_data(&frame), zmq_msg_size(&frame), out, err);
    zmq_msg_close(&frame);
    if (rc >= 0 || rc == -PL_E_AGAIN || rc == -PL_E_NO_MEMORY) return rc;
    if (err) err->code = PL_E_CORRUPT;
    return -PL_E_CORRUPT;
}

/* Waits until the socket can be read: 0, -PL_E_AGAIN after a signal, -PL_E_DEADLINE_EXCEEDED. */
static int wait_frame(struct pl_client *c, uint64_t until_ms, struct pl_err *err)
{
    zmq_pollitem_t item = {.socket = c->socket, .events = ZMQ_POLLIN};
    uint64_t now = pl__client_now_ms();
    long left = until_ms == UINT64_MAX ? -1 : until_ms > now ? (long)(until_ms - now) : 0;
    int n = zmq_poll(&item, 1, left);
    if (n > 0) return 0;
    if (n < 0 && errno == EINTR) return pl_fail(err, PL_E_AGAIN, NULL, "interrupted by a signal");
    if (n < 0) return pl_fail(err, PL_E_IO, NULL, "cannot wait: %s", zmq_strerror(errno));
    return pl_fail(err, PL_E_DEADLINE_EXCEEDED, NULL, "no answer in time");
}

int pl_client_receive(struct pl_client *c, const char *id, int timeout_ms, struct pl_reply *out,
                      struct pl_err *err)
{
    uint64_t until = timeout_ms < 0 ? UINT64_MAX : pl__client_now_ms() + (uint64_t)timeout_ms;
    for (;;) {
        *out = (struct pl_reply){.arena.limit_bytes = 4 * (size_t)PL_CLIENT_REPLY_MAX_BYTES};
        int rc = read_frame(c, out, err);
        if (rc == 0 && (!id || strcmp(out->id, id) == 0)) return 0;
        pl_reply_finish(out);
        if (rc == -PL_E_AGAIN) rc = wait_frame(c, until, err);
        if (rc < 0) return rc;
    }
}

int pl__client_refusal(const struct pl_chat_error *e, struct pl_err *err)
{
    char field[64];
    int code = pl_error_code(e->code.ptr, e->code.len);
    snprintf(field, sizeof field, "%.*s", PL_STR_FMT(e->field));
    return pl_fail(err, code ? code : PL_E_INTERNAL, field, "%.*s", PL_STR_FMT(e->message));
}

static int await(struct pl_client *c, const char *id, const struct pl_type *want, uint64_t until_ms,
                 struct pl_reply *out, struct pl_err *err)
{
    for (;;) {
        uint64_t now = pl__client_now_ms();
        int rc = pl_client_receive(c, id, until_ms > now ? (int)(until_ms - now) : 0, out, err);
        if (rc == -PL_E_AGAIN) continue;
        if (rc || out->type == want) return rc;
        const struct pl_chat_error *e = PL_REPLY(out, chat_error);
        if (e) rc = pl__client_refusal(e, err);
        pl_reply_finish(out);
        if (rc) return rc;
    }
}

int pl_client_call(struct pl_client *c, const struct pl_type *type, const void *body,
                   const struct pl_client_head *head, const struct pl_type *want, int timeout_ms,
                   struct pl_reply *out, struct pl_err *err)
{
    char id[PL_CLIENT_ID_SIZE];
    *out = (struct pl_reply){0};
    int rc = pl_client_send(c, type, body, head, id, err);
    return rc ? rc : await(c, id, want, pl__client_now_ms() + (uint64_t)timeout_ms, out, err);
}
