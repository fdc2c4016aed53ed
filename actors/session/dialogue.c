/* dialogue.c - a session in memory: its head, the turns that are still in the prompt, and the line of its
 * requests. */
#include "actors/session/session.h"

#include <stdlib.h>

enum { TURNS_PAGE = 64, CACHED_DEFAULT = 1024, TOOLS_WAIT_MS = 30000 };

struct dialogue *pl__dialogue_get(struct pl_actor *self, struct session *s, struct pl_str tenant,
                                  struct pl_str name)
{
    struct pl_msg *head = pl_msg_create(&pl_rec_session_type);
    struct pl_bin key = {0};
    struct pl_str hidden = {0};
    if (head) hidden = pl_key_hide(s->opts->row_key, head, tenant, name);
    if (hidden.ptr) key = pl_key_join(head, (struct pl_str[]){tenant, hidden}, 2, 0, 0);
    struct dialogue *d = key.ptr ? pl_map_get(&s->dialogues, key.ptr, key.len) : NULL;
    if (d || !key.ptr) {
        pl_msg_unref(&head);
        if (d) d->used_ms = pl_now_ms(self);
        return d;
    }
    d = calloc(1, sizeof *d);
    if (!d || pl_map_put(&s->dialogues, key.ptr, key.len, d)) {
        free(d);
        pl_msg_unref(&head);
        return NULL;
    }
    struct pl_rec_session *rec = head->body;
    rec->tenant = d->tenant = pl_msg_str(head, tenant);
    rec->session = rec->user = d->session = pl_msg_str(head, name);
    d->head = head;
    d->key = key;
    d->hidden = hidden;
    d->used_ms = pl_now_ms(self);
    pl__dialogue_trim(s, d);
    return d;
}

void pl__dialogue_free(struct session *s, struct dialogue *d)
{
    pl_map_remove(&s->dialogues, d->key.ptr, d->key.len);
    for (uint32_t i = 0; i < d->n_turns; i++) pl_msg_unref(&d->turns[i]);
    free(d->turns);
    pl_msg_unref(&d->head);
    free(d);
}

static void older(const void *key, uint32_t len, void *value, void *arg)
{
    struct dialogue *d = value, **oldest = arg;
    if (d->users == 0 && (!*oldest || d->used_ms < (*oldest)->used_ms)) *oldest = d;
}

void pl__dialogue_trim(struct session *s, struct dialogue *keep)
{
    uint32_t limit = s->opts->cached_sessions ? s->opts->cached_sessions : CACHED_DEFAULT;
    keep->users++;
    while (pl_map_count(&s->dialogues) > limit) {
        struct dialogue *oldest = NULL;
        pl_map_each(&s->dialogues, older, &oldest);
        if (!oldest) break;
        pl__dialogue_free(s, oldest);
    }
    keep->users--;
    pl_gauge_set(s->sessions_cached, pl_map_count(&s->dialogues));
}

int pl__dialogue_add_turn(struct dialogue *d, struct pl_msg **record)
{
    if (d->n_turns == d->turns_capacity) {
        uint32_t capacity = d->turns_capacity ? d->turns_capacity * 2 : 8;
        struct pl_msg **grown = realloc(d->turns, capacity * sizeof *grown);
        if (!grown) return -PL_E_NO_MEMORY;
        d->turns = grown;
        d->turns_capacity = capacity;
    }
    d->turns[d->n_turns++] = *record;
    *record = NULL;
    return 0;
}

/* --- loading --- */

static int load_turns(struct pl_actor *self, struct session *s, struct dialogue *d);

static int load_failed(struct pl_actor *self, struct session *s, struct dialogue *d, int code)
{
    struct request *r = d->first;
    d->loading = false;
    pl_log(self, PL_LOG_ERROR, "session_not_loaded", "code=%s session=%.*s", pl_error_name(code),
           PL_STR_FMT(d->session));
    if (!r) return 0;
    if (code != PL_E_CORRUPT) { /* it passes: the promise waits */
        pl_timer_start(self, PL_SESSION_RETRY_MS, PL_SESSION_TIMER_LOAD, r->number);
        return 0;
    }
    r->finish = PL_CHAT_DONE_FINISH_REASON_ERROR;
    r->error = code;
    return pl__answer_commit(self, s, r, false);
}

/* Turns before NUMBER that are not there are those of a user who was forgotten: empty ones stand for them. */
static int leave_gap(struct dialogue *d, uint32_t number)
{
    const struct pl_rec_session *head = d->head->body;
    int rc = 0;
    while (head->first_kept + d->n_turns < number && !rc) {
        struct pl_msg *m = pl_msg_create(&pl_rec_turn_type);
        rc = m ? pl__dialogue_add_turn(d, &m) : -PL_E_NO_MEMORY;
        pl_msg_unref(&m);
    }
    return rc;
}

static bool is_gap(const struct pl_rec_turn *t)
{
    return !t->turn.len;
}

static int turns_read(struct pl_actor *self, struct session *s, struct store_op *op,
                      const struct pl_msg *reply, int code)
{
    struct dialogue *d = op->dialogue;
    d->users--;
    const struct pl_store_rows *rows = reply ? PL_BODY(reply, store_rows) : NULL;
    if (!rows) return load_failed(self, s, d, code);
    for (uint32_t i = 0; i < rows->rows_count; i++) {
        if (leave_gap(d, (uint32_t)pl_key_number(rows->rows[i].key, 4))) return -PL_E_NO_MEMORY;
        struct pl_msg *m = pl_msg_create(&pl_rec_turn_type);
        if (!m) return -PL_E_NO_MEMORY;
        struct pl_cursor c = {rows->rows[i].value.ptr, rows->rows[i].value.ptr + rows->rows[i].value.len};
        struct pl_err err = {0};
        int rc = pl_rec_turn_type.decode(&c, &m->arena, m->body, &err);
        if (!rc) rc = pl__dialogue_add_turn(d, &m);
        pl_msg_unref(&m);
        if (rc == -PL_E_NO_MEMORY) return rc;
        if (rc) return load_failed(self, s, d, PL_E_CORRUPT);
    }
    const struct pl_rec_session *head = d->head->body;
    if (rows->more && head->first_kept + d->n_turns < head->turns) return load_turns(self, s, d);
    if (leave_gap(d, head->turns)) return -PL_E_NO_MEMORY;
    d->loading = false;
    if (head->first_kept + d->n_turns != head->turns) return load_failed(self, s, d, PL_E_CORRUPT);
    d->loaded = true;
    return pl__dialogue_next(self, s, d);
}

static int load_turns(struct pl_actor *self, struct session *s, struct dialogue *d)
{
    const struct pl_rec_session *head = d->head->body;
    PL_NEW(m, c, store_scan);
    if (!m) return -PL_E_NO_MEMORY;
    struct pl_str parts[] = {d->tenant, d->hidden};
    c->family = PL_STR(PL_FAMILY_TURNS);
    c->has_from = c->has_to = true;
    c->from = pl_key_join(m, parts, 2, head->first_kept + d->n_turns, 4);
    c->to = pl_key_join(m, parts, 2, head->turns, 4);
    c->limit = TURNS_PAGE;
    d->loading = true;
    d->users++;
    return pl__session_store(self, s, &m, &(struct store_op){.done = turns_read, .dialogue = d});
}

static int head_read(struct pl_actor *self, struct session *s, struct store_op *op,
                     const struct pl_msg *reply, int code)
{
    struct dialogue *d = op->dialogue;
    d->users--;
    const struct pl_store_values *v = reply ? PL_BODY(reply, store_values) : NULL;
    if (!v || v->rows_count != 1) return load_failed(self, s, d, code ? code : PL_E_INTERNAL);
    if (!v->rows[0].found) {
        if (d->first) pl__request_begin_head(self, d->first);
    } else {
        struct pl_cursor c = {v->rows[0].value.ptr, v->rows[0].value.ptr + v->rows[0].value.len};
        struct pl_err err = {0};
        int rc = pl_rec_session_type.decode(&c, &d->head->arena, d->head->body, &err);
        if (rc == -PL_E_NO_MEMORY) return rc;
        if (rc) return load_failed(self, s, d, PL_E_CORRUPT);
        d->stored = true;
    }
    return load_turns(self, s, d);
}

static int load(struct pl_actor *self, struct session *s, struct dialogue *d)
{
    if (d->stored) return load_turns(self, s, d);
    PL_NEW(m, g, store_get);
    if (!m) return -PL_E_NO_MEMORY;
    g->keys = pl_msg_alloc(m, sizeof *g->keys);
    if (!g->keys) {
        pl_msg_unref(&m);
        return -PL_E_NO_MEMORY;
    }
    g->keys_count = 1;
    g->keys[0] = (struct pl_store_key){.family = PL_STR(PL_FAMILY_SESSIONS),
                                       .key = pl_msg_bin(m, d->key.ptr, d->key.len)};
    d->loading = true;
    d->users++;
    return pl__session_store(self, s, &m, &(struct store_op){.done = head_read, .dialogue = d});
}

static bool is_described(const struct session *s, struct pl_str tool)
{
    const struct pl_tool_described *up = s->tools ? s->tools->body : NULL;
    for (uint32_t i = 0; up && i < up->tools_count; i++)
        if (pl_str_eq(up->tools[i].name, tool)) return true;
    return false;
}

/* A request, or a promise of an earlier life, may come before the tools that it names have told of
 * themselves. Without their schemas the prompt, and with it the answer, would be another; so it waits for
 * them, but not for ever. */
static bool waits_for_tools(struct pl_actor *self, struct session *s, struct request *r)
{
    const struct pl_chat_request *q = r->asked->body;
    bool missing = false;
    for (uint32_t i = 0; q->has_tools && i < q->tools_count; i++)
        missing = missing || !is_described(s, q->tools[i]);
    if (missing && !r->tools_timer)
        r->tools_timer = pl_timer_start(self, TOOLS_WAIT_MS, PL_SESSION_TIMER_TOOLS, r->number);
    return missing && !r->tools_waived;
}

int pl__dialogue_next(struct pl_actor *self, struct session *s, struct dialogue *d)
{
    struct request *r = d->first;
    if (!r || r->state != REQ_WAITING || d->loading) return 0;
    if (!d->loaded && (d->stored || r->recovered)) return load(self, s, d);
    d->loaded = true;
    return waits_for_tools(self, s, r) ? 0 : pl__answer_begin(self, s, r);
}

/* --- prompts --- */

int pl__dialogue_messages(struct pl_msg *m, const struct pl_chat_request *q,
                          struct pl_chat_message_part **out, uint32_t *n)
{
    uint32_t skip = q->messages_count && q->messages[0].role == PL_CHAT_MESSAGE_PART_ROLE_SYSTEM;
    *n = q->has_messages ? q->messages_count - skip : 1;
    *out = pl_msg_alloc(m, *n * sizeof **out);
    if (!*out) return -PL_E_NO_MEMORY;
    for (uint32_t i = 0; i < *n; i++) {
        struct pl_chat_message_part *p = &(*out)[i];
        p->role = q->has_messages ? q->messages[skip + i].role : PL_CHAT_MESSAGE_PART_ROLE_USER;
        struct pl_str content = q->has_messages ? q->messages[skip + i].content : q->text;
        p->content = pl_msg_str(m, content);
        if (content.len && !p->content.ptr) return -PL_E_NO_MEMORY;
    }
    return 0;
}

static struct pl_chat_message template_message(const struct pl_chat_message_part *p)
{
    return (struct pl_chat_message){pl_chat_message_part_role_name(p->role),
                                    p->content.ptr ? p->content.ptr : "", p->content.len};
}

/* The schemas of the tools that a request names, as one JSON array. */
static int tools_json(struct session *s, const struct pl_chat_request *q, struct pl_buf *out)
{
    const struct pl_tool_described *up = s->tools ? s->tools->body : NULL;
    int rc = pl_buf_write(out, "[", 1), n = 0;
    for (uint32_t i = 0; !rc && q->has_tools && i < q->tools_count; i++)
        for (uint32_t k = 0; !rc && up && k < up->tools_count; k++) {
            if (!pl_str_eq(up->tools[k].name, q->tools[i])) continue;
            if (n++) rc = pl_buf_write(out, ",", 1);
            if (!rc) rc = pl_buf_write(out, up->tools[k].schema.ptr, up->tools[k].schema.len);
        }
    if (!rc) rc = pl_buf_write(out, "]", 2); /* with its NUL */
    return rc;
}

/* The prompt of a dialogue that begins with MESSAGES, under the head's system prompt and the request's tools.
 */
static int first_prompt(struct session *s, struct dialogue *d, const struct pl_chat_request *q,
                        const struct pl_chat_message_part *messages, uint32_t n, struct pl_ids *out,
                        struct pl_err *err)
{
    const struct pl_rec_session *head = d->head->body;
    struct pl_buf json = {0};
    struct pl_chat_message *all = calloc(n + 1, sizeof *all);
    int rc = all ? tools_json(s, q, &json) : -PL_E_NO_MEMORY;
    uint32_t count = 0;
    if (!rc) {
        if (head->has_system)
            all[count++] = (struct pl_chat_message){"system", head->system.ptr ? head->system.ptr : "",
                                                    head->system.len};
        for (uint32_t i = 0; i < n; i++) all[count++] = template_message(&messages[i]);
        bool tools = q->has_tools && q->tools_count;
        struct pl_prompt p = {all, count, tools ? (const char *)json.data : NULL, true};
        rc = pl_template_ids(s->opts->model->chat_template, &p, out, err);
    }
    free(all);
    pl_buf_finish(&json);
    return rc;
}

static int next_prompt(struct session *s, bool ended, const struct pl_chat_message_part *messages, uint32_t n,
                       struct pl_ids *out, struct pl_err *err)
{
    struct pl_chat_message *all = calloc(n, sizeof *all);
    if (!all) return -PL_E_NO_MEMORY;
    for (uint32_t i = 0; i < n; i++) all[i] = template_message(&messages[i]);
    int rc = pl_template_continue(s->opts->model->chat_template, ended, all, n, out, err);
    free(all);
    return rc;
}

/* Ids of the kept turns from index FROM on, then R's messages. Answers are the stored ids, never tokenised
 * again. */
static int compose(struct session *s, struct dialogue *d, uint32_t from, const struct pl_chat_request *q,
                   const struct pl_chat_message_part *messages, uint32_t n, struct pl_ids *out, size_t *tail,
                   struct pl_err *err)
{
    out->count = 0;
    *tail = 0;
    int rc = 0;
    bool ended = true, begun = false;
    for (uint32_t i = from; i < d->n_turns && !rc; i++) {
        const struct pl_rec_turn *t = d->turns[i]->body;
        if (is_gap(t)) continue;
        if (!begun)
            rc = first_prompt(s, d, q, t->messages, t->messages_count, out, err);
        else
            rc = pl_ids_append(out, t->prompt_ids, t->prompt_ids_count);
        if (!rc) rc = pl_ids_append(out, t->answer_ids, t->answer_ids_count);
        ended = t->ended;
        begun = true;
    }
    if (!rc && !begun) return first_prompt(s, d, q, messages, n, out, err);
    *tail = out->count;
    return rc ? rc : next_prompt(s, ended, messages, n, out, err);
}

int pl__dialogue_prompt(struct session *s, struct dialogue *d, struct request *r, struct pl_ids *out,
                        size_t *tail, struct pl_err *err)
{
    const struct pl_chat_request *q = r->asked->body;
    const struct pl_rec_turn *t = r->answer->body;
    const struct pl_rec_session *head = d->head->body;
    uint32_t ctx = s->opts->ctx_size, room = q->max_tokens < ctx / 2 ? q->max_tokens : ctx / 2;
    uint32_t from = 0;
    for (;; from++) {
        int rc = compose(s, d, from, q, t->messages, t->messages_count, out, tail, err);
        if (rc) return rc;
        if (out->count + room <= ctx || from == d->n_turns) break;
    }
    r->dropped = head->first_kept + from;
    if (out->count >= ctx)
        return pl_fail(err, PL_E_CONTEXT_LENGTH_EXCEEDED, t->messages_count > 1 ? "messages" : "text",
                       "the prompt has %zu tokens and the context holds %u", out->count, ctx);
    return 0;
}

int pl__dialogue_fits(struct session *s, struct dialogue *d, struct request *r, struct pl_err *err)
{
    const struct pl_chat_request *q = r->asked->body;
    struct pl_rec_turn *t = r->answer->body;
    struct pl_ids ids = {0};
    int rc = pl__dialogue_messages(r->answer, q, &t->messages, &t->messages_count);
    if (!rc) rc = first_prompt(s, d, q, t->messages, t->messages_count, &ids, err);
    if (!rc && ids.count >= s->opts->ctx_size)
        rc = pl_fail(err, PL_E_CONTEXT_LENGTH_EXCEEDED, q->has_messages ? "messages" : "text",
                     "the prompt has %zu tokens and the context holds %u", ids.count, s->opts->ctx_size);
    if (rc && !err->code) pl_fail(err, -rc, NULL, "%s", pl_error_text(-rc));
    pl_ids_finish(&ids);
    return rc;
}
