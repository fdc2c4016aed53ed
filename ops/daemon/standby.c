#include "ops/daemon/standby.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>
#include "ops/daemon/data_lock.h"

enum { STOP_GRACE_MS = 1000, LISTEN_TRIES = 500, LISTEN_WAIT_MS = 20 };

struct standby {
    struct pl_service *service;
    void *zmq;
    struct pl_loop *loop;
    struct pl_node *node;
    char socket[PL_PATH_MAX + 64], own_store[PL_PATH_MAX + 64];
    int own; /* DATA/standby.lock: one standby a directory */
};
/* What the waiting thread shares; it may outlive the rest when the process ends first. */
static struct {
    int lock;
    atomic_bool taken;
} wait;

static void *wait_for_lock(void *unused)
{
    int rc;
    do rc = flock(wait.lock, LOCK_EX);
    while (rc && errno == EINTR);
    if (rc) return NULL;
    atomic_store(&wait.taken, true);
    kill(getpid(), SIGTERM); /* ends the loop in its own thread, as an operator would */
    return NULL;
}

static int begin_wait(struct pl_err *err)
{
    sigset_t all, before;
    pthread_t thread;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int rc = pthread_create(&thread, NULL, wait_for_lock, NULL);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (rc) return pl_fail(err, PL_E_NO_MEMORY, "standby", "cannot start a thread: %s", strerror(rc));
    pthread_detach(thread);
    return 0;
}

static void on_stop(void *arg)
{
    struct standby *b = arg;
    pl_node_stop(b->node, STOP_GRACE_MS);
}

/* The actors that answer what reads, all on one loop: a standby has little to do. */
static int add_actors(struct standby *b, struct pl_err *err)
{
    static const char *const actors[] = {"store", "session", "feedback", "frontdoor"};
    struct pl_service *s = b->service;
    snprintf(b->own_store, sizeof b->own_store, "%s/standby", s->data);
    s->store.secondary = b->own_store;
    s->session.standby = s->feedback.standby = s->frontdoor.standby = true;
    int rc = 0;
    for (size_t i = 0; i < sizeof actors / sizeof *actors && !rc; i++)
        rc = pl_service_add(s, b->node, actors[i], err);
    return rc;
}

static int open_node(struct standby *b, struct pl_err *err)
{
    struct pl_service *s = b->service;
    b->zmq = pl_zmq_create();
    if (!b->zmq) return pl_fail(err, PL_E_NO_MEMORY, NULL, "no ZeroMQ context");
    int rc = pl_loop_create(b->zmq, &b->loop, err);
    if (rc) return rc;
    struct pl_node_opts o = {.name = "standby", .world = pl_loop_world(b->loop), .log = &s->log};
    rc = pl_node_create(&o, &b->node, err);
    if (rc) return rc;
    pl_loop_attach(b->loop, b->node);
    snprintf(b->socket, sizeof b->socket, "ipc://%s/standby.sock", s->data);
    struct pl_listen_opts operators = pl_service_listen_opts(b->service, PL_LISTENER_ADMIN, b->socket);
    rc = add_actors(b, err);
    if (!rc) rc = pl_loop_listen(b->loop, &operators, err);
    if (!rc) rc = pl_node_listener(b->node, PL_LISTENER_ADMIN, "frontdoor", err);
    return rc;
}

static void finish(struct standby *b)
{
    pl_node_destroy(&b->node);
    pl_loop_destroy(&b->loop);
    pl_zmq_destroy(&b->zmq);
    if (b->socket[0]) unlink(b->socket + strlen("ipc://"));
    if (b->own >= 0) close(b->own);
}

int pl_standby_run(struct pl_service *s, int *lock, struct pl_err *err)
{
    struct standby b = {.service = s, .own = -1};
    *lock = wait.lock = -1;
    int rc = pl_data_lock_open(s->data, "standby.lock", &b.own, err);
    if (!rc) rc = pl_data_lock_take(b.own, "another standby waits beside", s->data, err);
    if (!rc) rc = pl_data_lock_open(s->data, "lock", &wait.lock, err);
    if (!rc) rc = open_node(&b, err);
    if (!rc) pl_loop_on_stop(b.loop, on_stop, &b);
    if (!rc) rc = begin_wait(err);
    if (!rc) rc = pl_node_start(b.node, err);
    if (!rc)
        pl_log_write(&s->log, PL_LOG_INFO, "parlanced", "standing_by", "pid=%d data=%s", (int)getpid(),
                     s->data);
    if (!rc) rc = pl_loop_run(b.loop, err);
    finish(&b);
    if (!rc && atomic_load(&wait.taken)) *lock = wait.lock;
    return rc;
}

int pl_standby_become(struct pl_service *s, int argc, const char *const *argv, int lock, struct pl_err *err)
{
    char number[16];
    const char **args = calloc((size_t)argc + 3, sizeof *args);
    if (!args) return pl_fail(err, PL_E_NO_MEMORY, "standby", "out of memory");
    snprintf(number, sizeof number, "%d", lock);
    memcpy(args, argv, (size_t)argc * sizeof *args);
    args[argc] = "--lock-fd";
    args[argc + 1] = number;
    pl_log_write(&s->log, PL_LOG_WARN, "parlanced", "taking_over", "data=%s", s->data);
    fcntl(lock, F_SETFD, 0); /* the lock goes along: nobody comes between */
    execv(s->program, (char *const *)args);
    free(args);
    return pl_fail(err, PL_E_IO, "standby", "cannot start %s: %s", s->program, strerror(errno));
}

int pl_standby_wait_listen(struct pl_service *s, struct pl_err *err)
{
    int rc = pl_service_can_listen(s, err);
    for (int i = 0; rc && i < LISTEN_TRIES; i++) {
        poll(NULL, 0, LISTEN_WAIT_MS);
        rc = pl_service_can_listen(s, err);
    }
    return rc;
}
