/* route.c - the names a node knows: where each lives, whether it is up, and who asked to be told.
 *
 * A leaf tells its hub of every start and end of its actors, and the hub tells the other leaves: so every
 * node knows who is up anywhere, and pl_monitor only looks here. Names come from configuration, monitors and
 * what nodes tell of themselves, never from where a message is sent; PL__ROUTES_MAX bounds them all the same.
 */
#include <stdlib.h>

#include "runtime/node_inside.h"

static uint64_t mix(uint64_t h, uint64_t word)
{
    h = (h ^ word) * 0x9E3779B97F4A7C15ull;
    return h ^ h >> 29;
}

/* Eight bytes at a time; the last ones with zeros after them. */
static uint32_t hash(struct pl_str s)
{
    uint64_t h = s.len, word;
    uint32_t at = 0;
    for (; at + sizeof word <= s.len; at += sizeof word) {
        memcpy(&word, s.ptr + at, sizeof word);
        h = mix(h, word);
    }
    for (word = 0; at < s.len; at++) word = word << 8 | (unsigned char)s.ptr[at];
    h = mix(h, word);
    return (uint32_t)(h ^ h >> 32);
}

static struct pl_str name_of(const struct pl__route *r)
{
    return (struct pl_str){r->name, r->len};
}

/* The index holds twice as many places as routes, so a probe ends. */
static struct pl__route_place *place_of(const struct pl__routes *t, uint32_t hashed, struct pl_str name)
{
    uint32_t mask = 2 * t->capacity - 1;
    for (uint32_t i = hashed & mask;; i = (i + 1) & mask) {
        struct pl__route_place *place = &t->index[i];
        if (!place->route) return place;
        if (place->hash == hashed && pl_str_eq(name_of(place->route), name)) return place;
    }
}

static void enter(struct pl__routes *t, struct pl__route *r)
{
    uint32_t hashed = hash(name_of(r));
    *place_of(t, hashed, name_of(r)) = (struct pl__route_place){r, hashed};
}

struct pl__route *pl__route_find(const struct pl__routes *t, struct pl_str name)
{
    if (t->count == 0 || name.len == 0) return NULL;
    return place_of(t, hash(name), name)->route;
}

static bool grow(struct pl__routes *t)
{
    uint32_t capacity = t->capacity ? 2 * t->capacity : 32;
    struct pl__route **all = realloc(t->all, capacity * sizeof(struct pl__route *));
    if (!all) return false;
    t->all = all;
    struct pl__route_place *index = calloc(2 * (size_t)capacity, sizeof *index);
    if (!index) return false;
    free(t->index);
    t->index = index;
    t->capacity = capacity;
    for (uint32_t i = 0; i < t->count; i++) enter(t, all[i]);
    return true;
}

int pl__route_make(struct pl__routes *t, struct pl_str name, struct pl__route **out, struct pl_err *err)
{
    struct pl__route *r = *out = pl__route_find(t, name);
    if (r) return 0;
    if (name.len == 0 || name.len > PL__NAME_MAX)
        return pl_fail(err, PL_E_INVALID, "actor", "an actor's name has 1 to %d bytes", PL__NAME_MAX);
    if (t->count >= PL__ROUTES_MAX)
        return pl_fail(err, PL_E_TOO_LARGE, "actor", "a node knows at most %d names", PL__ROUTES_MAX);
    if ((t->count == t->capacity && !grow(t)) || !(r = calloc(1, sizeof *r)))
        return pl_fail(err, PL_E_NO_MEMORY, "actor", "no memory for a name");
    memcpy(r->name, name.ptr, name.len);
    r->len = name.len;
    enter(t, r);
    t->all[t->count++] = *out = r;
    return 0;
}

void pl__routes_finish(struct pl__routes *t)
{
    for (uint32_t i = 0; i < t->count; i++) {
        free(t->all[i]->watchers);
        free(t->all[i]);
    }
    free(t->all);
    free(t->index);
    *t = (struct pl__routes){0};
}

bool pl__route_watch(struct pl__route *r, struct pl_actor *watcher)
{
    for (uint32_t i = 0; i < r->watchers_count; i++)
        if (r->watchers[i] == watcher) return true;
    if (r->watchers_count == r->watchers_capacity) {
        uint32_t capacity = r->watchers_capacity ? 2 * r->watchers_capacity : 4;
        struct pl_actor **grown = realloc(r->watchers, capacity * sizeof(struct pl_actor *));
        if (!grown) return false;
        r->watchers = grown;
        r->watchers_capacity = capacity;
    }
    r->watchers[r->watchers_count++] = watcher;
    return true;
}

void pl__route_forget_watcher(struct pl__routes *t, const struct pl_actor *watcher)
{
    for (uint32_t i = 0; i < t->count; i++) {
        struct pl__route *r = t->all[i];
        uint32_t kept = 0;
        for (uint32_t k = 0; k < r->watchers_count; k++)
            if (r->watchers[k] != watcher) r->watchers[kept++] = r->watchers[k];
        r->watchers_count = kept;
    }
}

struct pl_msg *pl__route_up_msg(const struct pl__route *r)
{
    PL_NEW(m, up, sys_up);
    if (!m) return NULL;
    up->actor = pl_msg_str(m, name_of(r));
    up->incarnation = r->incarnation;
    return m;
}

static struct pl_msg *down_msg(const struct pl__route *r, int code, bool final)
{
    PL_NEW(m, down, sys_down);
    if (!m) return NULL;
    down->actor = pl_msg_str(m, name_of(r));
    down->incarnation = r->incarnation;
    down->code = (uint32_t)code;
    down->final = final;
    return m;
}

/* Takes NEWS: a copy goes to each actor here that asked and to each node that is not its source. NULL, for
 * want of memory: those that asked fail and begin anew, since they cannot be told. */
static void spread(struct pl_node *n, const struct pl__route *r, struct pl_msg *news)
{
    if (news && news->lacking) pl_msg_unref(&news);
    for (uint32_t i = 0; i < r->watchers_count; i++)
        pl__notify(r->watchers[i], news ? pl_msg_copy(news) : NULL);
    for (uint32_t i = 0; news && i < n->peers_count; i++)
        if (n->peers[i] != r->peer && n->peers[i]->life == PL__PEER_UP)
            pl__peer_news(n->peers[i], pl_msg_copy(news));
    pl_msg_unref(&news);
}

void pl__route_up(struct pl_node *n, struct pl__route *r, uint64_t incarnation)
{
    if (r->up && r->incarnation == incarnation) return;
    if (r->up) pl__route_down(n, r, PL_E_GONE, false);
    r->up = true;
    r->incarnation = incarnation;
    spread(n, r, pl__route_up_msg(r));
}

void pl__route_down(struct pl_node *n, struct pl__route *r, int code, bool final)
{
    if (!r->up && !final) return;
    r->up = false;
    spread(n, r, down_msg(r, code, final));
}
