/* backup_files.h - files of a backup: hashed, copied, synced, removed. Blocks on the disk; any thread. */
#ifndef PL_RUNTIME_BACKUP_FILES_H
#define PL_RUNTIME_BACKUP_FILES_H

#include "runtime/backup.h"

enum { PL_BACKUP_PATH = 4096, PL_BACKUP_FILES_MAX = 65536, PL_BACKUP_SUM = 64 };

struct pl_backup_file {
    char *name; /* without folder; a checkpoint has none below it */
    uint64_t size;
    char sum[PL_BACKUP_SUM + 1]; /* SHA-256; empty until it is read */
};
struct pl_backup_files {
    struct pl_backup_file *at; /* by name */
    uint32_t count, capacity;
    uint64_t bytes;
};

/* Joins a path into OUT (PL_BACKUP_PATH bytes). -PL_E_TOO_LARGE. */
int pl__path(char *out, struct pl_err *err, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
/* Adds a copy of NAME. -PL_E_NO_MEMORY, -PL_E_TOO_LARGE. */
int pl__files_add(struct pl_backup_files *f, const char *name, uint64_t size, const char *sum,
                  struct pl_err *err);
/* All plain files of DIR with their sizes; anything else in it is -PL_E_CORRUPT. */
int pl__files_read(const char *dir, struct pl_backup_files *out, struct pl_err *err);
void pl__files_finish(struct pl_backup_files *f);

/* How far a walk over files has come. */
struct pl_backup_walk {
    const struct pl_backup_watch *watch;
    uint64_t done, total;
};
/* Hashes FROM/NAME into F->sum. With TO not NULL the bytes go into TO/NAME too, which is made (0600) and
 * synced. */
int pl__file_copy(const char *from, const char *to, struct pl_backup_file *f, struct pl_backup_walk *walk,
                  struct pl_err *err);
/* Syncs a directory's names. */
int pl__dir_sync(const char *dir, struct pl_err *err);
/* Removes a directory with its files, two levels deep at most: a backup's own form. Absent: 0. */
int pl__dir_remove(const char *dir, struct pl_err *err);

/* The manifest of a backup. Writing syncs it. */
int pl__manifest_write(const char *backup_dir, const struct pl_backup *b, const struct pl_backup_files *f,
                       struct pl_err *err);
/* -PL_E_NOT_FOUND, -PL_E_CORRUPT. FILES may be NULL. */
int pl__manifest_read(const char *backup_dir, const char *name, struct pl_backup *b,
                      struct pl_backup_files *files, struct pl_err *err);

#endif
