/* The plain reference of the ops over lanes: arrays of sixteen and fmaf(). */
#include "kernels/cpu/cpu.h"
#include "kernels/cpu/attention_impl.h"
#include "kernels/cpu/float_impl.h"
#include "kernels/cpu/rows_impl.h"

const struct pl__lane_ops pl__lane_ops_portable = {
    .quantize = lanes_quantize,
    .rmsnorm = lanes_rmsnorm,
    .swiglu = lanes_swiglu,
    .add = lanes_add,
    .store_f16 = lanes_store_f16,
    .attend = lanes_attend,
    .float_tile = lanes_float_tile,
    .lora_down = lanes_lora_down,
    .lora_up = lanes_lora_up,
    .exp = lanes_exp,
};
