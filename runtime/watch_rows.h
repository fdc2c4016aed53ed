/* watch_rows.h - the rows by which a node describes itself, and their sum over nodes. Each function gives a
 * message, or NULL for want of memory. */
#ifndef PL_RUNTIME_WATCH_ROWS_H
#define PL_RUNTIME_WATCH_ROWS_H

#include "runtime/node_inside.h"

struct pl_msg *pl__watch_state(struct pl_node *n);   /* node.state of this node alone */
struct pl_msg *pl__watch_letters(struct pl_node *n); /* letters.listed of this node alone */
/* All rows of the COUNT messages of one type at PARTS, in their order; of node.state also a row for each of
 * MISSING. */
struct pl_msg *pl__watch_join(struct pl_msg *const *parts, uint32_t count, struct pl__peer *const *missing,
                              uint32_t missing_count);

#endif
