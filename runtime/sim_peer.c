/* sim_peer.c - outside peers: a routing id that changes when the peer or the service starts anew, and faults
 * both ways.
 *
 * A routing id is 13 bytes: a zero, the peer's index, its life. A frame to an id of an earlier life is for
 * nobody. */
#include <stdlib.h>
#include <string.h>

#include "runtime/sim_inside.h"

enum { ID_BYTES = 13, OUT_MAX = 256, AWAY_MAX_US = 20000000 };

static void make_id(const struct pl_sim_peer *p, uint8_t id[ID_BYTES])
{
    id[0] = 0;
    memcpy(id + 1, &p->index, sizeof p->index);
    memcpy(id + 5, &p->life, sizeof p->life);
}

struct pl_sim_peer *pl_sim_peer_of(const struct pl_sim *s, struct pl_bin id)
{
    uint32_t index;
    uint8_t expected[ID_BYTES];
    if (id.len != ID_BYTES) return NULL;
    memcpy(&index, id.ptr + 1, sizeof index);
    if (index >= s->peers_count) return NULL;
    make_id(s->peers[index], expected);
    return memcmp(expected, id.ptr, ID_BYTES) == 0 ? s->peers[index] : NULL;
}

static struct pl__sim_node *service_of(const struct pl_sim *s)
{
    for (uint32_t i = 0; i < s->nodes_count; i++)
        if (!s->nodes[i]->hub) return s->nodes[i];
    return NULL;
}

/* What is sent while the service is down waits for its next life; what it had not read when it died is lost.
 */
static uint64_t service_epoch(const struct pl_sim *s)
{
    const struct pl__sim_node *hub = service_of(s);
    return hub ? hub->boots + (hub->node ? 0 : 1) : 1;
}

static int to_service(struct pl_sim *s, struct pl__stream *st, const struct pl__stream_frame *f)
{
    const struct pl_sim_peer *p = st->owner;
    const struct pl__sim_node *hub = service_of(s);
    uint8_t id[ID_BYTES];
    make_id(p, id);
    if (!hub || (!hub->node && !hub->wanted) || f->epoch < hub->boots) return 0;
    for (uint32_t i = 0; i < s->nodes_count; i++) {
        struct pl__sim_node *sn = s->nodes[i];
        if (!sn->node || sn->dying) continue;
        struct pl_net_peer from = {.id = {id, ID_BYTES}};
        pl__sim_memory_begin(s);
        int rc = pl_node_net_frame(sn->node, p->listener, &from, f->bytes, f->len, false);
        pl__sim_memory_end(s);
        if (rc == -PL_E_NOT_FOUND) continue;
        if (rc == 0) pl__sim_trace_bytes(s, f->bytes, f->len);
        pl__sim_wake(sn);
        return rc;
    }
    return -PL_E_AGAIN;
}

static int to_peer(struct pl_sim *s, struct pl__stream *st, const struct pl__stream_frame *f)
{
    struct pl_sim_peer *p = st->owner;
    if (f->epoch != p->life) return 0;
    pl__sim_trace_bytes(s, f->bytes, f->len);
    if (p->receive) p->receive(p, f->bytes, f->len, p->arg);
    return 0;
}

struct pl_sim_peer *pl_sim_peer(struct pl_sim *s, uint32_t listener, pl_sim_receive receive, pl_sim_tick tick,
                                void *arg)
{
    struct pl_sim_peer *p = calloc(1, sizeof *p);
    PL_MUST(p);
    *p = (struct pl_sim_peer){.sim = s,
                              .index = s->peers_count,
                              .listener = listener,
                              .receive = receive,
                              .tick = tick,
                              .arg = arg};
    s->peers = pl__sim_grow(s->peers, s->peers_count, sizeof(struct pl_sim_peer *));
    s->peers[s->peers_count++] = p;
    p->in = pl__stream_create(s, p);
    p->out = pl__stream_create(s, p);
    p->in->deliver = to_service;
    p->out->deliver = to_peer;
    return p;
}

void *pl_sim_peer_arg(const struct pl_sim_peer *p)
{
    return p->arg;
}

uint64_t pl_sim_peer_life(const struct pl_sim_peer *p)
{
    return p->life;
}

bool pl_sim_peer_slow(const struct pl_sim_peer *p)
{
    return p->slow && p->slow_life == p->life;
}

/* A peer that took nothing for a while is gone then, or takes all of it. */
static void disturb(struct pl_sim_peer *p)
{
    struct pl_sim *s = p->sim;
    if (pl__sim_chance(s, PL_FAULT_PEER_RESTART)) p->life++;
    if (pl__sim_chance(s, PL_FAULT_PARTITION)) p->cut_us = s->now_us + pl__sim_pause_us(s, AWAY_MAX_US);
    if (p->gone && s->now_us >= p->out->blocked_us) {
        p->gone = false;
        p->life++;
    }
    if (p->out->blocked_us > s->now_us || !pl__sim_chance(s, PL_FAULT_HALF_OPEN)) return;
    p->out->blocked_us = s->now_us + pl__sim_pause_us(s, AWAY_MAX_US);
    p->gone = pl_sim_random(s) & 1;
}

void pl_sim_peer_send(struct pl_sim_peer *p, const void *bytes, size_t len)
{
    disturb(p);
    if (p->cut_us > p->sim->now_us || (p->gone && p->out->blocked_us > p->sim->now_us)) return;
    pl__stream_send_outside(p->sim, p->in, service_epoch(p->sim), bytes, len);
}

void pl_sim_peer_timer(struct pl_sim_peer *p, uint64_t delay_ms)
{
    pl__sim_at(p->sim, p->sim->now_us + delay_ms * 1000, PL__EVENT_TICK, p->index, ++p->tick_ticket);
}

void pl__sim_tick(struct pl_sim_peer *p, uint64_t ticket)
{
    if (ticket == p->tick_ticket && p->tick) p->tick(p, p->arg);
}

int pl__sim_net_send(void *self, uint32_t listener, struct pl_bin peer, bool delimiter, const void *bytes,
                     size_t len)
{
    const struct pl__sim_node *sn = self;
    struct pl_sim_peer *p = pl_sim_peer_of(sn->sim, peer);
    if (sn->dying) return 0;
    if (!p || p->listener != listener) return -PL_E_GONE;
    if (p->out->count >= OUT_MAX) {
        p->slow = true;
        p->slow_life = p->life;
        return -PL_E_AGAIN;
    }
    pl__sim_hold(sn->sim);
    if (sn->sim->opts.watch.frame) sn->sim->opts.watch.frame(sn->sim->opts.watch.arg, p, bytes, len);
    if (p->cut_us <= sn->sim->now_us) pl__stream_send_outside(sn->sim, p->out, p->life, bytes, len);
    pl__sim_release(sn->sim);
    return 0;
}

void pl__sim_peers_reconnect(struct pl_sim *s)
{
    for (uint32_t i = 0; i < s->peers_count; i++) s->peers[i]->life++;
}
