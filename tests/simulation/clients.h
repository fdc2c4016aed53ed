/* clients.h - the outside of the simulation: peers that ask, ask again, cancel, resume, rate, send rubbish,
 * and remember what they were told, so that it can be held against the store afterwards. */
#ifndef PL_TESTS_SIM_CLIENTS_H
#define PL_TESTS_SIM_CLIENTS_H

#include "runtime/sim.h"

enum { CLIENT_DELTAS_MAX = 512 };

struct asked {
    char id[32], session[24];
    bool accepted, done, rated, rate_acknowledged, cancelled, tools, refused;
    char turn[72], text[256], finish[16];
    uint16_t deltas[CLIENT_DELTAS_MAX]; /* hash of each delta that was seen; 0: not seen */
    uint32_t next_seq;
    uint64_t sent_ms;
    uint32_t stars;
};

struct clients {
    struct pl_sim *sim;
    uint32_t n_asked, n_peers, n_sessions;
    struct asked *asked;
    struct client {
        struct clients *all;
        struct pl_sim_peer *peer;
        uint32_t number;
        struct pl_buf scratch;
    } * client;
    uint64_t sent, received, errors, violations;
    char why[256];
    bool verbose; /* print every violation */
    bool quiet;   /* only finish what was begun */
};

int clients_create(struct clients *c, struct pl_sim *sim, uint32_t requests, uint32_t peers,
                   uint32_t sessions);
void clients_destroy(struct clients *c);
/* Requests that are not answered yet. */
uint32_t clients_open(const struct clients *c);
/* A violation for each of them. */
void clients_complain_of_open(struct clients *c);
void clients_violation(struct clients *c, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

#endif
