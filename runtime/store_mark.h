/* store_mark.h - own numbers of commits, so that a store that lost its end is told from one that was only cut
 * off. Inside of runtime/store*.c.
 *
 * Each commit holds a row (family default, key "commit") with its number and a check that is chained over all
 * commits before it. Once the commit is synced, and before it is answered, the same two are written to the
 * file ACKED in the store's directory: 20 digits, space, 64 hex digits, newline. That write is not synced, so
 * it costs no time: it outlives the process, not the machine, and can only be too low.
 *
 *   log ends before ACKED   -> commits that were answered are lost: refused
 *   log ends at or after it -> what is beyond was never answered: a torn tail, or a commit cut off by the
 * crash
 *
 * After a machine's crash ACKED may be behind, and a damaged last record of the log looks like a torn one:
 * that is the one loss that is not told. RocksDB itself refuses damage before its last 32 KiB block. */
#ifndef PL_RUNTIME_STORE_MARK_H
#define PL_RUNTIME_STORE_MARK_H

#include "runtime/seal.h"

enum { PL__MARK_BYTES = 8 + PL_HMAC_BYTES };
#define PL__MARK_KEY "commit"

struct pl__mark {
    uint64_t number; /* 0: no commit yet */
    uint8_t check[PL_HMAC_BYTES];
};

/* The mark of a next commit over BATCH (its bytes). */
void pl__mark_next(struct pl__mark *m, const void *batch, size_t bytes);
void pl__mark_encode(const struct pl__mark *m, uint8_t out[PL__MARK_BYTES]);
bool pl__mark_decode(const void *row, size_t len, struct pl__mark *m);

/* Opens (makes) ACKED in directory STORE for pl__mark_write; -1 when it cannot be. */
int pl__mark_open(const char *store);
void pl__mark_write(int fd, const struct pl__mark *m);
/* False: there is none, or it is damaged; then nothing can be told. */
bool pl__mark_read(const char *store, struct pl__mark *m);
/* What the database holds against what was acknowledged. -PL_E_CORRUPT with the way back. */
int pl__mark_compare(const struct pl__mark *held, const struct pl__mark *acked, const char *store,
                     struct pl_err *err);

#endif
