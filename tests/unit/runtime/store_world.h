/* store_world.h - the store actor on a real RocksDB below the test's directory, an asker that sends what was
 * prepared and keeps what comes back, and checks of it. */
#ifndef PL_TESTS_UNIT_RUNTIME_STORE_WORLD_H
#define PL_TESTS_UNIT_RUNTIME_STORE_WORLD_H

#include <dirent.h>
#include <stdio.h>
#include <string.h>

#include "runtime/node.h"
#include "runtime/store.h"
#include "schemas/gen/runtime.h"
#include "tests/support/support.h"

static const char *const families[] = {"turns", "users", NULL};
static char path[4096];
static struct pl_store_opts opts;
static struct pl_master master = {.key = {42}};
static uint64_t now_ms;
static struct pl_node *node;

/* The asker sends what lies in `out` when it is kicked, and keeps what comes back. */
static struct pl_msg *out[4096], *answers[8192];
static uint32_t out_count, answers_count;

static inline int asker_receive(struct pl_actor *self, void *state, const struct pl_msg *m)
{
    if (PL_BODY(m, net_frame)) {
        for (uint32_t i = 0; i < out_count; i++) pl_send_to(self, "store", &out[i]);
        out_count = 0;
    } else if (!PL_BODY(m, sys_stop) && answers_count < 8192) {
        answers[answers_count++] = pl_msg_ref((struct pl_msg *)m);
    }
    return 0;
}
static const struct pl_actor_class asker = {.name = "asker", .receive = asker_receive, .mailbox_limit = 8192};

static inline uint64_t clock_ms(void *self)
{
    return now_ms;
}

static inline int open_store(void)
{
    struct pl_node_opts o = {.name = "test", .world = {.now_ms = clock_ms}};
    ck_assert_int_eq(pl_node_create(&o, &node, NULL), 0);
    ck_assert_int_eq(pl_node_add(node, &pl_store_class, NULL, &opts, NULL), 0);
    ck_assert_int_eq(pl_node_add(node, &asker, NULL, NULL, NULL), 0);
    ck_assert_int_eq(pl_node_listener(node, 1, "asker", NULL), 0);
    return pl_node_start(node, NULL);
}

static inline void forget_answers(void)
{
    for (uint32_t i = 0; i < answers_count; i++) pl_msg_unref(&answers[i]);
    answers_count = 0;
}

static inline void close_store(void)
{
    forget_answers();
    pl_node_destroy(&node);
}

static inline void set_up(void)
{
    snprintf(path, sizeof path, "%s/db", pl_test_dir());
    opts = (struct pl_store_opts){path, families, 1, 1 << 20, .master = &master};
}

static inline void run(void)
{
    while (pl_node_run(node, 10000) > 0) {}
}

/* Sends all that was prepared, and runs until it is answered. */
static inline void kick(void)
{
    struct pl_net_peer peer = {.id = {(const uint8_t *)"p", 1}};
    forget_answers();
    ck_assert_int_eq(pl_node_net_frame(node, 1, &peer, "", 0, false), 0);
    run();
}

static inline struct pl_bin bin(const char *s)
{
    return (struct pl_bin){(const uint8_t *)s, (uint32_t)strlen(s)};
}

static inline struct pl_store_op *write_one(uint64_t token, enum pl_store_op_op op, const char *family,
                                            const char *key)
{
    PL_NEW(m, w, store_write);
    w->token = token;
    w->ops = pl_msg_alloc(m, sizeof *w->ops);
    w->ops_count = 1;
    pl_store_op_type.init(w->ops);
    w->ops->op = op;
    w->ops->family = pl_msg_str(m, pl_str_of(family));
    w->ops->key = pl_msg_bin(m, key, strlen(key));
    out[out_count++] = m;
    return w->ops;
}

static inline void put(uint64_t token, const char *key, const char *value, size_t len)
{
    struct pl_store_op *op = write_one(token, PL_STORE_OP_OP_PUT, "turns", key);
    op->has_value = true;
    op->value = pl_msg_bin(out[out_count - 1], value, len);
}

static inline void put_text(uint64_t token, const char *key, const char *value)
{
    put(token, key, value, strlen(value));
}

static inline void delete_range(uint64_t token, const char *from, const char *end)
{
    struct pl_store_op *op = write_one(token, PL_STORE_OP_OP_DELETE_RANGE, "turns", from);
    op->has_end = end != NULL;
    if (end) op->end = pl_msg_bin(out[out_count - 1], end, strlen(end));
}

static inline void get(uint64_t token, const char *family, const char *key)
{
    PL_NEW(m, g, store_get);
    g->token = token;
    g->keys = pl_msg_alloc(m, sizeof *g->keys);
    g->keys_count = 1;
    g->keys->family = pl_msg_str(m, pl_str_of(family));
    g->keys->key = pl_msg_bin(m, key, strlen(key));
    out[out_count++] = m;
}

static inline struct pl_store_scan *scan(uint64_t token, const char *from, const char *to)
{
    PL_NEW(m, s, store_scan);
    s->token = token;
    s->family = PL_STR("turns");
    s->has_from = from != NULL;
    if (from) s->from = pl_msg_bin(m, from, strlen(from));
    s->has_to = to != NULL;
    if (to) s->to = pl_msg_bin(m, to, strlen(to));
    out[out_count++] = m;
    return s;
}

static inline void ck_written(uint32_t i, uint64_t token)
{
    ck_assert_uint_lt(i, answers_count);
    const struct pl_store_failed *f = PL_BODY(answers[i], store_failed);
    ck_assert_msg(!f, "answer %u: %s", i, f ? f->text.ptr : "");
    const struct pl_store_written *w = PL_BODY(answers[i], store_written);
    ck_assert_ptr_nonnull(w);
    ck_assert_uint_eq(w->token, token);
}

static inline void ck_failed(uint32_t i, uint64_t token, int code)
{
    ck_assert_uint_lt(i, answers_count);
    const struct pl_store_failed *f = PL_BODY(answers[i], store_failed);
    ck_assert_ptr_nonnull(f);
    ck_assert_uint_eq(f->token, token);
    ck_assert_int_eq((int)f->code, code);
    ck_assert_uint_gt(f->text.len, 0);
}

/* VALUE NULL: not found. */
static inline void ck_value(uint32_t i, const char *value)
{
    ck_assert_uint_lt(i, answers_count);
    const struct pl_store_values *v = PL_BODY(answers[i], store_values);
    ck_assert_ptr_nonnull(v);
    ck_assert_uint_eq(v->rows_count, 1);
    ck_assert_int_eq(v->rows[0].found, value != NULL);
    ck_assert_int_eq(v->rows[0].has_value, value != NULL);
    if (!value) return;
    ck_assert_uint_eq(v->rows[0].value.len, strlen(value));
    ck_assert_mem_eq(v->rows[0].value.ptr, value, strlen(value));
}

/* KEYS: single letters. */
static inline void ck_rows(uint32_t i, const char *keys, bool more)
{
    ck_assert_uint_lt(i, answers_count);
    const struct pl_store_rows *r = PL_BODY(answers[i], store_rows);
    ck_assert_ptr_nonnull(r);
    ck_assert_uint_eq(r->rows_count, strlen(keys));
    for (uint32_t k = 0; k < r->rows_count; k++) {
        ck_assert_uint_eq(r->rows[k].key.len, 1);
        ck_assert_int_eq(r->rows[k].key.ptr[0], keys[k]);
    }
    ck_assert_int_eq(r->more, more);
}

static inline double counter(const char *name)
{
    return pl_metrics_counter(pl_node_metrics(node), name, "", NULL)->value;
}

/* The newest file of the store with this ending, in FILE. */
static inline void find_file(const char *ending, char *file, size_t size)
{
    DIR *d = opendir(path);
    ck_assert_ptr_nonnull(d);
    char best[256] = "";
    for (struct dirent *e = readdir(d); e; e = readdir(d)) {
        const char *dot = strrchr(e->d_name, '.');
        if (dot && strcmp(dot, ending) == 0 && strcmp(e->d_name, best) > 0)
            snprintf(best, sizeof best, "%s", e->d_name);
    }
    closedir(d);
    ck_assert_str_ne(best, "");
    snprintf(file, size, "%s/%s", path, best);
}

static inline void write_many(uint32_t from, uint32_t to)
{
    char key[16], value[500];
    memset(value, 'v', sizeof value);
    for (uint32_t i = from; i < to; i++) {
        snprintf(key, sizeof key, "k%06u", i);
        put(i, key, value, sizeof value);
        kick();
        ck_written(0, i);
    }
}

static inline uint32_t count_rows(void)
{
    scan(0, NULL, NULL)->limit = 4096;
    kick();
    const struct pl_store_rows *r = PL_BODY(answers[0], store_rows);
    ck_assert_ptr_nonnull(r);
    return r->rows_count;
}

#endif
