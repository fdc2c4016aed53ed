/* utf8.h - cutting, checking and repairing UTF-8 (RFC 3629: no surrogates, no overlong forms, at most
 * U+10FFFF).
 *
 * For text that arrives in pieces (tokens end in the middle of characters) and for bytes that must become
 * text on the wire. No state; any thread; nothing is allocated. */
#ifndef PL_KERNELS_UTF8_H
#define PL_KERNELS_UTF8_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Length in bytes of the longest prefix of P that does not end inside a character. Bytes that can never
 * become a character count as complete, so that at most 3 bytes are held back and a stream cannot stall on
 * garbage. */
size_t pl_utf8_complete(const char *p, size_t n);

/* True when all N bytes are UTF-8. */
bool pl_utf8_valid(const char *p, size_t n);

/* Copies SRC to DST with one U+FFFD for each invalid sequence (Unicode's "substitution of maximal subparts":
 * a truncated character is one, every other bad byte is one). Writes whole characters only, at most SIZE
 * bytes, no NUL. Returns the bytes that the whole result needs, so that a call with SIZE 0 measures (DST may
 * then be NULL); the result is never longer than 3 * N. DST and SRC must not overlap. */
size_t pl_utf8_sanitize(char *dst, size_t size, const char *src, size_t n);

/* The next character of P (N > 0 bytes): returns the bytes it takes and sets *CODE; on an invalid sequence
 * returns the bytes of its maximal subpart (at least 1) and sets *CODE to UINT32_MAX. */
size_t pl_utf8_next(const char *p, size_t n, uint32_t *code);

#endif
