/* service.c - reaching the daemon. */
#include "ops/cli/cli.h"

#include <stdio.h>
#include <stdlib.h>
#include "ops/daemon/options.h"

enum { CALL_MS = 30000, PATH_BYTES = 1024 };

int cli_data(const struct cli *c, char *out, size_t size)
{
    struct pl_err err = {0};
    return pl_data_path(c->options, out, size, &err) ? cli_fail(&err) : CLI_OK;
}

static int endpoint_of(const struct cli *c, bool admin, char *out, size_t size)
{
    char data[PATH_BYTES];
    const char *given = admin ? NULL : pl_config_str(c->options, "endpoint");
    if (given || (!admin && !pl_config_str(c->options, "data"))) {
        snprintf(out, size, "%s", given ? given : "tcp://127.0.0.1:5580");
        return CLI_OK;
    }
    int rc = cli_data(c, data, sizeof data);
    if (!rc) snprintf(out, size, "ipc://%s/admin.sock", data);
    return rc;
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
    int rc = pl_client_create(endpoint, out, &err);
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
               p->ready ? "ready" : "loading");
    return p->ready ? CLI_OK : CLI_FAILED;
}

/* Asks until the model is loaded or the time is over; between two questions it listens, which nothing
 * answers. */
static int run_ping(const struct cli *c)
{
    struct pl_client *client = NULL;
    struct pl_ping ping;
    int code = cli_connect(c, false, &client);
    pl_ping_type.init(&ping);
    for (double left = pl_config_f64(c->options, "wait") * 10; !code; left--) {
        struct pl_reply pong = {0}, none = {0};
        code = cli_call(client, &pl_ping_type, &ping, NULL, &pl_pong_type, &pong);
        const struct pl_pong *p = code ? NULL : PL_REPLY(&pong, pong);
        bool over = p && (p->ready || left <= 0);
        if (over) code = show(c, p);
        pl_reply_finish(&pong);
        if (over) break;
        pl_client_receive(client, NULL, 100, &none, NULL);
        pl_reply_finish(&none);
    }
    pl_client_destroy(&client);
    return code;
}

static const struct pl_option options[] = {CLI_COMMON, CLI_ENDPOINT, CLI_END};
const struct cli_command cli_ping = {
    "ping", "", "Wait until the service is ready, and say what it runs.", options, run_ping, NULL};
