/* service.h - what parlanced builds from its options: the model's text side, the actors' options, the
 * placement. Used by the service process and by each of its children, which read the same options. */
#ifndef PL_OPS_DAEMON_SERVICE_H
#define PL_OPS_DAEMON_SERVICE_H

#include "actors/actors.h"
#include "actors/tenant_limits.h"
#include "ops/daemon/options.h"
#include "runtime/loop.h"
#include "runtime/node.h"
#include "runtime/store.h"
#include "runtime/watch.h"

/* What each node remembers of its dead letters. */
enum { PL_TOOLS_MAX = 16, PL_PATH_MAX = 1024, PL_LETTERS = 1024, PL_LETTERS_BYTES = 8 << 20 };
#define PL_SPANS_BYTES ((uint64_t)64 << 20) /* of the file, then it begins anew */

struct pl_service {
    const struct pl_config *config;
    char data[PL_PATH_MAX], tools_dir[PL_PATH_MAX], store_path[PL_PATH_MAX], program[PL_PATH_MAX];
    char tool_names[PL_TOOLS_MAX][64]; /* "tool.calculator" */
    char tool_paths[PL_TOOLS_MAX][PL_PATH_MAX + 80];
    const char *tool_list[PL_TOOLS_MAX + 1];
    uint32_t n_tools;
    struct pl_vocab *vocab;
    struct pl_template *chat_template;
    char model_name[128], model_digest[65], listen[256];
    struct pl_model_text text;
    uint32_t ctx_size, n_pages;
    struct pl_log log;
    struct pl_master master;
    uint8_t row_key[PL_KEY_BYTES];
    char vault_path[PL_PATH_MAX];
    struct pl_tenant_rules tenants;
    struct pl_tenant_rule *tenant_rules; /* of those with a section in the file */
    struct pl_spans *spans;              /* NULL: none are written */

    struct pl_frontdoor_opts frontdoor;
    struct pl_session_opts session;
    struct pl_batcher_opts batcher;
    struct pl_executor_opts executor;
    struct pl_tools_opts tools;
    struct pl_feedback_opts feedback;
    struct pl_store_opts store;
    struct pl_tool_host_opts tool_hosts[PL_TOOLS_MAX];
};

/* Reads the model file's metadata and fills everything. The service must not move afterwards. */
int pl_service_init(struct pl_service *s, const struct pl_config *c, const char *program, const char *node,
                    struct pl_err *err);
void pl_service_finish(struct pl_service *s);

/* Whether NODE seals or names what is stored; the others are started without the master key. */
bool pl_service_needs_key(const char *node);
/* Finds the master key and opens the vault for a moment: a wrong key ends the start with its sentence, and
 * the key of the rows' names is known to the actors. FIRST: in the service, which holds DATA's lock and makes
 * what is missing. NODE needs no key (executor, tools): nothing is read, and the key leaves its environment.
 */
int pl_service_unlock(struct pl_service *s, const char *node, bool first, struct pl_err *err);

/* The actors that can live away from the service's loop, with their placement option. */
struct pl_movable {
    const char *actor; /* "executor"; "tool" stands for each tool.NAME */
    const char *option;
};
extern const struct pl_movable pl_movables[]; /* ends with NULL */

/* The child or thread that hosts ACTOR: the edge hosts the frontdoor, others bear their actor's name. */
const char *pl_service_host_of(const char *actor);

/* Adds ACTOR ("session", "tool.calculator", ...) to a node with its options. */
int pl_service_add(struct pl_service *s, struct pl_node *n, const char *actor, struct pl_err *err);

/* How ENDPOINT (lent) is listened at with the service's options: bounds, and whether keys are asked for. */
struct pl_listen_opts pl_service_listen_opts(const struct pl_service *s, uint32_t number,
                                             const char *endpoint);
/* Opens the outside sockets on the loop of the node that has the frontdoor. The field of an error is the
 * option that a person can change. */
int pl_service_listen(struct pl_service *s, struct pl_loop *l, struct pl_node *n, struct pl_err *err);
/* Whether they could be opened, asked before a child is started for it; nothing stays open. */
int pl_service_can_listen(struct pl_service *s, struct pl_err *err);

/* Runs the node ROLE, which hosts one actor, as a leaf on its own loop until its link is gone. For threads
 * and for child processes. */
int pl_leaf_run(struct pl_service *s, void *zmq, const char *role, const char *endpoint, uint64_t incarnation,
                struct pl_err *err);

#endif
