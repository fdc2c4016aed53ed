/* dir.h - directories that only we may enter: of the store and of ipc sockets. */
#ifndef PL_RUNTIME_DIR_H
#define PL_RUNTIME_DIR_H

#include <stddef.h>
#include "schemas/err.h"

/* Makes PATH and the missing directories above it, each with mode 0700. An existing PATH is taken as it is.
 * -PL_E_IO, -PL_E_TOO_LARGE. */
int pl__dir_make(const char *path, struct pl_err *err);
/* Makes the directory that FILE lies in, and refuses one that another user owns or that group or others may
 * enter
 * (-PL_E_FORBIDDEN). */
int pl__dir_make_private_for(const char *file, struct pl_err *err);

#endif
