/* store_value.h - a stored value as it lies on disk: sealed under the key of whom it is about. Inside of
 * runtime/store*.c.
 *
 *   0 version (1: one owner, 2: two)  1 owner (u64 be)  [9 second owner (u64 be)]  nonce (12)  ciphertext tag
 * (16)
 *
 * The tag also covers family, key, version and owners: a value that is moved to another row does not open. A
 * value with two owners is sealed under a key made of both of theirs, so it goes when either is forgotten.
 * One thread. */
#ifndef PL_RUNTIME_STORE_VALUE_H
#define PL_RUNTIME_STORE_VALUE_H

#include "runtime/vault.h"
#include "schemas/gen/runtime.h"

enum { PL__VALUE_OVERHEAD_MAX = 1 + 8 + 8 + PL_NONCE_BYTES + PL_TAG_BYTES, PL__NONCES_AHEAD = 64 };

struct pl__values {
    struct pl_vault *vault; /* borrowed */
    struct pl_seal *seal;
    uint8_t nonces[PL__NONCES_AHEAD * PL_NONCE_BYTES];
    int nonces_left;
};

int pl__values_init(struct pl__values *v, struct pl_vault *vault, struct pl_err *err);
void pl__values_finish(struct pl__values *v);

/* Seals the value of a put into OUT (value.len + PL__VALUE_OVERHEAD_MAX); *LEN gets its size. Makes the
 * owner's key when it has none: pl_vault_sync before the row is committed. */
int pl__value_seal(struct pl__values *v, const struct pl_store_op *op, uint8_t *out, size_t *len,
                   struct pl_err *err);
/* Opens SEALED into OUT (at least sealed.len bytes); *LEN gets its size. -PL_E_GONE: an owner is forgotten,
 * the row counts as absent. -PL_E_CORRUPT names family and key. */
int pl__value_open(struct pl__values *v, struct pl_str family, struct pl_bin key, struct pl_bin sealed,
                   uint8_t *out, uint32_t *len, struct pl_err *err);
/* Bytes of what is sealed in it; 0 for what is no sealed value. */
uint32_t pl__value_bytes(struct pl_bin sealed);
/* True for a value of a forgotten owner: nothing is decrypted. */
bool pl__value_is_dead(struct pl__values *v, struct pl_bin sealed);
/* KEY for people: `/` for a zero byte, \xNN for what cannot be printed, cut at SIZE. Returns OUT. */
const char *pl__key_text(struct pl_bin key, char *out, size_t size);

#endif
