/* config.h - options: INI file < PARLANCE_* environment < flags, one name each.
 *
 * `max-seqs = 8` in the file's section [parlance], PARLANCE_MAX_SEQS=8, --max-seqs 8 (or --max-seqs=8) are the same
 * option. `placement.executor` is key `executor` of section [placement], PARLANCE_PLACEMENT_EXECUTOR and
 * --placement-executor. Unknown names in the file and on the command line are errors that name the nearest known one;
 * unknown environment names are left alone. Values are checked against the option's kind and limits. */
#ifndef PL_RUNTIME_CONFIG_H
#define PL_RUNTIME_CONFIG_H

#include <stdbool.h>
#include <stdint.h>
#include "schemas/err.h"

enum pl_option_kind { PL_OPT_STRING, PL_OPT_U64, PL_OPT_F64, PL_OPT_BOOL, PL_OPT_CHOICE };
struct pl_option {
    const char *name;       /* "max-seqs" */
    enum pl_option_kind kind;
    const char *fallback;   /* default as text; NULL: unset */
    double min, max;        /* of numbers */
    const char *choices;    /* "portable|avx2|avx512|amx" */
    const char *unit;       /* "ms", may be NULL */
    const char *doc;        /* one sentence */
    bool repeatable;        /* may be given several times; read with pl_config_at */
    const char *of;         /* "tenant": the file's section [tenant NAME] may say it for one of them, under what follows
                             * "tenant-" in this option's name; such a value goes before all others. May be NULL */
};
struct pl_config;

/* TABLE ends with a NULL name. ARGV: flags only (argv[1..]); words that are no flags are left in *REST (lent, n in
 * *N_REST) when REST is not NULL, else they are an error; after `--` all words are. The option "config" names the file;
 * DEFAULT_FILE (may be NULL) is read when it exists and no other is named. */
int pl_config_load(const struct pl_option *table, int argc, const char *const *argv, const char *default_file,
                   const char *const **rest, int *n_rest, struct pl_config **out, struct pl_err *err);
void pl_config_destroy(struct pl_config **c);
/* Getters stop the process for a name that is not in the table or has another kind (PL_MUST). */
const char *pl_config_str(const struct pl_config *c, const char *name); /* NULL when unset */
uint64_t pl_config_u64(const struct pl_config *c, const char *name);
double pl_config_f64(const struct pl_config *c, const char *name);
bool pl_config_bool(const struct pl_config *c, const char *name);
bool pl_config_is_set(const struct pl_config *c, const char *name); /* by file, environment or flag */
uint32_t pl_config_count(const struct pl_config *c, const char *name);
const char *pl_config_at(const struct pl_config *c, const char *name, uint32_t i);
/* What the file says of one member of a group, else what holds for all: pl_config_u64_of(c, "tenant-queue", "acme"). */
uint64_t pl_config_u64_of(const struct pl_config *c, const char *name, const char *member);
double pl_config_f64_of(const struct pl_config *c, const char *name, const char *member);
/* The members that have a section, in the file's order; NULL past the last. Lent for the life of C. */
const char *pl_config_member(const struct pl_config *c, const char *group, uint32_t i);
/* The table as --help text. */
void pl_config_help(const struct pl_option *table, char *buf, size_t size);

#endif
