/* utf8.c - see utf8.h.
 *
 * Well-formed sequences (Unicode, table 3-7). The second byte's range depends on the first, later ones
 * are 80..BF: 00..7F | C2..DF x1 | E0 A0..BF x1 | E1..EC 80..BF x1 | ED 80..9F x1 | EE..EF 80..BF x1
 *   F0 90..BF x2 | F1..F3 80..BF x2 | F4 80..8F x2 */
#include "kernels/utf8.h"

#include <string.h>

struct lead {
    unsigned need;           /* bytes of the character; 0: cannot begin one */
    unsigned char low, high; /* range of the second byte */
};

static struct lead lead_of(unsigned char c)
{
    if (c < 0x80) return (struct lead){1, 0, 0};
    if (c < 0xC2 || c > 0xF4) return (struct lead){0, 0, 0};
    if (c < 0xE0) return (struct lead){2, 0x80, 0xBF};
    if (c < 0xF0) return (struct lead){3, c == 0xE0 ? 0xA0 : 0x80, c == 0xED ? 0x9F : 0xBF};
    return (struct lead){4, c == 0xF0 ? 0x90 : 0x80, c == 0xF4 ? 0x8F : 0xBF};
}

/* Bytes at P that are a prefix of some character, at most the whole character; 0 when P begins none. */
static unsigned good_bytes(const unsigned char *p, size_t n, struct lead l)
{
    if (l.need == 0) return 0;
    unsigned i = 1;
    if (i < l.need && i < n && p[i] >= l.low && p[i] <= l.high)
        i++;
    else
        return 1;
    while (i < l.need && i < n && p[i] >= 0x80 && p[i] <= 0xBF) i++;
    return i;
}

size_t pl_utf8_next(const char *text, size_t n, uint32_t *code)
{
    const unsigned char *p = (const unsigned char *)text;
    struct lead l = lead_of(p[0]);
    unsigned good = good_bytes(p, n, l);
    *code = UINT32_MAX;
    if (good == 0) return 1;
    if (good < l.need) return good;
    uint32_t c = l.need == 1 ? p[0] : p[0] & (0x7Fu >> l.need);
    for (unsigned i = 1; i < l.need; i++) c = c << 6 | (p[i] & 0x3Fu);
    *code = c;
    return good;
}

size_t pl_utf8_complete(const char *text, size_t n)
{
    const unsigned char *p = (const unsigned char *)text;
    /* Only a lead byte among the last three can begin a character that is not finished. */
    for (size_t back = 1; back <= 3 && back <= n; back++) {
        size_t at = n - back;
        if ((p[at] & 0xC0) == 0x80) continue;
        struct lead l = lead_of(p[at]);
        return good_bytes(p + at, back, l) == back && back < l.need ? at : n;
    }
    return n;
}

bool pl_utf8_valid(const char *p, size_t n)
{
    size_t at = 0;
    while (at < n) {
        uint32_t code;
        at += pl_utf8_next(p + at, n - at, &code);
        if (code == UINT32_MAX) return false;
    }
    return true;
}

size_t pl_utf8_sanitize(char *dst, size_t size, const char *src, size_t n)
{
    size_t at = 0, need = 0;
    bool full = false;
    while (at < n) {
        uint32_t code;
        size_t took = pl_utf8_next(src + at, n - at, &code);
        const char *from = code == UINT32_MAX ? "\xEF\xBF\xBD" : src + at;
        size_t bytes = code == UINT32_MAX ? 3 : took;
        if (need + bytes > size) full = true;
        if (!full) memcpy(dst + need, from, bytes);
        need += bytes;
        at += took;
    }
    return need;
}
