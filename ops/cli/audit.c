/* audit.c - `parlance audit`: reads the record of operator acts in the data directory; needs no daemon. */
#include <stdio.h>
#include <string.h>
#include "ops/cli/cli.h"
#include "runtime/audit.h"

struct listing {
    const char *since; /* times compare as text */
    bool json, first;
    struct cli_table table;
};

static const char *field(const json_t *v, const char *name)
{
    const char *s = json_string_value(json_object_get(v, name));
    return s ? s : "";
}

static void list_line(const char *line, size_t len, void *arg)
{
    struct listing *l = arg;
    json_t *v = json_loadb(line, len, 0, NULL);
    if (v && strcmp(field(v, "time"), l->since) >= 0) {
        if (l->json)
            printf("%s%.*s", l->first ? "" : ",\n", (int)len, line);
        else
            cli_table_row(&l->table, cli_format("%lld", json_integer_value(json_object_get(v, "seq"))),
                          field(v, "time"), field(v, "who"), field(v, "act"), field(v, "outcome"),
                          field(v, "tenant"), cli_format("%.40s", field(v, "subject")),
                          cli_format("%.80s", field(v, "detail")));
        l->first = false;
    }
    json_decref(v);
}

static int say_bad(const struct pl_audit_report *r)
{
    fprintf(stderr, "parlance: line %llu of audit.jsonl does not verify: %s; %llu lines before it are good\n",
            (unsigned long long)r->bad_line, r->why, (unsigned long long)r->lines);
    return CLI_FAILED;
}

static int walk(const struct cli *c, const char *head, struct pl_audit_report *r, pl_audit_line fn, void *arg)
{
    char data[1024];
    struct pl_err err = {0};
    int code = cli_data(c, data, sizeof data);
    if (code) return code;
    return pl_audit_verify(data, head, r, &err, fn, arg) ? cli_fail(&err) : CLI_OK;
}

static int run_list(const struct cli *c)
{
    struct pl_audit_report r;
    const char *since = pl_config_str(c->options, "since");
    struct listing l = {.since = since ? since : "",
                        .json = pl_config_bool(c->options, "json"),
                        .first = true,
                        .table = {.columns = 8}};
    if (since && strspn(since, "0123456789-:TZ.") != strlen(since))
        return cli_usage("--since takes a time such as 2030-01-02 or 2030-01-02T03:04:05Z, in UTC");
    if (l.json)
        putchar('[');
    else
        cli_table_row(&l.table, "SEQ", "TIME", "WHO", "ACT", "OUTCOME", "TENANT", "SUBJECT", "DETAIL");
    int code = walk(c, NULL, &r, list_line, &l);
    if (l.json) puts("]");
    cli_table_print(&l.table);
    return code ? code : r.bad_line ? say_bad(&r) : CLI_OK;
}

static int show_verified(const struct cli *c, const struct pl_audit_report *r, const char *head)
{
    bool lost = head && !r->head_found;
    if (pl_config_bool(c->options, "json")) {
        json_t *v = json_pack("{sb sI sI sI ss ss}", "good", !r->bad_line && !lost, "lines",
                              (json_int_t)r->lines, "bad_line", (json_int_t)r->bad_line, "torn_bytes",
                              (json_int_t)r->torn_bytes, "head", r->head, "why",
                              r->bad_line ? r->why
                              : lost      ? "no line has the given head"
                                          : "");
        cli_print_json(v);
    } else if (!r->bad_line) {
        printf("%llu lines, each follows the one before\nhead %s\n", (unsigned long long)r->lines, r->head);
        if (r->torn_bytes)
            printf(
                "after them %llu bytes of a line that a crash left without its end; the next entry cuts them "
                "off\n",
                (unsigned long long)r->torn_bytes);
    }
    if (r->bad_line) return say_bad(r);
    if (!lost) return CLI_OK;
    fprintf(stderr, "parlance: no line has the head %s: lines were cut off, or the record was written anew\n",
            head);
    return CLI_FAILED;
}

static int run_verify(const struct cli *c)
{
    struct pl_audit_report r;
    const char *head = pl_config_str(c->options, "head");
    if (head && (strlen(head) != 64 || strspn(head, "0123456789abcdef") != 64))
        return cli_usage("--head takes the 64 hex digits that audit verify printed");
    int code = walk(c, head, &r, NULL, NULL);
    return code ? code : show_verified(c, &r, head);
}

static const struct pl_option list_options[] = {
    CLI_COMMON,
    {.name = "since", .kind = PL_OPT_STRING, .doc = "from this time on, in UTC: 2030-01-02"},
    CLI_END};
static const struct pl_option verify_options[] = {
    CLI_COMMON,
    {.name = "head",
     .kind = PL_OPT_STRING,
     .doc = "hash that was kept elsewhere: it has to be in the record"},
    CLI_END};
const struct cli_command cli_audit_list = {"audit list", "",       "List what operators did.",
                                           list_options, run_list, NULL};
const struct cli_command cli_audit_verify = {
    "audit verify", "",         "Check the chain of the audit record, and print its head.",
    verify_options, run_verify, NULL};
