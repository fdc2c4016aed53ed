/* supervisor.h - decides whether, and when, what failed is started again. Pure: the caller gives time and
 * chance.
 *
 *   failed -> RESTART after a delay | STAY_DOWN (never restarted) | GIVE_UP (over the intensity: the node
 * must end)
 *
 * The delay doubles with each failure up to the policy's largest, less a random part of up to half, and
 * starts anew once what is supervised has run for the policy's time without failing. */
#ifndef PL_RUNTIME_SUPERVISOR_H
#define PL_RUNTIME_SUPERVISOR_H

#include "runtime/actor.h"

enum pl__verdict { PL__RESTART, PL__STAY_DOWN, PL__GIVE_UP };

struct pl__supervisor {
    struct pl_restart_policy policy;
    uint64_t *failures_ms; /* ring of the last policy.max_restarts failures */
    uint32_t head, count;
    uint32_t streak;   /* failures since it last ran well */
    uint64_t last_ms;  /* of the last failure */
    uint64_t restarts; /* RESTART verdicts so far */
};

/* A zeroed policy means PL_RESTART_DEFAULT. -PL_E_INVALID for more than 4096 restarts; -PL_E_NO_MEMORY. */
int pl__supervisor_init(struct pl__supervisor *s, const struct pl_restart_policy *policy, struct pl_err *err);
void pl__supervisor_finish(struct pl__supervisor *s);
enum pl__verdict pl__supervisor_failed(struct pl__supervisor *s, uint64_t now_ms, uint64_t chance,
                                       uint64_t *delay_ms);

#endif
