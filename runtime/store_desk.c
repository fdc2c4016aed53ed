#include "runtime/store_desk.h"

#include <stdio.h>

#include "runtime/audit.h"
#include "runtime/backup.h"
#include "runtime/dir.h"

enum { PATH_BYTES = 1200 };

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

void pl__desk_refuse(struct pl_actor *self, const struct pl_msg *m, const struct pl_err *err)
{
    PL_NEW(reply, e, chat_error);
    if (e) {
        e->code = pl_str_of(pl_error_name(err->code));
        e->message = pl_msg_str(reply, pl_str_of(err->text));
        e->has_field = err->field[0] != 0;
        e->field = pl_msg_str(reply, pl_str_of(err->field));
    }
    pl_reply(self, m, &reply);
}

static int make_partial(const char *data, const char *name, char path[PATH_BYTES], struct pl_err *err)
{
    int n = snprintf(path, PATH_BYTES, "%s/backups/.%s.partial", data, name);
    if (n < 0 || n + 8 >= PATH_BYTES)
        return pl_fail(err, PL_E_TOO_LARGE, "data", "the path of the data directory is too long");
    return pl__dir_make(path, err);
}

int pl__desk_backup(struct pl_actor *self, const char *data, struct pl__disk *disk, const struct pl_msg *m,
                    const struct pl_backup_create *q, struct pl_err *err)
{
    char name[PL_BACKUP_NAME_BYTES + 1], path[PATH_BYTES], store[PATH_BYTES + 8], time[32], unused[32];
    char where[1025];
    char who[65];
    uint64_t sequence = 0;
    if (!data) return pl_fail(err, PL_E_UNSUPPORTED, "backup", "this store has no place for backups");
    snprintf(name, sizeof name, "%.*s", PL_STR_FMT(q->name));
    snprintf(where, sizeof where, "%.*s", PL_STR_FMT(q->dir));
    snprintf(who, sizeof who, "%.*s", PL_STR_FMT(m->env.key));
    int rc = pl_backup_check_name(name, err);
    if (!rc)
        rc = pl_audit_append(
            data,
            &(struct pl_audit_entry){
                .who = who, .act = "backup.create", .outcome = "intent", .subject = name, .detail = where},
            err);
    if (!rc) rc = make_partial(data, name, path, err);
    if (rc) return rc;
    snprintf(store, sizeof store, "%s/store", path);
    pl_backup_now(time, unused);
    rc = pl__disk_checkpoint(disk, store, &sequence, err);
    if (rc) return rc;
    PL_NEW(reply, b, backup_created);
    if (!b) return pl_fail(err, PL_E_NO_MEMORY, "backup", "out of memory");
    b->path = pl_msg_str(reply, pl_str_of(path));
    b->time = pl_msg_str(reply, pl_str_of(time));
    b->sequence = sequence;
    pl_reply(self, m, &reply);
    return 0;
}
