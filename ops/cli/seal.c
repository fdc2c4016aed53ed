/* seal.c - `parlance sessions forget` and `parlance keys rotate-master|rotate-tenant`: over the admin socket
 * of the running service, which alone holds the keys. */
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ops/cli/cli.h"
#include "runtime/master.h"

static bool is_sure(const struct cli *c, const char *user)
{
    char line[8] = "";
    if (pl_config_bool(c->options, "yes")) return true;
    if (!isatty(STDIN_FILENO)) {
        fprintf(stderr, "parlance: this cannot be undone: give --yes\n");
        return false;
    }
    fprintf(stderr,
            "Everything of %s will be unreadable, in backups too. This cannot be undone. Go on? [y/N] ",
            user);
    return fgets(line, sizeof line, stdin) && (line[0] == 'y' || line[0] == 'Y');
}

static int run_forget(const struct cli *c)
{
    struct pl_client *client = NULL;
    struct pl_sessions_forget q;
    struct pl_reply r = {0};
    const char *user = pl_config_str(c->options, "user");
    struct pl_client_head head = {.tenant = pl_config_str(c->options, "tenant")};
    if (!user || !*user) {
        fprintf(stderr, "parlance: name the user: --user USER\n");
        return CLI_USAGE;
    }
    if (!is_sure(c, user)) return CLI_USAGE;
    pl_sessions_forget_type.init(&q);
    q.user = pl_str_of(user);
    int code = cli_connect(c, true, &client);
    if (!code) code = cli_call(client, &pl_sessions_forget_type, &q, &head, &pl_sessions_forgotten_type, &r);
    const struct pl_sessions_forgotten *done = code ? NULL : r.body;
    if (done && pl_config_bool(c->options, "json"))
        cli_print_record(r.type, r.body, NULL, NULL);
    else if (done && done->found)
        printf("forgotten: the key of %s is destroyed; %u requests were ended\n", user, done->cancelled);
    else if (done)
        printf("nothing is stored of %s\n", user);
    pl_reply_finish(&r);
    pl_client_destroy(&client);
    return code;
}

static int rotate(const struct cli *c, const char *tenant, const char *file)
{
    struct pl_client *client = NULL;
    struct pl_keys_rotate q;
    struct pl_reply r = {0};
    pl_keys_rotate_type.init(&q);
    q.has_tenant = tenant != NULL;
    q.tenant = pl_str_of(tenant);
    q.has_file = file != NULL;
    q.file = pl_str_of(file);
    int code = cli_connect(c, true, &client);
    if (!code) code = cli_call(client, &pl_keys_rotate_type, &q, NULL, &pl_keys_rotated_type, &r);
    const struct pl_keys_rotated *done = code ? NULL : r.body;
    if (done && pl_config_bool(c->options, "json"))
        cli_print_record(r.type, r.body, NULL, NULL);
    else if (done && tenant)
        printf("tenant %s has a new key\n", tenant);
    else if (done && done->replaced)
        printf("the vault has a new master key, and its file holds it\n");
    else if (done)
        printf("the vault has a new master key: give it to the service's next start\n");
    pl_reply_finish(&r);
    pl_client_destroy(&client);
    return code;
}

/* Without a file of the operator's a new key is made beside the data, for the service to take. */
static int run_rotate_master(const struct cli *c)
{
    char path[PATH_MAX], data[PATH_MAX - 32];
    struct pl_err err = {0};
    const char *given = pl_config_str(c->options, "new-key-file");
    if (given && !realpath(given, path)) {
        fprintf(stderr, "parlance: there is no %s\n", given);
        return CLI_USAGE;
    }
    if (given) return rotate(c, NULL, path);
    int code = cli_data(c, data, sizeof data);
    if (code) return code;
    snprintf(path, sizeof path, "%s/master.key.fresh", data);
    unlink(path);
    if (pl_master_write(path, NULL, &err)) return cli_fail(&err);
    code = rotate(c, NULL, path);
    unlink(path);
    return code;
}

static int run_rotate_tenant(const struct cli *c)
{
    return rotate(c, c->words[0], NULL);
}

static const struct pl_option forget_options[] = {
    CLI_COMMON,
    CLI_WAIT,
    {.name = "user",
     .kind = PL_OPT_STRING,
     .doc = "who is forgotten; of a session without a user the session's name"},
    {.name = "tenant", .kind = PL_OPT_STRING, .fallback = "default", .doc = "whose user it is"},
    {.name = "yes", .kind = PL_OPT_BOOL, .fallback = "false", .doc = "do not ask"},
    CLI_END};
static const struct pl_option master_options[] = {
    CLI_COMMON,
    CLI_WAIT,
    {.name = "new-key-file",
     .kind = PL_OPT_STRING,
     .doc = "file (mode 0600) with the new key's 64 hex digits; default: one is made"},
    CLI_END};
static const struct pl_option options[] = {CLI_COMMON, CLI_WAIT, CLI_END};

const struct cli_command cli_sessions_forget = {
    "sessions forget", "",         "Destroy the key of all that is stored of a user, in backups too.",
    forget_options,    run_forget, NULL};
const struct cli_command cli_keys_rotate_master = {
    "keys rotate-master",
    "",
    "Wrap all data keys with a new master key while the service runs.",
    master_options,
    run_rotate_master,
    NULL};
const struct cli_command cli_keys_rotate_tenant = {
    "keys rotate-tenant", "TENANT", "Give a tenant a new key that wraps its users' keys.", options,
    run_rotate_tenant,    NULL};
