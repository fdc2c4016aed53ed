/* service.c - reaching the daemon. */
#include "ops/cli/cli.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>
#include "ops/daemon/options.h"

enum { CALL_MS = 30000, PATH_BYTES = 1024, PAUSE_MS = 2, PAUSE_MAX_MS = 100 };

int cli_data(const struct cli *c, char *out, size_t size)
{
    struct pl_err err = {0};
    return pl_data_path(c->options, out, size, &err) ? cli_fail(&err) : CLI_OK;
}

/* False also for the file that a service left behind. */
static bool somebody_listens(const char *path)
{
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool fits = snprintf(a.sun_path, sizeof a.sun_path, "%s", path) < (int)sizeof a.sun_path;
    bool there = fd >= 0 && fits && connect(fd, (const struct sockaddr *)&a, sizeof a) == 0;
    if (fd >= 0) close(fd);
    return there;
}

/* What the file of a key says of where the service is; nothing of it may be all there is to say. */
static bool endpoint_in(const char *keys_file, char *out, size_t size)
{
    json_t *o = keys_file ? json_load_file(keys_file, 0, NULL) : NULL;
    const char *text = json_string_value(json_object_get(o, "endpoint"));
    bool said = text && (size_t)snprintf(out, size, "%s", text) < size;
    json_decref(o);
    return said;
}

/* The admin socket takes questions too, so a service is found by its directory. Only when no directory is
 * named and the default one has no service may it be one that other users run. */
static int by_directory(const struct cli *c, bool admin, char *out, size_t size)
{
    char data[PATH_BYTES];
    bool named = pl_config_str(c->options, "data") != NULL;
    int rc = cli_data(c, data, sizeof data);
    if (rc) return rc;
    bool standby = pl_config_bool(c->options, "standby");
    snprintf(out, size, "ipc://%s/%s.sock", data, standby ? "standby" : "admin");
    if (!standby && !admin && !named && !somebody_listens(out + strlen("ipc://")))
        snprintf(out, size, "tcp://127.0.0.1:5580");
    return CLI_OK;
}

/* The endpoint of the environment is where producers go: an operator without a key goes to the admin socket.
 */
static int endpoint_of(const struct cli *c, bool admin, char *out, size_t size)
{
    const char *given = pl_config_str(c->options, "endpoint"), *keys = pl_config_str(c->options, "keys");
    const char *usual = getenv("PARLANCE_ENDPOINT");
    if (admin && given && !keys && !(usual && strcmp(usual, given) == 0))
        return cli_usage(
            "--endpoint goes with --keys here: without a key an operator comes by the socket in --data");
    if (given && !(admin && !keys)) {
        snprintf(out, size, "%s", given);
        return CLI_OK;
    }
    return endpoint_in(keys, out, size) ? CLI_OK : by_directory(c, admin, out, size);
}

int cli_client_error(int rc, const struct pl_err *err)
{
    cli_fail(err);
    return rc == -PL_E_GONE || rc == -PL_E_DEADLINE_EXCEEDED ? CLI_UNREACHABLE : CLI_FAILED;
}

int cli_connect(const struct cli *c, bool admin, struct pl_client **out)
{
    char endpoint[PATH_BYTES + 32];
    struct pl_err err = {0};
    struct pl_reply pong = {0};
    struct pl_ping ping;
    int code = endpoint_of(c, admin, endpoint, sizeof endpoint);
    if (code) return code;
    struct pl_client_opts o = {.endpoint = endpoint,
                               .keys_file = pl_config_str(c->options, "keys"),
                               .tenant = pl_config_str(c->options, "tenant")};
    int rc = pl_client_create(&o, out, &err);
    if (rc) return rc == -PL_E_INVALID ? cli_usage("%s", err.text) : cli_fail(&err);
    pl_ping_type.init(&ping);
    int wait_ms = (int)(pl_config_f64(c->options, "wait") * 1000);
    rc = pl_client_call(*out, &pl_ping_type, &ping, NULL, &pl_pong_type, wait_ms, &pong, &err);
    pl_reply_finish(&pong);
    if (!rc) return CLI_OK;
    pl_client_destroy(out);
    if (rc != -PL_E_DEADLINE_EXCEEDED) return cli_fail(&err);
    fprintf(stderr, "parlance: no service answers at %s; is parlanced running?\n", endpoint);
    return CLI_UNREACHABLE;
}

int cli_call(struct pl_client *client, const struct pl_type *type, const void *body,
             const struct pl_client_head *head, const struct pl_type *want, struct pl_reply *out)
{
    struct pl_err err = {0};
    int rc = pl_client_call(client, type, body, head, want, CALL_MS, out, &err);
    return rc ? cli_client_error(rc, &err) : CLI_OK;
}

/* --- parlance ping --- */

static int show(const struct cli *c, const struct pl_pong *p)
{
    if (pl_config_bool(c->options, "json"))
        cli_print_record(&pl_pong_type, p, NULL, NULL);
    else
        printf("parlanced %.*s, model %.*s, %s\n", PL_STR_FMT(p->version), PL_STR_FMT(p->model),
               p->has_role && p->ready ? "standby"
               : p->ready              ? "ready"
                                       : "loading");
    return p->ready ? CLI_OK : CLI_FAILED;
}

static uint64_t now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

/* One question; *OVER when nothing is left to wait for. */
static int ask_once(const struct cli *c, struct pl_client *client, uint64_t until_ms, bool *over)
{
    struct pl_ping ping;
    struct pl_reply pong = {0};
    struct pl_err err = {0};
    uint64_t now = now_ms(), left = until_ms > now ? until_ms - now : 0;
    pl_ping_type.init(&ping);
    int rc = pl_client_call(client, &pl_ping_type, &ping, NULL, &pl_pong_type, (int)left + 100, &pong, &err);
    const struct pl_pong *p = rc ? NULL : PL_REPLY(&pong, pong);
    int code = rc ? cli_client_error(rc, &err) : CLI_OK;
    *over = !p || p->ready || now_ms() >= until_ms;
    if (p && *over) code = show(c, p);
    pl_reply_finish(&pong);
    return code;
}

/* Asks until the model is loaded or the time is over: soon at first, then less and less often. */
static int run_ping(const struct cli *c)
{
    struct pl_client *client = NULL;
    uint64_t until_ms = now_ms() + (uint64_t)(pl_config_f64(c->options, "wait") * 1000);
    int pause_ms = PAUSE_MS;
    int code = cli_connect(c, false, &client);
    for (bool over = code != CLI_OK; !over;) {
        code = ask_once(c, client, until_ms, &over);
        if (!over) poll(NULL, 0, pause_ms);
        pause_ms = 2 * pause_ms < PAUSE_MAX_MS ? 2 * pause_ms : PAUSE_MAX_MS;
    }
    pl_client_destroy(&client);
    return code;
}

static const struct pl_option options[] = {CLI_COMMON, CLI_WAIT, CLI_END};
const struct cli_command cli_ping = {
    "ping", "", "Wait until the service is ready, and say what it runs.", options, run_ping, NULL};
