/* digest.h - SHA-256 of bytes in memory, as text. No state; any thread. */
#ifndef PL_KERNELS_DIGEST_H
#define PL_KERNELS_DIGEST_H

#include <stddef.h>

/* Writes 64 lower-case hex digits and a NUL. 0, or -PL_E_INTERNAL when libcrypto refuses (no provider). */
int pl__sha256_hex(const void *data, size_t bytes, char out[65]);

#endif
