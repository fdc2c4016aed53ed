#include "runtime/store_mark.h"

#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { LINE_BYTES = 20 + 1 + 2 * PL_HMAC_BYTES + 1 };

void pl__mark_next(struct pl__mark *m, const void *batch, size_t bytes)
{
    uint8_t all[PL__MARK_BYTES + PL_HMAC_BYTES];
    unsigned len;
    m->number++;
    pl__mark_encode(m, all);
    PL_MUST(EVP_Digest(batch, bytes, all + PL__MARK_BYTES, &len, EVP_sha256(), NULL) == 1);
    PL_MUST(EVP_Digest(all, sizeof all, m->check, &len, EVP_sha256(), NULL) == 1);
}

void pl__mark_encode(const struct pl__mark *m, uint8_t out[PL__MARK_BYTES])
{
    for (int i = 0; i < 8; i++) out[i] = (uint8_t)(m->number >> (56 - 8 * i));
    memcpy(out + 8, m->check, sizeof m->check);
}

bool pl__mark_decode(const void *row, size_t len, struct pl__mark *m)
{
    const uint8_t *p = row;
    if (len != PL__MARK_BYTES) return false;
    m->number = 0;
    for (int i = 0; i < 8; i++) m->number = m->number << 8 | p[i];
    memcpy(m->check, p + 8, sizeof m->check);
    return true;
}

static bool path_of(const char *store, char *out)
{
    return snprintf(out, PATH_MAX, "%s/ACKED", store) < PATH_MAX;
}

int pl__mark_open(const char *store)
{
    char path[PATH_MAX];
    return path_of(store, path) ? open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600) : -1;
}

void pl__mark_write(int fd, const struct pl__mark *m)
{
    char line[LINE_BYTES + 1];
    int n = snprintf(line, sizeof line, "%020" PRIu64 " ", m->number);
    for (int i = 0; i < PL_HMAC_BYTES; i++)
        n += snprintf(line + n, sizeof line - (size_t)n, "%02x", m->check[i]);
    line[n++] = '\n';
    /* When it fails (no room for a first block) less can be told at the next start, and nothing is lost. */
    if (pwrite(fd, line, (size_t)n, 0) < 0) return;
}

bool pl__mark_read(const char *store, struct pl__mark *m)
{
    char path[PATH_MAX], line[LINE_BYTES + 1] = "";
    int fd = path_of(store, path) ? open(path, O_RDONLY | O_CLOEXEC) : -1, at = 0;
    ssize_t n = fd < 0 ? -1 : pread(fd, line, LINE_BYTES, 0);
    if (fd >= 0) close(fd);
    if (n != LINE_BYTES || line[LINE_BYTES - 1] != '\n') return false;
    if (sscanf(line, "%20" SCNu64 " %n", &m->number, &at) != 1 || at != 21) return false;
    for (int i = 0; i < PL_HMAC_BYTES; i++)
        if (sscanf(line + at + 2 * i, "%2hhx", &m->check[i]) != 1) return false;
    return true;
}

int pl__mark_compare(const struct pl__mark *held, const struct pl__mark *acked, const char *store,
                     struct pl_err *err)
{
    if (held->number > acked->number) return 0;
    if (held->number == acked->number && memcmp(held->check, acked->check, sizeof held->check) == 0) return 0;
    if (held->number == acked->number)
        return pl_fail(err, PL_E_CORRUPT, "store",
                       "the log of %s is not the one of %s/ACKED: restore a backup (parlance backup restore)",
                       store, store);
    return pl_fail(
        err, PL_E_CORRUPT, "store",
        "commit %" PRIu64 " was acknowledged and the log in %s ends at %" PRIu64
        ": restore a backup (parlance backup restore), or remove %s/ACKED to go on without what is lost",
        acked->number, store, held->number, store);
}
