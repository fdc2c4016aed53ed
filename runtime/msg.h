/* msg.h - a message: an envelope and one typed record, in memory that dies with it.
 *
 * A message is filled by its creator, sent once, and from then on read-only and shared by reference count. It never
 * leaves its loop's thread: crossing a thread, process or host means encoding. Not thread safe.
 *
 * A message that had no memory for one of its parts remembers that: sending it counts as a handler that failed, so that
 * nobody gets half of what was meant. */
#ifndef PL_RUNTIME_MSG_H
#define PL_RUNTIME_MSG_H

#include "schemas/gen/envelope.h"
#include "schemas/wire.h"

#define PL_NO_DEADLINE UINT64_MAX

struct pl__route;
struct pl_msg {
    struct pl_msg *next;    /* used by the mailbox that holds it */
    const struct pl_type *type;
    void *body;             /* struct of `type`, in the arena */
    uint64_t deadline_ms;   /* on the node's monotonic clock; PL_NO_DEADLINE */
    uint32_t refs;
    bool lacking; /* there was no memory for a part of it: it is not sent */
    struct pl_arena arena;
    uint64_t queued_us;     /* when a mailbox took it */
    struct pl_msg *origin;  /* of a message that was passed on: whose body and strings it shows; else NULL */
    const struct pl__route *route; /* of the node: where env.to leads, while env.to is that route's own name; or NULL */
    struct pl_envelope env; /* views into the arena or static memory; type, body, budget_ms and the has_ flags of its
                             * strings are not used here: a string is there when it is not empty */
};

/* A message of TYPE with its defaults; NULL when out of memory. The caller owns one reference. */
struct pl_msg *pl_msg_create(const struct pl_type *type);
struct pl_msg *pl_msg_ref(struct pl_msg *m);
void pl_msg_unref(struct pl_msg **m); /* nulls */
/* Memory of the message. {NULL,0} or NULL when out of memory, and the message is lacking; {NULL,0} also for an empty
 * source. */
struct pl_str pl_msg_str(struct pl_msg *m, struct pl_str s);
struct pl_bin pl_msg_bin(struct pl_msg *m, const void *data, size_t len);
void *pl_msg_alloc(struct pl_msg *m, size_t bytes);
/* A message that can be changed and sent again: envelope and body copied deeply. NULL when out of memory. */
struct pl_msg *pl_msg_copy(const struct pl_msg *m);

/* Body of M when it is of the type, else NULL: `const struct pl_gen_done *d = PL_BODY(m, gen_done);` */
#define PL_BODY(m, noun) ((m)->type == &pl_##noun##_type ? (struct pl_##noun *)(m)->body : NULL)
/* Declares message M of type NOUN and pointer B to its body (M may be NULL: check it). */
#define PL_NEW(m, b, noun)                                                                                          \
    struct pl_msg *m = pl_msg_create(&pl_##noun##_type);                                                            \
    struct pl_##noun *b = (m) ? (struct pl_##noun *)(m)->body : NULL

/* Wire form: one msgpack map, the body under "body". A deadline is written as the budget left at NOW_MS. */
int pl_msg_encode(const struct pl_msg *m, uint64_t now_ms, struct pl_buf *out);
/* Checks (pl_wire_check) and decodes N bytes. The arena may take LIMIT_BYTES. On success *OUT is given. On failure
 * ERR names the field, and *PARTIAL (may be NULL) gets a copy of what the envelope held of id, type and session, so
 * that an error reply can name the request. */
struct pl_msg_head { char id[65], type[65], session[129]; };
int pl_msg_decode(const void *bytes, size_t n, uint64_t now_ms, size_t limit_bytes, struct pl_msg **out,
                  struct pl_msg_head *partial, struct pl_err *err);

#endif
