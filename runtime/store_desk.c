#include "runtime/store_desk.h"

#include <stdio.h>

#include "runtime/audit.h"

int pl__desk_audit(const char *data, const struct pl_audit_add *a, struct pl_err *err)
{
    char who[129], act[65], outcome[17], tenant[65], subject[129], detail[1025];
    if (!data) return pl_fail(err, PL_E_UNSUPPORTED, "audit", "this store keeps no audit record");
    snprintf(who, sizeof who, "%.*s", PL_STR_FMT(a->who));
    snprintf(act, sizeof act, "%.*s", PL_STR_FMT(a->act));
    snprintf(outcome, sizeof outcome, "%.*s", PL_STR_FMT(a->outcome));
    snprintf(tenant, sizeof tenant, "%.*s", PL_STR_FMT(a->tenant));
    snprintf(subject, sizeof subject, "%.*s", PL_STR_FMT(a->subject));
    snprintf(detail, sizeof detail, "%.*s", PL_STR_FMT(a->detail));
    struct pl_audit_entry e = {who, act, outcome, tenant, subject, detail};
    return pl_audit_append(data, &e, err);
}
