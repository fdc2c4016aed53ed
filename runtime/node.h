/* node.h - a node: actors, mailboxes, timers and supervisors as one pure step machine.
 *
 * A node belongs to one thread. It reads no clock and touches no socket: a struct pl_world gives it time, chance, links,
 * outside sockets and children, and calls it when something arrives. In production the world is a libuv loop with ZeroMQ
 * (runtime/loop.h); in the simulator it is a queue of events with a virtual clock (runtime/sim.h).
 *
 * Where an actor lives: added here (same loop: the record itself, through a mailbox), or placed on a peer node
 * (another thread by inproc, a child process by ipc or tcp, another host): then messages are encoded and given to the
 * world's link. Links form a star: the service node is the hub, the others know only it; a message for an actor that a
 * leaf does not have goes to the hub. Peers announce themselves with node.hello and are monitored by sys.ping. */
#ifndef PL_RUNTIME_NODE_H
#define PL_RUNTIME_NODE_H

#include "runtime/actor.h"
#include "runtime/roles.h"

struct pl_node;

/* Whether the simulator makes a handler fail, and whether what it did beforehand happened. */
enum pl_handler_fault { PL_HANDLER_SOUND, PL_HANDLER_FAILS_BEFORE, PL_HANDLER_FAILS_AFTER };

/* What the system says of the process of a node; zero: not known. */
struct pl_process {
    uint64_t pid, rss_bytes, cpu_ms;
    uint32_t open_files;
};

struct pl_world {
    void *self;
    uint64_t (*now_ms)(void *self);
    /* The same clock, read cheaply and some milliseconds late: says whether it is worth reading the other one; may be
     * NULL. */
    uint64_t (*coarse_ms)(void *self);
    uint64_t (*wall_ms)(void *self);
    uint64_t (*now_us)(void *self); /* the same clock as now_ms, finer; NULL: now_ms in thousands */
    uint64_t (*wall_us)(void *self); /* wall_ms, finer; NULL: wall_ms in thousands */
    uint64_t (*random)(void *self);
    void (*process)(void *self, struct pl_process *out); /* NULL: not known */
    /* Bytes to a peer node, one frame, as pl_node_link_frame there gets them: 0, -PL_E_AGAIN (its queue is full), -PL_E_GONE (not connected). */
    int (*link_send)(void *self, const char *node, const void *bytes, size_t len);
    int (*net_send)(void *self, uint32_t listener, struct pl_bin peer, bool delimiter, const void *bytes, size_t len);
    /* Begins to start / ends the child that hosts NODE. It is up when its node.hello arrives; its end is told by
     * pl_node_child_exited. child_kill is also used for a child that misses heartbeats. */
    int (*child_start)(void *self, const char *node, uint64_t incarnation, struct pl_err *err);
    void (*child_kill)(void *self, const char *node);
    bool (*child_swollen)(void *self, const char *node); /* holds more memory than it may? Asked each 50 ms; a yes kills
                                                          * it. NULL: never */
    void (*kill_point)(void *self, const char *point); /* may not return; NULL: nothing */
    /* Asked before ACTOR handles M; NULL: sound. */
    enum pl_handler_fault (*handler_fault)(void *self, const char *actor, const struct pl_msg *m);
};

struct pl_node_opts {
    const char *name;          /* "service", "store", "executor" */
    struct pl_world world;
    struct pl_log *log;        /* borrowed for the life of the node */
    bool codec_always;         /* encode and decode every message, also on one loop (forced on by PL_CODEC_ALWAYS) */
    const char *hub;           /* leaf: name of the hub node; NULL: this node is the hub */
    uint64_t incarnation;      /* of a leaf: given by who started it */
    uint32_t heartbeat_ms;     /* 0: 1000 */
    uint32_t heartbeat_timeout_ms; /* 0: 60000; a peer silent for so long is killed and restarted */
    uint32_t dead_letters;      /* of the newest so many are remembered; 0: none */
    struct pl_spans *spans;     /* where spans are written, lent for the node's life; NULL: nowhere */
    size_t dead_letter_bytes;   /* of their messages, for a replay */
    bool gather_metrics;        /* hub: the leaves send their metrics with each heartbeat, for pl_node_metrics_write */
};
int pl_node_create(const struct pl_node_opts *o, struct pl_node **out, struct pl_err *err);
void pl_node_destroy(struct pl_node **n); /* stops what still runs, in reverse order of start */

/* Before start: an actor of this node (NAME NULL: the class's), started in order of adding. ARG is lent for the node's life. */
int pl_node_add(struct pl_node *n, const struct pl_actor_class *cls, const char *name, const void *arg, struct pl_err *err);
/* Before start: ACTOR lives on PEER. What is sent to it before the peer's first hello waits (bounded); while a peer that
 * was up is down, senders are told `unavailable`; what waited for a link that went down comes back as `gone`. */
int pl_node_place(struct pl_node *n, const char *actor, const char *peer, struct pl_err *err);
/* Before start: PEER is a child of this node, supervised with POLICY. */
int pl_node_child(struct pl_node *n, const char *peer, const struct pl_restart_policy *policy, struct pl_err *err);
/* Before start: frames of LISTENER go to ACTOR as net.frame. */
int pl_node_listener(struct pl_node *n, uint32_t listener, const char *actor, struct pl_err *err);

/* Starts children, then actors. -PL_E_* of the first that fails (those that were started are stopped). */
int pl_node_start(struct pl_node *n, struct pl_err *err);
/* Handles up to MAX messages and due timers; returns how many. 0: nothing to do until pl_node_due_ms or an event. */
size_t pl_node_run(struct pl_node *n, size_t max);
/* When the next timer is due on the world's clock; UINT64_MAX: none. 0 when messages wait. */
uint64_t pl_node_due_ms(const struct pl_node *n);
/* Gives sys.stop to all actors. Once mailboxes and outboxes are empty, children get node.bye and may finish (what they
 * send is still handled); when all are gone, or after GRACE_MS, children are killed, the actors' stop handlers run in
 * reverse order of start and pl_node_stopped is true. A leaf stops when its hub says node.bye; actors there that have
 * listeners get sys.stop at once. */
void pl_node_stop(struct pl_node *n, uint64_t grace_ms);
bool pl_node_stopped(const struct pl_node *n);
/* True once an actor or child went over its restart intensity: the process must end with an error. */
bool pl_node_failed(const struct pl_node *n, struct pl_err *err);
/* True when every actor of this node runs and every child said hello. */
bool pl_node_ready(const struct pl_node *n);

/* What the world tells. BYTES are borrowed; of a link they are what the other node's link_send was given: a byte for the
 * lane (0 system, 1 user) and one msgpack map. */
void pl_node_link_frame(struct pl_node *n, const char *peer, const void *bytes, size_t len);
void pl_node_link_up(struct pl_node *n, const char *peer);   /* leaf: the hub is connected: hello is sent */
void pl_node_link_lost(struct pl_node *n, const char *peer);
/* A child that ends with this status before it was ever up cannot start for a reason that trying again does not mend
 * (a model file that cannot be served): the node fails instead of starting it again. */
enum { PL_CHILD_EXIT_FINAL = 3 };
/* How the end of a child that was over its memory is told, whoever ended it. */
enum { PL_CHILD_EXIT_MEMORY = 4 };
void pl_node_child_exited(struct pl_node *n, const char *peer, uint64_t incarnation, int status);
/* Who sent a frame of an outside socket: what its listener knows, never what the sender says. */
struct pl_net_peer {
    struct pl_bin id;    /* routing id, 1 to 32 bytes */
    bool delimiter;      /* an empty frame came first: a REQ socket */
    struct pl_str key;   /* name of the authenticated key; empty: a local peer without a key, without tenant and roles */
    struct pl_str tenant;
    uint32_t roles;      /* PL_ROLE_*; 0 with a key: it was revoked */
    bool act_for;        /* the envelope's tenant counts: so says the key, or a local peer came by ipc */
};
/* PEER and BYTES are borrowed. -PL_E_AGAIN when the actor's mailbox is full: stop reading that socket until pl_node_room.
 * -PL_E_NOT_FOUND: no such listener here. More than 1 MiB of BYTES are passed on as malformed and empty. */
int pl_node_net_frame(struct pl_node *n, uint32_t listener, const struct pl_net_peer *peer, const void *bytes, size_t len,
                      bool malformed);
bool pl_node_room(const struct pl_node *n, uint32_t listener);

/* Lent for the node's life; what it says of actors is brought up to date by this call. */
struct pl_metrics *pl_node_metrics(struct pl_node *n);
/* Appends this node's metrics and those that its leaves sent last; theirs have a label `node`, and are gone while the
 * leaf is down. At most a heartbeat old. */
void pl_node_metrics_write(struct pl_node *n, struct pl_buf *out);
struct pl_log *pl_node_log(const struct pl_node *n); /* may be NULL */
const char *pl_node_name(const struct pl_node *n);
/* Handled: by an actor here, or given to a link. What came over a link counts as sent here too. */
struct pl_node_counts { uint64_t sent, handled, refused, dead, in_flight, restarts, child_restarts; };
void pl_node_counts(const struct pl_node *n, struct pl_node_counts *out); /* sent = handled + refused + dead + in_flight */

#endif
