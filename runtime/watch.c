/* watch.c - questions of an operator, put to all nodes.
 *
 *   asked (hub) -> own rows, the question to each leaf that is up -> all answered, or half a second is over
 * -> the answer asked (leaf) -> own rows -> the answer
 *
 * An ask knows its answers by their correlation, the ask's number; an answer that comes too late finds none.
 */
#include "runtime/watch.h"

#include <stdio.h>
#include <stdlib.h>

#include "runtime/audit_line.h"
#include "runtime/watch_rows.h"
#include "schemas/gen/admin.h"
#include "schemas/gen/chat.h"

enum { ASKS = 4, PEERS = 64, PATIENCE_MS = 500, ACTS = 4 };

struct ask {
    uint64_t number, timer; /* number 0: free */
    struct pl_msg *request, *parts[PEERS + 1];
    struct pl__peer *asked[PEERS]; /* those that did not answer yet */
    uint32_t parts_count, asked_count;
    struct pl__peer *missing[PEERS];
    uint32_t missing_count;
};
/* A replay that waits for its line of the audit record. */
struct act {
    uint64_t token, number; /* token 0: free; number of the letter */
    struct pl_msg *request;
};
struct watch {
    struct ask asks[ASKS];
    struct act acts[ACTS];
    uint64_t newest;
};

static int refuse(struct pl_actor *self, const struct pl_msg *asked, const struct pl_err *err)
{
    PL_NEW(m, e, chat_error);
    if (m) {
        e->code = pl_str_of(pl_error_name(err->code));
        e->message = pl_msg_str(m, pl_str_of(err->text));
        e->has_field = err->field[0] != 0;
        e->field = pl_msg_str(m, pl_str_of(err->field));
    }
    pl_reply(self, asked, &m);
    return 0;
}

/* ---- asks ---- */

static void forget(struct pl_actor *self, struct ask *a)
{
    if (a->timer) pl_timer_cancel(self, a->timer);
    pl_msg_unref(&a->request);
    for (uint32_t i = 0; i < a->parts_count; i++) pl_msg_unref(&a->parts[i]);
    *a = (struct ask){0};
}

static void finish(struct pl_actor *self, struct ask *a)
{
    for (uint32_t i = 0; i < a->asked_count; i++) a->missing[a->missing_count++] = a->asked[i];
    a->asked_count = 0;
    struct pl_msg *m = pl__watch_join(a->parts, a->parts_count, a->missing, a->missing_count);
    pl_reply(self, a->request, &m); /* of nothing: no memory, and the asker is told */
    forget(self, a);
}

static struct ask *open_ask(struct pl_actor *self, struct watch *w)
{
    struct ask *oldest = &w->asks[0];
    for (int i = 1; i < ASKS; i++)
        if (w->asks[i].number < oldest->number) oldest = &w->asks[i];
    if (oldest->number) finish(self, oldest);
    oldest->number = ++w->newest;
    return oldest;
}

static struct ask *find_ask(struct watch *w, struct pl_str correlation)
{
    char text[24];
    uint64_t number;
    snprintf(text, sizeof text, "%.*s", PL_STR_FMT(correlation));
    number = strtoull(text, NULL, 10);
    for (int i = 0; i < ASKS && number; i++)
        if (w->asks[i].number == number) return &w->asks[i];
    return NULL;
}

static void name_of(const struct pl__peer *p, char *out, size_t size)
{
    snprintf(out, size, "watch.%s", p->name);
}

static void put_question(struct pl_actor *self, struct ask *a, struct pl__peer *p)
{
    char to[PL__NAME_MAX + 8], correlation[24];
    struct pl_msg *m = pl_msg_create(a->request->type);
    name_of(p, to, sizeof to);
    snprintf(correlation, sizeof correlation, "%llu", (unsigned long long)a->number);
    if (m) m->env.correlation = pl_msg_str(m, pl_str_of(correlation));
    if (m) m->env.reply_to = pl_msg_str(m, pl_str_of(pl_actor_name(self)));
    pl_send_to(self, to, &m);
    a->asked[a->asked_count++] = p;
}

/* Takes OWN, the rows of this node. */
static int ask_all(struct pl_actor *self, struct watch *w, const struct pl_msg *request, struct pl_msg *own)
{
    struct pl_node *n = self->node;
    if (!own) return -PL_E_NO_MEMORY;
    if (n->hub) {
        pl_reply(self, request, &own);
        return 0;
    }
    struct ask *a = open_ask(self, w);
    a->request = pl_msg_ref((struct pl_msg *)(uintptr_t)request);
    a->parts[a->parts_count++] = own;
    for (uint32_t i = 0; i < n->peers_count && i < PEERS; i++) {
        if (n->peers[i]->life == PL__PEER_UP)
            put_question(self, a, n->peers[i]);
        else
            a->missing[a->missing_count++] = n->peers[i];
    }
    if (a->asked_count)
        a->timer = pl_timer_start(self, PATIENCE_MS, 0, a->number);
    else
        finish(self, a);
    return 0;
}

/* P said something, or will not any more. */
static void strike_off(struct ask *a, const char *peer, struct pl_msg *part)
{
    for (uint32_t i = 0; i < a->asked_count; i++) {
        struct pl__peer *p = a->asked[i];
        if (strcmp(p->name, peer) != 0) continue;
        a->asked[i] = a->asked[--a->asked_count];
        if (part)
            a->parts[a->parts_count++] = part;
        else
            a->missing[a->missing_count++] = p;
        return;
    }
    pl_msg_unref(&part);
}

/* ACTOR: "watch.NODE". */
static void heard(struct pl_actor *self, struct watch *w, struct pl_str correlation, struct pl_str actor,
                  struct pl_msg *part)
{
    char name[PL__NAME_MAX + 8];
    struct ask *a = find_ask(w, correlation);
    snprintf(name, sizeof name, "%.*s", PL_STR_FMT(actor));
    const char *dot = strchr(name, '.');
    if (!a || !dot || (part && part->type != a->parts[0]->type)) {
        pl_msg_unref(&part);
        return;
    }
    strike_off(a, dot + 1, part);
    if (!a->asked_count) finish(self, a);
}

/* A leaf's own count of restarts is not known to it. */
static void count_restarts(struct pl_node *n, struct pl_node_state *s)
{
    for (uint32_t i = 0; i < s->nodes_count; i++)
        for (uint32_t k = 0; k < n->peers_count; k++)
            if (pl_str_is(s->nodes[i].node, n->peers[k]->name))
                s->nodes[i].restarts = n->peers[k]->supervisor.restarts;
}

static void on_part(struct pl_actor *self, struct watch *w, const struct pl_msg *m)
{
    struct pl_msg *part = pl_msg_copy(m);
    if (part && PL_BODY(part, node_state)) count_restarts(self->node, part->body);
    heard(self, w, m->env.correlation, m->env.from, part);
}

/* ---- replay: the audit record says so first ---- */

/* "NODE:NUMBER" in two; false: it is none. */
static bool split_name(struct pl_str letter, char node[PL__NAME_MAX + 40], uint64_t *number)
{
    snprintf(node, PL__NAME_MAX + 40, "%.*s", PL_STR_FMT(letter));
    char *colon = strrchr(node, ':');
    if (!colon) return false;
    *colon = 0;
    *number = strtoull(colon + 1, NULL, 10);
    return true;
}

/* TOKEN 0: nobody waits for it. */
static void record(struct pl_actor *self, uint64_t token, const struct pl_msg *asked, const char *outcome)
{
    const struct pl_letters_replay *q = asked->body;
    struct pl_msg *m = pl_audit_line(asked, token, "dead-letters.replay", outcome, q->letter);
    pl_send_to(self, "store", &m);
}

static int refuse_unrecorded(struct pl_actor *self, const struct pl_msg *asked)
{
    struct pl_err err = {0};
    pl_fail(&err, PL_E_UNAVAILABLE, "audit",
            "this is not done, because it cannot be recorded: parlance audit verify");
    return refuse(self, asked, &err);
}

static struct act *find_act(struct watch *w, uint64_t token)
{
    for (int i = 0; i < ACTS; i++)
        if (w->acts[i].token == token) return &w->acts[i];
    return NULL;
}

/* The letter is here. */
static int begin_replay(struct pl_actor *self, struct watch *w, const struct pl_msg *m, uint64_t number)
{
    struct pl_err err = {0};
    struct act *a = find_act(w, 0);
    int rc = pl__letters_check(&self->node->letters, number, &err);
    if (!rc && !a) rc = pl_fail(&err, PL_E_OVERLOADED, NULL, "too many letters are being sent again");
    if (rc) return refuse(self, m, &err);
    *a = (struct act){
        .token = ++w->newest, .number = number, .request = pl_msg_ref((struct pl_msg *)(uintptr_t)m)};
    record(self, a->token, m, "intent");
    return 0;
}

static void send_again(struct pl_actor *self, const struct pl_msg *asked, struct pl_msg *again)
{
    const struct pl_letters_replay *q = asked->body;
    pl_log(self, PL_LOG_WARN, "dead letter replayed", "letter=%.*s type=%s to=%.*s", PL_STR_FMT(q->letter),
           again->type->name, PL_STR_FMT(again->env.to));
    PL_NEW(reply, b, letters_replayed);
    if (b) b->letter = pl_msg_str(reply, q->letter);
    if (b) b->to = pl_msg_str(reply, again->env.to);
    pl__post(self->node, again, PL__LANE_USER);
    pl_reply(self, asked, &reply);
}

/* RECORDED: the intent is on disk. */
static int end_replay(struct pl_actor *self, struct watch *w, uint64_t token, bool recorded)
{
    struct act *a = token ? find_act(w, token) : NULL;
    struct pl_err err = {0};
    struct pl_msg *again = NULL;
    if (!a) return 0;
    struct act was = *a;
    *a = (struct act){0};
    int rc =
        recorded ? pl__letters_replay(&self->node->letters, was.number, &again, &err) : -PL_E_UNAVAILABLE;
    if (!rc)
        send_again(self, was.request, again);
    else
        rc = recorded ? refuse(self, was.request, &err) : refuse_unrecorded(self, was.request);
    if (recorded) record(self, 0, was.request, again ? "done" : "failed");
    pl_msg_unref(&was.request);
    return rc;
}

static int on_replay(struct pl_actor *self, struct watch *w, const struct pl_msg *m,
                     const struct pl_letters_replay *q)
{
    struct pl_node *n = self->node;
    struct pl_err err = {0};
    char name[PL__NAME_MAX + 40], to[PL__NAME_MAX + 8];
    uint64_t number;
    bool good = split_name(q->letter, name, &number);
    const struct pl__peer *p = good && !n->hub ? pl__peer_find(n, name) : NULL;
    if (good && strcmp(name, n->name) == 0) return begin_replay(self, w, m, number);
    if (p) {
        name_of(p, to, sizeof to);
        pl_forward(self, to, m);
        return 0;
    }
    pl_fail(&err, PL_E_NOT_FOUND, "letter", "there is no node of this name");
    return refuse(self, m, &err);
}

/* ---- the actor ---- */

static int watch_receive(struct pl_actor *self, void *state, const struct pl_msg *m)
{
    struct watch *w = state;
    const struct pl_sys_timer *timer = PL_BODY(m, sys_timer);
    const struct pl_sys_undelivered *u = PL_BODY(m, sys_undelivered);
    const struct pl_letters_replay *replay = PL_BODY(m, letters_replay);
    const struct pl_audit_added *added = PL_BODY(m, audit_added);
    const struct pl_store_failed *failed = PL_BODY(m, store_failed);
    if (PL_BODY(m, node_top)) return ask_all(self, w, m, pl__watch_state(self->node));
    if (PL_BODY(m, letters_list)) return ask_all(self, w, m, pl__watch_letters(self->node));
    if (replay) return on_replay(self, w, m, replay);
    if (added) return end_replay(self, w, added->token, true);
    if (failed) return end_replay(self, w, failed->token, false);
    if (u && pl_str_is(u->to, "store")) return end_replay(self, w, u->token, false);
    if (PL_BODY(m, node_state) || PL_BODY(m, letters_listed)) {
        on_part(self, w, m);
    } else if (u) {
        heard(self, w, u->correlation, u->to, NULL);
    } else if (timer) {
        for (int i = 0; i < ASKS; i++)
            if (w->asks[i].number == timer->arg) {
                w->asks[i].timer = 0;
                finish(self, &w->asks[i]);
            }
    } else {
        return PL_UNHANDLED;
    }
    return 0;
}

static void watch_stop(struct pl_actor *self, void *state)
{
    struct watch *w = state;
    for (int i = 0; i < ASKS; i++)
        if (w->asks[i].number) forget(self, &w->asks[i]);
    for (int i = 0; i < ACTS; i++) pl_msg_unref(&w->acts[i].request);
}

const struct pl_actor_class pl_watch_class = {
    .name = "watch",
    .state_bytes = sizeof(struct watch),
    .receive = watch_receive,
    .stop = watch_stop,
    .mailbox_limit = 64,
    .restart = PL_RESTART_DEFAULT,
};

int pl_watch_add(struct pl_node *n, struct pl_err *err)
{
    char name[PL__NAME_MAX + 8];
    snprintf(name, sizeof name, n->hub ? "watch.%s" : "watch", n->name);
    return pl_node_add(n, &pl_watch_class, name, NULL, err);
}
