/* actors.h - the chat service's actors: one table lists them all, and the options that each is started with.
 *
 *   client == frontdoor -- session -- batcher -- executor (child process)
 *                 |           |  \
 *                 |           |   tools -- tool.NAME (child process each)
 *                 +- feedback |
 *                      \----- store (thread)
 *
 * Each name below is an actor's name, also in the placement section of the configuration. */
#ifndef PL_ACTORS_ACTORS_H
#define PL_ACTORS_ACTORS_H

#include "kernels/engine.h"
#include "kernels/template.h"
#include "kernels/vocab.h"
#include "runtime/actor.h"

/* What the light actors know of the model: text side only, no weights. Immutable; shared by all actors of a node. */
struct pl_model_text {
    const struct pl_vocab *vocab;
    const struct pl_template *chat_template;
    const char *name;         /* for people */
    const char *model_digest; /* 64 hex digits */
};

struct pl_tenant_rules;

/* frontdoor: outside bytes to checked messages and back. Listener numbers: */
enum { PL_LISTENER_CLIENTS = 0, PL_LISTENER_ADMIN = 1 };
struct pl_frontdoor_opts {
    const struct pl_model_text *model;
    const char *version;
    uint32_t max_message_bytes; /* 262144 */
    uint32_t max_peers;         /* peers with open requests; 0: 4096 */
    uint32_t outbox_bytes;      /* a peer's; 0: 4 MiB; over it the peer is cut */
    uint32_t request_limit;     /* open tickets in all; 0: 65536 */
    size_t outboxes_bytes;      /* all outboxes together; 0: 256 MiB */
    bool standby;               /* only what reads is taken: the rest is `unavailable` */
    size_t unanswered_bytes;    /* frames that were passed on and have no answer at all yet; 0: 64 MiB */
    const struct pl_tenant_rules *tenants; /* rates (tenant_limits.h); NULL: no limit */
};
extern const struct pl_actor_class pl_frontdoor_class;

/* session: dialogues. */
struct pl_session_opts {
    const struct pl_model_text *model;
    uint32_t ctx_size;   /* tokens of prompt and answer together */
    uint32_t max_seqs;   /* sequences that the batcher runs at once */
    uint32_t queue;      /* waiting requests beyond them */
    const char *tool_hint; /* what is asked when the answer after a tool result is empty or repeats; NULL: default */
    const uint8_t *row_key; /* 32 bytes that hide names in row keys (actors/keys.h); NULL: they stand as they are */
    uint32_t cached_sessions; /* heads kept in memory; 0: 1024 */
    bool standby;        /* lists and shows what another process stores; takes nothing up */
    const struct pl_tenant_rules *tenants; /* places and quotas (tenant_limits.h); NULL: no limit */
};
extern const struct pl_actor_class pl_session_class;

/* batcher: which sequences run, which pages they own, what the next step is. */
struct pl_batcher_opts {
    uint32_t max_seqs;       /* slots */
    uint32_t queue;          /* waiting requests: max_seqs + queue requests in all */
    uint32_t ctx_size;       /* tokens of one sequence */
    uint32_t prefill_chunk;  /* most prompt tokens in a step */
    const struct pl_vocab *vocab; /* end tokens */
};
extern const struct pl_actor_class pl_batcher_class;

/* executor: runs steps. Lives in a child process; its handler blocks for one model step (the one exception). */
struct pl_executor_opts {
    const char *model_path;  /* NULL: the hash model */
    enum pl_isa isa;
    uint32_t threads, max_seqs, n_pages, max_rows;
    bool logits_hash;
    uint64_t incarnation;
};
extern const struct pl_actor_class pl_executor_class;

/* tools: finds, checks, calls, times out. */
struct pl_tools_opts {
    const char *const *names; /* NULL-terminated, at most 64: for each an actor "tool.NAME" is expected */
    uint32_t max_waiting;     /* a tool; 0: 64 */
};
extern const struct pl_actor_class pl_tools_class;

/* tool.NAME: hosts one shared object behind plugins/parlance_tool.h, in a child process. */
struct pl_tool_host_opts {
    const char *path; /* of the shared object */
};
extern const struct pl_actor_class pl_tool_host_class;

/* feedback: ratings and the trigger. */
struct pl_feedback_opts {
    uint32_t threshold; /* more ratings below 3 than this since the last snapshot make a retraining due; 0: 100 */
    bool standby;       /* the counts are another process's: read anew every half second */
    const uint8_t *row_key; /* as the session's */
};
extern const struct pl_actor_class pl_feedback_class;

#endif
