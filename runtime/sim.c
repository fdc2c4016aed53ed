/* sim.c - the simulator's queue of events, its clock, its chance and its trace.
 *
 * Time is in microseconds inside, in milliseconds outside. Events are ordered by (time, tie drawn from the
 * seed, age), so that what happens at the same time happens in an order that the seed chooses. Nothing here
 * depends on an address, on the real clock or on the order of a hash table: the same seed gives the same
 * trace. */
#include "runtime/sim.h"

#include <stdlib.h>
#include <string.h>

#include "runtime/sim_inside.h"
#include "runtime/wrap.h"

/* splitmix64 (public domain, Vigna): passes every value once, so no seed is a bad one. */
uint64_t pl_sim_random(struct pl_sim *s)
{
    uint64_t z = s->random += 0x9e3779b97f4a7c15u;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}

uint64_t pl__sim_pause_us(struct pl_sim *s, uint64_t max_us)
{
    return 1 + pl_sim_random(s) % max_us;
}

static uint64_t stir(uint64_t hash, uint64_t value)
{
    hash = (hash ^ value) * 0x9e3779b97f4a7c15u;
    return hash ^ hash >> 29;
}

/* Eight bytes at a time: every frame passes here. */
void pl__sim_trace_bytes(struct pl_sim *s, const void *bytes, size_t len)
{
    const uint8_t *b = bytes;
    uint64_t word = len;
    for (; len >= sizeof word; b += sizeof word, len -= sizeof word) {
        s->hash = stir(s->hash, word);
        memcpy(&word, b, sizeof word);
    }
    s->hash = stir(s->hash, word);
    word = 0;
    if (len) memcpy(&word, b, len);
    s->hash = stir(s->hash, word);
}

void pl__sim_trace(struct pl_sim *s, uint64_t value)
{
    s->hash = stir(s->hash, value);
}

void *pl__sim_grow(void *array, uint32_t count, size_t item_bytes)
{
    void *grown = realloc(array, (count + 1) * item_bytes);
    PL_MUST(grown); /* a world that forgets an event would lie */
    return grown;
}

/* ---- events ---- */

static bool before(const struct pl__event *a, const struct pl__event *b)
{
    if (a->at_us != b->at_us) return a->at_us < b->at_us;
    return a->tie != b->tie ? a->tie < b->tie : a->seq < b->seq;
}

void pl__sim_at(struct pl_sim *s, uint64_t at_us, enum pl__event_kind kind, uint32_t index, uint64_t arg)
{
    if (s->heap_count == s->heap_capacity) {
        s->heap_capacity = s->heap_capacity ? 2 * s->heap_capacity : 256;
        s->heap = realloc(s->heap, s->heap_capacity * sizeof *s->heap);
        PL_MUST(s->heap);
    }
    struct pl__event e = {
        at_us > s->now_us ? at_us : s->now_us, pl_sim_random(s), s->seq++, kind, index, arg};
    size_t at = s->heap_count++;
    for (; at > 0 && before(&e, &s->heap[(at - 1) / 2]); at = (at - 1) / 2)
        s->heap[at] = s->heap[(at - 1) / 2];
    s->heap[at] = e;
}

static struct pl__event next_event(struct pl_sim *s)
{
    struct pl__event first = s->heap[0], last = s->heap[--s->heap_count];
    size_t at = 0;
    for (size_t child = 1; child < s->heap_count; child = 2 * at + 1) {
        if (child + 1 < s->heap_count && before(&s->heap[child + 1], &s->heap[child])) child++;
        if (!before(&s->heap[child], &last)) break;
        s->heap[at] = s->heap[child];
        at = child;
    }
    if (s->heap_count) s->heap[at] = last;
    return first;
}

static void happen(struct pl_sim *s, const struct pl__event *e)
{
    pl__sim_trace(s, e->at_us);
    pl__sim_trace(s, (uint64_t)e->kind << 32 | e->index);
    switch (e->kind) {
    case PL__EVENT_BOOT:
        pl__sim_boot(s->nodes[e->index], e->arg);
        break;
    case PL__EVENT_RUN:
        pl__sim_step(s->nodes[e->index], e->arg);
        break;
    case PL__EVENT_FRAME:
        pl__stream_arrive(s, s->streams[e->index]);
        break;
    case PL__EVENT_TICK:
        pl__sim_tick(s->peers[e->index], e->arg);
        break;
    case PL__EVENT_LOST:
        pl__sim_link_lost(s->nodes[e->index], e->arg);
        break;
    case PL__EVENT_EXIT:
        pl__sim_exited(s->nodes[e->index], e->arg);
        break;
    }
}

uint64_t pl_sim_run(struct pl_sim *s, uint64_t until_ms, uint64_t max)
{
    uint64_t done = 0, until_us = until_ms > UINT64_MAX / 1000 ? UINT64_MAX : until_ms * 1000;
    while (done < max && s->heap_count && s->heap[0].at_us <= until_us) {
        struct pl__event e = next_event(s);
        if (e.at_us > s->now_us) s->now_us = e.at_us; /* after a pause it is late */
        s->steps++;
        happen(s, &e);
        done++;
    }
    if (done < max && until_us != UINT64_MAX && until_us > s->now_us) s->now_us = until_us;
    return done;
}

/* ---- the simulator itself ---- */

int pl_sim_create(const struct pl_sim_opts *o, struct pl_sim **out, struct pl_err *err)
{
    struct pl_sim *s = calloc(1, sizeof *s);
    if (!s) return pl_fail(err, PL_E_NO_MEMORY, NULL, "no memory for a simulator");
    s->opts = *o;
    s->silent.fd = -1;
    if (!s->opts.log) s->opts.log = &s->silent;
    if (!s->opts.delay_max_ms) s->opts.delay_max_ms = 200;
    s->random = o->seed;
    s->hash = 14695981039346656037u;
    s->disk = pl__sim_disk_create(s);
    if (!s->disk) {
        pl_sim_destroy(&s);
        return pl_fail(err, PL_E_NO_MEMORY, NULL, "no memory for a simulator");
    }
    *out = s;
    return 0;
}

void pl_sim_destroy(struct pl_sim **sp)
{
    struct pl_sim *s = *sp;
    *sp = NULL;
    if (!s) return;
    for (uint32_t i = 0; i < s->nodes_count; i++) pl__sim_tear_down(s->nodes[i]);
    for (uint32_t i = 0; i < s->nodes_count; i++) {
        free(s->nodes[i]->seen);
        free(s->nodes[i]);
    }
    for (uint32_t i = 0; i < s->streams_count; i++) pl__stream_destroy(s->streams[i]);
    for (uint32_t i = 0; i < s->peers_count; i++) free(s->peers[i]);
    pl__sim_disk_destroy(s->disk);
    pl__msg_forget_kept(); /* the next run begins as this one did */
    free(s->nodes);
    free(s->streams);
    free(s->peers);
    free(s->heap);
    free(s->happened);
    free(s);
}

struct pl_sim_disk *pl_sim_disk(struct pl_sim *s)
{
    return s->disk;
}

uint64_t pl_sim_now_ms(const struct pl_sim *s)
{
    return s->now_us / 1000;
}

void pl_sim_faults_off(struct pl_sim *s)
{
    s->faults_off = true;
}

uint64_t pl_sim_steps(const struct pl_sim *s)
{
    return s->steps;
}

uint64_t pl_sim_trace_hash(const struct pl_sim *s)
{
    return s->hash;
}
