/* cli.h - what the files of the `parlance` program share: a command, its invocation, and the helpers below
 * them.
 *
 * A command is a row of the table in parlance.c: its words, its options, its function. The function gets the
 * checked options and returns the exit code. Answers go to stdout, everything else to stderr. One thread. */
#ifndef PL_OPS_CLI_H
#define PL_OPS_CLI_H

#include <jansson.h>
#include "kernels/engine.h"
#include "kernels/gguf.h"
#include "kernels/template.h"
#include "kernels/vocab.h"
#include "ops/cli/client.h"
#include "ops/daemon/options.h"
#include "runtime/config.h"

/* Exit codes; the same for every command. */
enum { CLI_OK = 0, CLI_FAILED = 1, CLI_USAGE = 2, CLI_UNREACHABLE = 3 };

struct cli {
    const struct pl_config *options;
    const char *const *words; /* beside options */
    int n_words;
};
struct cli_command {
    const char *name;  /* "sessions list" */
    const char *words; /* "SESSION", "[TEXT]"; square brackets: may be missing */
    const char *doc;   /* one sentence */
    const struct pl_option *options;
    int (*run)(const struct cli *c);
    const char *alias; /* "nmax-tokens": -n is --max-tokens; may be NULL */
};
/* All of them, in the order of the help; ends with NULL (parlance.c). */
extern const struct cli_command *const cli_commands[];
extern const struct cli_command cli_completion, cli_man;
extern const struct cli_command cli_chat, cli_send, cli_ping;
extern const struct cli_command cli_sessions_forget, cli_keys_rotate_master, cli_keys_rotate_tenant;
extern const struct cli_command cli_sessions_list, cli_sessions_show, cli_sessions_delete,
    cli_sessions_export;
extern const struct cli_command cli_feedback_add, cli_feedback_list, cli_feedback_stats;
extern const struct cli_command cli_retrain_request, cli_retrain_status;
extern const struct cli_command cli_keys_new, cli_keys_list, cli_keys_revoke;
extern const struct cli_command cli_audit_list, cli_audit_verify;
extern const struct cli_command cli_doctor, cli_top, cli_letters_list, cli_letters_replay;
extern const struct cli_command cli_backup_create, cli_backup_list, cli_backup_verify, cli_backup_restore;
extern const struct cli_command cli_models_inspect, cli_generate, cli_tokenize, cli_perplexity, cli_bench, cli_train;

/* Rows that many tables of options have. */
#define CLI_COMMON                                                                                           \
    {.name = "data",                                                                                         \
     .kind = PL_OPT_STRING,                                                                                  \
     .doc = "data directory of the service; default $XDG_STATE_HOME/parlance"},                              \
        {.name = "json", .kind = PL_OPT_BOOL, .fallback = "false", .doc = "print JSON"},                     \
    {                                                                                                        \
        .name = "help", .kind = PL_OPT_BOOL, .fallback = "false", .doc = "print this and exit"               \
    }
#define CLI_WAIT                                                                                             \
    {.name = "wait",                                                                                         \
     .kind = PL_OPT_F64,                                                                                     \
     .fallback = "5",                                                                                        \
     .min = 0,                                                                                               \
     .max = 86400,                                                                                           \
     .unit = "s",                                                                                            \
     .doc = "how long to wait for the service to answer at all"},                                            \
        {.name = "standby",                                                                                  \
         .kind = PL_OPT_BOOL,                                                                                \
         .fallback = "false",                                                                                \
         .doc = "ask the standby of the data directory: it answers what reads"},                             \
        {.name = "keys",                                                                                     \
         .kind = PL_OPT_STRING,                                                                              \
         .doc = "file of `parlance keys new`: who we are, where keys are asked for"},                        \
        {.name = "tenant",                                                                                   \
         .kind = PL_OPT_STRING,                                                                              \
         .doc = "for whom; default the key's, or `default` without keys"},                                   \
    {                                                                                                        \
        .name = "endpoint", .kind = PL_OPT_STRING,                                                           \
        .doc = "where the service listens; default what --keys says, the socket in --data, or "              \
               "tcp://127.0.0.1:5580"                                                                        \
    }
#define CLI_SAMPLING                                                                                         \
    {.name = "temperature",                                                                                  \
     .kind = PL_OPT_F64,                                                                                     \
     .fallback = "0.7",                                                                                      \
     .min = 0,                                                                                               \
     .max = 2,                                                                                               \
     .doc = "0 is greedy"},                                                                                  \
        {.name = "greedy", .kind = PL_OPT_BOOL, .fallback = "false", .doc = "same as --temperature 0"},      \
        {.name = "top-p", .kind = PL_OPT_F64, .fallback = "0.9", .min = 0, .max = 1, .doc = "nucleus"},      \
        {.name = "top-k",                                                                                    \
         .kind = PL_OPT_U64,                                                                                 \
         .fallback = "0",                                                                                    \
         .max = 1000000,                                                                                     \
         .doc = "best k only; 0: off"},                                                                      \
        {.name = "min-p",                                                                                    \
         .kind = PL_OPT_F64,                                                                                 \
         .fallback = "0",                                                                                    \
         .min = 0,                                                                                           \
         .max = 1,                                                                                           \
         .doc = "drop what is less likely than this share of the best"},                                     \
        {.name = "repetition-penalty",                                                                       \
         .kind = PL_OPT_F64,                                                                                 \
         .fallback = "1",                                                                                    \
         .min = 0.01,                                                                                        \
         .max = 10,                                                                                          \
         .doc = "1: off"},                                                                                   \
        {.name = "presence-penalty",                                                                         \
         .kind = PL_OPT_F64,                                                                                 \
         .fallback = "0",                                                                                    \
         .min = -2,                                                                                          \
         .max = 2,                                                                                           \
         .doc = "0: off"},                                                                                   \
        {.name = "frequency-penalty",                                                                        \
         .kind = PL_OPT_F64,                                                                                 \
         .fallback = "0",                                                                                    \
         .min = -2,                                                                                          \
         .max = 2,                                                                                           \
         .doc = "0: off"},                                                                                   \
        {.name = "seed", .kind = PL_OPT_U64, .doc = "of the sampling; drawn when not given"},                \
    {                                                                                                        \
        .name = "max-tokens", .kind = PL_OPT_U64, .fallback = "512", .min = 1, .max = 131072,                \
        .unit = "tokens", .doc = "most tokens to generate (-n)"                                              \
    }
#define CLI_ENGINE PL_OPTION_MODEL, PL_OPTION_THREADS, PL_OPTION_ISA
#define CLI_ADAPTER                                                                                          \
    {                                                                                                        \
        .name = "adapter", .kind = PL_OPT_STRING, .doc = "LoRA adapter: a PEFT directory or a GGUF file"     \
    }
#define CLI_END                                                                                              \
    {                                                                                                        \
        .name = NULL                                                                                         \
    }

/* --- trouble (trouble.c): a line on stderr, and the exit code to return --- */
int cli_fail(const struct pl_err *err);
int cli_usage(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* --- service (service.c) --- */
/* Path of the data directory: --data or the default. 0 or an exit code. */
int cli_data(const struct cli *c, char *out, size_t size);
/* Connects, to the admin socket of the data directory or as --endpoint and --data say, and waits up to --wait
 * for an answer. CLI_UNREACHABLE, said on stderr, when there is none. */
int cli_connect(const struct cli *c, bool admin, struct pl_client **out);
/* One request and its answer; says what went wrong. */
int cli_call(struct pl_client *client, const struct pl_type *type, const void *body,
             const struct pl_client_head *head, const struct pl_type *want, struct pl_reply *out);
/* The whole of a command that is one question without paging: PRINT shows the answer for people; --json
 * prints it. */
int cli_ask(const struct cli *c, bool admin, const struct pl_type *type, const void *body,
            const struct pl_client_head *head, const struct pl_type *want, void (*print)(const void *answer));
/* A question that is asked again with the `next` of each page as its `after`, until a page has none. */
struct cli_pages {
    const struct pl_type *type, *want;
    void *request;
    bool *has_after; /* of REQUEST */
    struct pl_str *after;
    const struct pl_client_head *head;
    struct pl_str (*take)(const void *page, void *arg); /* returns the page's `next` */
};
int cli_pages(struct pl_client *client, const struct cli_pages *p, void *arg);
/* Exit code for an error of the client library, said on stderr. */
int cli_client_error(int rc, const struct pl_err *err);

/* --- one table, several uses (completion.c) --- */
/* The name as a flag, without the two dashes: `placement.store` is placement-store. One of cli_format's
 * buffers. */
const char *cli_flag(const struct pl_option *o);
/* What starts the daemon's children is nothing to write or read about. */
bool cli_is_internal(const struct pl_option *o);

/* --- requests (request.c) --- */
/* What the options say of a question. LISTS keeps what it points at. */
struct cli_lists {
    const char *tools[16], *stops[16];
    char names[1100]; /* of the tools: 16 of 64 bytes */
};
int cli_request(const struct cli *c, const char *text, struct cli_lists *lists, struct parlance_question *q);
#define CLI_REQUEST                                                                                          \
    CLI_SAMPLING,                                                                                            \
        {.name = "session",                                                                                  \
         .kind = PL_OPT_STRING,                                                                              \
         .doc = "name of the dialogue; a new one begins when it is not known"},                              \
        {.name = "user", .kind = PL_OPT_STRING, .doc = "who speaks"},                                        \
        {.name = "system", .kind = PL_OPT_STRING, .doc = "system prompt of a session that begins here"},     \
        {.name = "tools",                                                                                    \
         .kind = PL_OPT_STRING,                                                                              \
         .doc = "tools that the model may call, separated by commas"},                                       \
        {.name = "stop", .kind = PL_OPT_STRING, .repeatable = true, .doc = "text that ends the answer"},     \
    {                                                                                                        \
        .name = "budget-ms", .kind = PL_OPT_U64, .fallback = "0", .max = 86400000, .unit = "ms",             \
        .doc = "time that the service has; 0: no limit"                                                      \
    }

/* --- output (output.c) --- */
/* Prints a record as one line of JSON. EXTRA (may be NULL): text put behind the opening brace, such as
 * "\"a\":1,". TAIL (may be NULL) the same before the closing one. */
void cli_print_record(const struct pl_type *type, const void *record, const char *extra, const char *tail);
/* Prints V as one line and frees it. */
void cli_print_json(json_t *v);
/* JSON string of any bytes: what is not UTF-8 becomes U+FFFD. */
json_t *cli_json_text(const char *bytes, size_t len);
/* A table for people. Rows of COLUMNS texts; printed and freed by cli_table_print. */
struct cli_table {
    size_t columns, count, capacity;
    char **cells;
};
void cli_table_row(struct cli_table *t, ...); /* COLUMNS strings */
void cli_table_print(struct cli_table *t);
/* Local time of a wall clock in ms, "2000-01-01 12:00:00"; static buffers, 4 in rotation. */
const char *cli_time(uint64_t ms);
/* printf into one of 16 static buffers. */
const char *cli_format(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* --- progress (progress.c): a pl_backup_progress; ARG is the word in front of the bar --- */
void cli_progress(uint64_t done, uint64_t total, void *arg);

/* --- models (model.c) --- */
struct cli_model {
    struct pl_gguf *file; /* NULL: the hash model */
    struct pl_vocab *vocab;
    struct pl_template *dialogue;
    struct pl_model *model;
    struct pl_engine *engine;
    struct pl_adapter *adapter; /* of --adapter */
};
enum { CLI_WITH_VOCAB = 1, CLI_WITH_TEMPLATE = 2, CLI_WITH_WEIGHTS = 4 };
/* Opens the parts named by WHAT of the file that --model names. 0 or an exit code, said on stderr. */
int cli_model_open(const struct cli *c, int what, struct cli_model *out);
/* Tokens of a context: --ctx-size, else the model's but at most 8,192. */
uint32_t cli_model_context(const struct cli *c, const struct cli_model *m);
int cli_model_engine(const struct cli *c, struct cli_model *m, uint32_t n_tokens, uint32_t max_rows);
void cli_model_close(struct cli_model *m);
/* Reads PATH ("-": stdin) to its end, byte for byte; malloc'd, a NUL added. NULL after a line on stderr. */
char *cli_read(const char *path, size_t *len);

#endif
