/* Text to ids and back: small vocabularies that are built here, and the real ones where they are. */
#include "kernels/vocab.h"

#include <jansson.h>
#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include "kernels/gguf.h"
#include "tests/support/support.h"
#include "tests/unit/kernels/gguf_bytes.h"

#define TOKENS "tokenizer.ggml.tokens"
#define TYPES "tokenizer.ggml.token_type"
#define MERGES "tokenizer.ggml.merges"

/* A small byte-level vocabulary: the bytes, then EXTRA tokens. */
struct small {
    const char *pre; /* NULL: the key is left out */
    const char *extra[40];
    int32_t extra_types[40]; /* 0: normal */
    const char *merges[40];
};

/* What the byte-level alphabet writes for a byte, worked out from its definition. */
static size_t letter(unsigned byte, char out[3])
{
    unsigned code = 0x100;
    for (unsigned b = 0; b <= byte; b++) {
        bool own = (b > 0x20 && b < 0x7F) || (b > 0xA0 && b != 0xAD);
        if (b == byte && own)
            code = byte;
        else if (b < byte && !own)
            code++;
    }
    size_t n = 0;
    if (code < 0x80)
        out[n++] = (char)code;
    else
        out[n++] = (char)(0xC0 | code >> 6), out[n++] = (char)(0x80 | (code & 63));
    out[n] = 0;
    return n;
}

static size_t count_of(const char *const *list)
{
    size_t n = 0;
    while (list[n]) n++;
    return n;
}

static void write_small(struct gb *b, const struct small *s)
{
    int32_t types[296];
    char text[3];
    size_t extra = count_of(s->extra);
    gb_begin(b);
    gb_key_str(b, "tokenizer.ggml.model", "gpt2");
    if (s->pre) gb_key_str(b, "tokenizer.ggml.pre", s->pre);
    gb_array(b, TOKENS, GB_STRING, 256 + extra);
    for (unsigned i = 0; i < 256; i++) gb_text(b, text, letter(i, text));
    for (size_t i = 0; i < extra; i++) gb_str(b, s->extra[i]);
    for (size_t i = 0; i < 256 + extra; i++)
        types[i] = i < 256 || !s->extra_types[i - 256] ? 1 : s->extra_types[i - 256];
    gb_i32s(b, TYPES, types, 256 + extra);
    gb_strs(b, MERGES, s->merges, count_of(s->merges));
}

/* Makes a vocabulary of a file and throws the file away, which the vocabulary must survive. */
static int make(struct gb *b, struct pl_vocab **v, struct pl_err *err)
{
    struct pl_gguf *g = NULL;
    if (pl_gguf_open_memory(b->p, b->n, &g, err)) ck_abort_msg("the test's file is bad: %s", err->text);
    int rc = pl_vocab_create(g, v, err);
    pl_gguf_close(&g);
    memset(b->p, 0xEE, b->n);
    gb_finish(b);
    return rc;
}

static struct pl_vocab *expect_vocab(struct gb *b)
{
    struct pl_err err = {0};
    struct pl_vocab *v = NULL;
    if (make(b, &v, &err)) ck_abort_msg("refused: %s", err.text);
    return v;
}

static struct pl_vocab *small_vocab(const struct small *s)
{
    struct gb b;
    write_small(&b, s);
    return expect_vocab(&b);
}

static void expect_refused(struct gb *b, int code, const char *named)
{
    struct pl_err err = {0};
    struct pl_vocab *v = NULL;
    ck_assert_int_eq(make(b, &v, &err), -code);
    ck_assert_ptr_null(v);
    if (!strstr(err.text, named) && !strstr(err.field, named))
        ck_abort_msg("\"%s\" (%s) does not name %s", err.text, err.field, named);
}

/* The ids as text: "1 2 3"; static buffer. */
static const char *show(const struct pl_ids *l)
{
    static char text[1 << 16];
    size_t n = 0;
    text[0] = 0;
    for (size_t i = 0; i < l->count && n < sizeof text - 16; i++)
        n += (size_t)snprintf(text + n, sizeof text - n, i ? " %u" : "%u", l->ids[i]);
    return text;
}

static void expect_ids_of(const struct pl_vocab *v, const char *text, size_t len, bool special,
                          const char *ids)
{
    struct pl_ids l = {0};
    ck_assert_int_eq(pl_vocab_encode(v, text, len, special, &l), 0);
    if (strcmp(show(&l), ids) != 0) ck_abort_msg("\"%.*s\" gives %s, not %s", (int)len, text, show(&l), ids);
    pl_ids_finish(&l);
}

static void expect_ids(const struct pl_vocab *v, const char *text, bool special, const char *ids)
{
    expect_ids_of(v, text, strlen(text), special, ids);
}

static void expect_round_trip(const struct pl_vocab *v, const char *text, size_t len)
{
    struct pl_ids l = {0};
    size_t at = 0;
    ck_assert_int_eq(pl_vocab_encode(v, text, len, false, &l), 0);
    for (size_t i = 0; i < l.count; i++) {
        size_t n;
        const char *piece = pl_vocab_piece(v, l.ids[i], false, &n);
        ck_assert(at + n <= len && memcmp(text + at, piece, n) == 0);
        at += n;
    }
    ck_assert_uint_eq(at, len);
    pl_ids_finish(&l);
}

START_TEST(ids_grow_and_finish)
{
    struct pl_ids l = {0};
    for (uint32_t i = 0; i < 1000; i++) ck_assert_int_eq(pl_ids_push(&l, i), 0);
    ck_assert_int_eq(pl_ids_append(&l, (uint32_t[]){7, 8}, 2), 0);
    ck_assert_int_eq(pl_ids_append(&l, NULL, 0), 0);
    ck_assert(l.count == 1002 && l.ids[999] == 999 && l.ids[1001] == 8);
    pl_ids_finish(&l);
    ck_assert(!l.ids && !l.count && !l.capacity);
}
END_TEST

START_TEST(byte_vocabulary_gives_each_byte_its_value)
{
    struct pl_vocab *v = NULL;
    char all[256];
    ck_assert_int_eq(pl_vocab_create_bytes(&v, NULL), 0);
    ck_assert_uint_eq(pl_vocab_size(v), 259);
    for (int i = 0; i < 256; i++) all[i] = (char)i;
    struct pl_ids l = {0};
    ck_assert_int_eq(pl_vocab_encode(v, all, 256, true, &l), 0);
    ck_assert_uint_eq(l.count, 256);
    for (uint32_t i = 0; i < 256; i++) ck_assert_uint_eq(l.ids[i], i);
    expect_round_trip(v, all, 256);
    expect_ids(v, "a<|im_end|>", true, "97 257");
    expect_ids(v, "<|", true, "60 124");
    ck_assert(pl_vocab_eos(v) == 257 && pl_vocab_bos(v) == PL_NO_TOKEN);
    ck_assert(pl_vocab_is_end(v, 257) && pl_vocab_is_end(v, 258) && !pl_vocab_is_end(v, 256) &&
              !pl_vocab_is_end(v, 97));
    pl_ids_finish(&l);
    pl_vocab_destroy(&v);
    pl_vocab_destroy(&v);
}
END_TEST

START_TEST(earliest_merge_goes_first_and_leftmost_among_equals)
{
    struct pl_vocab *v = small_vocab(
        &(struct small){.extra = {"bc", "ab", "abc", "aa"}, .merges = {"b c", "a b", "a bc", "a a"}});
    expect_ids(v, "abc", false, "258");
    expect_ids(v, "ab", false, "257");
    expect_ids(v, "abbc", false, "257 256");
    expect_ids(v, "aaa", false, "259 97");
    pl_vocab_destroy(&v);
}
END_TEST

START_TEST(merges_stay_inside_words)
{
    struct pl_vocab *v = small_vocab(&(struct small){.extra = {"a1", "a\xC4\xA0", "11", "a!"},
                                                     .merges = {"a 1", "a \xC4\xA0", "1 1", "a !"}});
    expect_ids(v, "a1 a!", false, "97 49 32 97 33");
    expect_ids(v, "11", false, "258"); /* GPT-2 keeps digits together */
    pl_vocab_destroy(&v);
    v = small_vocab(&(struct small){.pre = "smollm", .extra = {"11"}, .merges = {"1 1"}});
    expect_ids(v, "11", false, "49 49");
    pl_vocab_destroy(&v);
}
END_TEST

START_TEST(space_before_a_digit_follows_the_model)
{
    /* Two spaces: "\xC4\xA0\xC4\xA0" is one token when both are in one word. */
    struct small s = {.extra = {"\xC4\xA0\xC4\xA0"}, .merges = {"\xC4\xA0 \xC4\xA0"}};
    s.pre = "gpt-2";
    struct pl_vocab *v = small_vocab(&s);
    expect_ids(v, "a  1", false, "97 32 32 49");
    expect_ids(v, "a   b", false, "97 256 32 98");
    pl_vocab_destroy(&v);
    s.pre = "smollm";
    v = small_vocab(&s);
    expect_ids(v, "a  1", false, "97 256 49");
    expect_ids(v, "a   b", false, "97 256 32 98");
    pl_vocab_destroy(&v);
    s.pre = "qwen2";
    v = small_vocab(&s);
    expect_ids(v, "a  1", false, "97 32 32 49");
    pl_vocab_destroy(&v);
}
END_TEST

START_TEST(control_tokens_in_a_text_need_leave)
{
    struct pl_vocab *v =
        small_vocab(&(struct small){.extra = {"<x>", "<xy>", "<u>", "<pad>"}, .extra_types = {3, 3, 4, 5}});
    expect_ids(v, "<x>", true, "256");
    expect_ids(v, "<x>", false, "60 120 62");
    expect_ids(v, "a<xy><x>", true, "97 257 256");
    expect_ids(v, "<u><x>", false, "258 60 120 62"); /* user-defined tokens are words of the vocabulary */
    expect_ids(v, "<pad><<x", true, "60 112 97 100 62 60 60 120");
    ck_assert_uint_eq(pl_vocab_find(v, "<xy>", 4), 257);
    ck_assert_uint_eq(pl_vocab_find(v, "<xyz>", 5), PL_NO_TOKEN);
    ck_assert(pl_vocab_is_control(v, 256) && !pl_vocab_is_control(v, 258) &&
              !pl_vocab_is_control(v, 1u << 30));
    size_t n;
    pl_vocab_piece(v, 257, false, &n);
    ck_assert_uint_eq(n, 0);
    ck_assert(memcmp(pl_vocab_piece(v, 257, true, &n), "<xy>", 4) == 0 && n == 4);
    ck_assert(memcmp(pl_vocab_piece(v, 258, false, &n), "<u>", 3) == 0 && n == 3);
    pl_vocab_piece(v, 9999, true, &n);
    ck_assert_uint_eq(n, 0);
    pl_vocab_destroy(&v);
}
END_TEST

START_TEST(longest_special_token_wins)
{
    struct pl_vocab *v =
        small_vocab(&(struct small){.extra = {"<a", "<a>", "<a><b>", "b>"}, .extra_types = {3, 3, 3, 3}});
    expect_ids(v, "<a><b><a>b><a", true, "258 257 259 256");
    pl_vocab_destroy(&v);
}
END_TEST

START_TEST(bytes_that_are_no_text_are_encoded_one_by_one)
{
    struct pl_vocab *v = small_vocab(&(struct small){.pre = "qwen2", .extra = {"aa"}, .merges = {"a a"}});
    expect_ids_of(v, "aa\xFF\xC3\x28\0aa\xE2\x82", 10, false, "256 255 195 40 0 256 226 130");
    pl_vocab_destroy(&v);
    v = small_vocab(
        &(struct small){.pre = "smollm"}); /* changes no character, so that every text comes back */
    uint64_t seed = pl_test_seed(3);
    for (int round = 0; round < 20000; round++) {
        char text[24];
        size_t n = pl_test_random(&seed) % sizeof text;
        for (size_t i = 0; i < n; i++) {
            uint64_t r = pl_test_random(&seed);
            text[i] = "a 1\n\xC3\xE2\x82\xF0"[(r >> 8) % 8];
            if (r % 3 == 0) text[i] = (char)((r >> 8) % 0xC0);
        }
        expect_round_trip(v, text, n);
    }
    pl_vocab_destroy(&v);
}
END_TEST

START_TEST(byte_without_a_token_is_left_out)
{
    struct gb b;
    gb_begin(&b);
    gb_key_str(&b, "tokenizer.ggml.model", "gpt2");
    gb_strs(&b, TOKENS, (const char *const[]){"a", "b"}, 2);
    struct pl_vocab *v = expect_vocab(&b);
    expect_ids(v, "axxb", false, "0 1");
    expect_ids(v, "xx", false, "");
    pl_vocab_destroy(&v);
}
END_TEST

START_TEST(qwen2_composes_characters_first)
{
    struct pl_vocab *v = small_vocab(&(struct small){.pre = "qwen2"});
    expect_ids(v, "xe\xCC\x81x", false, "120 195 169 120");
    expect_ids(v, "\xE2\x84\xAB", false, "195 133"); /* the sign of the Angstrom */
    expect_ids(v, "\xC3\xA9", false, "195 169");
    pl_vocab_destroy(&v);
    v = small_vocab(&(struct small){.pre = "smollm"});
    expect_ids(v, "e\xCC\x81", false, "101 204 129");
    pl_vocab_destroy(&v);
}
END_TEST

/* The loop as its definition says it: look at all pairs, merge the best, again. */
static size_t merge_slowly(uint32_t *ids, size_t n, uint32_t (*rank)[64], uint32_t (*result)[64])
{
    for (;;) {
        size_t best = n;
        for (size_t i = 0; i + 1 < n; i++)
            if (rank[ids[i] - 256][ids[i + 1] - 256] != UINT32_MAX &&
                (best == n ||
                 rank[ids[i] - 256][ids[i + 1] - 256] < rank[ids[best] - 256][ids[best + 1] - 256]))
                best = i;
        if (best == n) return n;
        ids[best] = result[ids[best] - 256][ids[best + 1] - 256];
        memmove(ids + best + 1, ids + best + 2, (n - best - 2) * sizeof *ids);
        n--;
    }
}

/* Tokens over a, b and c by random merges: ids 256 and up here are 256 + index in the list of tokens. */
static size_t random_merges(uint64_t *seed, char tokens[64][64], uint32_t (*rank)[64], uint32_t (*result)[64],
                            char merges[64][136])
{
    size_t n = 3, made = 0;
    memset(rank, 0xFF, 64 * sizeof *rank);
    strcpy(tokens[0], "a"), strcpy(tokens[1], "b"), strcpy(tokens[2], "c");
    for (int tries = 0; tries < 200 && n < 30; tries++) {
        size_t x = pl_test_random(seed) % n, y = pl_test_random(seed) % n, z = 0;
        char joined[136];
        if (strlen(tokens[x]) + strlen(tokens[y]) > 12 || rank[x][y] != UINT32_MAX) continue;
        snprintf(joined, sizeof joined, "%s%s", tokens[x], tokens[y]);
        while (z < n && strcmp(tokens[z], joined) != 0) z++;
        if (z == n) memcpy(tokens[n++], joined, 64);
        rank[x][y] = (uint32_t)made;
        result[x][y] = 256 + (uint32_t)z;
        snprintf(merges[made++], 136, "%s %s", tokens[x], tokens[y]);
    }
    return made;
}

START_TEST(heap_merges_as_the_definition_says)
{
    static char tokens[64][64], merges[64][136];
    static uint32_t rank[64][64], result[64][64];
    uint64_t seed = pl_test_seed(17);
    for (int round = 0; round < 300; round++) {
        memset(tokens, 0, sizeof tokens);
        size_t made = random_merges(&seed, tokens, rank, result, merges);
        struct small s = {.pre = "qwen2"};
        if (made > 39) made = 39;
        for (size_t x = 0; x < 64; x++)
            for (size_t y = 0; y < 64; y++)
                if (rank[x][y] != UINT32_MAX && rank[x][y] >= made) rank[x][y] = UINT32_MAX;
        for (size_t i = 3; tokens[i][0]; i++) s.extra[i - 3] = tokens[i];
        for (size_t i = 0; i < made; i++) s.merges[i] = merges[i];
        struct pl_vocab *v = small_vocab(&s);
        for (int text_round = 0; text_round < 20; text_round++) {
            char text[100];
            uint32_t ids[100];
            size_t n = 1 + pl_test_random(&seed) % 99;
            for (size_t i = 0; i < n; i++)
                ids[i] = 256 + (uint32_t)((text[i] = (char)('a' + pl_test_random(&seed) % 3)) - 'a');
            size_t want = merge_slowly(ids, n, rank, result);
            struct pl_ids l = {0};
            ck_assert_int_eq(pl_vocab_encode(v, text, n, false, &l), 0);
            ck_assert_uint_eq(l.count, want);
            for (size_t i = 0; i < want; i++) {
                const char *t = tokens[ids[i] - 256];
                ck_assert_uint_eq(l.ids[i], pl_vocab_find(v, t, strlen(t)));
            }
            pl_ids_finish(&l);
        }
        pl_vocab_destroy(&v);
    }
}
END_TEST

START_TEST(long_runs_are_encoded)
{
    static const char *const runs[] = {
        "a",    " ",  "\n",  "<",      "1",           "-", " a", "\xC3\xA9", "\xCC\x81\xCC\xA7",
        "\xFF", "'s", " \t", "  \n x", "\xE2\x84\xAB"};
    static char text[262144];
    struct small s = {.extra = {"aa", "aaaa", "\xC4\xA0\xC4\xA0"},
                      .merges = {"a a", "aa aa", "\xC4\xA0 \xC4\xA0"}};
    static const char *const pres[] = {"gpt-2", "smollm", "qwen2"};
    for (size_t p = 0; p < 3; p++) {
        s.pre = pres[p];
        struct pl_vocab *v = small_vocab(&s);
        for (size_t r = 0; r < sizeof runs / sizeof runs[0]; r++) {
            struct pl_ids l = {0};
            size_t len = strlen(runs[r]);
            for (size_t i = 0; i < sizeof text; i++) text[i] = runs[r][i % len];
            ck_assert_int_eq(pl_vocab_encode(v, text, sizeof text, true, &l), 0);
            ck_assert_uint_gt(l.count, 0);
            if (r == 0) ck_assert_uint_eq(l.count, sizeof text / 4);
            pl_ids_finish(&l);
        }
        pl_vocab_destroy(&v);
    }
}
END_TEST

START_TEST(unknown_tokenizers_are_refused_by_name)
{
    struct gb b;
    write_small(&b, &(struct small){.pre = "llama-bpe"});
    expect_refused(&b, PL_E_MODEL_UNSUPPORTED, "llama-bpe");
    write_small(&b, &(struct small){.pre = "a\xFF"});
    expect_refused(&b, PL_E_MODEL_UNSUPPORTED, "tokenizer.ggml.pre");
    gb_begin(&b), gb_key_str(&b, "tokenizer.ggml.model", "bert"),
        gb_strs(&b, TOKENS, (const char *const[]){"a"}, 1);
    expect_refused(&b, PL_E_MODEL_UNSUPPORTED, "bert");
    gb_begin(&b), gb_strs(&b, TOKENS, (const char *const[]){"a"}, 1);
    expect_refused(&b, PL_E_MODEL_UNSUPPORTED, "tokenizer.ggml.model");
    gb_begin(&b), gb_key_str(&b, "tokenizer.ggml.model", "gpt2");
    expect_refused(&b, PL_E_MODEL_UNSUPPORTED, TOKENS);
}
END_TEST

START_TEST(contradictions_are_refused)
{
    struct gb b;
    write_small(&b, &(struct small){.extra = {"ab"}, .merges = {"a b", "a z z"}});
    expect_refused(&b, PL_E_CORRUPT, "merge 1");
    write_small(&b, &(struct small){.merges = {"a b"}});
    expect_refused(&b, PL_E_CORRUPT, "merge 0");
    write_small(&b, &(struct small){.merges = {"ab"}});
    expect_refused(&b, PL_E_CORRUPT, "merge 0");
    write_small(&b, &(struct small){.merges = {""}});
    expect_refused(&b, PL_E_CORRUPT, "merge 0");
    write_small(&b, &(struct small){.extra = {"ab"}, .extra_types = {3}, .merges = {"a b"}});
    expect_refused(&b, PL_E_CORRUPT, "control");
    write_small(&b, &(struct small){0}), gb_key_u32(&b, "tokenizer.ggml.eos_token_id", 256);
    expect_refused(&b, PL_E_CORRUPT, "eos");
    gb_begin(&b), gb_key_str(&b, "tokenizer.ggml.model", "gpt2"),
        gb_strs(&b, TOKENS, (const char *const[]){"a", "b"}, 2);
    gb_i32s(&b, TYPES, (int32_t[]){1}, 1);
    expect_refused(&b, PL_E_CORRUPT, TYPES);
    gb_begin(&b), gb_key_str(&b, "tokenizer.ggml.model", "gpt2"),
        gb_strs(&b, TOKENS, (const char *const[]){"a"}, 1);
    gb_f32s(&b, TYPES, (float[]){NAN}, 1);
    expect_refused(&b, PL_E_CORRUPT, TYPES);
}
END_TEST

START_TEST(ends_of_an_answer_are_known)
{
    struct gb b;
    write_small(&b, &(struct small){.extra = {"<|im_end|>", "<|endoftext|>", "</s>", "<eot>"},
                                    .extra_types = {3, 4, 3, 3}});
    gb_key_u32(&b, "tokenizer.ggml.eos_token_id", 258);
    gb_key_u32(&b, "tokenizer.ggml.eot_token_id", 259);
    gb_key_u32(&b, "tokenizer.ggml.bos_token_id", 0);
    struct pl_vocab *v = expect_vocab(&b);
    ck_assert(pl_vocab_eos(v) == 258 && pl_vocab_bos(v) == 0);
    for (uint32_t id = 256; id < 260; id++) ck_assert(pl_vocab_is_end(v, id));
    ck_assert(!pl_vocab_is_end(v, 0) && !pl_vocab_is_end(v, 99999));
    pl_vocab_destroy(&v);
}
END_TEST

/* SentencePiece: 0 <unk>, 1 <s>, 2..257 bytes (unless without), then words with their scores. */
#define WORDS 8
#define MARKED_AB                                                                                            \
    "\xE2\x96\x81"                                                                                           \
    "ab" /* a space and ab */
static void write_spm(struct gb *b, bool bytes, int prefix)
{
    static const char *const words[WORDS] = {"\xE2\x96\x81", "a", "b", "ab", MARKED_AB, "ba", "<", "<s"};
    static const float word_scores[WORDS] = {-9, -9, -9, -2, -3, -1, -9, -1};
    size_t n = 2 + (bytes ? 256 : 0), i = 0;
    float scores[300] = {0};
    int32_t types[300] = {2, 3};
    char text[8];
    gb_begin(b);
    gb_key_str(b, "tokenizer.ggml.model", "llama");
    gb_array(b, TOKENS, GB_STRING, n + WORDS);
    gb_str(b, "<unk>"), gb_str(b, "<s>");
    for (i = 2; i < n; i++)
        snprintf(text, sizeof text, "<0x%02X>", (unsigned)i - 2), gb_str(b, text), types[i] = 6;
    for (i = 0; i < WORDS; i++) gb_str(b, words[i]), types[n + i] = 1, scores[n + i] = word_scores[i];
    gb_f32s(b, "tokenizer.ggml.scores", scores, n + WORDS);
    gb_i32s(b, TYPES, types, n + WORDS);
    gb_key_u32(b, "tokenizer.ggml.unknown_token_id", 0);
    if (prefix >= 0)
        gb_key(b, "tokenizer.ggml.add_space_prefix", GB_BOOL), gb_raw(b, &(char){(char)prefix}, 1);
}

START_TEST(sentencepiece_merges_the_best_score_first)
{
    struct gb b;
    write_spm(&b, true, 0);
    struct pl_vocab *v = expect_vocab(&b);
    expect_ids(v, "ab", false, "261");
    expect_ids(v, "aba", false, "259 263"); /* ba has the better score */
    expect_ids(v, " ab", false, "262");
    expect_ids(v, "x\xFF", false, "122 257");
    expect_ids(v, "\xC3\xA9", false, "197 171");
    expect_ids(v, "<s>", true, "1");
    expect_ids(v, "<s>", false, "265 64"); /* no text spells a control token */
    expect_ids(v, "<0x41>", false, "264 50 122 54 51 64");
    size_t n;
    ck_assert(memcmp(pl_vocab_piece(v, 262, false, &n), " ab", 3) == 0 && n == 3);
    ck_assert(memcmp(pl_vocab_piece(v, 67, false, &n), "A", 1) == 0 && n == 1);
    pl_vocab_piece(v, 0, false, &n);
    ck_assert_uint_eq(n, 0);
    expect_round_trip(v, "ab \xFF b\xC3\xA9", 9);
    pl_vocab_destroy(&v);
}
END_TEST

START_TEST(sentencepiece_begins_with_a_space_unless_told)
{
    struct gb b;
    write_spm(&b, true, -1);
    struct pl_vocab *v = expect_vocab(&b);
    expect_ids(v, "ab", false, "262");
    expect_ids(v, "", false, "");
    expect_ids(v, "<s>ab", true, "1 262");
    pl_vocab_destroy(&v);
    write_spm(&b, true, 1);
    v = expect_vocab(&b);
    expect_ids(v, "ab", false, "262");
    pl_vocab_destroy(&v);
}
END_TEST

START_TEST(sentencepiece_without_bytes_has_an_unknown_token)
{
    struct gb b;
    write_spm(&b, false, 0);
    struct pl_vocab *v = expect_vocab(&b);
    expect_ids(v,
               "a\xC3\xA9"
               "b",
               false, "3 0 4");
    pl_vocab_destroy(&v);
    gb_begin(&b), gb_key_str(&b, "tokenizer.ggml.model", "llama"),
        gb_strs(&b, TOKENS, (const char *const[]){"a"}, 1);
    expect_refused(&b, PL_E_CORRUPT, "scores");
    gb_begin(&b), gb_key_str(&b, "tokenizer.ggml.model", "llama"),
        gb_strs(&b, TOKENS, (const char *const[]){"a"}, 1);
    gb_f32s(&b, "tokenizer.ggml.scores", (float[]){NAN}, 1);
    expect_refused(&b, PL_E_CORRUPT, "scores");
}
END_TEST

struct thread_work {
    const struct pl_vocab *v;
    const char *text;
    struct pl_ids ids;
    int rc;
};

static void *encode_often(void *arg)
{
    struct thread_work *w = arg;
    for (int i = 0; i < 50 && !w->rc; i++) {
        w->ids.count = 0;
        w->rc = pl_vocab_encode(w->v, w->text, strlen(w->text), true, &w->ids);
    }
    return NULL;
}

START_TEST(threads_share_a_vocabulary)
{
    struct pl_vocab *v = small_vocab(
        &(struct small){.pre = "qwen2", .extra = {"aa", "<x>"}, .extra_types = {0, 3}, .merges = {"a a"}});
    struct thread_work work[4];
    pthread_t threads[4];
    static char text[20001];
    for (size_t i = 0; i + 1 < sizeof text; i++) text[i] = "aaa <x> 12e\xCC\x81"[i % 13];
    for (int i = 0; i < 4; i++) {
        work[i] = (struct thread_work){.v = v, .text = text};
        ck_assert_int_eq(pthread_create(&threads[i], NULL, encode_often, &work[i]), 0);
    }
    for (int i = 0; i < 4; i++) pthread_join(threads[i], NULL);
    for (int i = 0; i < 4; i++) {
        ck_assert_int_eq(work[i].rc, 0);
        ck_assert(work[i].ids.count == work[0].ids.count && work[0].ids.count > 0);
        ck_assert(memcmp(work[i].ids.ids, work[0].ids.ids, work[0].ids.count * 4) == 0);
    }
    for (int i = 0; i < 4; i++) pl_ids_finish(&work[i].ids);
    pl_vocab_destroy(&v);
}
END_TEST

/* The vocabulary of a file; NULL, after saying so, when the file is absent. */
static struct pl_vocab *vocab_of(const char *path, const char *what)
{
    struct pl_err err = {0};
    struct pl_gguf *g = NULL;
    struct pl_vocab *v = NULL;
    if (!path) {
        pl_test_skip(what, "the file is not on this machine");
        return NULL;
    }
    if (pl_gguf_open(path, &g, &err) || pl_vocab_create(g, &v, &err)) ck_abort_msg("%s: %s", what, err.text);
    pl_gguf_close(&g);
    return v;
}

/* Compares every case of NAME.inp with its line of NAME.out. */
static void check_vectors(const struct pl_vocab *v, const char *name)
{
    static const char gap[] = "\n__ggml_vocab_test__\n";
    char path[200];
    int cases = 0;
    snprintf(path, sizeof path, "models/tokenizers/vectors/%s.gguf.inp", name);
    char *in = pl_test_read(pl_test_shared(path), NULL), *end;
    snprintf(path, sizeof path, "models/tokenizers/vectors/%s.gguf.out", name);
    char *out = pl_test_read(pl_test_shared(path), NULL), *line = out;
    for (char *p = in; (end = strstr(p, gap)); p = end + sizeof gap - 1, cases++) {
        char *next = line + strcspn(line, "\n"), *last = next;
        *next = 0;
        while (last > line && last[-1] == ' ') *--last = 0;
        expect_ids_of(v, p, (size_t)(end - p), false, line + strspn(line, " "));
        line = next + 1;
    }
    ck_assert_int_eq(cases, 46);
    free(in);
    free(out);
}

START_TEST(vectors_of_the_reference_are_met)
{
    static const char *const names[] = {"ggml-vocab-gpt-2", "ggml-vocab-llama-spm", "ggml-vocab-qwen2"};
    for (int i = 0; i < 3; i++) {
        char file[200];
        snprintf(file, sizeof file, "models/tokenizers/vectors/%s.gguf.inp", names[i]);
        if (!pl_test_shared(file)) {
            pl_test_skip(names[i], "the vectors are not on this machine");
            continue;
        }
        snprintf(file, sizeof file, "models/tokenizers/vectors/%s.gguf", names[i]);
        struct pl_vocab *v = vocab_of(i == 2 ? pl_test_model("coder") : pl_test_shared(file), names[i]);
        if (v) check_vectors(v, names[i]);
        pl_vocab_destroy(&v);
    }
}
END_TEST

START_TEST(other_pre_tokenizer_of_a_real_file_is_refused)
{
    const char *path = pl_test_shared("models/tokenizers/vectors/ggml-vocab-deepseek-llm.gguf");
    struct pl_err err = {0};
    struct pl_gguf *g = NULL;
    struct pl_vocab *v = NULL;
    if (!path) {
        pl_test_skip("deepseek-llm", "the file is not on this machine");
        return;
    }
    ck_assert_int_eq(pl_gguf_open(path, &g, &err), 0);
    ck_assert_int_eq(pl_vocab_create(g, &v, &err), -PL_E_MODEL_UNSUPPORTED);
    ck_assert_ptr_nonnull(strstr(err.text, "deepseek-llm"));
    pl_gguf_close(&g);
}
END_TEST

static void check_golden(const char *model, const char *golden)
{
    char path[100];
    snprintf(path, sizeof path, "models/golden/%s", golden);
    struct pl_vocab *v = vocab_of(pl_test_shared(path) ? pl_test_model(model) : NULL, golden);
    if (!v) return;
    json_t *root = json_load_file(pl_test_shared(path), 0, NULL), *prompt, *id;
    size_t i, k;
    ck_assert_ptr_nonnull(root);
    json_array_foreach(json_object_get(root, "prompts"), i, prompt)
    {
        struct pl_ids l = {0};
        const char *text = json_string_value(json_object_get(prompt, "text"));
        ck_assert_int_eq(pl_vocab_encode(v, text, strlen(text), true, &l), 0);
        ck_assert_uint_eq(l.count, json_array_size(json_object_get(prompt, "ids")));
        json_array_foreach(json_object_get(prompt, "ids"), k, id)
            ck_assert_int_eq(l.ids[k], json_integer_value(id));
        pl_ids_finish(&l);
    }
    json_decref(root);
    pl_vocab_destroy(&v);
}

START_TEST(golden_prompts_give_their_ids)
{
    check_golden("smollm2", "smollm2.json");
    check_golden("coder", "coder.json");
}
END_TEST

static Suite *suite(void)
{
    Suite *s = suite_create("kernels/vocab");
    TCase *tc = tcase_create("vocab");
    suite_add_tcase(s, tc);
    tcase_set_timeout(tc, 300);
    PL_TEST(tc, ids_grow_and_finish);
    PL_TEST(tc, byte_vocabulary_gives_each_byte_its_value);
    PL_TEST(tc, earliest_merge_goes_first_and_leftmost_among_equals);
    PL_TEST(tc, merges_stay_inside_words);
    PL_TEST(tc, space_before_a_digit_follows_the_model);
    PL_TEST(tc, control_tokens_in_a_text_need_leave);
    PL_TEST(tc, longest_special_token_wins);
    PL_TEST(tc, bytes_that_are_no_text_are_encoded_one_by_one);
    PL_TEST(tc, byte_without_a_token_is_left_out);
    PL_TEST(tc, qwen2_composes_characters_first);
    PL_TEST(tc, heap_merges_as_the_definition_says);
    PL_TEST(tc, long_runs_are_encoded);
    PL_TEST(tc, unknown_tokenizers_are_refused_by_name);
    PL_TEST(tc, contradictions_are_refused);
    PL_TEST(tc, ends_of_an_answer_are_known);
    PL_TEST(tc, sentencepiece_merges_the_best_score_first);
    PL_TEST(tc, sentencepiece_begins_with_a_space_unless_told);
    PL_TEST(tc, sentencepiece_without_bytes_has_an_unknown_token);
    PL_TEST(tc, threads_share_a_vocabulary);
    PL_TEST(tc, vectors_of_the_reference_are_met);
    PL_TEST(tc, other_pre_tokenizer_of_a_real_file_is_refused);
    PL_TEST(tc, golden_prompts_give_their_ids);
    return s;
}

PL_TESTS(suite)
