/* spm.c - SentencePiece BPE (tokenizer.ggml.model = "llama").
 *
 * A space is written U+2581; the characters of the whole text are its first symbols; of all neighbours whose
 * texts together are a token, the ones with the highest score merge first. A character that is no token
 * becomes byte tokens
 * "<0x41>", or the unknown token where there are none. Owns scores and an index of the tokens that may be
 * merged: control, unknown and byte tokens are not among them, so that no text can spell them. Immutable; any
 * thread. */
#include "kernels/vocab_internal.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "kernels/gguf.h"
#include "kernels/merge.h"
#include "kernels/utf8.h"

#define SCORES "tokenizer.ggml.scores"
#define SPACE_MARK "\xE2\x96\x81"

struct pl__spm {
    struct pl__lookup mergeable; /* keys lie in the vocabulary's texts */
    uint32_t *ranks;             /* by token: the higher the score, the smaller */
    uint32_t byte_ids[256], unknown;
    size_t longest;
    bool space_prefix;
};

/* Maps a float to a number that grows as the float falls. */
static uint32_t rank_of(float score)
{
    uint32_t bits;
    score += 0.0f; /* -0 and 0 are the same score */
    memcpy(&bits, &score, 4);
    uint32_t rising = bits & 0x80000000u ? ~bits : bits | 0x80000000u;
    return ~rising;
}

int pl__spm_byte(const char *text, size_t len)
{
    static const char digits[] = "0123456789ABCDEF";
    if (len != 6 || memcmp(text, "<0x", 3) != 0 || text[5] != '>') return -1;
    const char *high = memchr(digits, text[3], 16), *low = memchr(digits, text[4], 16);
    return high && low ? (int)((high - digits) * 16 + (low - digits)) : -1;
}

size_t pl__spm_piece(const char *text, size_t len, char *out)
{
    size_t n = 0;
    for (size_t at = 0; at < len;) {
        bool space = len - at >= 3 && memcmp(text + at, SPACE_MARK, 3) == 0;
        out[n++] = space ? ' ' : text[at];
        at += space ? 3 : 1;
    }
    return n;
}

static int read_scores(struct pl__spm *s, const struct pl_vocab *v, const struct pl_gguf *g,
                       struct pl_err *err)
{
    if (pl_gguf_num_array_len(g, SCORES) != v->n)
        return pl_fail(err, PL_E_CORRUPT, SCORES, "the tokenizer has %u tokens but another number of scores",
                       v->n);
    for (uint32_t i = 0; i < v->n; i++) {
        double score;
        if (!pl_gguf_num_array_at(g, SCORES, i, &score) || !isfinite(score))
            return pl_fail(err, PL_E_CORRUPT, SCORES, "the score of token %u is not a finite number", i);
        s->ranks[i] = rank_of((float)score);
    }
    return 0;
}

static int index_tokens(struct pl__spm *s, const struct pl_vocab *v, struct pl_err *err)
{
    for (uint32_t i = 0; i < v->n; i++) {
        size_t len;
        const char *text = pl__vocab_text(v, i, &len);
        int byte = v->types[i] == PL__TOKEN_BYTE ? pl__spm_byte(text, len) : -1;
        if (byte >= 0 && s->byte_ids[byte] == PL_NO_TOKEN) s->byte_ids[byte] = i;
        if (len == 0 || (v->types[i] != PL__TOKEN_NORMAL && v->types[i] != PL__TOKEN_USER)) continue;
        if (pl__lookup_add(&s->mergeable, text, len, i) == -PL_E_CORRUPT)
            return pl_fail(err, PL_E_CORRUPT, "tokenizer.ggml.tokens", "the tokens are made to collide");
    }
    return 0;
}

int pl__spm_create(const struct pl_vocab *v, const struct pl_gguf *g, struct pl__spm **out,
                   struct pl_err *err)
{
    struct pl__spm *s = calloc(1, sizeof *s);
    int rc;
    if (!s || !(s->ranks = malloc(v->n * sizeof *s->ranks)) || pl__lookup_init(&s->mergeable, v->n)) {
        pl__spm_destroy(&s);
        return pl_fail(err, PL_E_NO_MEMORY, "tokenizer.ggml.model", "no memory for a tokenizer");
    }
    for (unsigned i = 0; i < 256; i++) s->byte_ids[i] = PL_NO_TOKEN;
    s->unknown = v->unknown;
    s->longest = v->longest;
    s->space_prefix = true; /* what SentencePiece does unless told otherwise */
    pl_gguf_bool(g, "tokenizer.ggml.add_space_prefix", &s->space_prefix);
    rc = read_scores(s, v, g, err);
    if (!rc) rc = index_tokens(s, v, err);
    if (rc)
        pl__spm_destroy(&s);
    else
        *out = s;
    return rc;
}

void pl__spm_destroy(struct pl__spm **sp)
{
    struct pl__spm *s = *sp;
    if (!s) return;
    pl__lookup_finish(&s->mergeable);
    free(s->ranks);
    free(s);
    *sp = NULL;
}

/* The call's text with its spaces marked. */
struct marked {
    const struct pl__spm *s;
    char *text;
    size_t len;
};

static bool may_merge(const void *ctx, const struct pl__symbol *a, const struct pl__symbol *b, uint32_t *rank,
                      uint32_t *id)
{
    const struct marked *m = ctx;
    size_t len = (size_t)a->len + b->len;
    if (len > m->s->longest) return false;
    *id = pl__lookup_find(&m->s->mergeable, m->text + a->start, len);
    if (*id == PL__LOOKUP_NONE) return false;
    *rank = m->s->ranks[*id];
    return true;
}

static int mark_spaces(struct marked *m, const char *text, size_t len, bool prefix)
{
    m->text = malloc(3 * (len + 1));
    if (!m->text) return -PL_E_NO_MEMORY;
    if (prefix) m->len = (size_t)(stpcpy(m->text, SPACE_MARK) - m->text);
    for (size_t i = 0; i < len; i++) {
        if (text[i] == ' ')
            memcpy(m->text + m->len, SPACE_MARK, 3);
        else
            m->text[m->len] = text[i];
        m->len += text[i] == ' ' ? 3 : 1;
    }
    return 0;
}

/* One symbol a character; bytes that are no UTF-8 one by one. */
static int add_characters(struct pl__merger *merger, const struct marked *m)
{
    int rc = pl__merger_begin(merger, m->len);
    if (rc) return rc;
    for (size_t at = 0; at < m->len;) {
        uint32_t code;
        size_t n = pl_utf8_next(m->text + at, m->len - at, &code);
        if (code == UINT32_MAX) n = 1;
        uint32_t id = pl__lookup_find(&m->s->mergeable, m->text + at, n);
        pl__merger_add(merger, (uint32_t)at, (uint32_t)n, id);
        at += n;
    }
    return 0;
}

static int push_symbol(const struct marked *m, const struct pl__symbol *y, struct pl_ids *out)
{
    if (y->id != PL__LOOKUP_NONE) return pl_ids_push(out, y->id);
    int rc = 0;
    for (uint32_t i = 0; i < y->len && !rc; i++) {
        uint32_t id = m->s->byte_ids[(unsigned char)m->text[y->start + i]];
        if (id == PL_NO_TOKEN) return m->s->unknown == PL_NO_TOKEN ? 0 : pl_ids_push(out, m->s->unknown);
        rc = pl_ids_push(out, id);
    }
    return rc;
}

int pl__spm_encode(const struct pl__spm *s, const char *text, size_t len, struct pl_ids *out)
{
    struct marked m = {.s = s};
    struct pl__merger merger = {0};
    int rc = mark_spaces(&m, text, len, s->space_prefix);
    if (!rc) rc = add_characters(&merger, &m);
    if (!rc) pl__merger_run(&merger, may_merge, &m);
    for (uint32_t at = 0; at != PL__NO_SYMBOL && !rc; at = merger.symbols[at].next)
        rc = push_symbol(&m, &merger.symbols[at], out);
    pl__merger_finish(&merger);
    free(m.text);
    return rc;
}
