/* frontdoor_peers.h - the front door's memory of who asked: peers, their tickets and their outboxes.
 *
 * A ticket is one open request. Its name is the correlation inside the service, in place of the producer's
 * id, which others may use too. A peer is known while it has a ticket or an outbox.
 *
 *   peer:  direct --socket full--> slow: frames queue in order, tried every few ms --empty--> direct
 *                                    |
 *                                    +-- outbox over its bound, or the peer is gone --> cut with its tickets
 *
 * 1. Frames to one peer keep their order: while its outbox holds one, nothing passes it.
 * 2. Tickets, peers, each outbox and all outboxes together are bounded, and so are the bytes of the requests that
 *    have had no answer at all: more of them would only wait in the service's memory. */
#ifndef PL_ACTORS_FRONTDOOR_PEERS_H
#define PL_ACTORS_FRONTDOOR_PEERS_H

#include "actors/actors.h"
#include "actors/map.h"

enum { PL_TICKET_NAME = 40, PL_PEER_ID = 32 };

/* Whom a frame came from, or goes to. A value of its own: it outlives the peer. */
struct pl_origin {
    uint32_t listener;
    bool delimiter; /* a REQ socket */
    uint32_t peer_len;
    uint8_t peer[PL_PEER_ID];
};

struct pl_peer;
struct pl_ticket {
    char name[PL_TICKET_NAME]; /* inside */
    char id[65];               /* outside; "" when the producer gave none */
    struct pl_origin origin;
    const char *route; /* the actor that works on it; static */
    const char *type;          /* of the request; static */
    char trace[65];            /* as the producer gave it */
    struct pl_span span;
    uint64_t opened_ms;
    uint32_t request_bytes, frame_bytes; /* of the request; the latter until its first answer */
    struct pl_peer *peer;
    struct pl_ticket *before, *after;           /* of the same peer */
    struct pl_ticket *twin_before, *twin_after; /* of the same peer and id */
};

struct pl_peers {
    struct pl_map tickets, peers;
    struct pl_map ids;    /* peer and id -> the newest of the twins */
    struct pl_peer *slow; /* those with an outbox */
    size_t queued_bytes;  /* in all outboxes */
    size_t unanswered_bytes;
    uint32_t max_peers, outbox_bytes, request_limit;
    size_t outboxes_limit, unanswered_limit;
    uint64_t incarnation, next_ticket;
    bool retrying; /* the timer runs */
    struct pl_counter *cut;
    struct pl_gauge *open;
};

/* O's bounds, 0 replaced by the defaults. */
void pl__peers_start(struct pl_actor *self, struct pl_peers *ps, const struct pl_frontdoor_opts *o);
void pl__peers_finish(struct pl_peers *ps);

/* For a request of FRAME_BYTES. Lent until it is closed or its peer cut. NULL when a bound is reached or there is no
 * memory. */
struct pl_ticket *pl__ticket_open(struct pl_actor *self, struct pl_peers *ps, const struct pl_origin *origin,
                                  struct pl_str id, const char *route, uint32_t frame_bytes);
/* An answer came for it. */
void pl__ticket_answered(struct pl_peers *ps, struct pl_ticket *t);
struct pl_ticket *pl__ticket_find(const struct pl_peers *ps, struct pl_str name);
/* True when its peer has another open ticket for the same id. */
bool pl__ticket_is_second(const struct pl_ticket *t);
void pl__ticket_close(struct pl_peers *ps, struct pl_ticket *t);
/* Copies the names of all tickets that ROUTE works on into *NAMES (given, malloc'd); returns how many. */
uint32_t pl__tickets_routed(struct pl_peers *ps, struct pl_str route, char (**names)[PL_TICKET_NAME]);

/* Sends now or by the outbox. A peer that cannot take it is cut: tickets of it are gone afterwards. */
void pl__peers_send(struct pl_actor *self, struct pl_peers *ps, const struct pl_origin *to,
                    const struct pl_buf *b);
/* The timer came due. */
void pl__peers_retry(struct pl_actor *self, struct pl_peers *ps);

#endif
