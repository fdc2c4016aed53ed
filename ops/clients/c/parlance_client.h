/* parlance_client.h - a client of the service in C: one DEALER socket and blocking calls, each with a
 * time-out.
 *
 * A client owns its ZeroMQ context and socket. One thread at a time may use it; make one for each thread.
 * Creating one never blocks and never fails because nobody listens: ZeroMQ connects in the background, and
 * the first call that needs an answer tells. Destroying one does not wait for anything (no linger). The
 * messages are the structs of schemas/gen/; docs/protocol.md says what they mean. */
#ifndef PARLANCE_CLIENT_H
#define PARLANCE_CLIENT_H

#include "schemas/gen/admin.h"
#include "schemas/gen/chat.h"
#include "schemas/gen/envelope.h"
#include "schemas/gen/types.h"

enum { PL_CLIENT_ID_SIZE = 65, PL_CLIENT_REPLY_MAX_BYTES = 16 * 1024 * 1024 };

struct pl_client;

/* What the envelope says beside type and body. Strings are borrowed; NULL: not said. */
struct pl_client_head {
    const char *id; /* 1 to 64 bytes; NULL: a UUIDv7 is drawn */
    const char *session;
    const char *user;
    uint64_t budget_ms; /* 0: no deadline */
};

/* An answer. Everything in it lives until pl_reply_finish. Zero-initialised = empty. */
struct pl_reply {
    const struct pl_type *type;
    void *body;                 /* struct of TYPE */
    char id[PL_CLIENT_ID_SIZE]; /* of the request that it answers; may be empty */
    struct pl_arena arena;
};
void pl_reply_finish(struct pl_reply *r);
/* Body of R when it is of the type, else NULL: `const struct pl_pong *p = PL_REPLY(r, pong);` */
#define PL_REPLY(r, noun) ((r)->type == &pl_##noun##_type ? (struct pl_##noun *)(r)->body : NULL)

/* Connects to ENDPOINT ("tcp://127.0.0.1:5580", "ipc:///path"). On success *OUT is given. -PL_E_INVALID for
 * an endpoint that ZeroMQ does not understand, -PL_E_NO_MEMORY. Does not block. */
int pl_client_create(const char *endpoint, struct pl_client **out, struct pl_err *err);
void pl_client_destroy(struct pl_client **c);

/* Draws a UUIDv7 (RFC 9562) as text. */
void pl_client_draw_id(char out[PL_CLIENT_ID_SIZE]);

/* Sends one message; ID gets the id that it has (may be NULL). BODY is checked against the limits first:
 * -PL_E_INVALID names the field. -PL_E_OVERLOADED when the socket takes no more. Does not block. */
int pl_client_send(struct pl_client *c, const struct pl_type *type, const void *body,
                   const struct pl_client_head *head, char id[PL_CLIENT_ID_SIZE], struct pl_err *err);

/* Waits up to TIMEOUT_MS (-1: for ever) for the next message that answers ID; what answers other ids is
 * dropped meanwhile, and so are messages of types that this version does not know. ID NULL: the next message
 * of all. -PL_E_DEADLINE_EXCEEDED when the time is over, -PL_E_AGAIN when a signal came (nothing is lost:
 * call again), -PL_E_CORRUPT for bytes that are no message. chat.error is a reply like any other here. */
int pl_client_receive(struct pl_client *c, const char *id, int timeout_ms, struct pl_reply *out,
                      struct pl_err *err);

/* Sends and waits for the answer of type WANT. chat.error becomes an error with its code, field and sentence.
 * -PL_E_DEADLINE_EXCEEDED after TIMEOUT_MS. Signals do not end the wait. */
int pl_client_call(struct pl_client *c, const struct pl_type *type, const void *body,
                   const struct pl_client_head *head, const struct pl_type *want, int timeout_ms,
                   struct pl_reply *out, struct pl_err *err);

/* How pl_client_chat tells what happens; each may be NULL, all get ARG. */
struct pl_chat_watch {
    void (*accepted)(const struct pl_chat_accepted *a, void *arg);
    void (*delta)(const struct pl_chat_delta *d, void *arg);
    bool (*stop)(
        void *arg); /* asked after a signal; true: chat.cancel is sent, and the answer so far comes */
    void *arg;
};
/* Asks and waits for chat.done, which is given in OUT. Deltas come in order, each once. While nothing comes
 * the client asks again by itself (the same id: nothing is generated twice), so that an answer survives a
 * restart of the service. TIMEOUT_MS bounds the whole (-1: no bound) with -PL_E_DEADLINE_EXCEEDED; -PL_E_GONE
 * when the service says nothing at all for 30 s. chat.error as in pl_client_call. */
int pl_client_chat(struct pl_client *c, const struct pl_chat_request *q, const struct pl_client_head *head,
                   const struct pl_chat_watch *watch, int timeout_ms, struct pl_reply *out,
                   struct pl_err *err);

#endif
