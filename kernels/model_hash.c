/* model_hash.c - a model without weights: its logits are a hash of the ids so far.
 *
 * For the simulator and for tests. It is a pure function of the sequence (no KV, no state), over the 259 ids
 * of pl_vocab_create_bytes, and behaves as a chat model would: a greedy answer is a capital letter, then
 * small letters, digits, spaces or marks, 5 to 40 characters in all, then <|im_end|>. How far an answer has
 * come is read from the ids themselves: walking back from the end, each id must be the one that this model
 * would have chosen there, until the capital that began it. So the answer to a prompt is the same whether it
 * is generated in one go, resumed after a crash, or continued from a prompt that holds its beginning. An id
 * that the model would not have chosen (a warm sampler's) begins a new sentence; a warm answer ends by the
 * chance of <|im_end|>, which grows small but never goes away. */
#include "kernels/model.h"

#include <stdlib.h>
#include <string.h>

enum { N_BYTES = 256, ID_IM_START = 256, ID_IM_END = 257, N_VOCAB = 259, LEAST_LENGTH = 6, MOST_LENGTH = 40 };

struct pl_run {
    uint32_t n_pages;
};

static uint64_t mix(uint64_t z)
{
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ull;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBull;
    return z ^ (z >> 31);
}

static uint64_t extend(uint64_t hash, uint32_t id)
{
    return mix(hash + 0x9E3779B97F4A7C15ull * (id + 1ull));
}

static uint32_t first_letter(uint64_t hash)
{
    return 'A' + (uint32_t)(hash % 26);
}

/* No capitals here: a capital is where an answer begins. */
static uint32_t later_letter(uint64_t hash)
{
    static const char letters[] = "etaoinshrdlucmfwypvbgkqjxz etaoinshrdlu  ,.0123456789";
    return (uint32_t)(unsigned char)letters[hash % (sizeof letters - 1)];
}

/* At least 6, so that an answer still has 5 when the last capital of a bare prompt happens to be the right
 * beginning. */
static uint32_t answer_length(uint64_t hash)
{
    return LEAST_LENGTH + (uint32_t)((hash >> 32) % (MOST_LENGTH - LEAST_LENGTH + 1));
}

/* The choice after a sequence, built up id by id. */
struct state {
    uint64_t hash;   /* of all ids so far */
    uint32_t length; /* letters of the answer so far; 0: none has begun */
    uint32_t wanted; /* its final length */
};

static uint32_t choice(const struct state *s)
{
    if (s->length == 0) return first_letter(s->hash);
    return s->length < s->wanted ? later_letter(s->hash) : (uint32_t)ID_IM_END;
}

static void advance(struct state *s, uint32_t id)
{
    if (s->length > 0 && s->length < s->wanted && id == later_letter(s->hash)) {
        s->length++;
    } else if (id == first_letter(s->hash)) {
        s->length = 1;
        s->wanted = answer_length(s->hash);
    } else {
        s->length = 0;
    }
    s->hash = extend(s->hash, id);
}

/* LOGITS [V] after the first N ids: the choice has 8, <|im_end|> 4, text 0..4, the rest less than 0. */
static void fill_row(const uint32_t *ids, uint32_t n, float *logits)
{
    struct state s = {.hash = 0x50A51A6CEull};
    for (uint32_t i = 0; i < n; i++) advance(&s, ids[i]);
    uint64_t r = s.hash;
    for (uint32_t id = 0; id < N_VOCAB; id++) {
        r = mix(r + 0x9E3779B97F4A7C15ull);
        bool text = id >= ' ' && id <= '~';
        logits[id] = (float)(r >> 40) * 0x1p-22f - (text ? 0.0f : 16.0f);
    }
    logits[ID_IM_END] = 4.0f;
    logits[choice(&s)] = 8.0f;
}

static void hash_forward(struct pl_run *run, const struct pl_forward *f)
{
    const struct pl_batch *b = f->batch;
    for (uint32_t i = 0, seq = 0; i < f->n_out; i++) {
        while (f->out_rows[i] >= b->row[seq + 1]) seq++;
        fill_row(f->history[seq], b->pos[f->out_rows[i]] + 1, f->logits + (size_t)i * N_VOCAB);
    }
}

static int hash_create(const struct pl_model *m, const struct pl_engine_opts *o, struct pl_run **out,
                       struct pl_err *err)
{
    *out = calloc(1, sizeof **out);
    return *out ? 0 : pl_fail(err, PL_E_NO_MEMORY, "engine", "no memory for an engine");
}

static void hash_destroy(struct pl_run **run)
{
    free(*run);
    *run = NULL;
}

static uint32_t hash_threads(const struct pl_run *run)
{
    return 1;
}
static uint64_t hash_kv_bytes(const struct pl_run *run)
{
    return 0;
}
static float *hash_alloc(struct pl_run *run, uint64_t floats)
{
    return calloc(floats, sizeof(float));
}
static void hash_release(struct pl_run *run, float *p)
{
    free(p);
}
static void hash_copy_page(struct pl_run *run, uint32_t src, uint32_t dst) {}

const struct pl_model_kind pl__kind_hash = {
    .create = hash_create,
    .destroy = hash_destroy,
    .threads = hash_threads,
    .kv_bytes = hash_kv_bytes,
    .alloc = hash_alloc,
    .release = hash_release,
    .copy_page = hash_copy_page,
    .forward = hash_forward,
};

int pl_model_open_hash(struct pl_model **out, struct pl_err *err)
{
    struct pl_model *m = calloc(1, sizeof *m);
    if (!m) return pl_fail(err, PL_E_NO_MEMORY, "model", "no memory for a model");
    m->kind = &pl__kind_hash;
    m->info = (struct pl_model_info){.architecture = "hash",
                                     .name = "hash",
                                     .n_vocab = N_VOCAB,
                                     .n_ctx_train = 8192,
                                     .n_layers = 1,
                                     .n_embd = 1,
                                     .n_heads = 1,
                                     .n_kv_heads = 1,
                                     .head_dim = 1,
                                     .n_ff = 1};
    memset(m->info.digest, '0', sizeof m->info.digest - 1);
    *out = m;
    return 0;
}
