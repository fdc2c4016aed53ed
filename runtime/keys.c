/* keys.c - the table of the clients' keys: read, checked, looked up. keys_file.c changes the files. */
#include "runtime/keys.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zmq.h>

#include "runtime/keys_inside.h"

enum { FILE_BYTES_MAX = 4 << 20 };

static const char *const role_names[] = {"producer", "tool", "operator", "auditor"};
enum { N_ROLES = sizeof role_names / sizeof *role_names };

/* --- roles and names --- */

const char *pl_role_name(uint32_t role)
{
    for (int i = 0; i < N_ROLES; i++)
        if (role == 1u << i) return role_names[i];
    return "";
}

static uint32_t role_of(const char *word, size_t len)
{
    for (int i = 0; i < N_ROLES; i++)
        if (strlen(role_names[i]) == len && memcmp(role_names[i], word, len) == 0) return 1u << i;
    return 0;
}

uint32_t pl_roles_parse(const char *text)
{
    uint32_t roles = 0;
    for (const char *p = text;; p++) {
        size_t len = strcspn(p, ",");
        uint32_t role = role_of(p, len);
        if (!role) return 0;
        roles |= role;
        p += len;
        if (!*p) return roles;
    }
}

void pl_roles_print(uint32_t roles, char *out, size_t size)
{
    size_t n = 0;
    if (size) *out = 0;
    for (int i = 0; i < N_ROLES && n < size; i++)
        if (roles & 1u << i) n += (size_t)snprintf(out + n, size - n, "%s%s", n ? "," : "", role_names[i]);
}

bool pl__key_name_is_good(const char *name)
{
    size_t n = strlen(name);
    for (const char *p = name; *p; p++)
        if (!isalnum((unsigned char)*p) && !strchr("._-", *p)) return false;
    return n > 0 && n < PL_KEY_NAME && isalnum((unsigned char)*name);
}

/* --- the file --- */

int pl__keys_path(const char *data, const char *file, char out[PL__KEYS_PATH], struct pl_err *err)
{
    int n = snprintf(out, PL__KEYS_PATH, "%s/keys/%s", data, file);
    return n > 0 && n < PL__KEYS_PATH
               ? 0
               : pl_fail(err, PL_E_TOO_LARGE, "data", "the path of the data directory is too long");
}

static int check_mode(int fd, const char *path, size_t most, struct stat *st, struct pl_err *err)
{
    if (fstat(fd, st) || !S_ISREG(st->st_mode)) return pl_fail(err, PL_E_IO, "keys", "%s is no file", path);
    if (st->st_uid != geteuid() || (st->st_mode & 077))
        return pl_fail(err, PL_E_FORBIDDEN, "keys", "%s has to be a file of this user alone: chmod 600 it",
                       path);
    if ((size_t)st->st_size > most)
        return pl_fail(err, PL_E_TOO_LARGE, "keys", "%s has more than %zu bytes", path, most);
    return 0;
}

static int read_all(int fd, const char *path, size_t size, char **text, size_t *len, struct pl_err *err)
{
    char *buf = malloc(size + 1);
    if (!buf) return pl_fail(err, PL_E_NO_MEMORY, "keys", "%s: out of memory", path);
    size_t n = 0;
    ssize_t got = 1;
    while (n < size && (got = read(fd, buf + n, size - n)) > 0) n += (size_t)got;
    if (got < 0) {
        free(buf);
        return pl_fail(err, PL_E_IO, "keys", "cannot read %s: %s", path, strerror(errno));
    }
    buf[n] = 0;
    *text = buf;
    *len = n;
    return 0;
}

int pl__keys_read(const char *path, size_t most, char **text, size_t *len, struct pl_err *err)
{
    struct stat st;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0)
        return pl_fail(err, errno == ENOENT ? PL_E_NOT_FOUND : PL_E_IO, "keys", "cannot read %s: %s", path,
                       strerror(errno));
    int rc = check_mode(fd, path, most, &st, err);
    if (!rc) rc = read_all(fd, path, (size_t)st.st_size, text, len, err);
    close(fd);
    return rc;
}

static struct pl__file_state state_of(const char *path)
{
    struct stat st;
    if (stat(path, &st)) return (struct pl__file_state){.there = false};
    return (struct pl__file_state){true, st.st_ino, (uint64_t)st.st_size, st.st_mtim.tv_sec,
                                   st.st_mtim.tv_nsec};
}

static bool same_state(const struct pl__file_state *a, const struct pl__file_state *b)
{
    return a->there == b->there && a->inode == b->inode && a->size == b->size && a->seconds == b->seconds &&
           a->nanoseconds == b->nanoseconds;
}

/* --- JSON to keys --- */

static bool take_text(const json_t *o, const char *field, char *out, size_t size)
{
    const json_t *v = json_object_get(o, field);
    size_t n = json_string_length(v);
    if (!json_is_string(v) || n >= size || strlen(json_string_value(v)) != n) return false;
    memcpy(out, json_string_value(v), n + 1);
    return true;
}

static bool take_roles(const json_t *o, uint32_t *out)
{
    const json_t *list = json_object_get(o, "roles"), *v;
    size_t i;
    *out = 0;
    json_array_foreach(list, i, v)
    {
        uint32_t role = json_is_string(v) ? role_of(json_string_value(v), json_string_length(v)) : 0;
        if (!role) return false;
        *out |= role;
    }
    return *out != 0;
}

static bool is_key(const char *text)
{
    uint8_t bytes[32];
    return strlen(text) == PL_KEY_TEXT - 1 && zmq_z85_decode(bytes, text);
}

/* The field that is wrong, or NULL. */
static const char *take_key(const json_t *o, struct pl_key *k)
{
    const json_t *act_for = json_object_get(o, "act_for"), *revoked = json_object_get(o, "revoked");
    if (!take_text(o, "name", k->name, sizeof k->name) || !pl__key_name_is_good(k->name)) return "name";
    if (!take_text(o, "public", k->public_key, sizeof k->public_key) || !is_key(k->public_key))
        return "public";
    if (!take_text(o, "tenant", k->tenant, sizeof k->tenant) || !pl__key_name_is_good(k->tenant))
        return "tenant";
    if (!take_roles(o, &k->roles)) return "roles";
    if (act_for && !json_is_boolean(act_for)) return "act_for";
    k->act_for = json_is_true(act_for);
    if (!take_text(o, "created", k->created, sizeof k->created)) return "created";
    if (!revoked || json_is_null(revoked)) return NULL;
    return take_text(o, "revoked", k->revoked, sizeof k->revoked) && k->revoked[0] ? NULL : "revoked";
}

static int order_names(const void *a, const void *b)
{
    return strcmp((*(struct pl_key *const *)a)->name, (*(struct pl_key *const *)b)->name);
}

static int order_public(const void *a, const void *b)
{
    return strcmp((*(struct pl_key *const *)a)->public_key, (*(struct pl_key *const *)b)->public_key);
}

typedef int (*order_fn)(const void *a, const void *b);

/* A key that ORDER finds there twice, or NULL; sorts INDEX. */
static const struct pl_key *twice(struct pl_key **index, uint32_t n, order_fn order)
{
    if (n) qsort(index, n, sizeof *index, order);
    for (uint32_t i = 1; i < n; i++)
        if (order(&index[i - 1], &index[i]) == 0) return index[i];
    return NULL;
}

/* All keys sorted by their public part. */
static int make_index(const char *path, struct pl_key *keys, uint32_t n, struct pl_key ***out,
                      struct pl_err *err)
{
    struct pl_key **index = malloc((n + 1) * sizeof *index);
    if (!index) return pl_fail(err, PL_E_NO_MEMORY, "keys", "%s: out of memory", path);
    for (uint32_t i = 0; i < n; i++) index[i] = &keys[i];
    const struct pl_key *again = twice(index, n, order_names);
    if (!again) again = twice(index, n, order_public);
    *out = index;
    if (!again) return 0;
    free(index);
    return pl_fail(err, PL_E_INVALID, "keys", "%s: the name or the public key of `%s` stands there twice",
                   path, again->name);
}

static int take_keys(const char *path, const json_t *list, struct pl_key *keys, struct pl_err *err)
{
    const json_t *v;
    size_t i;
    json_array_foreach(list, i, v)
    {
        const char *wrong = take_key(v, &keys[i]);
        if (wrong)
            return pl_fail(err, PL_E_INVALID, "keys", "%s: keys[%zu].%s is missing or not as it has to be",
                           path, i, wrong);
    }
    return 0;
}

int pl__keys_parse(const char *path, const char *text, size_t len, struct pl_key **keys, uint32_t *count,
                   struct pl_err *err)
{
    json_error_t why;
    json_t *all = json_loadb(text, len, JSON_REJECT_DUPLICATES, &why);
    const json_t *list = json_object_get(all, "keys");
    int rc = 0;
    if (!all)
        rc = pl_fail(err, PL_E_INVALID, "keys", "%s:%d: %s", path, why.line, why.text);
    else if (json_integer_value(json_object_get(all, "version")) != 1 || !json_is_array(list))
        rc = pl_fail(err, PL_E_INVALID, "keys", "%s is no table of keys of version 1", path);
    else if (json_array_size(list) > PL_KEYS_MAX)
        rc = pl_fail(err, PL_E_TOO_LARGE, "keys", "%s holds more than %d keys", path, PL_KEYS_MAX);
    *count = rc ? 0 : (uint32_t)json_array_size(list);
    *keys = rc ? NULL : calloc(*count + 1, sizeof **keys);
    if (!rc && !*keys) rc = pl_fail(err, PL_E_NO_MEMORY, "keys", "%s: out of memory", path);
    if (!rc) rc = take_keys(path, list, *keys, err);
    json_decref(all);
    if (rc) {
        free(*keys);
        *keys = NULL;
    }
    return rc;
}

/* --- the table --- */

/* Reads what the file holds; the table changes only when that is good. */
static int reload(struct pl_keys *k, struct pl_err *err)
{
    struct pl_key *keys = NULL, **index = NULL;
    uint32_t count = 0;
    char *text = NULL;
    size_t len = 0;
    int rc = k->state.there ? pl__keys_read(k->path, FILE_BYTES_MAX, &text, &len, err) : 0;
    if (!rc && text) rc = pl__keys_parse(k->path, text, len, &keys, &count, err);
    if (!rc) rc = make_index(k->path, keys, count, &index, err);
    free(text);
    if (rc) {
        free(keys);
        return rc;
    }
    free(k->keys);
    free(k->by_public);
    k->keys = keys;
    k->by_public = index;
    k->count = count;
    return 0;
}

int pl_keys_open(const char *data, struct pl_keys **out, struct pl_err *err)
{
    struct pl_keys *k = calloc(1, sizeof *k);
    if (!k) return pl_fail(err, PL_E_NO_MEMORY, "keys", "out of memory");
    int rc = pl__keys_path(data, "clients.json", k->path, err);
    if (!rc) {
        k->state = state_of(k->path);
        rc = reload(k, err);
    }
    if (rc)
        pl_keys_close(&k);
    else
        *out = k;
    return rc;
}

void pl_keys_close(struct pl_keys **k)
{
    if (!k || !*k) return;
    free((*k)->keys);
    free((*k)->by_public);
    free(*k);
    *k = NULL;
}

int pl_keys_refresh(struct pl_keys *k, struct pl_err *err)
{
    struct pl__file_state now = state_of(k->path);
    if (same_state(&now, &k->state)) return 0;
    k->state = now;
    int rc = reload(k, err);
    return rc ? rc : 1;
}

uint32_t pl_keys_count(const struct pl_keys *k)
{
    return k->count;
}

uint32_t pl_keys_live(const struct pl_keys *k)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < k->count; i++) n += !k->keys[i].revoked[0];
    return n;
}

const struct pl_key *pl_keys_at(const struct pl_keys *k, uint32_t i)
{
    return i < k->count ? &k->keys[i] : NULL;
}

const struct pl_key *pl_keys_named(const struct pl_keys *k, const char *name)
{
    for (uint32_t i = 0; i < k->count; i++)
        if (strcmp(k->keys[i].name, name) == 0) return &k->keys[i];
    return NULL;
}

const struct pl_key *pl_keys_holder(const struct pl_keys *k, const char *public_key)
{
    struct pl_key wanted, *at = &wanted, **found = NULL;
    snprintf(wanted.public_key, sizeof wanted.public_key, "%s", public_key);
    if (k->count) found = bsearch(&at, k->by_public, k->count, sizeof at, order_public);
    return found ? *found : NULL;
}

const struct pl_key *pl_keys_known(const struct pl_keys *k, const char *public_key)
{
    const struct pl_key *key = pl_keys_holder(k, public_key);
    return key && !key->revoked[0] ? key : NULL;
}
