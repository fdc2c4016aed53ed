/* digest.c - see digest.h. */
#include "kernels/digest.h"

#include <openssl/evp.h>
#include "schemas/err.h"

int pl__sha256_hex(const void *data, size_t bytes, char out[65])
{
    unsigned char sum[EVP_MAX_MD_SIZE];
    unsigned int n = 0;
    out[0] = 0;
    if (EVP_Digest(data, bytes, sum, &n, EVP_sha256(), NULL) != 1 || n != 32) return -PL_E_INTERNAL;
    for (unsigned i = 0; i < 32; i++) {
        out[2 * i] = "0123456789abcdef"[sum[i] >> 4];
        out[2 * i + 1] = "0123456789abcdef"[sum[i] & 15];
    }
    out[64] = 0;
    return 0;
}
