/* backup.c - a directory of backups: made whole by a rename, listed, kept to a number. */
#include "runtime/backup.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "runtime/backup_files.h"
#include "runtime/dir.h"
#include "runtime/vault.h"

void pl_backup_now(char time[32], char name[32])
{
    struct timespec t;
    struct tm parts;
    char seconds[24];
    clock_gettime(CLOCK_REALTIME, &t);
    gmtime_r(&t.tv_sec, &parts);
    strftime(seconds, sizeof seconds, "%Y-%m-%dT%H:%M:%S", &parts);
    snprintf(time, 32, "%s.%03dZ", seconds, (int)(t.tv_nsec / 1000000 % 1000));
    strftime(name, 32, "%Y%m%dT%H%M%SZ", &parts);
}

int pl_backup_check_name(const char *name, struct pl_err *err)
{
    static const char good[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";
    size_t n = strlen(name);
    if (n > 0 && n <= PL_BACKUP_NAME_BYTES && name[0] != '.' && strspn(name, good) == n) return 0;
    return pl_fail(err, PL_E_INVALID, "name",
                   "the name of a backup has 1 to %d letters, digits, dots, dashes, and no dot in front",
                   PL_BACKUP_NAME_BYTES);
}

static bool is_hidden(const char *name)
{
    return name[0] == '.';
}

static bool ends_with(const char *name, const char *end)
{
    size_t n = strlen(name), k = strlen(end);
    return n > k && strcmp(name + n - k, end) == 0;
}

/* --- making --- */

static int remove_leftovers(const char *dir, struct pl_err *err)
{
    char path[PL_BACKUP_PATH];
    DIR *d = opendir(dir);
    int rc = 0;
    if (!d) return pl_fail(err, PL_E_IO, "backup", "cannot read the directory %s: %s", dir, strerror(errno));
    for (struct dirent *e = readdir(d); e && !rc; e = readdir(d)) {
        if (!is_hidden(e->d_name) || (!ends_with(e->d_name, ".partial") && !ends_with(e->d_name, ".gone") &&
                                      !ends_with(e->d_name, ".tmp")))
            continue;
        rc = pl__path(path, err, "%s/%s", dir, e->d_name);
        if (!rc) rc = pl__dir_remove(path, err);
    }
    closedir(d);
    return rc;
}

int pl_backup_begin(const char *dir, int *lock, struct pl_err *err)
{
    char path[PL_BACKUP_PATH];
    int rc = pl__dir_make(dir, err);
    if (!rc) rc = pl__path(path, err, "%s/.lock", dir);
    if (rc) return rc;
    *lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (*lock < 0) return pl_fail(err, PL_E_IO, "backup", "cannot open %s: %s", path, strerror(errno));
    if (flock(*lock, LOCK_EX | LOCK_NB))
        rc = pl_fail(err, PL_E_CONFLICT, "backup", "another backup is being made in %s", dir);
    if (!rc) rc = remove_leftovers(dir, err);
    if (rc) {
        close(*lock);
        *lock = -1;
    }
    return rc;
}

/* Hashes all files of FROM/store; with TO copies them into TO/store. */
static int take_files(const char *from, const char *to, struct pl_backup *b, struct pl_backup_files *files,
                      const struct pl_backup_watch *watch, struct pl_err *err)
{
    char source[PL_BACKUP_PATH], target[PL_BACKUP_PATH];
    int rc = pl__path(source, err, "%s/store", from);
    if (!rc && to) rc = pl__path(target, err, "%s/store", to);
    if (!rc && to) rc = pl__dir_make(target, err);
    if (!rc) rc = pl__files_read(source, files, err);
    struct pl_backup_walk walk = {.watch = watch, .total = files->bytes};
    for (uint32_t i = 0; i < files->count && !rc; i++)
        rc = pl__file_copy(source, to ? target : NULL, &files->at[i], &walk, err);
    if (!rc) rc = pl__dir_sync(to ? target : source, err);
    b->files = files->count;
    b->bytes = walk.done;
    return rc;
}

static int put_in_place(const char *partial, const char *dir, const char *name, struct pl_err *err)
{
    char path[PL_BACKUP_PATH];
    int rc = pl__dir_sync(partial, err);
    if (!rc) rc = pl__path(path, err, "%s/%s", dir, name);
    if (!rc && renameat2(AT_FDCWD, partial, AT_FDCWD, path, RENAME_NOREPLACE)) {
        int code = errno == EEXIST ? PL_E_CONFLICT : PL_E_IO;
        rc = pl_fail(err, code, "name", "cannot make %s: %s", path, strerror(errno));
    }
    return rc ? rc : pl__dir_sync(dir, err);
}

/* True when both are the same directory. */
static bool same_place(const char *from, const char *dir)
{
    char parent[PL_BACKUP_PATH + 4];
    struct stat a, b;
    snprintf(parent, sizeof parent, "%s/..", from);
    return stat(parent, &a) == 0 && stat(dir, &b) == 0 && a.st_dev == b.st_dev && a.st_ino == b.st_ino;
}

/* The keys of what FROM holds, beside all backups of DIR. FROM lies in DATA/backups. */
static int take_vault(const char *from, const char *dir, struct pl_err *err)
{
    char vault[PL_BACKUP_PATH], copy[PL_BACKUP_PATH];
    int rc = pl__path(vault, err, "%s/../../vault", from);
    if (!rc) rc = pl__path(copy, err, "%s/vault", dir);
    return rc || access(vault, F_OK) ? rc : pl_vault_add_copy(vault, copy, err);
}

int pl_backup_finish(const char *from, const char *dir, struct pl_backup *b,
                     const struct pl_backup_watch *watch, struct pl_err *err)
{
    char copy[PL_BACKUP_PATH];
    struct pl_backup_files files = {0};
    bool here = same_place(from, dir);
    const char *partial = here ? from : copy;
    int rc = pl_backup_check_name(b->name, err);
    if (!rc) rc = pl__path(copy, err, "%s/.%s.partial", dir, b->name);
    if (!rc) rc = take_files(from, here ? NULL : copy, b, &files, watch, err);
    if (!rc) rc = pl__manifest_write(partial, b, &files, err);
    if (!rc) rc = take_vault(from, dir, err); /* first: what is listed can be opened */
    if (!rc) rc = put_in_place(partial, dir, b->name, err);
    if (!rc && !here) rc = pl__dir_remove(from, err);
    pl__files_finish(&files);
    return rc;
}

/* --- listing --- */

struct list {
    struct pl_backup *at;
    size_t count, capacity;
};

static int list_add(struct list *l, const char *dir, const char *name, struct pl_err *err)
{
    char path[PL_BACKUP_PATH];
    struct stat st;
    int rc = pl__path(path, err, "%s/%s", dir, name);
    if (rc || stat(path, &st) || !S_ISDIR(st.st_mode) || pl_backup_check_name(name, NULL)) return rc;
    if (l->count == l->capacity) {
        l->capacity = l->capacity ? 2 * l->capacity : 16;
        struct pl_backup *more = realloc(l->at, l->capacity * sizeof *more);
        if (!more) return pl_fail(err, PL_E_NO_MEMORY, "backup", "out of memory");
        l->at = more;
    }
    struct pl_backup *b = &l->at[l->count++];
    b->damaged = pl__manifest_read(path, name, b, NULL, NULL) != 0;
    return 0;
}

/* Damaged ones first: they have no time. */
static int by_time(const void *a, const void *b)
{
    const struct pl_backup *x = a, *y = b;
    int c = strcmp(x->damaged ? "" : x->time, y->damaged ? "" : y->time);
    return c ? c : strcmp(x->name, y->name);
}

static int list_read(const char *dir, struct list *l, struct pl_err *err)
{
    DIR *d = opendir(dir);
    int rc = 0;
    if (!d && errno == ENOENT) return 0;
    if (!d) return pl_fail(err, PL_E_IO, "backup", "cannot read the directory %s: %s", dir, strerror(errno));
    for (struct dirent *e = readdir(d); e && !rc; e = readdir(d))
        if (!is_hidden(e->d_name)) rc = list_add(l, dir, e->d_name, err);
    closedir(d);
    if (l->count) qsort(l->at, l->count, sizeof *l->at, by_time);
    return rc;
}

int pl_backup_list(const char *dir, void (*fn)(const struct pl_backup *b, void *arg), void *arg,
                   struct pl_err *err)
{
    struct list l = {0};
    int rc = list_read(dir, &l, err);
    for (size_t i = 0; i < l.count && !rc; i++) fn(&l.at[i], arg);
    free(l.at);
    return rc;
}

/* A time without its Z, so that 03:04:05 is not later than 03:04:05.678. */
static void bare_time(char out[32], const char *time)
{
    snprintf(out, 32, "%s", time);
    char *z = strchr(out, 'Z');
    if (z) *z = 0;
}

int pl_backup_find_at(const char *dir, const char *time, struct pl_backup *out, struct pl_err *err)
{
    struct list l = {0};
    char limit[32], own[32];
    bool found = false;
    int rc = list_read(dir, &l, err);
    bare_time(limit, time);
    for (size_t i = 0; i < l.count && !rc; i++) {
        bare_time(own, l.at[i].time);
        if (l.at[i].damaged || strcmp(own, limit) > 0) continue;
        *out = l.at[i];
        found = true;
    }
    free(l.at);
    if (rc || found) return rc;
    return pl_fail(err, PL_E_NOT_FOUND, "at", "%s has no backup that is not later than %s", dir, time);
}

/* The name goes first, so that what is half removed is no backup. */
static int remove_one(const char *dir, const char *name, struct pl_err *err)
{
    char path[PL_BACKUP_PATH], gone[PL_BACKUP_PATH];
    int rc = pl__path(path, err, "%s/%s", dir, name);
    if (!rc) rc = pl__path(gone, err, "%s/.%s.gone", dir, name);
    if (!rc && rename(path, gone))
        rc = pl_fail(err, PL_E_IO, "backup", "cannot remove %s: %s", path, strerror(errno));
    return rc ? rc : pl__dir_remove(gone, err);
}

int pl_backup_keep(const char *dir, uint32_t keep, uint32_t *removed, struct pl_err *err)
{
    struct list l = {0};
    int rc = list_read(dir, &l, err);
    *removed = 0;
    for (size_t i = 0; i + keep < l.count && !rc; i++) {
        rc = remove_one(dir, l.at[i].name, err);
        *removed += !rc;
    }
    free(l.at);
    return rc;
}
