/* store.h - the store actor: RocksDB behind store.write, store.get and store.scan.
 *
 * Drains its mailbox into one write batch and one fsync, then answers all of them (group commit): a write is answered
 * store.written only once it is on disk. Reads see every write that came before them in the mailbox.
 * Options that lose nothing: WAL recovery that refuses holes (mode 0: tolerates only a torn tail), every write synced,
 * info log at header level (Debian's build aborts on a full disk otherwise), a free-space reserve checked before each
 * commit, and after a write error: read-only, then close and reopen on a timer; writes meanwhile fail with `storage`.
 * audit.add appends to the audit record (runtime/audit.h) and is answered once that is on disk.
 * The actor blocks on disk: give it a thread of its own (placement). */
#ifndef PL_RUNTIME_STORE_H
#define PL_RUNTIME_STORE_H

#include "runtime/actor.h"

struct pl_store_opts {
    const char *path;              /* directory, made when absent (0700) */
    const char *const *families;   /* NULL-terminated names, made when absent */
    uint64_t reserve_bytes;        /* refuse writes when less is free on the disk; 0: 64 MiB + 2 x write buffers */
    uint64_t write_buffer_bytes;   /* a family; 0: 8 MiB */
    const char *data;              /* directory of audit.jsonl; NULL: audit.add is refused as unsupported */
};
extern const struct pl_actor_class pl_store_class; /* arg: const struct pl_store_opts * */

#endif
