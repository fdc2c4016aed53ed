/* vault.c - the vault in memory: which slot is whose, and keys that are unwrapped when first asked for.
 *
 * 1. Slot n of the file is number n; a number is never given twice.
 * 2. A slot that the file holds is synced before a row that uses it is committed (pl_vault_sync).
 * 3. Forgetting overwrites the slot where it lies, so that the wrapped key is in no older version of the
 * file; the name's HMAC goes too. What is left is the number: it tells a row of a forgotten user from a
 * damaged one.
 * 4. Rotation writes a whole new file and renames it. */
#include "runtime/vault.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/crypto.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "runtime/vault_copies.h"
#include "runtime/vault_file.h"

struct entry {
    struct pl__vault_slot slot;
    bool opened;
    uint8_t key[PL_KEY_BYTES];
};
struct pl_vault {
    char *path;
    int fd; /* -1: read only */
    struct pl_seal *seal;
    uint8_t master[PL_KEY_BYTES], row_key[PL_HMAC_BYTES], name_key[PL_HMAC_BYTES];
    struct entry *entries; /* [0]: the header */
    uint64_t n, capacity, synced;
    uint64_t *index; /* by name: number; 0: free. Open addressing; rebuilt when it is half full or one is
                        forgotten */
    uint64_t index_size;
};

static int out_of_memory(struct pl_err *err)
{
    return pl_fail(err, PL_E_NO_MEMORY, "vault", "no memory for the vault");
}

/* --- wrapping --- */

struct wrap_aad {
    uint8_t bytes[32 + PL_HMAC_BYTES + 24];
};

/* What a wrapped key is bound to: this vault, its place in it, its name. */
static struct pl_bin aad_of(const struct pl_vault *v, const struct pl__vault_slot *s, struct wrap_aad *a)
{
    static const char label[16] = "parlance vault 1";
    const uint64_t numbers[3] = {(uint64_t)s->kind, s->number, s->parent};
    uint8_t *p = a->bytes;
    memcpy(p, label, 16);
    memcpy(p + 16, v->entries[0].slot.name, 16);
    memcpy(p + 32, s->name, sizeof s->name);
    for (int i = 0; i < 3; i++)
        for (int k = 0; k < 8; k++) p[32 + PL_HMAC_BYTES + 8 * i + k] = (uint8_t)(numbers[i] >> (8 * k));
    return (struct pl_bin){a->bytes, sizeof a->bytes};
}

static int wrap(struct pl_vault *v, struct pl__vault_slot *s, const uint8_t *with, const uint8_t *key,
                struct pl_err *err)
{
    struct wrap_aad a;
    struct pl_bin aad = aad_of(v, s, &a);
    int rc = pl_seal_random(s->nonce, sizeof s->nonce);
    if (!rc)
        rc = pl_seal_lock(v->seal, with, s->nonce, &aad, 1, (struct pl_bin){key, PL_KEY_BYTES}, s->wrapped);
    return rc ? pl_fail(err, PL_E_INTERNAL, "vault", "a key could not be wrapped") : 0;
}

static int unwrap(struct pl_vault *v, struct entry *e, const uint8_t *with)
{
    struct wrap_aad a;
    struct pl_bin aad = aad_of(v, &e->slot, &a);
    struct pl_bin sealed = {e->slot.wrapped, sizeof e->slot.wrapped};
    int rc = pl_seal_open(v->seal, with, e->slot.nonce, &aad, 1, sealed, e->key);
    e->opened = rc == 0;
    return rc;
}

int pl_vault_key(struct pl_vault *v, uint64_t number, const uint8_t **key, struct pl_err *err)
{
    struct entry *e = number > 0 && number < v->n ? &v->entries[number] : NULL;
    if (!e)
        return pl_fail(err, PL_E_CORRUPT, "vault", "the vault has no key %llu", (unsigned long long)number);
    if (e->slot.kind == PL__VAULT_FORGOTTEN)
        return pl_fail(err, PL_E_GONE, "vault", "the key %llu was destroyed", (unsigned long long)number);
    const uint8_t *with = v->master;
    int rc = 0;
    if (!e->opened && e->slot.kind == PL__VAULT_USER) rc = pl_vault_key(v, e->slot.parent, &with, err);
    if (!rc && !e->opened && unwrap(v, e, with))
        rc = pl_fail(err, PL_E_CORRUPT, "vault", "the key %llu of %s does not open",
                     (unsigned long long)number, v->path);
    *key = rc ? NULL : e->key;
    return rc;
}

/* --- names --- */

static uint64_t place_of(const struct pl_vault *v, const uint8_t *name)
{
    uint64_t h;
    memcpy(&h, name, sizeof h);
    return h & (v->index_size - 1);
}

static void index_add(struct pl_vault *v, uint64_t number)
{
    uint64_t at = place_of(v, v->entries[number].slot.name);
    while (v->index[at]) at = (at + 1) & (v->index_size - 1);
    v->index[at] = number;
}

static int index_rebuild(struct pl_vault *v)
{
    uint64_t size = 64;
    while (size < 4 * v->n) size *= 2;
    uint64_t *fresh = calloc(size, sizeof *fresh);
    if (!fresh) return -PL_E_NO_MEMORY;
    free(v->index);
    v->index = fresh;
    v->index_size = size;
    for (uint64_t i = 1; i < v->n; i++)
        if (v->entries[i].slot.kind == PL__VAULT_TENANT || v->entries[i].slot.kind == PL__VAULT_USER)
            index_add(v, i);
    return 0;
}

static uint64_t find(const struct pl_vault *v, const uint8_t *name)
{
    for (uint64_t at = place_of(v, name); v->index[at]; at = (at + 1) & (v->index_size - 1))
        if (memcmp(v->entries[v->index[at]].slot.name, name, PL_HMAC_BYTES) == 0) return v->index[at];
    return 0;
}

static void name_tenant(const struct pl_vault *v, struct pl_str tenant, uint8_t *out)
{
    pl_hmac(v->name_key, (struct pl_str[]){PL_STR("tenant"), tenant}, 2, out);
}

static void name_user(const struct pl_vault *v, struct pl_str tenant, struct pl_str user, uint8_t *out)
{
    pl_hmac(v->name_key, (struct pl_str[]){PL_STR("user"), tenant, user}, 3, out);
}

/* --- making keys --- */

static int grow(struct pl_vault *v)
{
    uint64_t capacity = v->capacity ? 2 * v->capacity : 64;
    struct entry *fresh = calloc(capacity, sizeof *fresh);
    if (!fresh) return -PL_E_NO_MEMORY;
    if (v->n) memcpy(fresh, v->entries, v->n * sizeof *fresh);
    if (v->n) OPENSSL_cleanse(v->entries, v->n * sizeof *fresh);
    free(v->entries);
    v->entries = fresh;
    v->capacity = capacity;
    return 0;
}

/* A new key of KIND, wrapped by the master key or by its parent's. */
static int make(struct pl_vault *v, enum pl__vault_kind kind, uint64_t parent, const uint8_t *name,
                struct pl_err *err)
{
    const uint8_t *with = v->master;
    if ((v->n == v->capacity && grow(v)) || (v->index && 2 * (v->n + 1) > v->index_size && index_rebuild(v)))
        return out_of_memory(err);
    int rc = parent ? pl_vault_key(v, parent, &with, err) : 0;
    if (rc) return rc;
    struct entry *e = &v->entries[v->n];
    *e = (struct entry){.slot = {.kind = kind, .number = v->n, .parent = parent}};
    if (name) memcpy(e->slot.name, name, sizeof e->slot.name);
    if (pl_seal_random(e->key, sizeof e->key)) return pl_fail(err, PL_E_INTERNAL, "vault", "no random bytes");
    rc = wrap(v, &e->slot, with, e->key, err);
    if (rc) return rc;
    e->opened = true;
    v->n++;
    if (v->index && name && kind != PL__VAULT_HEADER) index_add(v, v->n - 1);
    return 0;
}

int pl_vault_owner(struct pl_vault *v, struct pl_str tenant, struct pl_str user, bool can_make,
                   uint64_t *number, struct pl_err *err)
{
    uint8_t name[PL_HMAC_BYTES], of_tenant[PL_HMAC_BYTES];
    int rc = 0;
    *number = PL_VAULT_SYSTEM;
    if (!user.len) return 0;
    name_user(v, tenant, user, name);
    *number = find(v, name);
    if (*number) return 0;
    if (!can_make) return pl_fail(err, PL_E_NOT_FOUND, "user", "there is nothing of this user");
    name_tenant(v, tenant, of_tenant);
    uint64_t parent = find(v, of_tenant);
    if (!parent) rc = make(v, PL__VAULT_TENANT, 0, of_tenant, err);
    if (!rc && !parent) parent = v->n - 1;
    if (!rc) rc = make(v, PL__VAULT_USER, parent, name, err);
    if (!rc) *number = v->n - 1;
    return rc;
}

/* --- open and close --- */

static int allocate(const char *path, const uint8_t *master, struct pl_vault **out)
{
    struct pl_vault *v = calloc(1, sizeof *v);
    *out = v;
    if (!v) return -PL_E_NO_MEMORY;
    v->fd = -1;
    v->path = strdup(path);
    v->seal = pl_seal_create();
    memcpy(v->master, master, PL_KEY_BYTES);
    return v->path && v->seal ? 0 : -PL_E_NO_MEMORY;
}

static struct pl__vault_slot *slots_of(const struct pl_vault *v, uint64_t from)
{
    struct pl__vault_slot *slots = calloc(v->n - from + 1, sizeof *slots);
    for (uint64_t i = from; slots && i < v->n; i++) slots[i - from] = v->entries[i].slot;
    return slots;
}

static int replace_file(struct pl_vault *v, struct pl_err *err)
{
    struct pl__vault_slot *slots = slots_of(v, 0);
    int rc = slots ? pl__vault_replace(v->path, slots, v->n, err) : out_of_memory(err);
    free(slots);
    if (!rc) v->synced = v->n;
    return rc;
}

static int create(struct pl_vault *v, struct pl_err *err)
{
    uint8_t id[PL_HMAC_BYTES] = {0};
    if (pl_seal_random(id, 16)) return pl_fail(err, PL_E_INTERNAL, "vault", "no random bytes");
    int rc = make(v, PL__VAULT_HEADER, 0, id, err);
    if (!rc) rc = make(v, PL__VAULT_SYSTEM, 0, NULL, err);
    return rc ? rc : replace_file(v, err);
}

/* A torn tail stays where it is, for the next slot to be written over it: only the store can tell whether
 * its keys were used. */
static int load(struct pl_vault *v, struct pl_err *err)
{
    struct pl__vault_slot *slots = NULL;
    uint64_t n = 0, bytes = 0;
    int rc = pl__vault_read(v->path, &slots, &n, &bytes, err);
    if (rc) return rc;
    struct entry *entries = calloc(n + 1, sizeof *entries);
    for (uint64_t i = 0; entries && i < n; i++) entries[i].slot = slots[i];
    free(slots);
    if (!entries) return out_of_memory(err);
    v->entries = entries;
    v->n = v->synced = n;
    v->capacity = n + 1;
    return 0;
}

static int open_file(struct pl_vault *v, struct pl_err *err)
{
    if (v->fd >= 0) close(v->fd);
    v->fd = open(v->path, O_RDWR | O_CLOEXEC);
    return v->fd >= 0 ? 0 : pl_fail(err, PL_E_IO, "vault", "cannot write %s: %s", v->path, strerror(errno));
}

static int unlock(struct pl_vault *v, struct pl_err *err)
{
    if (v->n < 2 || v->entries[1].slot.kind != PL__VAULT_SYSTEM)
        return pl_fail(err, PL_E_CORRUPT, "vault", "%s has no system key", v->path);
    if (!v->entries[0].opened && unwrap(v, &v->entries[0], v->master))
        return pl_fail(err, PL_E_FORBIDDEN, "master-key",
                       "the master key does not open %s: it was sealed with another one", v->path);
    pl_hmac(v->entries[0].key, (struct pl_str[]){PL_STR("row key")}, 1, v->row_key);
    pl_hmac(v->entries[0].key, (struct pl_str[]){PL_STR("names")}, 1, v->name_key);
    return index_rebuild(v) ? out_of_memory(err) : 0;
}

int pl_vault_open(const char *path, const uint8_t *master, enum pl_vault_mode mode, struct pl_vault **out,
                  struct pl_err *err)
{
    struct pl_vault *v = NULL;
    bool writable = mode != PL_VAULT_READ_ONLY;
    int rc = allocate(path, master, &v) ? out_of_memory(err) : 0;
    if (!rc && mode == PL_VAULT_CREATE && access(path, F_OK) && errno == ENOENT)
        rc = create(v, err);
    else if (!rc)
        rc = load(v, err);
    if (!rc) rc = unlock(v, err);
    if (!rc && writable) rc = open_file(v, err);
    if (rc) pl_vault_close(&v);
    *out = v;
    return rc;
}

void pl_vault_close(struct pl_vault **out)
{
    struct pl_vault *v = out ? *out : NULL;
    if (!v) return;
    if (v->fd >= 0) close(v->fd);
    if (v->entries) OPENSSL_cleanse(v->entries, v->n * sizeof *v->entries);
    free(v->entries);
    free(v->index);
    free(v->path);
    pl_seal_destroy(&v->seal);
    OPENSSL_cleanse(v, sizeof *v);
    free(v);
    *out = NULL;
}

const uint8_t *pl_vault_row_key(const struct pl_vault *v)
{
    return v->row_key;
}

const uint8_t *pl_vault_id(const struct pl_vault *v)
{
    return v->entries[0].slot.name;
}

uint64_t pl_vault_count(const struct pl_vault *v)
{
    return v->n;
}

int pl_vault_sync(struct pl_vault *v, struct pl_err *err)
{
    if (v->synced == v->n) return 0;
    struct pl__vault_slot *slots = slots_of(v, v->synced);
    int rc = slots ? pl__vault_write(v->fd, slots, v->synced, v->n - v->synced, err) : out_of_memory(err);
    free(slots);
    if (!rc) v->synced = v->n;
    return rc;
}

/* --- forgetting --- */

static int destroy_slot(struct pl_vault *v, uint64_t number, struct pl_err *err)
{
    const struct pl__vault_slot gone = {.kind = PL__VAULT_FORGOTTEN, .number = number};
    int rc = pl__vault_write(v->fd, &gone, number, 1, err);
    if (rc) return rc;
    OPENSSL_cleanse(&v->entries[number], sizeof v->entries[number]);
    v->entries[number].slot = gone;
    return index_rebuild(v) ? out_of_memory(err) : 0;
}

int pl_vault_clean_copies(const struct pl_vault *v, struct pl_err *err)
{
    return pl__vault_each_copy(v->path, pl__vault_clean_copy, err);
}

int pl_vault_forget(struct pl_vault *v, struct pl_str tenant, struct pl_str user, uint64_t *number,
                    struct pl_err *err)
{
    int rc = pl_vault_sync(v, err);
    *number = 0;
    if (rc || !user.len) return rc;
    if (pl_vault_owner(v, tenant, user, false, number, NULL)) *number = 0;
    if (*number) rc = destroy_slot(v, *number, err);
    return rc ? rc : pl_vault_clean_copies(v, err);
}

bool pl_vault_unswept(const struct pl_vault *v)
{
    for (uint64_t i = 1; i < v->n; i++)
        if (v->entries[i].slot.kind == PL__VAULT_FORGOTTEN && !v->entries[i].slot.swept) return true;
    return false;
}

int pl_vault_swept(struct pl_vault *v, struct pl_err *err)
{
    int rc = 0;
    for (uint64_t i = 1; i < v->n && !rc; i++) {
        struct pl__vault_slot *s = &v->entries[i].slot;
        if (s->kind != PL__VAULT_FORGOTTEN || s->swept) continue;
        s->swept = true;
        rc = pl__vault_write(v->fd, s, i, 1, err);
    }
    return rc;
}

/* --- rotation --- */

/* Wraps, in slots of its own, what WITH wraps now: the children of PARENT, or with 0 all that the master key
 * wraps. */
static int wrap_again(struct pl_vault *v, uint64_t parent, const uint8_t *with, struct pl__vault_slot *slots,
                      struct pl_err *err)
{
    int rc = 0;
    for (uint64_t i = 0; i < v->n && !rc; i++) {
        const uint8_t *key = v->entries[0].key;
        if (slots[i].kind == PL__VAULT_FORGOTTEN || slots[i].parent != parent) continue;
        if (i) rc = pl_vault_key(v, i, &key, err);
        if (!rc) rc = wrap(v, &slots[i], with, key, err);
    }
    return rc;
}

static int install(struct pl_vault *v, const struct pl__vault_slot *slots, struct pl_err *err)
{
    int rc = pl__vault_replace(v->path, slots, v->n, err);
    if (rc) return rc;
    for (uint64_t i = 0; i < v->n; i++) v->entries[i].slot = slots[i];
    v->synced = v->n;
    return 0;
}

static int renew_copies(struct pl_vault *v, struct pl_err *err)
{
    int rc = open_file(v, err);
    return rc ? rc : pl__vault_each_copy(v->path, pl__vault_renew_copy, err);
}

int pl_vault_rotate_master(struct pl_vault *v, const uint8_t *new_master, struct pl_err *err)
{
    struct pl__vault_slot *slots = slots_of(v, 0);
    int rc = slots ? wrap_again(v, 0, new_master, slots, err) : out_of_memory(err);
    if (!rc) rc = install(v, slots, err);
    free(slots);
    if (rc) return rc;
    memcpy(v->master, new_master, PL_KEY_BYTES);
    return renew_copies(v, err);
}

int pl_vault_rotate_tenant(struct pl_vault *v, struct pl_str tenant, struct pl_err *err)
{
    uint8_t name[PL_HMAC_BYTES], fresh[PL_KEY_BYTES];
    name_tenant(v, tenant, name);
    uint64_t number = find(v, name);
    if (!number) return pl_fail(err, PL_E_NOT_FOUND, "tenant", "there is nothing of this tenant");
    if (pl_seal_random(fresh, sizeof fresh)) return pl_fail(err, PL_E_INTERNAL, "vault", "no random bytes");
    struct pl__vault_slot *slots = slots_of(v, 0);
    int rc = slots ? wrap(v, &slots[number], v->master, fresh, err) : out_of_memory(err);
    if (!rc) rc = wrap_again(v, number, fresh, slots, err);
    if (!rc) rc = install(v, slots, err);
    free(slots);
    if (!rc) memcpy(v->entries[number].key, fresh, sizeof fresh);
    if (!rc) v->entries[number].opened = true;
    OPENSSL_cleanse(fresh, sizeof fresh);
    return rc ? rc : renew_copies(v, err);
}
