/* The ops of training with AVX-512: 12 x 32 is 24 of 32 registers. */
#if defined(__x86_64__)
#define TILE_ROWS 12
#define TILE_LANES 2
#include "kernels/train/ops_impl.h"

const struct pl__train_ops pl__train_ops_avx512 = PL_TRAIN_OPS;
#else
typedef int pl__no_avx512;
#endif
