/* data_lock.h - the data directory and its lock: one directory has one service. Blocks on the file system;
 * any thread. */
#ifndef PL_OPS_DAEMON_DATA_LOCK_H
#define PL_OPS_DAEMON_DATA_LOCK_H

#include "schemas/err.h"

/* Makes DATA, refuses one that others may enter (-PL_E_FORBIDDEN), and opens DATA/NAME without locking it:
 * *FD, closed by an exec. */
int pl_data_lock_open(const char *data, const char *name, int *fd, struct pl_err *err);
/* Takes the lock of FD, or -PL_E_CONFLICT at once with the sentence HELD. */
int pl_data_lock_take(int fd, const char *held, const char *data, struct pl_err *err);

#endif
