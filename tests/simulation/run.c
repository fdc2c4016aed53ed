#include "tests/simulation/run.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "tests/simulation/memory.h"
#include "tests/simulation/verdict.h"
#include "tests/simulation/wire.h"

enum { UNTIL_MS = 40 * 60 * 1000, QUIET_MS = 20 * 60 * 1000, LOOK_EVERY = 16, SECOND_MAX = 1000000 };

struct run {
    struct world world;
    struct clients clients;
    struct wire wire;
    struct rules rules;
    struct pl_sim *sim;
    uint32_t places;
    bool hasty;
};

/* ---- what the simulator tells ---- */

static void on_broken(void *arg, const char *rule, const char *where, uint64_t got, uint64_t bound)
{
    struct run *r = arg;
    rules_broken(&r->rules, rule, got, bound, "%s", where);
}

static void on_message(void *arg, const char *node, const char *actor, const struct pl_msg *m, bool fresh)
{
    struct run *r = arg;
    wire_message(&r->wire, actor, m, fresh);
}

static void on_frame(void *arg, struct pl_sim_peer *peer, const void *bytes, size_t len)
{
    struct run *r = arg;
    wire_frame(&r->wire, peer, bytes, len);
}

static void on_lost(void *arg)
{
    struct run *r = arg;
    verdict_now(&r->clients, r->places);
}

/* ---- a run ---- */

static int begin(struct run *r, const struct run_opts *o, struct pl_err *err)
{
    static struct pl_log log = {2, PL_LOG_DEBUG, "sim", NULL, NULL};
    const struct profile *p = &o->profile;
    struct pl_sim_opts so = {.seed = p->seed,
                             .delay_max_ms = 300,
                             .log = o->log ? &log : NULL,
                             .memory = &memory_fault,
                             .only = o->only,
                             .only_count = o->only_count,
                             .only_these = o->only_these,
                             .watch = {on_broken, on_message, on_frame, on_lost, r}};
    memcpy(so.probability, p->probability, sizeof so.probability);
    *r = (struct run){.places = p->slots + p->queue, .hasty = o->hasty};
    world_init(&r->world, p);
    int rc = pl_sim_create(&so, &r->sim, err);
    r->rules = (struct rules){.sim = r->sim, .seed = p->seed, .verbose = o->verbose};
    if (!rc) rc = world_build(&r->world, r->sim, err);
    if (!rc) rc = clients_create(&r->clients, r->sim, &r->rules, p);
    if (!rc) wire_init(&r->wire, &r->clients);
    return rc;
}

/* A second of virtual time has thousands of events; one with a million never ends. */
static uint64_t second(struct run *r)
{
    uint64_t events = pl_sim_run(r->sim, pl_sim_now_ms(r->sim) + 1000, SECOND_MAX);
    if (events == SECOND_MAX) rules_broken(&r->rules, "quiet", events, SECOND_MAX, "events in one second");
    return events;
}

static bool is_over(const struct run *r)
{
    return r->hasty && r->rules.broken;
}

/* Until only a few requests are open, with faults; then until all are answered, without. */
static uint64_t go(struct run *r)
{
    uint64_t events = 0, seconds = 0;
    uint32_t few = r->clients.n_asked / 20;
    while (clients_open(&r->clients) > few && pl_sim_now_ms(r->sim) < UNTIL_MS && !is_over(r)) {
        events += second(r);
        if (++seconds % LOOK_EVERY == 0) verdict_now(&r->clients, r->places);
    }
    pl_sim_faults_off(r->sim);
    r->clients.quiet = true;
    uint64_t quiet_until = pl_sim_now_ms(r->sim) + QUIET_MS;
    while (clients_open(&r->clients) && pl_sim_now_ms(r->sim) < quiet_until && !is_over(r))
        events += second(r);
    return events + pl_sim_run(r->sim, pl_sim_now_ms(r->sim) + 5000, UINT64_MAX);
}

static void judge(struct run *r, struct outcome *out)
{
    uint32_t n;
    const struct pl_sim_fault *list = pl_sim_faults(r->sim, &n);
    if (!is_over(r)) clients_complain_of_open(&r->clients);
    if (r->world.wrong_pages)
        rules_broken(&r->rules, "pages", r->world.wrong_pages, 0, "steps with wrong pages");
    if (!is_over(r)) out->calls = verdict_at_end(&r->clients);
    for (int f = 0; f < PL_FAULT_COUNT; f++) out->faults[f] = pl_sim_fault_count(r->sim, (enum pl_fault)f);
    pl_sim_disk_losses(pl_sim_disk(r->sim), &out->forgotten, &out->torn);
    out->trace = pl_sim_trace_hash(r->sim);
    out->sent = r->clients.sent;
    out->errors = r->clients.errors;
    out->virtual_ms = pl_sim_now_ms(r->sim);
    out->list = malloc((n + 1) * sizeof *list);
    PL_MUST(out->list);
    if (n) memcpy(out->list, list, n * sizeof *list);
    out->list_count = n;
}

int run_seed(const struct run_opts *o, struct outcome *out)
{
    struct run r;
    struct pl_err err = {0};
    int64_t blocks = memory_blocks();
    memset(out, 0, sizeof *out);
    memory_fault = (struct pl_sim_memory){0};
    if (begin(&r, o, &err)) return fprintf(stderr, "simulate: %s: %s\n", err.field, err.text), 1;
    out->events = go(&r);
    judge(&r, out);
    wire_finish(&r.wire);
    clients_destroy(&r.clients);
    struct pl_sim *sim = r.sim;
    pl_sim_destroy(&sim);
    int64_t left = memory_blocks() - blocks - 1; /* the list of faults is kept */
    if (left && !r.rules.broken) {
        r.rules.broken = 1;
        snprintf(r.rules.rule, sizeof r.rules.rule, "memory");
        snprintf(r.rules.text, sizeof r.rules.text,
                 "seed %llu, at the end: memory: blocks left: %lld against 0",
                 (unsigned long long)o->profile.seed, (long long)left);
    }
    out->broken = r.rules.broken;
    memcpy(out->rule, r.rules.rule, sizeof out->rule);
    memcpy(out->text, r.rules.text, sizeof out->text);
    return 0;
}

void outcome_finish(struct outcome *o)
{
    free(o->list);
    o->list = NULL;
}
