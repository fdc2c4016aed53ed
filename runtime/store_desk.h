/* store_desk.h - what the store's thread does beside RocksDB, because it may block: the audit record. */
#ifndef PL_RUNTIME_STORE_DESK_H
#define PL_RUNTIME_STORE_DESK_H

#include "schemas/gen/runtime.h"

/* Appends what A says to the audit record of DATA. As pl_audit_append; -PL_E_UNSUPPORTED when DATA is NULL.
 * Blocks. */
int pl__desk_audit(const char *data, const struct pl_audit_add *a, struct pl_err *err);

#endif
