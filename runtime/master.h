/* master.h - the master key: where it comes from, and how it is replaced. Blocks; called before and by the
 * store.
 *
 * One of: a file (64 hex digits, mode 0600), a command that prints them, the environment
 * (PARLANCE_MASTER_KEY), or, when none is named, DATA/master.key, which is made at the first start. */
#ifndef PL_RUNTIME_MASTER_H
#define PL_RUNTIME_MASTER_H

#include "runtime/vault.h"

#define PL_MASTER_ENV "PARLANCE_MASTER_KEY"

struct pl_master {
    uint8_t key[PL_KEY_BYTES];
    char file[4096]; /* where it was read, and where a rotation puts the new one; empty: not from a file */
    bool beside;     /* the file is DATA's own: whoever copies DATA has the key */
    bool made;       /* just now */
};
struct pl_master_source {
    const char *file, *command; /* at most one; NULL: not given */
    const char *data;           /* its directory, for the file of last resort */
};

/* Finds the key; with MAKE the file of last resort is made when it is missing. -PL_E_FORBIDDEN for a file
 * that others may read, -PL_E_INVALID for no key, -PL_E_NOT_FOUND. */
int pl_master_find(struct pl_master *m, const struct pl_master_source *from, bool make, struct pl_err *err);
/* Reads a key file. */
int pl_master_read(const char *path, uint8_t *key, struct pl_err *err);
/* Writes a new key file (0600, synced); KEY NULL: a random one. -PL_E_CONFLICT when it exists. */
int pl_master_write(const char *path, const uint8_t *key, struct pl_err *err);
/* Opens the vault; a rotation that was cut off between the vault's rename and the key file's is ended first.
 */
int pl_master_open(struct pl_master *m, const char *vault, enum pl_vault_mode mode, struct pl_vault **out,
                   struct pl_err *err);
/* Wraps V with the key in NEW_FILE. The old key counts until the vault's new version is on disk; then the
 * file that the old one came from holds the new one. */
int pl_master_rotate(struct pl_master *m, struct pl_vault *v, const char *new_file, struct pl_err *err);
void pl_master_clear(struct pl_master *m);

#endif
