/* keys_file.c - changes of the key files: each under the lock, written whole, synced, renamed. */
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zmq.h>

#include "runtime/dir.h"
#include "runtime/keys_inside.h"

enum { SERVER_BYTES_MAX = 256 };

/* --- whole files --- */

static int write_all(int fd, const char *path, const char *text, struct pl_err *err)
{
    size_t n = strlen(text);
    while (n > 0) {
        ssize_t put = write(fd, text, n);
        if (put < 0) return pl_fail(err, PL_E_IO, "keys", "cannot write %s: %s", path, strerror(errno));
        text += put;
        n -= (size_t)put;
    }
    return fsync(fd) == 0 ? 0 : pl_fail(err, PL_E_IO, "keys", "cannot sync %s: %s", path, strerror(errno));
}

static int write_new(const char *path, int flags, const char *text, struct pl_err *err)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW | flags, 0600);
    if (fd < 0)
        return pl_fail(err, errno == EEXIST ? PL_E_CONFLICT : PL_E_IO, "keys", "cannot write %s: %s", path,
                       strerror(errno));
    int rc = fchmod(fd, 0600) ? pl_fail(err, PL_E_IO, "keys", "cannot chmod %s", path) : 0;
    if (!rc) rc = write_all(fd, path, text, err);
    if (close(fd) && !rc) rc = pl_fail(err, PL_E_IO, "keys", "cannot close %s", path);
    if (rc) unlink(path);
    return rc;
}

static void sync_dir_of(const char *path)
{
    char dir[PL__KEYS_PATH];
    snprintf(dir, sizeof dir, "%.*s", (int)(strrchr(path, '/') - path), path);
    int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) return;
    fsync(fd);
    close(fd);
}

static int replace(const char *path, const char *text, struct pl_err *err)
{
    char fresh[PL__KEYS_PATH + 8];
    snprintf(fresh, sizeof fresh, "%s.new", path);
    int rc = write_new(fresh, O_TRUNC, text, err);
    if (!rc && rename(fresh, path)) {
        rc = pl_fail(err, PL_E_IO, "keys", "cannot rename %s: %s", fresh, strerror(errno));
        unlink(fresh);
    }
    if (!rc) sync_dir_of(path);
    return rc;
}

/* --- the service's own pair --- */

int pl_keys_server(const char *data, struct pl_key_pair *out, struct pl_err *err)
{
    char path[PL__KEYS_PATH], *text = NULL;
    size_t len = 0;
    int rc = pl__keys_path(data, "server.key", path, err);
    if (!rc) rc = pl__keys_read(path, SERVER_BYTES_MAX, &text, &len, err);
    if (rc) return rc;
    if (len == PL_KEY_TEXT && text[len - 1] == '\n') text[--len] = 0;
    bool good = len == PL_KEY_TEXT - 1 && strlen(text) == len && zmq_curve_public(out->public_key, text) == 0;
    if (good) memcpy(out->secret_key, text, PL_KEY_TEXT);
    explicit_bzero(text, len);
    free(text);
    return good ? 0 : pl_fail(err, PL_E_INVALID, "keys", "%s holds no key of 40 characters", path);
}

static int make_pair(struct pl_key_pair *out, struct pl_err *err)
{
    if (zmq_curve_keypair(out->public_key, out->secret_key) == 0) return 0;
    return pl_fail(err, PL_E_UNSUPPORTED, "keys", "this build of ZeroMQ knows no CURVE");
}

static int put_line(const char *data, const char *file, const char *key, struct pl_err *err)
{
    char path[PL__KEYS_PATH], line[PL_KEY_TEXT + 1];
    int rc = pl__keys_path(data, file, path, err);
    snprintf(line, sizeof line, "%s\n", key);
    if (!rc) rc = replace(path, line, err);
    explicit_bzero(line, sizeof line);
    return rc;
}

static int need_server(const char *data, struct pl_key_pair *out, struct pl_err *err)
{
    int rc = pl_keys_server(data, out, err);
    if (rc != -PL_E_NOT_FOUND) return rc;
    rc = make_pair(out, err);
    if (!rc) rc = put_line(data, "server.key", out->secret_key, err);
    return rc ? rc : put_line(data, "server.pub", out->public_key, err);
}

/* --- the table --- */

/* A descriptor that holds the lock, or a negative code. */
static int take_lock(const char *data, struct pl_err *err)
{
    char path[PL__KEYS_PATH];
    int rc = pl__keys_path(data, "lock", path, err);
    if (!rc) rc = pl__dir_make_private_for(path, err);
    if (rc) return rc;
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0) return pl_fail(err, PL_E_IO, "keys", "cannot open %s: %s", path, strerror(errno));
    while (flock(fd, LOCK_EX))
        if (errno != EINTR) {
            close(fd);
            return pl_fail(err, PL_E_IO, "keys", "cannot lock %s: %s", path, strerror(errno));
        }
    return fd;
}

static json_t *roles_to_json(uint32_t roles)
{
    json_t *list = json_array();
    for (uint32_t bit = 1; bit <= PL_ROLE_AUDITOR; bit <<= 1)
        if (roles & bit) json_array_append_new(list, json_string(pl_role_name(bit)));
    return list;
}

static json_t *key_to_json(const struct pl_key *k)
{
    json_t *o = json_object();
    json_object_set_new(o, "name", json_string(k->name));
    json_object_set_new(o, "public", json_string(k->public_key));
    json_object_set_new(o, "tenant", json_string(k->tenant));
    json_object_set_new(o, "roles", roles_to_json(k->roles));
    json_object_set_new(o, "act_for", json_boolean(k->act_for));
    json_object_set_new(o, "created", json_string(k->created));
    json_object_set_new(o, "revoked", k->revoked[0] ? json_string(k->revoked) : json_null());
    return o;
}

/* Writes the table; LAST (may be NULL) is put behind it. */
static int write_table(const struct pl_keys *k, const struct pl_key *last, struct pl_err *err)
{
    json_t *all = json_object(), *list = json_array();
    for (uint32_t i = 0; i < k->count; i++) json_array_append_new(list, key_to_json(&k->keys[i]));
    if (last) json_array_append_new(list, key_to_json(last));
    json_object_set_new(all, "version", json_integer(1));
    json_object_set_new(all, "keys", list);
    char *text = json_dumps(all, JSON_INDENT(1));
    json_decref(all);
    int rc = text ? replace(k->path, text, err) : pl_fail(err, PL_E_NO_MEMORY, "keys", "out of memory");
    free(text);
    return rc;
}

static int check(const struct pl_key *key, struct pl_err *err)
{
    if (!pl__key_name_is_good(key->name))
        return pl_fail(err, PL_E_INVALID, "name",
                       "a key's name has 1 to 64 letters, digits, `.`, `_` or `-`, a letter or digit first");
    if (!pl__key_name_is_good(key->tenant))
        return pl_fail(
            err, PL_E_INVALID, "tenant",
            "a tenant's name has 1 to 64 letters, digits, `.`, `_` or `-`, a letter or digit first");
    if (!key->roles || key->roles & ~(uint32_t)PL_ROLES_ALL)
        return pl_fail(err, PL_E_INVALID, "role", "a role is producer, tool, operator or auditor");
    return 0;
}

int pl_keys_prepare(const char *data, const struct pl_key *key, struct pl_err *err)
{
    char path[PL__KEYS_PATH];
    int rc = check(key, err);
    if (!rc) rc = pl__keys_path(data, "lock", path, err);
    return rc ? rc : pl__dir_make_private_for(path, err);
}

static int add(const struct pl_keys *k, struct pl_key *key, struct pl_key_pair *client, struct pl_err *err)
{
    if (pl_keys_named(k, key->name))
        return pl_fail(err, PL_E_CONFLICT, "name",
                       "there is a key `%s` already; a name is used once, also after it is revoked",
                       key->name);
    if (k->count >= PL_KEYS_MAX)
        return pl_fail(err, PL_E_TOO_LARGE, "name", "there are %d keys, which is the limit", PL_KEYS_MAX);
    int rc = make_pair(client, err);
    memcpy(key->public_key, client->public_key, sizeof key->public_key);
    return rc ? rc : write_table(k, key, err);
}

int pl_keys_add(const char *data, struct pl_key *key, struct pl_key_pair *client, struct pl_key_pair *server,
                struct pl_err *err)
{
    struct pl_keys *k = NULL;
    int rc = check(key, err);
    if (rc) return rc;
    int lock = take_lock(data, err);
    if (lock < 0) return lock;
    rc = pl_keys_open(data, &k, err);
    if (!rc) rc = need_server(data, server, err);
    if (!rc) rc = add(k, key, client, err);
    pl_keys_close(&k);
    close(lock);
    return rc;
}

static int mark(struct pl_keys *k, const char *name, const char *time, struct pl_err *err)
{
    struct pl_key *key = (struct pl_key *)pl_keys_named(k, name);
    if (!key) return pl_fail(err, PL_E_NOT_FOUND, "name", "there is no key `%.64s`", name);
    if (key->revoked[0])
        return pl_fail(err, PL_E_CONFLICT, "name", "the key `%s` was revoked at %s", name, key->revoked);
    snprintf(key->revoked, sizeof key->revoked, "%s", time);
    return write_table(k, NULL, err);
}

int pl_keys_revoke(const char *data, const char *name, const char *time, struct pl_err *err)
{
    struct pl_keys *k = NULL;
    int lock = take_lock(data, err);
    if (lock < 0) return lock;
    int rc = pl_keys_open(data, &k, err);
    if (!rc) rc = mark(k, name, time, err);
    pl_keys_close(&k);
    close(lock);
    return rc;
}

/* --- a client's file --- */

int pl_keys_write_client(const char *path, const char *name, const struct pl_key_pair *client,
                         const char *server_public, const char *endpoint, struct pl_err *err)
{
    json_t *o = json_object();
    json_object_set_new(o, "name", json_string(name));
    json_object_set_new(o, "server", json_string(server_public));
    json_object_set_new(o, "public", json_string(client->public_key));
    json_object_set_new(o, "secret", json_string(client->secret_key));
    if (endpoint) json_object_set_new(o, "endpoint", json_string(endpoint));
    char *text = json_dumps(o, JSON_INDENT(1));
    json_decref(o);
    if (!text) return pl_fail(err, PL_E_NO_MEMORY, "keys", "out of memory");
    int rc = write_new(path, O_EXCL, text, err);
    explicit_bzero(text, strlen(text));
    free(text);
    return rc;
}
