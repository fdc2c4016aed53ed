/* audit.c - what operators do with dialogues is in the audit record: a line before, synced, and one after. An
 * act whose first line cannot be written is not done. */
#include "actors/session/session.h"
#include "runtime/audit_line.h"

/* What stands for the session that ASKED names, which often bears its user's name, or all. */
static int add_line(struct pl_actor *self, struct session *s, const struct pl_msg *asked, const char *act,
                    const char *outcome, const char *detail, const struct store_op *op)
{
    struct pl_msg *m = pl_audit_line(asked, 0, act, outcome, PL_STR("all"));
    if (!m) return -PL_E_NO_MEMORY;
    struct pl_audit_add *a = m->body;
    if (asked->env.has_session)
        a->subject = pl_key_hide(s->opts->row_key, m, asked->env.tenant, asked->env.session);
    a->has_detail = detail != NULL;
    a->detail = pl_str_of(detail);
    return pl__session_store(self, s, &m, op);
}

static int recorded(struct pl_actor *self, struct session *s, struct store_op *op, const struct pl_msg *reply,
                    int code)
{
    if (reply) return op->then(self, s, op->asked);
    return pl__session_refuse(self, op->asked, code, "audit",
                              "this is not done, because it cannot be recorded: parlance audit verify");
}

int pl__audit_before(struct pl_actor *self, struct session *s, const struct pl_msg *asked, const char *act,
                     audit_then then)
{
    struct store_op op = {.done = recorded, .then = then, .asked = (struct pl_msg *)asked};
    return add_line(self, s, asked, act, "intent", NULL, &op);
}

static int nothing_follows(struct pl_actor *self, struct session *s, struct store_op *op,
                           const struct pl_msg *reply, int code)
{
    if (!reply) pl_log(self, PL_LOG_ERROR, "audit_failed", "code=%s", pl_error_name(code));
    return 0;
}

int pl__audit_after(struct pl_actor *self, struct session *s, const struct pl_msg *asked, const char *act,
                    int code)
{
    struct store_op op = {.done = nothing_follows};
    return add_line(self, s, asked, act, code ? "failed" : "done", code ? pl_error_name(code) : NULL, &op);
}
