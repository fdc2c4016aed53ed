/* world.c - time, chance and kill points of the real world, and the table that a node sees of its loop. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

#include "runtime/loop_inside.h"

uint64_t pl__world_now_ms(void *self)
{
    return uv_hrtime() / 1000000;
}

static uint64_t now_us(void *self)
{
    return uv_hrtime() / 1000;
}

/* Of the kernel's last tick, at most 10 ms ago: costs a fifth of a read of the hardware. */
static uint64_t coarse_ms(void *self)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC_COARSE, &t);
    return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

static uint64_t wall_us(void *self)
{
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

static uint64_t wall_ms(void *self)
{
    return wall_us(self) / 1000;
}

static uint64_t draw(void *self)
{
    struct pl_loop *l = self;
    uint64_t v;
    if (l->random_left < sizeof v) {
        PL_MUST(getrandom(l->random, sizeof l->random, 0) == (ssize_t)sizeof l->random);
        l->random_left = sizeof l->random;
    }
    l->random_left -= sizeof v;
    memcpy(&v, l->random + l->random_left, sizeof v);
    return v;
}

static int link_send(void *self, const char *node, const void *bytes, size_t len)
{
    struct pl_loop *l = self;
    if (l->leaf) return pl__leaf_send(l->leaf, bytes, len);
    return l->hub ? pl__hub_send(l->hub, node, bytes, len) : -PL_E_GONE;
}

static int net_send(void *self, uint32_t listener, struct pl_bin peer, bool delimiter, const void *bytes,
                    size_t len)
{
    return pl__listener_send(self, listener, peer, delimiter, bytes, len);
}

static int child_start(void *self, const char *node, uint64_t incarnation, struct pl_err *err)
{
    int rc = pl__child_start(self, node, incarnation, err);
    if (rc == -PL_E_NOT_FOUND) rc = pl__host_start(self, node, incarnation, err);
    if (rc == -PL_E_NOT_FOUND)
        return pl_fail(err, PL_E_NOT_FOUND, node, "nobody said how to start the node %s", node);
    return rc;
}

static void child_kill(void *self, const char *node)
{
    if (pl__child_kill(self, node) == -PL_E_NOT_FOUND) pl__host_kill(self, node);
}

static bool child_swollen(void *self, const char *node)
{
    return pl__child_swollen(self, node);
}

static void kill_point(void *self, const char *point)
{
    struct pl_loop *l = self;
    if (l->kill_passes == 0 || strcmp(point, l->kill_point) != 0) return;
    if (--l->kill_passes == 0) raise(SIGKILL);
}

/* PARLANCE_KILL_AT=POINT:N; anything else there is no point at all. */
void pl__world_init(struct pl_loop *l)
{
    const char *at = getenv("PARLANCE_KILL_AT"), *colon = at ? strrchr(at, ':') : NULL;
    if (!colon || (size_t)(colon - at) >= sizeof l->kill_point) return;
    snprintf(l->kill_point, sizeof l->kill_point, "%.*s", (int)(colon - at), at);
    l->kill_passes = strtoull(colon + 1, NULL, 10);
}

struct pl_world pl_loop_world(struct pl_loop *l)
{
    return (struct pl_world){
        .self = l,
        .now_ms = pl__world_now_ms,
        .coarse_ms = coarse_ms,
        .wall_ms = wall_ms,
        .now_us = now_us,
        .wall_us = wall_us,
        .random = draw,
        .process = pl__process_read,
        .link_send = link_send,
        .net_send = net_send,
        .child_start = child_start,
        .child_kill = child_kill,
        .child_swollen = child_swollen,
        .kill_point = kill_point,
    };
}
