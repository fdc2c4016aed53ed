/* seal.h - AES-256-GCM as the vault and the store use it, and the HMAC that stands for a name. */
#ifndef PL_RUNTIME_SEAL_H
#define PL_RUNTIME_SEAL_H

#include <stdint.h>
#include "schemas/err.h"
#include "schemas/wire.h"

enum { PL_KEY_BYTES = 32, PL_NONCE_BYTES = 12, PL_TAG_BYTES = 16, PL_HMAC_BYTES = 32, PL_HMAC_INPUT = 1024 };

/* Holds the cipher between calls, no key. One thread at a time. */
struct pl_seal;

struct pl_seal *pl_seal_create(void); /* NULL: out of memory, or a libcrypto without AES-256-GCM */
void pl_seal_destroy(struct pl_seal **s);

/* Writes PLAIN's ciphertext and the tag to OUT (plain.len + PL_TAG_BYTES). AAD, N parts, is covered by the
 * tag and not written. A nonce is used once with a key. -PL_E_INTERNAL when libcrypto fails. */
int pl_seal_lock(struct pl_seal *s, const uint8_t *key, const uint8_t *nonce, const struct pl_bin *aad, int n,
                 struct pl_bin plain, uint8_t *out);
/* Writes what SEALED (ciphertext and tag) holds to OUT (sealed.len - PL_TAG_BYTES). -PL_E_CORRUPT when key,
 * nonce, AAD or a byte differs: OUT then holds nothing of use. */
int pl_seal_open(struct pl_seal *s, const uint8_t *key, const uint8_t *nonce, const struct pl_bin *aad, int n,
                 struct pl_bin sealed, uint8_t *out);

/* Random bytes for keys and nonces. -PL_E_INTERNAL when the system gives none. */
int pl_seal_random(uint8_t *out, int bytes);
/* HMAC-SHA256 of PARTS joined by a zero byte, together less than PL_HMAC_INPUT bytes, in OUT (PL_HMAC_BYTES).
 * Pure; any thread. */
void pl_hmac(const uint8_t *key, const struct pl_str *parts, int n, uint8_t *out);

#endif
