/* actor.h - what an actor is, and all that an actor may do.
 *
 * An actor is a name, a private state, handlers and a mailbox with two lanes: the system lane (timers, up and down
 * notices, refusals, cancellations; never refuses) and the user lane (bounded; refuses the newest to its sender with
 * sys.undelivered). It touches the world only through the functions below; CI checks that the actors' library has
 * no symbol of libuv, ZeroMQ, RocksDB, clocks or random numbers. Handlers never block.
 *
 *   start -> (receive)* -> [batch_end] ... -> stop          a negative result of start or receive = the handler failed:
 *     ^                        |                            the supervisor stops it, waits (back-off with jitter) and
 *     +------- restart --------+                            starts it with zeroed state, as its policy and intensity allow
 *
 * 1. Handlers of one node run one at a time, on the thread of its loop.
 * 2. The system lane goes first; within a lane the order of arrival holds.
 * 3. A message whose deadline is past is not handled: it becomes a dead letter "deadline_exceeded" and its sender is told.
 * 4. Every message that was sent is handled, refused (sys.undelivered) or a dead letter, and counted. A message whose
 *    handler failed is a dead letter: its sender gets sys.undelivered with `unavailable`.
 * 5. A restart keeps the user lane, and of the system lane what other actors sent. Timers, monitors and notices die with
 *    the incarnation. Answers to its requests still arrive: tokens should differ between incarnations. */
#ifndef PL_RUNTIME_ACTOR_H
#define PL_RUNTIME_ACTOR_H

#include "runtime/log.h"
#include "runtime/metrics.h"
#include "runtime/msg.h"
#include "runtime/span.h"

struct pl_actor; /* the running actor, as its own handlers see it */

enum pl_restart_kind { PL_RESTART_ALWAYS, PL_RESTART_NEVER };
struct pl_restart_policy {
    enum pl_restart_kind kind;
    uint32_t max_restarts;  /* at most so many ... */
    uint32_t within_ms;     /* ... in this time; more: the actor stays down and the node stops with an error. 0: no limit */
    uint32_t backoff_ms;    /* first delay; doubles, with jitter of up to half */
    uint32_t backoff_max_ms;
};
/* Also what a zeroed policy means. */
#define PL_RESTART_DEFAULT {PL_RESTART_ALWAYS, 10, 10000, 10, 1000}

/* What receive returns for a message of a type that it does not take: a dead letter, whose sender gets sys.undelivered
 * with `unknown_type`. Notices of the node itself may be ignored so. */
enum { PL_UNHANDLED = 1 };

struct pl_actor_class {
    const char *name; /* default name of the actor */
    size_t state_bytes;
    int (*start)(struct pl_actor *self, void *state, const void *arg);               /* may be NULL */
    int (*receive)(struct pl_actor *self, void *state, const struct pl_msg *m);      /* M is borrowed; keep with pl_msg_ref */
    int (*batch_end)(struct pl_actor *self, void *state); /* after all messages that waited when the turn began; may be NULL */
    void (*stop)(struct pl_actor *self, void *state);     /* frees what the state owns, also after a failed start; may be NULL */
    uint32_t mailbox_limit; /* user lane; 0: 1024 */
    struct pl_restart_policy restart;
    bool may_block; /* its handler is one model step, one commit, one tool's call: it is measured, never called slow. Others
                     * are told in the log when a handler takes 5 ms, and counted as stalled from 50 ms on. */
};

/* Sends: takes *M (nulled always). A message without a trace gets that of the message that is being handled; an answer has
 * its request's or none. M->env.to must be set (pl_send_to sets it). env.from is filled in. Never fails to
 * its caller: what cannot be delivered comes back as sys.undelivered (no memory: the handler counts as failed, so *M may
 * be the NULL of a failed pl_msg_create). A sender is its own copy of nobody's memory:
 * nothing of M may be touched afterwards. */
void pl_send(struct pl_actor *self, struct pl_msg **m);
void pl_send_to(struct pl_actor *self, const char *to, struct pl_msg **m);
/* Sends by the system lane (cancellations). */
void pl_send_system(struct pl_actor *self, const char *to, struct pl_msg **m);
/* Answers REQUEST: to = its reply_to or from; correlation = its correlation or id; tenant and trace are carried over. */
void pl_reply(struct pl_actor *self, const struct pl_msg *request, struct pl_msg **m);
/* Passes M on unchanged (a reference is taken) to another actor; from stays, or becomes self when it was empty. */
void pl_forward(struct pl_actor *self, const char *to, const struct pl_msg *m);

/* A timer gives one sys.timer {timer, kind, arg}. Cancel: false when it already fired or never was; a fired timer that
 * is still in the mailbox is removed (true: sys.timer will not come). Timers die with the actor's incarnation. */
uint64_t pl_timer_start(struct pl_actor *self, uint64_t delay_ms, uint32_t kind, uint64_t arg);
bool pl_timer_cancel(struct pl_actor *self, uint64_t timer);

/* Asks for sys.up / sys.down of another actor, wherever it lives. When it is up already, sys.up comes at once. */
void pl_monitor(struct pl_actor *self, const char *actor);

/* Kills the child process that hosts ACTOR, which its supervisor then restarts: for one that hangs. It is told like any
 * other end (sys.down, sys.undelivered). Nothing happens when ACTOR lives on this node or is down. */
void pl_child_restart(struct pl_actor *self, const char *actor);

/* Messages of the user lane that ACTOR's mailbox, or the link to its node, takes now; UINT32_MAX when no such actor is
 * known. One that answers a message with many looks here first. */
uint32_t pl_room(const struct pl_actor *self, struct pl_str actor);

uint64_t pl_now_ms(const struct pl_actor *self);  /* monotonic; constant during one handler */
uint64_t pl_wall_ms(const struct pl_actor *self); /* milliseconds since 1970; may jump */
uint64_t pl_random_u64(struct pl_actor *self);
const char *pl_actor_name(const struct pl_actor *self);
struct pl_metrics *pl_actor_metrics(struct pl_actor *self);
/* A point where a fault can be planted: in tests PARLANCE_KILL_AT=POINT:N kills the process (SIGKILL) at the N-th pass;
 * in the simulator it crashes the node. POINT: queued, prefill, decode, tool, commit. */
void pl_kill_point(struct pl_actor *self, const char *point);

/* Sends bytes to a peer of an outside socket. 0; -PL_E_AGAIN (the peer reads too slowly: keep it in a bounded outbox and
 * try again after a timer); -PL_E_GONE (no such peer any more). */
int pl_net_send(struct pl_actor *self, uint32_t listener, struct pl_bin peer, bool delimiter, const void *bytes, size_t len);

#define pl_log(self, level, event, ...) pl_log_write(pl_actor_log(self), (level), pl_actor_name(self), (event), __VA_ARGS__)
struct pl_log *pl_actor_log(const struct pl_actor *self);

#endif
