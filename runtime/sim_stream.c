/* sim_stream.c - frames on their way: in order, each with a random delay, and with faults when they come from
 * outside. Each frame has one event; the event delivers whatever frame is then the first. */
#include <stdlib.h>
#include <string.h>

#include "runtime/sim_inside.h"

enum { DELAY_US = 2000, AGAIN_US = 1000 };

struct pl__stream *pl__stream_create(struct pl_sim *s, void *owner)
{
    struct pl__stream *st = calloc(1, sizeof *st);
    PL_MUST(st);
    s->streams = pl__sim_grow(s->streams, s->streams_count, sizeof(struct pl__stream *));
    st->index = s->streams_count;
    st->owner = owner;
    s->streams[s->streams_count++] = st;
    return st;
}

void pl__stream_destroy(struct pl__stream *st)
{
    for (struct pl__stream_frame *f = st->head, *next; f; f = next) {
        next = f->next;
        free(f);
    }
    free(st);
}

/* FROM_END frames stay behind the new one. */
static void insert(struct pl__stream *st, struct pl__stream_frame *f, size_t from_end)
{
    struct pl__stream_frame **at = &st->head;
    for (size_t i = from_end; i < st->count; i++) at = &(*at)->next;
    f->next = *at;
    *at = f;
    st->count++;
}

static void send(struct pl_sim *s, struct pl__stream *st, uint64_t epoch, const void *bytes, size_t len,
                 uint64_t delay_us, size_t from_end)
{
    struct pl__stream_frame *f = malloc(sizeof *f + len);
    PL_MUST(f);
    *f = (struct pl__stream_frame){.epoch = epoch, .len = len};
    if (len) memcpy(f->bytes, bytes, len);
    insert(st, f, from_end);
    uint64_t at_us = s->now_us + delay_us;
    if (at_us <= st->last_us) at_us = st->last_us + 1;
    st->last_us = at_us;
    pl__sim_at(s, at_us, PL__EVENT_FRAME, st->index, 0);
}

void pl__stream_send(struct pl_sim *s, struct pl__stream *st, uint64_t epoch, const void *bytes, size_t len)
{
    send(s, st, epoch, bytes, len, pl__sim_pause_us(s, DELAY_US), 0);
}

void pl__stream_send_outside(struct pl_sim *s, struct pl__stream *st, uint64_t epoch, const void *bytes,
                             size_t len)
{
    if (pl__sim_chance(s, PL_FAULT_DROP)) return;
    uint64_t delay_us = pl__sim_pause_us(s, DELAY_US);
    if (pl__sim_chance(s, PL_FAULT_DELAY)) delay_us += pl__sim_pause_us(s, s->opts.delay_max_ms * 1000ull);
    size_t from_end = st->count && pl__sim_chance(s, PL_FAULT_REORDER) ? 1 + pl_sim_random(s) % st->count : 0;
    send(s, st, epoch, bytes, len, delay_us, from_end);
    if (pl__sim_chance(s, PL_FAULT_DUPLICATE)) send(s, st, epoch, bytes, len, delay_us, 0);
}

void pl__stream_arrive(struct pl_sim *s, struct pl__stream *st)
{
    struct pl__stream_frame *f = st->head;
    if (!f) return;
    if (st->blocked_us > s->now_us || st->deliver(s, st, f) == -PL_E_AGAIN) {
        uint64_t at_us = s->now_us + AGAIN_US;
        if (at_us < st->blocked_us) at_us = st->blocked_us;
        pl__sim_at(s, at_us, PL__EVENT_FRAME, st->index, 0);
        return;
    }
    /* A delivery may send, which may put a frame first. */
    struct pl__stream_frame **at = &st->head;
    while (*at != f) at = &(*at)->next;
    *at = f->next;
    st->count--;
    free(f);
}
