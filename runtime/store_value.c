#include "runtime/store_value.h"

#include <openssl/crypto.h>
#include <stdio.h>
#include <string.h>

enum { ONE_OWNER = 1, TWO_OWNERS = 2 };

struct header {
    uint8_t version;
    int owners;
    uint64_t owner[2];
};

int pl__values_init(struct pl__values *v, struct pl_vault *vault, struct pl_err *err)
{
    *v = (struct pl__values){.vault = vault, .seal = pl_seal_create()};
    return v->seal ? 0 : pl_fail(err, PL_E_NO_MEMORY, "store", "no memory for the cipher");
}

void pl__values_finish(struct pl__values *v)
{
    pl_seal_destroy(&v->seal);
}

const char *pl__key_text(struct pl_bin key, char *out, size_t size)
{
    size_t n = 0;
    out[0] = 0;
    for (uint32_t i = 0; i < key.len && n + 5 < size; i++) {
        uint8_t c = key.ptr[i];
        if (c == 0 || (c > ' ' && c < 127))
            n += (size_t)snprintf(out + n, size - n, "%c", c ? c : '/');
        else
            n += (size_t)snprintf(out + n, size - n, "\\x%02x", c);
    }
    return out;
}

/* --- the header --- */

static size_t header_bytes(const struct header *h)
{
    return 1 + 8 * (size_t)h->owners + PL_NONCE_BYTES;
}

static void header_write(const struct header *h, const uint8_t *nonce, uint8_t *out)
{
    *out++ = h->version;
    for (int i = 0; i < h->owners; i++)
        for (int k = 7; k >= 0; k--) *out++ = (uint8_t)(h->owner[i] >> (8 * k));
    memcpy(out, nonce, PL_NONCE_BYTES);
}

static bool header_read(struct pl_bin sealed, struct header *h)
{
    h->version = sealed.len ? sealed.ptr[0] : 0;
    h->owners = h->version == TWO_OWNERS ? 2 : 1;
    if ((h->version != ONE_OWNER && h->version != TWO_OWNERS) || sealed.len < header_bytes(h) + PL_TAG_BYTES)
        return false;
    for (int i = 0; i < h->owners; i++) {
        h->owner[i] = 0;
        for (int k = 0; k < 8; k++) h->owner[i] = h->owner[i] << 8 | sealed.ptr[1 + 8 * i + k];
    }
    return true;
}

/* --- keys --- */

/* KEY points to the owner's own key or to BOTH, which is made of two. */
static int find_key(struct pl__values *v, const struct header *h, uint8_t *both, const uint8_t **key,
                    struct pl_err *err)
{
    const uint8_t *second;
    int rc = pl_vault_key(v->vault, h->owner[0], key, err);
    if (rc || h->owners == 1) return rc;
    rc = pl_vault_key(v->vault, h->owner[1], &second, err);
    if (rc) return rc;
    pl_hmac(*key, (struct pl_str[]){{(const char *)second, PL_KEY_BYTES}}, 1, both);
    *key = both;
    return 0;
}

static int take_nonce(struct pl__values *v, const uint8_t **nonce, struct pl_err *err)
{
    if (v->nonces_left == 0 && pl_seal_random(v->nonces, sizeof v->nonces))
        return pl_fail(err, PL_E_INTERNAL, "store", "the system gives no random bytes");
    if (v->nonces_left == 0) v->nonces_left = PL__NONCES_AHEAD;
    *nonce = v->nonces + (size_t)--v->nonces_left * PL_NONCE_BYTES;
    return 0;
}

/* What the tag covers: the header without its nonce, the family with its length, the key. */
static void fill_aad(struct pl_bin *aad, uint8_t *family_len, const uint8_t *header, const struct header *h,
                     struct pl_str family, struct pl_bin key)
{
    *family_len = (uint8_t)family.len;
    aad[0] = (struct pl_bin){header, (uint32_t)(1 + 8 * h->owners)};
    aad[1] = (struct pl_bin){family_len, 1};
    aad[2] = (struct pl_bin){(const uint8_t *)family.ptr, family.len};
    aad[3] = key;
}

/* --- seal and open --- */

static int find_owners(struct pl__values *v, const struct pl_store_op *op, struct header *h,
                       struct pl_err *err)
{
    bool two = op->has_user && op->has_also && op->user.len && op->also.len && !pl_str_eq(op->user, op->also);
    struct pl_str tenant = op->has_tenant ? op->tenant : PL_STR("");
    struct pl_str user = op->has_user ? op->user : PL_STR("");
    *h = (struct header){.version = two ? TWO_OWNERS : ONE_OWNER, .owners = two ? 2 : 1};
    int rc = pl_vault_owner(v->vault, tenant, user, true, &h->owner[0], err);
    return rc || !two ? rc : pl_vault_owner(v->vault, tenant, op->also, true, &h->owner[1], err);
}

int pl__value_seal(struct pl__values *v, const struct pl_store_op *op, uint8_t *out, size_t *len,
                   struct pl_err *err)
{
    struct header h;
    struct pl_bin aad[4];
    uint8_t family_len, both[PL_HMAC_BYTES];
    const uint8_t *key = NULL, *nonce = NULL;
    int rc = find_owners(v, op, &h, err);
    if (!rc) rc = find_key(v, &h, both, &key, err);
    if (!rc) rc = take_nonce(v, &nonce, err);
    if (rc) return rc;
    header_write(&h, nonce, out);
    fill_aad(aad, &family_len, out, &h, op->family, op->key);
    *len = header_bytes(&h) + op->value.len + PL_TAG_BYTES;
    rc = pl_seal_lock(v->seal, key, nonce, aad, 4, op->value, out + header_bytes(&h));
    OPENSSL_cleanse(both, sizeof both);
    return rc ? pl_fail(err, PL_E_INTERNAL, "store", "a value could not be sealed") : 0;
}

static int damaged(struct pl_str family, struct pl_bin key, struct pl_err *err)
{
    char text[120];
    return pl_fail(err, PL_E_CORRUPT, "store", "the value of %s in family %.*s does not open",
                   pl__key_text(key, text, sizeof text), PL_STR_FMT(family));
}

int pl__value_open(struct pl__values *v, struct pl_str family, struct pl_bin key, struct pl_bin sealed,
                   uint8_t *out, uint32_t *len, struct pl_err *err)
{
    struct header h;
    struct pl_bin aad[4];
    uint8_t family_len, both[PL_HMAC_BYTES];
    const uint8_t *with = NULL;
    if (!header_read(sealed, &h)) return damaged(family, key, err);
    int rc = find_key(v, &h, both, &with, NULL);
    if (rc == -PL_E_GONE) return rc;
    if (rc) return damaged(family, key, err);
    size_t head = header_bytes(&h);
    fill_aad(aad, &family_len, sealed.ptr, &h, family, key);
    struct pl_bin body = {sealed.ptr + head, sealed.len - (uint32_t)head};
    rc = pl_seal_open(v->seal, with, sealed.ptr + head - PL_NONCE_BYTES, aad, 4, body, out);
    *len = body.len - PL_TAG_BYTES;
    OPENSSL_cleanse(both, sizeof both);
    return rc ? damaged(family, key, err) : 0;
}

uint32_t pl__value_bytes(struct pl_bin sealed)
{
    struct header h;
    return header_read(sealed, &h) ? sealed.len - (uint32_t)header_bytes(&h) - PL_TAG_BYTES : 0;
}

bool pl__value_is_dead(struct pl__values *v, struct pl_bin sealed)
{
    struct header h;
    const uint8_t *key;
    if (!header_read(sealed, &h)) return false;
    for (int i = 0; i < h.owners; i++)
        if (pl_vault_key(v->vault, h.owner[i], &key, NULL) == -PL_E_GONE) return true;
    return false;
}
