/* pretokenizer.h - cuts a text into the words inside which byte-level BPE merges.
 *
 * The cuts are those of the regular expressions that the models were trained with; PCRE2 does the matching
 * (its JIT where there is one). Immutable after creation; any thread. */
#ifndef PL_KERNELS_PRETOKENIZER_H
#define PL_KERNELS_PRETOKENIZER_H

#include <stddef.h>
#include "schemas/err.h"

struct pl__pretokenizer;

/* NAME is the value of tokenizer.ggml.pre, LEN bytes of anything. -PL_E_MODEL_UNSUPPORTED names an unknown
 * one. */
int pl__pretokenizer_create(const char *name, size_t len, struct pl__pretokenizer **out, struct pl_err *err);
void pl__pretokenizer_destroy(struct pl__pretokenizer **p);

/* Calls FN with each word in order (lent for the call); stops at its first non-zero result and returns that.
 * Bytes that are no UTF-8 are words of one byte. -PL_E_NO_MEMORY, or -PL_E_INTERNAL when PCRE2 gave up. */
int pl__pretokenizer_each(const struct pl__pretokenizer *p, const char *text, size_t len,
                          int (*fn)(const char *word, size_t len, void *arg), void *arg);

#endif
