/* audit_line.h - how an actor puts a line into the audit record: by audit.add to the store. Pure; any thread.
 */
#ifndef PL_RUNTIME_AUDIT_LINE_H
#define PL_RUNTIME_AUDIT_LINE_H

#include "runtime/msg.h"
#include "schemas/gen/runtime.h"

/* An audit.add about what ASKED asks for, with the key that it came under and its tenant; OUTCOME is
 * "intent", "done" or "failed"; the subject is copied and may be empty. TOKEN comes back in audit.added or
 * store.failed. The caller's to send; NULL: no memory. */
struct pl_msg *pl_audit_line(const struct pl_msg *asked, uint64_t token, const char *act, const char *outcome,
                             struct pl_str subject);

#endif
