/* keys.h - the column families and the keys of stored records; docs/storage.md is the same for people.
 *
 *   family      key                                value
 *   requests    tenant 0 id*                       rec.request
 *   pending     accepted_seq (u64 big-endian)      tenant 0 id*           accepted and not yet answered
 *   sessions    tenant 0 session*                  rec.session
 *   turns       tenant 0 session* 0 number (u32)   rec.turn
 *   turn_names  turn                               key of the turn in `turns`
 *   feedback    number (u64 be)                    rec.feedback
 *   rated       tenant 0 turn 0 user*              newest rating: number (u64 be), stars, 1 with a correction
 *   rated       1 0 tenant 0 id*                   feedback.stored, the answer to the message that rated
 *   meta        "retrain", "accepted_seq", ...     rec.retrain, rec.counter
 *   meta        "tenant_day" 0 tenant              rec.tenant_day
 *
 * What has a star is hidden by pl_key_hide. Names hold no control characters (schemas/), so 0 separates; keys
 * sort by tenant, session, number. */
#ifndef PL_ACTORS_KEYS_H
#define PL_ACTORS_KEYS_H

#include "runtime/msg.h"

#define PL_FAMILY_REQUESTS "requests"
#define PL_FAMILY_PENDING "pending"
#define PL_FAMILY_SESSIONS "sessions"
#define PL_FAMILY_TURNS "turns"
#define PL_FAMILY_TURN_NAMES "turn_names"
#define PL_FAMILY_FEEDBACK "feedback"
#define PL_FAMILY_RATED "rated"
#define PL_FAMILY_META "meta"
/* All of them, NULL-terminated, for the store's options. */
extern const char *const pl_families[];

/* What stands in a key for NAME, a user, a session or an id of TENANT: 32 hex digits, the first half of its
 * HMAC-SHA256 under ROW_KEY (32 bytes), in M's arena. Keys are not sealed, so they hold no name. ROW_KEY
 * NULL: NAME itself (the simulator and tests, whose disk is memory). {NULL,0} when out of memory. */
struct pl_str pl_key_hide(const uint8_t *row_key, struct pl_msg *m, struct pl_str tenant, struct pl_str name);
/* The number that keeps TENANT's cached pages apart from those of others; ROW_KEY NULL as above. */
uint64_t pl_key_owner(const uint8_t *row_key, struct pl_str tenant);
/* Joins PARTS with a zero byte between them into M's arena; with NUMBER_BYTES 4 or 8 the number follows after
 * another zero byte (or alone when there are no parts), big-endian. {NULL,0} when out of memory. */
struct pl_bin pl_key_join(struct pl_msg *m, const struct pl_str *parts, size_t n_parts, uint64_t number,
                          int number_bytes);
/* The last BYTES of a key as a number. */
uint64_t pl_key_number(struct pl_bin key, int bytes);
/* First key after all keys that begin with PREFIX (its copy with the last byte that can be raised raised). */
struct pl_bin pl_key_after(struct pl_msg *m, struct pl_bin prefix);

#endif
