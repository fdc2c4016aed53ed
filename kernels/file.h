/* file.h - files that are whole or not there. Blocks on disk; any thread. */
#ifndef PL_KERNELS_FILE_H
#define PL_KERNELS_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include "schemas/err.h"

/* A file that is being written beside PATH. */
struct pl_file {
    FILE *f;
    char path[1024], temporary[1088];
};
/* -PL_E_IO, -PL_E_TOO_LARGE for a path over 1,000 bytes. Then f takes the content. */
int pl_file_begin(struct pl_file *w, const char *path, struct pl_err *err);
/* Flushes, syncs and gives it its name, directory synced too; with GOOD false, or on any error, removes it:
 * what had the name before is untouched. */
int pl_file_end(struct pl_file *w, bool good, struct pl_err *err);

/* A file of at most MOST bytes read whole into *DATA (given, one NUL behind). -PL_E_NOT_FOUND, -PL_E_IO,
 * -PL_E_TOO_LARGE, -PL_E_NO_MEMORY. */
int pl_file_read(const char *path, size_t most, char **data, size_t *len, struct pl_err *err);

#endif
