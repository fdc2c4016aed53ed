/* vault_file.h - the vault's file: slots of one size, read, checked, written. Holds no plain key. Inside of
 * runtime/vault*.c.
 *
 *   slot (128 bytes)  0 kind  1 swept  8 number  16 parent  24 name (32)  56 nonce (12)  68 wrapped key and
 * tag (48) 116 "PLV1"  120 FNV-1a of all before
 *
 * Slot 0 is the header (name: the vault's id; wrapped: its secret), slot n is number n. Numbers
 * little-endian. */
#ifndef PL_RUNTIME_VAULT_FILE_H
#define PL_RUNTIME_VAULT_FILE_H

#include "runtime/seal.h"

enum {
    PL__VAULT_SLOT = 128,
    PL__WRAPPED_BYTES = PL_KEY_BYTES + PL_TAG_BYTES,
};
enum pl__vault_kind {
    PL__VAULT_HEADER = 1,
    PL__VAULT_SYSTEM, /* the key of rows that are nobody's */
    PL__VAULT_TENANT, /* wraps its users' keys */
    PL__VAULT_USER,
    PL__VAULT_FORGOTTEN /* a user's slot after its key was destroyed: only the number is left */
};
struct pl__vault_slot {
    enum pl__vault_kind kind;
    bool swept; /* of a forgotten one: its rows are removed from the store */
    uint64_t number, parent;
    uint8_t name[PL_HMAC_BYTES], nonce[PL_NONCE_BYTES], wrapped[PL__WRAPPED_BYTES];
};

/* Reads all slots of PATH into *OUT (free it). A tail that is no whole slot, or a torn last one, was never
 * used by a row: it is left out. *BYTES: where the good part ends. -PL_E_NOT_FOUND, -PL_E_CORRUPT (names the
 * slot), -PL_E_IO. */
int pl__vault_read(const char *path, struct pl__vault_slot **out, uint64_t *n, uint64_t *bytes,
                   struct pl_err *err);
/* Writes N slots at slot FIRST of FD and syncs. -PL_E_STORAGE_FULL, -PL_E_STORAGE. */
int pl__vault_write(int fd, const struct pl__vault_slot *slots, uint64_t first, uint64_t n,
                    struct pl_err *err);
/* Writes N slots as PATH, whole or not at all (a temporary name, fsync, rename, fsync of the directory). */
int pl__vault_replace(const char *path, const struct pl__vault_slot *slots, uint64_t n, struct pl_err *err);

#endif
