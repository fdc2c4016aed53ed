#include "actors/tenant_limits.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

const struct pl_tenant_rule *pl_tenant_rule(const struct pl_tenant_rules *rules, struct pl_str tenant)
{
    static const struct pl_tenant_rule none = {.tenant = NULL};
    if (!rules) return &none;
    for (uint32_t i = 0; i < rules->n_own; i++)
        if (pl_str_is(tenant, rules->own[i].tenant)) return &rules->own[i];
    return &rules->usual;
}

/* --- bucket --- */

static double burst_of(const struct pl_tenant_rule *rule)
{
    if (rule->burst) return rule->burst;
    return rule->rate > 1 ? rule->rate : 1;
}

/* What was used drains away at the rate. */
static double used_now(const struct pl_bucket *b, const struct pl_tenant_rule *rule, uint64_t now_ms)
{
    double left = b->used - (double)(now_ms - b->at_ms) * rule->rate / 1000;
    return left > 0 ? left : 0;
}

uint64_t pl_bucket_take(struct pl_bucket *b, const struct pl_tenant_rule *rule, uint64_t now_ms)
{
    if (rule->rate <= 0) return 0;
    double used = used_now(b, rule, now_ms), over = used + 1 - burst_of(rule);
    b->at_ms = now_ms;
    b->used = used;
    if (over > 1e-9) { /* a sum of parts may miss a whole number by that */
        double wait_ms = ceil(over * 1000 / rule->rate - 1e-6);
        return wait_ms < 1 ? 1 : (uint64_t)wait_ms;
    }
    b->used = used + 1;
    return 0;
}

bool pl_bucket_full(const struct pl_bucket *b, const struct pl_tenant_rule *rule, uint64_t now_ms)
{
    return rule->rate <= 0 || used_now(b, rule, now_ms) <= 0;
}

/* --- day --- */

uint64_t pl_day_of(uint64_t wall_ms)
{
    return wall_ms / PL_DAY_MS;
}

uint64_t pl_day_left_ms(uint64_t wall_ms)
{
    return PL_DAY_MS - wall_ms % PL_DAY_MS;
}

/* --- labels --- */

static void quote(const char *name, char out[PL_TENANT_LABEL])
{
    size_t n = (size_t)snprintf(out, PL_TENANT_LABEL, "tenant=\"");
    for (const char *p = name; *p; p++) {
        if (*p == '"' || *p == '\\') out[n++] = '\\';
        out[n++] = *p;
    }
    out[n++] = '"';
    out[n] = 0;
}

void pl_tenant_label(struct pl_tenant_labels *l, struct pl_str tenant, char out[PL_TENANT_LABEL])
{
    for (uint32_t i = 0; i < l->count; i++)
        if (pl_str_is(tenant, l->names[i])) {
            quote(l->names[i], out);
            return;
        }
    if (l->count == PL_TENANT_LABELS) {
        quote("other", out);
        return;
    }
    snprintf(l->names[l->count], PL_TENANT_NAME, "%.*s", PL_STR_FMT(tenant));
    quote(l->names[l->count++], out);
}

/* --- rates --- */

struct pl_rate {
    struct pl_bucket bucket;
    const struct pl_tenant_rule *rule;
    struct pl_counter *taken, *refused;
};

struct sweep {
    struct pl_rates *rates;
    uint64_t now_ms;
};

static void drop_idle(const void *key, uint32_t len, void *value, void *arg)
{
    struct sweep *s = arg;
    struct pl_rate *r = value;
    if (!pl_bucket_full(&r->bucket, r->rule, s->now_ms)) return;
    pl_map_remove(&s->rates->tenants, key, len);
    free(r);
}

static struct pl_rate *rate_new(struct pl_rates *r, struct pl_str tenant)
{
    char label[PL_TENANT_LABEL];
    struct pl_rate *rate = calloc(1, sizeof *rate);
    if (!rate || pl_map_put(&r->tenants, tenant.ptr, tenant.len, rate)) {
        free(rate);
        return NULL;
    }
    pl_tenant_label(&r->labels, tenant, label);
    rate->rule = pl_tenant_rule(r->rules, tenant);
    rate->taken = pl_metrics_counter(r->metrics, "parlance_tenant_messages_total",
                                     "Messages of a tenant within its rate.", label);
    rate->refused = pl_metrics_counter(r->metrics, "parlance_tenant_rate_refused_total",
                                       "Messages of a tenant over its rate.", label);
    return rate;
}

static struct pl_rate *rate_of(struct pl_rates *r, struct pl_str tenant, uint64_t now_ms)
{
    struct pl_rate *rate = pl_map_get(&r->tenants, tenant.ptr, tenant.len);
    struct sweep s = {r, now_ms};
    if (rate) return rate;
    if (pl_map_count(&r->tenants) >= PL_TENANTS_KNOWN) pl_map_each(&r->tenants, drop_idle, &s);
    return pl_map_count(&r->tenants) < PL_TENANTS_KNOWN ? rate_new(r, tenant) : NULL;
}

uint64_t pl_rates_take(struct pl_rates *r, struct pl_str tenant, uint64_t now_ms)
{
    struct pl_rate *rate = rate_of(r, tenant, now_ms);
    if (!rate) return 1000; /* more tenants at a time than can be told apart */
    uint64_t wait_ms = pl_bucket_take(&rate->bucket, rate->rule, now_ms);
    pl_counter_add(wait_ms ? rate->refused : rate->taken, 1);
    return wait_ms;
}

static void free_rate(const void *key, uint32_t len, void *value, void *arg)
{
    free(value);
}

void pl_rates_finish(struct pl_rates *r)
{
    pl_map_each(&r->tenants, free_rate, NULL);
    pl_map_finish(&r->tenants);
}
