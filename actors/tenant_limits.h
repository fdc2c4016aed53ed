/* tenant_limits.h - what a tenant may use, and the arithmetic of it: rules, token bucket, day, labels of
 * metrics.
 *
 * Rates are counted by the frontdoor, which sees every message; places in the line and tokens of the day by
 * the session, which promises answers. Nothing here reads a clock. */
#ifndef PL_ACTORS_TENANT_LIMITS_H
#define PL_ACTORS_TENANT_LIMITS_H

#include "actors/map.h"
#include "runtime/metrics.h"
#include "schemas/wire.h"

enum {
    PL_TENANT_NAME = 65,
    PL_TENANTS_KNOWN = 4096, /* that are kept in mind at a time; idle ones are forgotten beyond it */
    PL_TENANT_LABELS = 64,   /* that have metrics of their own; the rest share "other" */
    PL_DAY_MS = 86400000
};

/* 0: no limit, everywhere. */
struct pl_tenant_rule {
    const char *tenant; /* NULL: those without a rule of their own */
    double rate;        /* requests a second */
    uint32_t burst;     /* requests at once, above which RATE counts; 0: those of one second, 1 at least */
    uint32_t queue;     /* accepted and unanswered requests beyond max_seqs */
    uint32_t open;      /* accepted and unanswered requests */
    uint64_t quota;     /* tokens a day (UTC), of prompts and answers */
};
struct pl_tenant_rules {
    struct pl_tenant_rule usual;
    const struct pl_tenant_rule *own; /* borrowed */
    uint32_t n_own;
};
/* RULES may be NULL: no limits. Never NULL. */
const struct pl_tenant_rule *pl_tenant_rule(const struct pl_tenant_rules *rules, struct pl_str tenant);

/* A token bucket; zeroed = full. */
struct pl_bucket {
    double used;
    uint64_t at_ms;
};
/* Takes one: 0, or the milliseconds after which it may be there. NOW_MS: monotonic. */
uint64_t pl_bucket_take(struct pl_bucket *b, const struct pl_tenant_rule *rule, uint64_t now_ms);
bool pl_bucket_full(const struct pl_bucket *b, const struct pl_tenant_rule *rule, uint64_t now_ms);

uint64_t pl_day_of(uint64_t wall_ms);
uint64_t pl_day_left_ms(uint64_t wall_ms); /* to midnight, UTC; 1 at least */

/* Gives the first 64 tenants labels of their own: `tenant="NAME"`, quoted as Prometheus wants, and the rest
 * `tenant="other"`. Zeroed = empty. */
struct pl_tenant_labels {
    char names[PL_TENANT_LABELS][PL_TENANT_NAME];
    uint32_t count;
};
enum { PL_TENANT_LABEL = 2 * PL_TENANT_NAME + 16 };
void pl_tenant_label(struct pl_tenant_labels *l, struct pl_str tenant, char out[PL_TENANT_LABEL]);

/* The rates of all tenants that were seen lately. */
struct pl_rates {
    const struct pl_tenant_rules *rules; /* borrowed; may be NULL */
    struct pl_map tenants;               /* name -> struct pl_rate */
    struct pl_tenant_labels labels;
    struct pl_metrics *metrics;
};
/* Counts one request of TENANT: 0, or the milliseconds after which it may be asked again. */
uint64_t pl_rates_take(struct pl_rates *r, struct pl_str tenant, uint64_t now_ms);
void pl_rates_finish(struct pl_rates *r);

#endif
