#include "actors/frontdoor_peers.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

enum {
    RETRY_MS = 5, /* between two tries at a full socket */
    DEFAULT_PEERS = 4096,
    DEFAULT_OUTBOX_BYTES = 4 << 20,
    DEFAULT_REQUESTS = 65536,
    DEFAULT_OUTBOXES_BYTES = 256 << 20,
    DEFAULT_UNANSWERED_BYTES = 64 << 20
};

struct frame {
    struct frame *next;
    size_t len;
    bool delimiter;
    uint8_t bytes[];
};

struct pl_peer {
    uint8_t key[1 + PL_PEER_ID]; /* listener, routing id */
    uint32_t key_len;
    struct pl_ticket *tickets;
    struct frame *first, *last; /* outbox */
    size_t queued_bytes;
    struct pl_peer *slow_before, *slow_after;
};

static uint32_t key_of(const struct pl_origin *o, uint8_t key[1 + PL_PEER_ID])
{
    key[0] = (uint8_t)o->listener;
    memcpy(key + 1, o->peer, o->peer_len);
    return 1 + o->peer_len;
}

static struct pl_peer *peer_find(const struct pl_peers *ps, const struct pl_origin *o)
{
    uint8_t key[1 + PL_PEER_ID];
    uint32_t len = key_of(o, key);
    return pl_map_get(&ps->peers, key, len);
}

/* The peer, made when it is new; NULL when there are too many or no memory. */
static struct pl_peer *peer_get(struct pl_peers *ps, const struct pl_origin *o)
{
    struct pl_peer *p = peer_find(ps, o);
    if (p || pl_map_count(&ps->peers) >= ps->max_peers) return p;
    p = calloc(1, sizeof *p);
    if (!p) return NULL;
    p->key_len = key_of(o, p->key);
    if (pl_map_put(&ps->peers, p->key, p->key_len, p) == 0) return p;
    free(p);
    return NULL;
}

/* Forgets a peer that has nothing open. */
static void peer_release(struct pl_peers *ps, struct pl_peer *p)
{
    if (p->tickets || p->first) return;
    pl_map_remove(&ps->peers, p->key, p->key_len);
    free(p);
}

static void slow_join(struct pl_peers *ps, struct pl_peer *p)
{
    p->slow_after = ps->slow;
    if (ps->slow) ps->slow->slow_before = p;
    ps->slow = p;
}

static void slow_leave(struct pl_peers *ps, struct pl_peer *p)
{
    if (p->slow_before)
        p->slow_before->slow_after = p->slow_after;
    else
        ps->slow = p->slow_after;
    if (p->slow_after) p->slow_after->slow_before = p->slow_before;
    p->slow_before = p->slow_after = NULL;
}

/* Takes the first frame off the outbox. */
static void outbox_drop(struct pl_peers *ps, struct pl_peer *p)
{
    struct frame *f = p->first;
    p->first = f->next;
    p->queued_bytes -= f->len;
    ps->queued_bytes -= f->len;
    free(f);
    if (p->first) return;
    p->last = NULL;
    slow_leave(ps, p);
}

static void outbox_append(struct pl_peers *ps, struct pl_peer *p, struct frame *f)
{
    if (p->last)
        p->last->next = f;
    else {
        p->first = f;
        slow_join(ps, p);
    }
    p->last = f;
    p->queued_bytes += f->len;
    ps->queued_bytes += f->len;
}

static int outbox_add(struct pl_actor *self, struct pl_peers *ps, struct pl_peer *p, bool delimiter,
                      const struct pl_buf *b)
{
    if (p->queued_bytes + b->len > ps->outbox_bytes || ps->queued_bytes + b->len > ps->outboxes_limit)
        return -PL_E_TOO_LARGE;
    struct frame *f = malloc(sizeof *f + b->len);
    if (!f) return -PL_E_NO_MEMORY;
    *f = (struct frame){.len = b->len, .delimiter = delimiter};
    memcpy(f->bytes, b->data, b->len);
    outbox_append(ps, p, f);
    if (!ps->retrying) pl_timer_start(self, RETRY_MS, 0, 0);
    ps->retrying = true;
    return 0;
}

/* Tickets without an id have no twins. */
static uint32_t twin_key(const struct pl_ticket *t, uint8_t key[sizeof(void *) + sizeof t->id])
{
    size_t len = strlen(t->id);
    memcpy(key, &t->peer, sizeof(void *));
    memcpy(key + sizeof(void *), t->id, len);
    return (uint32_t)(len ? sizeof(void *) + len : 0);
}

static int twins_join(struct pl_peers *ps, struct pl_ticket *t)
{
    uint8_t key[sizeof(void *) + sizeof t->id];
    uint32_t len = twin_key(t, key);
    struct pl_ticket *newest = len ? pl_map_get(&ps->ids, key, len) : NULL;
    int rc = len ? pl_map_put(&ps->ids, key, len, t) : 0;
    if (rc) return rc;
    t->twin_after = newest;
    if (newest) newest->twin_before = t;
    return 0;
}

static void twins_leave(struct pl_peers *ps, struct pl_ticket *t)
{
    uint8_t key[sizeof(void *) + sizeof t->id];
    uint32_t len = twin_key(t, key);
    if (t->twin_after) t->twin_after->twin_before = t->twin_before;
    if (t->twin_before)
        t->twin_before->twin_after = t->twin_after;
    else if (len && t->twin_after)
        pl_map_put(&ps->ids, key, len, t->twin_after); /* the key is there: this takes no memory */
    else if (len)
        pl_map_remove(&ps->ids, key, len);
}

void pl__ticket_answered(struct pl_peers *ps, struct pl_ticket *t)
{
    ps->unanswered_bytes -= t->frame_bytes;
    t->frame_bytes = 0;
}

static void ticket_remove(struct pl_peers *ps, struct pl_ticket *t)
{
    pl__ticket_answered(ps, t);
    twins_leave(ps, t);
    pl_map_remove(&ps->tickets, t->name, (uint32_t)strlen(t->name));
    if (t->before)
        t->before->after = t->after;
    else
        t->peer->tickets = t->after;
    if (t->after) t->after->before = t->before;
    free(t);
    pl_gauge_set(ps->open, pl_map_count(&ps->tickets));
}

static void peer_drop(struct pl_peers *ps, struct pl_peer *p)
{
    while (p->tickets) ticket_remove(ps, p->tickets);
    while (p->first) outbox_drop(ps, p);
    peer_release(ps, p);
}

static void peer_cut(struct pl_actor *self, struct pl_peers *ps, struct pl_peer *p, const char *why)
{
    pl_counter_add(ps->cut, 1);
    pl_log(self, PL_LOG_WARN, "peer_cut", "listener=%u queued_bytes=%zu why=%s", p->key[0], p->queued_bytes,
           why);
    peer_drop(ps, p);
}

/* Sends what the peer takes now; it may be freed on the way. */
static void outbox_flush(struct pl_actor *self, struct pl_peers *ps, struct pl_peer *p)
{
    struct pl_bin id = {p->key + 1, p->key_len - 1};
    while (p->first) {
        int rc = pl_net_send(self, p->key[0], id, p->first->delimiter, p->first->bytes, p->first->len);
        if (rc == -PL_E_AGAIN) return;
        if (rc != 0) {
            peer_cut(self, ps, p, "gone");
            return;
        }
        outbox_drop(ps, p);
    }
    peer_release(ps, p);
}

void pl__peers_retry(struct pl_actor *self, struct pl_peers *ps)
{
    for (struct pl_peer *p = ps->slow, *after; p; p = after) {
        after = p->slow_after; /* the flush may free P, and no other */
        outbox_flush(self, ps, p);
    }
    ps->retrying = ps->slow != NULL;
    if (ps->retrying) pl_timer_start(self, RETRY_MS, 0, 0);
}

void pl__peers_send(struct pl_actor *self, struct pl_peers *ps, const struct pl_origin *to,
                    const struct pl_buf *b)
{
    struct pl_peer *p = peer_find(ps, to);
    struct pl_bin id = {to->peer, to->peer_len};
    int rc =
        p && p->first ? -PL_E_AGAIN : pl_net_send(self, to->listener, id, to->delimiter, b->data, b->len);
    if (rc == -PL_E_AGAIN) {
        p = peer_get(ps, to);
        rc = p ? outbox_add(self, ps, p, to->delimiter, b) : -PL_E_OVERLOADED;
    }
    if (rc == 0) return;
    if (p)
        peer_cut(self, ps, p, rc == -PL_E_GONE ? "gone" : "it reads too slowly");
    else
        pl_counter_add(ps->cut, 1); /* an error reply to one that has nothing else open */
}

static bool ticket_index(struct pl_peers *ps, struct pl_ticket *t)
{
    uint32_t len = (uint32_t)strlen(t->name);
    if (pl_map_put(&ps->tickets, t->name, len, t) != 0) return false;
    if (twins_join(ps, t) == 0) return true;
    pl_map_remove(&ps->tickets, t->name, len);
    return false;
}

struct pl_ticket *pl__ticket_open(struct pl_actor *self, struct pl_peers *ps, const struct pl_origin *origin,
                                  struct pl_str id, const char *route, uint32_t frame_bytes)
{
    bool room = pl_map_count(&ps->tickets) < ps->request_limit &&
                ps->unanswered_bytes + frame_bytes <= ps->unanswered_limit;
    struct pl_peer *p = room ? peer_get(ps, origin) : NULL;
    struct pl_ticket *t = p ? calloc(1, sizeof *t) : NULL;
    if (t) {
        *t = (struct pl_ticket){.origin = *origin, .route = route, .opened_ms = pl_now_ms(self), .peer = p};
        snprintf(t->name, sizeof t->name, "f%" PRIx64 ".%" PRIu64, ps->incarnation, ps->next_ticket++);
        snprintf(t->id, sizeof t->id, "%.*s", PL_STR_FMT(id));
    }
    if (!t || !ticket_index(ps, t)) {
        free(t);
        if (p) peer_release(ps, p);
        return NULL;
    }
    t->frame_bytes = frame_bytes;
    ps->unanswered_bytes += frame_bytes;
    t->after = p->tickets;
    if (p->tickets) p->tickets->before = t;
    p->tickets = t;
    pl_gauge_set(ps->open, pl_map_count(&ps->tickets));
    return t;
}

struct pl_ticket *pl__ticket_find(const struct pl_peers *ps, struct pl_str name)
{
    return pl_map_get(&ps->tickets, name.ptr, name.len);
}

bool pl__ticket_is_second(const struct pl_ticket *t)
{
    return t->twin_before || t->twin_after;
}

void pl__ticket_close(struct pl_peers *ps, struct pl_ticket *t)
{
    struct pl_peer *p = t->peer;
    ticket_remove(ps, t);
    peer_release(ps, p);
}

struct routed {
    struct pl_str route;
    char (*names)[PL_TICKET_NAME];
    uint32_t count;
};

static void collect(const void *key, uint32_t len, void *value, void *arg)
{
    const struct pl_ticket *t = value;
    struct routed *r = arg;
    if (pl_str_is(r->route, t->route)) memcpy(r->names[r->count++], t->name, PL_TICKET_NAME);
}

uint32_t pl__tickets_routed(struct pl_peers *ps, struct pl_str route, char (**names)[PL_TICKET_NAME])
{
    struct routed r = {.route = route, .names = calloc(pl_map_count(&ps->tickets) + 1, PL_TICKET_NAME)};
    *names = r.names;
    if (r.names) pl_map_each(&ps->tickets, collect, &r);
    return r.count;
}

void pl__peers_start(struct pl_actor *self, struct pl_peers *ps, const struct pl_frontdoor_opts *o)
{
    struct pl_metrics *m = pl_actor_metrics(self);
    ps->max_peers = o->max_peers ? o->max_peers : DEFAULT_PEERS;
    ps->outbox_bytes = o->outbox_bytes ? o->outbox_bytes : DEFAULT_OUTBOX_BYTES;
    ps->request_limit = o->request_limit ? o->request_limit : DEFAULT_REQUESTS;
    ps->outboxes_limit = o->outboxes_bytes ? o->outboxes_bytes : DEFAULT_OUTBOXES_BYTES;
    ps->unanswered_limit = o->unanswered_bytes ? o->unanswered_bytes : DEFAULT_UNANSWERED_BYTES;
    ps->incarnation =
        pl_random_u64(self); /* an answer to a ticket from before a restart must not find a new one */
    ps->tickets.seed = pl_random_u64(self);
    ps->peers.seed = pl_random_u64(self);
    ps->ids.seed = pl_random_u64(self);
    ps->open =
        pl_metrics_gauge(m, "parlance_frontdoor_open_requests", "Requests without a final answer.", NULL);
    ps->cut = pl_metrics_counter(m, "parlance_frontdoor_peers_cut_total",
                                 "Peers cut: slow readers, and gone.", NULL);
    pl_gauge_set(ps->open, 0);
}

void pl__peers_finish(struct pl_peers *ps)
{
    for (struct pl_peer *p; (p = pl_map_first(&ps->peers)) != NULL;) peer_drop(ps, p);
    pl_map_finish(&ps->peers);
    pl_map_finish(&ps->tickets);
    pl_map_finish(&ps->ids);
}
