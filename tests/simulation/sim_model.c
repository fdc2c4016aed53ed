#include "tests/simulation/sim_model.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "schemas/gen/generate.h"
#include "schemas/gen/runtime.h"
#include "schemas/gen/types.h"

enum { IM_END = 257, SLOTS_MAX = 64 };

static uint64_t mix(uint64_t h, uint64_t v)
{
    h = (h ^ v) * 0x9E3779B97F4A7C15ull;
    return h ^ (h >> 29);
}

static size_t find_last(const uint32_t *ids, size_t n, const char *text)
{
    size_t len = strlen(text);
    for (size_t at = n; at-- > 0;) {
        size_t i = 0;
        while (i < len && at + i < n && ids[at + i] == (unsigned char)text[i]) i++;
        if (i == len) return at + 1;
    }
    return 0;
}

/* A tool call is wanted when tools are offered and the newest user turn is no tool's result. */
static bool wants_call(const uint32_t *ids, size_t n_prompt)
{
    if (!find_last(ids, n_prompt, "<tools>")) return false;
    size_t user = find_last(ids, n_prompt, "user\n");
    return find_last(ids, n_prompt, "<tool_response>") < user;
}

uint32_t sim_model_next(const uint32_t *ids, size_t n, size_t n_prompt)
{
    uint64_t h = 7;
    for (size_t i = 0; i < n_prompt; i++) h = mix(h, ids[i]);
    size_t k = n - n_prompt;
    if (wants_call(ids, n_prompt)) {
        char call[160];
        int len = snprintf(
            call, sizeof call,
            "<tool_call>{\"name\": \"calculator\", \"arguments\": {\"expression\": \"%u * %u\"}}</tool_call>",
            (unsigned)(h % 1000), (unsigned)(h / 1000 % 1000));
        return k < (size_t)len ? (unsigned char)call[k] : IM_END;
    }
    size_t len = 2 + h % 9;
    return k < len ? (uint32_t)('a' + mix(h, k) % 26) : IM_END;
}

struct slot {
    uint32_t *ids;
    uint32_t n, n_prompt;
};

struct executor {
    const struct sim_executor_opts *o;
    struct slot slots[SLOTS_MAX];
    uint32_t *pages; /* [pages][PL_PAGE_TOKENS] id + 1 that was written there; 0: nothing */
    uint64_t incarnation;
};

static int send_ready(struct pl_actor *self, struct executor *e)
{
    PL_NEW(m, r, exec_ready);
    if (!m) return -PL_E_NO_MEMORY;
    r->slots = e->o->slots;
    r->pages = e->o->pages;
    r->max_rows = e->o->max_rows;
    r->model_digest = PL_STR("sim");
    r->incarnation = e->incarnation;
    pl_send_to(self, "batcher", &m);
    return 0;
}

static int start(struct pl_actor *self, void *state, const void *arg)
{
    struct executor *e = state;
    e->o = arg;
    e->incarnation = ++*e->o->incarnations;
    e->pages = calloc((size_t)e->o->pages * PL_PAGE_TOKENS, sizeof *e->pages);
    return e->pages ? send_ready(self, e) : -PL_E_NO_MEMORY;
}

static void stop(struct pl_actor *self, void *state)
{
    struct executor *e = state;
    for (int i = 0; i < SLOTS_MAX; i++) free(e->slots[i].ids);
    free(e->pages);
}

static int open_slot(struct executor *e, const struct pl_exec_open *o)
{
    struct slot *s = &e->slots[o->slot];
    uint32_t *ids = realloc(s->ids, (o->ids_count + 4096) * sizeof *ids);
    if (!ids) return -PL_E_NO_MEMORY;
    memcpy(ids, o->ids, o->ids_count * sizeof *ids);
    *s = (struct slot){ids, o->ids_count, o->n_prompt};
    return 0;
}

/* Writes the rows of a sequence and checks that every position before them holds the sequence's own id. */
static bool run_rows(struct executor *e, const struct pl_exec_seq *q)
{
    struct slot *s = &e->slots[q->slot];
    if (q->from + q->count > s->n || q->pages_count * PL_PAGE_TOKENS < q->from + q->count) return false;
    for (uint32_t pos = 0; pos < q->from + q->count; pos++) {
        uint32_t page = q->pages[pos / PL_PAGE_TOKENS];
        if (page >= e->o->pages) return false;
        uint32_t *cell = &e->pages[page * PL_PAGE_TOKENS + pos % PL_PAGE_TOKENS];
        if (pos >= q->from)
            *cell = s->ids[pos] + 1;
        else if (*cell != s->ids[pos] + 1)
            return false;
    }
    return true;
}

static int run_step(struct pl_actor *self, struct executor *e, const struct pl_exec_step *step)
{
    for (uint32_t i = 0; i < step->opens_count; i++)
        if (open_slot(e, &step->opens[i])) return -PL_E_NO_MEMORY;
    PL_NEW(m, out, exec_stepped);
    if (m) out->results = pl_msg_alloc(m, (step->seqs_count + 1) * sizeof *out->results);
    if (!m || !out->results) {
        pl_msg_unref(&m);
        return -PL_E_NO_MEMORY;
    }
    out->step = step->step;
    for (uint32_t i = 0; i < step->copies_count; i++)
        memcpy(&e->pages[step->copies[i].dst * PL_PAGE_TOKENS],
               &e->pages[step->copies[i].src * PL_PAGE_TOKENS], PL_PAGE_TOKENS * sizeof *e->pages);
    for (uint32_t i = 0; i < step->seqs_count; i++) {
        const struct pl_exec_seq *q = &step->seqs[i];
        struct slot *s = &e->slots[q->slot];
        if (!run_rows(e, q)) {
            ++*e->o->wrong;
            out->code = PL_E_INTERNAL;
            continue;
        }
        if (!q->sample) continue;
        uint32_t id = sim_model_next(s->ids, s->n, s->n_prompt);
        s->ids[s->n++] = id;
        out->results[out->results_count++] = (struct pl_exec_result){.slot = q->slot, .id = id};
    }
    pl_send_to(self, "batcher", &m);
    return 0;
}

static int receive(struct pl_actor *self, void *state, const struct pl_msg *m)
{
    struct executor *e = state;
    const struct pl_exec_step *step = PL_BODY(m, exec_step);
    if (!step) return 0;
    if (step->incarnation != e->incarnation) return send_ready(self, e);
    return run_step(self, e, step);
}

const struct pl_actor_class sim_executor_class = {
    .name = "executor",
    .state_bytes = sizeof(struct executor),
    .start = start,
    .receive = receive,
    .stop = stop,
    .restart = PL_RESTART_DEFAULT,
};
