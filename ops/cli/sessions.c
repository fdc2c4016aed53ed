/* sessions.c - `parlance sessions`: what was said, page by page over the admin socket. */
#include <stdio.h>
#include "ops/cli/cli.h"

enum { PAGE = 100, TURNS_PAGE = 16 /* a turn may have megabytes */ };

/* What a page's rows are for. */
struct listing {
    bool json, first;
    struct cli_table table;
    void (*turn)(const struct pl_turn_row *t, bool first); /* of turns: shows one */
};

/* --- list --- */

static void add_session(struct listing *l, const struct pl_session_row *s)
{
    if (l->json) {
        printf("%s", l->first ? "" : ",");
        cli_print_record(&pl_session_row_type, s, NULL, NULL);
        return;
    }
    cli_table_row(&l->table, cli_format("%.*s", PL_STR_FMT(s->session)),
                  cli_format("%.*s", PL_STR_FMT(s->user)), cli_format("%u", s->turns),
                  cli_time(s->created_ms), cli_time(s->updated_ms));
}

static struct pl_str take_sessions(const void *answer, void *arg)
{
    const struct pl_sessions_listed *page = answer;
    struct listing *l = arg;
    for (uint32_t i = 0; i < page->sessions_count; i++, l->first = false) add_session(l, &page->sessions[i]);
    return page->next;
}

static int run_list(const struct cli *c)
{
    struct pl_client *client = NULL;
    struct pl_sessions_list q;
    struct listing l = {.json = pl_config_bool(c->options, "json"), .first = true, .table.columns = 5};
    struct cli_pages pages = {
        &pl_sessions_list_type, &pl_sessions_listed_type, &q, &q.has_after, &q.after, NULL, take_sessions};
    int code = cli_connect(c, true, &client);
    if (code) return code;
    pl_sessions_list_type.init(&q);
    q.limit = PAGE;
    if (l.json)
        putchar('[');
    else
        cli_table_row(&l.table, "SESSION", "USER", "TURNS", "CREATED", "UPDATED");
    code = cli_pages(client, &pages, &l);
    if (l.json) puts("]");
    cli_table_print(&l.table);
    pl_client_destroy(&client);
    return code;
}

/* --- show and export --- */

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

static struct pl_str take_turns(const void *answer, void *arg)
{
    const struct pl_sessions_shown *page = answer;
    struct listing *l = arg;
    for (uint32_t i = 0; i < page->turns_count; i++, l->first = false) l->turn(&page->turns[i], l->first);
    return page->next;
}

static int turns_of(const struct cli *c, void (*turn)(const struct pl_turn_row *t, bool first))
{
    struct pl_client *client = NULL;
    struct pl_sessions_show q;
    struct pl_client_head head = {.session = c->n_words ? c->words[0] : NULL};
    struct listing l = {.first = true, .turn = turn};
    struct cli_pages pages = {
        &pl_sessions_show_type, &pl_sessions_shown_type, &q, &q.has_after, &q.after, &head, take_turns};
    int code = cli_connect(c, true, &client);
    pl_sessions_show_type.init(&q);
    q.limit = TURNS_PAGE;
    q.export = turn == export_turn;
    if (!code) code = cli_pages(client, &pages, &l);
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
