#include "actors/feedback_log.h"

#include <stdio.h>

enum { RATED_BYTES = 10 /* number, stars, correction */ };

static void count_one(struct pl_ratings *c, uint32_t stars, bool corrected, int by)
{
    if (stars < 1 || stars > 5) return;
    if (by > 0 || c->stars[stars - 1]) c->stars[stars - 1] += (uint64_t)by;
    if (stars < 3 && (by > 0 || c->below_3)) c->below_3 += (uint32_t)by;
    if (corrected && (by > 0 || c->corrections)) c->corrections += (uint64_t)by;
}

void pl__ratings_due(struct pl_ratings *c, struct pl_str reason, uint64_t wall_ms)
{
    if (!c->due) c->since_ms = wall_ms;
    c->due = true;
    snprintf(c->reason, sizeof c->reason, "%.*s", PL_STR_FMT(reason));
}

void pl__ratings_count(struct pl_ratings *c, uint32_t stars, bool corrected, const struct pl_rated *was,
                       uint32_t threshold, uint64_t wall_ms)
{
    char reason[80];
    c->next++;
    c->total++;
    count_one(c, was->stars, was->corrected, -1);
    count_one(c, stars, corrected, 1);
    if (c->due || c->below_3 <= threshold) return;
    snprintf(reason, sizeof reason, "%u ratings below 3 since the last snapshot", c->below_3);
    pl__ratings_due(c, pl_str_of(reason), wall_ms);
}

struct pl_bin pl__ratings_key(struct pl_msg *in)
{
    const struct pl_str name = PL_STR("retrain");
    return pl_key_join(in, &name, 1, 0, 0);
}

/* Decodes a stored record of TYPE; what it points to lies in ARENA. */
static int read_record(const struct pl_type *type, struct pl_bin value, struct pl_arena *arena, void *record)
{
    struct pl_cursor c = {value.ptr, value.ptr + value.len};
    int rc = pl_wire_check(value.ptr, value.len, NULL);
    type->init(record);
    return rc == 0 ? type->decode(&c, arena, record, NULL) : rc;
}

int pl__ratings_read(struct pl_ratings *c, const struct pl_store_row *row)
{
    struct pl_arena arena = {0};
    struct pl_rec_retrain r;
    *c = (struct pl_ratings){.next = 1};
    if (!row) return 0;
    int rc = read_record(&pl_rec_retrain_type, row->value, &arena, &r);
    if (rc == 0) {
        *c = (struct pl_ratings){.due = r.due, .below_3 = r.ratings_below_3, .since_ms = r.since_ms};
        c->total = r.total;
        c->corrections = r.corrections;
        c->next = r.next;
        snprintf(c->reason, sizeof c->reason, "%.*s", PL_STR_FMT(r.reason));
        for (uint32_t i = 0; i < r.stars_count && i < 5; i++) c->stars[i] = r.stars[i];
    }
    pl_arena_finish(&arena);
    return rc;
}

struct pl_rated pl__rated_read(const struct pl_store_row *row)
{
    struct pl_rated was = {0};
    if (!row || row->value.len < RATED_BYTES) return was;
    was.number = pl_key_number((struct pl_bin){row->value.ptr, 8}, 8);
    was.stars = row->value.ptr[8];
    was.corrected = row->value.ptr[9] != 0;
    return was;
}

static void copy_sampling(struct pl_rec_feedback *r, const struct pl_rec_turn *t)
{
    r->temperature = t->temperature;
    r->top_p = t->top_p;
    r->top_k = t->top_k;
    r->min_p = t->min_p;
    r->repetition_penalty = t->repetition_penalty;
    r->presence_penalty = t->presence_penalty;
    r->frequency_penalty = t->frequency_penalty;
    r->seed = t->seed;
}

static void copy_turn(struct pl_rec_feedback *r, const struct pl_rec_turn *t)
{
    r->turn = t->turn;
    r->session = t->session;
    r->answer_ids = t->answer_ids;
    r->answer_ids_count = t->answer_ids_count;
    copy_sampling(r, t);
    r->model_digest = t->model_digest;
    r->template_digest = t->template_digest;
    r->has_adapter_digest = t->has_adapter_digest;
    r->adapter_digest = t->adapter_digest;
}

void pl__rating_fill(struct pl_rec_feedback *r, const struct pl_msg *asked, const struct pl_rec_turn *turn,
                     uint64_t number, uint64_t wall_ms, const struct pl_rated *was)
{
    const struct pl_feedback_add *add = asked->body;
    pl_rec_feedback_type.init(r);
    copy_turn(r, turn);
    r->feedback = number;
    r->id = asked->env.id;
    r->tenant = asked->env.tenant;
    r->turn = add->turn;
    r->user = asked->env.user.len ? asked->env.user : turn->user;
    r->stars = add->stars;
    r->has_comment = add->has_comment;
    r->comment = add->comment;
    r->has_correction = add->has_correction;
    r->correction = add->correction;
    r->created_ms = wall_ms;
    r->replaces = was->number;
}

static void fill_row(struct pl_msg *m, struct pl_feedback_row *row, const struct pl_rec_feedback *r)
{
    pl_feedback_row_type.init(row);
    row->feedback = r->feedback;
    row->turn = pl_msg_str(m, r->turn);
    row->session = pl_msg_str(m, r->session);
    row->user = pl_msg_str(m, r->user);
    row->stars = r->stars;
    row->has_comment = r->has_comment;
    row->comment = pl_msg_str(m, r->comment);
    row->has_correction = r->has_correction;
    row->correction = pl_msg_str(m, r->correction);
    row->created_ms = r->created_ms;
    row->model_digest = pl_msg_str(m, r->model_digest);
    row->has_adapter_digest = r->has_adapter_digest;
    row->adapter_digest = pl_msg_str(m, r->adapter_digest);
}

bool pl__rating_row(struct pl_msg *m, struct pl_feedback_row *row, struct pl_bin value, struct pl_str tenant)
{
    struct pl_arena arena = {0};
    struct pl_rec_feedback r;
    bool ok = read_record(&pl_rec_feedback_type, value, &arena, &r) == 0 && pl_str_eq(r.tenant, tenant);
    if (ok) fill_row(m, row, &r);
    pl_arena_finish(&arena);
    return ok;
}

struct pl_bin pl__rated_key(const uint8_t *row_key, struct pl_msg *in, const struct pl_msg *asked,
                            struct pl_str user)
{
    const struct pl_feedback_add *add = asked->body;
    const struct pl_str parts[] = {asked->env.tenant, add->turn,
                                   pl_key_hide(row_key, in, asked->env.tenant, user)};
    return pl_key_join(in, parts, 3, 0, 0);
}

struct pl_bin pl__answered_key(const uint8_t *row_key, struct pl_msg *in, const struct pl_msg *asked)
{
    const struct pl_str parts[] = {
        PL_STR("\x01"), asked->env.tenant,
        pl_key_hide(row_key, in, asked->env.tenant, asked->env.id)}; /* 1 begins no tenant's name */
    return pl_key_join(in, parts, 3, 0, 0);
}

struct pl_msg *pl__batch_create(uint64_t token)
{
    PL_NEW(m, w, store_write);
    if (m) w->ops = pl_msg_alloc(m, 4 * sizeof *w->ops);
    if (m && !w->ops) pl_msg_unref(&m);
    if (m) w->token = token;
    return m;
}

static bool put_bytes(struct pl_msg *m, const char *family, struct pl_bin key, const void *value, size_t len)
{
    struct pl_store_write *w = m->body;
    struct pl_store_op *op = &w->ops[w->ops_count++];
    PL_MUST(w->ops_count <= 4);
    pl_store_op_type.init(op);
    op->op = PL_STORE_OP_OP_PUT;
    op->family = pl_str_of(family);
    op->key = key;
    op->has_value = true;
    op->value = pl_msg_bin(m, value, len);
    return op->key.len && op->value.len == len;
}

bool pl__batch_put(struct pl_msg *batch, const char *family, struct pl_bin key, const struct pl_type *type,
                   const void *record)
{
    struct pl_buf b = {0};
    bool ok = type->encode(record, &b) == 0 && put_bytes(batch, family, key, b.data, b.len);
    pl_buf_finish(&b);
    return ok;
}

bool pl__batch_put_ratings(struct pl_msg *batch, const struct pl_ratings *c)
{
    struct pl_rec_retrain r;
    uint64_t stars[5];
    pl_rec_retrain_type.init(&r);
    memcpy(stars, c->stars, sizeof stars);
    r.due = c->due;
    r.ratings_below_3 = c->below_3;
    r.has_reason = c->reason[0] != 0;
    r.reason = pl_str_of(c->reason);
    r.since_ms = c->since_ms;
    r.total = c->total;
    r.has_stars = true;
    r.stars = stars;
    r.stars_count = 5;
    r.corrections = c->corrections;
    r.next = c->next;
    return pl__batch_put(batch, PL_FAMILY_META, pl__ratings_key(batch), &pl_rec_retrain_type, &r);
}

bool pl__batch_put_rated(struct pl_msg *batch, struct pl_bin key, const struct pl_rec_feedback *r)
{
    uint8_t value[RATED_BYTES];
    for (int i = 0; i < 8; i++) value[i] = (uint8_t)(r->feedback >> (56 - 8 * i));
    value[8] = (uint8_t)r->stars;
    value[9] = r->has_correction;
    return put_bytes(batch, PL_FAMILY_RATED, key, value, sizeof value);
}

void pl__batch_own(struct pl_msg *batch, const struct pl_rec_turn *turn, struct pl_str rater)
{
    struct pl_store_write *w = batch->body;
    for (uint32_t i = 0; i < w->ops_count; i++) {
        struct pl_store_op *op = &w->ops[i];
        if (pl_str_is(op->family, PL_FAMILY_META)) continue;
        op->has_tenant = op->has_user = op->has_also = true;
        op->tenant = pl_msg_str(batch, turn->tenant);
        op->user = pl_msg_str(batch, turn->user);
        op->also = pl_msg_str(batch, rater);
    }
}
