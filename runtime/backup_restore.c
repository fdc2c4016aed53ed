/* backup_restore.c - a backup read against its manifest, and put in the place of a store. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <openssl/crypto.h>
#include <rocksdb/c.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "runtime/backup_files.h"
#include "runtime/dir.h"
#include "runtime/store_value.h"

enum { FAMILIES_MAX = 64 };

/* Reads all files against the manifest, copying them into TO when it is given. */
static int take_checked(const char *backup, const char *to, const struct pl_backup_files *files,
                        const struct pl_backup_watch *watch, struct pl_err *err)
{
    char store[PL_BACKUP_PATH];
    struct pl_backup_walk walk = {.watch = watch, .total = files->bytes};
    int rc = pl__path(store, err, "%s/store", backup);
    for (uint32_t i = 0; i < files->count && !rc; i++) {
        struct pl_backup_file seen = {.name = files->at[i].name};
        rc = pl__file_copy(store, to, &seen, &walk, err);
        if (!rc && (seen.size != files->at[i].size || strcmp(seen.sum, files->at[i].sum) != 0))
            rc = pl_fail(err, PL_E_CORRUPT, "backup", "%s/%s is not what was backed up: %s", store, seen.name,
                         seen.size != files->at[i].size ? "its size differs" : "its SHA-256 differs");
    }
    return rc;
}

/* A file that the manifest does not name could change what the store says. */
static int check_no_more(const char *backup, const struct pl_backup_files *files, struct pl_err *err)
{
    char store[PL_BACKUP_PATH];
    struct pl_backup_files there = {0};
    int rc = pl__path(store, err, "%s/store", backup);
    if (!rc) rc = pl__files_read(store, &there, err);
    for (uint32_t i = 0; i < there.count && !rc; i++) {
        bool known = false;
        for (uint32_t k = 0; k < files->count && !known; k++)
            known = strcmp(there.at[i].name, files->at[k].name) == 0;
        if (!known)
            rc = pl_fail(err, PL_E_CORRUPT, "backup", "%s/%s is no file of this backup", store,
                         there.at[i].name);
    }
    pl__files_finish(&there);
    return rc;
}

/* --- verify --- */

struct reader {
    struct pl_vault *vault; /* NULL: values are not opened */
    struct pl__values values;
    uint8_t *plain;
    size_t plain_bytes;
    rocksdb_options_t *options;
    rocksdb_t *db;
    char **names;
    size_t count;
    rocksdb_column_family_handle_t *handles[FAMILIES_MAX];
};

static int rocks(char *text, const char *path, struct pl_err *err)
{
    int rc = pl_fail(err, PL_E_CORRUPT, "backup", "%s does not open as a store: %.200s", path, text);
    rocksdb_free(text);
    return rc;
}

static int reader_open(struct reader *r, const char *path, struct pl_err *err)
{
    const rocksdb_options_t *options[FAMILIES_MAX];
    char *text = NULL;
    r->options = rocksdb_options_create();
    rocksdb_options_set_wal_recovery_mode(r->options, rocksdb_absolute_consistency_recovery);
    rocksdb_options_set_paranoid_checks(r->options, 1);
    rocksdb_options_set_info_log_level(r->options, 5);
    r->names = rocksdb_list_column_families(r->options, path, &r->count, &text);
    if (text) return rocks(text, path, err);
    if (r->count > FAMILIES_MAX) return pl_fail(err, PL_E_CORRUPT, "backup", "too many column families");
    for (size_t i = 0; i < r->count; i++) options[i] = r->options;
    r->db = rocksdb_open_for_read_only_column_families(
        r->options, path, (int)r->count, (const char *const *)r->names, options, r->handles, 0, &text);
    if (!text) return 0;
    r->db = NULL;
    return rocks(text, path, err);
}

static void reader_close(struct reader *r)
{
    for (size_t i = 0; r->db && i < r->count; i++) rocksdb_column_family_handle_destroy(r->handles[i]);
    if (r->db) rocksdb_close(r->db);
    if (r->names) rocksdb_list_column_families_destroy(r->names, r->count);
    if (r->options) rocksdb_options_destroy(r->options);
    if (r->vault) pl__values_finish(&r->values);
    pl_vault_close(&r->vault);
    if (r->plain) OPENSSL_cleanse(r->plain, r->plain_bytes);
    free(r->plain);
}

/* Opens the value at AT; what it says is not looked at. */
static int open_value(struct reader *r, const char *family, rocksdb_iterator_t *at,
                      struct pl_backup_report *out, struct pl_err *err)
{
    size_t nk, nv;
    uint32_t len;
    const char *key = rocksdb_iter_key(at, &nk), *value = rocksdb_iter_value(at, &nv);
    if (nv > r->plain_bytes) {
        uint8_t *more = realloc(r->plain, nv);
        if (!more) return pl_fail(err, PL_E_NO_MEMORY, "backup", "out of memory");
        r->plain = more;
        r->plain_bytes = nv;
    }
    int rc =
        pl__value_open(&r->values, pl_str_of(family), (struct pl_bin){(const uint8_t *)key, (uint32_t)nk},
                       (struct pl_bin){(const uint8_t *)value, (uint32_t)nv}, r->plain, &len, err);
    out->values += rc == 0;
    out->forgotten += rc == -PL_E_GONE;
    return rc == -PL_E_GONE ? 0 : rc;
}

static int count_rows(struct reader *r, size_t family, const char *path, struct pl_backup_report *out,
                      struct pl_err *err)
{
    struct pl_backup_family *f = &out->families[family];
    bool sealed = r->vault && strcmp(f->name, "default") != 0; /* that one has the store's own marks */
    int rc = 0;
    rocksdb_readoptions_t *o = rocksdb_readoptions_create();
    rocksdb_readoptions_set_verify_checksums(o, 1);
    rocksdb_iterator_t *at = rocksdb_create_iterator_cf(r->db, o, r->handles[family]);
    char *text = NULL;
    for (rocksdb_iter_seek_to_first(at); rocksdb_iter_valid(at) && !rc; rocksdb_iter_next(at)) {
        f->rows++;
        if (sealed) rc = open_value(r, f->name, at, out, err);
    }
    rocksdb_iter_get_error(at, &text);
    rocksdb_iter_destroy(at);
    rocksdb_readoptions_destroy(o);
    return text ? rocks(text, path, err) : rc;
}

static int open_keys(struct reader *r, const char *dir, const uint8_t *master, struct pl_err *err)
{
    char path[PL_BACKUP_PATH];
    int rc = pl__path(path, err, "%s/vault", dir);
    if (!rc) rc = pl_vault_open(path, master, PL_VAULT_READ_ONLY, &r->vault, err);
    return rc ? rc : pl__values_init(&r->values, r->vault, err);
}

static int count_all(const char *dir, const char *path, const uint8_t *master, struct pl_backup_report *out,
                     struct pl_err *err)
{
    struct reader r = {0};
    int rc = reader_open(&r, path, err);
    if (!rc && master) rc = open_keys(&r, dir, master, err);
    out->opened = !rc && master;
    for (size_t i = 0; i < r.count && !rc; i++) {
        struct pl_backup_family *f = &out->families[out->families_count++];
        snprintf(f->name, sizeof f->name, "%s", r.names[i]);
        rc = count_rows(&r, i, path, out, err);
    }
    reader_close(&r);
    return rc;
}

int pl_backup_verify(const char *dir, const char *name, const uint8_t *master,
                     const struct pl_backup_watch *watch, struct pl_backup_report *out, struct pl_err *err)
{
    char path[PL_BACKUP_PATH], store[PL_BACKUP_PATH];
    struct pl_backup_files files = {0};
    memset(out, 0, sizeof *out);
    int rc = pl_backup_check_name(name, err);
    if (!rc) rc = pl__path(path, err, "%s/%s", dir, name);
    if (!rc) rc = pl__path(store, err, "%s/store", path);
    if (!rc) rc = pl__manifest_read(path, name, &out->backup, &files, err);
    if (!rc) rc = take_checked(path, NULL, &files, watch, err);
    if (!rc) rc = check_no_more(path, &files, err);
    if (!rc) rc = count_all(dir, store, master, out, err);
    pl__files_finish(&files);
    return rc;
}

/* --- restore --- */

static int fail_move(const char *from, const char *to, struct pl_err *err)
{
    return pl_fail(err, PL_E_IO, "store", "cannot move %s to %s: %s", from, to, strerror(errno));
}

/* NEW gets the place of STORE in one step where the file system can exchange names. */
static int exchange(const char *fresh, const char *store, const char *aside, struct pl_err *err)
{
    if (renameat2(AT_FDCWD, fresh, AT_FDCWD, store, RENAME_EXCHANGE) == 0)
        return rename(fresh, aside) ? fail_move(fresh, aside, err) : 0;
    if (errno != EINVAL && errno != ENOSYS) return fail_move(fresh, store, err);
    if (rename(store, aside)) return fail_move(store, aside, err);
    return rename(fresh, store) ? fail_move(fresh, store, err) : 0;
}

static int put_in_place(const char *data, const char *fresh, char *aside, size_t aside_size,
                        struct pl_err *err)
{
    char store[PL_BACKUP_PATH], time[32], name[32];
    int rc = pl__path(store, err, "%s/store", data);
    if (rc) return rc;
    *aside = 0;
    if (access(store, F_OK) == 0) {
        pl_backup_now(time, name);
        snprintf(aside, aside_size, "%s/store.before-restore-%s", data, name);
        for (int i = 2; access(aside, F_OK) == 0; i++)
            snprintf(aside, aside_size, "%s/store.before-restore-%s-%d", data, name, i);
        rc = exchange(fresh, store, aside, err);
    } else if (rename(fresh, store)) {
        rc = fail_move(fresh, store, err);
    }
    return rc ? rc : pl__dir_sync(data, err);
}

/* A data directory that has its vault keeps it: it knows every key that the copy knows, and what was
 * forgotten since. */
static int put_vault_back(const char *dir, const char *data, struct pl_err *err)
{
    char vault[PL_BACKUP_PATH], copy[PL_BACKUP_PATH];
    int rc = pl__path(vault, err, "%s/vault", data);
    if (!rc) rc = pl__path(copy, err, "%s/vault", dir);
    return rc || access(copy, F_OK) || access(vault, F_OK) == 0 ? rc : pl_vault_copy(copy, vault, err);
}

int pl_backup_restore(const char *dir, const char *name, const char *data, char *aside, size_t aside_size,
                      const struct pl_backup_watch *watch, struct pl_err *err)
{
    char path[PL_BACKUP_PATH], fresh[PL_BACKUP_PATH];
    struct pl_backup b;
    struct pl_backup_files files = {0};
    int rc = pl_backup_check_name(name, err);
    if (!rc) rc = pl__path(path, err, "%s/%s", dir, name);
    if (!rc) rc = pl__path(fresh, err, "%s/.restore", data);
    if (!rc) rc = pl__manifest_read(path, name, &b, &files, err);
    if (!rc) rc = pl__dir_make(data, err);
    if (!rc) rc = pl__dir_remove(fresh, err);
    if (!rc) rc = pl__dir_make(fresh, err);
    if (!rc) rc = take_checked(path, fresh, &files, watch, err);
    if (!rc) rc = pl__dir_sync(fresh, err);
    if (!rc) rc = put_vault_back(dir, data, err);
    if (!rc) rc = put_in_place(data, fresh, aside, aside_size, err);
    pl__files_finish(&files);
    return rc;
}

int pl_backup_check_interrupted(const char *data, struct pl_err *err)
{
    char path[PL_BACKUP_PATH];
    bool store = pl__path(path, err, "%s/store", data) == 0 && access(path, F_OK) == 0;
    bool fresh = pl__path(path, err, "%s/.restore", data) == 0 && access(path, F_OK) == 0;
    if (store || !fresh) return 0;
    return pl_fail(
        err, PL_E_CONFLICT, "data",
        "a restore into %s was interrupted before the store was in place: run `parlance backup restore` "
        "again",
        data);
}
