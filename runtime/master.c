#include "runtime/master.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/crypto.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { DIGITS = 2 * PL_KEY_BYTES, TEXT_BYTES = 256 };

static int digit(char c)
{
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : -1;
}

/* 64 hex digits, then at most blanks. */
static int parse(const char *text, const char *where, uint8_t *key, struct pl_err *err)
{
    bool good = strspn(text, "0123456789abcdefABCDEF") == DIGITS &&
                text[DIGITS + strspn(text + DIGITS, " \t\r\n")] == 0;
    if (!good)
        return pl_fail(err, PL_E_INVALID, "master-key", "%s holds no key: 64 hex digits are needed", where);
    for (int i = 0; i < PL_KEY_BYTES; i++)
        key[i] = (uint8_t)(digit(text[2 * i]) << 4 | digit(text[2 * i + 1]));
    return 0;
}

int pl_master_read(const char *path, uint8_t *key, struct pl_err *err)
{
    char text[TEXT_BYTES] = "";
    struct stat st;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return pl_fail(err, errno == ENOENT ? PL_E_NOT_FOUND : PL_E_IO, "master-key-file",
                       "cannot read %s: %s", path, strerror(errno));
    bool closed_to_others = fstat(fd, &st) == 0 && (st.st_mode & 077) == 0;
    ssize_t n = read(fd, text, sizeof text - 1);
    close(fd);
    int rc = !closed_to_others
                 ? pl_fail(err, PL_E_FORBIDDEN, "master-key-file",
                           "others may read %s: chmod 600 it, and make a new key when it was read", path)
             : n < 0 ? pl_fail(err, PL_E_IO, "master-key-file", "cannot read %s", path)
                     : parse(text, path, key, err);
    OPENSSL_cleanse(text, sizeof text);
    return rc;
}

int pl_master_write(const char *path, const uint8_t *key, struct pl_err *err)
{
    uint8_t fresh[PL_KEY_BYTES];
    char text[DIGITS + 2];
    if (!key && pl_seal_random(fresh, sizeof fresh))
        return pl_fail(err, PL_E_INTERNAL, NULL, "no random bytes");
    for (int i = 0; i < PL_KEY_BYTES; i++) snprintf(text + 2 * i, 3, "%02x", key ? key[i] : fresh[i]);
    text[DIGITS] = '\n';
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    int rc = 0;
    if (fd < 0)
        rc = pl_fail(err, errno == EEXIST ? PL_E_CONFLICT : PL_E_IO, "master-key-file", "cannot make %s: %s",
                     path, strerror(errno));
    else if (write(fd, text, DIGITS + 1) != DIGITS + 1 || fsync(fd))
        rc = pl_fail(err, PL_E_IO, "master-key-file", "cannot write %s: %s", path, strerror(errno));
    if (fd >= 0) close(fd);
    if (fd >= 0 && rc) unlink(path);
    OPENSSL_cleanse(text, sizeof text);
    OPENSSL_cleanse(fresh, sizeof fresh);
    return rc;
}

static int from_command(const char *command, uint8_t *key, struct pl_err *err)
{
    char text[TEXT_BYTES] = "";
    FILE *f = popen(command, "re");
    if (!f) return pl_fail(err, PL_E_IO, "master-key-command", "cannot run it: %s", strerror(errno));
    size_t n = fread(text, 1, sizeof text - 1, f);
    text[n] = 0;
    int status = pclose(f);
    int rc = status == 0 ? parse(text, "what the command prints", key, err)
                         : pl_fail(err, PL_E_IO, "master-key-command", "it ended with status %d",
                                   WIFEXITED(status) ? WEXITSTATUS(status) : -1);
    OPENSSL_cleanse(text, sizeof text);
    return rc;
}

static int last_resort(struct pl_master *m, const char *data, bool make, struct pl_err *err)
{
    snprintf(m->file, sizeof m->file, "%.4000s/master.key", data);
    m->beside = true;
    if (make && access(m->file, F_OK) && errno == ENOENT) {
        int rc = pl_master_write(m->file, NULL, err);
        if (rc) return rc;
        m->made = true;
    }
    return pl_master_read(m->file, m->key, err);
}

int pl_master_find(struct pl_master *m, const struct pl_master_source *from, bool make, struct pl_err *err)
{
    const char *environment = getenv(PL_MASTER_ENV);
    *m = (struct pl_master){.beside = false};
    if (from->file && from->command)
        return pl_fail(err, PL_E_INVALID, "master-key-command", "give a file or a command, not both");
    if (from->file) snprintf(m->file, sizeof m->file, "%.4000s", from->file);
    if (from->file) return pl_master_read(m->file, m->key, err);
    if (from->command) return from_command(from->command, m->key, err);
    if (environment) return parse(environment, "the environment's " PL_MASTER_ENV, m->key, err);
    return last_resort(m, from->data, make, err);
}

/* --- rotation --- */

static bool name_next(const struct pl_master *m, char *out, size_t size)
{
    return m->file[0] && snprintf(out, size, "%s.next", m->file) < (int)size;
}

int pl_master_open(struct pl_master *m, const char *vault, enum pl_vault_mode mode, struct pl_vault **out,
                   struct pl_err *err)
{
    char next[4200];
    uint8_t key[PL_KEY_BYTES];
    struct pl_err why = {0};
    int rc = pl_vault_open(vault, m->key, mode, out, err);
    bool cut_off = name_next(m, next, sizeof next) && access(next, F_OK) == 0 && mode != PL_VAULT_READ_ONLY;
    if (rc == 0 && cut_off) unlink(next); /* before the vault's new version: the old key still counts */
    if (rc != -PL_E_FORBIDDEN || !cut_off || pl_master_read(next, key, &why)) return rc;
    if (pl_vault_open(vault, key, mode, out, &why)) return rc;
    memcpy(m->key, key, sizeof key);
    OPENSSL_cleanse(key, sizeof key);
    if (rename(next, m->file) == 0) return 0;
    pl_vault_close(out);
    return pl_fail(err, PL_E_IO, "master-key-file", "cannot put %s in its place: %s", next, strerror(errno));
}

int pl_master_rotate(struct pl_master *m, struct pl_vault *v, const char *new_file, struct pl_err *err)
{
    char next[4200] = "";
    uint8_t key[PL_KEY_BYTES];
    int rc = pl_master_read(new_file, key, err);
    if (rc) return rc;
    if (name_next(m, next, sizeof next)) {
        unlink(next);
        rc = pl_master_write(next, key, err);
    }
    if (!rc) rc = pl_vault_rotate_master(v, key, err);
    if (!rc) memcpy(m->key, key, sizeof key);
    if (!rc && next[0] && rename(next, m->file))
        rc = pl_fail(err, PL_E_IO, "master-key-file",
                     "the vault has the new key, but %s could not be renamed: %s", next, strerror(errno));
    OPENSSL_cleanse(key, sizeof key);
    return rc;
}

void pl_master_clear(struct pl_master *m)
{
    OPENSSL_cleanse(m->key, sizeof m->key);
}
