/* loop_inside.h - what the files of a loop share.
 *
 *   loop.c     the turn, the loop's life      world.c   time, chance, kill points, the table for the node
 *   port.c     a ZeroMQ socket on the loop    hub.c     leaves' links: names and routing ids
 *   leaf.c     the link to a hub              listener.c  strangers
 *   child.c    child processes                thread.c  nodes on threads
 *   zap.c      who may come in                stranger.c  a try with a key that nobody knows
 *   http.c     /metrics, /healthz, /readyz
 * limit.c, signals.h, socket.c, endpoint.c, dir.c know nothing of loops.
 *
 * Memory that holds a libuv handle is freed in the handle's close callback; pl_loop_destroy turns the loop
 * until all of them came. */
#ifndef PL_RUNTIME_LOOP_INSIDE_H
#define PL_RUNTIME_LOOP_INSIDE_H

#include <uv.h>

#include "runtime/endpoint.h"
#include "runtime/loop.h"
#include "runtime/socket.h"

enum { PL__NODE_NAME_MAX = 64, PL__PEER_ID_MAX = 32 };

struct pl__port;
struct pl__port_kind {
    enum pl__socket_kind socket;
    /* Handles one message of F (finished by the port). */
    void (*take)(struct pl__port *p, struct pl__frame *f);
    /* Instead of take: reads one message by itself; false when none is there. */
    bool (*read)(struct pl__port *p);
    /* May the port be read now? NULL: always. */
    bool (*open)(struct pl__port *p);
    /* Before the port's memory is freed; may be NULL. */
    void (*finish)(struct pl__port *p);
};
/* A ZeroMQ socket on the loop. First member of the struct that its kind knows, which is freed as a whole. */
struct pl__port {
    const struct pl__port_kind *kind;
    struct pl_loop *loop;
    void *socket;
    int linger_ms;
    uv_poll_t poll;
    struct pl__port *next;
};
/* Makes a port of BYTES (at least sizeof(struct pl__port)) with its socket; not read before pl__port_begin.
 */
int pl__port_create(struct pl_loop *l, const struct pl__port_kind *kind, size_t bytes, int64_t max_bytes,
                    bool ipv6, struct pl__port **out, struct pl_err *err);
/* From now on the loop reads it. -PL_E_IO. */
int pl__port_begin(struct pl__port *p, struct pl_err *err);
void pl__port_close(struct pl__port *p); /* memory goes with the next turns of the loop */
/* Makes room for and binds E. */
int pl__port_bind(struct pl__port *p, const struct pl__endpoint *e, struct pl_err *err);
bool pl__port_work(struct pl__port *p); /* asks the socket; true when something can be read now */
void pl__port_read(struct pl__port *p); /* up to a budget */

struct pl__child;
struct pl__host;
struct pl__http;
struct pl_loop {
    uv_loop_t uv;
    uv_prepare_t prepare;
    uv_check_t check;
    uv_idle_t idle;
    uv_timer_t due, watch; /* watch: of the listeners' files */
    uv_signal_t signals[2];
    void *zmq;
    struct pl_node *node;
    struct pl__port *ports; /* all of them */
    struct pl__port *hub, *leaf, *zap;
    struct pl__child *children;
    struct pl__host *hosts;  /* threads started here */
    struct pl__host *inside; /* the thread this loop runs on, when a loop started it */
    struct pl__http *http;
    void (*on_stop)(void *arg);
    void *on_stop_arg;
    bool ends_with_hub;
    bool ended, orderly; /* orderly: what was sent may still leave at close */
    uint8_t random[256];
    size_t random_left;
    char kill_point[32];
    uint64_t kill_passes; /* left until the kill; 0: never */
};

/* world.c */
void pl__world_init(struct pl_loop *l);
uint64_t pl__world_now_ms(void *self);

/* process.c: what the system says of this process. */
void pl__process_read(void *self, struct pl_process *out);

/* hub.c, leaf.c, listener.c: the ways out; results as in struct pl_world. */
int pl__hub_send(struct pl__port *p, const char *node, const void *bytes, size_t len);
void pl__hub_forget(struct pl__port *p, const char *node);
int pl__leaf_send(struct pl__port *p, const void *bytes, size_t len);
void pl__leaf_run(struct pl__port *p); /* the loop runs: an inproc link is up */
int pl__listener_send(struct pl_loop *l, uint32_t listener, struct pl_bin peer, bool delimiter,
                      const void *bytes, size_t len);

/* zap.c: answers ZeroMQ's question whether a key may come in. Opens the table of DATA and its own socket,
 * once a loop. -PL_E_FORBIDDEN: the service has no key. */
int pl__zap_open(struct pl_loop *l, const char *data, struct pl_err *err);
/* Also -PL_E_FORBIDDEN when there is nobody to let in: told at the start, but a loop that begins anew after
 * the last key was revoked goes on and lets nobody in. */
int pl__zap_can_open(const char *data, struct pl_err *err);
const struct pl_key_pair *pl__zap_server(const struct pl_loop *l); /* the service's own pair */
/* Fills in what the table says now of USER, whom the handshake found; a pointer into the table. */
void pl__zap_identify(struct pl_loop *l, const char *user, struct pl_net_peer *peer);
/* stranger.c: connects to what SOCKET is bound to, with a new key, and waits until that is refused.
 * -PL_E_INTERNAL: it was let in, or not refused in 2 s. */
int pl__stranger_is_refused(struct pl_loop *l, void *socket, struct pl_err *err);

/* child.c: processes. -PL_E_NOT_FOUND when NODE is none of them. */
int pl__child_start(struct pl_loop *l, const char *node, uint64_t incarnation, struct pl_err *err);
int pl__child_kill(struct pl_loop *l, const char *node);
void pl__children_end(struct pl_loop *l);                    /* kills all and waits for them */
bool pl__child_swollen(struct pl_loop *l, const char *node); /* it holds more memory than it may */
/* limit.c: MEMORY_BYTES as it counts here (more under sanitizers); resident bytes of a process, 0: gone. */
uint64_t pl__memory_allowed(uint64_t memory_bytes);
uint64_t pl__memory_resident(long pid);
/* thread.c: the same for threads. */
int pl__host_start(struct pl_loop *l, const char *node, uint64_t incarnation, struct pl_err *err);
int pl__host_kill(struct pl_loop *l, const char *node);
void pl__hosts_end(struct pl_loop *l);
void pl__host_enter(struct pl_loop *l); /* a loop was made on this thread */
void pl__host_leave(struct pl_loop *l);
/* A child process or thread ended: what it sent last is read, then the node is told. */
void pl__loop_child_exited(struct pl_loop *l, const char *node, uint64_t incarnation, int status);

void pl__http_close(struct pl_loop *l);

#endif
