/* store_disk.h - RocksDB as the store actor uses it: a batch that collects writes, one synced commit, reads.
 */
#ifndef PL_RUNTIME_STORE_DISK_H
#define PL_RUNTIME_STORE_DISK_H

#include "runtime/store.h"
#include "schemas/gen/admin.h"
#include "schemas/gen/runtime.h"

enum { PL_STORE_REPLY_BYTES = 48 << 20 }; /* most that one answer carries: below what a link takes */

struct pl__disk;

/* Opens or makes the database. O is borrowed for the life of the disk. -PL_E_CORRUPT for a log with a hole, a
 * damaged file or a directory that lost its CURRENT; -PL_E_CONFLICT when another process has it open;
 * -PL_E_IO. */
int pl__disk_open(const struct pl_store_opts *o, struct pl__disk **out, struct pl_err *err);
void pl__disk_close(struct pl__disk **d);

/* Destroys a user's key: what it owns is absent from now on, and removed by pl__disk_sweep. *FOUND: there was
 * one. As pl_vault_forget. What lies in the batch is to be committed before. */
int pl__disk_forget(struct pl__disk *d, struct pl_str tenant, struct pl_str user, bool *found,
                    struct pl_err *err);
/* Wraps keys anew; as pl_vault_rotate_tenant and pl_master_rotate. */
int pl__disk_rotate(struct pl__disk *d, const struct pl_keys_rotate *r, struct pl_err *err);
/* Removes the rows of forgotten users, some at a call, by their owners alone. *MORE: call again. When all are
 * gone the tables are compacted in the background. An error is tried again at the next opening. */
int pl__disk_sweep(struct pl__disk *d, bool *more, struct pl_err *err);
void pl__disk_begin_sweep(struct pl__disk *d);
/* A sweep is due: of a call of pl__disk_forget, or left over by an earlier process. */
bool pl__disk_sweeping(const struct pl__disk *d);

/* Adds a whole write to the batch, or nothing of it. -PL_E_INVALID for an unknown family or a range that ends
 * before it begins; -PL_E_STORAGE or -PL_E_STORAGE_FULL while the disk takes no writes. */
int pl__disk_add(struct pl__disk *d, const struct pl_store_write *w, struct pl_err *err);
size_t pl__disk_batch_bytes(struct pl__disk *d);
/* Writes the batch with one fsync; it is empty afterwards. -PL_E_STORAGE, -PL_E_STORAGE_FULL: nothing of it
 * is seen by readers. Below the reserve of free space the next commit may succeed; after any other error the
 * disk is failed (pl__disk_failed). */
int pl__disk_commit(struct pl__disk *d, struct pl_err *err);
/* True after a write error: reads still work, writes are refused until pl__disk_reopen succeeds. */
bool pl__disk_failed(const struct pl__disk *d);
/* Closes and opens again, once there is room. After a failure reads are refused too when it could not be
 * opened. */
int pl__disk_reopen(struct pl__disk *d, struct pl_err *err);
/* Free bytes on the file system for us; 0 when it cannot be asked. */
uint64_t pl__disk_free_bytes(const struct pl__disk *d);
/* Makes PATH (whose directory is there, and which is not) a store with what is committed so far, by hard links where
 * the file system is the same. What the tables lack is written out first. *SEQUENCE: number of its newest write.
 * -PL_E_STORAGE without room, -PL_E_UNAVAILABLE while closed, -PL_E_IO. */
int pl__disk_checkpoint(struct pl__disk *d, const char *path, uint64_t *sequence, struct pl_err *err);
/* Of a follower: takes up what the writer did since, or opens what could not be opened before. -PL_E_INVALID for one that
 * is no follower. */
int pl__disk_follow(struct pl__disk *d, struct pl_err *err);

/* Fill the body of REPLY (store.values, store.rows) in its arena. -PL_E_INVALID, -PL_E_TOO_LARGE,
 * -PL_E_CORRUPT, -PL_E_IO, -PL_E_UNAVAILABLE, -PL_E_NO_MEMORY. */
int pl__disk_get(struct pl__disk *d, const struct pl_store_get *get, struct pl_msg *reply,
                 struct pl_err *err);
int pl__disk_scan(struct pl__disk *d, const struct pl_store_scan *scan, struct pl_msg *reply,
                  struct pl_err *err);

#endif
