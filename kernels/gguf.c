/* gguf.c - see gguf.h.
 *
 * Layout, all little-endian:
 *   "GGUF" u32 version | u64 tensors | u64 keys
 *   keys:    string key | u32 type | value       string = u64 length, bytes
 *            array value = u32 item type | u64 count | items
 *   tensors: string name | u32 dimensions | u64 ne[] | u32 type | u64 offset from the data section
 *   padding to general.alignment (32 when absent) | data section
 * Invariants after open:
 *   1. every entry's value and every array item lie inside the file;
 *   2. every tensor's data lies inside the data section and its offset is a multiple of the alignment;
 *   3. keys and names are unique, non-empty UTF-8 without NUL, and have a copy that ends in NUL.
 * Nothing is allocated for a count that the bytes left in the file could not hold. */
#include "kernels/gguf.h"

#include <errno.h>
#include <fcntl.h>
#include <float.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include "kernels/digest.h"
#include "kernels/lookup.h"
#include "kernels/utf8.h"

enum kind { U8, I8, U16, I16, U32, I32, F32, BOOL, STRING, ARRAY, U64, I64, F64, KINDS };

static const struct {
    const char *name;
    uint8_t bytes; /* 0: not a number */
} kinds[KINDS] = {
    [U8] = {"u8", 1},         [I8] = {"i8", 1},       [U16] = {"u16", 2}, [I16] = {"i16", 2},
    [U32] = {"u32", 4},       [I32] = {"i32", 4},     [F32] = {"f32", 4}, [BOOL] = {"bool", 1},
    [STRING] = {"string", 0}, [ARRAY] = {"array", 0}, [U64] = {"u64", 8}, [I64] = {"i64", 8},
    [F64] = {"f64", 8},
};

#define DEFAULT_ALIGNMENT 32
#define MIN_ALIGNMENT 8        /* the format's rule: a multiple of 8 */
#define MAX_NAME 65535         /* the format's limit for keys */
#define MAX_ENTRIES (1u << 20) /* far above any model; keeps indices small */
#define MIN_KEY_BYTES 14       /* length, one character, type, one byte */
#define MIN_TENSOR_BYTES 33    /* length, one character, dimensions, one ne, type, offset */
#define STRIDE 64              /* a string array remembers the place of every 64th item */

struct entry {
    char *key;
    uint8_t kind, item; /* item: kind of an array's items */
    uint64_t count;     /* bytes of a string, items of an array, else 1 */
    const uint8_t *value;
    const uint8_t **marks; /* string arrays: items 0, 64, 128, ... */
};

struct pl_gguf {
    char label[128]; /* the file's name without its folders, for errors */
    const uint8_t *bytes;
    size_t size;
    bool mapped;
    uint32_t version;
    uint64_t n_entries, n_tensors, alignment;
    struct entry *entries;
    struct pl_tensor *tensors;
    struct pl__lookup by_key, by_name;
};

/* The place of the next byte to read. */
struct cursor {
    const struct pl_gguf *g;
    const uint8_t *at, *end;
};

struct span {
    const char *ptr;
    uint64_t len;
};

static uint64_t left(const struct cursor *c)
{
    return (uint64_t)(c->end - c->at);
}

static bool take(struct cursor *c, void *out, size_t bytes)
{
    if (left(c) < bytes) return false;
    memcpy(out, c->at, bytes);
    c->at += bytes;
    return true;
}

static bool take_span(struct cursor *c, struct span *s)
{
    if (!take(c, &s->len, 8) || left(c) < s->len) return false;
    s->ptr = (const char *)c->at;
    c->at += s->len;
    return true;
}

#define CORRUPT(g, field, fmt, ...) pl_fail(err, PL_E_CORRUPT, field, "%s: " fmt, (g)->label, __VA_ARGS__)

/* Reads a key or a tensor's name; *OUT is given. WHAT is "key" or "tensor". */
static int take_name(struct cursor *c, const char *what, uint64_t i, char **out, struct pl_err *err)
{
    struct span s;
    if (!take_span(c, &s))
        return CORRUPT(c->g, what, "the file ends inside the name of %s %" PRIu64, what, i);
    if (s.len == 0 || s.len > MAX_NAME)
        return CORRUPT(c->g, what, "the name of %s %" PRIu64 " has %" PRIu64 " bytes", what, i, s.len);
    if (memchr(s.ptr, 0, s.len) || !pl_utf8_valid(s.ptr, s.len))
        return CORRUPT(c->g, what, "the name of %s %" PRIu64 " is not UTF-8 text", what, i);
    *out = strndup(s.ptr, s.len);
    return *out ? 0 : pl_fail(err, PL_E_NO_MEMORY, what, "%s: no memory for a name", c->g->label);
}

/* Adds a name to an index; two of the same name would make "the" tensor depend on the reader. */
static int index_name(struct pl_gguf *g, struct pl__lookup *l, const char *what, const char *name, uint64_t i,
                      struct pl_err *err)
{
    int rc = pl__lookup_add(l, name, strlen(name), (uint32_t)i);
    if (rc == -PL_E_CONFLICT) return CORRUPT(g, name, "%s %s is there twice", what, name);
    if (rc) return CORRUPT(g, name, "the names of the %ss are made to collide", what);
    return 0;
}

/* Skips an array's strings, noting every 64th. */
static int skip_strings(struct cursor *c, struct entry *e, struct pl_err *err)
{
    if (e->count > left(c) / 8)
        return CORRUPT(c->g, e->key, "key %s: the file ends inside its array", e->key);
    e->marks = malloc((e->count / STRIDE + 1) * sizeof *e->marks);
    if (!e->marks) return pl_fail(err, PL_E_NO_MEMORY, e->key, "%s: no memory for an array", c->g->label);
    for (uint64_t i = 0; i < e->count; i++) {
        struct span s;
        if (i % STRIDE == 0) e->marks[i / STRIDE] = c->at;
        if (!take_span(c, &s))
            return CORRUPT(c->g, e->key, "key %s: the file ends inside item %" PRIu64, e->key, i);
    }
    return 0;
}

static int check_bools(const struct cursor *c, const struct entry *e, struct pl_err *err)
{
    for (uint64_t i = 0; i < e->count; i++)
        if (e->value[i] > 1) return CORRUPT(c->g, e->key, "key %s: a bool is %u", e->key, e->value[i]);
    return 0;
}

static int take_numbers(struct cursor *c, struct entry *e, enum kind k, struct pl_err *err)
{
    if (e->count > left(c) / kinds[k].bytes)
        return CORRUPT(c->g, e->key, "key %s: the file ends inside its value", e->key);
    e->value = c->at;
    c->at += e->count * kinds[k].bytes;
    return k == BOOL ? check_bools(c, e, err) : 0;
}

static int take_array(struct cursor *c, struct entry *e, struct pl_err *err)
{
    uint32_t item;
    if (!take(c, &item, 4) || !take(c, &e->count, 8))
        return CORRUPT(c->g, e->key, "key %s: the file ends inside its array", e->key);
    if (item == ARRAY) return CORRUPT(c->g, e->key, "key %s is an array of arrays", e->key);
    if (item >= KINDS) return CORRUPT(c->g, e->key, "key %s: items of unknown type %" PRIu32, e->key, item);
    e->item = (uint8_t)item;
    e->value = c->at;
    return item == STRING ? skip_strings(c, e, err) : take_numbers(c, e, item, err);
}

static int take_value(struct cursor *c, struct entry *e, struct pl_err *err)
{
    uint32_t kind;
    struct span s;
    if (!take(c, &kind, 4)) return CORRUPT(c->g, e->key, "key %s: the file ends before its type", e->key);
    if (kind >= KINDS) return CORRUPT(c->g, e->key, "key %s has the unknown type %" PRIu32, e->key, kind);
    e->kind = (uint8_t)kind;
    e->count = 1;
    if (kind == ARRAY) return take_array(c, e, err);
    if (kind != STRING) return take_numbers(c, e, kind, err);
    if (!take_span(c, &s)) return CORRUPT(c->g, e->key, "key %s: the file ends inside its string", e->key);
    e->value = (const uint8_t *)s.ptr;
    e->count = s.len;
    return 0;
}

static int take_keys(struct pl_gguf *g, struct cursor *c, uint64_t count, struct pl_err *err)
{
    if (count > left(c) / MIN_KEY_BYTES || count > MAX_ENTRIES)
        return CORRUPT(g, "keys", "it declares %" PRIu64 " keys, more than it can hold", count);
    g->entries = calloc(count + 1, sizeof *g->entries);
    if (!g->entries || pl__lookup_init(&g->by_key, count))
        return pl_fail(err, PL_E_NO_MEMORY, "keys", "%s: no memory for its keys", g->label);
    for (uint64_t i = 0; i < count; i++) {
        struct entry *e = &g->entries[g->n_entries];
        int rc = take_name(c, "key", i, &e->key, err);
        if (rc) return rc;
        g->n_entries++;
        if ((rc = index_name(g, &g->by_key, "key", e->key, i, err))) return rc;
        if ((rc = take_value(c, e, err))) return rc;
    }
    return 0;
}

/* Checks the type and the dimensions, and computes the size. */
static int measure(const struct pl_gguf *g, struct pl_tensor *t, uint32_t dtype, struct pl_err *err)
{
    uint64_t block, rows = 1;
    t->dtype = dtype > INT32_MAX ? -1 : (int)dtype;
    block = pl_dtype_block(t->dtype);
    if (!block)
        return pl_fail(err, PL_E_MODEL_UNSUPPORTED, t->name,
                       "%s: tensor %s has the type number %" PRIu32 ", which this program cannot read",
                       g->label, t->name, dtype);
    for (uint32_t d = 0; d < 4; d++)
        if (t->ne[d] == 0) return CORRUPT(g, t->name, "tensor %s has an empty dimension", t->name);
    if (t->ne[0] % block)
        return CORRUPT(g, t->name, "tensor %s: %" PRIu64 " columns are no multiple of %s's block of %" PRIu64,
                       t->name, t->ne[0], pl_dtype_name(t->dtype), block);
    t->size_bytes = t->ne[0] / block;
    for (uint32_t d = 1; d < 4; d++)
        if (__builtin_mul_overflow(rows, t->ne[d], &rows))
            return CORRUPT(g, t->name, "tensor %s is too large to exist", t->name);
    if (__builtin_mul_overflow(t->size_bytes, rows, &t->size_bytes) ||
        __builtin_mul_overflow(t->size_bytes, pl_dtype_block_bytes(t->dtype), &t->size_bytes))
        return CORRUPT(g, t->name, "tensor %s is too large to exist", t->name);
    return 0;
}

/* OFFSET is kept until the data section's place is known. */
static int take_tensor(struct cursor *c, struct pl_tensor *t, uint64_t *offset, struct pl_err *err)
{
    uint32_t dtype;
    if (!take(c, &t->n_dims, 4)) goto cut;
    if (t->n_dims < 1 || t->n_dims > 4)
        return CORRUPT(c->g, t->name, "tensor %s has %" PRIu32 " dimensions", t->name, t->n_dims);
    for (uint32_t d = 0; d < 4; d++) t->ne[d] = 1;
    if (!take(c, t->ne, 8 * (size_t)t->n_dims) || !take(c, &dtype, 4) || !take(c, offset, 8)) goto cut;
    return measure(c->g, t, dtype, err);
cut:
    return CORRUPT(c->g, t->name, "the file ends inside the description of tensor %s", t->name);
}

static int take_tensors(struct pl_gguf *g, struct cursor *c, uint64_t count, uint64_t *offsets,
                        struct pl_err *err)
{
    for (uint64_t i = 0; i < count; i++) {
        struct pl_tensor *t = &g->tensors[i];
        char *name;
        int rc = take_name(c, "tensor", i, &name, err);
        if (rc) return rc;
        t->name = name;
        g->n_tensors++;
        if ((rc = index_name(g, &g->by_name, "tensor", name, i, err))) return rc;
        if ((rc = take_tensor(c, t, &offsets[i], err))) return rc;
    }
    return 0;
}

/* Points every tensor at its bytes. The padding after the descriptions may be missing when there is no data.
 */
static int place_tensors(struct pl_gguf *g, struct cursor *c, const uint64_t *offsets, struct pl_err *err)
{
    uint64_t used = (uint64_t)(c->at - g->bytes);
    uint64_t start = (used + g->alignment - 1) / g->alignment * g->alignment;
    if (g->n_tensors && start > g->size)
        return CORRUPT(g, "tensors", "the file of %zu bytes ends before its data", g->size);
    for (uint64_t i = 0; i < g->n_tensors; i++) {
        struct pl_tensor *t = &g->tensors[i];
        uint64_t room = g->size - start;
        if (offsets[i] % g->alignment)
            return CORRUPT(g, t->name, "tensor %s begins at %" PRIu64 ", which is not aligned", t->name,
                           offsets[i]);
        if (offsets[i] > room || t->size_bytes > room - offsets[i])
            return CORRUPT(g, t->name, "the file ends inside tensor %s", t->name);
        t->data = g->bytes + start + offsets[i];
    }
    return 0;
}

static int read_tensors(struct pl_gguf *g, struct cursor *c, uint64_t count, struct pl_err *err)
{
    if (count > left(c) / MIN_TENSOR_BYTES || count > MAX_ENTRIES)
        return CORRUPT(g, "tensors", "it declares %" PRIu64 " tensors, more than it can hold", count);
    uint64_t *offsets = calloc(count + 1, sizeof *offsets);
    g->tensors = calloc(count + 1, sizeof *g->tensors);
    int rc;
    if (!offsets || !g->tensors || pl__lookup_init(&g->by_name, count))
        rc = pl_fail(err, PL_E_NO_MEMORY, "tensors", "%s: no memory for its tensors", g->label);
    else if (!(rc = take_tensors(g, c, count, offsets, err)))
        rc = place_tensors(g, c, offsets, err);
    free(offsets);
    return rc;
}

static int read_header(struct pl_gguf *g, struct cursor *c, uint64_t counts[2], struct pl_err *err)
{
    char magic[4];
    if (!take(c, magic, 4) || memcmp(magic, "GGUF", 4) != 0)
        return pl_fail(err, PL_E_MODEL_UNSUPPORTED, "file", "%s is no GGUF file", g->label);
    if (!take(c, &g->version, 4)) return CORRUPT(g, "file", "the file ends after %zu bytes", g->size);
    if (g->version == 0x02000000 || g->version == 0x03000000)
        return pl_fail(err, PL_E_MODEL_UNSUPPORTED, "file", "%s is a big-endian GGUF file", g->label);
    if (g->version != 2 && g->version != 3)
        return pl_fail(err, PL_E_MODEL_UNSUPPORTED, "file",
                       "%s is GGUF version %" PRIu32 "; 2 and 3 are read", g->label, g->version);
    if (!take(c, counts, 16)) return CORRUPT(g, "file", "the file ends after %zu bytes", g->size);
    return 0;
}

static int read_alignment(struct pl_gguf *g, struct pl_err *err)
{
    static const char key[] = "general.alignment";
    g->alignment = DEFAULT_ALIGNMENT;
    if (pl__lookup_find(&g->by_key, key, sizeof key - 1) == PL__LOOKUP_NONE) return 0;
    uint64_t a;
    if (!pl_gguf_u64(g, key, &a)) return CORRUPT(g, key, "%s is no number", key);
    if (a < MIN_ALIGNMENT || a > UINT32_MAX || (a & (a - 1)))
        return CORRUPT(g, key, "%s is %" PRIu64 ", not a power of two from %d", key, a, MIN_ALIGNMENT);
    g->alignment = a;
    return 0;
}

static int read_all(struct pl_gguf *g, struct pl_err *err)
{
    struct cursor c = {g, g->bytes, g->bytes + g->size};
    uint64_t counts[2]; /* tensors, keys */
    int rc = read_header(g, &c, counts, err);
    if (rc) return rc;
    if ((rc = take_keys(g, &c, counts[1], err))) return rc;
    if ((rc = read_alignment(g, err))) return rc;
    return read_tensors(g, &c, counts[0], err);
}

/* Takes over a filled BYTES, SIZE, MAPPED. */
static int finish_open(struct pl_gguf *g, struct pl_gguf **out, struct pl_err *err)
{
    int rc = read_all(g, err);
    if (rc)
        pl_gguf_close(&g);
    else
        *out = g;
    return rc;
}

int pl_gguf_open_memory(const void *data, size_t bytes, struct pl_gguf **out, struct pl_err *err)
{
    struct pl_gguf *g = calloc(1, sizeof *g);
    if (!g) return pl_fail(err, PL_E_NO_MEMORY, "file", "no memory to open a model");
    snprintf(g->label, sizeof g->label, "model in memory");
    g->bytes = data;
    g->size = bytes;
    return finish_open(g, out, err);
}

static void set_label(struct pl_gguf *g, const char *path)
{
    const char *slash = strrchr(path, '/');
    const char *name = slash ? slash + 1 : path;
    /* Whole characters only, and the buffer was zero: what did not fit is simply not there. */
    pl_utf8_sanitize(g->label, sizeof g->label - 1, name, strlen(name));
}

/* Maps PATH into G. */
static int map_file(struct pl_gguf *g, const char *path, struct pl_err *err)
{
    struct stat st;
    int rc = 0;
    /* Not blocking, because opening a FIFO would wait for a writer. */
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0)
        return pl_fail(err, errno == ENOENT ? PL_E_NOT_FOUND : PL_E_IO, "file", "cannot open %s: %s", path,
                       strerror(errno));
    if (fstat(fd, &st) || !S_ISREG(st.st_mode))
        rc = pl_fail(err, PL_E_IO, "file", "%s is no regular file", path);
    else if (st.st_size == 0)
        rc = pl_fail(err, PL_E_CORRUPT, "file", "%s is empty", path);
    if (!rc) {
        void *m = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
        if (m == MAP_FAILED)
            rc = pl_fail(err, PL_E_IO, "file", "cannot map %s: %s", path, strerror(errno));
        else
            *g = (struct pl_gguf){.bytes = m, .size = (size_t)st.st_size, .mapped = true};
    }
    close(fd);
    return rc;
}

int pl_gguf_open(const char *path, struct pl_gguf **out, struct pl_err *err)
{
    struct pl_gguf *g = calloc(1, sizeof *g);
    if (!g) return pl_fail(err, PL_E_NO_MEMORY, "file", "no memory to open a model");
    int rc = map_file(g, path, err);
    if (rc) {
        pl_gguf_close(&g);
        return rc;
    }
    set_label(g, path);
    return finish_open(g, out, err);
}

void pl_gguf_close(struct pl_gguf **gp)
{
    struct pl_gguf *g = *gp;
    if (!g) return;
    for (uint64_t i = 0; g->entries && i < g->n_entries; i++) {
        free(g->entries[i].key);
        free(g->entries[i].marks);
    }
    for (uint64_t i = 0; g->tensors && i < g->n_tensors; i++) free((char *)g->tensors[i].name);
    free(g->entries);
    free(g->tensors);
    pl__lookup_finish(&g->by_key);
    pl__lookup_finish(&g->by_name);
    if (g->mapped) munmap((void *)g->bytes, g->size);
    free(g);
    *gp = NULL;
}

static const struct entry *find(const struct pl_gguf *g, const char *key)
{
    uint32_t i = pl__lookup_find(&g->by_key, key, strlen(key));
    return i == PL__LOOKUP_NONE ? NULL : &g->entries[i];
}

/* A number as the widest of its class: an integer as sign and magnitude in 64 bits, or a double. */
struct number {
    bool is_float, negative;
    uint64_t bits; /* two's complement when negative */
    double real;
};

static struct number whole(int64_t v)
{
    return (struct number){.negative = v < 0, .bits = (uint64_t)v, .real = (double)v};
}

static struct number positive(uint64_t v)
{
    return (struct number){.bits = v, .real = (double)v};
}

static struct number load(enum kind k, const uint8_t *p)
{
    union {
        uint8_t u8;
        int8_t i8;
        uint16_t u16;
        int16_t i16;
        uint32_t u32;
        int32_t i32;
        uint64_t u64;
        int64_t i64;
        float f32;
        double f64;
    } v;
    memcpy(&v, p, kinds[k].bytes);
    switch (k) {
    case U8:
    case BOOL:
        return positive(v.u8);
    case U16:
        return positive(v.u16);
    case U32:
        return positive(v.u32);
    case U64:
        return positive(v.u64);
    case I8:
        return whole(v.i8);
    case I16:
        return whole(v.i16);
    case I32:
        return whole(v.i32);
    case I64:
        return whole(v.i64);
    case F32:
        return (struct number){.is_float = true, .real = v.f32};
    default:
        return (struct number){.is_float = true, .real = v.f64};
    }
}

/* A key that holds one number and is no bool. */
static bool scalar(const struct pl_gguf *g, const char *key, struct number *out)
{
    const struct entry *e = find(g, key);
    if (!e || e->kind == BOOL || kinds[e->kind].bytes == 0) return false;
    *out = load(e->kind, e->value);
    return true;
}

bool pl_gguf_u64(const struct pl_gguf *g, const char *key, uint64_t *out)
{
    struct number n;
    if (!scalar(g, key, &n) || n.is_float || n.negative) return false;
    *out = n.bits;
    return true;
}

bool pl_gguf_i64(const struct pl_gguf *g, const char *key, int64_t *out)
{
    struct number n;
    if (!scalar(g, key, &n) || n.is_float || (!n.negative && n.bits > INT64_MAX)) return false;
    *out = (int64_t)n.bits;
    return true;
}

bool pl_gguf_f64(const struct pl_gguf *g, const char *key, double *out)
{
    struct number n;
    if (!scalar(g, key, &n)) return false;
    *out = n.real;
    return true;
}

bool pl_gguf_bool(const struct pl_gguf *g, const char *key, bool *out)
{
    const struct entry *e = find(g, key);
    if (!e || e->kind != BOOL) return false;
    *out = e->value[0] != 0;
    return true;
}

bool pl_gguf_str(const struct pl_gguf *g, const char *key, const char **ptr, size_t *len)
{
    const struct entry *e = find(g, key);
    if (!e || e->kind != STRING) return false;
    *ptr = (const char *)e->value;
    *len = e->count;
    return true;
}

static const struct entry *find_array(const struct pl_gguf *g, const char *key, bool strings)
{
    const struct entry *e = find(g, key);
    return e && e->kind == ARRAY && (e->item == STRING) == strings ? e : NULL;
}

/* The string at P, which open has checked; returns the place after it. */
static const uint8_t *string_at(const uint8_t *p, const char **ptr, size_t *len)
{
    uint64_t n;
    memcpy(&n, p, 8);
    *ptr = (const char *)p + 8;
    *len = n;
    return p + 8 + n;
}

uint64_t pl_gguf_str_array_len(const struct pl_gguf *g, const char *key)
{
    const struct entry *e = find_array(g, key, true);
    return e ? e->count : 0;
}

bool pl_gguf_str_array_at(const struct pl_gguf *g, const char *key, uint64_t i, const char **ptr, size_t *len)
{
    const struct entry *e = find_array(g, key, true);
    if (!e || i >= e->count) return false;
    const uint8_t *p = e->marks[i / STRIDE];
    for (uint64_t n = 0; n <= i % STRIDE; n++) p = string_at(p, ptr, len);
    return true;
}

int pl_gguf_str_array_each(const struct pl_gguf *g, const char *key,
                           int (*fn)(uint64_t i, const char *ptr, size_t len, void *arg), void *arg)
{
    const struct entry *e = find_array(g, key, true);
    const uint8_t *p = e ? e->value : NULL;
    for (uint64_t i = 0; e && i < e->count; i++) {
        const char *ptr;
        size_t len;
        p = string_at(p, &ptr, &len);
        int rc = fn(i, ptr, len, arg);
        if (rc) return rc;
    }
    return 0;
}

uint64_t pl_gguf_num_array_len(const struct pl_gguf *g, const char *key)
{
    const struct entry *e = find_array(g, key, false);
    return e ? e->count : 0;
}

bool pl_gguf_num_array_at(const struct pl_gguf *g, const char *key, uint64_t i, double *out)
{
    const struct entry *e = find_array(g, key, false);
    if (!e || i >= e->count) return false;
    *out = load(e->item, e->value + i * kinds[e->item].bytes).real;
    return true;
}

uint64_t pl_gguf_n_tensors(const struct pl_gguf *g)
{
    return g->n_tensors;
}

const struct pl_tensor *pl_gguf_tensor_at(const struct pl_gguf *g, uint64_t i)
{
    return i < g->n_tensors ? &g->tensors[i] : NULL;
}

const struct pl_tensor *pl_gguf_tensor(const struct pl_gguf *g, const char *name)
{
    uint32_t i = pl__lookup_find(&g->by_name, name, strlen(name));
    return i == PL__LOOKUP_NONE ? NULL : &g->tensors[i];
}

uint64_t pl_gguf_n_keys(const struct pl_gguf *g)
{
    return g->n_entries;
}

const char *pl_gguf_key_at(const struct pl_gguf *g, uint64_t i)
{
    return i < g->n_entries ? g->entries[i].key : NULL;
}

int pl_gguf_digest(const struct pl_gguf *g, char out[65], struct pl_err *err)
{
    int rc = pl__sha256_hex(g->bytes, g->size, out);
    return rc ? pl_fail(err, -rc, "file", "%s: libcrypto has no SHA-256", g->label) : 0;
}

#define SHOWN_ITEMS 8
#define SHOWN_ITEM_BYTES 40

/* A text that grows in a caller's buffer and stops at its end, whole characters only. Control characters
 * would reach a terminal, so that they are replaced, except the newline and the tab. */
struct sink {
    char *buf;
    size_t used, size; /* size without the NUL */
};

static void put(struct sink *s, const char *text, size_t len)
{
    for (size_t at = 0; at < len;) {
        uint32_t code;
        size_t n = pl_utf8_next(text + at, len - at, &code);
        bool shown = (code >= 0x20 && code < 0x7F) || code > 0x9F || code == '\n' || code == '\t';
        size_t wrote =
            pl_utf8_sanitize(s->buf + s->used, s->size - s->used, shown ? text + at : "\xFF", shown ? n : 1);
        if (wrote > s->size - s->used) {
            s->size = s->used; /* nothing may follow what was cut */
            return;
        }
        s->used += wrote;
        at += n;
    }
}

static void put_text(struct sink *s, const char *text)
{
    put(s, text, strlen(text));
}

static void put_number(struct sink *s, enum kind k, const uint8_t *p)
{
    struct number n = load(k, p);
    char text[40];
    if (k == BOOL)
        snprintf(text, sizeof text, "%s", n.bits ? "true" : "false");
    else if (n.is_float)
        snprintf(text, sizeof text, "%.*g", k == F32 ? FLT_DECIMAL_DIG : DBL_DECIMAL_DIG, n.real);
    else if (n.negative)
        snprintf(text, sizeof text, "%" PRId64, (int64_t)n.bits);
    else
        snprintf(text, sizeof text, "%" PRIu64, n.bits);
    put_text(s, text);
}

static void put_string(struct sink *s, const char *ptr, size_t len, size_t limit)
{
    size_t shown = len > limit ? pl_utf8_complete(ptr, limit) : len;
    put(s, ptr, shown);
    if (shown < len) put_text(s, "...");
}

static void put_array(struct sink *s, const struct entry *e)
{
    char head[64];
    snprintf(head, sizeof head, "%s[%" PRIu64 "]", kinds[e->item].name, e->count);
    put_text(s, head);
    const uint8_t *p = e->value;
    for (uint64_t i = 0; i < e->count && i < SHOWN_ITEMS; i++) {
        put_text(s, i ? ", " : " ");
        if (e->item == STRING) {
            const char *ptr;
            size_t len;
            p = string_at(p, &ptr, &len);
            put_text(s, "\"");
            put_string(s, ptr, len, SHOWN_ITEM_BYTES);
            put_text(s, "\"");
        } else {
            put_number(s, e->item, p);
            p += kinds[e->item].bytes;
        }
    }
    if (e->count > SHOWN_ITEMS) put_text(s, ", ...");
}

void pl_gguf_print_value(const struct pl_gguf *g, uint64_t i, char *buf, size_t size)
{
    if (size == 0) return;
    struct sink s = {buf, 0, size - 1};
    if (i < g->n_entries) {
        const struct entry *e = &g->entries[i];
        if (e->kind == ARRAY)
            put_array(&s, e);
        else if (e->kind == STRING)
            put_string(&s, (const char *)e->value, e->count, SIZE_MAX);
        else
            put_number(&s, e->kind, e->value);
    }
    buf[s.used] = 0;
}
