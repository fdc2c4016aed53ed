/* timer.c - a heap whose entries are found again by id.
 *
 * An id is serial << 20 | slot; the slot holds the entry's place in the heap and the full id, so that an old
 * id whose slot was used again is recognised. Invariants: heap[slots[s].at].id == slots[s].id for every used
 * slot; an entry is not due before its parent. */
#include "runtime/timer.h"

#include <stdlib.h>

enum { SLOT_BITS = PL__TIMER_SLOT_BITS, TIMERS_MAX = 1 << SLOT_BITS, FIRST_CAPACITY = 32 };

static uint32_t slot_of(uint64_t id)
{
    return (uint32_t)(id & (TIMERS_MAX - 1));
}

static bool earlier(const struct pl__timer *a, const struct pl__timer *b)
{
    return a->due_ms != b->due_ms ? a->due_ms < b->due_ms : pl__timer_serial(a->id) < pl__timer_serial(b->id);
}

static void put(struct pl__timers *t, uint32_t at, struct pl__timer entry)
{
    t->heap[at] = entry;
    t->slots[slot_of(entry.id)].at = at;
}

static void rise(struct pl__timers *t, uint32_t at, struct pl__timer entry)
{
    while (at > 0 && earlier(&entry, &t->heap[(at - 1) / 2])) {
        put(t, at, t->heap[(at - 1) / 2]);
        at = (at - 1) / 2;
    }
    put(t, at, entry);
}

static void sink(struct pl__timers *t, uint32_t at, struct pl__timer entry)
{
    for (;;) {
        uint32_t child = 2 * at + 1;
        if (child >= t->count) break;
        if (child + 1 < t->count && earlier(&t->heap[child + 1], &t->heap[child])) child++;
        if (!earlier(&t->heap[child], &entry)) break;
        put(t, at, t->heap[child]);
        at = child;
    }
    put(t, at, entry);
}

static bool reserve(struct pl__timers *t)
{
    if (t->count < t->capacity) return true;
    if (t->capacity >= TIMERS_MAX) return false;
    uint32_t capacity = t->capacity ? t->capacity * 2 : FIRST_CAPACITY;
    struct pl__timer *heap = realloc(t->heap, capacity * sizeof *heap);
    if (!heap) return false;
    t->heap = heap;
    struct pl__timer_slot *slots = realloc(t->slots, capacity * sizeof *slots);
    if (!slots) return false;
    t->slots = slots;
    t->capacity = capacity;
    return true;
}

static uint32_t claim_slot(struct pl__timers *t)
{
    if (!t->free_slot) return t->slots_used++;
    uint32_t slot = t->free_slot - 1;
    t->free_slot = t->slots[slot].at;
    return slot;
}

static void release_slot(struct pl__timers *t, uint32_t slot)
{
    t->slots[slot] = (struct pl__timer_slot){0, t->free_slot};
    t->free_slot = slot + 1;
}

uint64_t pl__timers_add(struct pl__timers *t, uint64_t due_ms, void *owner, uint32_t kind, uint64_t arg)
{
    if (!reserve(t)) return 0;
    uint32_t slot = claim_slot(t);
    uint64_t id = ++t->serial << SLOT_BITS | slot;
    t->slots[slot].id = id;
    rise(t, t->count++, (struct pl__timer){due_ms, id, owner, kind, arg});
    return id;
}

static void remove_at(struct pl__timers *t, uint32_t at)
{
    release_slot(t, slot_of(t->heap[at].id));
    struct pl__timer last = t->heap[--t->count];
    if (at == t->count) return;
    if (at > 0 && earlier(&last, &t->heap[(at - 1) / 2]))
        rise(t, at, last);
    else
        sink(t, at, last);
}

bool pl__timers_cancel(struct pl__timers *t, uint64_t id, const void *owner)
{
    uint32_t slot = slot_of(id);
    if (id == 0 || slot >= t->slots_used || t->slots[slot].id != id) return false;
    if (t->heap[t->slots[slot].at].owner != owner) return false;
    remove_at(t, t->slots[slot].at);
    return true;
}

void pl__timers_cancel_all(struct pl__timers *t, const void *owner)
{
    uint32_t kept = 0;
    for (uint32_t at = 0; at < t->count; at++) {
        if (t->heap[at].owner == owner)
            release_slot(t, slot_of(t->heap[at].id));
        else
            put(t, kept++, t->heap[at]);
    }
    t->count = kept;
    for (uint32_t at = kept / 2; at-- > 0;) sink(t, at, t->heap[at]);
}

uint64_t pl__timers_due_ms(const struct pl__timers *t)
{
    return t->count ? t->heap[0].due_ms : UINT64_MAX;
}

bool pl__timers_peek(const struct pl__timers *t, uint64_t now_ms, struct pl__timer *out)
{
    if (t->count == 0 || t->heap[0].due_ms > now_ms) return false;
    *out = t->heap[0];
    return true;
}

bool pl__timers_pop(struct pl__timers *t, uint64_t now_ms, struct pl__timer *out)
{
    if (!pl__timers_peek(t, now_ms, out)) return false;
    remove_at(t, 0);
    return true;
}

void pl__timers_finish(struct pl__timers *t)
{
    free(t->heap);
    free(t->slots);
    *t = (struct pl__timers){0};
}
