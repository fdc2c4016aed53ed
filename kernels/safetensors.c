#include "kernels/safetensors.h"

#include <fcntl.h>
#include <jansson.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include "kernels/file.h"
#include "kernels/gguf.h"

enum { HEADER_MOST = 100000000, TENSORS_MOST = 1 << 20 };

struct pl_safetensors {
    const uint8_t *bytes;
    size_t size;
    bool mapped;
    json_t *header; /* owns the names */
    struct pl_safetensor *tensors;
    size_t count;
};

static const struct {
    const char *name;
    int dtype;
    uint32_t bytes;
} types[] = {{"F32", PL_F32, 4}, {"F16", PL_F16, 2}, {"BF16", PL_BF16, 2}, {"F64", -1, 8},
             {"I64", -1, 8},     {"I32", -1, 4},     {"I16", -1, 2},       {"I8", -1, 1},
             {"U8", -1, 1},      {"BOOL", -1, 1},    {"U16", -1, 2},       {"U32", -1, 4},
             {"U64", -1, 8},     {"F8_E4M3", -1, 1}, {"F8_E5M2", -1, 1}};

static int corrupt(struct pl_err *err, const char *name, const char *why)
{
    return pl_fail(err, PL_E_CORRUPT, name, "%.100s: %s", name, why);
}

static int read_shape(struct pl_safetensor *t, const json_t *shape, struct pl_err *err)
{
    if (!json_is_array(shape) || json_array_size(shape) > PL_SAFETENSORS_DIMS)
        return corrupt(err, t->name, "has no shape of at most 8 dimensions");
    t->n_dims = (uint32_t)json_array_size(shape);
    t->count = 1;
    for (uint32_t i = 0; i < t->n_dims; i++) {
        const json_t *v = json_array_get(shape, i);
        if (!json_is_integer(v) || json_integer_value(v) < 0)
            return corrupt(err, t->name, "has no number for a dimension");
        t->shape[i] = (uint64_t)json_integer_value(v);
        if (__builtin_mul_overflow(t->count, t->shape[i], &t->count))
            return corrupt(err, t->name, "has more elements than can be counted");
    }
    return 0;
}

static int read_tensor(struct pl_safetensors *s, struct pl_safetensor *t, const json_t *entry, uint64_t data,
                       struct pl_err *err)
{
    const char *dtype = json_string_value(json_object_get(entry, "dtype"));
    const json_t *offsets = json_object_get(entry, "data_offsets");
    size_t k = 0;
    while (k < sizeof types / sizeof types[0] && (!dtype || strcmp(types[k].name, dtype) != 0)) k++;
    if (k == sizeof types / sizeof types[0]) return corrupt(err, t->name, "has an unknown dtype");
    t->dtype = types[k].dtype;
    int rc = read_shape(t, json_object_get(entry, "shape"), err);
    if (rc) return rc;
    const json_t *from = json_array_get(offsets, 0), *to = json_array_get(offsets, 1);
    if (json_array_size(offsets) != 2 || !json_is_integer(from) || !json_is_integer(to))
        return corrupt(err, t->name, "has no two data_offsets");
    json_int_t a = json_integer_value(from), b = json_integer_value(to);
    if (a < 0 || b < a || (uint64_t)b > s->size - data)
        return corrupt(err, t->name, "has data_offsets outside the file");
    if (__builtin_mul_overflow(t->count, (uint64_t)types[k].bytes, &t->size_bytes) ||
        t->size_bytes != (uint64_t)(b - a))
        return corrupt(err, t->name, "has data_offsets that do not fit its shape");
    t->data = s->bytes + data + a;
    return 0;
}

static int by_place(const void *a, const void *b)
{
    const struct pl_safetensor *x = a, *y = b;
    if (x->data != y->data) return x->data < y->data ? -1 : 1;
    return (x->size_bytes > y->size_bytes) - (x->size_bytes < y->size_bytes);
}

static int check_places(const struct pl_safetensors *s, uint64_t data, struct pl_err *err)
{
    const uint8_t *at = s->bytes + data;
    for (size_t i = 0; i < s->count; i++) {
        const uint8_t *p = s->tensors[i].data;
        if (p != at)
            return corrupt(err, s->tensors[i].name,
                           p < at ? "overlaps another tensor" : "leaves a hole before it");
        at += s->tensors[i].size_bytes;
    }
    if (at != s->bytes + s->size)
        return pl_fail(err, PL_E_CORRUPT, "data", "there are bytes behind the last tensor");
    return 0;
}

static int read_tensors(struct pl_safetensors *s, uint64_t data, struct pl_err *err)
{
    const char *name;
    json_t *entry;
    size_t room = json_object_size(s->header);
    if (room > TENSORS_MOST)
        return pl_fail(err, PL_E_CORRUPT, "header", "more tensors than %d", TENSORS_MOST);
    s->tensors = calloc(room + 1, sizeof *s->tensors);
    if (!s->tensors) return pl_fail(err, PL_E_NO_MEMORY, "header", "no memory for the list of tensors");
    json_object_foreach(s->header, name, entry)
    {
        if (strcmp(name, "__metadata__") == 0) continue;
        struct pl_safetensor *t = &s->tensors[s->count];
        t->name = name;
        if (!json_is_object(entry)) return corrupt(err, name, "is described by no object");
        int rc = read_tensor(s, t, entry, data, err);
        if (rc) return rc;
        s->count++;
    }
    qsort(s->tensors, s->count, sizeof *s->tensors, by_place);
    return check_places(s, data, err);
}

static int read_header(struct pl_safetensors *s, struct pl_err *err)
{
    uint64_t length = 0;
    json_error_t where;
    if (s->size < 8) return pl_fail(err, PL_E_CORRUPT, "header", "the file is cut short");
    for (int i = 0; i < 8; i++) length |= (uint64_t)s->bytes[i] << 8 * i;
    if (length > HEADER_MOST || length > s->size - 8)
        return pl_fail(err, PL_E_CORRUPT, "header", "the header claims %llu bytes",
                       (unsigned long long)length);
    if (length == 0 || s->bytes[8] != '{')
        return pl_fail(err, PL_E_CORRUPT, "header", "the header is no JSON object");
    s->header = json_loadb((const char *)s->bytes + 8, length, JSON_REJECT_DUPLICATES, &where);
    if (!json_is_object(s->header))
        return pl_fail(err, PL_E_CORRUPT, "header", "the header is no JSON object: %.100s", where.text);
    return read_tensors(s, 8 + length, err);
}

static int begin(const void *data, size_t bytes, bool mapped, struct pl_safetensors **out, struct pl_err *err)
{
    struct pl_safetensors *s = calloc(1, sizeof *s);
    if (!s) {
        if (mapped) munmap((void *)(uintptr_t)data, bytes);
        return pl_fail(err, PL_E_NO_MEMORY, "file", "no memory");
    }
    *s = (struct pl_safetensors){.bytes = data, .size = bytes, .mapped = mapped};
    int rc = read_header(s, err);
    if (rc) pl_safetensors_close(&s);
    *out = s;
    return rc;
}

int pl_safetensors_open_memory(const void *data, size_t bytes, struct pl_safetensors **out,
                               struct pl_err *err)
{
    *out = NULL;
    return begin(data, bytes, false, out, err);
}

int pl_safetensors_open(const char *path, struct pl_safetensors **out, struct pl_err *err)
{
    struct stat st;
    *out = NULL;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0) return pl_fail(err, PL_E_NOT_FOUND, "file", "cannot open %s", path);
    void *p = MAP_FAILED;
    if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_size > 0)
        p = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
    close(fd);
    if (p == MAP_FAILED) return pl_fail(err, PL_E_IO, "file", "cannot read %s", path);
    return begin(p, (size_t)st.st_size, true, out, err);
}

void pl_safetensors_close(struct pl_safetensors **safetensors)
{
    struct pl_safetensors *s = *safetensors;
    if (!s) return;
    if (s->mapped) munmap((void *)(uintptr_t)s->bytes, s->size);
    json_decref(s->header);
    free(s->tensors);
    free(s);
    *safetensors = NULL;
}

size_t pl_safetensors_count(const struct pl_safetensors *s)
{
    return s->count;
}

const struct pl_safetensor *pl_safetensors_at(const struct pl_safetensors *s, size_t i)
{
    return &s->tensors[i];
}

const struct pl_safetensor *pl_safetensors_find(const struct pl_safetensors *s, const char *name)
{
    for (size_t i = 0; i < s->count; i++)
        if (strcmp(s->tensors[i].name, name) == 0) return &s->tensors[i];
    return NULL;
}

int pl_safetensor_floats(const struct pl_safetensor *t, float *out, struct pl_err *err)
{
    int rc = pl_dtype_floats(t->dtype, t->data, t->count, out);
    if (rc == -PL_E_UNSUPPORTED)
        return pl_fail(err, PL_E_UNSUPPORTED, t->name, "%.100s: is neither F32, F16 nor BF16", t->name);
    return rc ? corrupt(err, t->name, "holds a value that is not finite") : 0;
}

/* --- writing --- */

static json_t *describe(const struct pl_safetensor *tensors, size_t count)
{
    json_t *header = json_pack("{s:{s:s}}", "__metadata__", "format", "pt");
    uint64_t at = 0;
    for (size_t i = 0; i < count; i++) {
        json_t *shape = json_array();
        for (uint32_t d = 0; d < tensors[i].n_dims; d++)
            json_array_append_new(shape, json_integer((json_int_t)tensors[i].shape[d]));
        json_t *entry = json_pack("{s:s,s:o,s:[I,I]}", "dtype", "F32", "shape", shape, "data_offsets",
                                  (json_int_t)at, (json_int_t)(at + tensors[i].size_bytes));
        json_object_set_new(header, tensors[i].name, entry);
        at += tensors[i].size_bytes;
    }
    return header;
}

int pl_safetensors_write(const char *path, const struct pl_safetensor *tensors, size_t count,
                         struct pl_err *err)
{
    struct pl_file w;
    json_t *header = describe(tensors, count);
    char *text = header ? json_dumps(header, JSON_COMPACT) : NULL;
    json_decref(header);
    if (!text) return pl_fail(err, PL_E_NO_MEMORY, "header", "no memory for a header");
    int rc = pl_file_begin(&w, path, err);
    if (!rc) {
        uint64_t len = strlen(text), padded = (len + 7) / 8 * 8;
        uint8_t size[8];
        for (int i = 0; i < 8; i++) size[i] = (uint8_t)(padded >> 8 * i);
        fwrite(size, 1, 8, w.f);
        fprintf(w.f, "%-*s", (int)padded, text);
        for (size_t i = 0; i < count; i++) fwrite(tensors[i].data, 1, tensors[i].size_bytes, w.f);
        rc = pl_file_end(&w, true, err);
    }
    free(text);
    return rc;
}
