/* thread.c - leaf nodes on threads of this process.
 *
 *   known --start--> running --main returned: joined, told--> known
 *
 * The only thing two threads share here is struct pl__host, under its lock: the starting loop asks the loop
 * inside to end, the thread says that it is done; both by an async handle. A thread cannot be killed, so it
 * has to come back from its handlers. Signals are blocked on it. */
#include <stdlib.h>
#include <string.h>

#include "runtime/loop_inside.h"
#include "runtime/signals.h"

struct pl__host {
    struct pl_loop *loop; /* that starts it */
    struct pl__host *next;
    char node[PL__NODE_NAME_MAX + 1];
    void (*main)(void *arg);
    void *arg;
    uint64_t incarnation;
    pthread_t thread;
    bool running;
    uv_async_t done;
    pthread_mutex_t lock;
    struct pl_loop *inside; /* lock: the loop on the thread, NULL before and after its life */
    bool asked;             /* lock: it shall end */
    uv_async_t end;         /* lock: handle of the loop inside */
};

static _Thread_local struct pl__host *hosting;

static void end_inside(uv_async_t *a)
{
    pl_loop_end(a->data);
}

void pl__host_enter(struct pl_loop *l)
{
    struct pl__host *h = hosting;
    if (!h) return;
    pthread_mutex_lock(&h->lock);
    if (!h->inside && uv_async_init(&l->uv, &h->end, end_inside) == 0) {
        h->end.data = l;
        h->inside = l;
        l->inside = h;
        if (h->asked) pl_loop_end(l);
    }
    pthread_mutex_unlock(&h->lock);
}

uint64_t pl_loop_incarnation(const struct pl_loop *l)
{
    return l->inside ? l->inside->incarnation : 0;
}

void pl__host_leave(struct pl_loop *l)
{
    struct pl__host *h = l->inside;
    if (!h) return;
    pthread_mutex_lock(&h->lock);
    h->inside = NULL;
    pthread_mutex_unlock(&h->lock);
    uv_close((uv_handle_t *)&h->end, NULL);
}

static void *run(void *arg)
{
    struct pl__host *h = arg;
    hosting = h;
    h->main(h->arg);
    hosting = NULL;
    uv_async_send(&h->done);
    return NULL;
}

static void on_done(uv_async_t *a)
{
    struct pl__host *h = a->data;
    if (!h->running) return;
    pthread_join(h->thread, NULL);
    h->running = false;
    pl__loop_child_exited(h->loop, h->node, h->incarnation, 0);
}

static struct pl__host *find(const struct pl_loop *l, const char *node)
{
    struct pl__host *h = l->hosts;
    while (h && strcmp(h->node, node) != 0) h = h->next;
    return h;
}

int pl_loop_thread(struct pl_loop *l, const char *node, void (*main)(void *arg), void *arg,
                   struct pl_err *err)
{
    if (find(l, node)) return pl_fail(err, PL_E_CONFLICT, node, "the child %s is known already", node);
    if (strlen(node) > PL__NODE_NAME_MAX)
        return pl_fail(err, PL_E_INVALID, node, "a node's name has at most 64 bytes");
    struct pl__host *h = calloc(1, sizeof *h);
    if (!h || uv_async_init(&l->uv, &h->done, on_done) != 0) {
        free(h);
        return pl_fail(err, PL_E_NO_MEMORY, node, "no room for a thread");
    }
    pthread_mutex_init(&h->lock, NULL);
    strcpy(h->node, node);
    h->loop = l;
    h->main = main;
    h->arg = arg;
    h->done.data = h;
    h->next = l->hosts;
    l->hosts = h;
    return 0;
}

int pl__host_start(struct pl_loop *l, const char *node, uint64_t incarnation, struct pl_err *err)
{
    struct pl__host *h = find(l, node);
    sigset_t before;
    if (!h) return -PL_E_NOT_FOUND;
    if (h->running) return pl_fail(err, PL_E_CONFLICT, node, "the thread of %s still runs", node);
    h->incarnation = incarnation;
    h->asked = false;
    pl__signals_block(&before);
    int rc = pthread_create(&h->thread, NULL, run, h);
    pl__signals_restore(&before);
    h->running = rc == 0;
    return rc ? pl_fail(err, PL_E_IO, node, "cannot start a thread for %s: %s", node, strerror(rc)) : 0;
}

int pl__host_kill(struct pl_loop *l, const char *node)
{
    struct pl__host *h = find(l, node);
    if (!h) return -PL_E_NOT_FOUND;
    pthread_mutex_lock(&h->lock);
    h->asked = true;
    if (h->inside) uv_async_send(&h->end);
    pthread_mutex_unlock(&h->lock);
    return 0;
}

static void free_host(uv_handle_t *handle)
{
    struct pl__host *h = handle->data;
    pthread_mutex_destroy(&h->lock);
    free(h);
}

void pl__hosts_end(struct pl_loop *l)
{
    while (l->hosts) {
        struct pl__host *h = l->hosts;
        pl__host_kill(l, h->node);
        if (h->running) pthread_join(h->thread, NULL);
        h->running = false;
        l->hosts = h->next;
        uv_close((uv_handle_t *)&h->done, free_host);
    }
}
