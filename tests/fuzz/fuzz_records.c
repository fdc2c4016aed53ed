/* Fuzzes what is read back from the store: the input is the name of a stored record, a newline, and the bytes
 * of a row's value. Damage is a code, never a step outside; what decodes keeps its limits and comes back from
 * its own bytes. */
#include "actors/feedback_log.h"
#include "actors/keys.h"
#include "tests/fuzz/fuzz.h"

enum { MEMORY_BYTES = 64 << 20 };

static void try_ratings(const uint8_t *bytes, size_t n)
{
    struct pl_store_row row = {.found = true, .has_value = true, .value = {bytes, (uint32_t)n}};
    struct pl_ratings r;
    if (pl__ratings_read(&r, &row) == 0) PL_MUST(r.next > 0);
}

static void try_key(const uint8_t *bytes, size_t n)
{
    struct pl_msg *m = pl_msg_create(&pl_ping_type);
    PL_MUST(m);
    struct pl_bin key = {bytes, (uint32_t)n}, after = pl_key_after(m, key);
    if (n >= 8) PL_MUST((uint32_t)pl_key_number(key, 8) == (uint32_t)pl_key_number(key, 4));
    if (after.len) PL_MUST(after.len <= n && memcmp(after.ptr, bytes, after.len) > 0);
    pl_msg_unref(&m);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    size_t len;
    struct pl_arena arena = {.limit_bytes = MEMORY_BYTES};
    struct pl_err err = {0};
    char *name = fuzz_piece(&data, &size, '\n', &len);
    const struct pl_type *t = name && strncmp(name, "rec.", 4) == 0 ? pl_type_find(name, len) : NULL;
    free(name);
    if (!t) return 0;
    void *record = calloc(1, t->size);
    PL_MUST(record);
    struct pl_cursor c = {data, data + size};
    if (pl_wire_check(data, size, &err) == 0 && t->decode(&c, &arena, record, &err) == 0)
        fuzz_survives(t, record);
    if (t == &pl_rec_retrain_type) try_ratings(data, size);
    try_key(data, size);
    pl_arena_finish(&arena);
    free(record);
    return 0;
}
