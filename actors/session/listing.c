/* listing.c - what an operator asks of sessions: list, show (also an export, page by page), delete. Reads the
 * store, not the memory. A page's `next` is the hex form of its last key; the next page begins after it, but
 * never before the keys of the tenant: an `after` of one's own making shows nothing of others. */
#include "actors/session/session.h"

#include <stdlib.h>

#define DELETE "sessions.delete"
enum { PAGE_BYTES = 1024 * 1024, DELETE_PAGE = 256 };

static struct pl_str hex_of(struct pl_msg *m, struct pl_bin key)
{
    static const char digits[] = "0123456789abcdef";
    char *out = pl_msg_alloc(m, key.len * 2u);
    for (uint32_t i = 0; out && i < key.len; i++) {
        out[2 * i] = digits[key.ptr[i] >> 4];
        out[2 * i + 1] = digits[key.ptr[i] & 15];
    }
    return (struct pl_str){out, out ? key.len * 2 : 0};
}

static int digit(char c)
{
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* The smallest key after the one that HEX names: its bytes and a zero. */
static int after_hex(struct pl_msg *m, struct pl_str hex, struct pl_bin *out)
{
    uint8_t *key = pl_msg_alloc(m, hex.len / 2 + 1);
    if (!key) return -PL_E_NO_MEMORY;
    if (hex.len % 2) return -PL_E_INVALID;
    for (uint32_t i = 0; i < hex.len / 2; i++) {
        int hi = digit(hex.ptr[2 * i]), lo = digit(hex.ptr[2 * i + 1]);
        if (hi < 0 || lo < 0) return -PL_E_INVALID;
        key[i] = (uint8_t)(hi << 4 | lo);
    }
    *out = (struct pl_bin){key, hex.len / 2 + 1};
    return 0;
}

static bool comes_before(struct pl_bin a, struct pl_bin b)
{
    int order = memcmp(a.ptr, b.ptr, a.len < b.len ? a.len : b.len);
    return order < 0 || (order == 0 && a.len < b.len);
}

/* Scans FAMILY below PREFIX from after AFTER on. */
static int scan(struct pl_actor *self, struct session *s, const struct pl_msg *asked, const char *family,
                struct pl_bin prefix, const struct pl_str *after, uint32_t limit, struct store_op op)
{
    PL_NEW(m, c, store_scan);
    if (!m) return -PL_E_NO_MEMORY;
    c->family = pl_str_of(family);
    c->limit = limit;
    c->max_bytes = PAGE_BYTES;
    c->has_from = c->has_to = true;
    c->from = pl_msg_bin(m, prefix.ptr, prefix.len);
    c->to = pl_key_after(m, prefix);
    struct pl_bin from;
    int rc = after && after->len ? after_hex(m, *after, &from) : 0;
    if (rc) {
        pl_msg_unref(&m);
        return rc == -PL_E_INVALID ? pl__session_refuse(self, asked, PL_E_INVALID, "after",
                                                        "give the `next` of the page before")
                                   : rc;
    }
    if (after && after->len && comes_before(c->from, from)) c->from = from;
    op.asked = (struct pl_msg *)asked;
    return pl__session_store(self, s, &m, &op);
}

static int decode_row(const struct pl_type *type, struct pl_msg *m, const struct pl_store_row *row,
                      void *record)
{
    struct pl_cursor c = {row->value.ptr, row->value.ptr + row->value.len};
    type->init(record);
    return type->decode(&c, &m->arena, record, NULL);
}

static void set_next(struct pl_msg *m, const struct pl_store_rows *rows, bool *has, struct pl_str *next)
{
    *has = rows->more && rows->rows_count;
    if (*has) *next = hex_of(m, rows->rows[rows->rows_count - 1].key);
}

static int listed(struct pl_actor *self, struct session *s, struct store_op *op, const struct pl_msg *reply,
                  int code)
{
    const struct pl_store_rows *rows = reply ? PL_BODY(reply, store_rows) : NULL;
    if (!rows) return pl__session_refuse(self, op->asked, code, NULL, NULL);
    PL_NEW(m, l, sessions_listed);
    if (!m) return -PL_E_NO_MEMORY;
    l->sessions = pl_msg_alloc(m, rows->rows_count * sizeof *l->sessions);
    for (uint32_t i = 0; l->sessions && i < rows->rows_count; i++) {
        struct pl_rec_session head;
        if (decode_row(&pl_rec_session_type, m, &rows->rows[i], &head)) continue;
        struct pl_session_row *row = &l->sessions[l->sessions_count++];
        *row = (struct pl_session_row){.session = head.session,
                                       .user = head.user,
                                       .tenant = head.tenant,
                                       .turns = head.turns,
                                       .created_ms = head.created_ms,
                                       .updated_ms = head.updated_ms};
    }
    set_next(m, rows, &l->has_next, &l->next);
    pl_reply(self, op->asked, &m);
    return 0;
}

/* Keys of all sessions of a tenant, and of their turns, begin with: tenant 0. */
static struct pl_bin tenant_prefix(struct pl_msg *tmp, const struct pl_msg *m)
{
    return pl_key_join(tmp, (struct pl_str[]){m->env.tenant, PL_STR("")}, 2, 0, 0);
}

int pl__listing_list(struct pl_actor *self, struct session *s, const struct pl_msg *m)
{
    const struct pl_sessions_list *q = m->body;
    PL_NEW(tmp, unused, ping);
    (void)unused;
    if (!tmp) return -PL_E_NO_MEMORY;
    int rc = scan(self, s, m, PL_FAMILY_SESSIONS, tenant_prefix(tmp, m), q->has_after ? &q->after : NULL,
                  q->limit, (struct store_op){.done = listed});
    pl_msg_unref(&tmp);
    return rc;
}

static struct pl_turn_row row_of(const struct pl_rec_turn *t)
{
    return (struct pl_turn_row){.turn = t->turn,
                                .id = t->id,
                                .session = t->session,
                                .user = t->user,
                                .prompt = t->prompt,
                                .text = t->text,
                                .finish_reason = t->finish_reason,
                                .has_reasoning = t->has_reasoning,
                                .reasoning = t->reasoning,
                                .created_ms = t->created_ms,
                                .usage = t->usage,
                                .has_tools = t->has_tools,
                                .tools = t->tools,
                                .tools_count = t->tools_count,
                                .has_logits_hashes = t->has_logits_hashes,
                                .logits_hashes = t->logits_hashes,
                                .logits_hashes_count = t->logits_hashes_count,
                                .model_digest = t->model_digest,
                                .has_adapter_digest = t->has_adapter_digest,
                                .adapter_digest = t->adapter_digest,
                                .seed = t->seed};
}

static int shown(struct pl_actor *self, struct session *s, struct store_op *op, const struct pl_msg *reply,
                 int code)
{
    const struct pl_store_rows *rows = reply ? PL_BODY(reply, store_rows) : NULL;
    const struct pl_sessions_show *q = op->asked->body;
    if (!rows) return pl__session_refuse(self, op->asked, code, NULL, NULL);
    if (op->asked->env.has_session && !q->has_after && rows->rows_count == 0)
        return pl__session_refuse(self, op->asked, PL_E_NOT_FOUND, "session",
                                  "there is no session of this name with a turn");
    PL_NEW(m, l, sessions_shown);
    if (!m) return -PL_E_NO_MEMORY;
    l->turns = pl_msg_alloc(m, rows->rows_count * sizeof *l->turns);
    for (uint32_t i = 0; l->turns && i < rows->rows_count; i++) {
        struct pl_rec_turn t;
        if (decode_row(&pl_rec_turn_type, m, &rows->rows[i], &t)) continue;
        l->turns[l->turns_count++] = row_of(&t);
    }
    set_next(m, rows, &l->has_next, &l->next);
    pl_reply(self, op->asked, &m);
    return 0;
}

/* Keys of all turns of a session begin with: tenant 0 session 0. */
static struct pl_bin turns_prefix(const struct session *s, struct pl_msg *tmp, const struct pl_msg *m)
{
    struct pl_str session = pl_key_hide(s->opts->row_key, tmp, m->env.tenant, m->env.session);
    return pl_key_join(tmp, (struct pl_str[]){m->env.tenant, session, PL_STR("")}, 3, 0, 0);
}

static int show(struct pl_actor *self, struct session *s, const struct pl_msg *m)
{
    const struct pl_sessions_show *q = m->body;
    PL_NEW(tmp, unused, ping);
    (void)unused;
    if (!tmp) return -PL_E_NO_MEMORY;
    struct pl_bin prefix = m->env.has_session ? turns_prefix(s, tmp, m) : tenant_prefix(tmp, m);
    int rc = scan(self, s, m, PL_FAMILY_TURNS, prefix, q->has_after ? &q->after : NULL, q->limit,
                  (struct store_op){.done = shown});
    pl_msg_unref(&tmp);
    return rc;
}

/* An export of everything somebody said leaves the house: it is recorded with its first page. */
int pl__listing_show(struct pl_actor *self, struct session *s, const struct pl_msg *m)
{
    const struct pl_sessions_show *q = m->body;
    if (q->export && !q->has_after) return pl__audit_before(self, s, m, "sessions.export", show);
    return show(self, s, m);
}

/* --- delete: first what only points at the turns, page by page; the turns and the head go last, in one
 * batch, so that a crash in between leaves a session that can be deleted again --- */

static int delete_scan(struct pl_actor *self, struct session *s, struct dialogue *d,
                       const struct pl_msg *asked, const struct pl_str *after, uint32_t count);

static int refuse_delete(struct pl_actor *self, struct session *s, const struct pl_msg *asked, int code,
                         const char *text)
{
    int rc = pl__audit_after(self, s, asked, DELETE, code);
    return rc ? rc : pl__session_refuse(self, asked, code, "session", text);
}

static int end_delete(struct session *s, struct dialogue *d)
{
    d->users--;
    d->deleting = false;
    pl__dialogue_free(s, d);
    return 0;
}

static int deleted(struct pl_actor *self, struct session *s, struct store_op *op, const struct pl_msg *reply,
                   int code)
{
    end_delete(s, op->dialogue);
    int rc = pl__audit_after(self, s, op->asked, DELETE, reply ? 0 : code);
    if (rc) return rc;
    if (!reply) return pl__session_refuse(self, op->asked, code, NULL, NULL);
    PL_NEW(m, d, sessions_deleted);
    if (!m) return -PL_E_NO_MEMORY;
    d->turns = op->count;
    pl_reply(self, op->asked, &m);
    return 0;
}

static int delete_rest(struct pl_actor *self, struct session *s, struct dialogue *d,
                       const struct pl_msg *asked, uint32_t count)
{
    PL_NEW(m, w, store_write);
    if (!m) return -PL_E_NO_MEMORY;
    struct pl_bin prefix = turns_prefix(s, m, asked);
    w->ops = pl_msg_alloc(m, 2 * sizeof *w->ops);
    if (!w->ops) {
        pl_msg_unref(&m);
        return -PL_E_NO_MEMORY;
    }
    w->ops_count = 2;
    w->ops[0] = (struct pl_store_op){.op = PL_STORE_OP_OP_DELETE_RANGE,
                                     .family = PL_STR(PL_FAMILY_TURNS),
                                     .key = prefix,
                                     .has_end = true,
                                     .end = pl_key_after(m, prefix)};
    w->ops[1] = (struct pl_store_op){.op = PL_STORE_OP_OP_DELETE,
                                     .family = PL_STR(PL_FAMILY_SESSIONS),
                                     .key = pl_msg_bin(m, d->key.ptr, d->key.len)};
    struct store_op op = {.done = deleted, .dialogue = d, .asked = (struct pl_msg *)asked, .count = count};
    return pl__session_store(self, s, &m, &op);
}

static int pointers_gone(struct pl_actor *self, struct session *s, struct store_op *op,
                         const struct pl_msg *reply, int code)
{
    if (!reply) {
        end_delete(s, op->dialogue);
        int rc = pl__audit_after(self, s, op->asked, DELETE, code);
        return rc ? rc : pl__session_refuse(self, op->asked, code, NULL, NULL);
    }
    return delete_rest(self, s, op->dialogue, op->asked, op->count);
}

static int page_gone(struct pl_actor *self, struct session *s, struct store_op *op,
                     const struct pl_msg *reply, int code)
{
    if (!reply) return pointers_gone(self, s, op, reply, code);
    char hex[1024];
    struct pl_str after = {hex, (uint32_t)op->number};
    memcpy(hex, op->note, op->number);
    return delete_scan(self, s, op->dialogue, op->asked, &after, op->count);
}

static int delete_page(struct pl_actor *self, struct session *s, struct store_op *op,
                       const struct pl_msg *reply, int code)
{
    const struct pl_store_rows *rows = reply ? PL_BODY(reply, store_rows) : NULL;
    if (!rows) return pointers_gone(self, s, op, NULL, code);
    if (op->count + rows->rows_count == 0 && !op->dialogue->stored) {
        end_delete(s, op->dialogue);
        return refuse_delete(self, s, op->asked, PL_E_NOT_FOUND,
                             "there is no session of this name with a turn");
    }
    if (rows->rows_count == 0) return delete_rest(self, s, op->dialogue, op->asked, op->count);
    PL_NEW(m, w, store_write);
    if (!m) return -PL_E_NO_MEMORY;
    w->ops = pl_msg_alloc(m, 2 * rows->rows_count * sizeof *w->ops);
    for (uint32_t i = 0; w->ops && i < rows->rows_count; i++) {
        struct pl_rec_turn t;
        if (decode_row(&pl_rec_turn_type, m, &rows->rows[i], &t)) continue;
        w->ops[w->ops_count++] = (struct pl_store_op){.op = PL_STORE_OP_OP_DELETE,
                                                      .family = PL_STR(PL_FAMILY_TURN_NAMES),
                                                      .key = pl_msg_bin(m, t.turn.ptr, t.turn.len)};
        w->ops[w->ops_count++] = (struct pl_store_op){.op = PL_STORE_OP_OP_DELETE,
                                                      .family = PL_STR(PL_FAMILY_REQUESTS),
                                                      .key = pl__request_key(s, m, t.tenant, t.id)};
    }
    struct store_op next = {.done = rows->more ? page_gone : pointers_gone,
                            .dialogue = op->dialogue,
                            .asked = op->asked,
                            .count = op->count + rows->rows_count};
    if (rows->more) {
        struct pl_str hex = hex_of(m, rows->rows[rows->rows_count - 1].key);
        if (hex.len > sizeof next.note) hex.len = 0;
        memcpy(next.note, hex.ptr, hex.len);
        next.number = hex.len;
    }
    return pl__session_store(self, s, &m, &next);
}

static int delete_scan(struct pl_actor *self, struct session *s, struct dialogue *d,
                       const struct pl_msg *asked, const struct pl_str *after, uint32_t count)
{
    PL_NEW(tmp, unused, ping);
    (void)unused;
    if (!tmp) return -PL_E_NO_MEMORY;
    int rc = scan(self, s, asked, PL_FAMILY_TURNS, turns_prefix(s, tmp, asked), after, DELETE_PAGE,
                  (struct store_op){.done = delete_page, .dialogue = d, .count = count});
    pl_msg_unref(&tmp);
    return rc;
}

static int delete_recorded(struct pl_actor *self, struct session *s, const struct pl_msg *m)
{
    struct dialogue *d = pl__dialogue_get(self, s, m->env.tenant, m->env.session);
    if (!d) return -PL_E_NO_MEMORY;
    if (d->users)
        return refuse_delete(self, s, m, PL_E_CONFLICT, "the session has requests that are not answered");
    d->users++;
    d->deleting = true;
    return delete_scan(self, s, d, m, NULL, 0);
}

int pl__listing_delete(struct pl_actor *self, struct session *s, const struct pl_msg *m)
{
    if (!m->env.has_session) return pl__session_refuse(self, m, PL_E_INVALID, "session", "name the session");
    return pl__audit_before(self, s, m, DELETE, delete_recorded);
}
