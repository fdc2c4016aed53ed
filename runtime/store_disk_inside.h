/* store_disk_inside.h - the disk as its own files share it: store_disk.c (writes, reads), store_open.c
 * (opening and looking for damage), store_sweep.c (what forgetting leaves behind). */
#ifndef PL_RUNTIME_STORE_DISK_INSIDE_H
#define PL_RUNTIME_STORE_DISK_INSIDE_H

#include <pthread.h>
#include <rocksdb/c.h>
#include <sys/stat.h>

#include "runtime/store_disk.h"
#include "runtime/store_mark.h"
#include "runtime/store_value.h"

enum { PL__FAMILIES_MAX = 64 };

struct pl__family {
    char *name;
    bool ours;    /* named by the options: others are opened because RocksDB insists, and not served */
    bool on_disk; /* before it was opened */
    rocksdb_column_family_handle_t *handle;
};
struct pl__disk {
    const struct pl_store_opts *opts;
    uint64_t write_buffer_bytes, reserve_bytes;
    rocksdb_options_t *options;
    rocksdb_writeoptions_t *writing;
    rocksdb_readoptions_t *reading;
    rocksdb_cache_t *cache;
    rocksdb_writebatch_t *batch;
    rocksdb_t *db;   /* NULL: closed */
    int failed_code; /* why it takes no writes; 0: it does */
    struct pl__family families[PL__FAMILIES_MAX];
    uint32_t families_count; /* [0]: default, with the mark and the vault's id */
    struct pl_vault *vault;
    uint64_t keys_used; /* as the store's row says: slots of the vault at the newest commit that took one */
    struct stat vault_seen; /* of a follower: the file that it read */
    struct pl__values values;
    uint8_t *sealed; /* one value on its way to the batch */
    size_t sealed_bytes;
    struct pl__mark mark; /* of the newest commit */
    int mark_fd;
    struct pl__sweep {
        uint32_t family;
        bool running;
        uint8_t after[1024]; /* key that the next chunk begins with */
        size_t after_len;
        uint64_t removed;
    } sweep;
    pthread_t compactor;
    bool compacting;
};

/* Takes the text that RocksDB allocated; returns the negative code. */
int pl__disk_fail(char *text, int code, const char *doing, struct pl_err *err);

/* Row of family default: number of the vault's slots, 8 bytes, big-endian. A vault that has less lost keys. */
#define PL__KEYS_USED "vault_keys"

/* store_open.c */
/* The vault and the database; and each alone. */
int pl__disk_open_all(struct pl__disk *d, struct pl_err *err);
void pl__disk_close_all(struct pl__disk *d);
int pl__disk_open_database(struct pl__disk *d, struct pl_err *err);
/* Reads the vault again when the writer changed it. */
int pl__disk_follow_vault(struct pl__disk *d, struct pl_err *err);
void pl__disk_close_database(struct pl__disk *d);
void pl__disk_set_options(struct pl__disk *d);
/* Free bytes where PATH lies. */
uint64_t pl__room_at(const char *path);

/* store_sweep.c */
/* Waits for a compaction in the background, which is cut short. */
void pl__disk_end_compaction(struct pl__disk *d);

#endif
