/* fuzz.h - what fuzz targets share: pieces of an input, files for decoders that read files, and the rules
 * that every record keeps. */
#ifndef PL_TESTS_FUZZ_H
#define PL_TESTS_FUZZ_H

#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "schemas/gen/types.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The next piece of an input, up to MARK or the end, copied with a NUL after it; malloc'd. NULL: there is
 * none. */
static inline char *fuzz_piece(const uint8_t **data, size_t *size, int mark, size_t *len)
{
    if (*size == 0) return NULL;
    const uint8_t *end = memchr(*data, mark, *size);
    *len = end ? (size_t)(end - *data) : *size;
    char *piece = malloc(*len + 1);
    PL_MUST(piece);
    memcpy(piece, *data, *len);
    piece[*len] = '\0';
    size_t used = *len + (end != NULL);
    *data += used;
    *size -= used;
    return piece;
}

static char fuzz_folder[64];

static inline void fuzz_leave(void)
{
    char command[96];
    snprintf(command, sizeof command, "rm -rf %s", fuzz_folder);
    if (system(command)) fprintf(stderr, "%s stays\n", fuzz_folder);
}

/* A directory of this process, in memory where the system has such a place; removed at the end. */
static inline const char *fuzz_dir(void)
{
    if (fuzz_folder[0]) return fuzz_folder;
    snprintf(fuzz_folder, sizeof fuzz_folder, "%s/parlance-fuzz-XXXXXX",
             access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
    PL_MUST(mkdtemp(fuzz_folder));
    atexit(fuzz_leave);
    return fuzz_folder;
}

/* Writes NAME in that directory, mode 0600; its path, lent until the next call. */
static inline const char *fuzz_file(const char *name, const uint8_t *data, size_t size)
{
    static char path[160];
    snprintf(path, sizeof path, "%s/%s", fuzz_dir(), name);
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    PL_MUST(fd >= 0 && write(fd, data, size) == (ssize_t)size);
    close(fd);
    return path;
}

static inline void fuzz_print_alike(const struct pl_type *t, const void *a, const void *b)
{
    struct pl_buf x = {0}, y = {0};
    t->print(a, &x);
    t->print(b, &y);
    PL_MUST(x.len == y.len && memcmp(x.data, y.data, x.len) == 0);
    pl_buf_finish(&x);
    pl_buf_finish(&y);
}

/* What decodes keeps its limits, and written and read again prints the same; so does a copy. */
static inline void fuzz_survives(const struct pl_type *t, const void *record)
{
    struct pl_arena arena = {0}, other = {0};
    struct pl_buf bytes = {0};
    struct pl_err err = {0};
    void *again = calloc(1, t->size), *copy = calloc(1, t->size);
    PL_MUST(again && copy);
    PL_MUST(t->validate(record, &err) == 0);
    PL_MUST(t->encode(record, &bytes) == 0);
    PL_MUST(pl_wire_check(bytes.data, bytes.len, &err) == 0);
    struct pl_cursor c = {bytes.data, bytes.data + bytes.len};
    PL_MUST(t->decode(&c, &arena, again, &err) == 0 && c.p == c.end);
    fuzz_print_alike(t, record, again);
    PL_MUST(t->copy(again, &other, copy) == 0);
    fuzz_print_alike(t, record, copy);
    pl_arena_finish(&arena);
    pl_arena_finish(&other);
    pl_buf_finish(&bytes);
    free(again);
    free(copy);
}

#endif
