#include "runtime/backup_files.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { CHUNK_BYTES = 1 << 20 };

int pl__path(char *out, struct pl_err *err, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    int n = vsnprintf(out, PL_BACKUP_PATH, fmt, args);
    va_end(args);
    if (n >= 0 && n < PL_BACKUP_PATH) return 0;
    return pl_fail(err, PL_E_TOO_LARGE, "path", "a path has to have less than %d bytes", PL_BACKUP_PATH);
}

static int io(const char *doing, const char *path, struct pl_err *err)
{
    int code = errno == ENOENT ? PL_E_NOT_FOUND : PL_E_IO;
    return pl_fail(err, code, "backup", "cannot %s %s: %s", doing, path, strerror(errno));
}

/* --- lists of files --- */

int pl__files_add(struct pl_backup_files *f, const char *name, uint64_t size, const char *sum,
                  struct pl_err *err)
{
    if (f->count == PL_BACKUP_FILES_MAX)
        return pl_fail(err, PL_E_TOO_LARGE, "backup", "a backup has at most %d files", PL_BACKUP_FILES_MAX);
    if (f->count == f->capacity) {
        uint32_t capacity = f->capacity ? 2 * f->capacity : 64;
        struct pl_backup_file *more = realloc(f->at, capacity * sizeof *more);
        if (!more) return pl_fail(err, PL_E_NO_MEMORY, "backup", "out of memory");
        f->at = more;
        f->capacity = capacity;
    }
    char *copy = strdup(name);
    if (!copy) return pl_fail(err, PL_E_NO_MEMORY, "backup", "out of memory");
    struct pl_backup_file *file = &f->at[f->count++];
    *file = (struct pl_backup_file){.name = copy, .size = size};
    snprintf(file->sum, sizeof file->sum, "%s", sum ? sum : "");
    f->bytes += size;
    return 0;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const struct pl_backup_file *)a)->name, ((const struct pl_backup_file *)b)->name);
}

static int read_entry(int dir, const char *path, const char *name, struct pl_backup_files *out,
                      struct pl_err *err)
{
    struct stat st;
    if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0) return 0;
    if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW)) return io("look at", path, err);
    if (!S_ISREG(st.st_mode))
        return pl_fail(err, PL_E_CORRUPT, "backup", "%s/%s is no plain file", path, name);
    return pl__files_add(out, name, (uint64_t)st.st_size, NULL, err);
}

int pl__files_read(const char *path, struct pl_backup_files *out, struct pl_err *err)
{
    DIR *dir = opendir(path);
    int rc = 0;
    if (!dir) return io("read the directory", path, err);
    for (struct dirent *e = readdir(dir); e && !rc; e = readdir(dir))
        rc = read_entry(dirfd(dir), path, e->d_name, out, err);
    closedir(dir);
    if (out->count) qsort(out->at, out->count, sizeof *out->at, by_name);
    return rc;
}

void pl__files_finish(struct pl_backup_files *f)
{
    for (uint32_t i = 0; i < f->count; i++) free(f->at[i].name);
    free(f->at);
    *f = (struct pl_backup_files){0};
}

/* --- copying --- */

struct copy {
    const char *from, *to; /* paths; TO NULL: hashing only */
    int in, out;
    EVP_MD_CTX *sum;
    char *chunk;
};

static int copy_open(struct copy *c, struct pl_err *err)
{
    c->chunk = malloc(CHUNK_BYTES);
    c->sum = EVP_MD_CTX_new();
    if (!c->chunk || !c->sum || EVP_DigestInit_ex(c->sum, EVP_sha256(), NULL) != 1)
        return pl_fail(err, PL_E_NO_MEMORY, "backup", "out of memory");
    c->in = open(c->from, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (c->in < 0) return io("open", c->from, err);
    if (c->to) c->out = open(c->to, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    return c->to && c->out < 0 ? io("make", c->to, err) : 0;
}

static int write_all(int fd, const char *bytes, size_t n)
{
    while (n > 0) {
        ssize_t k = write(fd, bytes, n);
        if (k < 0 && errno == EINTR) continue;
        if (k < 0) return -1;
        bytes += k;
        n -= (size_t)k;
    }
    return 0;
}

static int copy_bytes(struct copy *c, uint64_t *size, struct pl_backup_walk *walk, struct pl_err *err)
{
    ssize_t n;
    *size = 0;
    while ((n = read(c->in, c->chunk, CHUNK_BYTES)) != 0) {
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return io("read", c->from, err);
        if (EVP_DigestUpdate(c->sum, c->chunk, (size_t)n) != 1)
            return pl_fail(err, PL_E_INTERNAL, "backup", "no SHA-256");
        if (c->to && write_all(c->out, c->chunk, (size_t)n)) return io("write", c->to, err);
        *size += (uint64_t)n;
        walk->done += (uint64_t)n;
        if (walk->watch && walk->watch->fn) walk->watch->fn(walk->done, walk->total, walk->watch->arg);
    }
    return c->to && fsync(c->out) ? io("write", c->to, err) : 0;
}

static int copy_sum(struct copy *c, char out[PL_BACKUP_SUM + 1])
{
    unsigned char sum[EVP_MAX_MD_SIZE];
    unsigned n = 0;
    if (EVP_DigestFinal_ex(c->sum, sum, &n) != 1) return -PL_E_INTERNAL;
    for (unsigned i = 0; i < n; i++) snprintf(out + 2 * i, 3, "%02x", sum[i]);
    return 0;
}

int pl__file_copy(const char *from, const char *to, struct pl_backup_file *f, struct pl_backup_walk *walk,
                  struct pl_err *err)
{
    char source[PL_BACKUP_PATH], target[PL_BACKUP_PATH];
    struct copy c = {.from = source, .to = to ? target : NULL, .in = -1, .out = -1};
    int rc = pl__path(source, err, "%s/%s", from, f->name);
    if (!rc && to) rc = pl__path(target, err, "%s/%s", to, f->name);
    if (!rc) rc = copy_open(&c, err);
    if (!rc) rc = copy_bytes(&c, &f->size, walk, err);
    if (!rc) rc = copy_sum(&c, f->sum);
    if (c.in >= 0) close(c.in);
    if (c.out >= 0) close(c.out);
    EVP_MD_CTX_free(c.sum);
    free(c.chunk);
    return rc;
}

/* --- directories --- */

int pl__dir_sync(const char *dir, struct pl_err *err)
{
    int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int rc = fd < 0 || fsync(fd) ? io("sync", dir, err) : 0;
    if (fd >= 0) close(fd);
    return rc;
}

static int remove_below(const char *path, int depth, struct pl_err *err)
{
    char child[PL_BACKUP_PATH];
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    DIR *dir = fd < 0 ? NULL : fdopendir(fd);
    int rc = 0;
    if (!dir) return errno == ENOENT ? 0 : io("read the directory", path, err);
    for (struct dirent *e = readdir(dir); e && !rc; e = readdir(dir)) {
        if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0) continue;
        rc = pl__path(child, err, "%s/%s", path, e->d_name);
        if (rc || unlink(child) == 0) continue;
        rc = errno == EISDIR && depth > 0 ? remove_below(child, depth - 1, err) : io("remove", child, err);
    }
    closedir(dir);
    if (!rc && rmdir(path)) rc = io("remove", path, err);
    return rc;
}

int pl__dir_remove(const char *dir, struct pl_err *err)
{
    return unlink(dir) == 0 ? 0 : remove_below(dir, 2, err); /* a link goes, not what it leads to */
}
