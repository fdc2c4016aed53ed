/* mailbox.h - two queues of messages: the system lane goes first and never refuses, the user lane is bounded.
 * Holds one reference to each message. Also the outbox of a link. */
#ifndef PL_RUNTIME_MAILBOX_H
#define PL_RUNTIME_MAILBOX_H

#include "runtime/msg.h"

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
    return lane == PL__LANE_USER && b->lanes[lane].count >= b->limit;
}
/* Takes the reference; the caller asked pl__mailbox_full first. */
void pl__mailbox_push(struct pl__mailbox *b, enum pl__lane lane, struct pl_msg *m);
void pl__mailbox_push_front(struct pl__mailbox *b, enum pl__lane lane, struct pl_msg *m);
/* The next message, or NULL; its lane in *LANE. Peek keeps it, pop gives the reference. */
struct pl_msg *pl__mailbox_peek(const struct pl__mailbox *b, enum pl__lane *lane);
struct pl_msg *pl__mailbox_pop(struct pl__mailbox *b, enum pl__lane *lane);
/* Takes out the first message of a lane for which TEST is true; NULL when there is none. */
struct pl_msg *pl__mailbox_take(struct pl__mailbox *b, enum pl__lane lane,
                                bool (*test)(const struct pl_msg *m, uint64_t arg), uint64_t arg);

#endif
