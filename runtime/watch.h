/* watch.h - the actor that tells an operator what a node does: node.top, and its dead letters: letters.list
 * and letters.replay. Each node has one: `watch` on the hub, `watch.NODE` on a leaf.
 *
 * Who asks the hub's is told of all nodes: it asks the others and answers when all did, or after half a
 * second; a node that said nothing until then is listed as not up. At most four such questions are open; one
 * more ends the oldest with what has come so far. It needs pl_node_opts.dead_letters for letters to be there
 * at all. */
#ifndef PL_RUNTIME_WATCH_H
#define PL_RUNTIME_WATCH_H

#include "runtime/node.h"

extern const struct pl_actor_class pl_watch_class;
/* Before start: adds it under the name that it has on this node. */
int pl_watch_add(struct pl_node *n, struct pl_err *err);

#endif
