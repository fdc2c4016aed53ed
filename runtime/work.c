#include "runtime/work.h"

#include <string.h>

/* 0 to 3 have a bucket each; then the leading bit chooses four of them and the next two bits one. */
static unsigned bucket_of(uint64_t us)
{
    if (us < 4) return (unsigned)us;
    unsigned top = 63 - (unsigned)__builtin_clzll(us);
    unsigned i = 4 * (top - 1) + (unsigned)(us >> (top - 2) & 3);
    return i < PL__SPREAD_BUCKETS ? i : PL__SPREAD_BUCKETS - 1;
}

static uint64_t upper_edge(unsigned bucket)
{
    if (bucket < 4) return bucket;
    unsigned top = bucket / 4 + 1;
    return ((uint64_t)(4 + bucket % 4 + 1) << (top - 2)) - 1;
}

void pl__spread_add(struct pl__spread *s, uint64_t us)
{
    s->buckets[bucket_of(us)]++;
}

uint64_t pl__spread_at(const struct pl__spread *a, const struct pl__spread *b, double share)
{
    uint64_t total = 0, seen = 0;
    for (unsigned i = 0; i < PL__SPREAD_BUCKETS; i++) total += (uint64_t)a->buckets[i] + b->buckets[i];
    for (unsigned i = 0; i < PL__SPREAD_BUCKETS && total; i++) {
        seen += (uint64_t)a->buckets[i] + b->buckets[i];
        if ((double)seen >= share * (double)total) return upper_edge(i);
    }
    return 0;
}

static void turn_window(struct pl__work *w, uint64_t now_us)
{
    uint64_t age_us = now_us - w->window_us;
    if (age_us < PL__WORK_WINDOW_US) return;
    if (age_us >= 2 * (uint64_t)PL__WORK_WINDOW_US) { /* neither window is recent any more */
        memset(w->wait, 0, sizeof w->wait);
        memset(w->run, 0, sizeof w->run);
    }
    w->now ^= 1;
    w->wait[w->now] = w->run[w->now] = (struct pl__spread){{0}};
    w->window_us = now_us;
}

void pl__work_wait(struct pl__work *w, uint64_t now_us, uint64_t us)
{
    turn_window(w, now_us);
    pl__spread_add(&w->wait[w->now], us);
}

bool pl__work_run(struct pl__work *w, uint64_t now_us, uint64_t us, bool may_block)
{
    pl__spread_add(&w->run[w->now], us);
    w->busy_us += us;
    if (us < PL__SLOW_US || may_block) return false;
    w->slow++;
    w->stalls += us >= PL__STALL_US;
    if (w->slow > 1 && now_us - w->told_us < PL__WORK_WINDOW_US) return false;
    w->told_us = now_us;
    return true;
}
