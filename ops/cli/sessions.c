/* sessions.c - `parlance sessions`: what was said, page by page over the admin socket. */
#include <stdio.h>
#include "ops/cli/cli.h"

enum { PAGE = 100, TURNS_PAGE = 16 /* a turn may have megabytes */ };

/* Keeps the `next` of a page where it outlives the page. False: that was the last. */
static bool keep_next(char *after, size_t size, struct pl_str next)
{
    snprintf(after, size, "%.*s", PL_STR_FMT(next));
    return next.len > 0;
}

/* --- list --- */

static void add_session(const struct pl_session_row *s, bool json, bool first, struct cli_table *t)
{
    if (json) {
        printf("%s", first ? "" : ",");
        cli_print_record(&pl_session_row_type, s, NULL, NULL);
        return;
    }
    cli_table_row(t, cli_format("%.*s", PL_STR_FMT(s->session)), cli_format("%.*s", PL_STR_FMT(s->user)),
                  cli_format("%u", s->turns), cli_time(s->created_ms), cli_time(s->updated_ms));
}

static int list_pages(struct pl_client *client, bool json, struct cli_table *t)
{
    struct pl_sessions_list q;
    char after[1025] = "";
    bool more = true, first = true;
    int code = CLI_OK;
    pl_sessions_list_type.init(&q);
    q.limit = PAGE;
    while (more && !code) {
        struct pl_reply r;
        q.has_after = *after != 0;
        q.after = pl_str_of(after);
        code = cli_call(client, &pl_sessions_list_type, &q, NULL, &pl_sessions_listed_type, &r);
        const struct pl_sessions_listed *page = code ? NULL : r.body;
        for (uint32_t i = 0; page && i < page->sessions_count; i++, first = false)
            add_session(&page->sessions[i], json, first, t);
        more = page && keep_next(after, sizeof after, page->next);
        pl_reply_finish(&r);
    }
    return code;
}

static int run_list(const struct cli *c)
{
    struct pl_client *client = NULL;
    struct cli_table t = {.columns = 5};
    bool json = pl_config_bool(c->options, "json");
    int code = cli_connect(c, true, &client);
    if (code) return code;
    if (json)
        putchar('[');
    else
        cli_table_row(&t, "SESSION", "USER", "TURNS", "CREATED", "UPDATED");
    code = list_pages(client, json, &t);
    if (json) puts("]");
    cli_table_print(&t);
    pl_client_destroy(&client);
    return code;
}

/* --- show and export --- */

typedef void (*turn_fn)(const struct pl_turn_row *t, bool first);

static void export_turn(const struct pl_turn_row *t, bool first)
{
    cli_print_record(&pl_turn_row_type, t, NULL, t->has_adapter_digest ? NULL : ",\"adapter_digest\":null");
}

static void list_turn(const struct pl_turn_row *t, bool first)
{
    if (!first) putchar(',');
    export_turn(t, first);
}

static void show_turn(const struct pl_turn_row *t, bool first)
{
    printf("%s%s  turn %.*s  %.*s\n", first ? "" : "\n", cli_time(t->created_ms), PL_STR_FMT(t->turn),
           PL_STR_FMT(t->finish_reason));
    printf("%.*s: %.*s\n", PL_STR_FMT(t->user), PL_STR_FMT(t->prompt));
    for (uint32_t i = 0; i < t->tools_count; i++)
        printf("tool %.*s %.*s -> %.*s\n", PL_STR_FMT(t->tools[i].tool), PL_STR_FMT(t->tools[i].arguments),
               PL_STR_FMT(t->tools[i].result));
    printf("answer: %.*s\n", PL_STR_FMT(t->text));
}

static int each_turn(struct pl_client *client, const char *session, turn_fn fn)
{
    struct pl_sessions_show q;
    struct pl_client_head head = {.session = session};
    char after[1025] = "";
    bool more = true, first = true;
    int code = CLI_OK;
    pl_sessions_show_type.init(&q);
    q.limit = TURNS_PAGE;
    while (more && !code) {
        struct pl_reply r;
        q.has_after = *after != 0;
        q.after = pl_str_of(after);
        code = cli_call(client, &pl_sessions_show_type, &q, &head, &pl_sessions_shown_type, &r);
        const struct pl_sessions_shown *page = code ? NULL : r.body;
        for (uint32_t i = 0; page && i < page->turns_count; i++, first = false) fn(&page->turns[i], first);
        more = page && keep_next(after, sizeof after, page->next);
        pl_reply_finish(&r);
    }
    return code;
}

static int turns_of(const struct cli *c, turn_fn fn)
{
    struct pl_client *client = NULL;
    int code = cli_connect(c, true, &client);
    if (!code) code = each_turn(client, c->n_words ? c->words[0] : NULL, fn);
    pl_client_destroy(&client);
    return code;
}

static int run_show(const struct cli *c)
{
    if (!pl_config_bool(c->options, "json")) return turns_of(c, show_turn);
    putchar('[');
    int code = turns_of(c, list_turn);
    puts("]");
    return code;
}

static int run_export(const struct cli *c)
{
    return turns_of(c, export_turn);
}

/* --- delete --- */

static int run_delete(const struct cli *c)
{
    struct pl_client *client = NULL;
    struct pl_sessions_delete q;
    struct pl_reply r = {0};
    struct pl_client_head head = {.session = c->words[0]};
    int code = cli_connect(c, true, &client);
    pl_sessions_delete_type.init(&q);
    if (!code) code = cli_call(client, &pl_sessions_delete_type, &q, &head, &pl_sessions_deleted_type, &r);
    if (!code && pl_config_bool(c->options, "json"))
        cli_print_record(r.type, r.body, NULL, NULL);
    else if (!code)
        printf("deleted, with %u turns\n", ((struct pl_sessions_deleted *)r.body)->turns);
    pl_reply_finish(&r);
    pl_client_destroy(&client);
    return code;
}

static const struct pl_option options[] = {CLI_COMMON, CLI_WAIT, CLI_END};
const struct cli_command cli_sessions_list = {"sessions list", "",       "List the sessions.",
                                              options,         run_list, NULL};
const struct cli_command cli_sessions_show = {"sessions show", "SESSION", "Show what was said in a session.",
                                              options,         run_show,  NULL};
const struct cli_command cli_sessions_delete = {
    "sessions delete", "SESSION", "Delete a session and its turns.", options, run_delete, NULL};
const struct cli_command cli_sessions_export = {
    "sessions export", "[SESSION]", "Print the turns of one session or of all as JSON lines.",
    options,           run_export,  NULL};
