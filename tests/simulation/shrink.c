#include "tests/simulation/shrink.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { RUNS_MAX = 200, SECONDS_MAX = 30 };

struct shrink {
    struct run_opts o;
    const struct outcome *failed;
    uint32_t *kept, kept_count, *trial;
    uint32_t runs;
    time_t end;
};

static bool may_go_on(const struct shrink *s)
{
    return s->runs < RUNS_MAX && time(NULL) < s->end;
}

/* Whether the first N faults of LIST break the same rule. */
static bool still_fails(struct shrink *s, const uint32_t *list, uint32_t n)
{
    struct outcome out;
    s->o.only_these = true;
    s->o.only = list;
    s->o.only_count = n;
    s->runs++;
    if (run_seed(&s->o, &out)) return false;
    bool fails = out.broken && strcmp(out.rule, s->failed->rule) == 0;
    outcome_finish(&out);
    return fails;
}

/* A part from the beginning is the very run up to where it ends, so halving finds a short one. */
static void shorten(struct shrink *s)
{
    uint32_t low = 0, high = s->kept_count;
    while (low < high && may_go_on(s)) {
        uint32_t middle = low + (high - low) / 2;
        if (still_fails(s, s->kept, middle))
            high = middle;
        else
            low = middle + 1;
    }
    if (low == high && still_fails(s, s->kept, high)) s->kept_count = high;
}

/* CHUNK faults from AT are left out. */
static bool leave_out(struct shrink *s, uint32_t at, uint32_t chunk)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < s->kept_count; i++)
        if (i < at || i >= at + chunk) s->trial[n++] = s->kept[i];
    if (!still_fails(s, s->trial, n)) return false;
    memcpy(s->kept, s->trial, n * sizeof *s->kept);
    s->kept_count = n;
    return true;
}

static const struct pl_sim_fault *fault_of(const struct outcome *o, uint32_t number)
{
    for (uint32_t i = 0; i < o->list_count; i++)
        if (o->list[i].number == number) return &o->list[i];
    return NULL;
}

/* What the numbers were in the failed run: all of a kind are left out at once. */
static void leave_out_kinds(struct shrink *s)
{
    for (int kind = 0; kind < PL_FAULT_COUNT && may_go_on(s); kind++) {
        uint32_t n = 0;
        for (uint32_t i = 0; i < s->kept_count; i++)
            if (fault_of(s->failed, s->kept[i])->kind != (enum pl_fault)kind) s->trial[n++] = s->kept[i];
        if (n == s->kept_count || !still_fails(s, s->trial, n)) continue;
        memcpy(s->kept, s->trial, n * sizeof *s->kept);
        s->kept_count = n;
    }
}

static void thin_out(struct shrink *s)
{
    for (uint32_t chunk = s->kept_count / 2; chunk > 0; chunk /= 2) {
        uint32_t at = s->kept_count;
        while (at >= chunk && may_go_on(s)) {
            at -= chunk;
            leave_out(s, at, chunk);
            if (at > s->kept_count) at = s->kept_count;
        }
    }
}

/* Numbers of the first run name a fault there; with others left out, later ones may be of another kind. */
static void print(struct shrink *s)
{
    struct outcome out;
    s->o.only = s->kept;
    s->o.only_count = s->kept_count;
    if (run_seed(&s->o, &out)) return;
    printf("  shrunk from %u faults to %u in %u runs: %s\n", s->failed->list_count, s->kept_count, s->runs,
           out.broken ? out.text : "it holds now");
    for (uint32_t i = 0; i < s->kept_count && i < 40; i++) {
        const struct pl_sim_fault *f = fault_of(&out, s->kept[i]);
        if (f)
            printf("    %u: %s at step %llu, %.3f s\n", f->number, pl_fault_name(f->kind),
                   (unsigned long long)f->step, (double)f->at_ms / 1e3);
    }
    const struct profile *p = &s->o.profile;
    printf("  repeat: simulate --first %llu --seeds 1%s --requests %u --sessions %u --peers %u --verbose "
           "--faults ",
           (unsigned long long)p->seed, p->plain ? " --plain" : "", p->requests, p->sessions, p->peers);
    for (uint32_t i = 0; i < s->kept_count; i++) printf("%s%u", i ? "," : "", s->kept[i]);
    printf("%s\n", s->kept_count ? "" : "none");
    outcome_finish(&out);
}

void shrink(const struct run_opts *o, const struct outcome *failed)
{
    struct shrink s = {.o = *o, .failed = failed, .kept_count = failed->list_count};
    s.kept = calloc(s.kept_count + 1, sizeof *s.kept);
    s.trial = calloc(s.kept_count + 1, sizeof *s.trial);
    s.end = time(NULL) + SECONDS_MAX;
    s.o.verbose = s.o.log = false;
    PL_MUST(s.kept && s.trial);
    for (uint32_t i = 0; i < s.kept_count; i++) s.kept[i] = failed->list[i].number;
    if (!o->only_these && s.kept_count) {
        shorten(&s);
        leave_out_kinds(&s);
        thin_out(&s);
        print(&s);
    }
    free(s.kept);
    free(s.trial);
}
