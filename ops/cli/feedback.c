/* feedback.c - `parlance feedback` and `parlance retrain`. */
#include <stdio.h>
#include "ops/cli/cli.h"

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
    return cli_ask(c, false, &pl_feedback_add_type, &f, &head, &pl_feedback_stored_type, print_stored);
}

/* --- feedback list --- */

struct listing {
    bool json, first;
    struct cli_table table;
};

static void add_row(struct listing *l, const struct pl_feedback_row *f)
{
    if (l->json) {
        printf("%s", l->first ? "" : ",");
        cli_print_record(&pl_feedback_row_type, f, NULL,
                         f->has_adapter_digest ? NULL : ",\"adapter_digest\":null");
        return;
    }
    cli_table_row(&l->table, cli_format("%llu", (unsigned long long)f->feedback), cli_time(f->created_ms),
                  cli_format("%u", f->stars), cli_format("%.*s", PL_STR_FMT(f->turn)),
                  cli_format("%.*s", PL_STR_FMT(f->user)), f->has_correction ? "yes" : "",
                  cli_format("%.60s", f->has_comment && f->comment.len ? f->comment.ptr : ""));
}

static struct pl_str take_ratings(const void *answer, void *arg)
{
    const struct pl_feedback_listed *page = answer;
    struct listing *l = arg;
    for (uint32_t i = 0; i < page->feedback_count; i++, l->first = false) add_row(l, &page->feedback[i]);
    return page->next;
}

static int run_list(const struct cli *c)
{
    struct pl_client *client = NULL;
    struct pl_feedback_list q;
    struct listing l = {.json = pl_config_bool(c->options, "json"), .first = true, .table.columns = 7};
    struct cli_pages pages = {
        &pl_feedback_list_type, &pl_feedback_listed_type, &q, &q.has_after, &q.after, NULL, take_ratings};
    int code = cli_connect(c, true, &client);
    if (code) return code;
    pl_feedback_list_type.init(&q);
    if (l.json)
        putchar('[');
    else
        cli_table_row(&l.table, "NUMBER", "TIME", "STARS", "TURN", "USER", "CORRECTED", "COMMENT");
    code = cli_pages(client, &pages, &l);
    if (l.json) puts("]");
    cli_table_print(&l.table);
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
    return cli_ask(c, true, &pl_feedback_stats_type, &q, NULL, &pl_feedback_counted_type, print_counted);
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
    return cli_ask(c, true, &pl_retrain_request_type, &q, NULL, &pl_retrain_state_type, print_state);
}

static int run_status(const struct cli *c)
{
    struct pl_retrain_status q;
    pl_retrain_status_type.init(&q);
    return cli_ask(c, true, &pl_retrain_status_type, &q, NULL, &pl_retrain_state_type, print_state);
}

static const struct pl_option options[] = {CLI_COMMON, CLI_WAIT, CLI_END};
static const struct pl_option request_options[] = {
    CLI_COMMON, CLI_WAIT, {.name = "reason", .kind = PL_OPT_STRING, .doc = "why"}, CLI_END};
static const struct pl_option add_options[] = {
    CLI_COMMON,
    CLI_WAIT,
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
