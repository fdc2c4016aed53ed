/* store_open.c - opening the database: its options, its families, and the damage that refuses it.
 *
 * Damage is looked for with a second, read-only opening, because recovery rewrites the log as tables and
 * would take the evidence away. */
#include "runtime/store_disk_inside.h"

#include <dirent.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

enum { OPEN_BYTES = 8 << 20, LOOK_BYTES = 1 << 30, VAULT_ID_BYTES = 16 };
#define VAULT_KEY "vault"

static void set_tables(struct pl__disk *d)
{
    rocksdb_block_based_table_options_t *t = rocksdb_block_based_options_create();
    rocksdb_block_based_options_set_filter_policy(t, rocksdb_filterpolicy_create_bloom(10));
    rocksdb_block_based_options_set_block_cache(t, d->cache);
    rocksdb_block_based_options_set_cache_index_and_filter_blocks(t, 1);
    rocksdb_options_set_block_based_table_factory(d->options, t);
    rocksdb_block_based_options_destroy(t);
}

void pl__disk_set_options(struct pl__disk *d)
{
    rocksdb_options_t *o = d->options;
    rocksdb_options_set_create_if_missing(o, 1);
    rocksdb_options_set_create_missing_column_families(o, 1);
    rocksdb_options_set_wal_recovery_mode(o, rocksdb_tolerate_corrupted_tail_records_recovery);
    rocksdb_options_set_paranoid_checks(o, 1);
    rocksdb_options_set_info_log_level(o, 5);
    rocksdb_options_set_keep_log_file_num(o, 2);
    rocksdb_options_set_max_log_file_size(o, 1 << 20);
    rocksdb_options_set_write_buffer_size(o, d->write_buffer_bytes);
    rocksdb_options_set_max_write_buffer_number(o, 2);
    rocksdb_options_set_max_total_wal_size(o, 4 * d->write_buffer_bytes);
    rocksdb_options_set_max_manifest_file_size(o, 16 << 20);
    rocksdb_options_set_manifest_preallocation_size(o, 64 << 10);
    rocksdb_options_set_max_open_files(o, 256);
    rocksdb_options_set_max_background_jobs(o, 2);
    rocksdb_options_set_stats_dump_period_sec(o, 0);
    rocksdb_options_set_stats_persist_period_sec(o, 0);
    rocksdb_options_set_compression(o, rocksdb_lz4_compression);
    set_tables(d);
    if (d->opts->secondary) rocksdb_options_set_max_open_files(o, -1); /* it holds what the writer removes */
}

static int add_family(struct pl__disk *d, const char *name, bool ours, struct pl_err *err)
{
    for (uint32_t i = 0; i < d->families_count; i++) {
        if (strcmp(d->families[i].name, name) != 0) continue;
        d->families[i].ours |= ours;
        return 0;
    }
    char *copy = d->families_count < PL__FAMILIES_MAX ? strdup(name) : NULL;
    if (!copy) return pl_fail(err, PL_E_NO_MEMORY, "store", "no room for the column family %s", name);
    d->families[d->families_count++] = (struct pl__family){.name = copy, .ours = ours};
    return 0;
}

/* A directory with tables or logs but without CURRENT is a damaged store, not a new one. */
static int check_new(const char *path, struct pl_err *err)
{
    DIR *dir = opendir(path);
    if (!dir) return pl_fail(err, PL_E_IO, "path", "cannot read the directory %s", path);
    bool used = false;
    for (struct dirent *e = readdir(dir); e && !used; e = readdir(dir)) {
        const char *dot = strrchr(e->d_name, '.');
        used = dot && (strcmp(dot, ".sst") == 0 || strcmp(dot, ".log") == 0);
    }
    closedir(dir);
    return used ? pl_fail(err, PL_E_CORRUPT, "path", "%s has data files but its CURRENT is missing", path)
                : 0;
}

/* RocksDB opens all families of a database or none, so those on disk are asked for first. */
static int list_families(struct pl__disk *d, struct pl_err *err)
{
    char current[4096], *text = NULL;
    int rc = add_family(d, "default", false, err);
    for (const char *const *f = d->opts->families; f && *f && !rc; f++) rc = add_family(d, *f, true, err);
    snprintf(current, sizeof current, "%s/CURRENT", d->opts->path);
    if (rc) return rc;
    if (access(current, F_OK) != 0) return check_new(d->opts->path, err);
    size_t n = 0;
    char **names = rocksdb_list_column_families(d->options, d->opts->path, &n, &text);
    if (text) return pl__disk_fail(text, PL_E_IO, "list the column families", err);
    for (size_t i = 0; i < n && !rc; i++) rc = add_family(d, names[i], false, err);
    for (uint32_t k = 0; k < d->families_count; k++)
        for (size_t i = 0; i < n; i++)
            if (strcmp(names[i], d->families[k].name) == 0) d->families[k].on_disk = true;
    rocksdb_list_column_families_destroy(names, n);
    return rc;
}

uint64_t pl__room_at(const char *path)
{
    struct statvfs s;
    return statvfs(path, &s) == 0 ? (uint64_t)s.f_bavail * s.f_frsize : 0;
}

/* Recovery writes the log's content as tables, and Debian's RocksDB aborts when the disk is full on the way.
 */
static int check_room_to_open(const char *path, struct pl_err *err)
{
    uint64_t need = OPEN_BYTES, room = pl__room_at(path);
    struct stat st;
    DIR *dir = opendir(path);
    if (!dir) return pl_fail(err, PL_E_IO, "path", "cannot read the directory %s", path);
    for (struct dirent *e = readdir(dir); e; e = readdir(dir)) {
        const char *dot = strrchr(e->d_name, '.');
        if (dot && strcmp(dot, ".log") == 0 && fstatat(dirfd(dir), e->d_name, &st, 0) == 0)
            need += (uint64_t)st.st_size;
    }
    closedir(dir);
    if (room >= need) return 0;
    return pl_fail(err, PL_E_STORAGE_FULL, "store",
                   "%llu MiB are free on the disk, and opening the store needs %llu MiB",
                   (unsigned long long)(room >> 20), (unsigned long long)(need >> 20));
}

static char *try_open(struct pl__disk *d)
{
    const char *names[PL__FAMILIES_MAX];
    const rocksdb_options_t *options[PL__FAMILIES_MAX];
    rocksdb_column_family_handle_t *handles[PL__FAMILIES_MAX];
    char *text = NULL;
    for (uint32_t i = 0; i < d->families_count; i++) names[i] = d->families[i].name, options[i] = d->options;
    d->db = d->opts->secondary
                ? rocksdb_open_as_secondary_column_families(d->options, d->opts->path, d->opts->secondary,
                                                            (int)d->families_count, names, options, handles,
                                                            &text)
                : rocksdb_open_column_families(d->options, d->opts->path, (int)d->families_count, names,
                                               options, handles, &text);
    if (text) d->db = NULL;
    for (uint32_t i = 0; d->db && i < d->families_count; i++) d->families[i].handle = handles[i];
    return text;
}

/* --- looking for damage, before recovery changes a file --- */

/* Reads every block of every table, which checks it. Past LOOK_BYTES the rest is checked when it is read. */
static char *read_tables(rocksdb_t *db, rocksdb_column_family_handle_t **handles, uint32_t n)
{
    char *text = NULL;
    uint64_t bytes = 0;
    rocksdb_readoptions_t *o = rocksdb_readoptions_create();
    rocksdb_readoptions_set_fill_cache(o, 0);
    rocksdb_readoptions_set_readahead_size(o, 2 << 20);
    for (uint32_t i = 0; i < n && !text; i++) {
        rocksdb_iterator_t *at = rocksdb_create_iterator_cf(db, o, handles[i]);
        for (rocksdb_iter_seek_to_first(at); rocksdb_iter_valid(at) && bytes < LOOK_BYTES;
             rocksdb_iter_next(at)) {
            size_t k, v;
            rocksdb_iter_key(at, &k);
            rocksdb_iter_value(at, &v);
            bytes += k + v;
        }
        rocksdb_iter_get_error(at, &text);
        rocksdb_iter_destroy(at);
    }
    rocksdb_readoptions_destroy(o);
    return text;
}

static char *read_mark(rocksdb_t *db, const struct pl__disk *d, rocksdb_column_family_handle_t *family,
                       struct pl__mark *m)
{
    char *text = NULL;
    size_t len = 0;
    char *row = rocksdb_get_cf(db, d->reading, family, PL__MARK_KEY, strlen(PL__MARK_KEY), &len, &text);
    *m = (struct pl__mark){0};
    if (row) pl__mark_decode(row, len, m);
    rocksdb_free(row);
    return text;
}

/* The newest file of the store with this ending. */
static void find_newest(const char *path, const char *ending, char *out, size_t size)
{
    char best[256] = "";
    DIR *dir = opendir(path);
    for (struct dirent *e = dir ? readdir(dir) : NULL; e; e = readdir(dir)) {
        const char *dot = strrchr(e->d_name, '.');
        if (dot && strcmp(dot, ending) == 0 && strcmp(e->d_name, best) > 0)
            snprintf(best, sizeof best, "%s", e->d_name);
    }
    if (dir) closedir(dir);
    snprintf(out, size, "%s/%s", path, best);
}

/* RocksDB names a damaged table, and of a damaged log only what is wrong with it. */
static int damaged(const struct pl__disk *d, char *text, struct pl_err *err)
{
    char log[600];
    if (strncmp(text, "Corruption", 10) != 0 || strstr(text, ".sst") || strstr(text, "MANIFEST"))
        return pl__disk_fail(text, PL_E_IO, "open the store", err);
    find_newest(d->opts->path, ".log", log, sizeof log);
    int rc =
        pl_fail(err, PL_E_CORRUPT, "store",
                "the log %.120s is damaged (%.60s): restore a backup (parlance backup restore)", log, text);
    rocksdb_free(text);
    return rc;
}

/* Opens a second time, only to read, so that a refusal leaves all files as they were found. */
static int look(struct pl__disk *d, struct pl_err *err)
{
    const char *names[PL__FAMILIES_MAX];
    const rocksdb_options_t *options[PL__FAMILIES_MAX];
    rocksdb_column_family_handle_t *handles[PL__FAMILIES_MAX];
    char *text = NULL;
    struct pl__mark held, acked;
    uint32_t n = 0;
    bool marked = pl__mark_read(d->opts->path, &acked); /* first: another process may be writing both */
    for (uint32_t i = 0; i < d->families_count; i++)
        if (d->families[i].on_disk) names[n] = d->families[i].name, options[n++] = d->options;
    rocksdb_t *db = rocksdb_open_for_read_only_column_families(d->options, d->opts->path, (int)n, names,
                                                               options, handles, 0, &text);
    if (text) return damaged(d, text, err);
    text = read_tables(db, handles, n);
    if (!text) text = read_mark(db, d, handles[0], &held);
    int rc = text ? damaged(d, text, err) : 0;
    if (!rc && marked) rc = pl__mark_compare(&held, &acked, d->opts->path, err);
    for (uint32_t i = 0; i < n; i++) rocksdb_column_family_handle_destroy(handles[i]);
    rocksdb_close(db);
    return rc;
}

/* --- whose store it is --- */

static bool has_rows(struct pl__disk *d)
{
    bool any = false;
    for (uint32_t i = 1; i < d->families_count && !any; i++) {
        rocksdb_iterator_t *at = rocksdb_create_iterator_cf(d->db, d->reading, d->families[i].handle);
        rocksdb_iter_seek_to_first(at);
        any = rocksdb_iter_valid(at);
        rocksdb_iter_destroy(at);
    }
    return any;
}

/* A vault that was cut off, or an older one, would give the numbers of lost keys to others. */
static int check_keys_used(struct pl__disk *d, struct pl_err *err)
{
    char *text = NULL;
    size_t len = 0;
    char *row = rocksdb_get_cf(d->db, d->reading, d->families[0].handle, PL__KEYS_USED, strlen(PL__KEYS_USED),
                               &len, &text);
    uint64_t have = pl_vault_count(d->vault);
    d->keys_used = 0;
    for (size_t i = 0; row && len == 8 && i < len; i++) d->keys_used = d->keys_used << 8 | (uint8_t)row[i];
    rocksdb_free(row);
    if (text) return damaged(d, text, err);
    if (d->keys_used <= have) return 0;
    return pl_fail(err, PL_E_CORRUPT, "vault",
                   "the vault has %llu keys and the values of %s use %llu: put back its newest copy (`vault` "
                   "beside the backups)",
                   (unsigned long long)have, d->opts->path, (unsigned long long)d->keys_used);
}

/* The store's first row names its vault: values of one vault are never read with another. */
static int check_vault(struct pl__disk *d, struct pl_err *err)
{
    char *text = NULL;
    size_t len = 0;
    rocksdb_column_family_handle_t *family = d->families[0].handle;
    const uint8_t *id = pl_vault_id(d->vault);
    char *row = rocksdb_get_cf(d->db, d->reading, family, VAULT_KEY, strlen(VAULT_KEY), &len, &text);
    bool same = row && len == VAULT_ID_BYTES && memcmp(row, id, len) == 0, found = row != NULL;
    rocksdb_free(row);
    if (text) return damaged(d, text, err);
    if (same) return check_keys_used(d, err);
    if (found)
        return pl_fail(err, PL_E_CONFLICT, "vault",
                       "the values of %s are sealed with another vault: put back its own", d->opts->path);
    if (has_rows(d))
        return pl_fail(err, PL_E_UNSUPPORTED, "store",
                       "%s was written by a version that did not seal its values: give another directory",
                       d->opts->path);
    rocksdb_put_cf(d->db, d->writing, family, VAULT_KEY, strlen(VAULT_KEY), (const char *)id, VAULT_ID_BYTES,
                   &text);
    return text ? pl__disk_fail(text, PL_E_STORAGE, "write to the store", err) : 0;
}

static int open_new_or_old(struct pl__disk *d, struct pl_err *err)
{
    char *text = try_open(d);
    if (text && strstr(text, "not linked")) { /* a RocksDB without LZ4 */
        rocksdb_free(text);
        rocksdb_options_set_compression(d->options, rocksdb_no_compression);
        text = try_open(d);
    }
    return text ? damaged(d, text, err) : 0;
}

int pl__disk_open_database(struct pl__disk *d, struct pl_err *err)
{
    bool writes = !d->opts->secondary;
    int rc = writes ? check_room_to_open(d->opts->path, err) : 0;
    if (!rc) rc = list_families(d, err);
    if (!rc && writes && d->families[0].on_disk) rc = look(d, err);
    if (!rc) rc = open_new_or_old(d, err);
    if (!rc && writes) rc = check_vault(d, err);
    if (rc) return rc;
    char *text = read_mark(d->db, d, d->families[0].handle, &d->mark);
    if (text) return damaged(d, text, err);
    if (d->mark_fd < 0 && writes) d->mark_fd = pl__mark_open(d->opts->path);
    return 0;
}

/* --- the vault --- */

static void vault_path(const struct pl__disk *d, char *out)
{
    if (d->opts->vault)
        snprintf(out, PATH_MAX, "%s", d->opts->vault);
    else
        snprintf(out, PATH_MAX, "%s.vault", d->opts->path);
}

/* The store never makes a vault for values that are there already: they would all be lost. */
static int open_vault(struct pl__disk *d, struct pl_err *err)
{
    char current[PATH_MAX], path[PATH_MAX];
    struct pl_err why; /* a copy that is away now is cleaned when it is back, at the next start */
    PL_MUST(d->opts->master);
    vault_path(d, path);
    snprintf(current, sizeof current, "%.4000s/CURRENT", d->opts->path);
    enum pl_vault_mode mode = d->opts->secondary           ? PL_VAULT_READ_ONLY
                              : access(current, F_OK) == 0 ? PL_VAULT_EXISTING
                                                           : PL_VAULT_CREATE;
    if (stat(path, &d->vault_seen)) d->vault_seen = (struct stat){0};
    int rc = pl_master_open(d->opts->master, path, mode, &d->vault, err);
    if (!rc && mode != PL_VAULT_READ_ONLY) pl_vault_clean_copies(d->vault, &why);
    return rc ? rc : pl__values_init(&d->values, d->vault, err);
}

static void close_vault(struct pl__disk *d)
{
    pl__values_finish(&d->values);
    pl_vault_close(&d->vault);
}

int pl__disk_follow_vault(struct pl__disk *d, struct pl_err *err)
{
    char path[PATH_MAX];
    struct stat st;
    vault_path(d, path);
    bool same = stat(path, &st) == 0 && st.st_ino == d->vault_seen.st_ino &&
                st.st_size == d->vault_seen.st_size && st.st_mtim.tv_sec == d->vault_seen.st_mtim.tv_sec &&
                st.st_mtim.tv_nsec == d->vault_seen.st_mtim.tv_nsec;
    if (same) return 0;
    struct pl__values values = d->values;
    struct pl_vault *vault = d->vault;
    int rc = open_vault(d, err);
    if (!rc) {
        pl__values_finish(&values);
        pl_vault_close(&vault);
        return 0;
    }
    close_vault(d); /* the old one still opens what it opened */
    d->values = values;
    d->vault = vault;
    return rc;
}

int pl__disk_open_all(struct pl__disk *d, struct pl_err *err)
{
    int rc = d->vault ? 0 : open_vault(d, err);
    return rc ? rc : pl__disk_open_database(d, err);
}

void pl__disk_close_all(struct pl__disk *d)
{
    pl__disk_close_database(d);
    close_vault(d);
    if (d->mark_fd >= 0) close(d->mark_fd);
}

void pl__disk_close_database(struct pl__disk *d)
{
    pl__disk_end_compaction(d);
    for (uint32_t i = 0; i < d->families_count; i++) {
        if (d->families[i].handle) rocksdb_column_family_handle_destroy(d->families[i].handle);
        free(d->families[i].name);
    }
    d->families_count = 0;
    if (d->db) rocksdb_close(d->db);
    d->db = NULL;
}
