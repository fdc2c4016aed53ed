/* keys.h - who may come in: the table of the clients' keys, and the service's own pair.
 *
 *   DATA/keys/             0700
 *     clients.json         0600  {"version":1,"keys":[{name, public, tenant, roles, act_for, created,
 * revoked}]} server.key           0600  secret key of the service, Z85, one line; the public one follows from
 * it server.pub                 the public one, for people lock                       held (flock) by whoever
 * changes clients.json
 *
 * Keys are those of CURVE (Curve25519), in Z85: 40 characters. A file is written whole under another name,
 * synced and renamed, so that a reader sees the old one or the new one. A name is used once for ever: a
 * revoked key stays in the table, and what the audit record says of a name holds. The table is a copy in
 * memory of one thread; the files may be changed by other processes (`parlance keys`) at any time. Everything
 * here blocks on the file system. */
#ifndef PL_RUNTIME_KEYS_H
#define PL_RUNTIME_KEYS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "runtime/roles.h"
#include "schemas/err.h"

enum { PL_KEY_TEXT = 41, PL_KEY_NAME = 65, PL_KEY_TIME = 21, PL_KEYS_MAX = 4096 };

struct pl_key {
    char name[PL_KEY_NAME]; /* 1 to 64 of A-Z a-z 0-9 . _ - */
    char public_key[PL_KEY_TEXT];
    char tenant[PL_KEY_NAME]; /* like a name */
    uint32_t roles;           /* of PL_ROLE_*, at least one */
    bool act_for;             /* may speak for other tenants, by the envelope's field */
    char created[PL_KEY_TIME], revoked[PL_KEY_TIME]; /* UTC, 2000-01-31T23:59:59Z; "": not revoked */
};
struct pl_key_pair {
    char public_key[PL_KEY_TEXT], secret_key[PL_KEY_TEXT];
};

struct pl_keys;
/* Reads the table of DATA. No file is an empty table. -PL_E_INVALID names the file and what is wrong in it;
 * -PL_E_FORBIDDEN: others may read or write it; -PL_E_IO. */
int pl_keys_open(const char *data, struct pl_keys **out, struct pl_err *err);
void pl_keys_close(struct pl_keys **k);
/* Reads the file again when it is another one than that which was read last: 1, or 0 when it is not. After an
 * error, told once for each state of the file, the table is what it was. Pointers to keys die with a 1. */
int pl_keys_refresh(struct pl_keys *k, struct pl_err *err);
uint32_t pl_keys_count(const struct pl_keys *k);
uint32_t pl_keys_live(const struct pl_keys *k); /* not revoked */
const struct pl_key *pl_keys_at(const struct pl_keys *k, uint32_t i);
/* NULL when there is none. */
const struct pl_key *pl_keys_named(const struct pl_keys *k, const char *name);
const struct pl_key *pl_keys_holder(const struct pl_keys *k, const char *public_key); /* revoked ones too */
const struct pl_key *pl_keys_known(const struct pl_keys *k,
                                   const char *public_key); /* NULL for a revoked one */

/* The service's own pair. -PL_E_NOT_FOUND when there is none yet. */
int pl_keys_server(const char *data, struct pl_key_pair *out, struct pl_err *err);

/* Checks KEY's name, tenant and roles, and makes DATA/keys. -PL_E_INVALID names the field; -PL_E_FORBIDDEN,
 * -PL_E_IO. */
int pl_keys_prepare(const char *data, const struct pl_key *key, struct pl_err *err);
/* Adds KEY (its public_key is filled in) with a new pair, and makes the service's pair when there is none.
 * TIME as in struct pl_key. The secret is only in *CLIENT: nothing here keeps it. -PL_E_CONFLICT: the name is
 * or was used; -PL_E_TOO_LARGE: PL_KEYS_MAX; -PL_E_INVALID names the field. */
int pl_keys_add(const char *data, struct pl_key *key, struct pl_key_pair *client, struct pl_key_pair *server,
                struct pl_err *err);
/* -PL_E_NOT_FOUND; -PL_E_CONFLICT: it is revoked already. */
int pl_keys_revoke(const char *data, const char *name, const char *time, struct pl_err *err);

/* "producer,operator" to bits; 0 for anything else. */
uint32_t pl_roles_parse(const char *text);
/* The other way. */
void pl_roles_print(uint32_t roles, char *out, size_t size);
/* "producer" for one bit. */
const char *pl_role_name(uint32_t role);

/* What a client needs: {"server","public","secret","name"[,"endpoint"]}. ENDPOINT may be NULL. PATH must not
 * be there yet (-PL_E_CONFLICT); it is made with mode 0600. */
int pl_keys_write_client(const char *path, const char *name, const struct pl_key_pair *client,
                         const char *server_public, const char *endpoint, struct pl_err *err);

#endif
