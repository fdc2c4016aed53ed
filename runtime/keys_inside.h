/* keys_inside.h - what keys.c and keys_file.c share. */
#ifndef PL_RUNTIME_KEYS_INSIDE_H
#define PL_RUNTIME_KEYS_INSIDE_H

#include "runtime/keys.h"

enum { PL__KEYS_PATH = 4096 };

/* One state of a file: another one has another of these. */
struct pl__file_state {
    bool there;
    uint64_t inode, size;
    int64_t seconds;
    long nanoseconds;
};
struct pl_keys {
    char path[PL__KEYS_PATH];
    struct pl__file_state state; /* that was read last, well or not */
    struct pl_key *keys;
    struct pl_key **by_public; /* the same, sorted */
    uint32_t count;
};

/* DATA/keys/FILE. -PL_E_TOO_LARGE. */
int pl__keys_path(const char *data, const char *file, char out[PL__KEYS_PATH], struct pl_err *err);
/* 1 to 64 of A-Z a-z 0-9 . _ - */
bool pl__key_name_is_good(const char *name);
/* All of PATH, which has to be a file of ours with mode 0600, malloc'd with a NUL added. -PL_E_NOT_FOUND. */
int pl__keys_read(const char *path, size_t most, char **text, size_t *len, struct pl_err *err);
/* The text of clients.json to keys (malloc'd). PATH is for the sentence. */
int pl__keys_parse(const char *path, const char *text, size_t len, struct pl_key **keys, uint32_t *count,
                   struct pl_err *err);

#endif
