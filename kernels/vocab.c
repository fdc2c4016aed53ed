/* vocab.c - see vocab.h.
 *
 * A text is cut at the special tokens that are written in it (the longest one that begins at the leftmost
 * place wins); what lies between them goes to bpe.c or spm.c. All of a vocabulary is made at creation and
 * only read afterwards. */
#include "kernels/vocab_internal.h"

#include <stdlib.h>
#include <string.h>
#include "kernels/gguf.h"
#include "kernels/utf8.h"

#define TOKENS "tokenizer.ggml.tokens"
#define TYPES "tokenizer.ggml.token_type"
#define MODEL "tokenizer.ggml.model"
/* Symbols count bytes in 32 bits, and a space takes three of them. */
#define LONGEST_TEXT ((size_t)1 << 30)

int pl_ids_append(struct pl_ids *l, const uint32_t *ids, size_t count)
{
    if (count > l->capacity - l->count) {
        size_t capacity = (l->count + count) * 2 + 16;
        uint32_t *grown = realloc(l->ids, capacity * sizeof *grown);
        if (!grown) return -PL_E_NO_MEMORY;
        l->ids = grown;
        l->capacity = capacity;
    }
    if (count) memcpy(l->ids + l->count, ids, count * sizeof *ids);
    l->count += count;
    return 0;
}

int pl_ids_push(struct pl_ids *l, uint32_t id)
{
    return pl_ids_append(l, &id, 1);
}

void pl_ids_finish(struct pl_ids *l)
{
    free(l->ids);
    *l = (struct pl_ids){0};
}

static const char *string_of(const struct pl__strings *s, uint32_t i, size_t *len)
{
    *len = s->at[i + 1] - s->at[i];
    return s->bytes + s->at[i];
}

const char *pl__vocab_text(const struct pl_vocab *v, uint32_t id, size_t *len)
{
    return string_of(&v->texts, id, len);
}

static int no_memory(struct pl_err *err)
{
    return pl_fail(err, PL_E_NO_MEMORY, TOKENS, "no memory for the tokenizer's tokens");
}

static int make_strings(struct pl__strings *s, uint32_t n, size_t bytes)
{
    s->at = calloc((size_t)n + 1, sizeof *s->at);
    s->bytes = malloc(bytes + 1);
    return s->at && s->bytes ? 0 : -PL_E_NO_MEMORY;
}

static void free_strings(struct pl__strings *s)
{
    free(s->bytes);
    free(s->at);
}

/* The three arrays that every vocabulary has; TEXT_BYTES is the sum of its texts' lengths. */
static int make_room(struct pl_vocab *v, uint32_t n, size_t text_bytes, struct pl_err *err)
{
    v->n = n;
    v->types = malloc(n);
    v->ends = calloc(n, sizeof *v->ends);
    if (!v->types || !v->ends || make_strings(&v->texts, n, text_bytes) ||
        make_strings(&v->pieces, n, text_bytes) || pl__lookup_init(&v->by_text, n))
        return no_memory(err);
    return 0;
}

static int add_text(struct pl_vocab *v, uint32_t i, const char *text, size_t len, struct pl_err *err)
{
    char *to = v->texts.bytes + v->texts.at[i];
    memcpy(to, text, len);
    v->texts.at[i + 1] = v->texts.at[i] + len;
    if (len > v->longest) v->longest = len;
    if (len && pl__lookup_add(&v->by_text, to, len, i) == -PL_E_CORRUPT)
        return pl_fail(err, PL_E_CORRUPT, TOKENS, "the tokens are made to collide");
    return 0;
}

struct mark_len {
    uint8_t first;
    uint32_t len;
};

static int by_first_then_longest(const void *a, const void *b)
{
    const struct mark_len *x = a, *y = b;
    if (x->first != y->first) return x->first < y->first ? -1 : 1;
    return x->len > y->len ? -1 : x->len < y->len;
}

static bool is_mark(const struct pl_vocab *v, uint32_t id, bool controls)
{
    bool control = v->types[id] == PL__TOKEN_CONTROL || v->types[id] == PL__TOKEN_UNKNOWN;
    return v->texts.at[id + 1] > v->texts.at[id] && (v->types[id] == PL__TOKEN_USER || (controls && control));
}

/* Fills the table of lengths from LENS, which it sorts. */
static int index_lens(struct pl__marks *m, struct mark_len *lens, size_t count)
{
    qsort(lens, count, sizeof *lens, by_first_then_longest);
    m->lens = malloc((count + 1) * sizeof *m->lens);
    if (!m->lens) return -PL_E_NO_MEMORY;
    uint32_t used = 0;
    size_t i = 0;
    for (unsigned b = 0; b < 256; b++) {
        m->first[b] = used;
        for (; i < count && lens[i].first == b; i++)
            if (used == m->first[b] || m->lens[used - 1] != lens[i].len) m->lens[used++] = lens[i].len;
    }
    m->first[256] = used;
    return 0;
}

static int make_marks(struct pl_vocab *v, struct pl__marks *m, bool controls, struct pl_err *err)
{
    size_t count = 0, at = 0;
    for (uint32_t i = 0; i < v->n; i++) count += is_mark(v, i, controls);
    struct mark_len *lens = malloc((count + 1) * sizeof *lens);
    int rc = lens ? pl__lookup_init(&m->by_text, count) : -PL_E_NO_MEMORY;
    for (uint32_t i = 0; i < v->n && !rc; i++) {
        if (!is_mark(v, i, controls)) continue;
        size_t len;
        const char *text = pl__vocab_text(v, i, &len);
        lens[at++] = (struct mark_len){(uint8_t)text[0], (uint32_t)len};
        if (pl__lookup_add(&m->by_text, text, len, i) == -PL_E_CORRUPT) rc = -PL_E_CORRUPT;
    }
    if (!rc) rc = index_lens(m, lens, count);
    free(lens);
    if (rc == -PL_E_CORRUPT)
        return pl_fail(err, PL_E_CORRUPT, TOKENS, "the special tokens are made to collide");
    return rc ? no_memory(err) : 0;
}

static void free_marks(struct pl__marks *m)
{
    pl__lookup_finish(&m->by_text);
    free(m->lens);
}

/* The longest special token at TEXT (LEN > 0); PL_NO_TOKEN when none begins there. */
static uint32_t mark_at(const struct pl__marks *m, const char *text, size_t len, size_t *mark_bytes)
{
    unsigned b = (unsigned char)text[0];
    for (uint32_t i = m->first[b]; i < m->first[b + 1]; i++) {
        if (m->lens[i] > len) continue;
        uint32_t id = pl__lookup_find(&m->by_text, text, m->lens[i]);
        *mark_bytes = m->lens[i];
        if (id != PL__LOOKUP_NONE) return id;
    }
    return PL_NO_TOKEN;
}

struct reading {
    struct pl_vocab *v;
    size_t bytes;
    struct pl_err *err;
};

static int measure_token(uint64_t i, const char *text, size_t len, void *arg)
{
    ((struct reading *)arg)->bytes += len;
    return 0;
}

static int read_token(uint64_t i, const char *text, size_t len, void *arg)
{
    struct reading *r = arg;
    if (len > LONGEST_TEXT) return pl_fail(r->err, PL_E_CORRUPT, TOKENS, "token %u is too long", (unsigned)i);
    return add_text(r->v, (uint32_t)i, text, len, r->err);
}

static int read_types(struct pl_vocab *v, const struct pl_gguf *g, struct pl_err *err)
{
    uint64_t count = pl_gguf_num_array_len(g, TYPES);
    memset(v->types, PL__TOKEN_NORMAL, v->n);
    if (count == 0) return 0;
    if (count != v->n)
        return pl_fail(err, PL_E_CORRUPT, TYPES, "the tokenizer has %u tokens but another number of types",
                       v->n);
    for (uint32_t i = 0; i < v->n; i++) {
        double type = 0;
        if (!pl_gguf_num_array_at(g, TYPES, i, &type) || !(type >= 0 && type <= 255))
            return pl_fail(err, PL_E_CORRUPT, TYPES, "the type of token %u is no type", i);
        v->types[i] = (uint8_t)type;
    }
    return 0;
}

static int read_tokens(struct pl_vocab *v, const struct pl_gguf *g, struct pl_err *err)
{
    uint64_t n = pl_gguf_str_array_len(g, TOKENS);
    if (n == 0 || n >= UINT32_MAX / 4)
        return pl_fail(err, PL_E_MODEL_UNSUPPORTED, TOKENS, "the model file has no list of tokens");
    struct reading r = {v, 0, err};
    pl_gguf_str_array_each(g, TOKENS, measure_token, &r);
    int rc = make_room(v, (uint32_t)n, r.bytes, err);
    if (!rc) rc = pl_gguf_str_array_each(g, TOKENS, read_token, &r);
    if (!rc) rc = read_types(v, g, err);
    return rc;
}

static int read_id(const struct pl_vocab *v, const struct pl_gguf *g, const char *key, uint32_t *out,
                   struct pl_err *err)
{
    uint64_t id;
    *out = PL_NO_TOKEN;
    if (!pl_gguf_u64(g, key, &id)) return 0;
    if (id >= v->n)
        return pl_fail(err, PL_E_CORRUPT, key, "%s is %llu, but there are only %u tokens", key,
                       (unsigned long long)id, v->n);
    *out = (uint32_t)id;
    return 0;
}

/* Special tokens that end an answer whatever the file's eos is: chat models stop at the end of a turn or of a
 * text. */
static void find_ends(struct pl_vocab *v, uint32_t eot)
{
    static const char *const names[] = {"<|im_end|>", "<|endoftext|>"};
    if (v->eos != PL_NO_TOKEN) v->ends[v->eos] = true;
    if (eot != PL_NO_TOKEN) v->ends[eot] = true;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        uint32_t id = pl__lookup_find(&v->special.by_text, names[i], strlen(names[i]));
        if (id != PL__LOOKUP_NONE) v->ends[id] = true;
    }
}

static int read_ids(struct pl_vocab *v, const struct pl_gguf *g, struct pl_err *err)
{
    uint32_t eot;
    int rc = read_id(v, g, "tokenizer.ggml.bos_token_id", &v->bos, err);
    if (!rc) rc = read_id(v, g, "tokenizer.ggml.eos_token_id", &v->eos, err);
    if (!rc) rc = read_id(v, g, "tokenizer.ggml.unknown_token_id", &v->unknown, err);
    if (!rc) rc = read_id(v, g, "tokenizer.ggml.eot_token_id", &eot, err);
    if (!rc) find_ends(v, eot);
    return rc;
}

/* What a token adds to a text; never longer than its text. */
static size_t make_piece(const struct pl_vocab *v, uint32_t id, char *out)
{
    size_t len;
    const char *text = pl__vocab_text(v, id, &len);
    int byte = v->spm && v->types[id] == PL__TOKEN_BYTE ? pl__spm_byte(text, len) : -1;
    if (byte >= 0) {
        out[0] = (char)byte;
        return 1;
    }
    if (v->types[id] != PL__TOKEN_NORMAL && v->types[id] != PL__TOKEN_UNUSED && !v->spm) {
        memcpy(out, text, len);
        return len;
    }
    return v->spm ? pl__spm_piece(text, len, out) : pl__bpe_piece(text, len, out);
}

static void make_pieces(struct pl_vocab *v)
{
    for (uint32_t i = 0; i < v->n; i++)
        v->pieces.at[i + 1] = v->pieces.at[i] + make_piece(v, i, v->pieces.bytes + v->pieces.at[i]);
}

static int make_model(struct pl_vocab *v, const struct pl_gguf *g, struct pl_err *err)
{
    const char *model;
    size_t len;
    char shown[64] = {0};
    if (!pl_gguf_str(g, MODEL, &model, &len))
        return pl_fail(err, PL_E_MODEL_UNSUPPORTED, MODEL, "the model file has no tokenizer");
    if (len == 4 && memcmp(model, "gpt2", 4) == 0) return pl__bpe_create(v, g, &v->bpe, err);
    if (len == 5 && memcmp(model, "llama", 5) == 0) return pl__spm_create(v, g, &v->spm, err);
    pl_utf8_sanitize(shown, sizeof shown - 1, model, len < 64 ? len : 64);
    return pl_fail(err, PL_E_MODEL_UNSUPPORTED, MODEL,
                   "the tokenizer is of the kind \"%s\"; \"gpt2\" and \"llama\" can be read", shown);
}

static int fill(struct pl_vocab *v, const struct pl_gguf *g, struct pl_err *err)
{
    int rc = read_tokens(v, g, err);
    if (!rc) rc = make_marks(v, &v->user, false, err);
    if (!rc) rc = make_marks(v, &v->special, true, err);
    if (!rc) rc = read_ids(v, g, err);
    if (!rc) rc = make_model(v, g, err);
    if (!rc) make_pieces(v);
    return rc;
}

int pl_vocab_create(const struct pl_gguf *g, struct pl_vocab **out, struct pl_err *err)
{
    struct pl_vocab *v = calloc(1, sizeof *v);
    if (!v) return no_memory(err);
    int rc = fill(v, g, err);
    if (rc)
        pl_vocab_destroy(&v);
    else
        *out = v;
    return rc;
}

static int fill_bytes(struct pl_vocab *v, struct pl_err *err)
{
    static const char *const controls[] = {"<|im_start|>", "<|im_end|>", "<|endoftext|>"};
    int rc = make_room(v, 259, 256 * 2 + 64, err);
    if (rc) return rc;
    memset(v->types, PL__TOKEN_NORMAL, 256);
    memset(v->types + 256, PL__TOKEN_CONTROL, 3);
    for (uint32_t i = 0; i < 256 && !rc; i++) {
        char letter[2];
        rc = add_text(v, i, letter, pl__bpe_letter((unsigned char)i, letter), err);
    }
    for (uint32_t i = 0; i < 3 && !rc; i++) rc = add_text(v, 256 + i, controls[i], strlen(controls[i]), err);
    if (!rc) rc = make_marks(v, &v->user, false, err);
    if (!rc) rc = make_marks(v, &v->special, true, err);
    if (!rc) rc = pl__bpe_create(v, NULL, &v->bpe, err);
    if (rc) return rc;
    v->bos = v->unknown = PL_NO_TOKEN;
    v->eos = 257;
    find_ends(v, PL_NO_TOKEN);
    make_pieces(v);
    return 0;
}

int pl_vocab_create_bytes(struct pl_vocab **out, struct pl_err *err)
{
    struct pl_vocab *v = calloc(1, sizeof *v);
    if (!v) return no_memory(err);
    int rc = fill_bytes(v, err);
    if (rc)
        pl_vocab_destroy(&v);
    else
        *out = v;
    return rc;
}

void pl_vocab_destroy(struct pl_vocab **vp)
{
    struct pl_vocab *v = *vp;
    if (!v) return;
    pl__bpe_destroy(&v->bpe);
    pl__spm_destroy(&v->spm);
    free_marks(&v->user);
    free_marks(&v->special);
    pl__lookup_finish(&v->by_text);
    free_strings(&v->texts);
    free_strings(&v->pieces);
    free(v->types);
    free(v->ends);
    free(v);
    *vp = NULL;
}

uint32_t pl_vocab_size(const struct pl_vocab *v)
{
    return v->n;
}
uint32_t pl_vocab_bos(const struct pl_vocab *v)
{
    return v->bos;
}
uint32_t pl_vocab_eos(const struct pl_vocab *v)
{
    return v->eos;
}
bool pl_vocab_is_end(const struct pl_vocab *v, uint32_t id)
{
    return id < v->n && v->ends[id];
}

bool pl_vocab_is_control(const struct pl_vocab *v, uint32_t id)
{
    return id < v->n && (v->types[id] == PL__TOKEN_CONTROL || v->types[id] == PL__TOKEN_UNKNOWN);
}

uint32_t pl_vocab_find(const struct pl_vocab *v, const char *text, size_t len)
{
    return pl__lookup_find(&v->by_text, text, len);
}

const char *pl_vocab_piece(const struct pl_vocab *v, uint32_t id, bool render_control, size_t *len)
{
    *len = 0;
    if (id >= v->n || (!render_control && pl_vocab_is_control(v, id))) return "";
    return string_of(&v->pieces, id, len);
}

/* Text without special tokens. */
static int encode_plain(const struct pl_vocab *v, const char *text, size_t len, struct pl_ids *out)
{
    if (len == 0) return 0;
    return v->spm ? pl__spm_encode(v->spm, text, len, out) : pl__bpe_encode(v->bpe, text, len, out);
}

static int encode_parts(const struct pl_vocab *v, const struct pl__marks *marks, const char *text, size_t len,
                        struct pl_ids *out)
{
    size_t begin = 0, at = 0;
    while (at < len) {
        size_t bytes;
        uint32_t id = mark_at(marks, text + at, len - at, &bytes);
        if (id == PL_NO_TOKEN) {
            at++;
            continue;
        }
        int rc = encode_plain(v, text + begin, at - begin, out);
        if (!rc) rc = pl_ids_push(out, id);
        if (rc) return rc;
        begin = at += bytes;
    }
    return encode_plain(v, text + begin, len - begin, out);
}

int pl_vocab_encode(const struct pl_vocab *v, const char *text, size_t len, bool parse_special,
                    struct pl_ids *out)
{
    size_t before = out->count;
    if (len == 0) return 0; /* TEXT may be NULL */
    if (len > LONGEST_TEXT) return -PL_E_NO_MEMORY;
    int rc = encode_parts(v, parse_special ? &v->special : &v->user, text, len, out);
    if (rc) out->count = before;
    return rc;
}
