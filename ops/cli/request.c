/* request.c - from options to chat.request. */
#include "ops/cli/cli.h"

enum { LIST_MAX = 16 };

static int split_tools(const char *names, struct cli_lists *lists, struct pl_chat_request *q)
{
    q->has_tools = names && *names;
    q->tools = lists->tools;
    for (const char *p = names; p && *p;) {
        size_t n = strcspn(p, ",");
        if (q->tools_count == LIST_MAX) return cli_usage("at most %d tools", LIST_MAX);
        lists->tools[q->tools_count++] = (struct pl_str){p, (uint32_t)n};
        p += n + (p[n] == ',');
    }
    return CLI_OK;
}

static int take_stops(const struct pl_config *o, struct cli_lists *lists, struct pl_chat_request *q)
{
    uint32_t n = pl_config_count(o, "stop");
    if (n > LIST_MAX) return cli_usage("at most %d --stop", LIST_MAX);
    q->has_stop = n > 0;
    q->stop = lists->stops;
    q->stop_count = n;
    for (uint32_t i = 0; i < n; i++) lists->stops[i] = pl_str_of(pl_config_at(o, "stop", i));
    return CLI_OK;
}

int cli_request(const struct cli *c, const char *text, struct cli_lists *lists, struct pl_chat_request *q)
{
    const struct pl_config *o = c->options;
    const char *system = pl_config_str(o, "system");
    pl_chat_request_type.init(q);
    q->has_text = true;
    q->text = pl_str_of(text);
    q->has_system = system != NULL;
    q->system = pl_str_of(system);
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
