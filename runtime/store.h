/* store.h - the store actor: RocksDB behind store.write, store.get and store.scan.
 *
 * Drains its mailbox into one write batch and one fsync, then answers all of them (group commit): a write is answered
 * store.written only once it is on disk. Reads see every write that came before them in the mailbox.
 * Options that lose nothing: WAL recovery that refuses holes (mode 0: tolerates only a torn tail), every write synced,
 * info log at header level (Debian's build aborts on a full disk otherwise), a free-space reserve checked before each
 * commit, and after a write error: read-only, then close and reopen on a timer; writes meanwhile fail with `storage`,
 * or with `storage_full` for lack of room.
 * audit.add appends to the audit record (runtime/audit.h) and is answered once that is on disk.
 * As a follower (secondary) it reads the store of a running service, at most a second behind it; a store that cannot be
 * opened yet is tried again, and reads fail with `unavailable` until then.
 * Values are sealed on disk (store_value.h), a put under the key of the user that it names; store.forget destroys such a
 * key, keys.rotate wraps keys anew. Keys are not sealed: names in them are for the actors to hide (actors/keys.h).
 * The actor blocks on disk: give it a thread of its own (placement). */
#ifndef PL_RUNTIME_STORE_H
#define PL_RUNTIME_STORE_H

#include "runtime/actor.h"
#include "runtime/master.h"

struct pl_store_opts {
    const char *path;              /* directory, made when absent (0700) */
    const char *const *families;   /* NULL-terminated names, made when absent */
    uint64_t reserve_bytes;        /* refuse writes when less is free on the disk; 0: 64 MiB + 2 x write buffers */
    uint64_t write_buffer_bytes;   /* a family; 0: 8 MiB */
    const char *secondary;         /* directory for a follower's own files: reads what another process writes, and takes no
                                      writes; NULL: this one writes */
    const char *data;              /* directory of audit.jsonl; NULL: audit.add is refused as unsupported */
    struct pl_master *master;      /* the master key; lent for the store's life, a rotation changes it */
    const char *vault;             /* file of the data keys; NULL: PATH.vault. Made when there is no store yet */
};
extern const struct pl_actor_class pl_store_class; /* arg: const struct pl_store_opts * */

#endif
