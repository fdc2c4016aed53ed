/* store_op.h - what a single change of a store.write has to be, the same for the disk and for the simulator.
 * Pure; any thread. */
#ifndef PL_RUNTIME_STORE_OP_H
#define PL_RUNTIME_STORE_OP_H

#include "schemas/gen/runtime.h"

/* Order of keys: byte by byte, the shorter first. Negative, 0 or positive. */
int pl__store_compare(struct pl_bin a, struct pl_bin b);
/* -PL_E_INVALID, with the field's name, for a put without a value, a range without an end or with one before its first
 * key, or no known operation. The family is the caller's to check. */
int pl__store_op_check(const struct pl_store_op *op, struct pl_err *err);

#endif
