/* doctor_service.c - the daemon: whether it could start, whether it answers, what it says of itself. */
#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>
#include "ops/cli/doctor.h"
#include "ops/cli/top_sums.h"

/* 0: HOST:PORT is free; else errno. What cannot be looked up counts as free: the daemon says it better. */
static int try_port(const char *host_port)
{
    char host[256];
    struct addrinfo hints = {.ai_family = AF_UNSPEC,
                             .ai_socktype = SOCK_STREAM,
                             .ai_flags = AI_PASSIVE | AI_NUMERICHOST},
                    *found = NULL;
    snprintf(host, sizeof host, "%s", *host_port == '[' ? host_port + 1 : host_port);
    char *colon = strrchr(host, ':');
    if (!colon) return 0;
    *colon = 0;
    host[strcspn(host, "]")] = 0;
    if (getaddrinfo(host, colon + 1, &hints, &found)) return 0;
    int fd = socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0), on = 1;
    if (fd >= 0) setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    int rc = fd >= 0 && bind(fd, found->ai_addr, found->ai_addrlen) ? errno : 0;
    if (fd >= 0) close(fd);
    freeaddrinfo(found);
    return rc;
}

static void check_port(struct doctor *d, const char *option)
{
    const char *at = d->daemon ? pl_config_str(d->daemon, option) : NULL;
    if (!at || strncmp(at, "ipc://", 6) == 0) return;
    int rc = try_port(strncmp(at, "tcp://", 6) == 0 ? at + 6 : at);
    const char *port = strrchr(at, ':');
    if (rc)
        doctor_say(d, DOCTOR_PROBLEM, "ports", cli_format("ss -ltnp sport = %s", port ? port : ""),
                   "--%s %s cannot be had: %s", option, at, strerror(rc));
    else
        doctor_say(d, DOCTOR_OK, "ports", "", "--%s %s is free", option, at);
}

static void check_nodes(struct doctor *d, const struct pl_node_state *s)
{
    for (uint32_t i = 0; i < s->nodes_count; i++) {
        const struct pl_node_row *n = &s->nodes[i];
        if (!n->up)
            doctor_say(d, DOCTOR_WARNING, "nodes", "parlance top", "%.*s is down or busy",
                       PL_STR_FMT(n->node));
        else if (n->restarts)
            doctor_say(d, DOCTOR_WARNING, "nodes", "parlance top; its last lines in the log say why",
                       "%.*s was restarted %u times", PL_STR_FMT(n->node), n->restarts);
    }
    for (uint32_t i = 0; i < s->actors_count; i++) {
        const struct pl_actor_row *a = &s->actors[i];
        if (a->stalls)
            doctor_say(d, DOCTOR_WARNING, "stalls", "grep 'slow handler' in the log",
                       "%.*s kept its loop for 50 ms or more, %llu times", PL_STR_FMT(a->actor),
                       (unsigned long long)a->stalls);
    }
}

static void check_state(struct doctor *d, const struct pl_node_state *s)
{
    struct top_view v = {.now = s};
    uint64_t dead = 0;
    check_nodes(d, s);
    for (uint32_t i = 0; i < s->nodes_count; i++) dead += s->nodes[i].dead;
    if (top_value(&v, "parlance_store_read_only") > 0)
        doctor_say(d, DOCTOR_PROBLEM, "store", cli_format("df -h %s", d->data),
                   "it takes no writes until the disk does");
    if (dead)
        doctor_say(d, DOCTOR_WARNING, "letters", "parlance dead-letters list",
                   "%llu messages were not handled", (unsigned long long)dead);
}

static void ask_state(struct doctor *d, struct pl_client *client)
{
    struct pl_node_top q;
    struct pl_reply r = {0};
    struct pl_err err = {0};
    pl_node_top_type.init(&q);
    int rc = pl_client_call(client, &pl_node_top_type, &q, NULL, &pl_node_state_type, 5000, &r, &err);
    if (rc)
        doctor_say(d, DOCTOR_PROBLEM, "daemon", "parlance top", "it does not tell its state: %s", err.text);
    else
        check_state(d, r.body);
    pl_reply_finish(&r);
}

static void ask_ready(struct doctor *d, struct pl_client *client, int wait_ms)
{
    struct pl_ping ping;
    struct pl_reply r = {0};
    struct pl_err err = {0};
    pl_ping_type.init(&ping);
    int rc = pl_client_call(client, &pl_ping_type, &ping, NULL, &pl_pong_type, wait_ms, &r, &err);
    const struct pl_pong *p = rc ? NULL : r.body;
    if (!p)
        doctor_say(d, DOCTOR_PROBLEM, "daemon",
                   "kill -9 its process: accepted requests go on at the next start",
                   "it runs and does not answer: %s", err.text);
    else if (!p->ready)
        doctor_say(d, DOCTOR_WARNING, "daemon", "parlance ping --wait 60",
                   "it answers, and is not ready yet");
    else
        doctor_say(d, DOCTOR_OK, "daemon", "", "version %.*s serves %.*s", PL_STR_FMT(p->version),
                   PL_STR_FMT(p->model));
    if (p) ask_state(d, client);
    pl_reply_finish(&r);
}

void doctor_service(struct doctor *d, const struct cli *c)
{
    char endpoint[1100];
    struct pl_client *client = NULL;
    struct pl_err err = {0};
    if (!d->running) {
        doctor_say(d, DOCTOR_OK, "daemon", "", "none runs on %s", d->data);
        check_port(d, "listen");
        check_port(d, "metrics");
        return;
    }
    snprintf(endpoint, sizeof endpoint, "ipc://%s/admin.sock", d->data);
    struct pl_client_opts o = {.endpoint = endpoint, .keys_file = pl_config_str(c->options, "keys")};
    if (pl_client_create(&o, &client, &err)) {
        doctor_say(d, DOCTOR_PROBLEM, "daemon", "parlance ping", "%s", err.text);
        return;
    }
    ask_ready(d, client, (int)(pl_config_f64(c->options, "wait") * 1000));
    pl_client_destroy(&client);
}
