/* mailbox.c - intrusive queues: a message lies in at most one mailbox, so pushing allocates nothing. */
#include "runtime/mailbox.h"

void pl__mailbox_init(struct pl__mailbox *b, uint32_t limit)
{
    *b = (struct pl__mailbox){.limit = limit};
    for (int i = 0; i < PL__LANES; i++) b->lanes[i].tail = &b->lanes[i].head;
}

static void grown(struct pl__mailbox *b, struct pl__queue *q)
{
    q->count++;
    if (pl__mailbox_count(b) > b->high_water) b->high_water = pl__mailbox_count(b);
}

void pl__mailbox_push(struct pl__mailbox *b, enum pl__lane lane, struct pl_msg *m)
{
    struct pl__queue *q = &b->lanes[lane];
    m->next = NULL;
    *q->tail = m;
    q->tail = &m->next;
    grown(b, q);
}

void pl__mailbox_push_front(struct pl__mailbox *b, enum pl__lane lane, struct pl_msg *m)
{
    struct pl__queue *q = &b->lanes[lane];
    m->next = q->head;
    if (!q->head) q->tail = &m->next;
    q->head = m;
    grown(b, q);
}

struct pl_msg *pl__mailbox_peek(const struct pl__mailbox *b, enum pl__lane *lane)
{
    *lane = b->lanes[PL__LANE_SYSTEM].head ? PL__LANE_SYSTEM : PL__LANE_USER;
    return b->lanes[*lane].head;
}

static struct pl_msg *unlink_at(struct pl__queue *q, struct pl_msg **at)
{
    struct pl_msg *m = *at;
    *at = m->next;
    if (!*at) q->tail = at;
    m->next = NULL;
    q->count--;
    return m;
}

struct pl_msg *pl__mailbox_pop(struct pl__mailbox *b, enum pl__lane *lane)
{
    if (!pl__mailbox_peek(b, lane)) return NULL;
    struct pl__queue *q = &b->lanes[*lane];
    return unlink_at(q, &q->head);
}

struct pl_msg *pl__mailbox_take(struct pl__mailbox *b, enum pl__lane lane,
                                bool (*test)(const struct pl_msg *m, uint64_t arg), uint64_t arg)
{
    struct pl__queue *q = &b->lanes[lane];
    for (struct pl_msg **at = &q->head; *at; at = &(*at)->next)
        if (test(*at, arg)) return unlink_at(q, at);
    return NULL;
}
