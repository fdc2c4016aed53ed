/* audit.h - the record of operator acts and erasures: DATA/audit.jsonl, append-only and hash-chained.
 *
 * A line is one JSON object:
 *
 *   {"seq":7,"time":"2030-01-02T03:04:05.678Z","who":"local:1000","act":"keys.revoke","outcome":"done",
 *    "tenant":"default","subject":"printer","detail":"...","prev":"<64 hex>","hash":"<64 hex>"}
 *
 * `hash` is SHA-256 of the line without `,"hash":"..."` and without its newline; `prev` is the hash of the
 * line before (64 zeros in the first). So a changed, inserted or removed line breaks the chain from there on.
 * What the chain alone cannot show is that the last lines were cut off or that the whole file was written
 * anew: for that the head (hash of the last line) is kept elsewhere and given to pl_audit_verify.
 *
 * An act that changes something is recorded before it is done (outcome "intent") and after it ("done", or
 * "failed" with the reason in `detail`). `subject` is never the name of a user: an HMAC of it, or the id of a
 * session, key, backup or job.
 *
 * Any process of the directory's user may append: appends exclude each other by flock on the file. All
 * functions block on the disk; any thread. */
#ifndef PL_RUNTIME_AUDIT_H
#define PL_RUNTIME_AUDIT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "schemas/err.h"

enum { PL_AUDIT_LINE_BYTES = 16384 }; /* a longer line is no line of ours */

/* Texts are borrowed UTF-8; NULL and "" are the same. Bounds in bytes. */
struct pl_audit_entry {
    const char *who;     /* at most 128: name of a key; NULL: local:UID of this process */
    const char *act;     /* 1 to 64: "sessions.forget" */
    const char *outcome; /* at most 16: "intent", "done" (NULL), "failed" */
    const char *tenant;  /* at most 64 */
    const char *subject; /* at most 128 */
    const char *detail;  /* cut at 1024 */
};

/* Appends one line to DATA/audit.jsonl (made when absent, 0600) and returns once it is on disk. A last line
 * without newline, which a crash in mid-append leaves, is cut off first, and that is recorded in a line of
 * its own
 * ("audit.repair"). -PL_E_CORRUPT when the last line does not verify: nothing is appended then.
 * -PL_E_INVALID, -PL_E_TOO_LARGE (the field is named), -PL_E_IO. After an error nothing has been added. */
int pl_audit_append(const char *data, const struct pl_audit_entry *e, struct pl_err *err);

/* What a walk over the record found. */
struct pl_audit_report {
    uint64_t lines;      /* good ones, from the first */
    uint64_t bad_line;   /* number of the first bad one, from 1; 0: none */
    uint64_t torn_bytes; /* of a last line without newline, which was never acknowledged */
    bool head_found;     /* some good line has the wanted head as its hash */
    char head[65];       /* hash of the last good line; 64 zeros when there is none */
    char why[160];       /* what is wrong with the bad line */
};

/* Called with each good line, without its newline; LINE lives for the call. */
typedef void (*pl_audit_line)(const char *line, size_t len, void *arg);

/* Walks DATA/audit.jsonl from its start to the first bad line. HEAD (may be NULL) is a hash that was kept
 * elsewhere. An absent file is an empty record. 0, also when a line is bad: OUT says so; -PL_E_IO. */
int pl_audit_verify(const char *data, const char *head, struct pl_audit_report *out, struct pl_err *err,
                    pl_audit_line fn, void *arg);

#endif
