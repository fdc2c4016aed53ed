/* parlanced.c - the daemon: the service process, and with --role one of its children.
 *
 * The service process runs the hub node on one loop: session, batcher, tools, feedback. The placement options
 * move actors to a thread (inproc) or a supervised child process (ipc, tcp); the outside sockets are in one,
 * the edge. DATA/lock is held for the life of the service, so that one directory has one daemon; children die
 * with it, however it ends. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "ops/daemon/data_lock.h"
#include "ops/daemon/service.h"
#include "ops/daemon/standby.h"
#include "ops/streams.h"
#include "runtime/audit.h"
#include "runtime/backup.h"

#define HUB_INPROC "inproc://service"
enum { ACTORS_MAX = 24, STOP_GRACE_MS = 3000 };

struct daemon {
    struct pl_service service;
    struct pl_config *config;
    void *zmq;
    struct pl_loop *loop;
    struct pl_node *node;
    int lock;
    int argc;
    const char *const *argv;
    char ipc_hub[PL_PATH_MAX + 64], tcp_hub[128];
    struct thread_leaf {
        struct daemon *d;
        char role[64];
    } threads[ACTORS_MAX];
    uint32_t n_threads;
};

static int complain(const struct pl_err *err)
{
    size_t len = strlen(err->field);
    bool named = len == 0 || strncmp(err->text, err->field, len) == 0;
    fprintf(stderr, "parlanced: %s%s%s (%s)\n", named ? "" : err->field, named ? "" : ": ", err->text,
            pl_error_name(err->code));
    return err->code == PL_E_INVALID || err->code == PL_E_FORBIDDEN ? 2 : 1;
}

/* A standby that takes over has the lock already. */
static int take_lock(struct daemon *d, struct pl_err *err)
{
    int given = (int)pl_config_u64(d->config, "lock-fd");
    int rc = 0;
    if (given)
        fcntl(d->lock = given, F_SETFD, FD_CLOEXEC);
    else
        rc = pl_data_lock_open(d->service.data, "lock", &d->lock, err);
    return rc ? rc : pl_data_lock_take(d->lock, "another parlanced serves", d->service.data, err);
}

/* --- placement --- */

static void thread_main(void *arg)
{
    struct thread_leaf *t = arg;
    struct pl_err err = {0};
    if (pl_leaf_run(&t->d->service, t->d->zmq, t->role, HUB_INPROC, 0, &err)) complain(&err);
}

/* What the edge is told beside the options, since it reads no model and must come back on the same port. */
static int edge_argv(const struct pl_service *s, const char **argv, int n)
{
    const char *more[] = {"--listen",    s->listen,        "--model-name",
                          s->model_name, "--model-digest", s->model_digest};
    memcpy(argv + n, more, sizeof more);
    return n + (int)(sizeof more / sizeof more[0]);
}

static int place_child(struct daemon *d, const char *role, const char *endpoint, struct pl_err *err)
{
    const char **argv = calloc((size_t)d->argc + 10, sizeof *argv);
    bool edge = strcmp(role, "edge") == 0;
    int n = 0;
    if (!argv) return pl_fail(err, PL_E_NO_MEMORY, NULL, "out of memory");
    argv[n++] = d->service.program;
    for (int i = 1; i < d->argc; i++) argv[n++] = d->argv[i];
    argv[n++] = "--role";
    argv[n++] = role;
    if (edge) n = edge_argv(&d->service, argv, n);
    struct pl_child_opts o = {
        .argv = argv, .endpoint = endpoint, .withhold = pl_service_needs_key(role) ? NULL : PL_MASTER_ENV};
    if (edge) o.memory_bytes = pl_config_u64(d->config, "edge-memory") << 20;
    int rc = pl_loop_child(d->loop, role, &o, err);
    free(argv);
    return rc;
}

static const struct pl_restart_policy *policy_of(const char *role)
{
    static const struct pl_restart_policy usual = {PL_RESTART_ALWAYS, 20, 60000, 10, 1000};
    /* What a tool does to itself is nobody else's trouble. */
    static const struct pl_restart_policy of_tool = {PL_RESTART_ALWAYS, 0, 0, 10, 5000};
    /* Strangers can end the edge, again and again: it comes back each time, and soon. */
    static const struct pl_restart_policy of_edge = {PL_RESTART_ALWAYS, 0, 0, 10, 500};
    if (strcmp(role, "edge") == 0) return &of_edge;
    return strncmp(role, "tool.", 5) == 0 ? &of_tool : &usual;
}

static int place(struct daemon *d, const char *actor, const char *where, struct pl_err *err)
{
    const char *role = pl_service_host_of(actor);
    if (strcmp(where, "loop") == 0) return pl_service_add(&d->service, d->node, actor, err);
    int rc = pl_node_place(d->node, actor, role, err);
    if (!rc) rc = pl_node_child(d->node, role, policy_of(role), err);
    if (rc) return rc;
    if (strcmp(where, "inproc") == 0) {
        struct thread_leaf *t = &d->threads[d->n_threads++];
        t->d = d;
        snprintf(t->role, sizeof t->role, "%s", role);
        return pl_loop_thread(d->loop, role, thread_main, t, err);
    }
    return place_child(d, role, strcmp(where, "tcp") == 0 ? d->tcp_hub : d->ipc_hub, err);
}

static int place_all(struct daemon *d, struct pl_err *err)
{
    int rc = 0;
    for (const struct pl_movable *m = pl_movables; m->actor && !rc; m++) {
        const char *where = pl_config_str(d->config, m->option);
        if (strcmp(m->actor, "tool") != 0) {
            rc = place(d, m->actor, where, err);
            continue;
        }
        for (uint32_t i = 0; i < d->service.n_tools && !rc; i++)
            rc = place(d, d->service.tool_names[i], where, err);
    }
    return rc ? rc : pl_watch_add(d->node, err);
}

static bool any_placed(const struct daemon *d, const char *where)
{
    for (const struct pl_movable *m = pl_movables; m->actor; m++)
        if (strcmp(pl_config_str(d->config, m->option), where) == 0) return true;
    return false;
}

static int open_hubs(struct daemon *d, struct pl_err *err)
{
    char path[PL_PATH_MAX + 64];
    snprintf(path, sizeof path, "ipc://%s/run/hub.sock", d->service.data);
    int rc = pl_loop_hub(d->loop, HUB_INPROC, NULL, 0, err);
    if (!rc && any_placed(d, "ipc")) rc = pl_loop_hub(d->loop, path, d->ipc_hub, sizeof d->ipc_hub, err);
    if (!rc && any_placed(d, "tcp"))
        rc = pl_loop_hub(d->loop, "tcp://127.0.0.1:*", d->tcp_hub, sizeof d->tcp_hub, err);
    return rc;
}

/* The outside sockets, unless the frontdoor lives elsewhere and opens them there. */
static int open_sockets(struct daemon *d, struct pl_err *err)
{
    const char *metrics = pl_config_str(d->config, "metrics");
    bool here = strcmp(pl_config_str(d->config, "placement.frontdoor"), "loop") == 0;
    int rc = here ? pl_service_listen(&d->service, d->loop, d->node, err) : 0;
    if (rc || !metrics) return rc;
    rc = pl_loop_metrics(d->loop, metrics, err);
    if (rc) snprintf(err->field, sizeof err->field, "metrics");
    return rc;
}

/* --- the two mains --- */

static void on_stop(void *arg)
{
    struct daemon *d = arg;
    pl_log_write(&d->service.log, PL_LOG_INFO, "parlanced", "stopping", "grace_ms=%d", STOP_GRACE_MS);
    pl_node_stop(d->node, STOP_GRACE_MS);
}

/* A record that cannot be added to is told; it does not keep the service from those who need it. */
static void record(struct daemon *d, const char *act, const char *outcome, const char *detail)
{
    struct pl_err err = {0};
    struct pl_audit_entry e = {.act = act, .outcome = outcome, .detail = detail};
    if (pl_audit_append(d->service.data, &e, &err))
        pl_log_write(&d->service.log, PL_LOG_ERROR, "parlanced", "audit_failed", "act=%s error=%s", act,
                     err.text);
}

static int serve(struct daemon *d, struct pl_err *err)
{
    bool after = pl_config_u64(d->config, "lock-fd") > 0; /* another service, as its standby */
    int rc = take_lock(d, err);
    if (!rc) rc = pl_backup_check_interrupted(d->service.data, err);
    if (!rc) rc = pl_service_unlock(&d->service, "service", true, err);
    if (rc) return rc;
    d->zmq = pl_zmq_create();
    if (!d->zmq) return pl_fail(err, PL_E_NO_MEMORY, NULL, "no ZeroMQ context");
    rc = pl_loop_create(d->zmq, &d->loop, err);
    if (rc) return rc;
    struct pl_node_opts o = {.name = "service",
                             .world = pl_loop_world(d->loop),
                             .log = &d->service.log,
                             .spans = d->service.spans,
                             .dead_letters = PL_LETTERS,
                             .dead_letter_bytes = PL_LETTERS_BYTES};
    o.gather_metrics = pl_config_str(d->config, "metrics") != NULL;
    rc = pl_node_create(&o, &d->node, err);
    if (!rc) pl_loop_attach(d->loop, d->node);
    if (!rc) rc = open_hubs(d, err);
    if (!rc) rc = after ? pl_standby_wait_listen(&d->service, err) : pl_service_can_listen(&d->service, err);
    if (!rc) rc = place_all(d, err);
    if (!rc) rc = open_sockets(d, err);
    if (!rc) pl_loop_on_stop(d->loop, on_stop, d);
    if (!rc) rc = pl_node_start(d->node, err);
    if (rc) return rc;
    pl_log_write(&d->service.log, PL_LOG_INFO, "parlanced", "serving",
                 "version=%s pid=%d ctx_size=%u kv_pages=%u listen=%s", PL_VERSION, (int)getpid(),
                 d->service.ctx_size, d->service.n_pages, d->service.listen);
    if (d->service.master.beside)
        pl_log_write(&d->service.log, PL_LOG_INFO, "parlanced", "master_key_beside_data",
                     "file=%s advice=\"keep it elsewhere: --master-key-file\"", d->service.master.file);
    record(d, after ? "standby.takeover" : "daemon.start", "done", PL_VERSION);
    rc = pl_loop_run(d->loop, err);
    record(d, "daemon.stop", rc ? "failed" : "done", rc ? err->text : NULL);
    return rc;
}

static int be_standby(struct daemon *d, struct pl_err *err)
{
    int lock = -1, rc = pl_service_unlock(&d->service, "standby", false, err);
    if (!rc) rc = pl_standby_run(&d->service, &lock, err);
    return rc || lock < 0 ? rc : pl_standby_become(&d->service, d->argc, d->argv, lock, err);
}

static int be_child(struct daemon *d, const char *role, struct pl_err *err)
{
    const char *link = pl_config_str(d->config, "link");
    int rc = pl_child_limit(pl_config_u64(d->config, "memory"), err);
    if (rc) return rc;
    if (strcmp(role, "edge") == 0) pl_child_open_files();
    rc = pl_service_unlock(&d->service, role, false, err);
    if (rc) return rc;
    d->zmq = pl_zmq_create();
    if (!d->zmq) return pl_fail(err, PL_E_NO_MEMORY, NULL, "no ZeroMQ context");
    return pl_leaf_run(&d->service, d->zmq, role, link, pl_config_u64(d->config, "incarnation"), err);
}

static int program_path(char *out, size_t size)
{
    ssize_t n = readlink("/proc/self/exe", out, size - 1);
    if (n < 0) return -PL_E_IO;
    out[n] = 0;
    return 0;
}

static int load_config(struct daemon *d, struct pl_err *err)
{
    char data[PL_PATH_MAX], file[PL_PATH_MAX + 32];
    int rc = pl_config_load(pl_daemon_options, d->argc - 1, d->argv + 1, NULL, NULL, NULL, &d->config, err);
    if (rc || pl_config_str(d->config, "config")) return rc;
    /* DATA itself decides where the default file is, so the options are read twice. */
    rc = pl_data_path(d->config, data, sizeof data, err);
    if (rc) return rc;
    snprintf(file, sizeof file, "%s/parlance.ini", data);
    if (access(file, F_OK)) return 0; /* also below what is no directory: that is told when it is made */
    pl_config_destroy(&d->config);
    return pl_config_load(pl_daemon_options, d->argc - 1, d->argv + 1, file, NULL, NULL, &d->config, err);
}

/* Answers --help or --version. */
static int show_about(const struct pl_config *c)
{
    static char text[16384];
    if (!pl_config_bool(c, "help")) return printf("parlanced %s\n", PL_VERSION) < 0;
    pl_config_help(pl_daemon_options, text, sizeof text);
    printf("usage: parlanced --model FILE [options]\n\n%s", text);
    return 0;
}

/* Says why; the exit status. A child's says whether it is worth starting it again. */
static int end_badly(const struct daemon *d, int rc, const struct pl_err *err)
{
    bool mends = -rc == PL_E_NO_MEMORY || -rc == PL_E_GONE || -rc == PL_E_AGAIN;
    bool child = d->config && pl_config_str(d->config, "role");
    int status = complain(err);
    return child && !mends ? PL_CHILD_EXIT_FINAL : status;
}

int main(int argc, char **argv)
{
    pl_streams_hold();
    struct daemon *d = calloc(1, sizeof *d);
    struct pl_err err = {0};
    char program[PL_PATH_MAX];
    if (!d || program_path(program, sizeof program)) return 1;
    d->lock = -1;
    d->argc = argc;
    d->argv = (const char *const *)argv;
    int rc = load_config(d, &err);
    if (rc) goto out;
    if (pl_config_bool(d->config, "help") || pl_config_bool(d->config, "version")) {
        rc = show_about(d->config);
        goto out_quiet;
    }
    const char *role = pl_config_str(d->config, "role");
    if (role && !pl_config_str(d->config, "link"))
        rc = pl_fail(&err, PL_E_INVALID, "role", "a child is started by the service, not by hand");
    if (rc) goto out;
    if (role) pl_child_begin((long)pl_config_u64(d->config, "parent"));
    rc = pl_service_init(&d->service, d->config, program, role ? role : "service", &err);
    bool standby = pl_config_bool(d->config, "standby") && pl_config_u64(d->config, "lock-fd") == 0;
    if (!rc) rc = role ? be_child(d, role, &err) : standby ? be_standby(d, &err) : serve(d, &err);
out:
    if (rc) rc = end_badly(d, rc, &err);
out_quiet:
    pl_node_destroy(&d->node);
    pl_loop_destroy(&d->loop);
    pl_zmq_destroy(&d->zmq);
    pl_service_finish(&d->service);
    pl_config_destroy(&d->config);
    if (d->lock >= 0) close(d->lock);
    free(d);
    return rc;
}
