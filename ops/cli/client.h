/* client.h - the C client of ops/clients/c behind the typed messages of schemas/: what the commands of an
 * operator ask with. Questions for an answer of the model go by parlance.h itself. One thread. */
#ifndef PL_OPS_CLI_CLIENT_H
#define PL_OPS_CLI_CLIENT_H

#include "ops/clients/c/parlance.h"
#include "schemas/gen/admin.h"
#include "schemas/gen/chat.h"
#include "schemas/gen/envelope.h"
#include "schemas/gen/types.h"

enum { PL_CLIENT_ID_SIZE = PARLANCE_ID_SIZE };

struct pl_client_opts {
    const char *endpoint;
    const char *keys_file; /* NULL: none */
    const char *tenant;    /* for whom one speaks that may act for others; NULL: its own */
};

struct pl_client;
/* *OUT is given. -PL_E_INVALID for an endpoint that ZeroMQ does not understand, or a file without keys. Does
 * not block, and does not fail because nobody listens. */
int pl_client_create(const struct pl_client_opts *opts, struct pl_client **out, struct pl_err *err);
void pl_client_destroy(struct pl_client **c);
/* Lent until it is destroyed. */
struct parlance_client *pl_client_wire(struct pl_client *c);

/* What the envelope says beside type and body. Strings are borrowed; NULL: not said. */
struct pl_client_head {
    const char *id; /* 1 to 64 bytes; NULL: a UUIDv7 is drawn */
    const char *session;
    const char *user;
    const char *tenant; /* counts on the admin socket; NULL: default */
    uint64_t budget_ms; /* 0: no deadline */
};

/* An answer. Everything in it lives until pl_reply_finish. Zero-initialised = empty. */
struct pl_reply {
    const struct pl_type *type;
    void *body; /* struct of TYPE */
    struct pl_arena arena;
};
void pl_reply_finish(struct pl_reply *r);
/* Body of R when it is of the type, else NULL: `const struct pl_pong *p = PL_REPLY(r, pong);` */
#define PL_REPLY(r, noun) ((r)->type == &pl_##noun##_type ? (struct pl_##noun *)(r)->body : NULL)

/* Sends and waits for the answer of type WANT; others are passed over. BODY is checked against the limits
 * first: -PL_E_INVALID names the field. chat.error becomes an error with its code, field and sentence.
 * -PL_E_DEADLINE_EXCEEDED after TIMEOUT_MS. Signals do not end the wait. When the connection breaks, a
 * message that producers may send is sent again, for it has its effect once; an operator's is not:
 * -PL_E_GONE. */
int pl_client_call(struct pl_client *c, const struct pl_type *type, const void *body,
                   const struct pl_client_head *head, const struct pl_type *want, int timeout_ms,
                   struct pl_reply *out, struct pl_err *err);

/* Reads a message of the service; OUT is empty after an error. */
int pl_client_decode(const void *frame, size_t len, struct pl_reply *out, struct pl_err *err);

/* RC of parlance.h as one of ours, with its sentence. */
int pl_client_error(int rc, const struct parlance_error *e, struct pl_err *err);

#endif
