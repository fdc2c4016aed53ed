#include "ops/daemon/service.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>
#include "actors/keys.h"
#include "kernels/gguf.h"

/* A socket takes more than a message may have, so that a message over the limit gets an answer. */
enum { CTX_DEFAULT_MAX = 8192, CTX_LEAST = 32, MESSAGE_BYTES = 256 * 1024, FRAME_BYTES = 1024 * 1024 };

const struct pl_movable pl_movables[] = {
    {"store", "placement.store"},
    {"executor", "placement.executor"},
    {"tool", "placement.tool"},
    {"batcher", "placement.batcher"},
    {"session", "placement.session"},
    {"feedback", "placement.feedback"},
    {"tools", "placement.tools"},
    {"frontdoor", "placement.frontdoor"},
    {NULL, NULL},
};

static uint64_t wall_ms(void *arg)
{
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

/* A tool that is no program code at all would only be found out by its host, again and again. */
static int check_tool(const char *path, struct pl_err *err)
{
    char magic[4];
    FILE *f = fopen(path, "rb");
    if (!f) return pl_fail(err, PL_E_NOT_FOUND, "tools", "there is no %s", path);
    bool good = fread(magic, 1, sizeof magic, f) == sizeof magic && memcmp(magic, "\177ELF", 4) == 0;
    fclose(f);
    return good ? 0 : pl_fail(err, PL_E_INVALID, "tools", "%s is no shared object", path);
}

/* GIVEN, else beside the program: as the build leaves it, or as it is installed. */
static void find_tools_dir(struct pl_service *s, const char *given)
{
    const char *slash = strrchr(s->program, '/');
    int n = slash ? (int)(slash - s->program) : 0;
    if (given) {
        snprintf(s->tools_dir, sizeof s->tools_dir, "%s", given);
        return;
    }
    snprintf(s->tools_dir, sizeof s->tools_dir, "%.*s/../lib/parlance/tools", n > 900 ? 900 : n, s->program);
    if (access(s->tools_dir, F_OK))
        snprintf(s->tools_dir, sizeof s->tools_dir, "%.*s/../tools", n > 900 ? 900 : n, s->program);
}

/* "a,b" -> tool.a, tool.b and the paths of their shared objects. */
static int read_tools(struct pl_service *s, struct pl_err *err)
{
    const char *dir = pl_config_str(s->config, "tools-dir"), *list = pl_config_str(s->config, "tools");
    find_tools_dir(s, dir);
    if (strcmp(list, "none") == 0) return 0;
    for (const char *p = list; *p;) {
        size_t len = strcspn(p, ",");
        if (len == 0 || len > 50 || memchr(p, '/', len))
            return pl_fail(err, PL_E_INVALID, "tools", "'%.*s' is no name of a tool",
                           (int)(len > 50 ? 50 : len), p);
        if (s->n_tools == PL_TOOLS_MAX)
            return pl_fail(err, PL_E_TOO_LARGE, "tools", "at most %d tools", PL_TOOLS_MAX);
        snprintf(s->tool_names[s->n_tools], sizeof s->tool_names[0], "tool.%.*s", (int)len, p);
        snprintf(s->tool_paths[s->n_tools], sizeof s->tool_paths[0], "%s/%.*s.so", s->tools_dir, (int)len, p);
        int rc = check_tool(s->tool_paths[s->n_tools], err);
        if (rc) return rc;
        s->tool_list[s->n_tools] = s->tool_names[s->n_tools] + strlen("tool.");
        s->tool_hosts[s->n_tools].path = s->tool_paths[s->n_tools];
        s->n_tools++;
        p += len + (p[len] == ',');
    }
    return 0;
}

/* Pages that the memory for the KV cache holds, at least two whole contexts' worth. */
static uint32_t page_count(struct pl_service *s, uint64_t bytes_per_page)
{
    uint64_t limit = pl_config_u64(s->config, "kv-memory") * 1024 * 1024;
    if (limit == 0) limit = (uint64_t)sysconf(_SC_PHYS_PAGES) * (uint64_t)sysconf(_SC_PAGESIZE) / 4;
    uint64_t a_context = (s->ctx_size + PL_PAGE_TOKENS - 1) / PL_PAGE_TOKENS + 1;
    uint64_t want = a_context * pl_config_u64(s->config, "max-seqs"), fit = limit / bytes_per_page;
    uint64_t pages = want < fit ? want : fit;
    return (uint32_t)(pages > 2 * a_context ? pages : 2 * a_context);
}

static int read_hash_model(struct pl_service *s, struct pl_err *err)
{
    int rc = pl_vocab_create_bytes(&s->vocab, err);
    if (!rc) rc = pl_template_create_chatml(s->vocab, &s->chat_template, err);
    snprintf(s->model_name, sizeof s->model_name, "hash");
    memset(s->model_digest, '0', 64);
    s->ctx_size = pl_config_u64(s->config, "ctx-size") ? (uint32_t)pl_config_u64(s->config, "ctx-size")
                                                       : CTX_DEFAULT_MAX;
    s->n_pages = page_count(s, 64 * 1024);
    return rc;
}

static uint64_t key_of(const struct pl_gguf *g, const char *architecture, size_t len, const char *key,
                       uint64_t fallback)
{
    char name[256];
    uint64_t value = fallback;
    snprintf(name, sizeof name, "%.*s.%s", (int)len, architecture, key);
    pl_gguf_u64(g, name, &value);
    return value;
}

/* Context and pages follow from the file's metadata; whether its weights can be served is the executor's to
 * say. */
static int read_sizes(struct pl_service *s, const struct pl_gguf *g, struct pl_err *err)
{
    const char *a, *name;
    size_t len, name_len;
    if (!pl_gguf_str(g, "general.architecture", &a, &len) || len > 64)
        return pl_fail(err, PL_E_MODEL_UNSUPPORTED, "general.architecture",
                       "the model file does not name its architecture");
    if (pl_gguf_str(g, "general.name", &name, &name_len))
        snprintf(s->model_name, sizeof s->model_name, "%.*s", (int)(name_len > 100 ? 100 : name_len), name);
    uint64_t ctx = key_of(g, a, len, "context_length", 2048), given = pl_config_u64(s->config, "ctx-size");
    uint64_t layers = key_of(g, a, len, "block_count", 1),
             heads = key_of(g, a, len, "attention.head_count", 1);
    uint64_t kv_heads = key_of(g, a, len, "attention.head_count_kv", heads),
             width = key_of(g, a, len, "embedding_length", 64);
    uint64_t head_dim = key_of(g, a, len, "attention.key_length", width / (heads ? heads : 1));
    if (given > ctx)
        return pl_fail(err, PL_E_INVALID, "ctx-size", "the model's context holds %llu tokens",
                       (unsigned long long)ctx);
    if (layers > 4096 || kv_heads > 4096 || head_dim > 4096)
        return pl_fail(err, PL_E_MODEL_UNSUPPORTED, "block_count", "the model's dimensions are out of range");
    s->ctx_size = (uint32_t)(given ? given : ctx < CTX_DEFAULT_MAX ? ctx : CTX_DEFAULT_MAX);
    uint64_t page = layers * kv_heads * head_dim * 2 * 2 * PL_PAGE_TOKENS;
    s->n_pages = page_count(s, page ? page : 1);
    return 0;
}

static int read_model(struct pl_service *s, const char *node, struct pl_err *err)
{
    const char *path = pl_config_str(s->config, "model");
    struct pl_gguf *g = NULL;
    uint64_t ctx = pl_config_u64(s->config, "ctx-size");
    if (!path) return pl_fail(err, PL_E_INVALID, "model", "give --model FILE, a GGUF file");
    if (ctx && ctx < CTX_LEAST)
        return pl_fail(err, PL_E_INVALID, "ctx-size", "a context holds %d tokens at least", CTX_LEAST);
    if (strcmp(path, "hash") == 0) return read_hash_model(s, err);
    int rc = pl_gguf_open(path, &g, err);
    if (!rc) rc = read_sizes(s, g, err);
    if (!rc) rc = pl_vocab_create(g, &s->vocab, err);
    if (!rc) rc = pl_template_create(g, s->vocab, &s->chat_template, err);
    if (!rc && strcmp(node, "executor") != 0) rc = pl_gguf_digest(g, s->model_digest, err);
    pl_gguf_close(&g);
    return rc;
}

static struct pl_tenant_rule rule_of(const struct pl_config *c, const char *tenant)
{
    const char *member = tenant ? tenant : "";
    return (struct pl_tenant_rule){.tenant = tenant,
                                   .rate = pl_config_f64_of(c, "tenant-rate", member),
                                   .burst = (uint32_t)pl_config_u64_of(c, "tenant-burst", member),
                                   .queue = (uint32_t)pl_config_u64_of(c, "tenant-queue", member),
                                   .open = (uint32_t)pl_config_u64_of(c, "tenant-open", member),
                                   .quota = pl_config_u64_of(c, "tenant-quota", member)};
}

/* The usual limits, and those of each tenant with a section of its own. */
static int read_tenants(struct pl_service *s, struct pl_err *err)
{
    uint32_t n = 0;
    while (pl_config_member(s->config, "tenant", n)) n++;
    s->tenant_rules = calloc(n + 1, sizeof *s->tenant_rules);
    if (!s->tenant_rules) return pl_fail(err, PL_E_NO_MEMORY, NULL, "out of memory");
    for (uint32_t i = 0; i < n; i++)
        s->tenant_rules[i] = rule_of(s->config, pl_config_member(s->config, "tenant", i));
    s->tenants = (struct pl_tenant_rules){rule_of(s->config, NULL), s->tenant_rules, n};
    return 0;
}

static void fill_options(struct pl_service *s)
{
    const struct pl_config *c = s->config;
    const char *path = pl_config_str(c, "model");
    uint32_t seqs = (uint32_t)pl_config_u64(c, "max-seqs"), queue = (uint32_t)pl_config_u64(c, "queue");
    uint32_t chunk = (uint32_t)pl_config_u64(c, "prefill-chunk");
    s->text = (struct pl_model_text){s->vocab, s->chat_template, s->model_name, s->model_digest};
    size_t edge = (size_t)pl_config_u64(c, "edge-memory") << 20;
    s->frontdoor = (struct pl_frontdoor_opts){.model = &s->text,
                                              .version = PL_VERSION,
                                              .max_message_bytes = MESSAGE_BYTES,
                                              .tenants = &s->tenants,
                                              .outboxes_bytes = edge / 4,
                                              .unanswered_bytes = edge / 8};
    s->session = (struct pl_session_opts){.model = &s->text,
                                          .ctx_size = s->ctx_size,
                                          .row_key = s->row_key,
                                          .max_seqs = seqs,
                                          .queue = queue,
                                          .tenants = &s->tenants,
                                          .tool_hint = pl_config_str(c, "tool-hint")};
    s->batcher = (struct pl_batcher_opts){
        .max_seqs = seqs, .queue = queue, .ctx_size = s->ctx_size, .prefill_chunk = chunk, .vocab = s->vocab};
    s->executor = (struct pl_executor_opts){.model_path = strcmp(path, "hash") == 0 ? NULL : path,
                                            .isa = (enum pl_isa)pl_isa_parse(pl_config_str(c, "isa")),
                                            .threads = (uint32_t)pl_config_u64(c, "threads"),
                                            .max_seqs = seqs,
                                            .n_pages = s->n_pages,
                                            .max_rows = chunk + seqs,
                                            .logits_hash = pl_config_bool(c, "logits-hash"),
                                            .incarnation = pl_config_u64(c, "incarnation")};
    s->tools = (struct pl_tools_opts){.names = s->tool_list};
    s->feedback = (struct pl_feedback_opts){.row_key = s->row_key,
                                            .threshold = (uint32_t)pl_config_u64(c, "feedback-threshold")};
    s->store = (struct pl_store_opts){.path = s->store_path,
                                      .master = &s->master,
                                      .vault = s->vault_path,
                                      .families = pl_families,
                                      .reserve_bytes = pl_config_u64(c, "store-reserve") * 1024 * 1024,
                                      .data = s->data};
}

const char *pl_service_host_of(const char *actor)
{
    return strcmp(actor, "frontdoor") == 0 ? "edge" : actor;
}

static const char *actor_of(const char *role)
{
    return strcmp(role, "edge") == 0 ? "frontdoor" : role;
}

/* The store and the tools' hosts need no text side. */
static bool needs_text(const char *node)
{
    return strcmp(node, "store") != 0 && strncmp(node, "tool.", 5) != 0 && strcmp(node, "edge") != 0;
}

/* The edge reads no model: it has to be back at once. What is served it is told by who starts it. */
static void take_model_name(struct pl_service *s)
{
    const char *name = pl_config_str(s->config, "model-name"),
               *digest = pl_config_str(s->config, "model-digest");
    snprintf(s->model_name, sizeof s->model_name, "%s", name ? name : "");
    snprintf(s->model_digest, sizeof s->model_digest, "%s", digest ? digest : "");
}

int pl_service_init(struct pl_service *s, const struct pl_config *c, const char *program, const char *node,
                    struct pl_err *err)
{
    memset(s, 0, sizeof *s);
    s->config = c;
    s->log = (struct pl_log){2, (enum pl_log_level)pl_log_level_parse(pl_config_str(c, "log-level")), node,
                             wall_ms, NULL};
    snprintf(s->program, sizeof s->program, "%s", program);
    int rc = pl_data_path(c, s->data, sizeof s->data, err);
    int n = snprintf(s->store_path, sizeof s->store_path, "%.1000s/store", s->data);
    snprintf(s->vault_path, sizeof s->vault_path, "%.1000s/vault", s->data);
    if (!rc && n >= 1000)
        rc = pl_fail(err, PL_E_TOO_LARGE, "data", "the path of the data directory is too long");
    if (!rc) rc = read_tools(s, err);
    if (!rc) rc = read_tenants(s, err);
    if (!rc && needs_text(node)) rc = read_model(s, node, err);
    if (!needs_text(node)) take_model_name(s);
    snprintf(s->listen, sizeof s->listen, "%s", pl_config_str(c, "listen"));
    const char *spans = pl_config_str(c, "spans");
    if (!rc && spans) rc = pl_spans_open(spans, PL_SPANS_BYTES, &s->spans, err);
    if (!rc) fill_options(s);
    return rc;
}

bool pl_service_needs_key(const char *node)
{
    static const char *const nodes[] = {"service", "standby", "store", "session", "feedback"};
    for (size_t i = 0; i < sizeof nodes / sizeof *nodes; i++)
        if (strcmp(nodes[i], node) == 0) return true;
    return false;
}

/* A core file or a debugger's view would hold every key and every dialogue. Sanitizers have to trace
 * themselves. */
static void keep_out_of_cores(void)
{
    setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0});
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
    prctl(PR_SET_DUMPABLE, 0);
#endif
}

int pl_service_unlock(struct pl_service *s, const char *node, bool first, struct pl_err *err)
{
    char current[PL_PATH_MAX + 16];
    struct pl_vault *v = NULL;
    const struct pl_master_source from = {.file = pl_config_str(s->config, "master-key-file"),
                                          .command = pl_config_str(s->config, "master-key-command"),
                                          .data = s->data};
    keep_out_of_cores();
    if (!pl_service_needs_key(node)) return unsetenv(PL_MASTER_ENV);
    snprintf(current, sizeof current, "%s/CURRENT", s->store_path);
    bool fresh = first && access(current, F_OK) != 0 && access(s->vault_path, F_OK) != 0;
    int rc = pl_master_find(&s->master, &from, fresh, err);
    if (!rc)
        rc = pl_master_open(&s->master, s->vault_path,
                            fresh   ? PL_VAULT_CREATE
                            : first ? PL_VAULT_EXISTING
                                    : PL_VAULT_READ_ONLY,
                            &v, err);
    if (!rc) memcpy(s->row_key, pl_vault_row_key(v), sizeof s->row_key);
    pl_vault_close(&v);
    return rc;
}

void pl_service_finish(struct pl_service *s)
{
    pl_master_clear(&s->master);
    pl_spans_close(&s->spans);
    pl_template_destroy(&s->chat_template);
    pl_vocab_destroy(&s->vocab);
    free(s->tenant_rules);
}

int pl_service_add(struct pl_service *s, struct pl_node *n, const char *actor, struct pl_err *err)
{
    const struct {
        const char *name;
        const struct pl_actor_class *cls;
        const void *arg;
    } table[] = {
        {"store", &pl_store_class, &s->store},
        {"executor", &pl_executor_class, &s->executor},
        {"tools", &pl_tools_class, &s->tools},
        {"batcher", &pl_batcher_class, &s->batcher},
        {"session", &pl_session_class, &s->session},
        {"feedback", &pl_feedback_class, &s->feedback},
        {"frontdoor", &pl_frontdoor_class, &s->frontdoor},
    };
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++)
        if (strcmp(table[i].name, actor) == 0) return pl_node_add(n, table[i].cls, actor, table[i].arg, err);
    for (uint32_t i = 0; i < s->n_tools; i++)
        if (strcmp(s->tool_names[i], actor) == 0)
            return pl_node_add(n, &pl_tool_host_class, actor, &s->tool_hosts[i], err);
    return pl_fail(err, PL_E_NOT_FOUND, "role", "there is no actor '%s'", actor);
}

/* RC of an endpoint that OPTION gave: the option is what a person can change. */
static int of_option(int rc, const char *option, struct pl_err *err)
{
    if (rc) snprintf(err->field, sizeof err->field, "%s", option);
    return rc;
}

static void admin_endpoint(const struct pl_service *s, char out[PL_PATH_MAX + 64])
{
    snprintf(out, PL_PATH_MAX + 64, "ipc://%s/admin.sock", s->data);
}

struct pl_listen_opts pl_service_listen_opts(const struct pl_service *s, uint32_t number,
                                             const char *endpoint)
{
    return (struct pl_listen_opts){.listener = number,
                                   .endpoint = endpoint,
                                   .max_bytes = FRAME_BYTES,
                                   .data = s->data,
                                   .require_keys = pl_config_bool(s->config, "require-keys")};
}

int pl_service_can_listen(struct pl_service *s, struct pl_err *err)
{
    char admin[PL_PATH_MAX + 64], actual[sizeof s->listen];
    admin_endpoint(s, admin);
    struct pl_listen_opts clients = pl_service_listen_opts(s, PL_LISTENER_CLIENTS, s->listen);
    struct pl_listen_opts operators = pl_service_listen_opts(s, PL_LISTENER_ADMIN, admin);
    int rc = of_option(pl_listen_probe(&clients, actual, sizeof actual, err), "listen", err);
    if (!rc) strcpy(s->listen, actual);
    return rc ? rc : of_option(pl_listen_probe(&operators, NULL, 0, err), "data", err);
}

int pl_service_listen(struct pl_service *s, struct pl_loop *l, struct pl_node *n, struct pl_err *err)
{
    char admin[PL_PATH_MAX + 64];
    admin_endpoint(s, admin);
    struct pl_listen_opts clients = pl_service_listen_opts(s, PL_LISTENER_CLIENTS, s->listen);
    struct pl_listen_opts operators = pl_service_listen_opts(s, PL_LISTENER_ADMIN, admin);
    int rc = of_option(pl_loop_listen(l, &clients, err), "listen", err);
    if (!rc) rc = of_option(pl_loop_listen(l, &operators, err), "data", err);
    if (!rc) rc = pl_node_listener(n, PL_LISTENER_CLIENTS, "frontdoor", err);
    if (!rc) rc = pl_node_listener(n, PL_LISTENER_ADMIN, "frontdoor", err);
    return rc;
}

int pl_leaf_run(struct pl_service *s, void *zmq, const char *role, const char *endpoint, uint64_t incarnation,
                struct pl_err *err)
{
    const char *actor = actor_of(role);
    struct pl_loop *loop = NULL;
    struct pl_node *node = NULL;
    int rc = pl_loop_create(zmq, &loop, err);
    if (rc) return rc;
    if (!incarnation) incarnation = pl_loop_incarnation(loop);
    struct pl_node_opts o = {.name = role,
                             .world = pl_loop_world(loop),
                             .log = &s->log,
                             .hub = "service",
                             .incarnation = incarnation,
                             .spans = s->spans,
                             .dead_letters = PL_LETTERS,
                             .dead_letter_bytes = PL_LETTERS_BYTES};
    rc = pl_node_create(&o, &node, err);
    if (!rc) rc = pl_service_add(s, node, actor, err);
    if (!rc && strcmp(actor, "frontdoor") == 0) rc = pl_service_listen(s, loop, node, err);
    if (!rc) rc = pl_watch_add(node, err);
    if (!rc) {
        pl_loop_attach(loop, node);
        rc = pl_node_start(node, err);
    }
    /* Connecting comes after the start: hello says that the actor is up, with its model loaded or its store
     * open. */
    if (!rc) rc = pl_loop_connect(loop, endpoint, err);
    if (pl_config_str(s->config, "role") && strcmp(role, "edge") == 0) pl_loop_end_with_hub(loop);
    if (!rc) rc = pl_loop_run(loop, err);
    pl_node_destroy(&node);
    pl_loop_destroy(&loop);
    return rc;
}
