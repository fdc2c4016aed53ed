/* child.c - nodes in processes of their own.
 *
 *   known --start--> running --exit told--> known          kill: SIGKILL; the exit is told like any other
 *
 * 1. A child inherits stderr and nothing else: every descriptor of ours is closed on exec. It gets our
 * environment without what is withheld: what is taken out later can still be read in its memory.
 * 2. A child dies with us, whatever kills us: the kernel sends it SIGKILL when the thread that started it
 * ends, so children are started by the loop's thread only. It asks for that in pl_child_begin, and looks
 * there whether it came too late.
 * 3. SIGTERM and SIGINT reach a whole process group; a child ignores them, since its parent ends it in order.
 */
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "runtime/loop_inside.h"

struct process {
    uv_process_t handle;
    struct pl__child *child;
    uint64_t incarnation;
    bool swollen; /* seen over its memory */
};
struct pl__child {
    struct pl_loop *loop;
    struct pl__child *next;
    char node[PL__NODE_NAME_MAX + 1];
    char **argv; /* with room for what start appends */
    int argc;
    char *endpoint, *withhold;
    uint64_t memory_bytes; /* 0: no limit */
    struct process *running;
};

void pl_child_begin(long parent)
{
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != (pid_t)parent) _exit(1);
    signal(SIGTERM, SIG_IGN);
    signal(SIGINT, SIG_IGN);
}

static struct pl__child *find(const struct pl_loop *l, const char *node)
{
    struct pl__child *c = l->children;
    while (c && strcmp(c->node, node) != 0) c = c->next;
    return c;
}

static void forget(struct pl__child *c)
{
    for (int i = 0; c->argv && i < c->argc; i++) free(c->argv[i]);
    free(c->argv);
    free(c->endpoint);
    free(c->withhold);
    free(c);
}

static bool copy_opts(struct pl__child *c, const struct pl_child_opts *o)
{
    int n = 0;
    while (o->argv[n]) n++;
    bool ok = (c->argv = calloc((size_t)n + 9, sizeof *c->argv)) && (c->endpoint = strdup(o->endpoint));
    for (; ok && c->argc < n; c->argc++) ok = (c->argv[c->argc] = strdup(o->argv[c->argc])) != NULL;
    if (ok && o->withhold) ok = (c->withhold = strdup(o->withhold)) != NULL;
    c->memory_bytes = o->memory_bytes;
    return ok;
}

int pl_loop_child(struct pl_loop *l, const char *node, const struct pl_child_opts *o, struct pl_err *err)
{
    if (find(l, node)) return pl_fail(err, PL_E_CONFLICT, node, "the child %s is known already", node);
    if (strlen(node) > PL__NODE_NAME_MAX)
        return pl_fail(err, PL_E_INVALID, node, "a node's name has at most 64 bytes");
    struct pl__child *c = calloc(1, sizeof *c);
    if (!c || !copy_opts(c, o)) {
        if (c) forget(c);
        return pl_fail(err, PL_E_NO_MEMORY, node, "out of memory");
    }
    strcpy(c->node, node);
    c->loop = l;
    c->next = l->children;
    l->children = c;
    return 0;
}

static void free_handle(uv_handle_t *h)
{
    free(h->data);
}

static void on_exit_status(uv_process_t *h, int64_t status, int signal_number)
{
    struct process *p = h->data;
    struct pl__child *c = p->child;
    uint64_t incarnation = p->incarnation;
    int told = p->swollen ? PL_CHILD_EXIT_MEMORY : signal_number ? 128 + signal_number : (int)status;
    c->running = NULL;
    uv_close((uv_handle_t *)h, free_handle);
    pl__loop_child_exited(c->loop, c->node, incarnation, told);
}

/* Our environment without NAME (NULL: all of it): a list to free, whose texts are borrowed. */
static char **environment_without(const char *name)
{
    size_t n = 0, kept = 0, len = name ? strlen(name) : 0;
    while (environ[n]) n++;
    char **list = calloc(n + 1, sizeof *list);
    for (size_t i = 0; list && i < n; i++)
        if (!name || strncmp(environ[i], name, len) != 0 || environ[i][len] != '=') list[kept++] = environ[i];
    return list;
}

static int spawn(struct pl__child *c, struct process *p)
{
    char incarnation[24], parent[24], memory[24];
    uv_stdio_container_t io[3] = {
        {.flags = UV_IGNORE}, {.flags = UV_IGNORE}, {.flags = UV_INHERIT_FD, .data.fd = 2}};
    snprintf(incarnation, sizeof incarnation, "%" PRIu64, p->incarnation);
    snprintf(parent, sizeof parent, "%ld", (long)getpid());
    snprintf(memory, sizeof memory, "%" PRIu64, c->memory_bytes);
    const char *more[] = {"--link", c->endpoint, "--incarnation", incarnation, "--parent",
                          parent,   "--memory",  memory,          NULL};
    if (c->memory_bytes == 0) more[6] = NULL;
    memcpy(c->argv + c->argc, more, sizeof more);
    uv_process_options_t o = {.file = c->argv[0],
                              .args = c->argv,
                              .env = environment_without(c->withhold),
                              .exit_cb = on_exit_status,
                              .stdio = io,
                              .stdio_count = 3};
    close_range(3, ~0u, CLOSE_RANGE_CLOEXEC);
    int rc = o.env ? uv_spawn(&c->loop->uv, &p->handle, &o) : UV_ENOMEM;
    free(o.env);
    memset(c->argv + c->argc, 0, sizeof more);
    return rc;
}

/* Who cleans up our directory may take the hub's socket with it: links stay, but a new child would find
 * nobody.
 */
static int keep_endpoint(struct pl_loop *l, const char *endpoint, struct pl_err *err)
{
    struct pl__endpoint e;
    int rc = pl__endpoint_parse(endpoint, &e, err);
    if (rc || !l->hub || e.transport != PL__IPC || access(e.path, F_OK) == 0) return rc;
    return pl__port_bind(l->hub, &e, err);
}

int pl__child_start(struct pl_loop *l, const char *node, uint64_t incarnation, struct pl_err *err)
{
    struct pl__child *c = find(l, node);
    if (!c) return -PL_E_NOT_FOUND;
    if (c->running) return pl_fail(err, PL_E_CONFLICT, node, "the child %s still runs", node);
    int rc = keep_endpoint(l, c->endpoint, err);
    if (rc) return rc;
    struct process *p = calloc(1, sizeof *p);
    if (!p) return pl_fail(err, PL_E_NO_MEMORY, node, "out of memory");
    *p = (struct process){.handle.data = p, .child = c, .incarnation = incarnation};
    rc = spawn(c, p);
    if (rc == 0) {
        c->running = p;
        return 0;
    }
    p->handle.data = p;
    uv_close((uv_handle_t *)&p->handle, free_handle);
    return pl_fail(err, PL_E_IO, node, "cannot start %s: %s", c->argv[0], uv_strerror(rc));
}

int pl__child_kill(struct pl_loop *l, const char *node)
{
    struct pl__child *c = find(l, node);
    if (!c) return -PL_E_NOT_FOUND;
    if (c->running) uv_process_kill(&c->running->handle, SIGKILL);
    return 0;
}

bool pl__child_swollen(struct pl_loop *l, const char *node)
{
    struct pl__child *c = find(l, node);
    if (!c || !c->running || c->memory_bytes == 0) return false;
    uint64_t resident = pl__memory_resident((long)c->running->handle.pid);
    c->running->swollen |= resident > pl__memory_allowed(c->memory_bytes);
    return c->running->swollen;
}

void pl__children_end(struct pl_loop *l)
{
    for (struct pl__child *c = l->children; c; c = c->next) {
        pl__child_kill(l, c->node);
        while (c->running) uv_run(&l->uv, UV_RUN_ONCE);
    }
    while (l->children) {
        struct pl__child *c = l->children;
        l->children = c->next;
        forget(c);
    }
}
