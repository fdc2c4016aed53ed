/* sim.h - a deterministic world: nodes, outside peers and a store in one thread, with virtual time and planted faults.
 *
 * Events lie in one queue ordered by (virtual time, tie-break drawn from the seed). The same seed gives the same trace.
 * Handlers run one message an event. Links between nodes lose nothing while both ends live and keep their order, with a
 * random delay; frames of outside peers suffer the planted faults. A crash takes effect after the handler in which it was
 * planted, and nothing that the handler did after the kill point leaves the node. Not thread safe; that the simulator
 * itself runs out of memory ends the program.
 * Every fault is numbered in the order of its happening and counted by kind. The store is an actor class with the same
 * messages as pl_store_class over sorted memory, which knows what was synced: a node crash forgets, or tears, what was not.
 *
 * After each event the node in which it happened must keep these rules, told by name when one is broken (pl_sim_watch):
 *   balance           every message that was sent was handled, refused, is a dead letter or waits
 *   mailbox bound     no user lane holds more than its limit
 *   outbox bound      no outbox holds more than its limits
 *   wake-up           an actor with mail is about to run; an outbox with mail waits for its link
 *   restart           an actor that waits for its restart has a timer for it
 *   intensity         no actor was started again more often than its policy allows
 *   deadline          no handler gets a message whose deadline is past */
#ifndef PL_RUNTIME_SIM_H
#define PL_RUNTIME_SIM_H

#include "runtime/node.h"

enum pl_fault {
    PL_FAULT_DROP,           /* a frame between an outside peer and the service is lost */
    PL_FAULT_DUPLICATE,
    PL_FAULT_DELAY,
    PL_FAULT_REORDER,
    PL_FAULT_PEER_RESTART,   /* an outside peer comes back with another routing id */
    PL_FAULT_PARTITION,      /* for up to 20 s nothing passes between an outside peer and the service */
    PL_FAULT_HALF_OPEN,      /* for up to 20 s a peer takes nothing, though its socket looks sound; half of them are gone
                              * then, the others only read slowly */
    PL_FAULT_ACTOR_CRASH,    /* a handler fails */
    PL_FAULT_CHILD_CRASH,    /* a leaf node dies */
    PL_FAULT_NODE_CRASH,     /* the service dies; unsynced writes are forgotten or torn */
    PL_FAULT_NO_MEMORY,      /* an allocation of a node fails */
    PL_FAULT_CLOCK_JUMP,     /* the wall clock is set, by up to two hours either way */
    PL_FAULT_PAUSE,          /* the machine stands still for up to 90 s */
    PL_FAULT_WRITE_FAILED,   /* a commit fails with `storage` and is not on disk */
    PL_FAULT_WRITE_DOUBTFUL, /* a commit fails with `storage`, yet is on disk */
    PL_FAULT_DISK_FULL,      /* for up to 15 s every commit fails with `storage_full` */
    PL_FAULT_SLOW_COMMIT,
    PL_FAULT_COUNT
};
const char *pl_fault_name(enum pl_fault f);
struct pl_sim_fault {
    enum pl_fault kind;
    uint32_t number; /* in the run, from 0 */
    uint64_t step, at_ms;
};

/* The allocator of the program as the simulator steers it: one that is made of malloc by the linker (--wrap) lets the
 * FAIL_IN-th allocation from now fail and says FAILED, unless HELD. */
struct pl_sim_memory {
    uint32_t fail_in; /* 0: none shall fail */
    uint32_t held;    /* not 0: the simulator itself allocates */
    bool failed;
};

struct pl_sim;
struct pl_sim_peer;
/* What is told while it happens; each may be NULL, but without BROKEN a broken rule ends the program. */
struct pl_sim_watch {
    /* A rule does not hold: GOT is not what it must be against BOUND. */
    void (*broken)(void *arg, const char *rule, const char *where, uint64_t got, uint64_t bound);
    /* ACTOR of node NODE is about to handle M; FRESH: its first message since it was started. */
    void (*message)(void *arg, const char *node, const char *actor, const struct pl_msg *m, bool fresh);
    /* A frame leaves the service for PEER, which may still lose it. */
    void (*frame)(void *arg, struct pl_sim_peer *peer, const void *bytes, size_t len);
    /* A crash took away what was not synced. */
    void (*lost)(void *arg);
    void *arg;
};
struct pl_sim_opts {
    uint64_t seed;
    double probability[PL_FAULT_COUNT]; /* of each fault at each of its chances; 0: off */
    uint32_t delay_max_ms;        /* of PL_FAULT_DELAY and PL_FAULT_SLOW_COMMIT; 0: 200 */
    struct pl_log *log;           /* of all nodes; NULL: discard */
    struct pl_sim_memory *memory; /* lent; NULL: PL_FAULT_NO_MEMORY never happens */
    const uint32_t *only;         /* lent: numbers, rising, of the faults that may happen; the others do not */
    uint32_t only_count;
    bool only_these;              /* ONLY counts; else every fault may happen */
    struct pl_sim_watch watch;
};
int pl_sim_create(const struct pl_sim_opts *o, struct pl_sim **out, struct pl_err *err);
void pl_sim_destroy(struct pl_sim **s);

/* A node under simulation. BUILD makes it each time it boots, at start and after each crash, from O, which holds name,
 * hub, world, log and incarnation: it calls pl_node_create and adds actors, places, children and listeners, but does not
 * start it. HUB NULL: the service, which boots in the first event and, after a crash or a failure, again. A leaf boots
 * when the hub's supervisor starts it. A node that stopped by itself stays down. */
typedef int (*pl_sim_build)(struct pl_sim *s, struct pl_node_opts *o, struct pl_node **out, void *arg);
int pl_sim_node(struct pl_sim *s, const char *name, const char *hub, pl_sim_build build, void *arg, struct pl_err *err);
/* The store's contents, which outlive node crashes; give as arg of pl_sim_store_class. */
struct pl_sim_disk;
struct pl_sim_disk *pl_sim_disk(struct pl_sim *s);
extern const struct pl_actor_class pl_sim_store_class; /* arg: struct pl_sim_disk * */
/* Crashes that lost all / only the newest of the commits that were not synced yet. */
void pl_sim_disk_losses(const struct pl_sim_disk *d, uint64_t *forgotten, uint64_t *torn);
typedef void (*pl_sim_row)(const char *family, struct pl_bin key, struct pl_bin value, void *arg);
void pl_sim_disk_each(const struct pl_sim_disk *d, const char *family, pl_sim_row fn, void *arg); /* synced rows, in order */
size_t pl_sim_disk_rows(const struct pl_sim_disk *d, const char *family);                       /* synced rows */

/* An outside peer: RECEIVE is called with each frame that reaches it, TICK when its own timer is due (each peer has one:
 * starting it again replaces it). */
typedef void (*pl_sim_receive)(struct pl_sim_peer *p, const void *bytes, size_t len, void *arg);
typedef void (*pl_sim_tick)(struct pl_sim_peer *p, void *arg);
struct pl_sim_peer *pl_sim_peer(struct pl_sim *s, uint32_t listener, pl_sim_receive receive, pl_sim_tick tick, void *arg);
/* The peer of a routing id that it has now; NULL: nobody's. */
struct pl_sim_peer *pl_sim_peer_of(const struct pl_sim *s, struct pl_bin routing_id);
void *pl_sim_peer_arg(const struct pl_sim_peer *p);
uint64_t pl_sim_peer_life(const struct pl_sim_peer *p); /* rises each time it comes back with another routing id */
bool pl_sim_peer_slow(const struct pl_sim_peer *p); /* its queue was full in this life */
void pl_sim_peer_send(struct pl_sim_peer *p, const void *bytes, size_t len);
void pl_sim_peer_timer(struct pl_sim_peer *p, uint64_t delay_ms);

uint64_t pl_sim_now_ms(const struct pl_sim *s);
uint64_t pl_sim_random(struct pl_sim *s);
/* Runs events until the queue is empty, UNTIL_MS of virtual time or MAX events; returns events run. A service with
 * children or a running timer never has an empty queue. */
uint64_t pl_sim_run(struct pl_sim *s, uint64_t until_ms, uint64_t max);
void pl_sim_faults_off(struct pl_sim *s);
void pl_sim_crash(struct pl_sim *s, const char *node); /* by hand */
/* Faults that happened, in order; lent until the next event. */
const struct pl_sim_fault *pl_sim_faults(const struct pl_sim *s, uint32_t *count);
uint64_t pl_sim_steps(const struct pl_sim *s); /* events so far */
uint64_t pl_sim_fault_count(const struct pl_sim *s, enum pl_fault f);
uint64_t pl_sim_trace_hash(const struct pl_sim *s); /* over every event */
struct pl_node *pl_sim_node_at(struct pl_sim *s, const char *name); /* NULL while it is down */

#endif
