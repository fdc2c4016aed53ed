/* seal.c - AES-256-GCM and HMAC-SHA256 of libcrypto. The cipher is looked up once: OpenSSL 3 takes longer to
 * find it than to seal a row. */
#include "runtime/seal.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>
#include <stdlib.h>
#include <string.h>

struct pl_seal {
    EVP_CIPHER *cipher;
    EVP_CIPHER_CTX *ctx;
};

struct pl_seal *pl_seal_create(void)
{
    struct pl_seal *s = calloc(1, sizeof *s);
    if (!s) return NULL;
    s->cipher = EVP_CIPHER_fetch(NULL, "AES-256-GCM", NULL);
    s->ctx = EVP_CIPHER_CTX_new();
    if (!s->cipher || !s->ctx) pl_seal_destroy(&s);
    return s;
}

void pl_seal_destroy(struct pl_seal **s)
{
    if (!s || !*s) return;
    EVP_CIPHER_CTX_free((*s)->ctx); /* clears the key schedule */
    EVP_CIPHER_free((*s)->cipher);
    free(*s);
    *s = NULL;
}

static bool begin(struct pl_seal *s, const uint8_t *key, const uint8_t *nonce, const struct pl_bin *aad,
                  int n, int enc)
{
    int len;
    bool ok = EVP_CipherInit_ex(s->ctx, s->cipher, NULL, key, nonce, enc) == 1;
    for (int i = 0; ok && i < n; i++)
        if (aad[i].len) ok = EVP_CipherUpdate(s->ctx, NULL, &len, aad[i].ptr, (int)aad[i].len) == 1;
    return ok;
}

int pl_seal_lock(struct pl_seal *s, const uint8_t *key, const uint8_t *nonce, const struct pl_bin *aad, int n,
                 struct pl_bin plain, uint8_t *out)
{
    int len = 0;
    uint8_t none[PL_TAG_BYTES];
    bool ok = begin(s, key, nonce, aad, n, 1);
    if (ok && plain.len) ok = EVP_CipherUpdate(s->ctx, out, &len, plain.ptr, (int)plain.len) == 1;
    if (ok) ok = EVP_CipherFinal_ex(s->ctx, none, &len) == 1;
    if (ok) ok = EVP_CIPHER_CTX_ctrl(s->ctx, EVP_CTRL_AEAD_GET_TAG, PL_TAG_BYTES, out + plain.len) == 1;
    return ok ? 0 : -PL_E_INTERNAL;
}

int pl_seal_open(struct pl_seal *s, const uint8_t *key, const uint8_t *nonce, const struct pl_bin *aad, int n,
                 struct pl_bin sealed, uint8_t *out)
{
    int len = 0;
    uint8_t tag[PL_TAG_BYTES];
    if (sealed.len < PL_TAG_BYTES) return -PL_E_CORRUPT;
    uint32_t bytes = sealed.len - PL_TAG_BYTES;
    memcpy(tag, sealed.ptr + bytes, sizeof tag);
    bool ok = begin(s, key, nonce, aad, n, 0);
    if (ok && bytes) ok = EVP_CipherUpdate(s->ctx, out, &len, sealed.ptr, (int)bytes) == 1;
    if (ok) ok = EVP_CIPHER_CTX_ctrl(s->ctx, EVP_CTRL_AEAD_SET_TAG, PL_TAG_BYTES, tag) == 1;
    if (ok) ok = EVP_CipherFinal_ex(s->ctx, tag, &len) == 1;
    if (!ok && bytes) OPENSSL_cleanse(out, bytes);
    return ok ? 0 : -PL_E_CORRUPT;
}

int pl_seal_random(uint8_t *out, int bytes)
{
    return RAND_bytes(out, bytes) == 1 ? 0 : -PL_E_INTERNAL;
}

void pl_hmac(const uint8_t *key, const struct pl_str *parts, int n, uint8_t *out)
{
    uint8_t all[PL_HMAC_INPUT];
    size_t bytes = 0;
    unsigned len = 0;
    for (int i = 0; i < n; i++) {
        PL_MUST(bytes + parts[i].len + 1 <= sizeof all);
        if (i) all[bytes++] = 0;
        if (parts[i].len) memcpy(all + bytes, parts[i].ptr, parts[i].len);
        bytes += parts[i].len;
    }
    PL_MUST(HMAC(EVP_sha256(), key, PL_KEY_BYTES, all, bytes, out, &len) && len == PL_HMAC_BYTES);
    OPENSSL_cleanse(all, bytes);
}
