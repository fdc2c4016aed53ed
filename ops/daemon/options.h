/* options.h - every option of parlanced, in one table (file < environment < flags), and what is derived from
 * them. */
#ifndef PL_OPS_DAEMON_OPTIONS_H
#define PL_OPS_DAEMON_OPTIONS_H

#include "runtime/config.h"

extern const struct pl_option pl_daemon_options[];

/* $XDG_STATE_HOME/parlance, else ~/.local/state/parlance. */
int pl_default_data(char *out, size_t size, struct pl_err *err);
/* The data directory: --data or the default. */
int pl_data_path(const struct pl_config *c, char *out, size_t size, struct pl_err *err);

#endif
