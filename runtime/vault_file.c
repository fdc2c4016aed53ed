#include "runtime/vault_file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    AT_NUMBER = 8,
    AT_PARENT = 16,
    AT_NAME = 24,
    AT_NONCE = 56,
    AT_WRAPPED = 68,
    AT_MAGIC = 116,
    AT_CHECK = 120
};
enum { SLOTS_AT_ONCE = 1024 };

static void put_u64(uint8_t *p, uint64_t n)
{
    for (int i = 0; i < 8; i++) p[i] = (uint8_t)(n >> (8 * i));
}

static uint64_t get_u64(const uint8_t *p)
{
    uint64_t n = 0;
    for (int i = 7; i >= 0; i--) n = n << 8 | p[i];
    return n;
}

static uint64_t check_of(const uint8_t *slot)
{
    uint64_t h = 0xcbf29ce484222325u;
    for (int i = 0; i < AT_CHECK; i++) h = (h ^ slot[i]) * 0x100000001b3u;
    return h;
}

static void encode(const struct pl__vault_slot *s, uint8_t *out)
{
    memset(out, 0, PL__VAULT_SLOT);
    out[0] = (uint8_t)s->kind;
    out[1] = s->swept;
    put_u64(out + AT_NUMBER, s->number);
    put_u64(out + AT_PARENT, s->parent);
    memcpy(out + AT_NAME, s->name, sizeof s->name);
    memcpy(out + AT_NONCE, s->nonce, sizeof s->nonce);
    memcpy(out + AT_WRAPPED, s->wrapped, sizeof s->wrapped);
    memcpy(out + AT_MAGIC, "PLV1", 4);
    put_u64(out + AT_CHECK, check_of(out));
}

static bool decode(const uint8_t *in, uint64_t number, struct pl__vault_slot *s)
{
    bool good = memcmp(in + AT_MAGIC, "PLV1", 4) == 0 && get_u64(in + AT_CHECK) == check_of(in) &&
                get_u64(in + AT_NUMBER) == number && in[0] >= PL__VAULT_HEADER &&
                in[0] <= PL__VAULT_FORGOTTEN && (in[0] == PL__VAULT_HEADER) == (number == 0) &&
                get_u64(in + AT_PARENT) <= number;
    if (!good) return false;
    s->kind = (enum pl__vault_kind)in[0];
    s->swept = in[1] != 0;
    s->number = number;
    s->parent = get_u64(in + AT_PARENT);
    memcpy(s->name, in + AT_NAME, sizeof s->name);
    memcpy(s->nonce, in + AT_NONCE, sizeof s->nonce);
    memcpy(s->wrapped, in + AT_WRAPPED, sizeof s->wrapped);
    return true;
}

static int read_bytes(const char *path, uint8_t **out, size_t *bytes, struct pl_err *err)
{
    struct stat st;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 && errno == ENOENT)
        return pl_fail(
            err, PL_E_NOT_FOUND, "vault",
            "there is no %s: put it back (`vault` beside the backups), or, when the data was written by a "
            "version that did not seal its values, give another directory",
            path);
    if (fd < 0 || fstat(fd, &st)) {
        if (fd >= 0) close(fd);
        return pl_fail(err, PL_E_IO, "vault", "cannot read %s: %s", path, strerror(errno));
    }
    size_t size = (size_t)st.st_size, done = 0;
    uint8_t *all = malloc(size + 1);
    for (ssize_t n = 1; all && done < size && n > 0; done += n > 0 ? (size_t)n : 0)
        n = pread(fd, all + done, size - done, (off_t)done);
    close(fd);
    *out = all;
    *bytes = done;
    if (all && done == size) return 0;
    free(all);
    return pl_fail(err, all ? PL_E_IO : PL_E_NO_MEMORY, "vault", "cannot read all of %s", path);
}

int pl__vault_read(const char *path, struct pl__vault_slot **out, uint64_t *n, uint64_t *bytes,
                   struct pl_err *err)
{
    uint8_t *all = NULL;
    size_t size = 0;
    int rc = read_bytes(path, &all, &size, err);
    if (rc) return rc;
    uint64_t whole = size / PL__VAULT_SLOT, bad = UINT64_MAX;
    struct pl__vault_slot *slots = calloc(whole + 1, sizeof *slots);
    *n = 0;
    for (uint64_t i = 0; slots && i < whole; i++) {
        bool good = decode(all + i * PL__VAULT_SLOT, i, &slots[i]);
        if (!good && bad == UINT64_MAX) bad = i;
        if (good) *n = i + 1;
    }
    free(all);
    *out = slots;
    *bytes = *n * PL__VAULT_SLOT;
    if (slots && *n > 0 && bad >= *n) return 0;
    free(slots);
    *out = NULL;
    if (!slots) return pl_fail(err, PL_E_NO_MEMORY, "vault", "no memory for %s", path);
    return pl_fail(err, PL_E_CORRUPT, "vault",
                   "slot %llu of %s is damaged: put back its copy, `vault` beside the backups",
                   (unsigned long long)(bad == UINT64_MAX ? 0 : bad), path);
}

static int write_failed(struct pl_err *err)
{
    bool full = errno == ENOSPC || errno == EDQUOT || errno == EFBIG;
    return pl_fail(err, full ? PL_E_STORAGE_FULL : PL_E_STORAGE, "vault", "cannot write the vault: %s",
                   strerror(errno));
}

int pl__vault_write(int fd, const struct pl__vault_slot *slots, uint64_t first, uint64_t n,
                    struct pl_err *err)
{
    uint8_t *bytes = malloc(SLOTS_AT_ONCE * PL__VAULT_SLOT);
    int rc = bytes ? 0 : pl_fail(err, PL_E_NO_MEMORY, "vault", "out of memory");
    for (uint64_t i = 0; i < n && !rc; i += SLOTS_AT_ONCE) {
        uint64_t k = n - i < SLOTS_AT_ONCE ? n - i : SLOTS_AT_ONCE;
        for (uint64_t j = 0; j < k; j++) encode(&slots[i + j], bytes + j * PL__VAULT_SLOT);
        errno = ENOSPC; /* of a write that is only short */
        ssize_t wrote = pwrite(fd, bytes, k * PL__VAULT_SLOT, (off_t)((first + i) * PL__VAULT_SLOT));
        if (wrote != (ssize_t)(k * PL__VAULT_SLOT)) rc = write_failed(err);
    }
    free(bytes);
    if (!rc && fdatasync(fd)) rc = write_failed(err);
    return rc;
}

static int sync_directory_of(const char *path)
{
    char dir[PATH_MAX];
    snprintf(dir, sizeof dir, "%s", path);
    char *slash = strrchr(dir, '/');
    if (slash) slash[slash == dir] = 0;
    int fd = open(slash ? dir : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int rc = fd < 0 ? -1 : fsync(fd);
    if (fd >= 0) close(fd);
    return rc;
}

int pl__vault_replace(const char *path, const struct pl__vault_slot *slots, uint64_t n, struct pl_err *err)
{
    char fresh[PATH_MAX];
    if (snprintf(fresh, sizeof fresh, "%s.new", path) >= (int)sizeof fresh)
        return pl_fail(err, PL_E_TOO_LARGE, "vault", "the path of the vault is too long");
    int fd = open(fresh, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0) return pl_fail(err, PL_E_IO, "vault", "cannot make %s: %s", fresh, strerror(errno));
    int rc = pl__vault_write(fd, slots, 0, n, err);
    close(fd);
    if (!rc && (rename(fresh, path) || sync_directory_of(path)))
        rc = pl_fail(err, PL_E_IO, "vault", "cannot put %s in its place: %s", fresh, strerror(errno));
    if (rc) unlink(fresh);
    return rc;
}
