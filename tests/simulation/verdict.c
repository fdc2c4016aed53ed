#include "tests/simulation/verdict.h"

#include <stdio.h>
#include <stdlib.h>
#include "actors/keys.h"
#include "schemas/gen/records.h"

struct turn_seen {
    char id[16], session[24];
    uint32_t number;
    struct pl_msg *record;
};
/* What the disk says of one request. */
struct stored {
    bool there, done;
    uint64_t accepted_seq;
    char turn[72];
};

struct verdict {
    struct clients *c;
    struct stored *stored;
    struct turn_seen *turns;
    uint32_t n_turns, records, done, ratings, below_3, calls;
};

static struct pl_msg *read_record(struct verdict *v, const struct pl_type *type, struct pl_bin value)
{
    struct pl_msg *m = pl_msg_create(type);
    struct pl_cursor cursor = {value.ptr, value.ptr + value.len};
    PL_MUST(m);
    if (!type->decode(&cursor, &m->arena, m->body, NULL)) return m;
    rules_broken(v->c->rules, "one effect", 0, value.len, "a damaged %s", type->name);
    pl_msg_unref(&m);
    return NULL;
}

/* ---- at any time ---- */

static void see_request(const char *family, struct pl_bin key, struct pl_bin value, void *arg)
{
    struct verdict *v = arg;
    struct pl_msg *m = read_record(v, &pl_rec_request_type, value);
    if (!m) return;
    const struct pl_rec_request *r = m->body;
    bool rating;
    struct asked *a = clients_find(v->c, r->id, &rating);
    if (!a || rating) {
        rules_broken(v->c->rules, "one effect", 1, 0, "a record of %.*s, which nobody sent",
                     PL_STR_FMT(r->id));
    } else {
        struct stored *s = &v->stored[a - v->c->asked];
        *s = (struct stored){true, r->state == PL_REC_REQUEST_STATE_DONE, r->accepted_seq, ""};
        snprintf(s->turn, sizeof s->turn, "%.*s", PL_STR_FMT(r->turn));
        v->records++;
        v->done += s->done;
    }
    pl_msg_unref(&m);
}

static void check_told(struct clients *c, const struct asked *a, const struct stored *s)
{
    if (a->told_accepted && !s->there) rules_broken(c->rules, "durable", 0, 1, "%s was accepted", a->id);
    bool another = a->told_done && s->there && strcmp(s->turn, a->told_turn) != 0;
    if (another)
        rules_broken(c->rules, "one effect", 2, 1, "turns of %s: %s was told, %s is stored", a->id,
                     a->told_turn, s->turn);
    else if (a->told_done && !s->done)
        rules_broken(c->rules, "durable", 0, 1, "%s was answered", a->id);
}

static void verdict_init(struct verdict *v, struct clients *c)
{
    *v = (struct verdict){.c = c};
    v->stored = calloc(c->n_asked, sizeof *v->stored);
    v->turns = calloc(c->n_asked, sizeof *v->turns);
    PL_MUST(v->stored && v->turns);
}

static void verdict_finish(struct verdict *v)
{
    for (uint32_t i = 0; i < v->n_turns; i++) pl_msg_unref(&v->turns[i].record);
    free(v->turns);
    free(v->stored);
}

static void look(struct verdict *v, uint32_t places)
{
    struct clients *c = v->c;
    struct pl_sim_disk *d = pl_sim_disk(c->sim);
    size_t promises = pl_sim_disk_rows(d, PL_FAMILY_PENDING), rated = 0;
    pl_sim_disk_each(d, PL_FAMILY_REQUESTS, see_request, v);
    if (v->records != v->done + promises)
        rules_broken(c->rules, "conservation", v->records, v->done + promises, "%u answered, %zu in flight",
                     v->done, promises);
    /* A promise that was refused and yet written holds no place until it is taken up. */
    bool exact = pl_sim_fault_count(c->sim, PL_FAULT_WRITE_DOUBTFUL) == 0;
    if (exact && promises > places) rules_broken(c->rules, "queue bound", promises, places, "promises");
    for (uint32_t i = 0; i < c->n_asked; i++) {
        check_told(c, &c->asked[i], &v->stored[i]);
        rated += c->asked[i].told_rated;
    }
    size_t stored = pl_sim_disk_rows(d, PL_FAMILY_FEEDBACK);
    if (stored < rated) rules_broken(c->rules, "durable", stored, rated, "ratings");
}

void verdict_now(struct clients *c, uint32_t places)
{
    struct verdict v;
    verdict_init(&v, c);
    look(&v, places);
    verdict_finish(&v);
}

/* ---- at the end ---- */

static void see_turn(const char *family, struct pl_bin key, struct pl_bin value, void *arg)
{
    struct verdict *v = arg;
    struct pl_msg *m = read_record(v, &pl_rec_turn_type, value);
    if (!m) return;
    if (v->n_turns == v->c->n_asked) {
        rules_broken(v->c->rules, "one effect", v->n_turns + 1, v->n_turns, "turns on the disk");
        pl_msg_unref(&m);
        return;
    }
    const struct pl_rec_turn *t = m->body;
    struct turn_seen *seen = &v->turns[v->n_turns++];
    snprintf(seen->id, sizeof seen->id, "%.*s", PL_STR_FMT(t->id));
    snprintf(seen->session, sizeof seen->session, "%.*s", PL_STR_FMT(t->session));
    seen->number = t->number;
    v->calls += t->has_tools;
    seen->record = m;
}

static void see_rating(const char *family, struct pl_bin key, struct pl_bin value, void *arg)
{
    struct verdict *v = arg;
    struct pl_msg *m = read_record(v, &pl_rec_feedback_type, value);
    if (!m) return;
    v->ratings++;
    if (((const struct pl_rec_feedback *)m->body)->stars < 3) v->below_3++;
    pl_msg_unref(&m);
}

static void see_trigger(const char *family, struct pl_bin key, struct pl_bin value, void *arg)
{
    struct verdict *v = arg;
    if (key.len != 7 || memcmp(key.ptr, "retrain", 7) != 0) return;
    struct pl_msg *m = read_record(v, &pl_rec_retrain_type, value);
    if (!m) return;
    const struct pl_rec_retrain *r = m->body;
    if (r->total != v->ratings)
        rules_broken(v->c->rules, "one effect", r->total, v->ratings, "the counter of ratings");
    if (r->ratings_below_3 != v->below_3)
        rules_broken(v->c->rules, "one effect", r->ratings_below_3, v->below_3, "the counter of low ratings");
    pl_msg_unref(&m);
}

/* The answer of a turn without tools is what the model says to all that is stored before it. Turns come in
 * order. */
static void check_answers(struct verdict *v, uint32_t from, uint32_t to)
{
    struct pl_ids ids = {0};
    for (uint32_t i = from; i < to; i++) {
        const struct pl_rec_turn *t = v->turns[i].record->body;
        if (t->dropped_turns || t->has_tool_names)
            break; /* later prompts begin elsewhere, or under another system text */
        pl_ids_append(&ids, t->prompt_ids, t->prompt_ids_count);
        size_t n_prompt = ids.count;
        for (uint32_t k = 0; k < t->answer_ids_count; k++) {
            uint32_t due = sim_model_next(ids.ids, ids.count, n_prompt);
            if (due != t->answer_ids[k]) {
                rules_broken(v->c->rules, "answer", t->answer_ids[k], due, "%s: id %u of the answer",
                             v->turns[i].id, k);
                break;
            }
            pl_ids_push(&ids, t->answer_ids[k]);
        }
        if (ids.count != n_prompt + t->answer_ids_count) break;
    }
    pl_ids_finish(&ids);
}

/* A was accepted before B and must not stand behind it. Whose promise was refused and yet written counts from
 * when it was told, who was never told (a crash came before) from its record: so both must speak against it.
 */
static bool overtook(const struct verdict *v, const struct asked *a, const struct asked *b)
{
    const struct stored *sa = &v->stored[a - v->c->asked], *sb = &v->stored[b - v->c->asked];
    bool told = a->told_accepted && (!b->told_accepted || a->told_accepted < b->told_accepted);
    return told && sa->accepted_seq < sb->accepted_seq;
}

/* Turn I against the turns FIRST to I - 1 of its session. */
static void check_turn(struct verdict *v, uint32_t first, uint32_t i)
{
    const struct turn_seen *t = &v->turns[i];
    struct rules *rules = v->c->rules;
    bool rating;
    struct asked *a = clients_find(v->c, pl_str_of(t->id), &rating);
    if (t->number != i - first)
        rules_broken(rules, "one effect", t->number, i - first, "turns of %s", t->session);
    if (!a || strcmp(a->session, t->session) != 0) {
        rules_broken(rules, "one effect", 1, 0, "%s: a turn of another session", t->id);
        return;
    }
    const struct pl_rec_turn *r = t->record->body;
    if (!pl_str_is(r->text, a->text))
        rules_broken(rules, "answer", r->text.len, strlen(a->text), "%s: stored '%.*s', told '%s'", t->id,
                     PL_STR_FMT(r->text), a->text);
    for (uint32_t k = first; k < i; k++) {
        struct asked *b = clients_find(v->c, pl_str_of(v->turns[k].id), &rating);
        if (b == a) rules_broken(rules, "one effect", 2, 1, "turns of %s", a->id);
        if (b && overtook(v, a, b))
            rules_broken(rules, "order", i - first, k - first, "%s stands behind %s, which came later", a->id,
                         b->id);
    }
}

static void check_turns(struct verdict *v)
{
    for (uint32_t i = 0, first = 0; i < v->n_turns; i++) {
        if (i == 0 || strcmp(v->turns[i].session, v->turns[i - 1].session) != 0) first = i;
        check_turn(v, first, i);
        if (i + 1 == v->n_turns || strcmp(v->turns[i + 1].session, v->turns[i].session) != 0)
            check_answers(v, first, i + 1);
    }
}

static void check_requests(struct verdict *v)
{
    struct clients *c = v->c;
    if (v->done != c->n_asked) rules_broken(c->rules, "quiet", v->done, c->n_asked, "answers on the disk");
    for (uint32_t i = 0; i < c->n_asked; i++) {
        const struct asked *a = &c->asked[i];
        if (v->stored[i].done && strcmp(v->stored[i].turn, a->turn) != 0)
            rules_broken(c->rules, "one effect", 2, 1, "%s: turn %s is stored, %s was told", a->id,
                         v->stored[i].turn, a->turn);
    }
}

uint32_t verdict_at_end(struct clients *c)
{
    struct verdict v;
    struct pl_sim_disk *d = pl_sim_disk(c->sim);
    uint32_t acknowledged = 0;
    verdict_init(&v, c);
    look(&v, 0);
    check_requests(&v);
    pl_sim_disk_each(d, PL_FAMILY_TURNS, see_turn, &v);
    pl_sim_disk_each(d, PL_FAMILY_FEEDBACK, see_rating, &v);
    pl_sim_disk_each(d, PL_FAMILY_META, see_trigger, &v);
    for (uint32_t i = 0; i < c->n_asked; i++) acknowledged += c->asked[i].rate_acknowledged;
    if (acknowledged != v.ratings)
        rules_broken(c->rules, "one effect", v.ratings, acknowledged, "ratings stored, against acknowledged");
    check_turns(&v);
    verdict_finish(&v);
    return v.calls;
}
