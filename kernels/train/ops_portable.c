/* The ops of training in plain C, and the choice among the tables. */
#include "kernels/train/ops_impl.h"

const struct pl__train_ops pl__train_ops_portable = PL_TRAIN_OPS;

const struct pl__train_ops *pl__train_ops_of(enum pl_isa isa)
{
#if defined(__x86_64__)
    if (isa == PL_ISA_AVX2) return &pl__train_ops_avx2;
    if (isa == PL_ISA_AVX512 || isa == PL_ISA_AMX) return &pl__train_ops_avx512;
#endif
    return &pl__train_ops_portable;
}
