/* simulate.c - the whole node under planted faults: the very frontdoor, session, batcher, tools, feedback and
 * supervisor code, a hash for the model, a simulated disk, clients that ask again until they are answered.
 *
 *   simulate [--seeds N] [--first S] [--requests N] [--sessions N] [--peers N] [--log]
 *
 * Each seed runs twice and must leave the same trace. At the end of a run the faults stop and everything must
 * come to rest; then what clients were told is held against the disk:
 *   1. every request that was sent is answered, and its record is `done` on disk; `pending` is empty;
 *   2. one turn an id, one id a turn; turns of a session are numbered without gaps, in the order of
 * acceptance;
 *   3. every answer is what the model says to the ids that are stored before it;
 *   4. every rating that was acknowledged is in the log once, and the counters agree with the log;
 *   5. no page held what another sequence wrote; no answer came twice with another text. */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "actors/keys.h"
#include "kernels/gguf.h"
#include "schemas/gen/records.h"
#include "tests/simulation/clients.h"
#include "tests/simulation/sim_model.h"
#include "tests/unit/kernels/gguf_bytes.h"

enum { CTX = 2048, SLOTS = 4, PAGES = 96, CHUNK = 256, UNTIL_MS = 40 * 60 * 1000, QUIET_MS = 20 * 60 * 1000 };

struct world {
    struct pl_model_text text;
    char tool_path[1024];
    uint64_t incarnations, wrong;
    struct pl_frontdoor_opts frontdoor;
    struct pl_session_opts session;
    struct pl_batcher_opts batcher;
    struct pl_tools_opts tools;
    struct pl_feedback_opts feedback;
    struct sim_executor_opts executor;
    struct pl_tool_host_opts host;
};

static struct settings {
    uint32_t seeds, requests, sessions, peers;
    uint64_t first;
    bool log;
} settings = {20, 2000, 8, 5, 1, false};

/* The byte vocabulary under Qwen's template, which has a place for tools. Its text is read from the fixture.
 */
static int make_text(struct world *w)
{
    static struct pl_vocab *vocab;
    static struct pl_template *qwen;
    const char *root = getenv("PL_TEST_SOURCE");
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
    w->text = (struct pl_model_text){vocab, qwen, "hash", "sim"};
    if (rc) fprintf(stderr, "simulate: %s: %s\n", err.field, err.text);
    return rc;
}

static int build_service(struct pl_sim *s, struct pl_node_opts *o, struct pl_node **out, void *arg)
{
    static const struct pl_restart_policy policy = {PL_RESTART_ALWAYS, 0, 0, 10, 500};
    struct world *w = arg;
    struct pl_err err = {0};
    int rc = pl_node_create(o, out, &err);
    if (!rc) rc = pl_node_add(*out, &pl_sim_store_class, "store", pl_sim_disk(s), &err);
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
    if (rc) fprintf(stderr, "simulate: %s: %s\n", err.field, err.text);
    return rc;
}

static int build_executor(struct pl_sim *s, struct pl_node_opts *o, struct pl_node **out, void *arg)
{
    int rc = pl_node_create(o, out, NULL);
    return rc ? rc
              : pl_node_add(*out, &sim_executor_class, "executor", &((struct world *)arg)->executor, NULL);
}

static int build_tool(struct pl_sim *s, struct pl_node_opts *o, struct pl_node **out, void *arg)
{
    int rc = pl_node_create(o, out, NULL);
    return rc ? rc
              : pl_node_add(*out, &pl_tool_host_class, "tool.calculator", &((struct world *)arg)->host, NULL);
}

static int make_world(struct world *w)
{
    static const char *const names[] = {"calculator", NULL};
    const char *build = getenv("PL_TEST_BUILD");
    memset(w, 0, sizeof *w);
    if (make_text(w)) return 1;
    snprintf(w->tool_path, sizeof w->tool_path, "%s/tools/calculator.so", build ? build : "build/release");
    w->frontdoor =
        (struct pl_frontdoor_opts){.model = &w->text, .version = "sim", .max_message_bytes = 262144};
    w->session = (struct pl_session_opts){
        .model = &w->text, .ctx_size = CTX, .max_seqs = SLOTS, .queue = 16, .cached_sessions = 6};
    w->batcher = (struct pl_batcher_opts){
        .max_seqs = SLOTS, .queue = 16, .ctx_size = CTX, .prefill_chunk = CHUNK, .vocab = w->text.vocab};
    w->tools = (struct pl_tools_opts){.names = names};
    w->executor = (struct sim_executor_opts){SLOTS, PAGES, CHUNK + SLOTS, &w->incarnations, &w->wrong};
    w->host = (struct pl_tool_host_opts){w->tool_path};
    return 0;
}

/* --- what the disk says --- */

struct turn_seen {
    char id[32], session[24];
    uint32_t number;
    struct pl_msg *record;
};

struct verdict {
    struct clients *c;
    struct turn_seen *turns;
    uint32_t n_turns, done, pending, ratings, below_3, calls;
    uint64_t *accepted; /* by request: accepted_seq */
};

static struct pl_msg *read_record(const struct pl_type *type, struct pl_bin value)
{
    struct pl_msg *m = pl_msg_create(type);
    struct pl_cursor cursor = {value.ptr, value.ptr + value.len};
    if (type->decode(&cursor, &m->arena, m->body, NULL)) pl_msg_unref(&m);
    return m;
}

static struct asked *asked_of(struct clients *c, struct pl_str id)
{
    uint32_t n = 0;
    for (uint32_t i = 1; i < id.len; i++) n = n * 10 + (uint32_t)(id.ptr[i] - '0');
    return id.len > 1 && id.ptr[0] == 'q' && n < c->n_asked ? &c->asked[n] : NULL;
}

static void see_request(const char *family, struct pl_bin key, struct pl_bin value, void *arg)
{
    struct verdict *v = arg;
    struct pl_msg *m = read_record(&pl_rec_request_type, value);
    const struct pl_rec_request *r = m ? m->body : NULL;
    struct asked *a = r ? asked_of(v->c, r->id) : NULL;
    if (!a)
        clients_violation(v->c, "a request record that nobody sent");
    else if (r->state != PL_REC_REQUEST_STATE_DONE)
        clients_violation(v->c, "%s: accepted and never answered", a->id);
    else if (!pl_str_is(r->turn, a->turn))
        clients_violation(v->c, "%s: the stored turn is another", a->id);
    if (a) v->accepted[a - v->c->asked] = r->accepted_seq;
    v->done += a != NULL;
    pl_msg_unref(&m);
}

static void see_pending(const char *family, struct pl_bin key, struct pl_bin value, void *arg)
{
    ((struct verdict *)arg)->pending++;
}

static void see_turn(const char *family, struct pl_bin key, struct pl_bin value, void *arg)
{
    struct verdict *v = arg;
    struct pl_msg *m = read_record(&pl_rec_turn_type, value);
    if (!m || v->n_turns == v->c->n_asked) {
        clients_violation(v->c, "a damaged turn, or too many");
        pl_msg_unref(&m);
        return;
    }
    const struct pl_rec_turn *t = m->body;
    struct turn_seen *seen = &v->turns[v->n_turns++];
    snprintf(seen->id, sizeof seen->id, "%.*s", PL_STR_FMT(t->id));
    snprintf(seen->session, sizeof seen->session, "%.*s", PL_STR_FMT(t->session));
    seen->number = t->number;
    v->calls += t->has_tools;
    seen->record = m;
}

static void see_rating(const char *family, struct pl_bin key, struct pl_bin value, void *arg)
{
    struct verdict *v = arg;
    struct pl_msg *m = read_record(&pl_rec_feedback_type, value);
    const struct pl_rec_feedback *f = m ? m->body : NULL;
    if (!f) clients_violation(v->c, "a damaged rating");
    v->ratings++;
    if (f && f->stars < 3) v->below_3++;
    pl_msg_unref(&m);
}

static void see_trigger(const char *family, struct pl_bin key, struct pl_bin value, void *arg)
{
    struct verdict *v = arg;
    if (key.len != 7 || memcmp(key.ptr, "retrain", 7) != 0) return;
    struct pl_msg *m = read_record(&pl_rec_retrain_type, value);
    const struct pl_rec_retrain *r = m ? m->body : NULL;
    if (!r || r->total != v->ratings || r->ratings_below_3 != v->below_3)
        clients_violation(v->c, "the counters of ratings disagree with the log");
    pl_msg_unref(&m);
}

/* The answer of a turn without tools is what the model says to all that is stored before it. Turns come in
 * order. */
static void check_answers(struct verdict *v, uint32_t from, uint32_t to)
{
    struct pl_ids ids = {0};
    for (uint32_t i = from; i < to; i++) {
        const struct pl_rec_turn *t = v->turns[i].record->body;
        if (t->dropped_turns || t->has_tool_names)
            break; /* later prompts begin elsewhere, or under another system text */
        pl_ids_append(&ids, t->prompt_ids, t->prompt_ids_count);
        size_t n_prompt = ids.count;
        for (uint32_t k = 0; k < t->answer_ids_count; k++) {
            if (sim_model_next(ids.ids, ids.count, n_prompt) != t->answer_ids[k]) {
                clients_violation(v->c, "%s: not what the model says", v->turns[i].id);
                break;
            }
            pl_ids_push(&ids, t->answer_ids[k]);
        }
        if (ids.count != n_prompt + t->answer_ids_count) break;
    }
    pl_ids_finish(&ids);
}

static void check_turns(struct verdict *v)
{
    for (uint32_t i = 0, first = 0; i < v->n_turns; i++) {
        struct turn_seen *t = &v->turns[i];
        bool begins = i == 0 || strcmp(t->session, v->turns[i - 1].session) != 0;
        if (begins) first = i;
        struct asked *a = asked_of(v->c, pl_str_of(t->id));
        if (t->number != i - first)
            clients_violation(v->c, "%s: turn %u where %u was due", t->session, t->number, i - first);
        if (!a || strcmp(a->session, t->session) != 0) {
            clients_violation(v->c, "%s: a turn of another session", t->id);
            continue;
        }
        const struct pl_rec_turn *r = t->record->body;
        if (!pl_str_is(r->text, a->text))
            clients_violation(v->c, "%s: stored '%.*s', told '%s'", t->id, PL_STR_FMT(r->text), a->text);
        for (uint32_t k = first; k < i; k++) {
            struct asked *b = asked_of(v->c, pl_str_of(v->turns[k].id));
            if (b == a) clients_violation(v->c, "%s: two turns", t->id);
            if (b && k + 1 == i && v->accepted[b - v->c->asked] > v->accepted[a - v->c->asked])
                clients_violation(v->c, "%s: overtaken by %s", a->id, b->id);
        }
        bool ends = i + 1 == v->n_turns || strcmp(v->turns[i + 1].session, t->session) != 0;
        if (ends) check_answers(v, first, i + 1);
    }
}

/* Returns the turns in which a tool was called. */
static uint32_t check_disk(struct pl_sim *sim, struct clients *c)
{
    struct verdict v = {.c = c};
    struct pl_sim_disk *d = pl_sim_disk(sim);
    v.turns = calloc(c->n_asked, sizeof *v.turns);
    v.accepted = calloc(c->n_asked, sizeof *v.accepted);
    if (!v.turns || !v.accepted) abort();
    pl_sim_disk_each(d, PL_FAMILY_REQUESTS, see_request, &v);
    pl_sim_disk_each(d, PL_FAMILY_PENDING, see_pending, &v);
    pl_sim_disk_each(d, PL_FAMILY_TURNS, see_turn, &v);
    pl_sim_disk_each(d, PL_FAMILY_FEEDBACK, see_rating, &v);
    pl_sim_disk_each(d, PL_FAMILY_META, see_trigger, &v);
    if (v.done != c->n_asked) clients_violation(c, "%u of %u requests are stored", v.done, c->n_asked);
    if (v.pending) clients_violation(c, "%u promises are left over", v.pending);
    uint32_t acknowledged = 0;
    for (uint32_t i = 0; i < c->n_asked; i++) acknowledged += c->asked[i].rate_acknowledged;
    if (acknowledged != v.ratings)
        clients_violation(c, "%u ratings acknowledged, %u stored", acknowledged, v.ratings);
    check_turns(&v);
    for (uint32_t i = 0; i < v.n_turns; i++) pl_msg_unref(&v.turns[i].record);
    free(v.turns);
    free(v.accepted);
    return v.calls;
}

/* --- a run --- */

struct outcome {
    uint64_t trace, events, violations, faults[PL_FAULT_COUNT], sent, errors, calls, virtual_ms;
    char why[256];
};

static const double probability[PL_FAULT_COUNT] = {
    [PL_FAULT_DROP] = 0.01,          [PL_FAULT_DUPLICATE] = 0.01,     [PL_FAULT_DELAY] = 0.01,
    [PL_FAULT_REORDER] = 0.01,       [PL_FAULT_PEER_RESTART] = 0.001, [PL_FAULT_ACTOR_CRASH] = 0.0001,
    [PL_FAULT_CHILD_CRASH] = 0.0002, [PL_FAULT_NODE_CRASH] = 0.00005, [PL_FAULT_WRITE_FAILED] = 0.005,
    [PL_FAULT_SLOW_COMMIT] = 0.01,
};

static int run_seed(uint64_t seed, struct outcome *out)
{
    struct world w;
    struct clients c;
    struct pl_sim *sim = NULL;
    struct pl_err err = {0};
    static struct pl_log log = {2, PL_LOG_WARN, "sim", NULL, NULL};
    struct pl_sim_opts o = {.seed = seed, .delay_max_ms = 300, .log = settings.log ? &log : NULL};
    memcpy(o.probability, probability, sizeof probability);
    memset(out, 0, sizeof *out);
    if (make_world(&w) || pl_sim_create(&o, &sim, &err)) return 1;
    int rc = pl_sim_node(sim, "service", NULL, build_service, &w, &err);
    if (!rc) rc = pl_sim_node(sim, "executor", "service", build_executor, &w, &err);
    if (!rc) rc = pl_sim_node(sim, "tool.calculator", "service", build_tool, &w, &err);
    if (!rc) rc = clients_create(&c, sim, settings.requests, settings.peers, settings.sessions);
    if (rc) return fprintf(stderr, "simulate: %s: %s\n", err.field, err.text), 1;
    c.verbose = settings.log;
    while (clients_open(&c) > settings.requests / 20 && pl_sim_now_ms(sim) < UNTIL_MS)
        out->events += pl_sim_run(sim, pl_sim_now_ms(sim) + 1000, UINT64_MAX);
    pl_sim_faults_off(sim);
    c.quiet = true;
    uint64_t quiet_until = pl_sim_now_ms(sim) + QUIET_MS;
    while (clients_open(&c) && pl_sim_now_ms(sim) < quiet_until)
        out->events += pl_sim_run(sim, pl_sim_now_ms(sim) + 1000, UINT64_MAX);
    out->events += pl_sim_run(sim, pl_sim_now_ms(sim) + 5000, UINT64_MAX);
    clients_complain_of_open(&c);
    if (w.wrong) clients_violation(&c, "%llu steps with wrong pages", (unsigned long long)w.wrong);
    out->calls = check_disk(sim, &c);
    for (int f = 0; f < PL_FAULT_COUNT; f++) out->faults[f] = pl_sim_fault_count(sim, (enum pl_fault)f);
    out->trace = pl_sim_trace_hash(sim);
    out->violations = c.violations;
    out->sent = c.sent;
    out->errors = c.errors;
    out->virtual_ms = pl_sim_now_ms(sim);
    memcpy(out->why, c.why, sizeof out->why);
    clients_destroy(&c);
    pl_sim_destroy(&sim);
    pl_template_destroy((struct pl_template **)&w.text.chat_template);
    pl_vocab_destroy((struct pl_vocab **)&w.text.vocab);
    return 0;
}

static int number_of(int argc, char **argv, int *i, uint64_t *out)
{
    if (*i + 1 >= argc) return fprintf(stderr, "simulate: %s needs a number\n", argv[*i]), 1;
    *out = strtoull(argv[++*i], NULL, 0);
    return 0;
}

static int read_settings(int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        uint64_t n = 0;
        if (strcmp(argv[i], "--log") == 0) {
            settings.log = true;
            continue;
        }
        if (number_of(argc, argv, &i, &n)) return 2;
        const char *name = argv[i - 1];
        if (strcmp(name, "--seeds") == 0)
            settings.seeds = (uint32_t)n;
        else if (strcmp(name, "--first") == 0)
            settings.first = n;
        else if (strcmp(name, "--requests") == 0)
            settings.requests = (uint32_t)n;
        else if (strcmp(name, "--sessions") == 0)
            settings.sessions = (uint32_t)n;
        else if (strcmp(name, "--peers") == 0)
            settings.peers = (uint32_t)n;
        else
            return fprintf(stderr, "simulate: unknown option %s\n", name), 2;
    }
    return 0;
}

int main(int argc, char **argv)
{
    uint64_t total[PL_FAULT_COUNT] = {0};
    int failed = 0;
    if (read_settings(argc, argv)) return 2;
    for (uint64_t seed = settings.first; seed < settings.first + settings.seeds; seed++) {
        struct outcome a, b;
        if (run_seed(seed, &a) || run_seed(seed, &b)) return 1;
        bool same = a.trace == b.trace && a.events == b.events;
        bool good = same && a.violations == 0;
        printf("seed %llu: %llu events, %llu messages sent, %llu turns with tools, %llu s of virtual time, "
               "trace %016llx: %s%s%s\n",
               (unsigned long long)seed, (unsigned long long)a.events, (unsigned long long)a.sent,
               (unsigned long long)a.calls, (unsigned long long)a.virtual_ms / 1000,
               (unsigned long long)a.trace, good ? "ok" : "FAILED", same ? "" : ": the second run differed",
               a.violations ? ": " : "");
        if (a.violations) printf("  %llu violations, first: %s\n", (unsigned long long)a.violations, a.why);
        fflush(stdout);
        failed += !good;
        for (int f = 0; f < PL_FAULT_COUNT; f++) total[f] += a.faults[f];
    }
    for (int f = 0; f < PL_FAULT_COUNT; f++) {
        printf("fault %-14s %llu\n", pl_fault_name((enum pl_fault)f), (unsigned long long)total[f]);
        if (total[f] == 0) failed++, printf("  FAILED: this fault never happened\n");
    }
    return failed ? 1 : 0;
}
