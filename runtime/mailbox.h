/* mailbox.h - two queues of messages: the system lane goes first and never refuses, the user lane is bounded.
 * Holds one reference to each message. Also the outbox of a link. */
#ifndef PL_RUNTIME_MAILBOX_H
#define PL_RUNTIME_MAILBOX_H

#include "runtime/msg.h"
#include "runtime/plant.h"

enum pl__lane { PL__LANE_SYSTEM, PL__LANE_USER, PL__LANES };

struct pl__queue {
    struct pl_msg *head, **tail;
    uint32_t count;
};
struct pl__mailbox {
    struct pl__queue lanes[PL__LANES];
    uint32_t limit;      /* of the user lane */
    uint32_t high_water; /* most messages that ever waited, both lanes */
};

void pl__mailbox_init(struct pl__mailbox *b, uint32_t limit);
static inline uint32_t pl__mailbox_count(const struct pl__mailbox *b)
{
    return b->lanes[PL__LANE_SYSTEM].count + b->lanes[PL__LANE_USER].count;
}
static inline bool pl__mailbox_full(const struct pl__mailbox *b, enum pl__lane lane)
{
    return lane == PL__LANE_USER && b->lanes[lane].count >= b->limit + 8 * PL_PLANTED(mailbox_over_bound);
}
static inline void pl__mailbox_grown(struct pl__mailbox *b, struct pl__queue *q)
{
    q->count++;
    if (pl__mailbox_count(b) > b->high_water) b->high_water = pl__mailbox_count(b);
}
/* Takes the reference; the caller asked pl__mailbox_full first. */
static inline void pl__mailbox_push(struct pl__mailbox *b, enum pl__lane lane, struct pl_msg *m)
{
    struct pl__queue *q = &b->lanes[lane];
    m->next = NULL;
    *q->tail = m;
    q->tail = &m->next;
    pl__mailbox_grown(b, q);
}
void pl__mailbox_push_front(struct pl__mailbox *b, enum pl__lane lane, struct pl_msg *m);
/* The next message, or NULL; its lane in *LANE. Peek keeps it, pop gives the reference. */
static inline struct pl_msg *pl__mailbox_peek(const struct pl__mailbox *b, enum pl__lane *lane)
{
    *lane = b->lanes[PL__LANE_SYSTEM].head ? PL__LANE_SYSTEM : PL__LANE_USER;
    return b->lanes[*lane].head;
}
static inline struct pl_msg *pl__queue_unlink(struct pl__queue *q, struct pl_msg **at)
{
    struct pl_msg *m = *at;
    *at = m->next;
    if (!*at) q->tail = at;
    m->next = NULL;
    q->count--;
    return m;
}
static inline struct pl_msg *pl__mailbox_pop(struct pl__mailbox *b, enum pl__lane *lane)
{
    if (!pl__mailbox_peek(b, lane)) return NULL;
    return pl__queue_unlink(&b->lanes[*lane], &b->lanes[*lane].head);
}
/* Takes out the first message of a lane for which TEST is true; NULL when there is none. */
struct pl_msg *pl__mailbox_take(struct pl__mailbox *b, enum pl__lane lane,
                                bool (*test)(const struct pl_msg *m, uint64_t arg), uint64_t arg);

#endif
