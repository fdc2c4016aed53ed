/* The ops of training with AVX2 and FMA: 6 x 16 is 12 of 16 registers. */
#if defined(__x86_64__)
#define TILE_ROWS 6
#define TILE_LANES 1
#include "kernels/train/ops_impl.h"

const struct pl__train_ops pl__train_ops_avx2 = PL_TRAIN_OPS;
#else
typedef int pl__no_avx2;
#endif
