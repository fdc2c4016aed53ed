/* wire.c - the growing buffer, the bounded cursor, and the check of a whole message.
 *
 * Owns nothing between calls and has no state, so every function may be called by any thread on its own data.
 * Bytes of a peer are untrusted everywhere: a declared length or count is compared with the bytes that are
 * left before anything is done with it, walking is either iterative or bounded by PL_DEPTH_MAX, and nothing
 * is allocated. Refused: ext types, keys that are not strings, duplicate keys, more than MAP_KEYS_MAX keys in
 * a map, UTF-8 that is not strict, bytes after the map. */
#include "schemas/wire_internal.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

enum { MAP_KEYS_MAX = 1024, FEW_KEYS = 16 };

/* ---- the buffer ---- */

static int buf_reserve(struct pl_buf *b, size_t more)
{
    if (b->failed) return -PL_E_NO_MEMORY;
    if (b->limit && (b->len > b->limit || more > b->limit - b->len)) {
        b->failed = true;
        return -PL_E_TOO_LARGE;
    }
    if (more <= b->capacity - b->len) return 0;
    size_t wanted = b->len + more, size = b->capacity ? b->capacity : 256;
    while (size < wanted && size <= SIZE_MAX / 4) size *= 2;
    uint8_t *grown = size < wanted ? NULL : realloc(b->data, size);
    if (!grown) {
        b->failed = true;
        return -PL_E_NO_MEMORY;
    }
    b->data = grown;
    b->capacity = size;
    return 0;
}

int pl_buf_write(struct pl_buf *b, const void *data, size_t len)
{
    int rc = buf_reserve(b, len);
    if (rc) return rc;
    if (len) memcpy(b->data + b->len, data, len);
    b->len += len;
    return 0;
}

int pl_buf_printf(struct pl_buf *b, const char *fmt, ...)
{
    char small[256];
    va_list ap, again;
    va_start(ap, fmt);
    va_copy(again, ap);
    int n = vsnprintf(small, sizeof small, fmt, ap);
    va_end(ap);
    int rc = n < 0 ? -PL_E_INTERNAL : 0;
    if (rc == 0 && (size_t)n < sizeof small) {
        rc = pl_buf_write(b, small, (size_t)n);
    } else if (rc == 0) {
        rc = buf_reserve(b, (size_t)n); /* the limit is for the text, the NUL after it is not kept */
        size_t limit = b->limit;
        b->limit = 0;
        if (rc == 0) rc = buf_reserve(b, (size_t)n + 1);
        b->limit = limit;
        if (rc == 0) {
            vsnprintf((char *)b->data + b->len, (size_t)n + 1, fmt, again);
            b->len += (size_t)n;
        }
    }
    va_end(again);
    return rc;
}

void pl_buf_clear(struct pl_buf *b)
{
    b->len = 0;
    b->failed = false;
}

void pl_buf_finish(struct pl_buf *b)
{
    free(b->data);
    b->data = NULL;
    b->len = b->capacity = 0;
    b->failed = false;
}

/* ---- the cursor ---- */

static uint64_t big_endian(const uint8_t *p, unsigned bytes)
{
    uint64_t v = 0;
    for (unsigned i = 0; i < bytes; i++) v = v << 8 | p[i];
    return v;
}

static void set_signed(struct pl__head *h, int64_t value)
{
    h->kind = value < 0 ? PL_NEGINT : PL_UINT;
    h->i = value;
    h->u = (uint64_t)value;
}

/* Formats 0xc0..0xdf. KIND, bytes of number after the first byte; number 0xFF: not accepted (ext and the
 * unused 0xc1). */
static const struct {
    uint8_t kind, bytes;
} long_forms[32] = {
    {PL_NIL, 0},    {0, 0xFF},      {PL_BOOL, 0},   {PL_BOOL, 0},   {PL_BYTES, 1},  {PL_BYTES, 2},
    {PL_BYTES, 4},  {0, 0xFF},      {0, 0xFF},      {0, 0xFF},      {PL_FLOAT, 4},  {PL_FLOAT, 8},
    {PL_UINT, 1},   {PL_UINT, 2},   {PL_UINT, 4},   {PL_UINT, 8},   {PL_NEGINT, 1}, {PL_NEGINT, 2},
    {PL_NEGINT, 4}, {PL_NEGINT, 8}, {0, 0xFF},      {0, 0xFF},      {0, 0xFF},      {0, 0xFF},
    {0, 0xFF},      {PL_STRING, 1}, {PL_STRING, 2}, {PL_STRING, 4}, {PL_ARRAY, 2},  {PL_ARRAY, 4},
    {PL_MAP, 2},    {PL_MAP, 4},
};

static int long_head(const uint8_t *p, size_t left, struct pl__head *h)
{
    unsigned bytes = long_forms[p[0] - 0xC0].bytes;
    if (bytes == 0xFF || bytes > left - 1) return -PL_E_INVALID;
    uint64_t v = big_endian(p + 1, bytes);
    h->kind = (enum pl_kind)long_forms[p[0] - 0xC0].kind;
    h->size = (uint8_t)(1 + bytes);
    h->u = h->kind == PL_BOOL ? p[0] & 1u : v;
    if (h->kind == PL_NEGINT) {
        unsigned shift = 64 - 8 * bytes;
        set_signed(h, (int64_t)(v << shift) >> shift);
    }
    if (h->kind == PL_FLOAT && bytes == 4) {
        uint32_t bits = (uint32_t)v;
        float f;
        memcpy(&f, &bits, sizeof f);
        h->f = (double)f;
    } else if (h->kind == PL_FLOAT) {
        memcpy(&h->f, &v, sizeof h->f);
    }
    return 0;
}

static void short_head(uint8_t b, struct pl__head *h)
{
    h->size = 1;
    h->kind = PL_UINT;
    h->u = b;
    if (b >= 0xE0) {
        set_signed(h, (int8_t)b);
    } else if (b >= 0xA0) {
        h->kind = PL_STRING;
        h->u = b & 0x1F;
    } else if (b >= 0x80) {
        h->kind = b >= 0x90 ? PL_ARRAY : PL_MAP;
        h->u = b & 0x0F;
    }
}

/* Every use of bytes starts here: a head that is returned fits into the bytes left, with its body or, of an
 * array or a map, with at least one byte for each child. */
int pl__wire_head(const struct pl_cursor *c, struct pl__head *h)
{
    size_t left = (size_t)(c->end - c->p);
    if (left == 0) return -PL_E_INVALID;
    if (c->p[0] >= 0xC0 && c->p[0] <= 0xDF) {
        if (long_head(c->p, left, h)) return -PL_E_INVALID;
    } else {
        short_head(c->p[0], h);
    }
    left -= h->size;
    uint64_t needed = h->kind >= PL_STRING ? h->u : 0;
    if (h->kind == PL_MAP) needed *= 2;
    return needed <= left ? 0 : -PL_E_INVALID;
}

int pl_cursor_peek(const struct pl_cursor *c, enum pl_kind *out)
{
    struct pl__head h;
    if (pl__wire_head(c, &h)) return -PL_E_INVALID;
    *out = h.kind;
    return 0;
}

static int take_head(struct pl_cursor *c, enum pl_kind kind, struct pl__head *h)
{
    if (pl__wire_head(c, h) || h->kind != kind) return -PL_E_INVALID;
    c->p += h->size;
    return 0;
}

int pl_cursor_bool(struct pl_cursor *c, bool *out)
{
    struct pl__head h;
    if (take_head(c, PL_BOOL, &h)) return -PL_E_INVALID;
    *out = h.u != 0;
    return 0;
}

int pl_cursor_u64(struct pl_cursor *c, uint64_t *out)
{
    struct pl__head h;
    if (take_head(c, PL_UINT, &h)) return -PL_E_INVALID;
    *out = h.u;
    return 0;
}

int pl_cursor_i64(struct pl_cursor *c, int64_t *out)
{
    struct pl__head h;
    if (pl__wire_head(c, &h)) return -PL_E_INVALID;
    if (h.kind == PL_UINT && h.u <= INT64_MAX)
        *out = (int64_t)h.u;
    else if (h.kind == PL_NEGINT)
        *out = h.i;
    else
        return -PL_E_INVALID;
    c->p += h.size;
    return 0;
}

int pl_cursor_f64(struct pl_cursor *c, double *out)
{
    struct pl__head h;
    if (pl__wire_head(c, &h)) return -PL_E_INVALID;
    if (h.kind == PL_FLOAT)
        *out = h.f;
    else if (h.kind == PL_UINT)
        *out = (double)h.u;
    else if (h.kind == PL_NEGINT)
        *out = (double)h.i;
    else
        return -PL_E_INVALID;
    c->p += h.size;
    return 0;
}

int pl_cursor_str(struct pl_cursor *c, struct pl_str *out)
{
    struct pl__head h;
    if (take_head(c, PL_STRING, &h)) return -PL_E_INVALID;
    *out = (struct pl_str){(const char *)c->p, (uint32_t)h.u};
    c->p += h.u;
    return 0;
}

int pl_cursor_bin(struct pl_cursor *c, struct pl_bin *out)
{
    struct pl__head h;
    if (pl__wire_head(c, &h) || (h.kind != PL_BYTES && h.kind != PL_STRING)) return -PL_E_INVALID;
    *out = (struct pl_bin){c->p + h.size, (uint32_t)h.u};
    c->p += h.size + h.u;
    return 0;
}

int pl_cursor_array(struct pl_cursor *c, uint32_t *count)
{
    struct pl__head h;
    if (take_head(c, PL_ARRAY, &h)) return -PL_E_INVALID;
    *count = (uint32_t)h.u;
    return 0;
}

int pl_cursor_map(struct pl_cursor *c, uint32_t *count)
{
    struct pl__head h;
    if (take_head(c, PL_MAP, &h)) return -PL_E_INVALID;
    *count = (uint32_t)h.u;
    return 0;
}

/* Iterative: OPEN counts the values still to pass. Each takes a byte at least, so the loop ends with the
 * bytes. */
int pl_cursor_skip(struct pl_cursor *c)
{
    struct pl_cursor at = *c;
    for (uint64_t open = 1; open > 0; open--) {
        struct pl__head h;
        if (pl__wire_head(&at, &h)) return -PL_E_INVALID;
        at.p += h.size;
        if (h.kind == PL_STRING || h.kind == PL_BYTES) at.p += h.u;
        if (h.kind == PL_ARRAY) open += h.u;
        if (h.kind == PL_MAP) open += 2 * h.u;
    }
    *c = at;
    return 0;
}

/* ---- UTF-8 ---- */

unsigned pl_str_character(const uint8_t *p, size_t left)
{
    uint8_t b = p[0];
    if (b < 0x80) return 1;
    unsigned n = b >= 0xF0 ? 4 : b >= 0xE0 ? 3 : 2;
    if (b < 0xC2 || b > 0xF4 || left < n) return 0;
    for (unsigned i = 1; i < n; i++)
        if ((p[i] & 0xC0) != 0x80) return 0;
    if (b == 0xE0 && p[1] < 0xA0) return 0;
    if (b == 0xED && p[1] > 0x9F) return 0;
    if (b == 0xF0 && p[1] < 0x90) return 0;
    if (b == 0xF4 && p[1] > 0x8F) return 0;
    return n;
}

bool pl__utf8_valid(const void *data, size_t len)
{
    if (len == 0) return true; /* DATA may be NULL then */
    const uint8_t *p = data, *end = p + len;
    while (p < end) {
        uint64_t eight;
        if (end - p >= 8 && (memcpy(&eight, p, 8), (eight & 0x8080808080808080ULL) == 0)) {
            p += 8;
            continue;
        }
        unsigned n = pl_str_character(p, (size_t)(end - p));
        if (n == 0) return false;
        p += n;
    }
    return true;
}

/* U+0000..001F and U+007F..009F, the latter as C2 80..9F. Takes valid UTF-8. */
bool pl__has_control(struct pl_str s)
{
    for (uint32_t i = 0; i < s.len; i++) {
        uint8_t b = (uint8_t)s.ptr[i];
        if (b < 0x20 || b == 0x7F) return true;
        if (b == 0xC2 && i + 1 < s.len && (uint8_t)s.ptr[i + 1] < 0xA0) return true;
    }
    return false;
}

/* ---- where an error is ---- */

/* Copies S for a person: cut to fit at a character, control characters as '?'. Returns the bytes without the
 * NUL. */
size_t pl__shown(struct pl_str s, char *out, size_t size)
{
    size_t n = 0;
    for (uint32_t i = 0; i < s.len;) {
        unsigned w = pl_str_character((const uint8_t *)s.ptr + i, s.len - i);
        bool plain = w > 0 && !pl__has_control((struct pl_str){s.ptr + i, w});
        unsigned bytes = plain ? w : 1;
        if (n + bytes >= size) break;
        if (plain)
            memcpy(out + n, s.ptr + i, w);
        else
            out[n] = '?';
        n += bytes;
        i += w ? w : 1;
    }
    out[n] = 0;
    return n;
}

/* "messages[2].role" */
size_t pl__place_text(const struct pl__place *at, char *out, size_t size)
{
    if (!at) {
        out[0] = 0;
        return 0;
    }
    size_t n = pl__place_text(at->up, out, size);
    if (!at->key.ptr) {
        int w = snprintf(out + n, size - n, "[%u]", at->index);
        return n + (size_t)w < size ? n + (size_t)w : size - 1;
    }
    if (n > 0 && n + 1 < size) out[n++] = '.';
    return n + pl__shown(at->key, out + n, size - n);
}

static int refuse_as(struct pl_err *err, int code, const struct pl__place *at, const char *fmt, va_list ap)
{
    char field[PL__PATH_BYTES], text[256];
    if (!err) return -code;
    pl__place_text(at, field, sizeof field);
    vsnprintf(text, sizeof text, fmt, ap);
    return pl_fail(err, code, field, "%s", text);
}

int pl__refuse(struct pl_err *err, const struct pl__place *at, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    int rc = refuse_as(err, PL_E_INVALID, at, fmt, ap);
    va_end(ap);
    return rc;
}

/* ---- the check of a whole message ---- */

static int compare_keys(struct pl_str a, struct pl_str b)
{
    if (a.len != b.len) return a.len < b.len ? -1 : 1;
    return a.len ? memcmp(a.ptr, b.ptr, a.len) : 0;
}

static void sift_down(struct pl_str *keys, uint32_t root, uint32_t n)
{
    for (;;) {
        uint32_t child = 2 * root + 1;
        if (child >= n) return;
        if (child + 1 < n && compare_keys(keys[child], keys[child + 1]) < 0) child++;
        if (compare_keys(keys[root], keys[child]) >= 0) return;
        struct pl_str t = keys[root];
        keys[root] = keys[child];
        keys[child] = t;
        root = child;
    }
}

/* Heap sort, because qsort may allocate and keys come from a peer who could choose a bad order for anything
 * quicker. */
static void sort_keys(struct pl_str *keys, uint32_t n)
{
    for (uint32_t i = n / 2; i-- > 0;) sift_down(keys, i, n);
    for (uint32_t i = n; i-- > 1;) {
        struct pl_str t = keys[0];
        keys[0] = keys[i];
        keys[i] = t;
        sift_down(keys, 0, i);
    }
}

static const struct pl_str *find_double(struct pl_str *keys, uint32_t n)
{
    if (n <= FEW_KEYS) {
        for (uint32_t i = 1; i < n; i++)
            for (uint32_t j = 0; j < i; j++)
                if (pl_str_eq(keys[i], keys[j])) return &keys[i];
        return NULL;
    }
    sort_keys(keys, n);
    for (uint32_t i = 1; i < n; i++)
        if (compare_keys(keys[i - 1], keys[i]) == 0) return &keys[i];
    return NULL;
}

/* The keys of the map whose N pairs start at C: strings, UTF-8, no two alike. Not inlined, so that its table
 * is not on the stack of the recursion below. */
__attribute__((noinline)) static int check_keys(struct pl_cursor c, uint32_t n, const struct pl__place *at,
                                                struct pl_err *err)
{
    struct pl_str keys[MAP_KEYS_MAX];
    if (n > MAP_KEYS_MAX)
        return pl__refuse(err, at, "a map may have at most %d keys, this one has %u", MAP_KEYS_MAX, n);
    for (uint32_t i = 0; i < n; i++) {
        if (pl_cursor_str(&c, &keys[i])) return pl__refuse(err, at, "a key of a map must be a string");
        if (!pl__utf8_valid(keys[i].ptr, keys[i].len)) return pl__refuse(err, at, "a key is not valid UTF-8");
        struct pl__place here = {at, keys[i], 0};
        if (pl_cursor_skip(&c))
            return pl__refuse(err, &here, "the value is cut short or of a type that is not accepted");
    }
    const struct pl_str *twice = find_double(keys, n);
    if (!twice) return 0;
    struct pl__place here = {at, *twice, 0};
    return pl__refuse(err, &here, "the key stands twice in one map");
}

static int check_value(struct pl_cursor *c, unsigned depth, const struct pl__place *at, struct pl_err *err);

static int check_map(struct pl_cursor *c, unsigned depth, const struct pl__place *at, struct pl_err *err)
{
    uint32_t n;
    if (depth > PL_DEPTH_MAX) return pl__refuse(err, at, "nested deeper than %d", PL_DEPTH_MAX);
    if (pl_cursor_map(c, &n)) return pl__refuse(err, at, "the map is cut short");
    int rc = check_keys(*c, n, at, err);
    for (uint32_t i = 0; rc == 0 && i < n; i++) {
        struct pl__place here = {at, {NULL, 0}, 0};
        if (pl_cursor_str(c, &here.key)) return pl__refuse(err, at, "a key of a map must be a string");
        rc = check_value(c, depth, &here, err);
    }
    return rc;
}

static int check_array(struct pl_cursor *c, unsigned depth, const struct pl__place *at, struct pl_err *err)
{
    uint32_t n;
    if (depth > PL_DEPTH_MAX) return pl__refuse(err, at, "nested deeper than %d", PL_DEPTH_MAX);
    if (pl_cursor_array(c, &n)) return pl__refuse(err, at, "the array is cut short");
    int rc = 0;
    for (uint32_t i = 0; rc == 0 && i < n; i++) {
        struct pl__place here = {at, {NULL, 0}, i};
        rc = check_value(c, depth, &here, err);
    }
    return rc;
}

/* DEPTH counts the maps and arrays around the value. */
static int check_value(struct pl_cursor *c, unsigned depth, const struct pl__place *at, struct pl_err *err)
{
    struct pl_str s;
    enum pl_kind kind;
    if (pl_cursor_peek(c, &kind))
        return pl__refuse(err, at, "the value is cut short or of a type that is not accepted");
    if (kind == PL_MAP) return check_map(c, depth + 1, at, err);
    if (kind == PL_ARRAY) return check_array(c, depth + 1, at, err);
    if (kind != PL_STRING) return pl_cursor_skip(c);
    if (pl_cursor_str(c, &s)) return pl__refuse(err, at, "the string is cut short");
    return pl__utf8_valid(s.ptr, s.len) ? 0 : pl__refuse(err, at, "the string is not valid UTF-8");
}

int pl_wire_check(const void *bytes, size_t n, struct pl_err *err)
{
    if (n == 0) return pl__refuse(err, NULL, "the message is empty");
    struct pl_cursor c = {bytes, (const uint8_t *)bytes + n};
    enum pl_kind kind;
    if (pl_cursor_peek(&c, &kind))
        return pl__refuse(err, NULL, "the message is not msgpack, or is cut short");
    if (kind != PL_MAP) return pl__refuse(err, NULL, "the message is not a msgpack map");
    int rc = check_map(&c, 1, NULL, err);
    if (rc == 0 && c.p != c.end)
        rc = pl__refuse(err, NULL, "%zu bytes follow the end of the message", (size_t)(c.end - c.p));
    return rc;
}
