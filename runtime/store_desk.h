/* store_desk.h - what the store's thread does beside reads and writes, because it may block: the audit
 * record, and checkpoints for backups. */
#ifndef PL_RUNTIME_STORE_DESK_H
#define PL_RUNTIME_STORE_DESK_H

#include "runtime/actor.h"
#include "runtime/store_disk.h"
#include "schemas/gen/types.h"

/* Appends what A says to the audit record of DATA. As pl_audit_append; -PL_E_UNSUPPORTED when DATA is NULL.
 * Blocks. */
int pl__desk_audit(const char *data, const struct pl_audit_add *a, struct pl_err *err);
/* Makes the checkpoint that M asks for in DATA/backups, and answers backup.created; recorded as an intent
 * before. Blocks for the flush of what the tables lack. The caller answers failures. */
int pl__desk_backup(struct pl_actor *self, const char *data, struct pl__disk *disk, const struct pl_msg *m,
                    const struct pl_backup_create *q, struct pl_err *err);
/* Answers an operator's request with chat.error. */
void pl__desk_refuse(struct pl_actor *self, const struct pl_msg *m, const struct pl_err *err);

#endif
