#include "runtime/audit_line.h"

struct pl_msg *pl_audit_line(const struct pl_msg *asked, uint64_t token, const char *act, const char *outcome,
                             struct pl_str subject)
{
    PL_NEW(m, a, audit_add);
    if (!m) return NULL;
    a->token = token;
    a->act = pl_msg_str(m, pl_str_of(act));
    a->outcome = pl_msg_str(m, pl_str_of(outcome));
    a->who = pl_msg_str(m, asked->env.key);
    a->tenant = pl_msg_str(m, asked->env.tenant);
    a->subject = pl_msg_str(m, subject);
    a->has_who = a->who.len > 0;
    a->has_tenant = a->tenant.len > 0;
    a->has_subject = a->subject.len > 0;
    return m;
}
