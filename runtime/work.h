/* work.h - how an actor's time goes: how long its messages wait, how long its handlers run, which were too
 * long.
 *
 * A handler shall not block: one of 5 ms is told in the log (at most one line in 10 s for each actor), one of
 * 50 ms is a stall; both are counted. An actor that may block (its class says so) is measured and not judged.
 * All times come from the node's clock, so that the simulator's are as repeatable as everything else there.
 */
#ifndef PL_RUNTIME_WORK_H
#define PL_RUNTIME_WORK_H

#include <stdbool.h>
#include <stdint.h>

enum { PL__SLOW_US = 5000, PL__STALL_US = 50000, PL__SPREAD_BUCKETS = 128, PL__WORK_WINDOW_US = 10000000 };

/* Counts by size: four buckets for each power of two, so a value is known to a quarter. */
struct pl__spread {
    uint32_t buckets[PL__SPREAD_BUCKETS];
};
void pl__spread_add(struct pl__spread *s, uint64_t us);
/* The value below which SHARE (0 to 1) of A and B together lie: the upper edge of its bucket; 0 when both are
 * empty. */
uint64_t pl__spread_at(const struct pl__spread *a, const struct pl__spread *b, double share);

/* What is asked for covers the window that runs and the one before: the last 10 to 20 s. */
struct pl__work {
    struct pl__spread wait[2], run[2];
    uint64_t window_us; /* when the running window began */
    unsigned now;       /* its index */
    uint64_t slow, stalls, busy_us, told_us;
    int error; /* of the last failure; 0: none */
    uint64_t error_ms;
    const char *error_type; /* static: of the message that it failed on; NULL: none */
};
void pl__work_wait(struct pl__work *w, uint64_t now_us, uint64_t us);
/* True when it is time for a line in the log. */
bool pl__work_run(struct pl__work *w, uint64_t now_us, uint64_t us, bool may_block);

#endif
