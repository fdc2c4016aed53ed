/* backup.h - backups of the store: a directory of checkpoints, each with a manifest.
 *
 *   DIR/NAME/manifest.json      what the backup is, and each file with size and SHA-256
 *   DIR/NAME/store/             a checkpoint of RocksDB: opens as a store
 *   DIR/.NAME.partial/          one that is being made, or that died on the way: never listed
 *   DIR/.lock                   held (flock) by whoever makes or removes backups
 *
 * A backup holds sealed values and no keys. The keys are in the vault (runtime/vault.h), one copy of which
 * lies beside the backups of a directory as DIR/vault: so a key that is destroyed opens no backup either.
 *
 *   store's thread: checkpoint --> .NAME.partial/store --> [hash or copy, sync] --> manifest.json --> rename
 * to NAME
 *
 * 1. What has no dot in front of its name is whole: the rename comes last, after every byte is synced.
 * 2. A restore prepares DATA/.restore and puts it in the store's place by one exchange of names; the store
 * that was there stays as DATA/store.before-restore-TIME.
 *
 * All functions block on the disk, for as long as the copying takes; any thread. Errors name the file. */
#ifndef PL_RUNTIME_BACKUP_H
#define PL_RUNTIME_BACKUP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "schemas/err.h"

enum { PL_BACKUP_NAME_BYTES = 64 };

struct pl_backup {
    char name[PL_BACKUP_NAME_BYTES + 1];
    char time[32];     /* of the checkpoint, RFC 3339 in UTC */
    char version[32];  /* of the program that made it */
    uint64_t sequence; /* number of the newest write in it, as RocksDB counts */
    uint64_t files, bytes;
    char audit_head[65]; /* of the audit record at that time; 64 zeros: none */
    bool damaged;        /* the manifest cannot be read; the fields above are empty */
};

/* Told of work under way: DONE of TOTAL bytes. */
typedef void (*pl_backup_progress)(uint64_t done, uint64_t total, void *arg);
struct pl_backup_watch {
    pl_backup_progress fn; /* NULL: nobody watches */
    void *arg;
};

/* Now as RFC 3339 in UTC with milliseconds, and as a name ("20300102T030405Z"). */
void pl_backup_now(char time[32], char name[32]);
/* -PL_E_INVALID unless NAME has 1 to 64 letters, digits, `.`, `_`, `-` and does not begin with a dot. */
int pl_backup_check_name(const char *name, struct pl_err *err);

/* Takes DIR/.lock (DIR is made when absent, 0700) and removes what died on the way. *LOCK is a descriptor to
 * close. -PL_E_CONFLICT when another process makes a backup there. */
int pl_backup_begin(const char *dir, int *lock, struct pl_err *err);
/* Makes the checkpoint FROM (".../.NAME.partial" with store/ in it) the backup DIR/B->name: hashes its files,
 * and copies them when DIR is another directory than FROM's. Fills files and bytes of B. -PL_E_CONFLICT when
 * that name is there; FROM is gone after success and stays for pl_backup_begin to remove after a failure. */
int pl_backup_finish(const char *from, const char *dir, struct pl_backup *b,
                     const struct pl_backup_watch *watch, struct pl_err *err);
/* Gives each backup of DIR, oldest first. B lives for the call. -PL_E_IO. */
int pl_backup_list(const char *dir, void (*fn)(const struct pl_backup *b, void *arg), void *arg,
                   struct pl_err *err);
/* The newest whose time is not later than TIME (a prefix of RFC 3339 in UTC; a trailing Z may be missing).
 * -PL_E_NOT_FOUND. */
int pl_backup_find_at(const char *dir, const char *time, struct pl_backup *out, struct pl_err *err);
/* Removes the oldest of DIR beyond KEEP, damaged ones first. *REMOVED counts them. The lock is the caller's.
 */
int pl_backup_keep(const char *dir, uint32_t keep, uint32_t *removed, struct pl_err *err);

/* What a check found beside the hashes. */
struct pl_backup_family {
    char name[33];
    uint64_t rows;
};
struct pl_backup_report {
    struct pl_backup backup;
    bool opened;        /* values were opened with the keys that lie beside the backup */
    uint64_t values;    /* that opened */
    uint64_t forgotten; /* of users who were forgotten since: nothing opens them */
    struct pl_backup_family families[64];
    uint32_t families_count;
};
/* Reads every byte of DIR/NAME against its manifest, then opens its store read-only and walks all rows, so
 * that each block's own checksum is read. With MASTER, a key of PL_KEY_BYTES (NULL: without), each value is
 * opened by the keys of DIR/vault and thrown away. Writes nothing. -PL_E_CORRUPT names the file, or family
 * and key; -PL_E_NOT_FOUND; -PL_E_FORBIDDEN for another master key. */
int pl_backup_verify(const char *dir, const char *name, const uint8_t *master,
                     const struct pl_backup_watch *watch, struct pl_backup_report *out, struct pl_err *err);

/* Puts DIR/NAME in the place of DATA/store. The caller holds DATA/lock. Hashes while it copies, so that a
 * damaged backup never gets into place. ASIDE gets the path of the store that was there; empty: there was
 * none. After an error the old store is in place. */
int pl_backup_restore(const char *dir, const char *name, const char *data, char *aside, size_t aside_size,
                      const struct pl_backup_watch *watch, struct pl_err *err);
/* -PL_E_CONFLICT when a restore into DATA was interrupted after it took the old store away (only on file
 * systems that cannot exchange two names): to be asked before a store is made. */
int pl_backup_check_interrupted(const char *data, struct pl_err *err);

#endif
