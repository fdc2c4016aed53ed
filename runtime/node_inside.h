/* node_inside.h - what the files of a node share: its actors, the table of names, its peers, its counts.
 *
 *   node.c   the node's life and its run loop        actor.c  an actor's life and what its handlers may call
 *   post.c   where a message goes, dead letters      route.c  names, who is up, who wants to know
 *   link.c   peers: hello, heartbeats, children, outboxes
 *   work.c   how long handlers take                  letters.c  dead letters that are remembered
 *   watch.c  the actor that tells of all this
 *
 * Accounting: pl__post counts a message as sent; exactly one of pl__count_handled, pl__dead follows for each.
 * What is in flight is not counted but is what lies in mailboxes and outboxes, so the sum can be checked. */
#ifndef PL_RUNTIME_NODE_INSIDE_H
#define PL_RUNTIME_NODE_INSIDE_H

#include "runtime/letters.h"
#include "runtime/mailbox.h"
#include "runtime/node.h"
#include "runtime/supervisor.h"
#include "runtime/timer.h"
#include "runtime/work.h"
#include "schemas/gen/runtime.h"

enum {
    PL__NAME_MAX = 64,
    PL__ROUTES_MAX = 1024,
    PL__ROUTES_KNOWN = 4, /* that an actor remembers: a power of two */
    PL__MAILBOX_LIMIT = 1024,
    PL__OUTBOX_MESSAGES = 16384, /* as many as the mailbox of the frontdoor: whole answers are said again at once */
    PL__OUTBOX_SYSTEM = 65536,
    PL__OUTBOX_RETRY_MS = 2,
    PL__WEIGH_MS = 50, /* a flood takes some 30 MiB in that time */
    PL__LINK_DECODE_BYTES = 512 << 20,
    PL__NET_BYTES_MAX = 1 << 20, /* of net.frame's bytes */
    PL__PAGE_BYTES_MAX = 1 << 20, /* of node.metrics' text */
    PL__BYE_GRACE_MS = 10000,    /* of a leaf that its hub told to stop */
};
#define PL__OUTBOX_BYTES ((size_t)64 << 20)

/* A name that messages can be sent to. Local: a mailbox here. Else it lives on PEER; neither: not known yet.
 */
struct pl__route {
    struct pl_actor *local;
    struct pl__peer *peer;
    uint32_t len;
    char name[PL__NAME_MAX + 1];
    bool up;
    uint64_t incarnation;
    struct pl_actor **watchers;
    uint32_t watchers_count, watchers_capacity;
};
struct pl__route_place {
    struct pl__route *route; /* NULL: free */
    uint32_t hash;
};
struct pl__routes {
    struct pl__route **all; /* in order of adding */
    struct pl__route_place *index; /* open addressing; twice as many places as CAPACITY */
    uint32_t count, capacity;
};
struct pl__route *pl__route_find(const struct pl__routes *t, struct pl_str name); /* NULL when unknown */
/* *OUT is lent for the node's life: the route of that name, made when there is none. -PL_E_INVALID, -PL_E_TOO_LARGE,
 * -PL_E_NO_MEMORY. */
int pl__route_make(struct pl__routes *t, struct pl_str name, struct pl__route **out, struct pl_err *err);
void pl__routes_finish(struct pl__routes *t);
/* Mark it and tell those who monitor it, here and on the other nodes. */
void pl__route_up(struct pl_node *n, struct pl__route *r, uint64_t incarnation);
void pl__route_down(struct pl_node *n, struct pl__route *r, int code, bool final);
bool pl__route_watch(struct pl__route *r, struct pl_actor *watcher);
void pl__route_forget_watcher(struct pl__routes *t, const struct pl_actor *watcher);
struct pl_msg *pl__route_up_msg(const struct pl__route *r);

/* An actor: NEW -> UP <-> WAITING (for its restart), -> DOWN for good; UP -> STOPPED with the node. */
enum pl__actor_state { PL__ACTOR_NEW, PL__ACTOR_UP, PL__ACTOR_WAITING, PL__ACTOR_DOWN, PL__ACTOR_STOPPED };
struct pl_actor {
    struct pl_node *node;
    const struct pl_actor_class *cls;
    struct pl__mailbox mailbox;
    struct pl_actor *ready_next;
    enum pl__actor_state life;
    uint32_t turn; /* messages left of the running turn */
    int broken;    /* set when the runtime could not do what a handler asked: the handler failed */
    bool ready;
    void *state;
    struct pl_str name;                      /* of its route */
    struct pl__route *known[PL__ROUTES_KNOWN]; /* whom it sent to: see actor.c */
    struct pl__route *route;
    uint64_t taken; /* messages handled, well or not */
    /* Up to here touched by every message, from here on seldom. */
    const void *arg;
    uint64_t starts;
    struct pl__supervisor supervisor;
    struct pl__work *work;
    struct pl_gauge *depth[PL__LANES], *high_water, *up;
    struct pl_counter *restarts, *handled, *busy, *slow, *stalls;
};

/* A peer node: STARTING -> UP <-> DOWN, -> FINAL (a child that is not started again). What is sent to a peer
 * that has never been up waits in its outbox; while it is down, senders are told `unavailable`. */
enum pl__peer_state { PL__PEER_STARTING, PL__PEER_UP, PL__PEER_DOWN, PL__PEER_FINAL };
struct pl__peer {
    char name[PL__NAME_MAX + 1];
    struct pl_node *node;
    enum pl__peer_state life;
    bool child;
    bool running; /* a child that was started and whose exit was not told */
    bool killed;  /* child_kill was called for this incarnation */
    bool lost;    /* the link said gone; handled at the next run */
    bool blocked; /* the link said again */
    bool flushing;
    uint64_t incarnation, heard_ms;
    struct pl__supervisor supervisor;
    struct pl__mailbox outbox;
    size_t outbox_bytes;
    struct pl_counter *restarts;
    struct pl_gauge *waiting, *up;
    struct pl_buf page; /* its metrics as it sent them last */
};

enum pl__stop_phase { PL__RUNNING, PL__DRAINING, PL__CHILDREN, PL__STOPPED };
struct pl__listener {
    uint32_t number;
    struct pl_actor *actor;
};
/* Timers whose owner is the node itself. */
enum pl__node_timer { PL__TIMER_ACTOR, PL__TIMER_CHILD, PL__TIMER_HEARTBEAT, PL__TIMER_WEIGH, PL__TIMER_STOP };

struct pl_node {
    struct pl_node_opts opts;
    char name[PL__NAME_MAX + 1];
    struct pl_log silent;
    uint64_t now_ms, now_us, start_ms, coarse_ms;
    uint32_t untimed; /* handlers to come whose time is not taken */
    struct pl_actor **actors;
    struct pl__peer **peers;
    struct pl__listener *listeners;
    uint32_t actors_count, peers_count, listeners_count;
    struct pl__peer *hub; /* of a leaf */
    struct pl__routes routes;
    struct pl__timers timers;
    struct pl_actor *ready_head, **ready_tail;
    struct pl_msg *current; /* being handled */
    struct pl_buf scratch;
    struct pl_node_counts counts;
    struct pl_err failure;
    bool started;
    enum pl__stop_phase stop;
    uint64_t stop_at_ms, retry_at_ms, ping_seq;
    struct pl_metrics *metrics;
    struct pl_counter *messages[4]; /* sent, handled, refused, dead */
    struct pl_counter *causes[PL_E_INTERNAL + 1];
    struct pl__letters letters;
};

void pl__node_tick(struct pl_node *n);
/* Called after each handler: false when its time is not taken. The clock is read when the cheap one moved, so that no
 * handler of milliseconds passes, or else after each handler; while these take less than a microsecond, after 32. */
bool pl__node_timed(struct pl_node *n);
void pl__node_fail(struct pl_node *n, int code, const char *what, const char *why);
void pl__node_advance_stop(struct pl_node *n);

/* Takes M, whose env.to is set. Everything that is sent passes here once. */
void pl__post(struct pl_node *n, struct pl_msg *m, enum pl__lane lane);
/* The same without counting: M was counted before. */
void pl__route_message(struct pl_node *n, struct pl_msg *m, enum pl__lane lane);
/* Takes M: it will not be handled, because of CODE. Its sender is told unless the node itself sent it. */
void pl__dead(struct pl_node *n, struct pl_msg *m, int code);
void pl__count_handled(struct pl_node *n);
/* Sends a message of the node itself to an actor here, by the system lane. Takes M, which may be NULL (no
 * memory). */
void pl__notify(struct pl_actor *a, struct pl_msg *m);

int pl__actor_start(struct pl_actor *a);
void pl__actor_stop(struct pl_actor *a, enum pl__actor_state after);
void pl__actor_restart(struct pl_actor *a);
void pl__actor_schedule(struct pl_actor *a);
/* A is next: what its turn touches first comes from memory while another turn runs. */
static inline void pl__actor_prefetch(const struct pl_actor *a)
{
    if (a->ready_next) __builtin_prefetch(a->ready_next);
    if (a->mailbox.lanes[PL__LANE_USER].head) __builtin_prefetch(a->mailbox.lanes[PL__LANE_USER].head);
}
size_t pl__actor_turn(struct pl_actor *a, size_t max); /* handles messages; how many */
void pl__actor_drop_mail(struct pl_actor *a, int code);
void pl__actor_gauge(struct pl_actor *a);
void pl__actor_destroy(struct pl_actor *a);

struct pl__peer *pl__peer_find(const struct pl_node *n, const char *name);
/* *OUT is lent for the node's life: the peer of that name, made when there is none. -PL_E_INVALID, -PL_E_NO_MEMORY. */
int pl__peer_make(struct pl_node *n, const char *name, struct pl__peer **out, struct pl_err *err);
void pl__peer_destroy(struct pl__peer *p);
/* Takes M: gives it to the link, or keeps it in the outbox, or tells its sender why not. */
void pl__peer_send(struct pl__peer *p, struct pl_msg *m, enum pl__lane lane);
/* A message between the nodes themselves: `to` is empty. Takes M, which may be NULL. */
void pl__peer_tell(struct pl__peer *p, struct pl_msg *m);
/* The same for who is up: NULL, for want of memory, ends the link. */
void pl__peer_news(struct pl__peer *p, struct pl_msg *m);
int pl__peer_start(struct pl__peer *p, struct pl_err *err);
void pl__peer_restart(struct pl__peer *p);
void pl__peers_work(struct pl_node *n); /* lost links, outboxes that may go on */
void pl__peers_heartbeat(struct pl_node *n);
void pl__peers_weigh(struct pl_node *n); /* kills children that hold too much memory; again and again */
void pl__peers_stopping(struct pl_node *n);
void pl__peers_bye(struct pl_node *n);
bool pl__peers_gone(const struct pl_node *n);
void pl__peers_kill(struct pl_node *n);
void pl__peers_cut(struct pl_node *n); /* nothing is sent to them any more */

#endif
