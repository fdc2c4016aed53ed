/* options.h - every option of parlanced, in one table (file < environment < flags), and what is derived from
 * them. */
#ifndef PL_OPS_DAEMON_OPTIONS_H
#define PL_OPS_DAEMON_OPTIONS_H

#include "runtime/config.h"

extern const struct pl_option pl_daemon_options[];

/* Rows that `parlance` has as well, for what it does without the daemon. */
#define PL_OPTION_MODEL                                                                                      \
    {                                                                                                        \
        .name = "model", .kind = PL_OPT_STRING, .doc = "GGUF file of the model; hash: a toy without weights" \
    }
#define PL_OPTION_THREADS                                                                                    \
    {                                                                                                        \
        .name = "threads", .kind = PL_OPT_U64, .fallback = "0", .max = 1024,                                 \
        .doc = "threads that run the model; 0: the CPUs it may use"                                          \
    }
#define PL_OPTION_ISA                                                                                        \
    {                                                                                                        \
        .name = "isa", .kind = PL_OPT_CHOICE, .fallback = "auto",                                            \
        .choices = "auto|portable|avx2|avx512|amx", .doc = "instruction set of the kernels"                  \
    }
#define PL_OPTION_CTX_SIZE                                                                                   \
    {                                                                                                        \
        .name = "ctx-size", .kind = PL_OPT_U64, .fallback = "0", .max = 131072, .unit = "tokens",            \
        .doc = "context of one sequence; 0: the model's, at most 8192"                                       \
    }
#define PL_OPTION_PREFILL_CHUNK                                                                              \
    {                                                                                                        \
        .name = "prefill-chunk", .kind = PL_OPT_U64, .fallback = "256", .min = 1, .max = 8192,               \
        .unit = "tokens", .doc = "most prompt tokens in a step"                                              \
    }

/* $XDG_STATE_HOME/parlance, else ~/.local/state/parlance. */
int pl_default_data(char *out, size_t size, struct pl_err *err);
/* The data directory: --data or the default. */
int pl_data_path(const struct pl_config *c, char *out, size_t size, struct pl_err *err);

#endif
