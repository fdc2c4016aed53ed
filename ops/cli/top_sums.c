#include "ops/cli/top_sums.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

struct sum {
    double value, count;
};

static struct sum sum_of(const struct pl_node_state *s, const char *name)
{
    struct sum out = {0, 0};
    for (uint32_t i = 0; s && i < s->figures_count; i++) {
        if (!pl_str_is(s->figures[i].name, name)) continue;
        out.value += s->figures[i].value;
        out.count += (double)s->figures[i].count;
    }
    return out;
}

static double risen(const struct top_view *v, double now, double before)
{
    return v->before && v->seconds >= 0.05 && now > before ? (now - before) / v->seconds : 0;
}

double top_value(const struct top_view *v, const char *name)
{
    return sum_of(v->now, name).value;
}

double top_rate(const struct top_view *v, const char *name)
{
    return risen(v, sum_of(v->now, name).value, sum_of(v->before, name).value);
}

double top_count_rate(const struct top_view *v, const char *name)
{
    return risen(v, sum_of(v->now, name).count, sum_of(v->before, name).count);
}

double top_mean(const struct top_view *v, const char *name)
{
    struct sum now = sum_of(v->now, name), before = sum_of(v->before, name);
    double count = now.count - before.count;
    return count > 0 ? (now.value - before.value) / count : 0;
}

double top_per_second(const struct top_view *v, uint64_t now, uint64_t before)
{
    return risen(v, (double)now, (double)before);
}

const struct pl_figure_row *top_figure(const struct pl_node_state *s, const char *name)
{
    for (uint32_t i = 0; i < s->figures_count; i++)
        if (pl_str_is(s->figures[i].name, name)) return &s->figures[i];
    return NULL;
}

const struct pl_node_row *top_node_before(const struct top_view *v, struct pl_str node)
{
    for (uint32_t i = 0; v->before && i < v->before->nodes_count; i++)
        if (pl_str_eq(v->before->nodes[i].node, node)) return &v->before->nodes[i];
    return NULL;
}

const struct pl_actor_row *top_actor_before(const struct top_view *v, struct pl_str actor)
{
    for (uint32_t i = 0; v->before && i < v->before->actors_count; i++)
        if (pl_str_eq(v->before->actors[i].actor, actor)) return &v->before->actors[i];
    return NULL;
}

/* Value of the label `tenant` in LABELS; empty: there is none. */
static struct pl_str tenant_of(struct pl_str labels)
{
    static const char key[] = "tenant=\"";
    const char *at = labels.len ? memmem(labels.ptr, labels.len, key, sizeof key - 1) : NULL;
    if (!at || (at != labels.ptr && at[-1] != ',')) return (struct pl_str){0};
    at += sizeof key - 1;
    const char *end = memchr(at, '"', (size_t)(labels.ptr + labels.len - at));
    return end ? (struct pl_str){at, (uint32_t)(end - at)} : (struct pl_str){0};
}

json_t *top_tenants(const struct top_view *v)
{
    json_t *all = json_object();
    for (uint32_t i = 0; i < v->now->figures_count; i++) {
        const struct pl_figure_row *f = &v->now->figures[i];
        struct pl_str t = tenant_of(f->labels);
        char tenant[128], name[136];
        if (!t.len) continue;
        snprintf(tenant, sizeof tenant, "%.*s", PL_STR_FMT(t));
        snprintf(name, sizeof name, "%.*s", PL_STR_FMT(f->name));
        const char *brief = strncmp(name, "parlance_", 9) == 0 ? name + 9 : name;
        json_t *row = json_object_get(all, tenant);
        if (!row) json_object_set_new(all, tenant, row = json_object());
        double so_far = json_number_value(json_object_get(row, brief));
        json_object_set_new(row, brief, json_real(so_far + f->value));
    }
    return all;
}

static void put(json_t *to, const char *name, double value)
{
    json_object_set_new(to, name, json_real(isfinite(value) ? value : 0));
}

static void put_quantiles(json_t *to, const struct pl_node_state *s, const char *name, const char *p50,
                          const char *p99)
{
    const struct pl_figure_row *f = top_figure(s, name);
    put(to, p50, f ? f->p50 : 0);
    put(to, p99, f ? f->p99 : 0);
}

static json_t *requests_of(const struct top_view *v)
{
    json_t *r = json_object();
    put(r, "open", top_value(v, "parlance_frontdoor_open_requests"));
    put(r, "unfinished", top_value(v, "parlance_requests_unfinished"));
    put(r, "waiting", top_value(v, "parlance_requests_waiting"));
    put(r, "generating", top_value(v, "parlance_requests_running"));
    put(r, "sessions_cached", top_value(v, "parlance_sessions_cached"));
    put(r, "accepted_per_second", top_rate(v, "parlance_requests_accepted_total"));
    put(r, "finished_per_second", top_rate(v, "parlance_requests_finished_total"));
    put(r, "errors_per_second", top_rate(v, "parlance_frontdoor_errors_total"));
    put_quantiles(r, v->now, "parlance_time_to_first_token_seconds", "first_token_p50_s",
                  "first_token_p99_s");
    put_quantiles(r, v->now, "parlance_frontdoor_request_seconds", "request_p50_s", "request_p99_s");
    return r;
}

static json_t *batches_of(const struct top_view *v)
{
    json_t *b = json_object();
    put(b, "steps_per_second", top_count_rate(v, "parlance_step_duration_seconds"));
    put(b, "step_seconds", top_mean(v, "parlance_step_duration_seconds"));
    put(b, "decode_rows_per_step", top_mean(v, "parlance_decode_batch_size"));
    put(b, "sequences", top_value(v, "parlance_requests_running"));
    put(b, "kv_pages", top_value(v, "parlance_kv_cache_pages"));
    put(b, "kv_pages_used", top_value(v, "parlance_kv_cache_pages_used"));
    put(b, "prompt_tokens_per_second", top_rate(v, "parlance_prompt_tokens_total"));
    put(b, "cached_tokens_per_second", top_rate(v, "parlance_cached_tokens_total"));
    put(b, "generated_tokens_per_second", top_rate(v, "parlance_generation_tokens_total"));
    put(b, "commits_per_second", top_rate(v, "parlance_store_commits_total"));
    put_quantiles(b, v->now, "parlance_store_commit_seconds", "commit_p50_s", "commit_p99_s");
    return b;
}

json_t *top_summary(const struct top_view *v)
{
    json_t *s = json_object();
    put(s, "interval_s", v->before ? v->seconds : 0);
    json_object_set_new(s, "requests", requests_of(v));
    json_object_set_new(s, "batches", batches_of(v));
    json_object_set_new(s, "tenants", top_tenants(v));
    return s;
}
