/* frontdoor_access.h - who sent a frame, and what that one may ask: the tenant and the roles of a key.
 *
 *   sender                          tenant               roles        may name another tenant
 *   a key                           the key's            the key's    when the key is marked so
 *   the admin socket, without keys  default              all          yes
 *   a client by ipc, without keys   default              producer     yes
 *   a client by tcp, without keys   default              producer     no
 *
 *   message                                             role
 *   ping                                                any
 *   chat.*, feedback.add                                producer
 *   sessions.list, .show, feedback.list, .stats,
 *   retrain.status                                      operator or auditor
 *   sessions.delete, retrain.request                    operator
 *   other messages of an operator                       operator that may name another tenant: they are about
 * all
 *
 * The role tool is for tools in other processes; so far such a key may only ping. */
#ifndef PL_ACTORS_FRONTDOOR_ACCESS_H
#define PL_ACTORS_FRONTDOOR_ACCESS_H

#include "actors/actors.h"
#include "runtime/roles.h"
#include "schemas/gen/runtime.h"
#include "schemas/gen/types.h"

/* Borrows from the frame. */
struct pl_caller {
    struct pl_str key; /* empty: none */
    struct pl_str tenant;
    uint32_t roles;
    bool act_for;
};

/* -PL_E_FORBIDDEN, field `key`: the key was revoked. */
int pl__access_caller(const struct pl_net_frame *f, struct pl_caller *out, struct pl_err *err);
/* May C send TYPE? -PL_E_UNKNOWN_TYPE, -PL_E_FORBIDDEN; field `type`. */
int pl__access_type(const struct pl_caller *c, const struct pl_type *type, struct pl_err *err);
/* The tenant that the message of C is for. -PL_E_FORBIDDEN, field `tenant`. */
int pl__access_tenant(const struct pl_caller *c, const struct pl_envelope *env, struct pl_str *out,
                      struct pl_err *err);

#endif
