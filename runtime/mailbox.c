/* mailbox.c - intrusive queues: a message lies in at most one mailbox, so pushing allocates nothing. */
#include "runtime/mailbox.h"

void pl__mailbox_init(struct pl__mailbox *b, uint32_t limit)
{
    *b = (struct pl__mailbox){.limit = limit};
    for (int i = 0; i < PL__LANES; i++) b->lanes[i].tail = &b->lanes[i].head;
}

void pl__mailbox_push_front(struct pl__mailbox *b, enum pl__lane lane, struct pl_msg *m)
{
    struct pl__queue *q = &b->lanes[lane];
    m->next = q->head;
    if (!q->head) q->tail = &m->next;
    q->head = m;
    pl__mailbox_grown(b, q);
}

struct pl_msg *pl__mailbox_take(struct pl__mailbox *b, enum pl__lane lane,
                                bool (*test)(const struct pl_msg *m, uint64_t arg), uint64_t arg)
{
    struct pl__queue *q = &b->lanes[lane];
    for (struct pl_msg **at = &q->head; *at; at = &(*at)->next)
        if (test(*at, arg)) return pl__queue_unlink(q, at);
    return NULL;
}
