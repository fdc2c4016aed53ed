/* bpe.c - byte-level BPE, as GPT-2 introduced it.
 *
 * A text is cut into words; a word's bytes are its first symbols; pairs merge in the order of the file's list
 * of merges. The file writes bytes in an alphabet of 256 visible characters: those of Latin-1 that print
 * stand for themselves, the other 68 are U+0100 and up, in order. Owns the table of merges and the
 * pre-tokenizer; immutable; any thread. Refuses merges whose parts or result are no tokens, or whose result
 * is a control token: text would then make control tokens. A byte that has no token (some vocabularies lack
 * bytes that UTF-8 never uses) is left out. */
#include "kernels/vocab_internal.h"

#include <stdlib.h>
#include <string.h>
#include "kernels/gguf.h"
#include "kernels/merge.h"
#include "kernels/pretokenizer.h"
#include "kernels/utf8.h"

/* An open-addressed table at half load; a slot with RANK UINT32_MAX is free. */
struct merge {
    uint32_t left, right, rank, result;
};

struct pl__bpe {
    struct pl__pretokenizer *words; /* NULL: every byte is a token */
    uint32_t byte_ids[256];
    struct merge *merges;
    size_t mask;
};

#define LONGEST_RUN 1024
#define MERGES "tokenizer.ggml.merges"

static bool stands_for_itself(unsigned b)
{
    return (b >= 0x21 && b <= 0x7E) || (b >= 0xA1 && b <= 0xAC) || b >= 0xAE;
}

static uint32_t letter_code(unsigned char byte)
{
    if (stands_for_itself(byte)) return byte;
    uint32_t code = 0x100;
    for (unsigned b = 0; b < byte; b++) code += !stands_for_itself(b);
    return code;
}

size_t pl__bpe_letter(unsigned char byte, char out[2])
{
    uint32_t code = letter_code(byte);
    if (code < 0x80) {
        out[0] = (char)code;
        return 1;
    }
    out[0] = (char)(0xC0 | code >> 6);
    out[1] = (char)(0x80 | (code & 0x3F));
    return 2;
}

/* The byte that a character of the alphabet stands for; -1 for others. */
static int byte_of(uint32_t code)
{
    if (code < 0x100) return stands_for_itself(code) ? (int)code : -1;
    if (code < 0x100 + 33) return (int)(code - 0x100);        /* 00..20 */
    if (code < 0x100 + 67) return (int)(code - 0x121) + 0x7F; /* 7F..A0 */
    return code == 0x143 ? 0xAD : -1;
}

size_t pl__bpe_piece(const char *text, size_t len, char *out)
{
    size_t n = 0;
    for (size_t at = 0; at < len;) {
        uint32_t code;
        at += pl_utf8_next(text + at, len - at, &code);
        int byte = byte_of(code);
        if (byte < 0) {
            memcpy(out, text, len);
            return len;
        }
        out[n++] = (char)byte;
    }
    return n;
}

static struct merge *slot_of(const struct pl__bpe *b, uint32_t left, uint32_t right)
{
    size_t at = pl__hash_mix((uint64_t)left << 32 | right) & b->mask;
    for (unsigned run = 0; run < LONGEST_RUN; run++, at = (at + 1) & b->mask) {
        struct merge *m = &b->merges[at];
        if (m->rank == UINT32_MAX || (m->left == left && m->right == right)) return m;
    }
    return NULL;
}

/* State while the merges are read. */
struct reading {
    struct pl__bpe *b;
    const struct pl_vocab *v;
    char *joined; /* room for the longest token */
    struct pl_err *err;
};

static int bad_merge(const struct reading *r, uint64_t i, const char *why)
{
    return pl_fail(r->err, PL_E_CORRUPT, MERGES, "merge %llu of the tokenizer %s", (unsigned long long)i,
                   why);
}

static int read_merge(uint64_t i, const char *text, size_t len, void *arg)
{
    struct reading *r = arg;
    const struct pl__lookup *l = &r->v->by_text;
    const char *gap = len > 1 ? memchr(text + 1, ' ', len - 1) : NULL;
    if (!gap || len - 1 > r->v->longest) return bad_merge(r, i, "is not two tokens");
    size_t left_len = (size_t)(gap - text), right_len = len - left_len - 1;
    memcpy(r->joined, text, left_len);
    memcpy(r->joined + left_len, gap + 1, right_len);
    uint32_t left = pl__lookup_find(l, text, left_len), right = pl__lookup_find(l, gap + 1, right_len);
    uint32_t result = pl__lookup_find(l, r->joined, len - 1);
    if (left == PL__LOOKUP_NONE || right == PL__LOOKUP_NONE || result == PL__LOOKUP_NONE)
        return bad_merge(r, i, "is of tokens that are not in the vocabulary");
    if (r->v->types[result] == PL__TOKEN_CONTROL) return bad_merge(r, i, "makes a control token");
    struct merge *m = slot_of(r->b, left, right);
    if (!m) return bad_merge(r, i, "is one of many that are made to collide");
    if (m->rank == UINT32_MAX) *m = (struct merge){left, right, (uint32_t)i, result};
    return 0;
}

static int read_merges(struct pl__bpe *b, const struct pl_vocab *v, const struct pl_gguf *g,
                       struct pl_err *err)
{
    uint64_t count = pl_gguf_str_array_len(g, MERGES);
    if (count >= UINT32_MAX / 4)
        return pl_fail(err, PL_E_CORRUPT, MERGES, "the tokenizer has too many merges");
    size_t slots = 16;
    while (slots / 2 < count) slots *= 2;
    b->merges = malloc(slots * sizeof *b->merges);
    char *joined = malloc(v->longest + 1);
    int rc;
    if (!b->merges || !joined) {
        rc = pl_fail(err, PL_E_NO_MEMORY, MERGES, "no memory for the tokenizer's merges");
    } else {
        memset(b->merges, 0xFF, slots * sizeof *b->merges);
        b->mask = slots - 1;
        struct reading r = {b, v, joined, err};
        rc = pl_gguf_str_array_each(g, MERGES, read_merge, &r);
    }
    free(joined);
    return rc;
}

static int create_words(struct pl__bpe *b, const struct pl_gguf *g, struct pl_err *err)
{
    const char *pre = "gpt-2";
    size_t len = strlen(pre);
    pl_gguf_str(g, "tokenizer.ggml.pre", &pre, &len);
    return pl__pretokenizer_create(pre, len, &b->words, err);
}

int pl__bpe_create(const struct pl_vocab *v, const struct pl_gguf *g, struct pl__bpe **out,
                   struct pl_err *err)
{
    struct pl__bpe *b = calloc(1, sizeof *b);
    if (!b) return pl_fail(err, PL_E_NO_MEMORY, "tokenizer.ggml.model", "no memory for a tokenizer");
    for (unsigned i = 0; i < 256; i++) {
        char letter[2];
        size_t len = pl__bpe_letter((unsigned char)i, letter);
        b->byte_ids[i] = pl__lookup_find(&v->by_text, letter, len);
    }
    int rc = g ? create_words(b, g, err) : 0;
    if (!rc && g) rc = read_merges(b, v, g, err);
    if (rc)
        pl__bpe_destroy(&b);
    else
        *out = b;
    return rc;
}

void pl__bpe_destroy(struct pl__bpe **bp)
{
    struct pl__bpe *b = *bp;
    if (!b) return;
    pl__pretokenizer_destroy(&b->words);
    free(b->merges);
    free(b);
    *bp = NULL;
}

static bool may_merge(const void *ctx, const struct pl__symbol *x, const struct pl__symbol *y, uint32_t *rank,
                      uint32_t *id)
{
    const struct merge *m = slot_of(ctx, x->id, y->id);
    if (!m || m->rank == UINT32_MAX) return false;
    *rank = m->rank;
    *id = m->result;
    return true;
}

struct encoding {
    const struct pl__bpe *b;
    struct pl__merger merger;
    struct pl_ids *out;
};

static int encode_word(const char *word, size_t len, void *arg)
{
    struct encoding *e = arg;
    struct pl__merger *m = &e->merger;
    int rc = pl__merger_begin(m, len);
    for (size_t i = 0; i < len && !rc; i++) {
        uint32_t id = e->b->byte_ids[(unsigned char)word[i]];
        if (id != PL_NO_TOKEN) pl__merger_add(m, (uint32_t)i, 1, id);
    }
    if (rc || m->n_symbols == 0) return rc;
    pl__merger_run(m, may_merge, e->b);
    for (uint32_t at = 0; at != PL__NO_SYMBOL && !rc; at = m->symbols[at].next)
        rc = pl_ids_push(e->out, m->symbols[at].id);
    return rc;
}

static int encode_bytes(const struct pl__bpe *b, const char *text, size_t len, struct pl_ids *out)
{
    int rc = 0;
    for (size_t i = 0; i < len && !rc; i++) rc = pl_ids_push(out, b->byte_ids[(unsigned char)text[i]]);
    return rc;
}

int pl__bpe_encode(const struct pl__bpe *b, const char *text, size_t len, struct pl_ids *out)
{
    if (!b->words) return encode_bytes(b, text, len, out);
    struct encoding e = {b, {0}, out};
    int rc = pl__pretokenizer_each(b->words, text, len, encode_word, &e);
    pl__merger_finish(&e.merger);
    return rc;
}
