#include "runtime/vault_copies.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "runtime/vault.h"
#include "runtime/vault_file.h"

static int list_path(const char *vault, char *out, struct pl_err *err)
{
    if (snprintf(out, PATH_MAX, "%s.copies", vault) < PATH_MAX) return 0;
    return pl_fail(err, PL_E_TOO_LARGE, "vault", "the path of the vault is too long");
}

static bool next_line(FILE *f, char *line, size_t size)
{
    if (!fgets(line, (int)size, f)) return false;
    line[strcspn(line, "\n")] = 0;
    return true;
}

int pl__vault_each_copy(const char *vault, pl__vault_copy_fn fn, struct pl_err *err)
{
    char path[PATH_MAX], line[PATH_MAX + 2];
    struct pl_err why = {0};
    int rc = list_path(vault, path, err);
    FILE *f = rc ? NULL : fopen(path, "re");
    if (!f && !rc && errno != ENOENT)
        rc = pl_fail(err, PL_E_IO, "vault", "cannot read %s: %s", path, strerror(errno));
    while (f && next_line(f, line, sizeof line))
        if (*line && fn(vault, line, &why))
            rc = pl_fail(err, PL_E_IO, "vault", "done here, but not in the copy %.100s: %.150s", line,
                         why.text);
    if (f) fclose(f);
    return rc;
}

/* What is forgotten in OURS is overwritten in THEIRS. */
static int clean(int fd, const struct pl__vault_slot *ours, uint64_t n_ours,
                 const struct pl__vault_slot *theirs, uint64_t n_theirs, struct pl_err *err)
{
    int rc = 0;
    for (uint64_t i = 1; i < n_ours && i < n_theirs && !rc; i++)
        if (ours[i].kind == PL__VAULT_FORGOTTEN && theirs[i].kind != PL__VAULT_FORGOTTEN)
            rc = pl__vault_write(fd, &ours[i], i, 1, err);
    return rc;
}

int pl__vault_clean_copy(const char *vault, const char *copy, struct pl_err *err)
{
    struct pl__vault_slot *ours = NULL, *theirs = NULL;
    uint64_t n_ours, n_theirs, bytes;
    int fd = open(copy, O_RDWR | O_CLOEXEC);
    if (fd < 0 && errno == ENOENT) return 0;
    int rc = fd < 0 ? pl_fail(err, PL_E_IO, "vault", "cannot write %s: %s", copy, strerror(errno))
                    : pl__vault_read(copy, &theirs, &n_theirs, &bytes, err);
    if (!rc) rc = pl__vault_read(vault, &ours, &n_ours, &bytes, err);
    if (!rc && memcmp(ours[0].name, theirs[0].name, PL_HMAC_BYTES))
        rc = pl_fail(err, PL_E_CONFLICT, "vault", "%s is the copy of another vault", copy);
    if (!rc) rc = clean(fd, ours, n_ours, theirs, n_theirs, err);
    if (fd >= 0) close(fd);
    free(ours);
    free(theirs);
    return rc;
}

int pl__vault_renew_copy(const char *vault, const char *copy, struct pl_err *err)
{
    return access(copy, F_OK) ? 0 : pl_vault_copy(vault, copy, err);
}

int pl_vault_copy(const char *from, const char *to, struct pl_err *err)
{
    struct pl__vault_slot *slots = NULL;
    uint64_t n = 0, bytes = 0;
    int rc = pl__vault_read(from, &slots, &n, &bytes, err);
    if (!rc) rc = pl__vault_replace(to, slots, n, err);
    free(slots);
    return rc;
}

static bool is_noted(FILE *f, const char *copy)
{
    char line[PATH_MAX + 2];
    while (next_line(f, line, sizeof line))
        if (strcmp(line, copy) == 0) return true;
    return false;
}

static int note(const char *vault, const char *copy, struct pl_err *err)
{
    char path[PATH_MAX];
    int rc = list_path(vault, path, err);
    FILE *f = rc ? NULL : fopen(path, "a+e");
    if (f) rewind(f);
    bool good =
        f && (is_noted(f, copy) || (fprintf(f, "%s\n", copy) > 0 && fflush(f) == 0 && fsync(fileno(f)) == 0));
    if (f) fclose(f);
    return rc || good ? rc : pl_fail(err, PL_E_IO, "vault", "cannot write %s: %s", path, strerror(errno));
}

/* The place of TO as a path that stays right whatever the working directory is. */
static int resolve(const char *to, char *out, struct pl_err *err)
{
    char dir[PATH_MAX], real[PATH_MAX];
    snprintf(dir, sizeof dir, "%s", to);
    char *slash = strrchr(dir, '/');
    if (slash) *slash = 0;
    bool good = realpath(slash ? dir : ".", real) && !strchr(real, '\n') &&
                snprintf(out, PATH_MAX, "%s/%s", real, slash ? slash + 1 : to) < PATH_MAX;
    return good ? 0 : pl_fail(err, PL_E_IO, "vault", "there is no place for %s", to);
}

/* Noted before it is made, and cleaned after: whatever is forgotten meanwhile is forgotten in it too. */
int pl_vault_add_copy(const char *from, const char *to, struct pl_err *err)
{
    char copy[PATH_MAX];
    int rc = resolve(to, copy, err);
    if (!rc) rc = note(from, copy, err);
    if (!rc) rc = pl_vault_copy(from, copy, err);
    return rc ? rc : pl__vault_clean_copy(from, copy, err);
}
