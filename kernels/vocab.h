/* vocab.h - text to token ids and back.
 *
 * Built from the tokenizer keys of a GGUF file (weights may be missing). Byte-level BPE with the pre-tokenizers
 * "smollm", "qwen2", "gpt-2" (also the default of tokenizer.ggml.model = "gpt2"), and SentencePiece BPE
 * (tokenizer.ggml.model = "llama"). Anything else is refused at creation with a sentence that names it.
 * Owns copies of what it needs: the file may be closed afterwards. Immutable after creation; any thread may use it
 * (encode keeps its scratch on the call). Input bytes that are not UTF-8 are encoded byte by byte. */
#ifndef PL_KERNELS_VOCAB_H
#define PL_KERNELS_VOCAB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "schemas/err.h"

struct pl_gguf;
struct pl_vocab;

/* A growing list of token ids. Zero-initialised = empty. */
struct pl_ids {
    uint32_t *ids;
    size_t count, capacity;
};
int pl_ids_push(struct pl_ids *l, uint32_t id);                             /* 0 or -PL_E_NO_MEMORY */
int pl_ids_append(struct pl_ids *l, const uint32_t *ids, size_t count);
void pl_ids_finish(struct pl_ids *l);

int pl_vocab_create(const struct pl_gguf *g, struct pl_vocab **out, struct pl_err *err);
/* A vocabulary of the 256 bytes and the ChatML control tokens 256 <|im_start|>, 257 <|im_end|>, 258 <|endoftext|>:
 * for the simulator and for tests that have no model. */
int pl_vocab_create_bytes(struct pl_vocab **out, struct pl_err *err);
void pl_vocab_destroy(struct pl_vocab **v);

uint32_t pl_vocab_size(const struct pl_vocab *v);
/* Control ids; PL_NO_TOKEN when the vocabulary has none. */
#define PL_NO_TOKEN UINT32_MAX
uint32_t pl_vocab_bos(const struct pl_vocab *v);
uint32_t pl_vocab_eos(const struct pl_vocab *v);
/* True for every id that ends an answer: eos, eot, <|im_end|>, <|endoftext|> as the vocabulary has them. */
bool pl_vocab_is_end(const struct pl_vocab *v, uint32_t id);
/* True for control tokens: they are never shown. */
bool pl_vocab_is_control(const struct pl_vocab *v, uint32_t id);
/* Id of a token by its exact text ("<|im_start|>"), control tokens included; PL_NO_TOKEN when absent. */
uint32_t pl_vocab_find(const struct pl_vocab *v, const char *text, size_t len);

/* Appends the ids of TEXT to OUT. PARSE_SPECIAL: control and user-defined tokens written in the text become their ids;
 * otherwise control tokens are plain text (user-defined ones are matched always, as the reference tokenizers do).
 * No BOS is added. Returns 0, -PL_E_NO_MEMORY, or -PL_E_INTERNAL when the regular expression engine gave up. */
int pl_vocab_encode(const struct pl_vocab *v, const char *text, size_t len, bool parse_special, struct pl_ids *out);

/* The bytes that a token adds to a text (byte-level alphabet undone; SentencePiece space mark turned to a space).
 * Control tokens give their written text when RENDER_CONTROL, else nothing. Lent for the life of the vocabulary. */
const char *pl_vocab_piece(const struct pl_vocab *v, uint32_t id, bool render_control, size_t *len);

#endif
