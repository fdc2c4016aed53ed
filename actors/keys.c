#include "actors/keys.h"

#include "runtime/seal.h"

const char *const pl_families[] = {PL_FAMILY_REQUESTS, PL_FAMILY_PENDING,    PL_FAMILY_SESSIONS,
                                   PL_FAMILY_TURNS,    PL_FAMILY_TURN_NAMES, PL_FAMILY_FEEDBACK,
                                   PL_FAMILY_RATED,    PL_FAMILY_META,       NULL};

struct pl_bin pl_key_join(struct pl_msg *m, const struct pl_str *parts, size_t n_parts, uint64_t number,
                          int number_bytes)
{
    size_t bytes = (size_t)number_bytes + (n_parts && number_bytes ? 1 : 0);
    for (size_t i = 0; i < n_parts; i++) bytes += parts[i].len + (i ? 1 : 0);
    uint8_t *key = pl_msg_alloc(m, bytes), *p = key;
    if (!key) return (struct pl_bin){NULL, 0};
    for (size_t i = 0; i < n_parts; i++) {
        if (i) *p++ = 0;
        if (parts[i].len) memcpy(p, parts[i].ptr, parts[i].len);
        p += parts[i].len;
    }
    if (n_parts && number_bytes) *p++ = 0;
    for (int i = number_bytes - 1; i >= 0; i--) *p++ = (uint8_t)(number >> (8 * i));
    return (struct pl_bin){key, (uint32_t)bytes};
}

struct pl_str pl_key_hide(const uint8_t *row_key, struct pl_msg *m, struct pl_str tenant, struct pl_str name)
{
    static const char digits[] = "0123456789abcdef";
    uint8_t mac[PL_HMAC_BYTES];
    if (!row_key) return pl_msg_str(m, name);
    char *out = pl_msg_alloc(m, PL_HMAC_BYTES);
    pl_hmac(row_key, (struct pl_str[]){tenant, name}, 2, mac);
    for (int i = 0; out && i < PL_HMAC_BYTES / 2; i++) {
        out[2 * i] = digits[mac[i] >> 4];
        out[2 * i + 1] = digits[mac[i] & 15];
    }
    return (struct pl_str){out, out ? PL_HMAC_BYTES : 0};
}

uint64_t pl_key_owner(const uint8_t *row_key, struct pl_str tenant)
{
    static const uint8_t none[PL_HMAC_BYTES];
    uint8_t mac[PL_HMAC_BYTES];
    uint64_t owner;
    pl_hmac(row_key ? row_key : none, (struct pl_str[]){tenant}, 1, mac);
    memcpy(&owner, mac, sizeof owner);
    return owner;
}

uint64_t pl_key_number(struct pl_bin key, int bytes)
{
    uint64_t n = 0;
    if (key.len < (uint32_t)bytes) return 0;
    for (int i = 0; i < bytes; i++) n = n << 8 | key.ptr[key.len - (uint32_t)bytes + (uint32_t)i];
    return n;
}

struct pl_bin pl_key_after(struct pl_msg *m, struct pl_bin prefix)
{
    uint32_t len = prefix.len;
    while (len && prefix.ptr[len - 1] == 0xFF) len--;
    struct pl_bin end = pl_msg_bin(m, prefix.ptr, len);
    if (end.len) ((uint8_t *)end.ptr)[end.len - 1]++;
    return end;
}
