/* clients.h - the outside of the simulation: peers that ask, ask again, cancel, resume, rate, send rubbish,
 * and remember what they were told, so that it can be held against the store afterwards.
 *
 * Rules: quiet (all that was asked comes to rest), one answer (never two that differ), no budget is cut
 * short. */
#ifndef PL_TESTS_SIM_CLIENTS_H
#define PL_TESTS_SIM_CLIENTS_H

#include "tests/simulation/rules.h"
#include "tests/simulation/world.h"

enum { CLIENT_DELTAS_MAX = 512 };

struct asked {
    char id[16], session[24];
    bool accepted, done, rated, rate_acknowledged, cancelled, tools, refused;
    char turn[72], text[256], finish[16];
    uint16_t deltas[CLIENT_DELTAS_MAX]; /* hash of each delta that was seen; 0: not seen */
    uint32_t next_seq;
    uint64_t first_ms, sent_ms; /* 0: never */
    uint32_t stars, budget_ms;  /* 0: none */
    /* What the service said when it said it, whether it arrived or not (wire.h). */
    uint64_t told_accepted; /* how many were accepted before and with it; 0: not yet */
    bool told_done, told_rated;
    char told_turn[72];
    uint32_t open;      /* at most so many answers to its peer may still come */
    uint64_t open_life; /* of the peer */
};

struct clients {
    struct pl_sim *sim;
    struct rules *rules;
    uint32_t n_asked, n_peers, n_sessions;
    struct asked *asked;
    struct client {
        struct clients *all;
        struct pl_sim_peer *peer;
        uint32_t number;
        struct pl_buf scratch;
    } * client;
    uint64_t sent, received, errors;
    bool quiet; /* only finish what was begun */
};

int clients_create(struct clients *c, struct pl_sim *sim, struct rules *rules, const struct profile *p);
void clients_destroy(struct clients *c);
/* Requests that are not answered yet. */
uint32_t clients_open(const struct clients *c);
/* Breaks `quiet` for each of them. */
void clients_complain_of_open(struct clients *c);
/* The request of an id ("q17") or of its rating ("rate-q17"; *RATING says which); NULL: nobody's. */
struct asked *clients_find(struct clients *c, struct pl_str id, bool *rating);

#endif
