/* plant.h - bugs that are planted to see that the simulator finds them.
 *
 * Only the program simulate_planted is made with PL_PLANT; everywhere else PL_PLANTED is 0, and the compiler
 * leaves nothing of it. Each bug is one line at the place where somebody could make it, and breaks one rule:
 *
 *   ack_before_commit      durable        a request is accepted before its promise is on disk
 *   dedup_dropped          one effect     an id that is on disk is answered anew
 *   lost_wakeup            wake-up        mail that came during a turn waits for the next to come
 *   reply_after_cancel     after answer   a piece of a cancelled answer follows its end
 *   mailbox_over_bound     mailbox bound  a mailbox takes more than its limit
 *   turns_reordered        order          a request goes past those that wait before it
 *   restart_forgets_timer  restart        an actor that failed is never started again */
#ifndef PL_RUNTIME_PLANT_H
#define PL_RUNTIME_PLANT_H

#ifdef PL_PLANT
#define PL_PLANTS(X)                                                                                         \
    X(ack_before_commit, "durable")                                                                          \
    X(dedup_dropped, "one effect")                                                                           \
    X(lost_wakeup, "wake-up")                                                                                \
    X(reply_after_cancel, "after answer")                                                                    \
    X(mailbox_over_bound, "mailbox bound")                                                                   \
    X(turns_reordered, "order")                                                                              \
    X(restart_forgets_timer, "restart")
#define PL_PLANT_ENUM(name, rule) PL_PLANT_##name,
enum pl_plant { PL_PLANT_none, PL_PLANTS(PL_PLANT_ENUM) PL_PLANT_END };
extern enum pl_plant pl_planted;
#define PL_PLANTED(name) (pl_planted == PL_PLANT_##name)
#else
#define PL_PLANTED(name) 0
#endif

#endif
