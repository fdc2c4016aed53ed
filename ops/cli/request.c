/* request.c - from options to a question. */
#include "ops/cli/cli.h"

#include <stdio.h>

enum { LIST_MAX = 16 };

static int split_tools(const char *names, struct cli_lists *lists, struct parlance_question *q)
{
    q->tools = lists->tools;
    if (!names) return CLI_OK;
    if (snprintf(lists->names, sizeof lists->names, "%s", names) >= (int)sizeof lists->names)
        return cli_usage("the names of the tools are too long");
    for (char *p = lists->names; *p;) {
        char *end = p + strcspn(p, ",");
        if (q->n_tools == LIST_MAX) return cli_usage("at most %d tools", LIST_MAX);
        lists->tools[q->n_tools++] = p;
        p = *end ? end + 1 : end;
        *end = 0;
    }
    return CLI_OK;
}

static int take_stops(const struct pl_config *o, struct cli_lists *lists, struct parlance_question *q)
{
    uint32_t n = pl_config_count(o, "stop");
    if (n > LIST_MAX) return cli_usage("at most %d --stop", LIST_MAX);
    q->stop = lists->stops;
    q->n_stop = n;
    for (uint32_t i = 0; i < n; i++) lists->stops[i] = pl_config_at(o, "stop", i);
    return CLI_OK;
}

int cli_request(const struct cli *c, const char *text, struct cli_lists *lists, struct parlance_question *q)
{
    const struct pl_config *o = c->options;
    parlance_question_init(q, text);
    q->session = pl_config_str(o, "session");
    q->user = pl_config_str(o, "user");
    q->system = pl_config_str(o, "system");
    q->budget_ms = pl_config_u64(o, "budget-ms");
    q->max_tokens = (uint32_t)pl_config_u64(o, "max-tokens");
    q->temperature = pl_config_bool(o, "greedy") ? 0 : pl_config_f64(o, "temperature");
    q->top_p = pl_config_f64(o, "top-p");
    q->top_k = (uint32_t)pl_config_u64(o, "top-k");
    q->min_p = pl_config_f64(o, "min-p");
    q->repetition_penalty = pl_config_f64(o, "repetition-penalty");
    q->presence_penalty = pl_config_f64(o, "presence-penalty");
    q->frequency_penalty = pl_config_f64(o, "frequency-penalty");
    q->has_seed = pl_config_is_set(o, "seed");
    q->seed = pl_config_u64(o, "seed");
    int rc = split_tools(pl_config_str(o, "tools"), lists, q);
    return rc ? rc : take_stops(o, lists, q);
}
