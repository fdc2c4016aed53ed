/* world.h - the node under simulation: which actors live where, and how large everything is.
 *
 * A profile follows from the seed alone: every seed has its own bounds, its own share of each fault, its own
 * places of the actors. The plain profile has every fault and the sizes of a small service. */
#ifndef PL_TESTS_SIM_WORLD_H
#define PL_TESTS_SIM_WORLD_H

#include "actors/actors.h"
#include "runtime/sim.h"
#include "tests/simulation/sim_model.h"

struct profile {
    uint64_t seed;
    uint32_t requests, sessions, peers;
    uint32_t slots, pages, queue, cached_sessions;
    uint32_t store_mail;    /* bound of the store's mailbox */
    uint32_t budget_one_in; /* requests with a budget; 0: none */
    double probability[PL_FAULT_COUNT];
    bool plain;
};
/* Requests, sessions and peers that are 0 are drawn. PLAIN: the plain profile. */
struct profile profile_of(uint64_t seed, uint32_t requests, uint32_t sessions, uint32_t peers, bool plain);

struct world {
    struct pl_model_text text;
    char tool_path[1024];
    uint64_t incarnations, wrong_pages;
    struct pl_actor_class store;
    struct pl_frontdoor_opts frontdoor;
    struct pl_session_opts session;
    struct pl_batcher_opts batcher;
    struct pl_tools_opts tools;
    struct pl_feedback_opts feedback;
    struct sim_executor_opts executor;
    struct pl_tool_host_opts host;
};
/* Reads what all worlds share, once. 0, or 1 after saying why. */
int world_prepare(void);
void world_forget(void);
void world_init(struct world *w, const struct profile *p);
/* Adds the nodes of W, lent, to SIM. */
int world_build(struct world *w, struct pl_sim *sim, struct pl_err *err);

#endif
