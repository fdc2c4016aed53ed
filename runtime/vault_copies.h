/* vault_copies.h - the copies of a vault that lie beside backups. Inside of runtime/vault*.c; needs no key.
 */
#ifndef PL_RUNTIME_VAULT_COPIES_H
#define PL_RUNTIME_VAULT_COPIES_H

#include "schemas/err.h"

typedef int (*pl__vault_copy_fn)(const char *vault, const char *copy, struct pl_err *err);
/* Calls FN for every copy noted in VAULT.copies; goes on after an error and reports the last. */
int pl__vault_each_copy(const char *vault, pl__vault_copy_fn fn, struct pl_err *err);
/* Overwrites in COPY, where they lie, the slots that are forgotten in VAULT. A copy that is not there is
 * passed over. */
int pl__vault_clean_copy(const char *vault, const char *copy, struct pl_err *err);
/* Copies VAULT to COPY again when it is there. */
int pl__vault_renew_copy(const char *vault, const char *copy, struct pl_err *err);

#endif
