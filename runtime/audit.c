/* audit.c - the hash-chained record of operator acts: one line a time, each on disk before it counts.
 *
 * 1. A line is written by one write and synced; if that fails, the file is cut back to where it was.
 * 2. Nothing follows a line that does not verify.
 * 3. Only bytes after the last newline are ever cut: they were never acknowledged. */
#include "runtime/audit.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <jansson.h>
#include <limits.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { HASH_CHARS = 64, DETAIL_BYTES = 1024, PATH_BYTES = 4096 };
#define TAIL_BEGIN ",\"hash\":\""
#define TAIL_END "\"}"
enum { TAIL_BYTES = sizeof TAIL_BEGIN - 1 + HASH_CHARS + sizeof TAIL_END - 1 };

/* The end of the chain so far. */
struct link {
    uint64_t seq;
    char hash[HASH_CHARS + 1];
};

static const char *text_or(const char *s, const char *other)
{
    return s && *s ? s : other;
}

/* SHA-256 of N bytes and a closing brace: a line without its hash. */
static int hash_of(const char *bytes, size_t n, char out[HASH_CHARS + 1])
{
    unsigned char sum[EVP_MAX_MD_SIZE];
    unsigned len = 0;
    EVP_MD_CTX *c = EVP_MD_CTX_new();
    bool good = c && EVP_DigestInit_ex(c, EVP_sha256(), NULL) == 1 && EVP_DigestUpdate(c, bytes, n) == 1 &&
                EVP_DigestUpdate(c, "}", 1) == 1 && EVP_DigestFinal_ex(c, sum, &len) == 1;
    EVP_MD_CTX_free(c);
    for (unsigned i = 0; good && i < len; i++) snprintf(out + 2 * i, 3, "%02x", sum[i]);
    return good ? 0 : -PL_E_NO_MEMORY;
}

/* Reads seq and prev. */
static bool parse(const char *line, size_t len, uint64_t *seq, char prev[HASH_CHARS + 1])
{
    json_t *v = json_loadb(line, len, JSON_REJECT_DUPLICATES, NULL);
    json_t *number = json_object_get(v, "seq");
    const char *before = json_string_value(json_object_get(v, "prev"));
    bool good =
        json_is_integer(number) && json_integer_value(number) > 0 && before && strlen(before) == HASH_CHARS;
    if (good) {
        *seq = (uint64_t)json_integer_value(number);
        memcpy(prev, before, HASH_CHARS + 1);
    }
    json_decref(v);
    return good;
}

/* Whether LINE is one of ours by itself; OUT gets its place in the chain. NULL, or what is wrong. */
static const char *check_line(const char *line, size_t len, struct link *out, char prev[HASH_CHARS + 1])
{
    char hash[HASH_CHARS + 1];
    if (len < TAIL_BYTES || len >= PL_AUDIT_LINE_BYTES) return "it is no line of this record";
    size_t body = len - TAIL_BYTES;
    const char *tail = line + body;
    if (memcmp(tail, TAIL_BEGIN, sizeof TAIL_BEGIN - 1) != 0 || memcmp(line + len - 2, TAIL_END, 2) != 0)
        return "it does not end with its hash";
    if (hash_of(line, body, hash)) return "out of memory";
    if (memcmp(tail + sizeof TAIL_BEGIN - 1, hash, HASH_CHARS) != 0) return "its hash does not fit its text";
    if (!parse(line, len, &out->seq, prev)) return "it lacks its number or the hash before it";
    memcpy(out->hash, hash, sizeof hash);
    return NULL;
}

/* --- append --- */

static int check_text(const char *text, size_t most, const char *field, struct pl_err *err)
{
    if (!text || strlen(text) <= most) return 0;
    return pl_fail(err, PL_E_TOO_LARGE, field, "the audit record takes %zu bytes of %s", most, field);
}

static int check_entry(const struct pl_audit_entry *e, struct pl_err *err)
{
    int rc = 0;
    if (!e->act || !*e->act) rc = pl_fail(err, PL_E_INVALID, "act", "an audit entry names its act");
    if (!rc) rc = check_text(e->who, 128, "who", err);
    if (!rc) rc = check_text(e->act, 64, "act", err);
    if (!rc) rc = check_text(e->outcome, 16, "outcome", err);
    if (!rc) rc = check_text(e->tenant, 64, "tenant", err);
    if (!rc) rc = check_text(e->subject, 128, "subject", err);
    return rc;
}

static void time_text(char *out, size_t size)
{
    struct timespec t;
    struct tm parts;
    char seconds[32];
    clock_gettime(CLOCK_REALTIME, &t);
    gmtime_r(&t.tv_sec, &parts);
    strftime(seconds, sizeof seconds, "%Y-%m-%dT%H:%M:%S", &parts);
    snprintf(out, size, "%s.%03ldZ", seconds, t.tv_nsec / 1000000);
}

static size_t detail_bytes(const char *detail)
{
    size_t n = strlen(detail);
    if (n <= DETAIL_BYTES) return n;
    for (n = DETAIL_BYTES; n > 0 && ((unsigned char)detail[n] & 0xc0) == 0x80;) n--;
    return n;
}

/* The line after LAST, with its newline; malloc'd. NULL for text that is not UTF-8. */
static char *make_line(const struct pl_audit_entry *e, const struct link *last, struct link *out)
{
    char time[64], who[32], *line = NULL;
    const char *detail = text_or(e->detail, "");
    time_text(time, sizeof time);
    snprintf(who, sizeof who, "local:%u", (unsigned)geteuid());
    json_t *v = json_pack("{sI ss ss ss ss ss ss ss% ss}", "seq", (json_int_t)(last->seq + 1), "time", time,
                          "who", text_or(e->who, who), "act", e->act, "outcome", text_or(e->outcome, "done"),
                          "tenant", text_or(e->tenant, ""), "subject", text_or(e->subject, ""), "detail",
                          detail, detail_bytes(detail), "prev", last->hash);
    char *body = json_dumps(v, JSON_COMPACT | JSON_PRESERVE_ORDER);
    json_decref(v);
    if (!body) return NULL;
    size_t n = strlen(body) - 1; /* without the closing brace */
    *out = (struct link){.seq = last->seq + 1};
    if (hash_of(body, n, out->hash) ||
        asprintf(&line, "%.*s" TAIL_BEGIN "%s" TAIL_END "\n", (int)n, body, out->hash) < 0)
        line = NULL;
    free(body);
    return line;
}

static int write_line(int fd, const char *line, struct pl_err *err)
{
    off_t size = lseek(fd, 0, SEEK_END);
    size_t n = strlen(line);
    if (size >= 0 && write(fd, line, n) == (ssize_t)n && fdatasync(fd) == 0) return 0;
    int rc = pl_fail(err, PL_E_IO, "audit.jsonl", "cannot append to the audit record: %s", strerror(errno));
    if (size >= 0 && ftruncate(fd, size)) return rc;
    return rc;
}

static int add(int fd, const struct pl_audit_entry *e, struct link *last, struct pl_err *err)
{
    struct link next;
    char *line = make_line(e, last, &next);
    if (!line) return pl_fail(err, PL_E_INVALID, "audit", "the texts of an audit entry are UTF-8");
    int rc = write_line(fd, line, err);
    free(line);
    if (!rc) *last = next;
    return rc;
}

/* Cuts what follows the last newline, N bytes, and says so in the record. */
static int repair(int fd, off_t size, size_t n, struct link *last, struct pl_err *err)
{
    char detail[96];
    snprintf(detail, sizeof detail, "cut %zu bytes of a line that a crash left without its end", n);
    if (ftruncate(fd, size - (off_t)n))
        return pl_fail(err, PL_E_IO, "audit.jsonl", "cannot cut the audit record: %s", strerror(errno));
    return add(fd, &(struct pl_audit_entry){.act = "audit.repair", .detail = detail}, last, err);
}

static int corrupt(const char *why, struct pl_err *err)
{
    return pl_fail(err, PL_E_CORRUPT, "audit.jsonl",
                   "the last line of the audit record does not verify: %s; parlance audit verify", why);
}

/* Finds the last whole line; LAST gets its link, TORN the bytes after it. */
static int find_last(int fd, off_t size, struct link *last, size_t *torn, struct pl_err *err)
{
    static const char none[] = "there is no line";
    size_t n = size < 2 * PL_AUDIT_LINE_BYTES ? (size_t)size : 2 * PL_AUDIT_LINE_BYTES;
    char *buf = malloc(n + 1), prev[HASH_CHARS + 1];
    if (!buf) return pl_fail(err, PL_E_NO_MEMORY, "audit.jsonl", "out of memory");
    int rc = 0;
    if (pread(fd, buf, n, size - (off_t)n) != (ssize_t)n)
        rc = pl_fail(err, PL_E_IO, "audit.jsonl", "cannot read the audit record: %s", strerror(errno));
    const char *end = rc ? NULL : memrchr(buf, '\n', n);
    *torn = end ? (size_t)(buf + n - end - 1) : n;
    if (!rc && end) {
        const char *before = memrchr(buf, '\n', (size_t)(end - buf)), *line = before ? before + 1 : buf;
        const char *why = check_line(line, (size_t)(end - line), last, prev);
        if (why) rc = corrupt(why, err);
    } else if (!rc && *torn < (size_t)size) {
        rc = corrupt(none, err);
    }
    free(buf);
    return rc;
}

static int append_locked(int fd, const struct pl_audit_entry *e, struct pl_err *err)
{
    struct link last = {0};
    size_t torn = 0;
    struct stat st;
    memset(last.hash, '0', HASH_CHARS);
    if (fstat(fd, &st))
        return pl_fail(err, PL_E_IO, "audit.jsonl", "cannot read the audit record: %s", strerror(errno));
    int rc = find_last(fd, st.st_size, &last, &torn, err);
    if (!rc && torn) rc = repair(fd, st.st_size, torn, &last, err);
    return rc ? rc : add(fd, e, &last, err);
}

/* A name that is not on disk is not there after a crash, whatever was synced under it. */
static void sync_dir(const char *data)
{
    int fd = open(data, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) return;
    fsync(fd);
    close(fd);
}

static int open_record(const char *data, int flags, int *fd, struct pl_err *err)
{
    char path[PATH_BYTES];
    int n = snprintf(path, sizeof path, "%s/audit.jsonl", data);
    if (n < 0 || (size_t)n >= sizeof path)
        return pl_fail(err, PL_E_TOO_LARGE, "data", "the path of the data directory is too long");
    *fd = open(path, flags | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (*fd >= 0 || (errno == ENOENT && !(flags & O_CREAT))) return 0;
    return pl_fail(err, PL_E_IO, "audit.jsonl", "cannot open %s: %s", path, strerror(errno));
}

int pl_audit_append(const char *data, const struct pl_audit_entry *e, struct pl_err *err)
{
    int fd = -1, rc = check_entry(e, err);
    if (!rc) rc = open_record(data, O_RDWR | O_CREAT | O_APPEND, &fd, err);
    if (rc) return rc;
    struct stat st;
    bool fresh = fstat(fd, &st) == 0 && st.st_size == 0;
    if (flock(fd, LOCK_EX))
        rc = pl_fail(err, PL_E_IO, "audit.jsonl", "cannot lock the audit record: %s", strerror(errno));
    else
        rc = append_locked(fd, e, err);
    if (!rc && fresh) sync_dir(data);
    close(fd);
    return rc;
}

/* --- verify --- */

struct walk {
    struct pl_audit_report *out;
    struct link last;
    const char *head;
    pl_audit_line fn;
    void *arg;
};

static const char *check_order(const struct walk *w, const struct link *here, const char *prev)
{
    if (here->seq != w->last.seq + 1) return "its number does not follow the line before";
    if (strcmp(prev, w->last.hash) != 0) return "it does not name the hash of the line before";
    return NULL;
}

static bool walk_line(struct walk *w, const char *line, size_t len)
{
    struct link here = {0};
    char prev[HASH_CHARS + 1];
    const char *why = check_line(line, len, &here, prev);
    if (!why) why = check_order(w, &here, prev);
    if (why) {
        w->out->bad_line = w->out->lines + 1;
        snprintf(w->out->why, sizeof w->out->why, "%s", why);
        return false;
    }
    w->last = here;
    w->out->lines++;
    w->out->head_found = w->out->head_found || (w->head && strcmp(w->head, here.hash) == 0);
    if (w->fn) w->fn(line, len, w->arg);
    return true;
}

static int walk_file(struct walk *w, FILE *f, struct pl_err *err)
{
    char *line = NULL;
    size_t room = 0;
    ssize_t n = 0;
    bool good = true;
    while (good && (n = getline(&line, &room, f)) > 0) {
        if (line[n - 1] == '\n')
            good = walk_line(w, line, (size_t)n - 1);
        else
            w->out->torn_bytes = (uint64_t)n;
    }
    free(line);
    memcpy(w->out->head, w->last.hash, sizeof w->out->head);
    if (!ferror(f)) return 0;
    return pl_fail(err, PL_E_IO, "audit.jsonl", "cannot read the audit record: %s", strerror(errno));
}

int pl_audit_verify(const char *data, const char *head, struct pl_audit_report *out, struct pl_err *err,
                    pl_audit_line fn, void *arg)
{
    int fd = -1, rc = open_record(data, O_RDONLY, &fd, err);
    struct walk w = {.out = out, .head = head, .fn = fn, .arg = arg};
    memset(out, 0, sizeof *out);
    memset(w.last.hash, '0', HASH_CHARS);
    memset(out->head, '0', HASH_CHARS);
    if (rc || fd < 0) return rc;
    FILE *f = fdopen(fd, "r");
    if (!f) {
        close(fd);
        return pl_fail(err, PL_E_NO_MEMORY, "audit.jsonl", "out of memory");
    }
    flock(fd, LOCK_SH); /* not between the two halves of somebody's write */
    rc = walk_file(&w, f, err);
    fclose(f);
    return rc;
}
