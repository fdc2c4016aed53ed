#include "actors/session/account.h"

#include <stdio.h>
#include <stdlib.h>

static void drop_idle(const void *key, uint32_t len, void *value, void *arg)
{
    struct pl_accounts *as = arg;
    struct pl_account *a = value;
    if (a->open || a->users) return;
    pl_map_remove(&as->all, key, len);
    free(a);
}

static void name_metrics(struct pl_accounts *as, struct pl_account *a)
{
    static const char refused[] = "Requests of a tenant refused at admission.";
    char label[PL_TENANT_LABEL], labels[PL_TENANT_LABEL + 32];
    struct pl_metrics *m = as->metrics;
    pl_tenant_label(&as->labels, pl_str_of(a->name), label);
    a->tokens_total = pl_metrics_counter(m, "parlance_tenant_tokens_total",
                                         "Tokens of prompts and answers that were stored.", label);
    a->open_gauge = pl_metrics_gauge(m, "parlance_tenant_open_requests",
                                     "Accepted requests of a tenant without an answer.", label);
    snprintf(labels, sizeof labels, "%s,why=\"places\"", label);
    a->refused_places = pl_metrics_counter(m, "parlance_tenant_refused_total", refused, labels);
    snprintf(labels, sizeof labels, "%s,why=\"quota\"", label);
    a->refused_quota = pl_metrics_counter(m, "parlance_tenant_refused_total", refused, labels);
}

struct pl_account *pl__account_get(struct pl_accounts *as, struct pl_str tenant)
{
    struct pl_account *a = pl_map_get(&as->all, tenant.ptr, tenant.len);
    if (a) return a;
    if (pl_map_count(&as->all) >= PL_TENANTS_KNOWN) pl_map_each(&as->all, drop_idle, as);
    if (pl_map_count(&as->all) >= PL_TENANTS_KNOWN || tenant.len >= PL_TENANT_NAME) return NULL;
    a = calloc(1, sizeof *a);
    if (!a || pl_map_put(&as->all, tenant.ptr, tenant.len, a)) {
        free(a);
        return NULL;
    }
    snprintf(a->name, sizeof a->name, "%.*s", PL_STR_FMT(tenant));
    a->rule = pl_tenant_rule(as->rules, tenant);
    name_metrics(as, a);
    return a;
}

/* The gauge of "other" is of many tenants, so it goes by changes. */
void pl__account_open(struct pl_account *a, int change)
{
    a->open += (uint32_t)change;
    pl_gauge_set(a->open_gauge, a->open_gauge->value + change);
}

uint32_t pl__account_places(const struct pl_accounts *as, const struct pl_account *a)
{
    uint64_t most = UINT32_MAX;
    if (a->rule->queue) most = (uint64_t)as->max_seqs + a->rule->queue;
    if (a->rule->open && a->rule->open < most) most = a->rule->open;
    if (most == UINT32_MAX) return UINT32_MAX;
    return a->open < most ? (uint32_t)(most - a->open) : 0;
}

static void turn_day(struct pl_account *a, uint64_t wall_ms)
{
    uint64_t today = pl_day_of(wall_ms);
    if (today <= a->day) return;
    a->day = today;
    a->tokens = 0;
}

int pl__account_admit(const struct pl_accounts *as, struct pl_account *a, uint64_t wall_ms, uint64_t *wait_ms,
                      struct pl_err *err)
{
    turn_day(a, wall_ms);
    if (pl__account_places(as, a) == 0) {
        pl_counter_add(a->refused_places, 1);
        return pl_fail(err, PL_E_OVERLOADED, NULL, "%u requests of the tenant `%s` are not answered yet",
                       a->open, a->name);
    }
    if (!a->rule->quota || a->tokens < a->rule->quota) return 0;
    pl_counter_add(a->refused_quota, 1);
    *wait_ms = pl_day_left_ms(wall_ms);
    return pl_fail(err, PL_E_QUOTA_EXCEEDED, NULL,
                   "the tenant `%s` has used %llu tokens today, of %llu; the day ends at midnight UTC",
                   a->name, (unsigned long long)a->tokens, (unsigned long long)a->rule->quota);
}

void pl__account_use(struct pl_account *a, uint64_t wall_ms, uint64_t tokens)
{
    turn_day(a, wall_ms);
    a->tokens += tokens;
    pl_counter_add(a->tokens_total, (double)tokens);
}

void pl__account_read(struct pl_account *a, uint64_t day, uint64_t tokens)
{
    if (a->read) return;
    a->read = true;
    a->day = day;
    a->tokens = tokens;
}

static void free_account(const void *key, uint32_t len, void *value, void *arg)
{
    free(value);
}

void pl__accounts_finish(struct pl_accounts *as)
{
    pl_map_each(&as->all, free_account, NULL);
    pl_map_finish(&as->all);
}
