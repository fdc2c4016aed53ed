/* vault.h - the keys that stored values are sealed with, in one file beside the store and never inside it.
 *
 * Each user of a tenant has a data key, wrapped by the tenant's key; the tenant's keys, the system's key (for
 * rows that are nobody's) and the vault's secret are wrapped by the master key. The file is outside of
 * RocksDB and of its checkpoints, so that a key that is destroyed here opens nothing any more: no row, no
 * log, no backup. Names are kept as their HMAC under the vault's secret. Blocks on the file system; one
 * thread. */
#ifndef PL_RUNTIME_VAULT_H
#define PL_RUNTIME_VAULT_H

#include "runtime/seal.h"

struct pl_vault;

enum { PL_VAULT_SYSTEM = 1 /* number of the system's own key */ };
enum pl_vault_mode {
    PL_VAULT_EXISTING, /* read and write; absent: -PL_E_NOT_FOUND */
    PL_VAULT_CREATE,   /* as before, and made (0600) when absent */
    PL_VAULT_READ_ONLY
};

/* MASTER: PL_KEY_BYTES, borrowed for the call and kept as a copy. -PL_E_FORBIDDEN when it is another key than
 * the one that wrapped the vault; -PL_E_CORRUPT; -PL_E_NOT_FOUND; -PL_E_IO. */
int pl_vault_open(const char *path, const uint8_t *master, enum pl_vault_mode mode, struct pl_vault **out,
                  struct pl_err *err);
/* Clears every key in memory. */
void pl_vault_close(struct pl_vault **v);

/* 32 bytes that turn names into parts of row keys (actors/keys.h). The same for the life of the data. Lent.
 */
const uint8_t *pl_vault_row_key(const struct pl_vault *v);
/* 16 bytes that tell this vault from others. Lent. */
const uint8_t *pl_vault_id(const struct pl_vault *v);
/* Slots that were ever given, forgotten ones included: it never gets less. */
uint64_t pl_vault_count(const struct pl_vault *v);

/* Number of USER's data key; with MAKE a missing one is made (and is not on disk before pl_vault_sync). USER
 * empty: the system's. -PL_E_NOT_FOUND. */
int pl_vault_owner(struct pl_vault *v, struct pl_str tenant, struct pl_str user, bool make, uint64_t *number,
                   struct pl_err *err);
/* The key of NUMBER, lent until it is forgotten or the vault is closed. -PL_E_GONE: it was destroyed.
 * -PL_E_CORRUPT: the vault has no such number, or its key does not open. */
int pl_vault_key(struct pl_vault *v, uint64_t number, const uint8_t **key, struct pl_err *err);
/* Puts keys that were made since on disk, with one sync; nothing to do: no system call. On failure they are
 * kept for the next try. -PL_E_STORAGE_FULL, -PL_E_STORAGE. */
int pl_vault_sync(struct pl_vault *v, struct pl_err *err);

/* Destroys USER's key here and in the copies; synced when it returns. 0 also when there was none: *NUMBER is
 * 0 then. -PL_E_STORAGE: nothing is destroyed. -PL_E_IO: destroyed here, and a copy could not be reached
 * (named); call again. */
int pl_vault_forget(struct pl_vault *v, struct pl_str tenant, struct pl_str user, uint64_t *number,
                    struct pl_err *err);
/* True while rows of forgotten users may still lie in the store. */
bool pl_vault_unswept(const struct pl_vault *v);
int pl_vault_swept(struct pl_vault *v, struct pl_err *err);

/* Wraps everything with NEW_MASTER (32 bytes); on disk when it returns. On failure the old one is still
 * right. */
int pl_vault_rotate_master(struct pl_vault *v, const uint8_t *new_master, struct pl_err *err);
/* Gives TENANT a new key and wraps its users' keys with it. -PL_E_NOT_FOUND. */
int pl_vault_rotate_tenant(struct pl_vault *v, struct pl_str tenant, struct pl_err *err);

/* Makes TO a copy of the vault FROM, whole or not at all, and notes it in FROM.copies (a path a line): copies
 * forget and rotate together with the vault. Needs no key; any process, also beside a running store. */
int pl_vault_add_copy(const char *from, const char *to, struct pl_err *err);
/* Copies the file alone, noted nowhere: to put a vault back. */
int pl_vault_copy(const char *from, const char *to, struct pl_err *err);
/* Takes out of all noted copies what is forgotten here; one that is not there is passed over. -PL_E_IO names
 * the first that could not be reached. */
int pl_vault_clean_copies(const struct pl_vault *v, struct pl_err *err);

#endif
