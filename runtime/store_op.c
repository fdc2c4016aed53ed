#include "runtime/store_op.h"

int pl__store_compare(struct pl_bin a, struct pl_bin b)
{
    uint32_t n = a.len < b.len ? a.len : b.len;
    int c = n ? memcmp(a.ptr, b.ptr, n) : 0;
    return c ? c : (a.len > b.len) - (a.len < b.len);
}

int pl__store_op_check(const struct pl_store_op *op, struct pl_err *err)
{
    switch (op->op) {
    case PL_STORE_OP_OP_PUT:
        return op->has_value ? 0 : pl_fail(err, PL_E_INVALID, "value", "a put needs a value");
    case PL_STORE_OP_OP_DELETE:
        return 0;
    case PL_STORE_OP_OP_DELETE_RANGE:
        if (op->has_end && pl__store_compare(op->key, op->end) <= 0) return 0;
        return pl_fail(err, PL_E_INVALID, "end", "a range needs an end that is not before its first key");
    }
    return pl_fail(err, PL_E_INVALID, "op", "there is no such operation");
}
