/* feedback.c - `parlance feedback` and `parlance retrain`. */
#include <stdio.h>
#include "ops/cli/cli.h"

/* One request without paging; PRINT shows the answer for people. */
static int ask(const struct cli *c, bool admin, const struct pl_type *type, const void *body,
               const struct pl_client_head *head, const struct pl_type *want,
               void (*print)(const void *answer))
{
    struct pl_client *client = NULL;
    struct pl_reply r = {0};
    int code = cli_connect(c, admin, &client);
    if (!code) code = cli_call(client, type, body, head, want, &r);
    if (!code && pl_config_bool(c->options, "json"))
        cli_print_record(want, r.body, NULL, NULL);
    else if (!code)
        print(r.body);
    pl_reply_finish(&r);
    pl_client_destroy(&client);
    return code;
}

/* --- feedback add --- */

static void print_stored(const void *answer)
{
    const struct pl_feedback_stored *s = answer;
    printf("stored as rating %llu; %u below 3%s\n", (unsigned long long)s->feedback, s->ratings_below_3,
           s->due ? "; a retraining is due" : "");
}

static int run_add(const struct cli *c)
{
    struct pl_feedback_add f;
    const char *turn = pl_config_str(c->options, "turn"), *comment = pl_config_str(c->options, "comment");
    const char *correction = pl_config_str(c->options, "correction");
    struct pl_client_head head = {.id = pl_config_str(c->options, "id"),
                                  .user = pl_config_str(c->options, "user")};
    if (!turn || !pl_config_is_set(c->options, "stars"))
        return cli_usage("--turn T and --stars N are needed");
    pl_feedback_add_type.init(&f);
    f.turn = pl_str_of(turn);
    f.stars = (uint32_t)pl_config_u64(c->options, "stars");
    f.has_comment = comment != NULL;
    f.comment = pl_str_of(comment);
    f.has_correction = correction != NULL;
    f.correction = pl_str_of(correction);
    return ask(c, false, &pl_feedback_add_type, &f, &head, &pl_feedback_stored_type, print_stored);
}

/* --- feedback list --- */

static void add_row(const struct pl_feedback_row *f, bool json, bool first, struct cli_table *t)
{
    if (json) {
        printf("%s", first ? "" : ",");
        cli_print_record(&pl_feedback_row_type, f, NULL,
                         f->has_adapter_digest ? NULL : ",\"adapter_digest\":null");
        return;
    }
    cli_table_row(t, cli_format("%llu", (unsigned long long)f->feedback), cli_time(f->created_ms),
                  cli_format("%u", f->stars), cli_format("%.*s", PL_STR_FMT(f->turn)),
                  cli_format("%.*s", PL_STR_FMT(f->user)), f->has_correction ? "yes" : "",
                  cli_format("%.60s", f->has_comment && f->comment.len ? f->comment.ptr : ""));
}

static int list_pages(struct pl_client *client, bool json, struct cli_table *t)
{
    struct pl_feedback_list q;
    char after[1025] = "";
    bool more = true, first = true;
    int code = CLI_OK;
    pl_feedback_list_type.init(&q);
    while (more && !code) {
        struct pl_reply r;
        q.has_after = *after != 0;
        q.after = pl_str_of(after);
        code = cli_call(client, &pl_feedback_list_type, &q, NULL, &pl_feedback_listed_type, &r);
        const struct pl_feedback_listed *page = code ? NULL : r.body;
        for (uint32_t i = 0; page && i < page->feedback_count; i++, first = false)
            add_row(&page->feedback[i], json, first, t);
        more = page && page->next.len > 0;
        if (more) snprintf(after, sizeof after, "%.*s", PL_STR_FMT(page->next));
        pl_reply_finish(&r);
    }
    return code;
}

static int run_list(const struct cli *c)
{
    struct pl_client *client = NULL;
    struct cli_table t = {.columns = 7};
    bool json = pl_config_bool(c->options, "json");
    int code = cli_connect(c, true, &client);
    if (code) return code;
    if (json)
        putchar('[');
    else
        cli_table_row(&t, "NUMBER", "TIME", "STARS", "TURN", "USER", "CORRECTED", "COMMENT");
    code = list_pages(client, json, &t);
    if (json) puts("]");
    cli_table_print(&t);
    pl_client_destroy(&client);
    return code;
}

/* --- feedback stats --- */

static void print_counted(const void *answer)
{
    const struct pl_feedback_counted *s = answer;
    unsigned long long count = 0;
    for (uint32_t i = 0; i < s->stars_count; i++) count += s->stars[i];
    printf("%llu in the log, %llu count (the newest of each user and turn)\nmean %.2f, %llu corrections\n",
           (unsigned long long)s->total, count, s->mean, (unsigned long long)s->corrections);
    for (uint32_t i = 0; i < s->stars_count; i++)
        printf("%u: %llu\n", i + 1, (unsigned long long)s->stars[i]);
    printf("%u below 3 since the last snapshot; a retraining is %sdue\n", s->ratings_below_3,
           s->due ? "" : "not ");
}

static int run_stats(const struct cli *c)
{
    struct pl_feedback_stats q;
    pl_feedback_stats_type.init(&q);
    return ask(c, true, &pl_feedback_stats_type, &q, NULL, &pl_feedback_counted_type, print_counted);
}

/* --- retrain --- */

static void print_state(const void *answer)
{
    const struct pl_retrain_state *s = answer;
    printf("a retraining is %sdue; %u ratings below 3 since the last snapshot, more than %u make it due\n",
           s->due ? "" : "not ", s->ratings_below_3, s->threshold);
    if (s->due && s->has_since_ms) printf("since %s: %.*s\n", cli_time(s->since_ms), PL_STR_FMT(s->reason));
}

static int run_request(const struct cli *c)
{
    struct pl_retrain_request q;
    const char *reason = pl_config_str(c->options, "reason");
    pl_retrain_request_type.init(&q);
    q.has_reason = reason != NULL;
    q.reason = pl_str_of(reason);
    return ask(c, true, &pl_retrain_request_type, &q, NULL, &pl_retrain_state_type, print_state);
}

static int run_status(const struct cli *c)
{
    struct pl_retrain_status q;
    pl_retrain_status_type.init(&q);
    return ask(c, true, &pl_retrain_status_type, &q, NULL, &pl_retrain_state_type, print_state);
}

static const struct pl_option options[] = {CLI_COMMON, CLI_WAIT, CLI_END};
static const struct pl_option request_options[] = {
    CLI_COMMON, CLI_WAIT, {.name = "reason", .kind = PL_OPT_STRING, .doc = "why"}, CLI_END};
static const struct pl_option add_options[] = {
    CLI_COMMON,
    CLI_ENDPOINT,
    {.name = "turn", .kind = PL_OPT_STRING, .doc = "the answer's turn, as send and chat.done name it"},
    {.name = "stars", .kind = PL_OPT_U64, .min = 1, .max = 5, .doc = "1 is bad, 5 is good"},
    {.name = "comment", .kind = PL_OPT_STRING, .doc = "in your words"},
    {.name = "correction", .kind = PL_OPT_STRING, .doc = "the answer that would have been right"},
    {.name = "user", .kind = PL_OPT_STRING, .doc = "who rates"},
    {.name = "id", .kind = PL_OPT_STRING, .doc = "of the message; the same one again stores nothing twice"},
    CLI_END,
};
const struct cli_command cli_feedback_add = {"feedback add", "",      "Rate an answer.",
                                             add_options,    run_add, NULL};
const struct cli_command cli_feedback_list = {"feedback list", "",       "List the ratings.",
                                              options,         run_list, NULL};
const struct cli_command cli_feedback_stats = {"feedback stats", "",        "Count the ratings.",
                                               options,          run_stats, NULL};
const struct cli_command cli_retrain_request = {
    "retrain request", "", "Record that a retraining is due.", request_options, run_request, NULL};
const struct cli_command cli_retrain_status = {
    "retrain status", "", "Say whether a retraining is due.", options, run_status, NULL};
