#include "tests/simulation/world.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "kernels/gguf.h"
#include "tests/simulation/memory.h"
#include "tests/unit/kernels/gguf_bytes.h"

enum { CTX = 2048, CHUNK = 256 };

/* ---- profiles ---- */

static const double usual[PL_FAULT_COUNT] = {
    [PL_FAULT_DROP] = 0.01,          [PL_FAULT_DUPLICATE] = 0.01,     [PL_FAULT_DELAY] = 0.01,
    [PL_FAULT_REORDER] = 0.01,       [PL_FAULT_PEER_RESTART] = 0.001, [PL_FAULT_PARTITION] = 0.0005,
    [PL_FAULT_HALF_OPEN] = 0.0005,   [PL_FAULT_ACTOR_CRASH] = 0.0001, [PL_FAULT_CHILD_CRASH] = 0.0002,
    [PL_FAULT_NODE_CRASH] = 0.00005, [PL_FAULT_NO_MEMORY] = 0.0002,   [PL_FAULT_CLOCK_JUMP] = 0.00005,
    [PL_FAULT_PAUSE] = 0.00005,      [PL_FAULT_WRITE_FAILED] = 0.005, [PL_FAULT_WRITE_DOUBTFUL] = 0.002,
    [PL_FAULT_DISK_FULL] = 0.0005,   [PL_FAULT_SLOW_COMMIT] = 0.01,
};

static uint64_t draw(uint64_t *state)
{
    uint64_t z = *state += 0x9e3779b97f4a7c15u;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}

static uint32_t between(uint64_t *state, uint32_t low, uint32_t high)
{
    return low + (uint32_t)(draw(state) % (high - low + 1));
}

/* A kind of fault that is absent lets others go deeper: each seed leaves out a quarter of them. */
static void draw_faults(struct profile *p, uint64_t *state)
{
    static const double scales[] = {0.5, 1, 3, 10};
    double scale = scales[draw(state) % 4];
    for (int f = 0; f < PL_FAULT_COUNT; f++) {
        double own = scales[draw(state) % 4];
        p->probability[f] = draw(state) % 4 ? usual[f] * scale * own : 0;
        if (p->probability[f] > 0.2) p->probability[f] = 0.2;
    }
}

struct profile profile_of(uint64_t seed, uint32_t requests, uint32_t sessions, uint32_t peers, bool plain)
{
    uint64_t state = seed ^ 0x5eed;
    struct profile p = {.seed = seed,
                        .requests = 2000,
                        .sessions = 8,
                        .peers = 5,
                        .slots = 4,
                        .pages = 96,
                        .queue = 16,
                        .cached_sessions = 6,
                        .store_mail = 8192,
                        .budget_one_in = 10};
    p.plain = plain;
    memcpy(p.probability, usual, sizeof usual);
    if (!plain) {
        p.requests = between(&state, 60, 240);
        p.sessions = between(&state, 1, 10);
        p.peers = between(&state, 1, 8);
        p.slots = between(&state, 1, 6);
        p.pages = between(&state, 40, 100);
        p.queue = between(&state, 1, 24);
        p.cached_sessions = between(&state, 1, 8);
        p.budget_one_in = between(&state, 0, 6);
        draw_faults(&p, &state);
    }
    if (requests) p.requests = requests;
    if (sessions) p.sessions = sessions;
    if (peers) p.peers = peers;
    return p;
}

/* ---- what all worlds share ---- */

static struct pl_vocab *vocab;
static struct pl_template *qwen;

/* The byte vocabulary under Qwen's template, which has a place for tools. Its text is read from the fixture.
 */
int world_prepare(void)
{
    const char *root = getenv("PL_TEST_SOURCE");
    json_set_alloc_funcs(memory_sound, free);
    char path[1024];
    struct pl_err err = {0};
    snprintf(path, sizeof path, "%s/tests/fixtures/templates.json", root ? root : ".");
    json_t *fixture = json_load_file(path, 0, NULL);
    const char *source = json_string_value(json_object_get(json_object_get(fixture, "sources"), "qwen2"));
    if (!source) return fprintf(stderr, "simulate: cannot read %s\n", path), 1;
    struct gb b;
    struct pl_gguf *g = NULL;
    gb_begin(&b);
    gb_key(&b, "tokenizer.chat_template", GB_STRING);
    gb_str(&b, source);
    int rc = pl_vocab_create_bytes(&vocab, &err);
    if (!rc) rc = pl_gguf_open_memory(b.p, b.n, &g, &err);
    if (!rc) rc = pl_template_create(g, vocab, &qwen, &err);
    pl_gguf_close(&g);
    free(b.p);
    json_decref(fixture);
    if (rc) fprintf(stderr, "simulate: %s: %s\n", err.field, err.text);
    return rc ? 1 : 0;
}

void world_forget(void)
{
    pl_template_destroy(&qwen);
    pl_vocab_destroy(&vocab);
}

void world_init(struct world *w, const struct profile *p)
{
    static const char *const names[] = {"calculator", NULL};
    const char *build = getenv("PL_TEST_BUILD");
    memset(w, 0, sizeof *w);
    w->store = pl_sim_store_class;
    w->store.mailbox_limit = p->store_mail;
    w->text = (struct pl_model_text){vocab, qwen, "hash", "sim"};
    snprintf(w->tool_path, sizeof w->tool_path, "%s/tools/calculator.so", build ? build : "build/release");
    w->frontdoor =
        (struct pl_frontdoor_opts){.model = &w->text, .version = "sim", .max_message_bytes = 262144};
    w->session = (struct pl_session_opts){.model = &w->text,
                                          .ctx_size = CTX,
                                          .max_seqs = p->slots,
                                          .queue = p->queue,
                                          .cached_sessions = p->cached_sessions};
    w->batcher = (struct pl_batcher_opts){.max_seqs = p->slots,
                                          .queue = p->queue,
                                          .ctx_size = CTX,
                                          .prefill_chunk = CHUNK,
                                          .vocab = w->text.vocab};
    w->tools = (struct pl_tools_opts){.names = names};
    w->executor =
        (struct sim_executor_opts){p->slots, p->pages, CHUNK + p->slots, &w->incarnations, &w->wrong_pages};
    w->host = (struct pl_tool_host_opts){w->tool_path};
}

/* ---- nodes ---- */

static int build_service(struct pl_sim *s, struct pl_node_opts *o, struct pl_node **out, void *arg)
{
    static const struct pl_restart_policy policy = {PL_RESTART_ALWAYS, 0, 0, 10, 500};
    struct world *w = arg;
    struct pl_err err = {0};
    int rc = pl_node_create(o, out, &err);
    if (!rc) rc = pl_node_add(*out, &w->store, "store", pl_sim_disk(s), &err);
    if (!rc) rc = pl_node_place(*out, "executor", "executor", &err);
    if (!rc) rc = pl_node_child(*out, "executor", &policy, &err);
    if (!rc) rc = pl_node_place(*out, "tool.calculator", "tool.calculator", &err);
    if (!rc) rc = pl_node_child(*out, "tool.calculator", &policy, &err);
    if (!rc) rc = pl_node_add(*out, &pl_batcher_class, NULL, &w->batcher, &err);
    if (!rc) rc = pl_node_add(*out, &pl_tools_class, NULL, &w->tools, &err);
    if (!rc) rc = pl_node_add(*out, &pl_feedback_class, NULL, &w->feedback, &err);
    if (!rc) rc = pl_node_add(*out, &pl_session_class, NULL, &w->session, &err);
    if (!rc) rc = pl_node_add(*out, &pl_frontdoor_class, NULL, &w->frontdoor, &err);
    if (!rc) rc = pl_node_listener(*out, PL_LISTENER_CLIENTS, "frontdoor", &err);
    return rc;
}

static int build_executor(struct pl_sim *s, struct pl_node_opts *o, struct pl_node **out, void *arg)
{
    struct world *w = arg;
    int rc = pl_node_create(o, out, NULL);
    return rc ? rc : pl_node_add(*out, &sim_executor_class, "executor", &w->executor, NULL);
}

static int build_tool(struct pl_sim *s, struct pl_node_opts *o, struct pl_node **out, void *arg)
{
    struct world *w = arg;
    int rc = pl_node_create(o, out, NULL);
    return rc ? rc : pl_node_add(*out, &pl_tool_host_class, "tool.calculator", &w->host, NULL);
}

int world_build(struct world *w, struct pl_sim *sim, struct pl_err *err)
{
    int rc = pl_sim_node(sim, "service", NULL, build_service, w, err);
    if (!rc) rc = pl_sim_node(sim, "executor", "service", build_executor, w, err);
    return rc ? rc : pl_sim_node(sim, "tool.calculator", "service", build_tool, w, err);
}
