/* keys.c - `parlance keys`: who may come in. Edits the files in the data directory; a running service sees it
 * by itself, and none has to run. A secret goes into the client's file and nowhere else. */
#include "runtime/keys.h"

#include <stdio.h>
#include <time.h>
#include <unistd.h>
#include "ops/cli/cli.h"
#include "runtime/audit.h"

enum { PATH_BYTES = 1024 };

static void now(char out[PL_KEY_TIME])
{
    time_t t = time(NULL);
    struct tm parts;
    if (!gmtime_r(&t, &parts) || !strftime(out, PL_KEY_TIME, "%Y-%m-%dT%H:%M:%SZ", &parts)) *out = 0;
}

/* What is done with a key stands in the audit record before it is done, and what became of it after. */
static int record(const char *data, const char *act, const char *outcome, const struct pl_key *k,
                  const char *detail)
{
    struct pl_err err = {0};
    struct pl_audit_entry e = {
        .act = act, .outcome = outcome, .tenant = k->tenant, .subject = k->name, .detail = detail};
    return pl_audit_append(data, &e, &err) ? cli_fail(&err) : CLI_OK;
}

/* Says ERR and records that the act failed of it. */
static int fail_act(const char *data, const char *act, const struct pl_key *k, const struct pl_err *err)
{
    int code = cli_fail(err);
    record(data, act, "failed", k, err->text);
    return code;
}

/* --- new --- */

static int take_options(const struct cli *c, struct pl_key *k)
{
    const char *tenant = pl_config_str(c->options, "tenant"), *role = pl_config_str(c->options, "role");
    if (snprintf(k->name, sizeof k->name, "%s", c->words[0]) >= (int)sizeof k->name ||
        snprintf(k->tenant, sizeof k->tenant, "%s", tenant) >= (int)sizeof k->tenant)
        return cli_usage("a name has at most %d bytes", PL_KEY_NAME - 1);
    k->roles = pl_roles_parse(role);
    if (!k->roles) return cli_usage("--role: `%s` is none of producer, tool, operator, auditor", role);
    k->act_for = pl_config_bool(c->options, "act-for");
    now(k->created);
    return CLI_OK;
}

/* --out, else NAME.key.json here. */
static int out_path(const struct cli *c, const char *name, char *out, size_t size)
{
    const char *given = pl_config_str(c->options, "out");
    int n = given ? snprintf(out, size, "%s", given) : snprintf(out, size, "%s.key.json", name);
    if (n < 0 || (size_t)n >= size) return cli_usage("--out: the path is too long");
    if (access(out, F_OK) != 0) return CLI_OK;
    fprintf(stderr, "parlance: %s is there already; --out names another file\n", out);
    return CLI_FAILED;
}

static void tell_new(const struct cli *c, const struct pl_key *k, const char *path)
{
    char roles[64];
    pl_roles_print(k->roles, roles, sizeof roles);
    if (!pl_config_bool(c->options, "json")) {
        printf("key %s of tenant %s (%s) is in %s: give that file to the client, over a safe way\n", k->name,
               k->tenant, roles, path);
        return;
    }
    cli_print_json(json_pack("{s:s,s:s,s:s,s:s,s:b,s:s}", "name", k->name, "public", k->public_key, "tenant",
                             k->tenant, "roles", roles, "act_for", k->act_for, "file", path));
}

/* Adds the key and writes the client's file; a key whose file could not be written is of use to nobody. */
static int make(const struct cli *c, const char *data, struct pl_key *k, const char *path, struct pl_err *err)
{
    struct pl_key_pair client = {{0}, {0}}, server = {{0}, {0}};
    int rc = pl_keys_add(data, k, &client, &server, err);
    explicit_bzero(server.secret_key, sizeof server.secret_key);
    if (rc) return rc;
    rc = pl_keys_write_client(path, k->name, &client, server.public_key,
                              pl_config_str(c->options, "endpoint"), err);
    explicit_bzero(&client, sizeof client);
    if (rc) pl_keys_revoke(data, k->name, k->created, NULL);
    return rc;
}

static int run_new(const struct cli *c)
{
    struct pl_key k = {.act_for = false};
    struct pl_err err = {0};
    char data[PATH_BYTES], path[PATH_BYTES], roles[64];
    int code = take_options(c, &k);
    pl_roles_print(k.roles, roles, sizeof roles);
    if (!code) code = cli_data(c, data, sizeof data);
    if (!code) code = out_path(c, k.name, path, sizeof path);
    if (!code && pl_keys_prepare(data, &k, &err)) code = cli_fail(&err);
    if (!code) code = record(data, "keys.new", "intent", &k, roles);
    if (code) return code;
    if (make(c, data, &k, path, &err)) return fail_act(data, "keys.new", &k, &err);
    code = record(data, "keys.new", "done", &k, k.public_key);
    tell_new(c, &k, path);
    return code;
}

/* --- list --- */

static json_t *to_json(const struct pl_key *k)
{
    char roles[64];
    pl_roles_print(k->roles, roles, sizeof roles);
    return json_pack("{s:s,s:s,s:s,s:s,s:b,s:s,s:s?}", "name", k->name, "public", k->public_key, "tenant",
                     k->tenant, "roles", roles, "act_for", k->act_for, "created", k->created, "revoked",
                     k->revoked[0] ? k->revoked : NULL);
}

static void list_json(const struct pl_keys *keys)
{
    json_t *list = json_array();
    for (uint32_t i = 0; i < pl_keys_count(keys); i++)
        json_array_append_new(list, to_json(pl_keys_at(keys, i)));
    cli_print_json(list);
}

static void list_table(const struct pl_keys *keys)
{
    struct cli_table t = {.columns = 6};
    cli_table_row(&t, "NAME", "TENANT", "ROLES", "ACTS FOR OTHERS", "CREATED", "REVOKED");
    for (uint32_t i = 0; i < pl_keys_count(keys); i++) {
        const struct pl_key *k = pl_keys_at(keys, i);
        char roles[64];
        pl_roles_print(k->roles, roles, sizeof roles);
        cli_table_row(&t, k->name, k->tenant, roles, k->act_for ? "yes" : "no", k->created,
                      k->revoked[0] ? k->revoked : "-");
    }
    cli_table_print(&t);
}

static int run_list(const struct cli *c)
{
    struct pl_keys *keys = NULL;
    struct pl_err err = {0};
    char data[PATH_BYTES];
    int code = cli_data(c, data, sizeof data);
    if (code) return code;
    if (pl_keys_open(data, &keys, &err)) return cli_fail(&err);
    if (pl_config_bool(c->options, "json"))
        list_json(keys);
    else
        list_table(keys);
    pl_keys_close(&keys);
    return CLI_OK;
}

/* --- revoke --- */

static int revoke_named(const char *data, const struct pl_key *k, struct pl_err *err)
{
    char time[PL_KEY_TIME];
    now(time);
    return pl_keys_revoke(data, k->name, time, err);
}

/* The key as it stands in the table, for the record. */
static int find_key(const char *data, const char *name, struct pl_key *out)
{
    struct pl_keys *keys = NULL;
    struct pl_err err = {0};
    int rc = pl_keys_open(data, &keys, &err);
    const struct pl_key *k = rc ? NULL : pl_keys_named(keys, name);
    if (k) *out = *k;
    if (!rc && !k) rc = pl_fail(&err, PL_E_NOT_FOUND, "name", "there is no key `%.64s`", name);
    pl_keys_close(&keys);
    return rc ? cli_fail(&err) : CLI_OK;
}

static int run_revoke(const struct cli *c)
{
    struct pl_key k;
    struct pl_err err = {0};
    char data[PATH_BYTES];
    int code = cli_data(c, data, sizeof data);
    if (!code) code = find_key(data, c->words[0], &k);
    if (!code) code = record(data, "keys.revoke", "intent", &k, NULL);
    if (code) return code;
    if (revoke_named(data, &k, &err)) return fail_act(data, "keys.revoke", &k, &err);
    code = record(data, "keys.revoke", "done", &k, NULL);
    if (pl_config_bool(c->options, "json"))
        cli_print_json(json_pack("{s:s,s:b}", "name", k.name, "revoked", 1));
    else
        printf("key %s is revoked: no message under it is taken any more\n", k.name);
    return code;
}

static const struct pl_option new_options[] = {
    CLI_COMMON,
    {.name = "tenant",
     .kind = PL_OPT_STRING,
     .fallback = "default",
     .doc = "whose sessions, ratings and limits it works with"},
    {.name = "role",
     .kind = PL_OPT_STRING,
     .fallback = "producer",
     .doc = "producer, tool, operator, auditor; several with commas"},
    {.name = "act-for",
     .kind = PL_OPT_BOOL,
     .fallback = "false",
     .doc = "it may speak for other tenants, by the envelope's field"},
    {.name = "out",
     .kind = PL_OPT_STRING,
     .doc = "the client's file, with the secret; default NAME.key.json here"},
    {.name = "endpoint",
     .kind = PL_OPT_STRING,
     .doc = "where the client finds the service: written into its file"},
    CLI_END};
static const struct pl_option options[] = {CLI_COMMON, CLI_END};

const struct cli_command cli_keys_new = {
    "keys new",  "NAME",  "Make a key for a client, and the service's own when there is none.",
    new_options, run_new, NULL};
const struct cli_command cli_keys_list = {"keys list", "",       "List the keys, revoked ones too.",
                                          options,     run_list, NULL};
const struct cli_command cli_keys_revoke = {
    "keys revoke",
    "NAME",
    "Revoke a key for ever; connections that use it are refused at their next message.",
    options,
    run_revoke,
    NULL};
