/* wire.h - what passes between the front door and its peers, seen where it passes.
 *
 * Rule: after answer. To a peer goes nothing that it did not ask for, and nothing follows the final answer:
 * neither on the wire nor from the session, whatever was cancelled. It also keeps what the service has told
 * (struct asked), which must hold from then on. */
#ifndef PL_TESTS_SIM_WIRE_H
#define PL_TESTS_SIM_WIRE_H

#include "tests/simulation/clients.h"

struct wire {
    struct clients *c;
    uint64_t accepted;  /* requests that were told so */
    uint64_t *answered; /* hashes of the tickets that got their chat.done: open addressing, 0: free */
    uint32_t count, capacity;
};
void wire_init(struct wire *w, struct clients *c);
void wire_finish(struct wire *w);
/* An actor is about to handle M. */
void wire_message(struct wire *w, const char *actor, const struct pl_msg *m, bool fresh);
/* A frame leaves for PEER. */
void wire_frame(struct wire *w, struct pl_sim_peer *peer, const void *bytes, size_t len);

#endif
