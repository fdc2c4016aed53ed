/* supervisor.c - intensity by a ring of failure times, back-off by a streak. */
#include "runtime/supervisor.h"

#include <stdlib.h>

enum { RESTARTS_MAX = 4096 };

static bool is_zero(const struct pl_restart_policy *p)
{
    return p->kind == PL_RESTART_ALWAYS && !p->max_restarts && !p->within_ms && !p->backoff_ms &&
           !p->backoff_max_ms;
}

int pl__supervisor_init(struct pl__supervisor *s, const struct pl_restart_policy *policy, struct pl_err *err)
{
    static const struct pl_restart_policy usual = PL_RESTART_DEFAULT;
    *s = (struct pl__supervisor){.policy = policy && !is_zero(policy) ? *policy : usual};
    if (s->policy.max_restarts > RESTARTS_MAX)
        return pl_fail(err, PL_E_INVALID, "max_restarts", "at most %d restarts can be watched", RESTARTS_MAX);
    if (s->policy.backoff_max_ms < s->policy.backoff_ms) s->policy.backoff_max_ms = s->policy.backoff_ms;
    s->failures_ms = calloc(s->policy.max_restarts + 1, sizeof *s->failures_ms);
    return s->failures_ms ? 0 : pl_fail(err, PL_E_NO_MEMORY, NULL, "no memory for a supervisor");
}

void pl__supervisor_finish(struct pl__supervisor *s)
{
    free(s->failures_ms);
    *s = (struct pl__supervisor){0};
}

static bool over_intensity(struct pl__supervisor *s, uint64_t now_ms)
{
    const struct pl_restart_policy *p = &s->policy;
    if (p->within_ms == 0) return false;
    while (s->count && now_ms - s->failures_ms[s->head] >= p->within_ms) {
        s->head = (s->head + 1) % (p->max_restarts + 1);
        s->count--;
    }
    if (s->count >= p->max_restarts) return true;
    s->failures_ms[(s->head + s->count) % (p->max_restarts + 1)] = now_ms;
    s->count++;
    return false;
}

static uint64_t backoff(const struct pl__supervisor *s, uint64_t chance)
{
    uint64_t delay = s->policy.backoff_ms;
    for (uint32_t i = 1; i < s->streak && delay < s->policy.backoff_max_ms; i++) delay *= 2;
    if (delay > s->policy.backoff_max_ms) delay = s->policy.backoff_max_ms;
    return delay - chance % (delay / 2 + 1);
}

enum pl__verdict pl__supervisor_failed(struct pl__supervisor *s, uint64_t now_ms, uint64_t chance,
                                       uint64_t *delay_ms)
{
    *delay_ms = 0;
    if (s->policy.kind == PL_RESTART_NEVER) return PL__STAY_DOWN;
    uint64_t calm_ms = s->policy.within_ms ? s->policy.within_ms : 2 * (uint64_t)s->policy.backoff_max_ms;
    if (s->streak && now_ms - s->last_ms >= calm_ms) s->streak = 0;
    s->streak++;
    s->last_ms = now_ms;
    if (over_intensity(s, now_ms)) return PL__GIVE_UP;
    s->restarts++;
    *delay_ms = backoff(s, chance);
    return PL__RESTART;
}
