/* weight.h - how weights lie in memory on a CPU: tiles of 16 output rows.
 *
 * One layout serves every instruction set. The unit is a block of 16 rows by 32 k; byte 4*r + j of the
 * 64-byte group g is the weight of row r at k = 4*g + j, which is at once the operand of VNNI's dot product,
 * two AVX2 registers and a row of an AMX tile, and needs no horizontal sum. Weights are unsigned with an
 * offset (value = q - offset). The low four bits of groups g and g+4 share the bytes of nibble group g (low
 * and high half).
 *
 *   Q4_0  [256 nibbles][16 d]                          offset 8    288 bytes
 *   Q4_1  [256 nibbles][16 d][16 m]                    0           320
 *   Q5_0  [256 nibbles][64 bit 4: bit g of a byte is group g's][16 d]    16    352
 *   Q8_0  [512 bytes, sign bit turned][16 d]           128         544
 *   Q4_K  every 8 blocks a head [16 d][16 dmin]; a block is [256 nibbles][16 scales][16 mins]           0 64
 * + 8*288 Q5_K  the same head; [256 nibbles][64 bit 4][16 scales][16 mins] 0     64 + 8*352 Q6_K  head [16
 * d]; [256 nibbles][128 bits 4-5: groups 0-3, 4-7][16 scales k<16][16 scales k>=16]    32    32 + 8*416 F32,
 * F16, BF16  [k][16 rows], the type as it is
 *
 * d, m and dmin are the file's 16-bit floats, scales and mins bytes. A tile is all its blocks in rising k;
 * the tiles of a part follow one another. Rows that pad the last tile of a part are zero. Immutable once
 * made: any thread reads. */
#ifndef PL_KERNELS_CPU_WEIGHT_H
#define PL_KERNELS_CPU_WEIGHT_H

#include <stdbool.h>
#include <stdint.h>
#include "kernels/gguf.h"

enum { PL_TILE = 16, PL_BLOCK = 32, PL_BLOCK_WEIGHTS = PL_TILE * PL_BLOCK, PL_MAX_PARTS = 8 };

/* A tensor of a stacked weight. */
struct pl__part {
    int dtype;
    uint32_t rows, row0;   /* rows, and the first one's number in the weight */
    uint32_t tiles, tile0; /* the same in tiles */
    uint64_t tile_bytes;
    const uint8_t *data; /* first tile */
};

struct pl_weight {
    uint32_t rows, cols, tiles, n_parts;
    bool quantized; /* some part takes 8-bit activations */
    float *bias;    /* [rows] or NULL */
    uint8_t *memory;
    uint64_t bytes;
    struct pl__part parts[PL_MAX_PARTS];
};

struct pl__layout {
    uint8_t head_bytes, offset;
    uint16_t block_bytes;
    bool min;     /* value = d*q + m with m stored (Q4_1) or -dmin*m (K) */
    bool super;   /* scales of 256 k in two levels */
    bool halves;  /* scales for 16 k */
    uint8_t high; /* bits above the nibble: 0, 1, 2; 4 for whole bytes */
};

static inline bool pl__dtype_is_float(int dtype)
{
    return dtype == PL_F32 || dtype == PL_F16 || dtype == PL_BF16;
}

/* Layout of a quantised type; DTYPE must be one. */
static inline struct pl__layout pl__layout_of(int dtype)
{
    switch (dtype) {
    case PL_Q4_0:
        return (struct pl__layout){.offset = 8, .block_bytes = 288};
    case PL_Q4_1:
        return (struct pl__layout){.block_bytes = 320, .min = true};
    case PL_Q5_0:
        return (struct pl__layout){.offset = 16, .block_bytes = 352, .high = 1};
    case PL_Q4_K:
        return (struct pl__layout){.head_bytes = 64, .block_bytes = 288, .min = true, .super = true};
    case PL_Q5_K:
        return (struct pl__layout){
            .head_bytes = 64, .block_bytes = 352, .min = true, .super = true, .high = 1};
    case PL_Q6_K:
        return (struct pl__layout){
            .head_bytes = 32, .offset = 32, .block_bytes = 416, .super = true, .halves = true, .high = 2};
    default:
        return (struct pl__layout){.offset = 128, .block_bytes = 544, .high = 4}; /* Q8_0 */
    }
}

/* Block B of a tile, and the head of the 256 k that it lies in. */
static inline const uint8_t *pl__tile_head(const uint8_t *tile, struct pl__layout l, uint32_t b)
{
    return tile + (uint64_t)(b / 8) * (l.head_bytes + 8u * l.block_bytes);
}
static inline const uint8_t *pl__tile_block(const uint8_t *tile, struct pl__layout l, uint32_t b)
{
    if (!l.super) return tile + (uint64_t)b * l.block_bytes;
    return pl__tile_head(tile, l, b) + l.head_bytes + (b % 8) * l.block_bytes;
}

/* Where the scales of a block begin. */
static inline uint32_t pl__layout_tail(struct pl__layout l)
{
    return l.high == 4 ? 512 : 256 + 64u * l.high;
}

/* Calls NAME(constant type, ...) for the quantised type in a variable DTYPE, so that each gets code of its
 * own. */
#define PL_EACH_QUANT(name, ...)                                                                             \
    switch (dtype) {                                                                                         \
    case PL_Q4_0:                                                                                            \
        name(PL_Q4_0, __VA_ARGS__);                                                                          \
        break;                                                                                               \
    case PL_Q4_1:                                                                                            \
        name(PL_Q4_1, __VA_ARGS__);                                                                          \
        break;                                                                                               \
    case PL_Q5_0:                                                                                            \
        name(PL_Q5_0, __VA_ARGS__);                                                                          \
        break;                                                                                               \
    case PL_Q8_0:                                                                                            \
        name(PL_Q8_0, __VA_ARGS__);                                                                          \
        break;                                                                                               \
    case PL_Q4_K:                                                                                            \
        name(PL_Q4_K, __VA_ARGS__);                                                                          \
        break;                                                                                               \
    case PL_Q5_K:                                                                                            \
        name(PL_Q5_K, __VA_ARGS__);                                                                          \
        break;                                                                                               \
    default:                                                                                                 \
        name(PL_Q6_K, __VA_ARGS__);                                                                          \
        break;                                                                                               \
    }

/* Bytes of a tile of COLS columns. */
uint64_t pl__tile_bytes(int dtype, uint32_t cols);

/* Writes ROWS (1..16) file rows, ROW_BYTES apart, as one zeroed tile. False when a scale or float is not
 * finite. */
bool pl__tile_pack(int dtype, const uint8_t *src, uint64_t row_bytes, uint32_t rows, uint32_t cols,
                   uint8_t *tile);

/* One block of a tile, opened: what the panel kernels and the rows of tests and embeddings read.
 * value(r, k) = d[r]*(q - offset), + m[r] when the layout has mins; times s[k/16][r] in the type with halves.
 */
struct pl__panel {
    uint8_t q[8][64];
    float d[16];
    union {
        float m[16];
        int32_t s[2][16];
    };
} __attribute__((aligned(64)));
void pl__tile_open(int dtype, const uint8_t *tile, uint32_t b, struct pl__panel *out);

int pl__weight_create(const struct pl_tensor *const *parts, uint32_t n_parts, const float *bias,
                      struct pl_weight **out, struct pl_err *err);
void pl__weight_destroy(struct pl_weight **w);
void pl__weight_row(const struct pl_weight *w, uint32_t row, float *out);

#endif
