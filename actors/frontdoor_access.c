#include "actors/frontdoor_access.h"

#include <stdio.h>

enum { ANY = 1 << 8, FOR_ALL = 1 << 9 }; /* beside the roles: no role needed; act_for needed */

int pl__access_caller(const struct pl_net_frame *f, struct pl_caller *out, struct pl_err *err)
{
    bool admin = f->listener == PL_LISTENER_ADMIN;
    *out = (struct pl_caller){.tenant = PL_STR("default"),
                              .roles = admin ? PL_ROLES_ALL : PL_ROLE_PRODUCER,
                              .act_for = admin || f->act_for};
    if (!f->key.len) return 0;
    *out = (struct pl_caller){f->key, f->tenant, f->roles, f->act_for};
    if (f->roles) return 0;
    return pl_fail(err, PL_E_FORBIDDEN, "key", "the key `%.*s` was revoked", PL_STR_FMT(f->key));
}

/* What a message of an operator needs. */
static uint32_t need_of_admin(uint32_t type)
{
    switch (type) {
    case PL_T_SESSIONS_LIST:
    case PL_T_SESSIONS_SHOW:
    case PL_T_FEEDBACK_LIST:
    case PL_T_FEEDBACK_STATS:
    case PL_T_RETRAIN_STATUS:
        return PL_ROLE_OPERATOR | PL_ROLE_AUDITOR;
    case PL_T_SESSIONS_DELETE:
    case PL_T_SESSIONS_FORGET:
    case PL_T_RETRAIN_REQUEST:
        return PL_ROLE_OPERATOR;
    default:
        return PL_ROLE_OPERATOR | FOR_ALL;
    }
}

static uint32_t need_of(const struct pl_type *type)
{
    if (type->id == PL_T_PING) return ANY;
    return type->edge == PL_EDGE_ADMIN ? need_of_admin(type->id) : PL_ROLE_PRODUCER;
}

static int refuse(const struct pl_caller *c, const struct pl_type *type, uint32_t need, struct pl_err *err)
{
    if (!c->key.len)
        return pl_fail(err, PL_E_FORBIDDEN, "type",
                       "%s is taken on the admin socket, or from a key with the role operator", type->name);
    if (need & c->roles)
        return pl_fail(err, PL_E_FORBIDDEN, "type",
                       "%s is about all tenants: it needs a key that may act for others", type->name);
    return pl_fail(err, PL_E_FORBIDDEN, "type", "%s needs the role %s%s", type->name,
                   need & PL_ROLE_OPERATOR ? "operator" : "producer",
                   need & PL_ROLE_AUDITOR ? " or auditor" : "");
}

int pl__access_type(const struct pl_caller *c, const struct pl_type *type, struct pl_err *err)
{
    if (type->edge != PL_EDGE_IN && type->edge != PL_EDGE_ADMIN)
        return pl_fail(err, PL_E_UNKNOWN_TYPE, "type", "%s is not a message that is taken here", type->name);
    uint32_t need = need_of(type);
    bool role = need & (ANY | c->roles), whole = !(need & FOR_ALL) || c->act_for;
    return role && whole ? 0 : refuse(c, type, need, err);
}

int pl__access_tenant(const struct pl_caller *c, const struct pl_envelope *env, struct pl_str *out,
                      struct pl_err *err)
{
    bool named = env->has_tenant && env->tenant.len > 0;
    *out = named ? env->tenant : c->tenant;
    if (!named || c->act_for || pl_str_eq(env->tenant, c->tenant)) return 0;
    return pl_fail(err, PL_E_FORBIDDEN, "tenant", "this connection is for the tenant `%.*s` only",
                   PL_STR_FMT(c->tenant));
}
