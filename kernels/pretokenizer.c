/* pretokenizer.c - see pretokenizer.h.
 *
 * Each pattern matches at least one character at every place of a text, so that the words cover all of it.
 * White space is spelled out (Unicode's White_Space), because PCRE2's \s has one character more. Repetitions
 * that need no second thought are possessive: nothing is remembered for each character of a long run. */
#define PCRE2_CODE_UNIT_WIDTH 8
#include "kernels/pretokenizer.h"

#include <pcre2.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <utf8proc.h>
#include "kernels/text.h"
#include "kernels/utf8.h"

#define SPACE "\\x09-\\x0d\\x{85}\\p{Z}"
#define CONTRACTIONS "'s|'t|'re|'ve|'m|'ll|'d"

static const char gpt2_pattern[] = CONTRACTIONS "| ?\\p{L}++| ?\\p{N}++| ?[^" SPACE "\\p{L}\\p{N}]++"
                                                "|[" SPACE "]+(?![^" SPACE "])|[" SPACE "]++";

/* The original splits at digits first and then applies GPT-2's pattern to each part. In one pattern: a digit
 * is a word, and white space before a digit is at the end of its part, so that it keeps its last space. */
static const char smollm_pattern[] = "\\p{N}|" CONTRACTIONS "| ?\\p{L}++| ?[^" SPACE "\\p{L}\\p{N}]++"
                                     "|[" SPACE "]+(?![^" SPACE "\\p{N}])|[" SPACE "]++";

static const char qwen2_pattern[] = "(?i:" CONTRACTIONS ")|[^\\r\\n\\p{L}\\p{N}]?\\p{L}++|\\p{N}"
                                    "| ?[^" SPACE "\\p{L}\\p{N}]++[\\r\\n]*+|[" SPACE "]*[\\r\\n]++"
                                    "|[" SPACE "]+(?![^" SPACE "])|[" SPACE "]++";

/* Texts are brought to normal form C first where the model's own tokenizer does that. */
static const struct form {
    const char *name, *pattern;
    bool nfc;
} forms[] = {
    {"gpt-2", gpt2_pattern, false},
    {"default", gpt2_pattern, false},
    {"smollm", smollm_pattern, false},
    {"qwen2", qwen2_pattern, true},
};

struct pl__pretokenizer {
    pcre2_code *code;
    pcre2_match_context *limits;
    bool nfc;
};

static const struct form *form_of(const char *name, size_t len)
{
    for (size_t i = 0; i < sizeof forms / sizeof forms[0]; i++)
        if (strlen(forms[i].name) == len && memcmp(forms[i].name, name, len) == 0) return &forms[i];
    return NULL;
}

static int compile(struct pl__pretokenizer *p, const char *pattern)
{
    int code;
    PCRE2_SIZE at;
    p->code = pcre2_compile((PCRE2_SPTR)pattern, PCRE2_ZERO_TERMINATED,
                            PCRE2_UTF | PCRE2_UCP | PCRE2_ANCHORED, &code, &at, NULL);
    p->limits = pcre2_match_context_create(NULL);
    if (!p->code || !p->limits) return -PL_E_NO_MEMORY;
    /* The patterns are linear; limits would only refuse long texts. */
    pcre2_set_match_limit(p->limits, UINT32_MAX);
    pcre2_set_heap_limit(p->limits, UINT32_MAX);
    pcre2_jit_compile(p->code, PCRE2_JIT_COMPLETE); /* without it the interpreter does the work */
    return 0;
}

int pl__pretokenizer_create(const char *name, size_t len, struct pl__pretokenizer **out, struct pl_err *err)
{
    const struct form *f = form_of(name, len);
    char shown[64] = {0};
    if (!f) {
        pl_utf8_sanitize(shown, sizeof shown - 1, name, len < 64 ? len : 64);
        return pl_fail(err, PL_E_MODEL_UNSUPPORTED, "tokenizer.ggml.pre",
                       "the tokenizer cuts words in the manner \"%s\", which this program does not know",
                       shown);
    }
    struct pl__pretokenizer *p = calloc(1, sizeof *p);
    if (!p || compile(p, f->pattern)) {
        pl__pretokenizer_destroy(&p);
        return pl_fail(err, PL_E_NO_MEMORY, "tokenizer.ggml.pre", "no memory for the tokenizer's pattern");
    }
    p->nfc = f->nfc;
    *out = p;
    return 0;
}

void pl__pretokenizer_destroy(struct pl__pretokenizer **pp)
{
    struct pl__pretokenizer *p = *pp;
    if (!p) return;
    pcre2_code_free(p->code);
    pcre2_match_context_free(p->limits);
    free(p);
    *pp = NULL;
}

/* One call's state. */
struct split {
    const struct pl__pretokenizer *p;
    pcre2_match_data *match;
    int (*fn)(const char *word, size_t len, void *arg);
    void *arg;
};

/* End of the word that begins at AT; 0 when PCRE2 gave up. */
static size_t word_end(const struct split *s, const char *text, size_t len, size_t at)
{
    int n = pcre2_match(s->p->code, (PCRE2_SPTR)text, len, at, PCRE2_NO_UTF_CHECK, s->match, s->p->limits);
    if (n == PCRE2_ERROR_JIT_STACKLIMIT)
        n = pcre2_match(s->p->code, (PCRE2_SPTR)text, len, at, PCRE2_NO_UTF_CHECK | PCRE2_NO_JIT, s->match,
                        s->p->limits);
    if (n < 0) return 0;
    size_t end = pcre2_get_ovector_pointer(s->match)[1];
    return end > at ? end : 0;
}

/* Words of valid UTF-8. */
static int split_words(const struct split *s, const char *text, size_t len)
{
    for (size_t at = 0; at < len;) {
        size_t end = word_end(s, text, len, at);
        if (end == 0) return -PL_E_INTERNAL;
        int rc = s->fn(text + at, end - at, s->arg);
        if (rc) return rc;
        at = end;
    }
    return 0;
}

/* Characters below this one are their own normal form and never compose with what stands before them. */
#define FIRST_COMBINING 0x300
/* Putting marks into order takes the square of a run's length; no script comes near this many on one letter.
 */
#define LONGEST_MARKS 64

/* What normalisation has to know of the piece from AT: ASCII characters, then others up to the next ASCII
 * one. Nothing composes across such a border. */
struct piece {
    size_t end;
    bool plain; /* nothing to do, or so many marks that it stays as it is */
};

static struct piece piece_at(const char *text, size_t len, size_t at)
{
    struct piece p = {at, true};
    unsigned marks = 0, most = 0;
    bool foreign = false;
    while (p.end < len) {
        uint32_t code;
        size_t n = pl_utf8_next(text + p.end, len - p.end, &code);
        if (code < 0x80 && foreign) break;
        if (code >= 0x80) foreign = true;
        if (code >= FIRST_COMBINING) {
            p.plain = false;
            marks = utf8proc_get_property((utf8proc_int32_t)code)->combining_class ? marks + 1 : 0;
            if (marks > most) most = marks;
        } else {
            marks = 0;
        }
        p.end += n;
    }
    if (most > LONGEST_MARKS) p.plain = true;
    return p;
}

static int normalise(struct pl__text *out, const char *text, size_t len)
{
    for (size_t at = 0; at < len;) {
        struct piece p = piece_at(text, len, at);
        utf8proc_uint8_t *form = NULL;
        utf8proc_ssize_t n = 0;
        if (!p.plain)
            n = utf8proc_map((const utf8proc_uint8_t *)text + at, (utf8proc_ssize_t)(p.end - at), &form,
                             UTF8PROC_STABLE | UTF8PROC_COMPOSE);
        int rc =
            n < 0 ? -PL_E_NO_MEMORY
                  : pl__text_add(out, form ? (const char *)form : text + at, form ? (size_t)n : p.end - at);
        free(form);
        if (rc) return rc;
        at = p.end;
    }
    return 0;
}

/* A run of valid UTF-8, brought to normal form when the model wants that. WIDE: it has characters that may
 * need it. */
static int split_run(const struct split *s, const char *text, size_t len, bool wide)
{
    if (!s->p->nfc || !wide) return split_words(s, text, len);
    struct pl__text form = {0};
    int rc = normalise(&form, text, len);
    if (!rc) rc = split_words(s, form.bytes, form.len);
    pl__text_finish(&form);
    return rc;
}

static int split_bytes(const struct split *s, const char *bytes, size_t len)
{
    int rc = 0;
    for (size_t i = 0; i < len && !rc; i++) rc = s->fn(bytes + i, 1, s->arg);
    return rc;
}

static int split_all(const struct split *s, const char *text, size_t len)
{
    size_t at = 0;
    while (at < len) {
        size_t end = at, bad = 0;
        bool wide = false;
        while (end < len) {
            uint32_t code;
            size_t n = pl_utf8_next(text + end, len - end, &code);
            if (code == UINT32_MAX) {
                bad = n;
                break;
            }
            wide |= code >= FIRST_COMBINING;
            end += n;
        }
        int rc = split_run(s, text + at, end - at, wide);
        if (!rc) rc = split_bytes(s, text + end, bad);
        if (rc) return rc;
        at = end + bad;
    }
    return 0;
}

int pl__pretokenizer_each(const struct pl__pretokenizer *p, const char *text, size_t len,
                          int (*fn)(const char *word, size_t len, void *arg), void *arg)
{
    struct split s = {p, pcre2_match_data_create(1, NULL), fn, arg};
    if (!s.match) return -PL_E_NO_MEMORY;
    int rc = split_all(&s, text, len);
    pcre2_match_data_free(s.match);
    return rc;
}
