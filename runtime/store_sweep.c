/* store_sweep.c - what forgetting leaves behind: rows that nothing opens any more take room until they are
 * removed.
 *
 * A chunk at a time, between batches: each row's owners are read from its header, dead ones are deleted.
 * Deletes are not synced, since the vault notes the sweep as done only after a synced write behind them; a
 * crash begins it again. Then the tables are compacted on a thread of their own: RocksDB may be called from
 * several threads. */
#include "runtime/store_disk_inside.h"

#include <string.h>

enum { CHUNK_ROWS = 2048, CHUNK_BYTES = 8 << 20 };

void pl__disk_begin_sweep(struct pl__disk *d)
{
    d->sweep.family = 1;
    d->sweep.after_len = 0;
    d->sweep.running = true;
}

bool pl__disk_sweeping(const struct pl__disk *d)
{
    return d->sweep.running && d->db && !d->failed_code;
}

/* Deletes the dead among the next rows of the family; true at its end. */
static bool sweep_chunk(struct pl__disk *d, rocksdb_writebatch_t *batch, char **text)
{
    rocksdb_column_family_handle_t *f = d->families[d->sweep.family].handle;
    rocksdb_iterator_t *at = rocksdb_create_iterator_cf(d->db, d->reading, f);
    uint32_t rows = 0;
    size_t bytes = 0;
    for (rocksdb_iter_seek(at, (const char *)d->sweep.after, d->sweep.after_len);
         rocksdb_iter_valid(at) && rows < CHUNK_ROWS && bytes < CHUNK_BYTES; rocksdb_iter_next(at), rows++) {
        size_t nk, nv;
        const char *k = rocksdb_iter_key(at, &nk), *v = rocksdb_iter_value(at, &nv);
        bytes += nk + nv;
        if (!pl__value_is_dead(&d->values, (struct pl_bin){(const uint8_t *)v, (uint32_t)nv})) continue;
        rocksdb_writebatch_delete_cf(batch, f, k, nk);
        d->sweep.removed++;
    }
    bool ended = !rocksdb_iter_valid(at);
    if (!ended) {
        const char *k = rocksdb_iter_key(at, &d->sweep.after_len);
        PL_MUST(d->sweep.after_len <= sizeof d->sweep.after);
        memcpy(d->sweep.after, k, d->sweep.after_len);
    }
    rocksdb_iter_get_error(at, text);
    rocksdb_iter_destroy(at);
    return ended;
}

static int write_chunk(struct pl__disk *d, rocksdb_writebatch_t *batch, bool sync, struct pl_err *err)
{
    char *text = NULL;
    rocksdb_writeoptions_t *o = rocksdb_writeoptions_create();
    rocksdb_writeoptions_set_sync(o, sync);
    /* Without a row the write would not reach the log, and a sync would be of nothing. */
    if (sync) rocksdb_writebatch_delete_cf(batch, d->families[0].handle, "swept", 5);
    if (rocksdb_writebatch_count(batch)) rocksdb_write(d->db, o, batch, &text);
    rocksdb_writeoptions_destroy(o);
    if (!text) return 0;
    int rc = pl__disk_fail(text, PL_E_STORAGE, "remove forgotten rows", err);
    d->failed_code = rc == -PL_E_STORAGE_FULL ? PL_E_STORAGE_FULL : PL_E_STORAGE;
    return rc;
}

static void *compact(void *arg)
{
    struct pl__disk *d = arg;
    for (uint32_t i = 1; i < d->families_count; i++)
        rocksdb_compact_range_cf(d->db, d->families[i].handle, NULL, 0, NULL, 0);
    return NULL;
}

void pl__disk_end_compaction(struct pl__disk *d)
{
    if (!d->compacting) return;
    rocksdb_disable_manual_compaction(d->db);
    pthread_join(d->compactor, NULL);
    rocksdb_enable_manual_compaction(d->db);
    d->compacting = false;
}

static void begin_compaction(struct pl__disk *d)
{
    pl__disk_end_compaction(d);
    d->compacting = pthread_create(&d->compactor, NULL, compact, d) == 0;
}

int pl__disk_sweep(struct pl__disk *d, bool *more, struct pl_err *err)
{
    char *text = NULL;
    *more = false;
    if (!pl__disk_sweeping(d)) return 0;
    if (d->sweep.family == 0) pl__disk_begin_sweep(d);
    rocksdb_writebatch_t *batch = rocksdb_writebatch_create();
    bool ended = sweep_chunk(d, batch, &text);
    if (ended) d->sweep.family++, d->sweep.after_len = 0;
    bool done = d->sweep.family >= d->families_count;
    int rc = text ? pl__disk_fail(text, PL_E_IO, "look for forgotten rows", err)
                  : write_chunk(d, batch, done, err);
    rocksdb_writebatch_destroy(batch);
    if (!rc && done) rc = pl_vault_swept(d->vault, err);
    if (!rc && done && d->sweep.removed) begin_compaction(d);
    d->sweep.running = !rc && !done;
    *more = d->sweep.running;
    return rc;
}
