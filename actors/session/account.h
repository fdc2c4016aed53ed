/* account.h - what a tenant holds of the session actor: places in the line, and tokens of the day.
 *
 * Open requests are counted in memory: those that are accepted and not answered. Tokens count when an answer is
 * stored, in the same batch, so that a crash neither forgets nor doubles them; they are only kept for tenants with a
 * quota. The day is that of the wall clock in UTC; when the clock goes back the day that was reached goes on.
 *
 * 1. An account with open requests is never forgotten; others are when there are many, and read again from the disk.
 * 2. Tokens of an account are written only after they were read. */
#ifndef PL_ACTORS_SESSION_ACCOUNT_H
#define PL_ACTORS_SESSION_ACCOUNT_H

#include "actors/tenant_limits.h"

struct pl_account {
    char name[PL_TENANT_NAME];
    const struct pl_tenant_rule *rule;
    uint32_t open;        /* accepted and not answered */
    uint32_t users;       /* request objects that point here */
    bool read;            /* day and tokens are those of the disk */
    uint64_t day, tokens; /* used up on that day */
    struct pl_counter *tokens_total, *refused_places, *refused_quota;
    struct pl_gauge *open_gauge;
};
struct pl_accounts {
    const struct pl_tenant_rules *rules; /* borrowed; may be NULL */
    uint32_t max_seqs;
    struct pl_map all; /* name -> struct pl_account */
    struct pl_tenant_labels labels;
    struct pl_metrics *metrics;
};

/* The account, made when it is new. Lent while it has users or open requests. NULL: no memory, or too many tenants have
 * requests under way. */
struct pl_account *pl__account_get(struct pl_accounts *as, struct pl_str tenant);
void pl__account_open(struct pl_account *a, int change); /* +1, -1 */
/* Places that the tenant has left; UINT32_MAX: no limit. */
uint32_t pl__account_places(const struct pl_accounts *as, const struct pl_account *a);
/* Whether one more request may be accepted now: 0; -PL_E_OVERLOADED; -PL_E_QUOTA_EXCEEDED with *WAIT_MS to midnight. */
int pl__account_admit(const struct pl_accounts *as, struct pl_account *a, uint64_t wall_ms, uint64_t *wait_ms,
                      struct pl_err *err);
/* Counts tokens of an answer. */
void pl__account_use(struct pl_account *a, uint64_t wall_ms, uint64_t tokens);
/* What the disk says; later readings do not count. */
void pl__account_read(struct pl_account *a, uint64_t day, uint64_t tokens);
void pl__accounts_finish(struct pl_accounts *as);

#endif
