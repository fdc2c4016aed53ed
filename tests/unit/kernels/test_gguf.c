/* The reader of model files: what it reads, and all that it must refuse. */
#include "kernels/gguf.h"

#include <stdio.h>
#include <unistd.h>
#include "kernels/utf8.h"
#include "tests/support/support.h"
#include "tests/unit/kernels/gguf_bytes.h"

/* Opens an exact copy, so that a sanitizer sees the first byte that is read too far. The copy must outlive G.
 */
static int open_copy(const struct gb *b, size_t n, uint8_t **copy, struct pl_gguf **g, struct pl_err *err)
{
    *copy = malloc(n ? n : 1);
    ck_assert_ptr_nonnull(*copy);
    memcpy(*copy, b->p, n);
    return pl_gguf_open_memory(*copy, n, g, err);
}

/* Closes nothing: the file must be refused. */
static void expect_refused(struct gb *b, int code, const char *named)
{
    struct pl_err err = {0};
    struct pl_gguf *g = NULL;
    uint8_t *copy;
    int rc = open_copy(b, b->n, &copy, &g, &err);
    ck_assert_int_eq(rc, -code);
    ck_assert_ptr_null(g);
    ck_assert_int_eq(err.code, code);
    if (!strstr(err.text, named) && !strstr(err.field, named))
        ck_abort_msg("\"%s\" (%s) does not name %s", err.text, err.field, named);
    free(copy);
    gb_finish(b);
}

static struct pl_gguf *expect_open(const struct gb *b)
{
    struct pl_err err = {0};
    struct pl_gguf *g = NULL;
    if (pl_gguf_open_memory(b->p, b->n, &g, &err)) ck_abort_msg("refused: %s", err.text);
    return g;
}

/* A file with every kind of value and two tensors. */
static void build_small(struct gb *b)
{
    static const char *const words[] = {"one", "", "drei\xC3\xA9"};
    static const int32_t numbers[] = {-1, 0, 2147483647};
    float data[64];
    for (int i = 0; i < 64; i++) data[i] = (float)i;
    gb_begin(b);
    gb_key(b, "k.u8", GB_U8), gb_raw(b, "\xFF", 1);
    gb_key(b, "k.i8", GB_I8), gb_raw(b, "\xFF", 1);
    gb_key(b, "k.u16", GB_U16), gb_raw(b, "\xFF\xFF", 2);
    gb_key(b, "k.i16", GB_I16), gb_raw(b, "\xFE\xFF", 2);
    gb_key_u32(b, "k.u32", 4000000000u);
    gb_key(b, "k.i32", GB_I32), gb_u32(b, (uint32_t)-5);
    gb_key(b, "k.f32", GB_F32), gb_raw(b, &(float){1.5f}, 4);
    gb_key(b, "k.bool", GB_BOOL), gb_raw(b, "\1", 1);
    gb_key_str(b, "k.string", "h\xC3\xA9llo");
    gb_key(b, "k.u64", GB_U64), gb_u64(b, UINT64_MAX);
    gb_key(b, "k.i64", GB_I64), gb_u64(b, (uint64_t)INT64_MIN);
    gb_key(b, "k.f64", GB_F64), gb_raw(b, &(double){-0.25}, 8);
    gb_strs(b, "k.words", words, 3);
    gb_i32s(b, "k.numbers", numbers, 3);
    gb_array(b, "k.bools", GB_BOOL, 2), gb_raw(b, "\1\0", 2);
    gb_tensor(b, "a.weight", 2, (uint64_t[]){4, 6}, PL_F32, 0);
    gb_tensor(b, "b.weight", 1, (uint64_t[]){32}, PL_Q8_0, 96);
    gb_data(b, 32, data, 96 + 34);
}

START_TEST(every_kind_of_value_is_read)
{
    struct gb b;
    build_small(&b);
    struct pl_gguf *g = expect_open(&b);
    uint64_t u;
    int64_t i;
    double d;
    bool flag;
    const char *p;
    size_t len;
    ck_assert(pl_gguf_u64(g, "k.u8", &u) && u == 255);
    ck_assert(pl_gguf_i64(g, "k.i8", &i) && i == -1);
    ck_assert(pl_gguf_u64(g, "k.u16", &u) && u == 65535);
    ck_assert(pl_gguf_i64(g, "k.i16", &i) && i == -2);
    ck_assert(pl_gguf_u64(g, "k.u32", &u) && u == 4000000000u);
    ck_assert(pl_gguf_i64(g, "k.u32", &i) && i == 4000000000);
    ck_assert(pl_gguf_i64(g, "k.i32", &i) && i == -5);
    ck_assert(pl_gguf_u64(g, "k.u64", &u) && u == UINT64_MAX);
    ck_assert(pl_gguf_i64(g, "k.i64", &i) && i == INT64_MIN);
    ck_assert(pl_gguf_f64(g, "k.f32", &d) && d == 1.5);
    ck_assert(pl_gguf_f64(g, "k.f64", &d) && d == -0.25);
    ck_assert(pl_gguf_bool(g, "k.bool", &flag) && flag);
    ck_assert(pl_gguf_str(g, "k.string", &p, &len) && len == 6 && memcmp(p, "h\xC3\xA9llo", 6) == 0);
    ck_assert_uint_eq(pl_gguf_n_keys(g), 15);
    ck_assert_str_eq(pl_gguf_key_at(g, 14), "k.bools");
    ck_assert_ptr_null(pl_gguf_key_at(g, 15));
    pl_gguf_close(&g);
    ck_assert_ptr_null(g);
    gb_finish(&b);
}
END_TEST

START_TEST(value_that_does_not_fit_is_not_given)
{
    struct gb b;
    build_small(&b);
    struct pl_gguf *g = expect_open(&b);
    uint64_t u = 7;
    int64_t i = 7;
    double d = 7;
    bool flag = false;
    const char *p = NULL;
    size_t len = 7;
    ck_assert(!pl_gguf_u64(g, "k.i8", &u) && !pl_gguf_u64(g, "k.f32", &u) && !pl_gguf_u64(g, "k.bool", &u));
    ck_assert(!pl_gguf_u64(g, "k.string", &u) && !pl_gguf_u64(g, "k.numbers", &u) &&
              !pl_gguf_u64(g, "nope", &u));
    ck_assert(!pl_gguf_i64(g, "k.u64", &i) && !pl_gguf_i64(g, "k.f64", &i));
    ck_assert(!pl_gguf_f64(g, "k.string", &d) && !pl_gguf_bool(g, "k.u8", &flag) &&
              !pl_gguf_str(g, "k.u8", &p, &len));
    ck_assert_uint_eq(u, 7);
    ck_assert_uint_eq(pl_gguf_str_array_len(g, "k.numbers"), 0);
    ck_assert_uint_eq(pl_gguf_num_array_len(g, "k.words"), 0);
    ck_assert_uint_eq(pl_gguf_num_array_len(g, "k.u8"), 0);
    pl_gguf_close(&g);
    gb_finish(&b);
}
END_TEST

static int count_until(uint64_t i, const char *ptr, size_t len, void *arg)
{
    uint64_t *stop = arg;
    return i == *stop ? 42 : 0;
}

START_TEST(array_items_are_found_by_index)
{
    struct gb b;
    char word[16];
    gb_begin(&b);
    gb_array(&b, "long", GB_STRING, 1000);
    for (int i = 0; i < 1000; i++) gb_text(&b, word, (size_t)snprintf(word, sizeof word, "w%d", i));
    gb_array(&b, "numbers", GB_I8, 2), gb_raw(&b, "\xFF\2", 2);
    gb_array(&b, "none", GB_STRING, 0);
    struct pl_gguf *g = expect_open(&b);
    const char *p;
    size_t len;
    ck_assert_uint_eq(pl_gguf_str_array_len(g, "long"), 1000);
    for (int i = 0; i < 1000; i++) {
        int n = snprintf(word, sizeof word, "w%d", i);
        ck_assert(pl_gguf_str_array_at(g, "long", (uint64_t)i, &p, &len));
        ck_assert(len == (size_t)n && memcmp(p, word, len) == 0);
    }
    ck_assert(!pl_gguf_str_array_at(g, "long", 1000, &p, &len) &&
              !pl_gguf_str_array_at(g, "none", 0, &p, &len));
    uint64_t stop = 999, never = 1000;
    ck_assert_int_eq(pl_gguf_str_array_each(g, "long", count_until, &stop), 42);
    ck_assert_int_eq(pl_gguf_str_array_each(g, "long", count_until, &never), 0);
    ck_assert_int_eq(pl_gguf_str_array_each(g, "none", count_until, &never), 0);
    double d;
    ck_assert(pl_gguf_num_array_at(g, "numbers", 0, &d) && d == -1);
    ck_assert(pl_gguf_num_array_at(g, "numbers", 1, &d) && d == 2);
    ck_assert(!pl_gguf_num_array_at(g, "numbers", 2, &d));
    pl_gguf_close(&g);
    gb_finish(&b);
}
END_TEST

START_TEST(tensors_lie_in_the_data_section)
{
    struct gb b;
    build_small(&b);
    struct pl_gguf *g = expect_open(&b);
    const struct pl_tensor *a = pl_gguf_tensor(g, "a.weight"), *q = pl_gguf_tensor(g, "b.weight");
    ck_assert_uint_eq(pl_gguf_n_tensors(g), 2);
    ck_assert_ptr_eq(a, pl_gguf_tensor_at(g, 0));
    ck_assert_ptr_null(pl_gguf_tensor_at(g, 2));
    ck_assert_ptr_null(pl_gguf_tensor(g, "c.weight"));
    ck_assert(a->dtype == PL_F32 && a->n_dims == 2 && a->ne[0] == 4 && a->ne[1] == 6 && a->ne[2] == 1 &&
              a->ne[3] == 1);
    ck_assert_uint_eq(a->size_bytes, 96);
    ck_assert(((const float *)a->data)[23] == 23.0f);
    ck_assert_ptr_eq(q->data, (const char *)a->data + 96);
    ck_assert_uint_eq(q->size_bytes, 34);
    pl_gguf_close(&g);
    gb_finish(&b);
}
END_TEST

/* Reads everything that an accessor can reach. */
static uint64_t touch_all(const struct pl_gguf *g)
{
    char shown[100];
    uint64_t sum = 0, n = pl_gguf_n_keys(g);
    const char *p;
    size_t len;
    double d;
    for (uint64_t i = 0; i < n; i++) {
        const char *key = pl_gguf_key_at(g, i);
        pl_gguf_print_value(g, i, shown, sizeof shown);
        ck_assert(pl_utf8_valid(shown, strlen(shown)));
        for (uint64_t k = 0; pl_gguf_str_array_at(g, key, k, &p, &len); k++)
            for (size_t c = 0; c < len; c++) sum += (unsigned char)p[c];
        for (uint64_t k = 0; pl_gguf_num_array_at(g, key, k, &d); k++) sum += d > 0;
    }
    for (uint64_t i = 0; i < pl_gguf_n_tensors(g); i++) {
        const struct pl_tensor *t = pl_gguf_tensor_at(g, i);
        for (uint64_t c = 0; c < t->size_bytes; c++) sum += ((const uint8_t *)t->data)[c];
    }
    return sum;
}

START_TEST(truncated_file_is_refused)
{
    struct gb b;
    build_small(&b);
    for (size_t n = 0; n < b.n; n++) {
        struct pl_err err = {0};
        struct pl_gguf *g = NULL;
        uint8_t *copy;
        if (open_copy(&b, n, &copy, &g, &err) == 0) ck_abort_msg("%zu of %zu bytes were accepted", n, b.n);
        ck_assert_ptr_null(g);
        ck_assert(err.text[0] != 0);
        free(copy);
    }
    gb_finish(&b);
}
END_TEST

START_TEST(changed_byte_is_refused_or_read_safely)
{
    static const uint8_t changes[] = {0x01, 0x80, 0xFF, 0x7F};
    struct gb b;
    build_small(&b);
    for (size_t at = 0; at < b.n; at++)
        for (size_t k = 0; k < sizeof changes; k++) {
            struct pl_err err = {0};
            struct pl_gguf *g = NULL;
            uint8_t *copy;
            b.p[at] ^= changes[k];
            if (open_copy(&b, b.n, &copy, &g, &err) == 0) touch_all(g);
            b.p[at] ^= changes[k];
            pl_gguf_close(&g);
            free(copy);
        }
    gb_finish(&b);
}
END_TEST

START_TEST(random_bytes_are_refused_or_read_safely)
{
    uint64_t seed = pl_test_seed(11);
    struct gb b;
    build_small(&b);
    for (int round = 0; round < 20000; round++) {
        struct pl_err err = {0};
        struct pl_gguf *g = NULL;
        uint8_t *copy = malloc(b.n);
        ck_assert_ptr_nonnull(copy);
        memcpy(copy, b.p, b.n);
        for (uint64_t k = 0, n = 1 + pl_test_random(&seed) % 6; k < n; k++)
            copy[pl_test_random(&seed) % b.n] = (uint8_t)pl_test_random(&seed);
        if (pl_gguf_open_memory(copy, b.n, &g, &err) == 0) touch_all(g);
        pl_gguf_close(&g);
        free(copy);
    }
    gb_finish(&b);
}
END_TEST

START_TEST(other_files_and_versions_are_refused)
{
    struct gb b;
    gb_begin(&b), b.p[0] = 'X';
    expect_refused(&b, PL_E_MODEL_UNSUPPORTED, "no GGUF");
    gb_begin(&b), b.p[GB_AT_VERSION] = 1;
    expect_refused(&b, PL_E_MODEL_UNSUPPORTED, "version 1");
    gb_begin(&b), b.p[GB_AT_VERSION] = 4;
    expect_refused(&b, PL_E_MODEL_UNSUPPORTED, "version 4");
    gb_begin(&b), b.p[GB_AT_VERSION] = 0, b.p[GB_AT_VERSION + 3] = 3;
    expect_refused(&b, PL_E_MODEL_UNSUPPORTED, "big-endian");
}
END_TEST

START_TEST(version_2_is_read)
{
    struct gb b;
    build_small(&b);
    b.p[GB_AT_VERSION] = 2;
    struct pl_gguf *g = expect_open(&b);
    touch_all(g);
    pl_gguf_close(&g);
    gb_finish(&b);
}
END_TEST

START_TEST(counts_that_the_file_cannot_hold_are_refused)
{
    static const uint64_t counts[] = {16, 1000, 1ull << 32, 1ull << 60, UINT64_MAX / 14 + 1, UINT64_MAX};
    for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++) {
        struct gb b;
        build_small(&b), gb_patch(&b, GB_AT_KEYS, counts[i]);
        expect_refused(&b, PL_E_CORRUPT, "model in memory");
        build_small(&b), gb_patch(&b, GB_AT_TENSORS, counts[i]);
        expect_refused(&b, PL_E_CORRUPT, "tensor");
        gb_begin(&b), gb_array(&b, "big", GB_F64, counts[i]), gb_u64(&b, 0);
        expect_refused(&b, PL_E_CORRUPT, "big");
        gb_begin(&b), gb_array(&b, "big", GB_STRING, counts[i]), gb_u64(&b, 0);
        expect_refused(&b, PL_E_CORRUPT, "big");
        gb_begin(&b), gb_key(&b, "long", GB_STRING), gb_u64(&b, counts[i]);
        expect_refused(&b, PL_E_CORRUPT, "long");
        gb_begin(&b), gb_count(&b, GB_AT_KEYS), gb_u64(&b, counts[i]), gb_raw(&b, "abcdef", 6);
        expect_refused(&b, PL_E_CORRUPT, "key 0");
    }
}
END_TEST

START_TEST(bad_keys_are_refused)
{
    struct gb b;
    gb_begin(&b), gb_key_u32(&b, "twice", 1), gb_key_u32(&b, "once", 1), gb_key_u32(&b, "twice", 2);
    expect_refused(&b, PL_E_CORRUPT, "twice");
    gb_begin(&b), gb_key_u32(&b, "", 1), gb_u64(&b, 0);
    expect_refused(&b, PL_E_CORRUPT, "key 0");
    gb_begin(&b), gb_key_u32(&b, "\xC3(", 1);
    expect_refused(&b, PL_E_CORRUPT, "UTF-8");
    gb_begin(&b), gb_count(&b, GB_AT_KEYS), gb_text(&b, "a\0b", 3), gb_u32(&b, GB_U32), gb_u32(&b, 1);
    expect_refused(&b, PL_E_CORRUPT, "UTF-8");
    gb_begin(&b), gb_key(&b, "odd", 13), gb_u64(&b, 0);
    expect_refused(&b, PL_E_CORRUPT, "odd");
    gb_begin(&b), gb_array(&b, "nested", GB_ARRAY, 1), gb_u64(&b, 0);
    expect_refused(&b, PL_E_CORRUPT, "array of arrays");
    gb_begin(&b), gb_array(&b, "items", 99, 1), gb_u64(&b, 0);
    expect_refused(&b, PL_E_CORRUPT, "items");
    gb_begin(&b), gb_key(&b, "truth", GB_BOOL), gb_raw(&b, "\2", 1);
    expect_refused(&b, PL_E_CORRUPT, "truth");
    gb_begin(&b), gb_array(&b, "truths", GB_BOOL, 2), gb_raw(&b, "\1\2", 2);
    expect_refused(&b, PL_E_CORRUPT, "truths");
}
END_TEST

START_TEST(bad_alignment_is_refused)
{
    static const uint32_t wrong[] = {0, 1, 4, 3, 24, 33, 4294967295u};
    struct gb b;
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        gb_begin(&b), gb_key_u32(&b, "general.alignment", wrong[i]);
        expect_refused(&b, PL_E_CORRUPT, "general.alignment");
    }
    gb_begin(&b), gb_key_str(&b, "general.alignment", "32");
    expect_refused(&b, PL_E_CORRUPT, "general.alignment");
    gb_begin(&b), gb_key_u32(&b, "general.alignment", 1u << 31);
    gb_tensor(&b, "far", 1, (uint64_t[]){1}, PL_F32, 0), gb_data(&b, 32, "abcd", 4);
    expect_refused(&b, PL_E_CORRUPT, "ends before its data");
}
END_TEST

START_TEST(alignment_of_the_file_is_used)
{
    struct gb b;
    gb_begin(&b), gb_key_u32(&b, "general.alignment", 256);
    gb_tensor(&b, "t", 1, (uint64_t[]){1}, PL_F32, 0), gb_data(&b, 256, &(float){3}, 4);
    struct pl_gguf *g = expect_open(&b);
    ck_assert(*(const float *)pl_gguf_tensor(g, "t")->data == 3.0f);
    pl_gguf_close(&g);
    gb_finish(&b);
}
END_TEST

/* A file with one tensor as described and 4096 bytes of data. */
static void one_tensor(struct gb *b, uint32_t n_dims, const uint64_t *ne, uint32_t dtype, uint64_t offset)
{
    static const uint8_t data[4096];
    gb_begin(b);
    gb_tensor(b, "the.tensor", n_dims, ne, dtype, offset);
    gb_data(b, 32, data, sizeof data);
}

START_TEST(bad_tensors_are_refused)
{
    struct gb b;
    const struct {
        uint32_t n_dims;
        uint64_t ne[5];
        uint32_t dtype;
        uint64_t offset;
    } wrong[] = {
        {0, {0}, PL_F32, 0},
        {5, {1, 1, 1, 1, 1}, PL_F32, 0},
        {1, {0}, PL_F32, 0},
        {2, {32, 0}, PL_F32, 0},
        {1, {1025}, PL_F32, 0},
        {1, {1}, PL_F32, 4096},
        {1, {1}, PL_F32, 16},
        {1, {1}, PL_F32, UINT64_MAX - 31},
        {1, {1}, PL_F32, 1ull << 63},
        {1, {UINT64_MAX}, PL_F32, 0},
        {1, {1ull << 62}, PL_F32, 0},
        {2, {1ull << 32, 1ull << 32}, PL_F32, 0},
        {4, {1ull << 16, 1ull << 16, 1ull << 16, 1ull << 16}, PL_F16, 0},
        {4, {4, 1ull << 32, 1ull << 31, 2}, PL_F32, 0},
        {1, {33}, PL_Q8_0, 0},
        {1, {31}, PL_Q4_0, 0},
        {1, {128}, PL_Q4_K, 0},
        {2, {32, 121}, PL_Q8_0, 0},
    };
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        one_tensor(&b, wrong[i].n_dims, wrong[i].ne, wrong[i].dtype, wrong[i].offset);
        expect_refused(&b, PL_E_CORRUPT, "the.tensor");
    }
    static const uint32_t unknown[] = {4, 5, 7, 9, 10, 15, 29, 31, 1000, UINT32_MAX};
    for (size_t i = 0; i < sizeof unknown / sizeof unknown[0]; i++) {
        one_tensor(&b, 1, (uint64_t[]){256}, unknown[i], 0);
        expect_refused(&b, PL_E_MODEL_UNSUPPORTED, "the.tensor");
    }
}
END_TEST

START_TEST(tensor_that_ends_with_the_file_is_read)
{
    struct gb b;
    one_tensor(&b, 2, (uint64_t[]){32, 120}, PL_Q8_0, 0);
    struct pl_gguf *g = expect_open(&b);
    ck_assert_uint_eq(pl_gguf_tensor_at(g, 0)->size_bytes, 4080);
    pl_gguf_close(&g);
    gb_finish(&b);
}
END_TEST

START_TEST(tensor_name_twice_is_refused)
{
    struct gb b;
    gb_begin(&b);
    gb_tensor(&b, "same", 1, (uint64_t[]){8}, PL_F32, 0);
    gb_tensor(&b, "same", 1, (uint64_t[]){8}, PL_F32, 32);
    gb_data(&b, 32, (uint8_t[64]){0}, 64);
    expect_refused(&b, PL_E_CORRUPT, "same");
}
END_TEST

START_TEST(values_are_printed_short_and_as_text)
{
    struct gb b;
    char buf[64], big[200];
    gb_begin(&b);
    gb_array(&b, "n", GB_I32, 100);
    for (uint32_t i = 0; i < 100; i++) gb_u32(&b, i - 1);
    gb_key(&b, "s", GB_STRING), gb_text(&b, "a\x1B[0m\xFF\0\xC3\xA9\n", 10);
    gb_key(&b, "long", GB_STRING), gb_u64(&b, 80);
    for (int i = 0; i < 40; i++) gb_raw(&b, "\xC3\xA9", 2);
    gb_key(&b, "f", GB_F32), gb_raw(&b, &(float){0.1f}, 4);
    struct pl_gguf *g = expect_open(&b);
    pl_gguf_print_value(g, 0, buf, sizeof buf);
    ck_assert_str_eq(buf, "i32[100] -1, 0, 1, 2, 3, 4, 5, 6, ...");
    pl_gguf_print_value(g, 1, buf, sizeof buf);
    ck_assert_str_eq(buf, "a\xEF\xBF\xBD[0m\xEF\xBF\xBD\xEF\xBF\xBD\xC3\xA9\n");
    for (size_t size = 1; size < sizeof big; size++) {
        pl_gguf_print_value(g, 2, big, size);
        ck_assert_uint_eq(strlen(big), size - 1 > 80 ? 80 : (size - 1) / 2 * 2);
    }
    pl_gguf_print_value(g, 3, buf, sizeof buf);
    ck_assert_str_eq(buf, "0.100000001");
    pl_gguf_print_value(g, 99, buf, sizeof buf);
    ck_assert_str_eq(buf, "");
    pl_gguf_close(&g);
    gb_finish(&b);
}
END_TEST

START_TEST(file_on_disk_reads_as_in_memory)
{
    struct gb b;
    struct pl_err err = {0};
    char path[512], a[65], m[65];
    struct pl_gguf *file, *memory;
    build_small(&b);
    snprintf(path, sizeof path, "%s/small.gguf", pl_test_dir());
    FILE *f = fopen(path, "wb");
    ck_assert_ptr_nonnull(f);
    ck_assert_uint_eq(fwrite(b.p, 1, b.n, f), b.n);
    fclose(f);
    ck_assert_int_eq(pl_gguf_open(path, &file, &err), 0);
    memory = expect_open(&b);
    ck_assert_uint_eq(touch_all(file), touch_all(memory));
    ck_assert(!pl_gguf_digest(file, a, &err) && !pl_gguf_digest(memory, m, &err));
    ck_assert_str_eq(a, m);
    ck_assert_uint_eq(strlen(a), 64);
    pl_gguf_close(&file);
    pl_gguf_close(&memory);
    ck_assert_int_eq(truncate(path, 100), 0);
    ck_assert_int_eq(pl_gguf_open(path, &file, &err), -PL_E_CORRUPT);
    ck_assert_ptr_nonnull(strstr(err.text, "small.gguf"));
    ck_assert_int_eq(truncate(path, 0), 0);
    ck_assert_int_eq(pl_gguf_open(path, &file, &err), -PL_E_CORRUPT);
    gb_finish(&b);
}
END_TEST

START_TEST(path_that_is_no_file_is_refused)
{
    struct pl_err err = {0};
    struct pl_gguf *g = NULL;
    char path[512];
    snprintf(path, sizeof path, "%s/absent.gguf", pl_test_dir());
    ck_assert_int_eq(pl_gguf_open(path, &g, &err), -PL_E_NOT_FOUND);
    ck_assert_int_eq(pl_gguf_open(pl_test_dir(), &g, &err), -PL_E_IO);
    ck_assert_ptr_null(g);
}
END_TEST

START_TEST(dtypes_have_names_and_blocks)
{
    ck_assert_str_eq(pl_dtype_name(PL_Q4_K), "Q4_K");
    ck_assert_uint_eq(pl_dtype_block(PL_Q6_K), 256);
    ck_assert_uint_eq(pl_dtype_block_bytes(PL_Q6_K), 210);
    ck_assert_uint_eq(pl_dtype_block_bytes(PL_BF16), 2);
    ck_assert(!pl_dtype_name(4) && !pl_dtype_block(-1) && !pl_dtype_block_bytes(1000));
}
END_TEST

static void open_real(const char *name, uint64_t tensors)
{
    const char *path = pl_test_model(name);
    struct pl_err err = {0};
    struct pl_gguf *g;
    if (!path) {
        pl_test_skip(name, "the model is not on this machine");
        return;
    }
    if (pl_gguf_open(path, &g, &err)) ck_abort_msg("%s", err.text);
    ck_assert_uint_eq(pl_gguf_n_tensors(g), tensors);
    ck_assert_ptr_nonnull(pl_gguf_tensor(g, "token_embd.weight"));
    pl_gguf_close(&g);
}

START_TEST(real_models_are_read)
{
    open_real("smollm2", 272);
    open_real("coder", 291);
}
END_TEST

static Suite *suite(void)
{
    Suite *s = suite_create("kernels/gguf");
    TCase *tc = tcase_create("gguf");
    suite_add_tcase(s, tc);
    tcase_set_timeout(tc, 120);
    PL_TEST(tc, every_kind_of_value_is_read);
    PL_TEST(tc, value_that_does_not_fit_is_not_given);
    PL_TEST(tc, array_items_are_found_by_index);
    PL_TEST(tc, tensors_lie_in_the_data_section);
    PL_TEST(tc, truncated_file_is_refused);
    PL_TEST(tc, changed_byte_is_refused_or_read_safely);
    PL_TEST(tc, random_bytes_are_refused_or_read_safely);
    PL_TEST(tc, other_files_and_versions_are_refused);
    PL_TEST(tc, version_2_is_read);
    PL_TEST(tc, counts_that_the_file_cannot_hold_are_refused);
    PL_TEST(tc, bad_keys_are_refused);
    PL_TEST(tc, bad_alignment_is_refused);
    PL_TEST(tc, alignment_of_the_file_is_used);
    PL_TEST(tc, bad_tensors_are_refused);
    PL_TEST(tc, tensor_that_ends_with_the_file_is_read);
    PL_TEST(tc, tensor_name_twice_is_refused);
    PL_TEST(tc, values_are_printed_short_and_as_text);
    PL_TEST(tc, file_on_disk_reads_as_in_memory);
    PL_TEST(tc, path_that_is_no_file_is_refused);
    PL_TEST(tc, dtypes_have_names_and_blocks);
    PL_TEST(tc, real_models_are_read);
    return s;
}

PL_TESTS(suite)
