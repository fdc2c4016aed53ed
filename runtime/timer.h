/* timer.h - the timers of a node: a binary heap by due time, then by age.
 * Reads no clock. An id is never given twice; 0 is none. */
#ifndef PL_RUNTIME_TIMER_H
#define PL_RUNTIME_TIMER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct pl__timer {
    uint64_t due_ms, id;
    void *owner; /* compared only */
    uint32_t kind;
    uint64_t arg;
};
struct pl__timer_slot {
    uint64_t id; /* 0: free */
    uint32_t at; /* index in the heap; of a free slot: the next free one + 1 */
};
struct pl__timers { /* zero-initialised: empty */
    struct pl__timer *heap;
    struct pl__timer_slot *slots;
    uint32_t count, capacity, slots_used, free_slot; /* free_slot: index + 1, 0: none */
    uint64_t serial;
};

enum { PL__TIMER_SLOT_BITS = 20 };
static inline uint64_t pl__timer_serial(uint64_t id) /* rises with each timer made */
{
    return id >> PL__TIMER_SLOT_BITS;
}
/* Id of the new timer; 0 when out of memory or when 2^20 timers run. */
uint64_t pl__timers_add(struct pl__timers *t, uint64_t due_ms, void *owner, uint32_t kind, uint64_t arg);
/* False when it is not waiting or has another owner. */
bool pl__timers_cancel(struct pl__timers *t, uint64_t id, const void *owner);
void pl__timers_cancel_all(struct pl__timers *t, const void *owner);
uint64_t pl__timers_due_ms(const struct pl__timers *t); /* UINT64_MAX: none */
/* The first timer that is due at NOW_MS, which it leaves in place / removes. False: none is due. */
bool pl__timers_peek(const struct pl__timers *t, uint64_t now_ms, struct pl__timer *out);
bool pl__timers_pop(struct pl__timers *t, uint64_t now_ms, struct pl__timer *out);
void pl__timers_finish(struct pl__timers *t);

#endif
