/* store_disk.c - RocksDB as the store actor uses it. Owns the database, its families and one write batch;
 * belongs to the store's thread, which it blocks.
 *
 *   open --commit fails--> failed (reads work) --reopen--> open
 *                             |    ^
 *                             +----+ reopen fails: closed, reads are refused too
 *
 * Reopening needs room, because recovery writes what the log holds.
 *
 * 1. Write-ahead log recovery mode 0: a torn last record is dropped, since it was never acknowledged; any
 * other damage refuses to open. RocksDB's default would drop acknowledged writes without a word.
 * 2. Every commit is synced.
 * 3. The info log is at header level: at any other, Debian's build (with assertions) aborts inside the logger
 * when the disk is full, before the error is returned.
 * 4. After an error in the log RocksDB never writes again, hence close and reopen.
 * 5. A commit that failed in fsync is answered `storage`; when the machine then dies it may still be found in
 * the log. Writers see it as not done and write it again, so a write has to be repeatable. */
#include "runtime/store_disk.h"

#include <dirent.h>
#include <rocksdb/c.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "runtime/dir.h"
#include "runtime/store_op.h"

enum { FAMILIES_MAX = 64, BLOCK_CACHE_BYTES = 32 << 20, OPEN_BYTES = 8 << 20 };

struct family {
    char *name;
    bool ours; /* named by the options: others are opened because RocksDB insists, and not served */
    rocksdb_column_family_handle_t *handle;
};
struct pl__disk {
    const struct pl_store_opts *opts;
    uint64_t write_buffer_bytes, reserve_bytes;
    rocksdb_options_t *options;
    rocksdb_writeoptions_t *writing;
    rocksdb_readoptions_t *reading;
    rocksdb_cache_t *cache;
    rocksdb_writebatch_t *batch;
    rocksdb_t *db; /* NULL: closed */
    bool failed;
    struct family families[FAMILIES_MAX];
    uint32_t families_count;
};

/* Takes the text that RocksDB allocated. */
static int fail(char *text, int code, const char *doing, struct pl_err *err)
{
    if (strncmp(text, "Corruption", 10) == 0)
        code = PL_E_CORRUPT;
    else if (strstr(text, "While lock file") || strstr(text, "lock hold by"))
        code = PL_E_CONFLICT;
    int rc = pl_fail(err, code, "store", "cannot %s: %s", doing, text);
    rocksdb_free(text);
    return rc;
}

static void set_tables(struct pl__disk *d)
{
    rocksdb_block_based_table_options_t *t = rocksdb_block_based_options_create();
    rocksdb_block_based_options_set_filter_policy(t, rocksdb_filterpolicy_create_bloom(10));
    rocksdb_block_based_options_set_block_cache(t, d->cache);
    rocksdb_block_based_options_set_cache_index_and_filter_blocks(t, 1);
    rocksdb_options_set_block_based_table_factory(d->options, t);
    rocksdb_block_based_options_destroy(t);
}

static void set_options(struct pl__disk *d)
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
}

static int add_family(struct pl__disk *d, const char *name, bool ours, struct pl_err *err)
{
    for (uint32_t i = 0; i < d->families_count; i++) {
        if (strcmp(d->families[i].name, name) != 0) continue;
        d->families[i].ours |= ours;
        return 0;
    }
    char *copy = d->families_count < FAMILIES_MAX ? strdup(name) : NULL;
    if (!copy) return pl_fail(err, PL_E_NO_MEMORY, "store", "no room for the column family %s", name);
    d->families[d->families_count++] = (struct family){.name = copy, .ours = ours};
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
    if (text) return fail(text, PL_E_IO, "list the column families", err);
    for (size_t i = 0; i < n && !rc; i++) rc = add_family(d, names[i], false, err);
    rocksdb_list_column_families_destroy(names, n);
    return rc;
}

static uint64_t free_bytes(const char *path)
{
    struct statvfs s;
    return statvfs(path, &s) == 0 ? (uint64_t)s.f_bavail * s.f_frsize : 0;
}

/* Recovery writes the log's content as tables, and Debian's RocksDB aborts when the disk is full on the way.
 */
static int check_room_to_open(const char *path, struct pl_err *err)
{
    uint64_t need = OPEN_BYTES, room = free_bytes(path);
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
    return pl_fail(err, PL_E_STORAGE, "store",
                   "%llu MiB are free on the disk, and opening the store needs %llu MiB",
                   (unsigned long long)(room >> 20), (unsigned long long)(need >> 20));
}

static char *try_open(struct pl__disk *d)
{
    const char *names[FAMILIES_MAX];
    const rocksdb_options_t *options[FAMILIES_MAX];
    rocksdb_column_family_handle_t *handles[FAMILIES_MAX];
    char *text = NULL;
    for (uint32_t i = 0; i < d->families_count; i++) names[i] = d->families[i].name, options[i] = d->options;
    d->db = rocksdb_open_column_families(d->options, d->opts->path, (int)d->families_count, names, options,
                                         handles, &text);
    if (text) d->db = NULL;
    for (uint32_t i = 0; d->db && i < d->families_count; i++) d->families[i].handle = handles[i];
    return text;
}

static int open_database(struct pl__disk *d, struct pl_err *err)
{
    int rc = check_room_to_open(d->opts->path, err);
    if (!rc) rc = list_families(d, err);
    if (rc) return rc;
    char *text = try_open(d);
    if (text && strstr(text, "not linked")) { /* a RocksDB without LZ4 */
        rocksdb_free(text);
        rocksdb_options_set_compression(d->options, rocksdb_no_compression);
        text = try_open(d);
    }
    return text ? fail(text, PL_E_IO, "open the store", err) : 0;
}

static void close_database(struct pl__disk *d)
{
    for (uint32_t i = 0; i < d->families_count; i++) {
        if (d->families[i].handle) rocksdb_column_family_handle_destroy(d->families[i].handle);
        free(d->families[i].name);
    }
    d->families_count = 0;
    if (d->db) rocksdb_close(d->db);
    d->db = NULL;
}

static uint64_t default_reserve(const struct pl__disk *d)
{
    uint64_t families = 1;
    for (const char *const *f = d->opts->families; f && *f; f++) families++;
    return (64u << 20) + 2 * families * d->write_buffer_bytes;
}

int pl__disk_open(const struct pl_store_opts *o, struct pl__disk **out, struct pl_err *err)
{
    int rc = pl__dir_make(o->path, err);
    if (rc) return rc;
    struct pl__disk *d = calloc(1, sizeof *d);
    if (!d) return pl_fail(err, PL_E_NO_MEMORY, "store", "out of memory");
    d->opts = o;
    d->write_buffer_bytes = o->write_buffer_bytes ? o->write_buffer_bytes : 8u << 20;
    d->reserve_bytes = o->reserve_bytes ? o->reserve_bytes : default_reserve(d);
    d->options = rocksdb_options_create();
    d->writing = rocksdb_writeoptions_create();
    d->reading = rocksdb_readoptions_create();
    d->cache = rocksdb_cache_create_lru(BLOCK_CACHE_BYTES);
    d->batch = rocksdb_writebatch_create();
    set_options(d);
    rocksdb_writeoptions_set_sync(d->writing, 1);
    rc = open_database(d, err);
    if (rc)
        pl__disk_close(&d);
    else
        *out = d;
    return rc;
}

void pl__disk_close(struct pl__disk **d)
{
    if (!d || !*d) return;
    close_database(*d);
    rocksdb_writebatch_destroy((*d)->batch);
    rocksdb_options_destroy((*d)->options);
    rocksdb_writeoptions_destroy((*d)->writing);
    rocksdb_readoptions_destroy((*d)->reading);
    rocksdb_cache_destroy((*d)->cache);
    free(*d);
    *d = NULL;
}

uint64_t pl__disk_free_bytes(const struct pl__disk *d)
{
    return free_bytes(d->opts->path);
}

bool pl__disk_failed(const struct pl__disk *d)
{
    return d->failed;
}

static int check_room(const struct pl__disk *d, struct pl_err *err)
{
    uint64_t room = pl__disk_free_bytes(d);
    if (room >= d->reserve_bytes) return 0;
    return pl_fail(err, PL_E_STORAGE, "store",
                   "%llu MiB are free on the disk, and %llu MiB are kept in reserve",
                   (unsigned long long)(room >> 20), (unsigned long long)(d->reserve_bytes >> 20));
}

int pl__disk_reopen(struct pl__disk *d, struct pl_err *err)
{
    int rc = check_room(d, err);
    if (rc) return rc;
    close_database(d);
    rc = open_database(d, err);
    if (rc)
        close_database(d);
    else
        d->failed = false;
    return rc;
}

static rocksdb_column_family_handle_t *find_family(const struct pl__disk *d, struct pl_str name,
                                                   struct pl_err *err)
{
    for (uint32_t i = 0; i < d->families_count; i++)
        if (d->families[i].ours && pl_str_is(name, d->families[i].name)) return d->families[i].handle;
    pl_fail(err, PL_E_INVALID, "family", "there is no column family `%.*s`", PL_STR_FMT(name));
    return NULL;
}

/* Everything that RocksDB would refuse only after the log has it is refused here. */
static int check_op(const struct pl__disk *d, const struct pl_store_op *op, struct pl_err *err)
{
    if (!find_family(d, op->family, err)) return -PL_E_INVALID;
    return pl__store_op_check(op, err);
}

static const char *bytes_of(struct pl_bin b)
{
    return b.ptr ? (const char *)b.ptr : "";
}

static void add_op(struct pl__disk *d, const struct pl_store_op *op)
{
    rocksdb_column_family_handle_t *f = find_family(d, op->family, NULL);
    const char *key = bytes_of(op->key);
    if (op->op == PL_STORE_OP_OP_PUT)
        rocksdb_writebatch_put_cf(d->batch, f, key, op->key.len, bytes_of(op->value), op->value.len);
    else if (op->op == PL_STORE_OP_OP_DELETE)
        rocksdb_writebatch_delete_cf(d->batch, f, key, op->key.len);
    else
        rocksdb_writebatch_delete_range_cf(d->batch, f, key, op->key.len, bytes_of(op->end), op->end.len);
}

int pl__disk_add(struct pl__disk *d, const struct pl_store_write *w, struct pl_err *err)
{
    if (d->failed || !d->db)
        return pl_fail(err, PL_E_STORAGE, "store",
                       "the store is read-only since a write failed; it will be reopened");
    for (uint32_t i = 0; i < w->ops_count; i++) {
        int rc = check_op(d, &w->ops[i], err);
        if (rc) return rc;
    }
    for (uint32_t i = 0; i < w->ops_count; i++) add_op(d, &w->ops[i]);
    return 0;
}

size_t pl__disk_batch_bytes(struct pl__disk *d)
{
    size_t n;
    rocksdb_writebatch_data(d->batch, &n);
    return n;
}

int pl__disk_commit(struct pl__disk *d, struct pl_err *err)
{
    char *text = NULL;
    int rc = check_room(d, err);
    if (!rc && rocksdb_writebatch_count(d->batch) > 0) rocksdb_write(d->db, d->writing, d->batch, &text);
    rocksdb_writebatch_clear(d->batch);
    if (!text) return rc;
    d->failed = true;
    fail(text, PL_E_STORAGE, "commit", err);
    if (err) err->code = PL_E_STORAGE;
    return -PL_E_STORAGE;
}

static int check_open(const struct pl__disk *d, struct pl_err *err)
{
    if (d->db) return 0;
    return pl_fail(err, PL_E_UNAVAILABLE, "store",
                   "the store is closed since a write failed; it will be reopened");
}

int pl__disk_checkpoint(struct pl__disk *d, const char *path, uint64_t *sequence, struct pl_err *err)
{
    char *text = NULL;
    int rc = check_open(d, err);
    if (!rc) rc = check_room(d, err);
    if (rc) return rc;
    rocksdb_checkpoint_t *c = rocksdb_checkpoint_object_create(d->db, &text);
    if (c && !text) rocksdb_checkpoint_create(c, path, 0, &text);
    if (c) rocksdb_checkpoint_object_destroy(c);
    *sequence = rocksdb_get_latest_sequence_number(d->db);
    return text ? fail(text, PL_E_IO, "make a checkpoint", err) : 0;
}

/* Copies a row into REPLY. */
static int fill_row(struct pl_msg *reply, struct pl_store_row *row, struct pl_bin key, const char *value,
                    size_t len)
{
    row->found = value != NULL;
    row->has_value = value != NULL;
    row->key = pl_msg_bin(reply, key.ptr, key.len);
    if (value) row->value = pl_msg_bin(reply, value, len);
    return (key.len && !row->key.ptr) || (value && len && !row->value.ptr) ? -PL_E_NO_MEMORY : 0;
}

static int get_row(struct pl__disk *d, const struct pl_store_key *k, struct pl_msg *reply,
                   struct pl_store_row *row, size_t *bytes, struct pl_err *err)
{
    char *text = NULL;
    rocksdb_column_family_handle_t *f = find_family(d, k->family, err);
    if (!f) return -PL_E_INVALID;
    rocksdb_pinnableslice_t *p =
        rocksdb_get_pinned_cf(d->db, d->reading, f, bytes_of(k->key), k->key.len, &text);
    if (text) return fail(text, PL_E_IO, "read", err);
    size_t n = 0;
    const char *value = rocksdb_pinnableslice_value(p, &n);
    int rc = 0;
    *bytes += k->key.len + n;
    if (*bytes > PL_STORE_REPLY_BYTES)
        rc = pl_fail(err, PL_E_TOO_LARGE, "keys", "the values do not fit one answer; ask for fewer keys");
    else if (fill_row(reply, row, k->key, value, n))
        rc = pl_fail(err, PL_E_NO_MEMORY, "keys", "out of memory");
    if (p) rocksdb_pinnableslice_destroy(p);
    return rc;
}

int pl__disk_get(struct pl__disk *d, const struct pl_store_get *get, struct pl_msg *reply, struct pl_err *err)
{
    struct pl_store_values *b = reply->body;
    int rc = check_open(d, err);
    if (rc) return rc;
    b->rows = pl_msg_alloc(reply, (get->keys_count + 1) * sizeof *b->rows);
    if (!b->rows) return pl_fail(err, PL_E_NO_MEMORY, "keys", "out of memory");
    size_t bytes = 0;
    for (uint32_t i = 0; i < get->keys_count && !rc; i++)
        rc = get_row(d, &get->keys[i], reply, &b->rows[b->rows_count++], &bytes, err);
    return rc;
}

/* A scan in progress: the range and the iterator that keeps to it. The iterator borrows both bounds. */
struct walk {
    rocksdb_readoptions_t *options;
    rocksdb_iterator_t *at;
    bool reverse;
};

static void walk_begin(struct walk *w, struct pl__disk *d, rocksdb_column_family_handle_t *f,
                       const struct pl_store_scan *s)
{
    w->options = rocksdb_readoptions_create();
    w->reverse = s->reverse;
    if (s->has_to && s->to.len)
        rocksdb_readoptions_set_iterate_upper_bound(w->options, bytes_of(s->to), s->to.len);
    if (s->has_from && s->from.len)
        rocksdb_readoptions_set_iterate_lower_bound(w->options, bytes_of(s->from), s->from.len);
    w->at = rocksdb_create_iterator_cf(d->db, w->options, f);
    if (w->reverse)
        rocksdb_iter_seek_to_last(w->at);
    else
        rocksdb_iter_seek_to_first(w->at);
}

static void walk_step(struct walk *w)
{
    if (w->reverse)
        rocksdb_iter_prev(w->at);
    else
        rocksdb_iter_next(w->at);
}

/* Fills rows until a limit or the end; a first row is given whatever its size, so that every scan moves on.
 */
static int walk_rows(struct walk *w, const struct pl_store_scan *s, struct pl_msg *reply, struct pl_err *err)
{
    struct pl_store_rows *b = reply->body;
    uint64_t bytes = 0, most = s->max_bytes < PL_STORE_REPLY_BYTES ? s->max_bytes : PL_STORE_REPLY_BYTES;
    for (; rocksdb_iter_valid(w->at); walk_step(w)) {
        size_t nk, nv;
        const char *key = rocksdb_iter_key(w->at, &nk), *value = rocksdb_iter_value(w->at, &nv);
        bytes += nk + nv;
        b->more = b->rows_count == s->limit || (b->rows_count > 0 && bytes > most);
        if (b->more) break;
        if (fill_row(reply, &b->rows[b->rows_count++], (struct pl_bin){(const uint8_t *)key, (uint32_t)nk},
                     value, nv))
            return pl_fail(err, PL_E_NO_MEMORY, "limit", "out of memory");
    }
    char *text = NULL;
    rocksdb_iter_get_error(w->at, &text);
    return text ? fail(text, PL_E_IO, "scan", err) : 0;
}

int pl__disk_scan(struct pl__disk *d, const struct pl_store_scan *scan, struct pl_msg *reply,
                  struct pl_err *err)
{
    struct pl_store_rows *b = reply->body;
    int rc = check_open(d, err);
    rocksdb_column_family_handle_t *f = rc ? NULL : find_family(d, scan->family, err);
    if (!f) return rc ? rc : -PL_E_INVALID;
    if (scan->has_from && scan->has_to && scan->to.len && pl__store_compare(scan->from, scan->to) >= 0)
        return 0;
    PL_MUST(scan->limit <= 4096);
    b->rows = pl_msg_alloc(reply, ((size_t)scan->limit + 1) * sizeof *b->rows);
    if (!b->rows) return pl_fail(err, PL_E_NO_MEMORY, "limit", "out of memory");
    struct walk w;
    walk_begin(&w, d, f, scan);
    rc = walk_rows(&w, scan, reply, err);
    rocksdb_iter_destroy(w.at);
    rocksdb_readoptions_destroy(w.options);
    return rc;
}
