/* simulate.c - the whole node under planted faults: the very frontdoor, session, batcher, tools, feedback and
 * supervisor code, a hash for the model, a simulated disk, clients that ask again until they are answered.
 *
 *   simulate [--seeds N] [--first S] [--plain] [--requests N] [--sessions N] [--peers N] [--jobs N]
 *            [--faults LIST] [--without KIND]... [--each] [--log] [--verbose]
 *
 *   simulate_planted --bug NAME|all [--seeds N]
 *
 * Each seed runs twice and must leave the same trace. What is checked: runtime/sim.h (after each event),
 * wire.h (each message and frame of the front door), verdict.h (the disk, after each crash and at the end),
 * clients.h. Every kind of fault must have happened in the run as a whole. A seed that fails is shrunk: the
 * last line of its report is the command that repeats it with the fewest faults. Exit status: 0 all seeds
 * hold, 1 some do not, 2 bad arguments. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include "tests/simulation/shrink.h"
#ifdef PL_PLANT
#include "tests/simulation/planted.h"
#endif

enum { SHRINK_MAX = 2 };

struct settings {
    uint64_t seeds, first, requests, sessions, peers, jobs;
    bool plain, each, log, verbose, only_these;
    uint32_t *only, only_count;
    bool without[PL_FAULT_COUNT];
    const char *bug;
};

/* Sums of all jobs, in memory that they share. */
struct totals {
    uint64_t faults[PL_FAULT_COUNT], forgotten, torn, events, runs, failed, calls;
};

static struct profile profile_for(const struct settings *s, uint64_t seed)
{
    struct profile p =
        profile_of(seed, (uint32_t)s->requests, (uint32_t)s->sessions, (uint32_t)s->peers, s->plain);
    for (int f = 0; f < PL_FAULT_COUNT; f++)
        if (s->without[f]) p.probability[f] = 0;
    return p;
}

static struct run_opts opts_for(const struct settings *s, uint64_t seed)
{
    return (struct run_opts){.profile = profile_for(s, seed),
                             .log = s->log,
                             .verbose = s->verbose,
                             .only_these = s->only_these,
                             .only = s->only,
                             .only_count = s->only_count};
}

/* ---- one seed ---- */

static void report(const struct settings *s, const struct outcome *a, const struct outcome *b, uint64_t seed)
{
    bool same = a->trace == b->trace && a->events == b->events;
    bool good = same && !a->broken;
    if (good && !s->each) return;
    printf("seed %llu: %llu events, %llu messages sent, %llu turns with tools, %llu s of virtual time, trace "
           "%016llx: %s\n",
           (unsigned long long)seed, (unsigned long long)a->events, (unsigned long long)a->sent,
           (unsigned long long)a->calls, (unsigned long long)a->virtual_ms / 1000,
           (unsigned long long)a->trace, good ? "ok" : "FAILED");
    if (!same) printf("  FAILED: the second run left another trace, %016llx\n", (unsigned long long)b->trace);
    if (a->broken) printf("  FAILED: %s (%llu times any rule)\n", a->text, (unsigned long long)a->broken);
}

static void add(struct totals *t, const struct outcome *a, const struct outcome *b)
{
    bool good = a->trace == b->trace && a->events == b->events && !a->broken;
    for (int f = 0; f < PL_FAULT_COUNT; f++)
        __atomic_add_fetch(&t->faults[f], a->faults[f], __ATOMIC_RELAXED);
    __atomic_add_fetch(&t->forgotten, a->forgotten, __ATOMIC_RELAXED);
    __atomic_add_fetch(&t->torn, a->torn, __ATOMIC_RELAXED);
    __atomic_add_fetch(&t->events, a->events + b->events, __ATOMIC_RELAXED);
    __atomic_add_fetch(&t->runs, 2, __ATOMIC_RELAXED);
    __atomic_add_fetch(&t->failed, good ? 0 : 1, __ATOMIC_RELAXED);
    __atomic_add_fetch(&t->calls, a->calls, __ATOMIC_RELAXED);
}

static int one_seed(const struct settings *s, uint64_t seed, struct totals *t)
{
    struct run_opts o = opts_for(s, seed);
    struct outcome a, b;
    if (run_seed(&o, &a)) return 1;
    if (run_seed(&o, &b)) return 1;
    add(t, &a, &b);
    report(s, &a, &b, seed);
    static uint32_t shrunk; /* the first few say enough */
    if (a.broken && shrunk++ < SHRINK_MAX) shrink(&o, &a);
    fflush(stdout);
    outcome_finish(&a);
    outcome_finish(&b);
    return 0;
}

/* ---- all seeds ---- */

static int job(const struct settings *s, uint64_t number, struct totals *t)
{
    if (world_prepare()) return 1;
    int rc = 0;
    for (uint64_t i = number; i < s->seeds && !rc; i += s->jobs) rc = one_seed(s, s->first + i, t);
    world_forget();
    return rc;
}

static int all_jobs(const struct settings *s, struct totals *t)
{
    if (s->jobs == 1) return job(s, 0, t);
    int failed = 0;
    for (uint64_t i = 0; i < s->jobs; i++) {
        pid_t pid = fork();
        if (pid < 0) return perror("simulate: fork"), 1;
        if (pid == 0) {
            int rc = job(s, i, t);
            fflush(stdout);
            _exit(rc);
        }
    }
    for (int status; wait(&status) > 0;)
        if (status) failed = 1;
    if (failed) printf("FAILED: a job ended early\n");
    return failed;
}

static int print_count(const char *what, uint64_t n, bool must_be)
{
    bool missing = n == 0 && must_be;
    printf("fault %-15s %llu%s\n", what, (unsigned long long)n,
           missing ? "  FAILED: this never happened" : "");
    return missing;
}

static int sum_up(const struct settings *s, const struct totals *t, double seconds)
{
    bool must_be = !s->only_these && s->seeds >= 20;
    int failed = t->failed > 0;
    for (int f = 0; f < PL_FAULT_COUNT; f++)
        failed |= print_count(pl_fault_name((enum pl_fault)f), t->faults[f], must_be && !s->without[f]);
    failed |= print_count("writes forgotten", t->forgotten, must_be);
    /* a crash seldom finds two commits that are not synced: about once in seven seeds */
    failed |= print_count("writes torn", t->torn, must_be && s->seeds >= 100);
    printf("%llu seeds, each run twice: %llu failed, %llu turns with tools\n",
           (unsigned long long)t->runs / 2, (unsigned long long)t->failed, (unsigned long long)t->calls);
    printf("figure: %llu events in %.1f s by %llu jobs, %.0f thousand a second\n",
           (unsigned long long)t->events, seconds, (unsigned long long)s->jobs,
           (double)t->events / seconds / 1e3);
    return failed;
}

static double now_s(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

/* ---- arguments ---- */

/* "3,17,40", rising, or "none". */
static int read_faults(struct settings *s, const char *list)
{
    s->only_these = true;
    s->only = calloc(strlen(list) + 1, sizeof *s->only);
    if (!s->only) return 2;
    if (strcmp(list, "none") == 0) return 0;
    for (char *end; *list; list = *end ? end + 1 : end) {
        s->only[s->only_count++] = (uint32_t)strtoul(list, &end, 10);
        if (end == list || (*end && *end != ','))
            return fprintf(stderr, "simulate: --faults takes 3,17,40\n"), 2;
    }
    return 0;
}

static int read_without(struct settings *s, const char *kind)
{
    for (int f = 0; f < PL_FAULT_COUNT; f++) {
        if (strcmp(kind, pl_fault_name((enum pl_fault)f)) != 0) continue;
        s->without[f] = true;
        return 0;
    }
    return fprintf(stderr, "simulate: there is no fault \"%s\"\n", kind), 2;
}

static int read_setting(struct settings *s, const char *name, const char *value)
{
    const struct {
        const char *name;
        uint64_t *number;
    } numbers[] = {{"--seeds", &s->seeds},       {"--first", &s->first}, {"--requests", &s->requests},
                   {"--sessions", &s->sessions}, {"--peers", &s->peers}, {"--jobs", &s->jobs}};
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        if (strcmp(name, numbers[i].name) != 0) continue;
        char *end = NULL;
        if (value) *numbers[i].number = strtoull(value, &end, 0);
        if (!value || *end || end == value) return fprintf(stderr, "simulate: %s needs a number\n", name), 2;
        return 0;
    }
    if (strcmp(name, "--faults") == 0 && value) return read_faults(s, value);
#ifdef PL_PLANT
    if (strcmp(name, "--bug") == 0 && value) return s->bug = value, 0;
#endif
    if (strcmp(name, "--without") == 0 && value) return read_without(s, value);
    return fprintf(stderr, "simulate: unknown option %s\n", name), 2;
}

static int read_settings(struct settings *s, int argc, char **argv)
{
    const struct {
        const char *name;
        bool *flag;
    } flags[] = {
        {"--plain", &s->plain}, {"--each", &s->each}, {"--log", &s->log}, {"--verbose", &s->verbose}};
    for (int i = 1, rc; i < argc; i++) {
        bool known = false;
        for (size_t f = 0; f < sizeof flags / sizeof *flags && !known; f++) {
            known = strcmp(argv[i], flags[f].name) == 0;
            if (known) *flags[f].flag = true;
        }
        if (known) continue;
        if ((rc = read_setting(s, argv[i], argv[i + 1]))) return rc;
        i++;
    }
    return s->jobs ? 0 : 2;
}

int main(int argc, char **argv)
{
    struct settings s = {.seeds = 20, .first = 1, .jobs = 1};
    int rc = read_settings(&s, argc, argv);
    if (rc) return rc;
#ifdef PL_PLANT
    if (s.bug) return planted(s.bug, s.seeds);
#endif
    struct totals *t = mmap(NULL, sizeof *t, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (t == MAP_FAILED) return perror("simulate: mmap"), 1;
    double began_s = now_s();
    rc = all_jobs(&s, t);
    return sum_up(&s, t, now_s() - began_s) || rc;
}
