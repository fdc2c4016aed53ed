/* sim_fault.c - whether a fault happens: chance, the numbered list of faults, failing allocations.
 *
 * Each fault that is drawn gets the next number, whether it may happen or not, so that a run that is told to
 * leave some out is the same run up to the first of these. */
#include <stdlib.h>
#include <string.h>

#include "runtime/sim_inside.h"
#include "runtime/wrap.h"

enum { ALLOCATIONS_MAX = 60 }; /* a handler makes a few dozen at most */

const char *pl_fault_name(enum pl_fault f)
{
    static const char *const names[PL_FAULT_COUNT] = {
        "drop",      "duplicate",    "delay",          "reorder",    "peer restart", "partition",
        "half-open", "actor crash",  "child crash",    "node crash", "no memory",    "clock jump",
        "pause",     "write failed", "write doubtful", "disk full",  "slow commit"};
    return f < PL_FAULT_COUNT ? names[f] : "unknown";
}

static bool is_allowed(const struct pl_sim *s, uint32_t number)
{
    if (!s->opts.only_these) return true;
    uint32_t low = 0, high = s->opts.only_count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (s->opts.only[middle] < number)
            low = middle + 1;
        else
            high = middle;
    }
    return low < s->opts.only_count && s->opts.only[low] == number;
}

/* Draws; true when the fault may happen, which is then in the list. */
static bool draw(struct pl_sim *s, enum pl_fault f)
{
    if (s->faults_off || s->opts.probability[f] <= 0) return false;
    if ((double)(pl_sim_random(s) >> 11) / 9007199254740992.0 >= s->opts.probability[f]) return false;
    uint32_t number = s->fault_number++;
    if (!is_allowed(s, number)) return false;
    if (s->happened_count == s->happened_capacity) {
        s->happened_capacity = s->happened_capacity ? 2 * s->happened_capacity : 64;
        s->happened = realloc(s->happened, s->happened_capacity * sizeof *s->happened);
        PL_MUST(s->happened);
    }
    s->happened[s->happened_count++] = (struct pl_sim_fault){f, number, s->steps, s->now_us / 1000};
    return true;
}

static void count(struct pl_sim *s, enum pl_fault f)
{
    s->faults[f]++;
    pl__sim_trace(s, 1000 + f);
}

bool pl__sim_chance(struct pl_sim *s, enum pl_fault f)
{
    pl__sim_hold(s);
    bool happens = draw(s, f);
    pl__sim_release(s);
    if (happens) count(s, f);
    return happens;
}

const struct pl_sim_fault *pl_sim_faults(const struct pl_sim *s, uint32_t *n)
{
    *n = s->happened_count;
    return s->happened;
}

uint64_t pl_sim_fault_count(const struct pl_sim *s, enum pl_fault f)
{
    return s->faults[f];
}

/* ---- memory ---- */

void pl__sim_memory_begin(struct pl_sim *s)
{
    struct pl_sim_memory *m = s->opts.memory;
    if (!m || !draw(s, PL_FAULT_NO_MEMORY)) return;
    s->memory_at = s->happened_count - 1;
    pl__msg_forget_kept(); /* the messages' own memory may fail as well */
    m->failed = false;
    m->fail_in = 1 + (uint32_t)(pl_sim_random(s) % ALLOCATIONS_MAX);
}

static void take_out(struct pl_sim *s, uint32_t at)
{
    s->happened_count--;
    memmove(s->happened + at, s->happened + at + 1, (s->happened_count - at) * sizeof *s->happened);
}

/* An allocation that was to fail and never came is no fault. */
void pl__sim_memory_end(struct pl_sim *s)
{
    struct pl_sim_memory *m = s->opts.memory;
    if (!m) return;
    if (m->failed)
        count(s, PL_FAULT_NO_MEMORY);
    else if (m->fail_in)
        take_out(s, s->memory_at);
    m->fail_in = 0;
    m->failed = false;
}

void pl__sim_hold(const struct pl_sim *s)
{
    if (s->opts.memory) s->opts.memory->held++;
}

void pl__sim_release(const struct pl_sim *s)
{
    if (s->opts.memory) s->opts.memory->held--;
}
