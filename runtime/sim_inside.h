/* sim_inside.h - what the files of the simulator share.
 *
 *   sim.c        events, the clock, the trace             sim_node.c   nodes: boot, run, crash
 *   sim_peer.c   outside peers                            sim_stream.c frames on their way
 *   sim_store.c  the store and its disk                   sim_fault.c  chance, the list of faults, memory
 *   sim_check.c  what must hold after each event */
#ifndef PL_RUNTIME_SIM_INSIDE_H
#define PL_RUNTIME_SIM_INSIDE_H

#include "runtime/sim.h"

enum pl__event_kind {
    PL__EVENT_BOOT,  /* node, ticket */
    PL__EVENT_RUN,   /* node, ticket */
    PL__EVENT_FRAME, /* stream */
    PL__EVENT_TICK,  /* peer, ticket */
    PL__EVENT_LOST,  /* leaf whose link is lost, boots of its hub */
    PL__EVENT_EXIT   /* leaf that ended, its incarnation */
};
struct pl__event {
    uint64_t at_us, tie, seq;
    enum pl__event_kind kind;
    uint32_t index;
    uint64_t arg;
};

/* Frames in order from one end to another. EPOCH: life of the receiving end for which a frame was sent. */
struct pl__stream_frame {
    struct pl__stream_frame *next;
    uint64_t epoch;
    size_t len;
    uint8_t bytes[];
};
struct pl__stream {
    uint32_t index;
    struct pl__stream_frame *head;
    size_t count;
    uint64_t last_us;    /* no later frame arrives before */
    uint64_t blocked_us; /* nothing is delivered before */
    /* Gives the frame to its receiver; -PL_E_AGAIN: try it again soon. */
    int (*deliver)(struct pl_sim *s, struct pl__stream *st, const struct pl__stream_frame *f);
    void *owner;
};

/* What the checks remember of an actor: its starts, and when the last of them were. */
enum { PL__STARTS_KEPT = 32 };
struct pl__sim_seen {
    uint64_t starts, told;
    uint64_t at_ms[PL__STARTS_KEPT];
};

struct pl__sim_node {
    struct pl_sim *sim;
    uint32_t index;
    char name[65];
    struct pl__sim_node *hub; /* NULL: the service */
    pl_sim_build build;
    void *arg;
    struct pl_node *node; /* NULL while down */
    uint64_t boots;       /* lives so far */
    uint64_t incarnation; /* of a leaf: as its hub said */
    bool wanted;          /* it shall run: a leaf from child_start on */
    bool dying;           /* a crash is planted: nothing leaves the node any more */
    uint64_t run_at_us, run_ticket, boot_ticket;
    struct pl__stream *up, *down; /* of a leaf: to and from its hub */
    struct pl__sim_seen *seen;    /* an actor, in order of adding */
    uint32_t seen_count;
};

struct pl_sim_peer {
    struct pl_sim *sim;
    uint32_t index, listener;
    uint64_t life; /* part of its routing id */
    uint64_t tick_ticket;
    pl_sim_receive receive;
    pl_sim_tick tick;
    void *arg;
    struct pl__stream *in, *out; /* to and from the service */
    uint64_t cut_us;             /* until then nothing passes */
    bool slow;                   /* its queue was full, */
    uint64_t slow_life;          /* in this life */
    bool gone; /* once OUT is not blocked any more it comes back as another; until then it is silent */
};

struct pl_sim {
    struct pl_sim_opts opts;
    struct pl_log silent;
    uint64_t now_us, random, seq, hash, steps;
    int64_t wall_shift_ms;
    bool faults_off;
    uint64_t faults[PL_FAULT_COUNT];
    struct pl_sim_fault *happened;
    uint32_t happened_count, happened_capacity, fault_number, memory_at;
    struct pl__event *heap;
    size_t heap_count, heap_capacity;
    struct pl__sim_node **nodes;
    struct pl__stream **streams;
    struct pl_sim_peer **peers;
    uint32_t nodes_count, streams_count, peers_count;
    struct pl_sim_disk *disk;
};

/* Virtual time of something that the system itself does: 1 to MAX_US. */
uint64_t pl__sim_pause_us(struct pl_sim *s, uint64_t max_us);
void pl__sim_at(struct pl_sim *s, uint64_t at_us, enum pl__event_kind kind, uint32_t index, uint64_t arg);
void pl__sim_trace(struct pl_sim *s, uint64_t value);
void pl__sim_trace_bytes(struct pl_sim *s, const void *bytes, size_t len);
/* True, and counted, when fault F happens at this chance. */
bool pl__sim_chance(struct pl_sim *s, enum pl_fault f);
/* The code of a node runs between these two: one of its allocations may fail. */
void pl__sim_memory_begin(struct pl_sim *s);
void pl__sim_memory_end(struct pl_sim *s);
/* The simulator's own code runs between these two, inside of a node's. */
void pl__sim_hold(const struct pl_sim *s);
void pl__sim_release(const struct pl_sim *s);
void pl__sim_broken(struct pl_sim *s, const char *rule, const char *where, uint64_t got, uint64_t bound);
/* The rules of sim.h, after an event of SN. */
void pl__sim_check(struct pl__sim_node *sn);
/* Before ACTOR handles M: its deadline, its starts; tells the watch. */
void pl__sim_check_message(struct pl__sim_node *sn, const char *actor, const struct pl_msg *m);
void *pl__sim_grow(void *array, uint32_t count, size_t item_bytes); /* room for one more; never NULL */

struct pl__stream *pl__stream_create(struct pl_sim *s, void *owner);
void pl__stream_destroy(struct pl__stream *st);
void pl__stream_send(struct pl_sim *s, struct pl__stream *st, uint64_t epoch, const void *bytes, size_t len);
/* The same with the faults of outside frames. */
void pl__stream_send_outside(struct pl_sim *s, struct pl__stream *st, uint64_t epoch, const void *bytes,
                             size_t len);
void pl__stream_arrive(struct pl_sim *s, struct pl__stream *st);

void pl__sim_boot(struct pl__sim_node *sn, uint64_t ticket);
void pl__sim_step(struct pl__sim_node *sn, uint64_t ticket);
void pl__sim_link_lost(struct pl__sim_node *leaf, uint64_t hub_boots);
void pl__sim_exited(struct pl__sim_node *leaf, uint64_t incarnation);
void pl__sim_crash(struct pl__sim_node *sn);
void pl__sim_wake(struct pl__sim_node *sn);      /* runs it when it has something to do */
void pl__sim_tear_down(struct pl__sim_node *sn); /* its node is gone; it tells nobody */

void pl__sim_tick(struct pl_sim_peer *p, uint64_t ticket);
int pl__sim_net_send(void *self, uint32_t listener, struct pl_bin peer, bool delimiter, const void *bytes,
                     size_t len);
void pl__sim_peers_reconnect(struct pl_sim *s);

struct pl_sim_disk *pl__sim_disk_create(struct pl_sim *s);
void pl__sim_disk_destroy(struct pl_sim_disk *d);
/* While frozen, writes change nothing: their node is dying. */
void pl__sim_disk_freeze(struct pl_sim_disk *d, bool frozen);
/* NODE is gone: if the disk was in use there, some newest part of what was not synced is lost. NULL: whoever
 * uses it. True: it was in use there. */
bool pl__sim_disk_crash(struct pl_sim_disk *d, const struct pl_node *node, uint64_t random);

#endif
