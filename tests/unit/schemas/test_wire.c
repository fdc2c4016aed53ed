/* Bytes of a peer: what the check and the cursor take, and above all what they refuse. Inputs that must not
 * be read past their end are put at the end of a heap block of exactly their size, so that the address
 * sanitizer sees a byte too many. */
#include "schemas/wire.h"
#include "tests/support/support.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <msgpack.h>

/* Checks a copy that ends where its memory ends. */
static int check(const void *bytes, size_t n, struct pl_err *err)
{
    uint8_t *exact = malloc(n ? n : 1);
    ck_assert_ptr_nonnull(exact);
    if (n) memcpy(exact, bytes, n);
    int rc = pl_wire_check(exact, n, err);
    free(exact);
    return rc;
}

#define CHECK(literal, err) check((literal), sizeof(literal) - 1, (err))

static void refused(const void *bytes, size_t n, const char *field, const char *word)
{
    struct pl_err err = {0};
    ck_assert_int_eq(check(bytes, n, &err), -PL_E_INVALID);
    ck_assert_str_eq(err.field, field);
    ck_assert_msg(strstr(err.text, word) != NULL, "\"%s\" does not say \"%s\"", err.text, word);
    ck_assert_int_eq(check(bytes, n, NULL), -PL_E_INVALID);
}

#define REFUSED(literal, field, word) refused((literal), sizeof(literal) - 1, (field), (word))

START_TEST(a_map_of_every_kind_is_taken)
{
    static const char m[] = "\x89"
                            "\xA1n\xC0"
                            "\xA1t\xC3"
                            "\xA1u\xCF\x00\x00\x00\x01\x00\x00\x00\x00"
                            "\xA1i\xD1\xFF\x38"
                            "\xA1g\xCB\x3F\xF0\x00\x00\x00\x00\x00\x00"
                            "\xA1h\xCA\x3F\x80\x00\x00"
                            "\xA1s\xD9\x03\xE2\x82\xAC"
                            "\xA1y\xC4\x02\xFF\xFE"
                            "\xA1l\x93\x01\xE0\x81\xA0\xC2";
    ck_assert_int_eq(check(m, sizeof m - 1, NULL), 0);
}
END_TEST

START_TEST(only_one_map_is_a_message)
{
    REFUSED("", "", "empty");
    REFUSED("\x01", "", "not a msgpack map");
    REFUSED("\x90", "", "not a msgpack map");
    REFUSED("\xC1", "", "not msgpack");
    ck_assert_int_eq(CHECK("\x80", NULL), 0);
}
END_TEST

START_TEST(bytes_after_the_map_are_refused)
{
    REFUSED("\x80\x80", "", "follow the end");
    REFUSED("\x81\xA1k\x01\xC0", "", "follow the end");
}
END_TEST

/* msgpack-c reserves 2.4 GB for these five bytes. */
START_TEST(a_count_that_the_bytes_cannot_hold_is_refused)
{
    REFUSED("\xDD\x05\xF5\xE1\x00", "", "not msgpack");
    REFUSED("\xDF\xFF\xFF\xFF\xFF", "", "not msgpack");
    REFUSED("\x81\xA1k\xDD\x05\xF5\xE1\x00", "k", "cut short");
    REFUSED("\x81\xA1k\xDF\x00\x00\x00\x02\xA1", "k", "cut short");
    REFUSED("\x81\xA1k\xDB\xFF\xFF\xFF\xFF", "k", "cut short");
    REFUSED("\x81\xA1k\xC6\x00\x00\x00\x01", "k", "cut short");
}
END_TEST

START_TEST(a_message_cut_anywhere_is_refused)
{
    static const char m[] =
        "\x84\xA4type\xAC"
        "chat.request\xA4"
        "body\x82\xA4text\xD9\x02hi\xA4seed\xCF\x01\x02\x03\x04\x05\x06\x07\x08"
        "\xA1x\xDC\x00\x02\xCB\x3F\xF0\x00\x00\x00\x00\x00\x00\xD0\x80\xA1z\xC5\x00\x01\x00";
    ck_assert_int_eq(check(m, sizeof m - 1, NULL), 0);
    for (size_t n = 0; n < sizeof m - 1; n++) ck_assert_int_eq(check(m, n, NULL), -PL_E_INVALID);
}
END_TEST

START_TEST(a_key_that_stands_twice_is_refused)
{
    REFUSED("\x82\xA1k\x01\xA1k\x02", "k", "twice");
    REFUSED("\x81\xA4"
            "body\x91\x83\xA1"
            "a\x01\xA1"
            "b\x02\xD9\x01"
            "a\x03",
            "body[0].a", "twice");
}
END_TEST

static void put_keys(struct pl_buf *b, uint32_t n, uint32_t twice)
{
    const uint8_t head[3] = {0xDE, (uint8_t)(n >> 8), (uint8_t)n};
    pl_buf_write(b, head, sizeof head);
    for (uint32_t i = 0; i < n; i++) {
        pl_buf_write(b, "\xA6", 1);
        pl_buf_printf(b, "%06u", i == n - 1 ? twice : i * 7919 % 1000000);
        pl_buf_write(b, "\x01", 1);
    }
}

START_TEST(many_keys_are_compared_and_too_many_refused)
{
    for (uint32_t n = 17; n <= 1025; n = n == 17 ? 1023 : n + 1) {
        struct pl_buf fine = {0}, doubled = {0};
        put_keys(&fine, n, 999999);
        put_keys(&doubled, n, 7919 * 5 % 1000000);
        ck_assert_int_eq(check(fine.data, fine.len, NULL), n <= 1024 ? 0 : -PL_E_INVALID);
        if (n <= 1024)
            refused(doubled.data, doubled.len, "039595", "twice");
        else
            refused(fine.data, fine.len, "", "at most 1024 keys");
        pl_buf_finish(&fine);
        pl_buf_finish(&doubled);
    }
}
END_TEST

static void nested(uint8_t *m, size_t *n, unsigned depth)
{
    *n = 0;
    for (unsigned i = 0; i + 1 < depth; i++) {
        m[(*n)++] = 0x81;
        m[(*n)++] = 0xA1;
        m[(*n)++] = 'k';
    }
    m[(*n)++] = 0x80;
}

START_TEST(nesting_beyond_the_limit_is_refused)
{
    uint8_t m[64];
    size_t n;
    nested(m, &n, PL_DEPTH_MAX);
    ck_assert_int_eq(check(m, n, NULL), 0);
    nested(m, &n, PL_DEPTH_MAX + 1);
    refused(m, n, "k.k.k.k.k.k.k.k", "deeper");
    REFUSED("\x81\xA1k\x91\x91\x91\x91\x91\x91\x91\x90", "k[0][0][0][0][0][0][0]", "deeper");
}
END_TEST

/* One byte a level: a walker that recurses or reserves at each level falls over here. */
START_TEST(a_million_open_arrays_are_refused)
{
    size_t n = 1000003;
    uint8_t *m = malloc(n);
    ck_assert_ptr_nonnull(m);
    memset(m, 0x91, n);
    memcpy(m, "\x81\xA1k", 3);
    ck_assert_int_eq(pl_wire_check(m, n, NULL), -PL_E_INVALID);
    m[n - 1] = 0xC0;
    ck_assert_int_eq(pl_wire_check(m, n, NULL), -PL_E_INVALID);
    free(m);
}
END_TEST

START_TEST(text_that_is_not_strict_utf8_is_refused)
{
    static const char *const bad[] = {"\x80",
                                      "\xC0\x80",
                                      "\xC1\xBF",
                                      "\xE0\x9F\xBF",
                                      "\xED\xA0\x80",
                                      "\xED\xBF\xBF",
                                      "\xF0\x8F\xBF\xBF",
                                      "\xF4\x90\x80\x80",
                                      "\xF5\x80\x80\x80",
                                      "\xE2\x82",
                                      "\xF0\x9F\x98",
                                      "\xC3(",
                                      "\xFF",
                                      "12345678\xC3"};
    static const char *const good[] = {"\x7F",
                                       "\xC2\x80",
                                       "\xDF\xBF",
                                       "\xE0\xA0\x80",
                                       "\xED\x9F\xBF",
                                       "\xEE\x80\x80",
                                       "\xEF\xBF\xBF",
                                       "\xF0\x90\x80\x80",
                                       "\xF4\x8F\xBF\xBF",
                                       "12345678\xC3\xA4",
                                       "1234567\xC3\xA4 8"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        char m[32];
        int n = snprintf(m, sizeof m, "\x81\xA1k%c%s", (char)(0xA0 + strlen(bad[i])), bad[i]);
        refused(m, (size_t)n, "k", "UTF-8");
        n = snprintf(m, sizeof m, "\x81%c%s\x01", (char)(0xA0 + strlen(bad[i])), bad[i]);
        refused(m, (size_t)n, "", "UTF-8");
    }
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        char m[32];
        int n = snprintf(m, sizeof m, "\x81\xA1k%c%s", (char)(0xA0 + strlen(good[i])), good[i]);
        ck_assert_int_eq(check(m, (size_t)n, NULL), 0);
    }
}
END_TEST

START_TEST(ext_types_and_the_unused_code_are_refused)
{
    REFUSED("\x81\xA1k\xC7\x01\x05x", "k", "not accepted");
    REFUSED("\x81\xA1k\xC8\x00\x01\x05x", "k", "not accepted");
    REFUSED("\x81\xA1k\xC9\x00\x00\x00\x01\x05x", "k", "not accepted");
    REFUSED("\x81\xA1k\xD4\x05x", "k", "not accepted");
    REFUSED("\x81\xA1k\xD6\xFF\x00\x00\x00\x00", "k", "not accepted");
    REFUSED("\x81\xA1k\xD8\x05xxxxxxxxxxxxxxxx", "k", "not accepted");
    REFUSED("\x81\xA1k\xC1", "k", "not accepted");
    REFUSED("\x81\xA1k\x91\xC1", "k", "not accepted");
}
END_TEST

START_TEST(keys_that_are_not_strings_are_refused)
{
    REFUSED("\x81\x01\x01", "", "must be a string");
    REFUSED("\x81\xC4\x01k\x01", "", "must be a string");
    REFUSED("\x81\xA1"
            "a\x81\xC0\x01",
            "a", "must be a string");
}
END_TEST

/* The key is the peer's: it must not put control characters or half a character into our logs. */
START_TEST(a_bad_key_is_shown_harmlessly)
{
    REFUSED("\x81\xA3\x1B[m\xC1", "?[m", "not accepted");
    uint8_t m[128] = {0x81, 0xD9, 100};
    for (size_t i = 0; i < 100; i += 2) memcpy(m + 3 + i, "\xC3\xA4", 2);
    m[103] = 0xC1;
    struct pl_err err = {0};
    ck_assert_int_eq(check(m, 104, &err), -PL_E_INVALID);
    ck_assert_uint_eq(strlen(err.field), 62);
}
END_TEST

static struct pl_cursor cursor(const char *bytes, size_t n)
{
    return (struct pl_cursor){(const uint8_t *)bytes, (const uint8_t *)bytes + n};
}

#define CURSOR(literal) cursor((literal), sizeof(literal) - 1)

START_TEST(integers_of_every_width_are_read)
{
    static const struct {
        const char *bytes;
        size_t n;
        int64_t value;
    } cases[] = {{"\x7F", 1, 127},
                 {"\xCC\xFF", 2, 255},
                 {"\xCD\xFF\xFF", 3, 65535},
                 {"\xCE\xFF\xFF\xFF\xFF", 5, 4294967295LL},
                 {"\xCF\x7F\xFF\xFF\xFF\xFF\xFF\xFF\xFF", 9, INT64_MAX},
                 {"\xD0\x7F", 2, 127},
                 {"\xD3\x00\x00\x00\x00\x00\x00\x00\x05", 9, 5},
                 {"\xE0", 1, -32},
                 {"\xFF", 1, -1},
                 {"\xD0\x80", 2, -128},
                 {"\xD1\x80\x00", 3, -32768},
                 {"\xD2\x80\x00\x00\x00", 5, INT32_MIN},
                 {"\xD3\x80\x00\x00\x00\x00\x00\x00\x00", 9, INT64_MIN}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct pl_cursor c = cursor(cases[i].bytes, cases[i].n), again = c;
        int64_t v = 0;
        uint64_t u = 0;
        ck_assert_int_eq(pl_cursor_i64(&c, &v), 0);
        ck_assert_int_eq(v, cases[i].value);
        ck_assert_ptr_eq(c.p, c.end);
        ck_assert_int_eq(pl_cursor_u64(&again, &u), v >= 0 ? 0 : -PL_E_INVALID);
        if (v >= 0)
            ck_assert_uint_eq(u, (uint64_t)v);
        else
            ck_assert_ptr_eq(again.p, cases[i].bytes);
    }
    struct pl_cursor most = CURSOR("\xCF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF");
    int64_t v;
    ck_assert_int_eq(pl_cursor_i64(&most, &v), -PL_E_INVALID);
}
END_TEST

START_TEST(floats_take_integers_and_integers_take_no_floats)
{
    double f = 0;
    uint64_t u;
    struct pl_cursor c = CURSOR("\xFE");
    ck_assert_int_eq(pl_cursor_f64(&c, &f), 0);
    ck_assert(f == -2.0);
    c = CURSOR("\xCA\x3F\x00\x00\x00");
    ck_assert_int_eq(pl_cursor_f64(&c, &f), 0);
    ck_assert(f == 0.5);
    c = CURSOR("\xCB\x40\x00\x00\x00\x00\x00\x00\x00");
    ck_assert_int_eq(pl_cursor_u64(&c, &u), -PL_E_INVALID);
    ck_assert_int_eq(pl_cursor_f64(&c, &f), 0);
    ck_assert(f == 2.0);
    c = CURSOR("\xA1x");
    ck_assert_int_eq(pl_cursor_f64(&c, &f), -PL_E_INVALID);
}
END_TEST

/* A caller may size a table by the count alone. */
START_TEST(a_count_is_never_more_than_the_bytes_left)
{
    uint32_t n = 0;
    struct pl_cursor c = CURSOR("\x82\xA0\xC0\xA0");
    ck_assert_int_eq(pl_cursor_map(&c, &n), -PL_E_INVALID);
    c = CURSOR("\x82\xA0\xC0\xA0\xC0");
    ck_assert_int_eq(pl_cursor_map(&c, &n), 0);
    ck_assert_uint_eq(n, 2);
    c = CURSOR("\x93\xC0\xC0");
    ck_assert_int_eq(pl_cursor_array(&c, &n), -PL_E_INVALID);
    c = CURSOR("\x93\xC0\xC0\xC0");
    ck_assert_int_eq(pl_cursor_array(&c, &n), 0);
    ck_assert_uint_eq(n, 3);
}
END_TEST

START_TEST(a_failed_read_consumes_nothing)
{
    static const char m[] = "\xA2hi";
    struct pl_cursor c = CURSOR(m);
    bool b;
    uint32_t n;
    uint64_t u;
    int64_t i;
    double f;
    ck_assert_int_eq(pl_cursor_bool(&c, &b), -PL_E_INVALID);
    ck_assert_int_eq(pl_cursor_u64(&c, &u), -PL_E_INVALID);
    ck_assert_int_eq(pl_cursor_i64(&c, &i), -PL_E_INVALID);
    ck_assert_int_eq(pl_cursor_f64(&c, &f), -PL_E_INVALID);
    ck_assert_int_eq(pl_cursor_array(&c, &n), -PL_E_INVALID);
    ck_assert_int_eq(pl_cursor_map(&c, &n), -PL_E_INVALID);
    ck_assert_ptr_eq(c.p, m);
    struct pl_bin bin;
    ck_assert_int_eq(pl_cursor_bin(&c, &bin), 0);
    ck_assert_uint_eq(bin.len, 2);
    struct pl_cursor cut = cursor("\x92\x01\xA2h", 4);
    const uint8_t *start = cut.p;
    ck_assert_int_eq(pl_cursor_skip(&cut), -PL_E_INVALID);
    ck_assert_ptr_eq(cut.p, start);
}
END_TEST

/* What we take, msgpack-c takes too, to the last byte; what it refuses, we refuse. */
START_TEST(random_bytes_never_pass_where_msgpack_c_fails)
{
    uint64_t state = pl_test_seed(11);
    unsigned taken = 0;
    static const uint8_t likely[] = {0x80, 0x81, 0x82, 0x90, 0x91, 0x92, 0xA0, 0xA1, 0xA2,
                                     0xC0, 0xC2, 0xC3, 0xC4, 0xCA, 0xCB, 0xCC, 0xCF, 0xD0,
                                     0xD9, 0xDC, 0xDE, 0x00, 0x01, 0xFF, 'a',  'b'};
    for (int round = 0; round < 300000; round++) {
        uint8_t m[12];
        size_t n = 1 + pl_test_random(&state) % sizeof m;
        for (size_t i = 0; i < n; i++) m[i] = likely[pl_test_random(&state) % sizeof likely];
        if (pl_wire_check(m, n, NULL)) continue;
        taken++;
        msgpack_unpacked u;
        msgpack_unpacked_init(&u);
        size_t offset = 0;
        ck_assert_int_eq(msgpack_unpack_next(&u, (const char *)m, n, &offset), MSGPACK_UNPACK_SUCCESS);
        ck_assert_uint_eq(offset, n);
        msgpack_unpacked_destroy(&u);
    }
    ck_assert_uint_gt(taken, 1000);
}
END_TEST

START_TEST(the_buffer_refuses_beyond_its_limit_and_stays_failed)
{
    struct pl_buf b = {.limit = 10};
    ck_assert_int_eq(pl_buf_write(&b, "12345", 5), 0);
    ck_assert_int_eq(pl_buf_printf(&b, "%d", 67890), 0);
    ck_assert_int_eq(pl_buf_printf(&b, "%s", ""), 0);
    ck_assert(!b.failed);
    ck_assert_int_eq(pl_buf_write(&b, "x", 1), -PL_E_TOO_LARGE);
    ck_assert(b.failed);
    ck_assert_int_ne(pl_buf_write(&b, "", 0), 0);
    ck_assert_uint_eq(b.len, 10);
    pl_buf_clear(&b);
    ck_assert(!b.failed);
    ck_assert_int_eq(pl_buf_printf(&b, "%300d", 1), -PL_E_TOO_LARGE);
    pl_buf_finish(&b);
}
END_TEST

START_TEST(long_printed_texts_are_whole)
{
    struct pl_buf b = {.limit = 1000};
    ck_assert_int_eq(pl_buf_printf(&b, "%1000d", 7), 0);
    ck_assert_uint_eq(b.len, 1000);
    ck_assert_int_eq(b.data[999], '7');
    pl_buf_finish(&b);
}
END_TEST

static Suite *suite(void)
{
    Suite *s = suite_create("wire");
    TCase *tc = tcase_create("wire");
    tcase_set_timeout(tc, 0);
    PL_TEST(tc, a_map_of_every_kind_is_taken);
    PL_TEST(tc, only_one_map_is_a_message);
    PL_TEST(tc, bytes_after_the_map_are_refused);
    PL_TEST(tc, a_count_that_the_bytes_cannot_hold_is_refused);
    PL_TEST(tc, a_message_cut_anywhere_is_refused);
    PL_TEST(tc, a_key_that_stands_twice_is_refused);
    PL_TEST(tc, many_keys_are_compared_and_too_many_refused);
    PL_TEST(tc, nesting_beyond_the_limit_is_refused);
    PL_TEST(tc, a_million_open_arrays_are_refused);
    PL_TEST(tc, text_that_is_not_strict_utf8_is_refused);
    PL_TEST(tc, ext_types_and_the_unused_code_are_refused);
    PL_TEST(tc, keys_that_are_not_strings_are_refused);
    PL_TEST(tc, a_bad_key_is_shown_harmlessly);
    PL_TEST(tc, integers_of_every_width_are_read);
    PL_TEST(tc, floats_take_integers_and_integers_take_no_floats);
    PL_TEST(tc, a_count_is_never_more_than_the_bytes_left);
    PL_TEST(tc, a_failed_read_consumes_nothing);
    PL_TEST(tc, random_bytes_never_pass_where_msgpack_c_fails);
    PL_TEST(tc, the_buffer_refuses_beyond_its_limit_and_stays_failed);
    PL_TEST(tc, long_printed_texts_are_whole);
    suite_add_tcase(s, tc);
    return s;
}

PL_TESTS(suite)
