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
 * 5. A commit that failed in fsync is answered `storage`; when the log is read again it may still be found
 * there. That is harmless because a write is repeatable: who was refused asks again with the same id and
 * finds either nothing or its own promise, whole. Its number is not in ACKED, and the next commit goes on
 * from whatever was found.
 * 6. Values are sealed on the way into the batch and opened on the way into a reply; keys that are new are
 * synced to the vault before the batch. A value of a forgotten owner is absent in every reply.
 * 7. Each commit is numbered (store_mark.h). */
#include "runtime/store_disk_inside.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "runtime/dir.h"
#include "runtime/store_op.h"

enum { BLOCK_CACHE_BYTES = 32 << 20 };

int pl__disk_fail(char *text, int code, const char *doing, struct pl_err *err)
{
    const char *back = "";
    if (strncmp(text, "Corruption", 10) == 0)
        code = PL_E_CORRUPT, back = "; restore a backup (parlance backup restore)";
    else if (strstr(text, "While lock file") || strstr(text, "lock hold by"))
        code = PL_E_CONFLICT;
    else if (strstr(text, "No space left") || strstr(text, "quota exceeded") ||
             strstr(text, "File too large"))
        code = PL_E_STORAGE_FULL;
    int rc = pl_fail(err, code, "store", "cannot %s: %.200s%s", doing, text, back);
    rocksdb_free(text);
    return rc;
}

static uint64_t default_reserve(const struct pl__disk *d)
{
    uint64_t families = 1;
    for (const char *const *f = d->opts->families; f && *f; f++) families++;
    return (64u << 20) + 2 * families * d->write_buffer_bytes;
}

int pl__disk_open(const struct pl_store_opts *o, struct pl__disk **out, struct pl_err *err)
{
    int rc = pl__dir_make(o->secondary ? o->secondary : o->path, err);
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
    d->mark_fd = -1;
    pl__disk_set_options(d);
    rocksdb_writeoptions_set_sync(d->writing, 1);
    rc = pl__disk_open_all(d, err);
    d->sweep.running = !rc && !o->secondary && pl_vault_unswept(d->vault);
    if (rc && o->secondary) {
        pl__disk_close_database(d); /* the writer may be making it */
        rc = 0;
    }
    if (rc)
        pl__disk_close(&d);
    else
        *out = d;
    return rc;
}

void pl__disk_close(struct pl__disk **d)
{
    if (!d || !*d) return;
    pl__disk_close_all(*d);
    free((*d)->sealed);
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
    return pl__room_at(d->opts->path);
}

bool pl__disk_failed(const struct pl__disk *d)
{
    return d->failed_code != 0;
}

static int check_room(const struct pl__disk *d, struct pl_err *err)
{
    uint64_t room = pl__disk_free_bytes(d);
    if (room >= d->reserve_bytes) return 0;
    return pl_fail(err, PL_E_STORAGE_FULL, "store",
                   "%llu MiB are free on the disk, and %llu MiB are kept in reserve",
                   (unsigned long long)(room >> 20), (unsigned long long)(d->reserve_bytes >> 20));
}

int pl__disk_reopen(struct pl__disk *d, struct pl_err *err)
{
    int rc = check_room(d, err);
    if (rc) return rc;
    pl__disk_close_database(d);
    rc = pl__disk_open_database(d, err);
    if (rc)
        pl__disk_close_database(d);
    else
        d->failed_code = 0;
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

static int add_put(struct pl__disk *d, rocksdb_column_family_handle_t *f, const struct pl_store_op *op,
                   struct pl_err *err)
{
    size_t most = (size_t)op->value.len + PL__VALUE_OVERHEAD_MAX, len;
    if (most > d->sealed_bytes) {
        uint8_t *grown = realloc(d->sealed, most);
        if (!grown) return pl_fail(err, PL_E_NO_MEMORY, "value", "no memory to seal a value");
        d->sealed = grown;
        d->sealed_bytes = most;
    }
    int rc = pl__value_seal(&d->values, op, d->sealed, &len, err);
    if (!rc)
        rocksdb_writebatch_put_cf(d->batch, f, bytes_of(op->key), op->key.len, (const char *)d->sealed, len);
    return rc;
}

static int add_op(struct pl__disk *d, const struct pl_store_op *op, struct pl_err *err)
{
    rocksdb_column_family_handle_t *f = find_family(d, op->family, NULL);
    const char *key = bytes_of(op->key);
    if (op->op == PL_STORE_OP_OP_PUT) return add_put(d, f, op, err);
    if (op->op == PL_STORE_OP_OP_DELETE)
        rocksdb_writebatch_delete_cf(d->batch, f, key, op->key.len);
    else
        rocksdb_writebatch_delete_range_cf(d->batch, f, key, op->key.len, bytes_of(op->end), op->end.len);
    return 0;
}

static int refuse_to_write(struct pl_err *err)
{
    return pl_fail(err, PL_E_UNAVAILABLE, "store", "this is a standby: it only reads");
}

int pl__disk_add(struct pl__disk *d, const struct pl_store_write *w, struct pl_err *err)
{
    char *text = NULL;
    int rc = 0;
    if (d->opts->secondary) return refuse_to_write(err);
    if (d->failed_code || !d->db)
        return pl_fail(err, d->failed_code ? d->failed_code : PL_E_STORAGE, "store",
                       "the store is read-only since a write failed; it will be reopened");
    for (uint32_t i = 0; i < w->ops_count; i++) {
        rc = check_op(d, &w->ops[i], err);
        if (rc) return rc;
    }
    rocksdb_writebatch_set_save_point(d->batch);
    for (uint32_t i = 0; i < w->ops_count && !rc; i++) rc = add_op(d, &w->ops[i], err);
    if (rc)
        rocksdb_writebatch_rollback_to_save_point(d->batch, &text);
    else
        rocksdb_writebatch_pop_save_point(d->batch, &text);
    rocksdb_free(text);
    return rc;
}

size_t pl__disk_batch_bytes(struct pl__disk *d)
{
    size_t n;
    rocksdb_writebatch_data(d->batch, &n);
    return n;
}

static void add_keys_used(struct pl__disk *d)
{
    uint8_t row[8];
    uint64_t n = pl_vault_count(d->vault);
    if (n == d->keys_used) return;
    for (int i = 0; i < 8; i++) row[i] = (uint8_t)(n >> (56 - 8 * i));
    rocksdb_writebatch_put_cf(d->batch, d->families[0].handle, PL__KEYS_USED, strlen(PL__KEYS_USED),
                              (const char *)row, sizeof row);
}

/* The batch's own number goes in last, as a row of its own. */
static void add_mark(struct pl__disk *d, struct pl__mark *next)
{
    size_t n;
    uint8_t row[PL__MARK_BYTES];
    *next = d->mark;
    const char *bytes = rocksdb_writebatch_data(d->batch, &n);
    pl__mark_next(next, bytes, n);
    pl__mark_encode(next, row);
    rocksdb_writebatch_put_cf(d->batch, d->families[0].handle, PL__MARK_KEY, strlen(PL__MARK_KEY),
                              (const char *)row, sizeof row);
}

int pl__disk_commit(struct pl__disk *d, struct pl_err *err)
{
    char *text = NULL;
    struct pl__mark next;
    int rc = check_room(d, err);
    if (!rc) rc = pl_vault_sync(d->vault, err); /* first: no row without the key that opens it */
    if (!rc && rocksdb_writebatch_count(d->batch) > 0) {
        add_keys_used(d);
        add_mark(d, &next);
        rocksdb_write(d->db, d->writing, d->batch, &text);
        if (!text) d->mark = next;
        if (!text) d->keys_used = pl_vault_count(d->vault);
        if (!text && d->mark_fd >= 0) pl__mark_write(d->mark_fd, &d->mark);
    }
    rocksdb_writebatch_clear(d->batch);
    if (!text) return rc;
    rc = pl__disk_fail(text, PL_E_STORAGE, "commit", err);
    d->failed_code = rc == -PL_E_STORAGE_FULL ? PL_E_STORAGE_FULL : PL_E_STORAGE;
    if (err) err->code = d->failed_code;
    return -d->failed_code;
}

int pl__disk_forget(struct pl__disk *d, struct pl_str tenant, struct pl_str user, bool *found,
                    struct pl_err *err)
{
    uint64_t number = 0;
    if (d->opts->secondary) return refuse_to_write(err);
    int rc = pl_vault_forget(d->vault, tenant, user, &number, err);
    *found = number != 0;
    if (number) pl__disk_begin_sweep(d);
    return rc;
}

int pl__disk_rotate(struct pl__disk *d, const struct pl_keys_rotate *r, struct pl_err *err)
{
    char file[1025];
    if (d->opts->secondary) return refuse_to_write(err);
    int rc = pl_vault_sync(d->vault, err);
    if (rc) return rc;
    if (r->has_tenant) return pl_vault_rotate_tenant(d->vault, r->tenant, err);
    snprintf(file, sizeof file, "%.*s", PL_STR_FMT(r->file));
    if (!r->has_file || !*file)
        return pl_fail(err, PL_E_INVALID, "file", "name the file of the new master key");
    return pl_master_rotate(d->opts->master, d->vault, file, err);
}

int pl__disk_follow(struct pl__disk *d, struct pl_err *err)
{
    char *text = NULL;
    if (!d->opts->secondary) return pl_fail(err, PL_E_INVALID, "store", "this store follows nobody");
    if (!d->db) {
        int rc = pl__disk_open_all(d, err);
        if (rc) pl__disk_close_database(d);
        return rc;
    }
    rocksdb_try_catch_up_with_primary(d->db, &text);
    if (text) return pl__disk_fail(text, PL_E_IO, "follow the service's store", err);
    return pl__disk_follow_vault(d, err); /* after the rows: it has the keys of all of them */
}

static int check_open(const struct pl__disk *d, struct pl_err *err)
{
    if (d->db) return 0;
    return pl_fail(err, PL_E_UNAVAILABLE, "store",
                   d->opts->secondary ? "the service's store cannot be read yet"
                                      : "the store is closed since a write failed; it will be reopened");
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
    return text ? pl__disk_fail(text, PL_E_IO, "make a checkpoint", err) : 0;
}

/* Opens a value into a row of REPLY; VALUE NULL or of a forgotten owner: there is none. */
static int fill_row(struct pl__disk *d, struct pl_msg *reply, struct pl_store_row *row, struct pl_str family,
                    struct pl_bin key, struct pl_bin value, struct pl_err *err)
{
    uint32_t len = 0;
    uint8_t *plain = value.ptr ? pl_msg_alloc(reply, value.len + 1) : NULL;
    row->key = pl_msg_bin(reply, key.ptr, key.len);
    if ((key.len && !row->key.ptr) || (value.ptr && !plain))
        return pl_fail(err, PL_E_NO_MEMORY, "store", "out of memory");
    int rc = value.ptr ? pl__value_open(&d->values, family, key, value, plain, &len, err) : -PL_E_GONE;
    row->found = row->has_value = rc == 0;
    if (rc == 0) row->value = (struct pl_bin){plain, len};
    return rc;
}

static int get_row(struct pl__disk *d, const struct pl_store_key *k, struct pl_msg *reply,
                   struct pl_store_row *row, size_t *bytes, struct pl_err *err)
{
    char *text = NULL;
    rocksdb_column_family_handle_t *f = find_family(d, k->family, err);
    if (!f) return -PL_E_INVALID;
    rocksdb_pinnableslice_t *p =
        rocksdb_get_pinned_cf(d->db, d->reading, f, bytes_of(k->key), k->key.len, &text);
    if (text) return pl__disk_fail(text, PL_E_IO, "read", err);
    size_t n = 0;
    const char *value = rocksdb_pinnableslice_value(p, &n);
    int rc = 0;
    *bytes += k->key.len + n;
    if (*bytes > PL_STORE_REPLY_BYTES)
        rc = pl_fail(err, PL_E_TOO_LARGE, "keys", "the values do not fit one answer; ask for fewer keys");
    else
        rc = fill_row(d, reply, row, k->family, k->key, (struct pl_bin){(const uint8_t *)value, (uint32_t)n},
                      err);
    if (p) rocksdb_pinnableslice_destroy(p);
    return rc == -PL_E_GONE ? 0 : rc;
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
 * Rows of forgotten users are passed over. */
static int walk_rows(struct pl__disk *d, struct walk *w, const struct pl_store_scan *s, struct pl_msg *reply,
                     struct pl_err *err)
{
    struct pl_store_rows *b = reply->body;
    uint64_t bytes = 0, most = s->max_bytes < PL_STORE_REPLY_BYTES ? s->max_bytes : PL_STORE_REPLY_BYTES;
    for (; rocksdb_iter_valid(w->at); walk_step(w)) {
        size_t nk, nv;
        const char *k = rocksdb_iter_key(w->at, &nk), *v = rocksdb_iter_value(w->at, &nv);
        struct pl_bin key = {(const uint8_t *)k, (uint32_t)nk}, value = {(const uint8_t *)v, (uint32_t)nv};
        if (pl__value_is_dead(&d->values, value)) continue;
        bytes += nk + pl__value_bytes(value);
        b->more = b->rows_count == s->limit || (b->rows_count > 0 && bytes > most);
        if (b->more) break;
        int rc = fill_row(d, reply, &b->rows[b->rows_count], s->family, key, value, err);
        if (rc) return rc;
        b->rows_count++;
    }
    char *text = NULL;
    rocksdb_iter_get_error(w->at, &text);
    return text ? pl__disk_fail(text, PL_E_IO, "scan", err) : 0;
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
    rc = walk_rows(d, &w, scan, reply, err);
    rocksdb_iter_destroy(w.at);
    rocksdb_readoptions_destroy(w.options);
    return rc;
}
