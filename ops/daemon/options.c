#include "ops/daemon/options.h"

#include <stdio.h>
#include <stdlib.h>

#define WHERE "loop|inproc|ipc|tcp"

const struct pl_option pl_daemon_options[] = {
    PL_OPTION_MODEL,
    {.name = "data",
     .kind = PL_OPT_STRING,
     .doc = "directory of the store; default $XDG_STATE_HOME/parlance"},
    {.name = "listen",
     .kind = PL_OPT_STRING,
     .fallback = "tcp://127.0.0.1:5580",
     .doc = "endpoint for clients"},
    {.name = "metrics",
     .kind = PL_OPT_STRING,
     .doc = "HOST:PORT of /metrics, /healthz and /readyz; none by default"},
    PL_OPTION_THREADS,
    PL_OPTION_CTX_SIZE,
    {.name = "max-seqs",
     .kind = PL_OPT_U64,
     .fallback = "16",
     .min = 1,
     .max = 1024,
     .doc = "sequences that run at once"},
    {.name = "queue",
     .kind = PL_OPT_U64,
     .fallback = "64",
     .max = 65536,
     .unit = "requests",
     .doc = "waiting requests"},
    PL_OPTION_PREFILL_CHUNK,
    {.name = "kv-memory",
     .kind = PL_OPT_U64,
     .fallback = "0",
     .max = 1048576,
     .unit = "MiB",
     .doc = "most memory of the KV cache; 0: a quarter of the machine's"},
    PL_OPTION_ISA,
    {.name = "logits-hash",
     .kind = PL_OPT_BOOL,
     .fallback = "false",
     .doc = "put a hash of every sampled logits row into the turn (tests)"},
    {.name = "tools",
     .kind = PL_OPT_STRING,
     .fallback = "calculator",
     .doc = "tools to run, separated by commas; none: no tools"},
    {.name = "tools-dir",
     .kind = PL_OPT_STRING,
     .doc = "directory of the tools' shared objects; default beside the program"},
    {.name = "tool-hint",
     .kind = PL_OPT_STRING,
     .fallback = "Now answer in one sentence.",
     .doc = "asked when the model says nothing of its own after a tool's result"},
    {.name = "feedback-threshold",
     .kind = PL_OPT_U64,
     .fallback = "100",
     .max = 1000000000,
     .unit = "ratings",
     .doc = "more ratings below 3 than this make a retraining due"},
    {.name = "store-reserve",
     .kind = PL_OPT_U64,
     .fallback = "0",
     .max = 1048576,
     .unit = "MiB",
     .doc = "refuse writes when less is free on the disk; 0: what the store needs to stay safe"},
    {.name = "log-level",
     .kind = PL_OPT_CHOICE,
     .fallback = "info",
     .choices = "error|warn|info|debug",
     .doc = "log lines on stderr"},
    {.name = "edge-memory",
     .kind = PL_OPT_U64,
     .fallback = "256",
     .min = 64,
     .max = 1048576,
     .unit = "MiB",
     .doc =
         "most memory of the edge, the process that owns the outside sockets; over it it is started again"},
    {.name = "placement.store",
     .kind = PL_OPT_CHOICE,
     .fallback = "inproc",
     .choices = WHERE,
     .doc = "where the store lives"},
    {.name = "placement.executor",
     .kind = PL_OPT_CHOICE,
     .fallback = "ipc",
     .choices = WHERE,
     .doc = "where the executor lives"},
    {.name = "placement.tool",
     .kind = PL_OPT_CHOICE,
     .fallback = "ipc",
     .choices = WHERE,
     .doc = "where the tools' hosts live"},
    {.name = "placement.batcher",
     .kind = PL_OPT_CHOICE,
     .fallback = "loop",
     .choices = WHERE,
     .doc = "where the batcher lives"},
    {.name = "placement.session",
     .kind = PL_OPT_CHOICE,
     .fallback = "loop",
     .choices = WHERE,
     .doc = "where the session actor lives"},
    {.name = "placement.feedback",
     .kind = PL_OPT_CHOICE,
     .fallback = "loop",
     .choices = WHERE,
     .doc = "where the feedback actor lives"},
    {.name = "placement.tools",
     .kind = PL_OPT_CHOICE,
     .fallback = "loop",
     .choices = WHERE,
     .doc = "where the tool-caller lives"},
    {.name = "placement.frontdoor",
     .kind = PL_OPT_CHOICE,
     .fallback = "ipc",
     .choices = WHERE,
     .doc = "where the outside sockets live; ipc: in the edge, a process with a memory cap"},
    {.name = "config",
     .kind = PL_OPT_STRING,
     .doc = "INI file with these options; default DATA/parlance.ini when there"},
    {.name = "role", .kind = PL_OPT_STRING, .doc = "internal: the part of the service that this child hosts"},
    {.name = "link", .kind = PL_OPT_STRING, .doc = "internal: endpoint of the service"},
    {.name = "incarnation",
     .kind = PL_OPT_U64,
     .fallback = "0",
     .max = 9e18,
     .doc = "internal: count of this child's starts"},
    {.name = "parent",
     .kind = PL_OPT_U64,
     .fallback = "0",
     .max = 9e18,
     .doc = "internal: process of the service"},
    {.name = "memory",
     .kind = PL_OPT_U64,
     .fallback = "0",
     .max = 9e18,
     .unit = "bytes",
     .doc = "internal: most memory of this child"},
    {.name = "model-name", .kind = PL_OPT_STRING, .doc = "internal: what the edge says that is served"},
    {.name = "model-digest", .kind = PL_OPT_STRING, .doc = "internal: its digest"},
    {.name = "help", .kind = PL_OPT_BOOL, .fallback = "false", .doc = "print this and exit"},
    {.name = "version", .kind = PL_OPT_BOOL, .fallback = "false", .doc = "print the version and exit"},
    {.name = NULL},
};

int pl_default_data(char *out, size_t size, struct pl_err *err)
{
    const char *state = getenv("XDG_STATE_HOME"), *home = getenv("HOME");
    int n = -1;
    if (state && *state)
        n = snprintf(out, size, "%s/parlance", state);
    else if (home && *home)
        n = snprintf(out, size, "%s/.local/state/parlance", home);
    if (n < 0) return pl_fail(err, PL_E_INVALID, "data", "HOME is not set: give --data DIR");
    return (size_t)n < size
               ? 0
               : pl_fail(err, PL_E_TOO_LARGE, "data", "the path of the data directory is too long");
}

int pl_data_path(const struct pl_config *c, char *out, size_t size, struct pl_err *err)
{
    const char *given = pl_config_str(c, "data");
    if (!given) return pl_default_data(out, size, err);
    int n = snprintf(out, size, "%s", given);
    return n >= 0 && (size_t)n < size
               ? 0
               : pl_fail(err, PL_E_TOO_LARGE, "data", "the path of the data directory is too long");
}
