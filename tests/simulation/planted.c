#include "tests/simulation/planted.h"

#include <stdio.h>
#include <string.h>
#include "runtime/plant.h"
#include "tests/simulation/run.h"

enum pl_plant pl_planted;

static const struct bug {
    const char *name, *rule;
} bugs[] = {{"none", ""},
#define BUG(name, rule) {#name, rule},
            PL_PLANTS(BUG)};

/* The first seed that finds it, or 0; its outcome in *OUT. */
static uint64_t hunt(enum pl_plant bug, uint64_t seeds, struct outcome *out)
{
    uint64_t found = 0;
    pl_planted = bug;
    for (uint64_t seed = 1; seed <= seeds && !found; seed++) {
        struct run_opts o = {.profile = profile_of(seed, 0, 0, 0, false), .hasty = true};
        o.profile.store_mail = 12; /* small enough to be filled */
        if (run_seed(&o, out)) break;
        /* Another rule may break first, as a consequence: then a later seed must name the bug's own. */
        if (out->broken && strcmp(out->rule, bugs[bug].rule) == 0) found = seed;
        outcome_finish(out);
    }
    pl_planted = PL_PLANT_none;
    return found;
}

static int find_one(enum pl_plant bug, uint64_t seeds)
{
    struct outcome out;
    uint64_t seed = hunt(bug, seeds, &out);
    if (!seed)
        return printf("bug %s: FAILED: not found by %llu seeds\n", bugs[bug].name, (unsigned long long)seeds),
               1;
    printf("bug %s: found after %llu seeds: %s\n", bugs[bug].name, (unsigned long long)seed, out.text);
    return 0;
}

int planted(const char *name, uint64_t seeds)
{
    int failed = 0, known = 0;
    if (world_prepare()) return 1;
    for (int bug = PL_PLANT_none + 1; bug < PL_PLANT_END; bug++) {
        if (strcmp(name, "all") != 0 && strcmp(name, bugs[bug].name) != 0) continue;
        known = 1;
        failed |= find_one((enum pl_plant)bug, seeds);
    }
    world_forget();
    return known ? failed : 2;
}
