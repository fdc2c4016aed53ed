/* vocab_internal.h - what the two kinds of tokenizer share with vocab.c. Only files of kernels/ that make a
 * vocabulary include it. */
#ifndef PL_KERNELS_VOCAB_INTERNAL_H
#define PL_KERNELS_VOCAB_INTERNAL_H

#include "kernels/lookup.h"
#include "kernels/vocab.h"

/* tokenizer.ggml.token_type's numbers. */
enum pl__token_type {
    PL__TOKEN_NORMAL = 1,
    PL__TOKEN_UNKNOWN,
    PL__TOKEN_CONTROL,
    PL__TOKEN_USER,
    PL__TOKEN_UNUSED,
    PL__TOKEN_BYTE,
};

/* N byte strings behind each other: string I is bytes[at[I]] to bytes[at[I + 1]]. */
struct pl__strings {
    char *bytes;
    size_t *at;
};

/* Tokens that are recognised in a text as they are written: longest first at each place. */
struct pl__marks {
    struct pl__lookup by_text;
    uint32_t *lens;      /* different lengths, by first byte, longest first */
    uint32_t first[257]; /* lengths of marks that begin with byte B: lens[first[B]] to lens[first[B + 1]] */
};

struct pl__bpe;
struct pl__spm;

struct pl_vocab {
    uint32_t n, bos, eos, unknown;
    size_t longest;            /* bytes of the longest token */
    struct pl__strings texts;  /* as the file writes them */
    struct pl__strings pieces; /* as they are shown */
    uint8_t *types;
    bool *ends;
    struct pl__lookup by_text; /* of two tokens with one text, the first */
    struct pl__marks user;     /* user-defined tokens */
    struct pl__marks special;  /* these and control tokens */
    struct pl__bpe *bpe;       /* exactly one of the two is there */
    struct pl__spm *spm;
};

/* Text of a token as the file writes it; lent. */
const char *pl__vocab_text(const struct pl_vocab *v, uint32_t id, size_t *len);

/* bpe.c. Creation reads V's texts and lookup, and the file's merges; G NULL: no merges and no words (each
 * byte is a token). Encoding takes plain text: no special tokens in it. */
int pl__bpe_create(const struct pl_vocab *v, const struct pl_gguf *g, struct pl__bpe **out,
                   struct pl_err *err);
void pl__bpe_destroy(struct pl__bpe **b);
int pl__bpe_encode(const struct pl__bpe *b, const char *text, size_t len, struct pl_ids *out);
/* Writes what a token's TEXT stands for (at most LEN bytes) and returns its length: the byte-level alphabet
 * undone; a text with other characters stands for itself. */
size_t pl__bpe_piece(const char *text, size_t len, char *out);
/* The character (UTF-8, at most 2 bytes) that the byte-level alphabet writes for BYTE; returns its length. */
size_t pl__bpe_letter(unsigned char byte, char out[2]);

/* spm.c. */
int pl__spm_create(const struct pl_vocab *v, const struct pl_gguf *g, struct pl__spm **out,
                   struct pl_err *err);
void pl__spm_destroy(struct pl__spm **s);
int pl__spm_encode(const struct pl__spm *s, const char *text, size_t len, struct pl_ids *out);
size_t pl__spm_piece(const char *text, size_t len, char *out);
/* The value of a byte token's text "<0x41>"; -1 when it is none. */
int pl__spm_byte(const char *text, size_t len);

#endif
