/* Bytes that begin like a model file: its tokenizer, and its last bytes as a text for it. Any other bytes: a
 * text for small vocabularies of each kind, which must come back from its ids where nothing is normalised. */
#include <string.h>
#include "kernels/gguf.h"
#include "kernels/vocab.h"
#include "tests/unit/kernels/gguf_bytes.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void encode_both(const struct pl_vocab *v, const char *text, size_t len, bool comes_back)
{
    for (int special = 0; special < 2; special++) {
        struct pl_ids ids = {0};
        size_t at = 0;
        PL_MUST(pl_vocab_encode(v, text, len, special, &ids) == 0);
        for (size_t i = 0; i < ids.count; i++) {
            size_t n;
            const char *piece = pl_vocab_piece(v, ids.ids[i], true, &n);
            PL_MUST(ids.ids[i] < pl_vocab_size(v));
            PL_MUST(special || !pl_vocab_is_control(v, ids.ids[i]) || !comes_back);
            if (comes_back) PL_MUST(at + n <= len && memcmp(text + at, piece, n) == 0);
            at += n;
        }
        PL_MUST(!comes_back || at == len);
        pl_ids_finish(&ids);
    }
}

static void add_letters(struct gb *b)
{
    unsigned other = 0x100;
    for (unsigned i = 0; i < 256; i++) {
        unsigned code = (i > 0x20 && i < 0x7F) || (i > 0xA0 && i != 0xAD) ? i : other++;
        char text[2] = {(char)(0xC0 | code >> 6), (char)(0x80 | (code & 63))};
        if (code < 0x80) text[0] = (char)code;
        gb_text(b, text, code < 0x80 ? 1 : 2);
    }
}

static struct pl_vocab *small_vocab(const char *pre)
{
    static const char *const merges[] = {"a b", "ab ab", "\xC4\xA0 \xC4\xA0", "b a", "\xC3\x83 \xC2\xA9"};
    static const char *const extra[] = {"ab",   "abab", "\xC4\xA0\xC4\xA0", "ba", "\xC3\x83\xC2\xA9", "<x>",
                                        "<xy>", "<u>"};
    struct gb b;
    struct pl_gguf *g = NULL;
    struct pl_vocab *v = NULL;
    int32_t types[264];
    for (int i = 0; i < 264; i++) types[i] = i < 261 ? 1 : i < 263 ? 3 : 4;
    gb_begin(&b);
    gb_key_str(&b, "tokenizer.ggml.model", "gpt2");
    gb_key_str(&b, "tokenizer.ggml.pre", pre);
    gb_array(&b, "tokenizer.ggml.tokens", GB_STRING, 264);
    add_letters(&b);
    for (int i = 0; i < 8; i++) gb_str(&b, extra[i]);
    gb_strs(&b, "tokenizer.ggml.merges", merges, 5);
    gb_i32s(&b, "tokenizer.ggml.token_type", types, 264);
    PL_MUST(pl_gguf_open_memory(b.p, b.n, &g, NULL) == 0);
    PL_MUST(pl_vocab_create(g, &v, NULL) == 0);
    pl_gguf_close(&g);
    gb_finish(&b);
    return v;
}

static void try_text(const char *text, size_t len)
{
    static const char *const pres[] = {"gpt-2", "smollm", "qwen2"};
    static struct pl_vocab *small[3], *bytes; /* made once, alive to the end */
    if (!bytes) PL_MUST(pl_vocab_create_bytes(&bytes, NULL) == 0);
    encode_both(bytes, text, len, true);
    for (int i = 0; i < 3; i++) {
        if (!small[i]) small[i] = small_vocab(pres[i]);
        encode_both(small[i], text, len, i < 2);
    }
}

static void try_file(const uint8_t *data, size_t size)
{
    struct pl_gguf *g = NULL;
    struct pl_vocab *v = NULL;
    struct pl_err err = {0};
    size_t len = size < 64 ? size : 64;
    if (pl_gguf_open_memory(data, size, &g, &err)) return;
    if (pl_vocab_create(g, &v, &err) == 0)
        encode_both(v, (const char *)data + size - len, len, false);
    else
        PL_MUST(!v && err.code && err.text[0]);
    pl_vocab_destroy(&v);
    pl_gguf_close(&g);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size >= 4 && memcmp(data, "GGUF", 4) == 0)
        try_file(data, size);
    else
        try_text((const char *)data, size);
    return 0;
}
