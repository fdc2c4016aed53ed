/* client_chat.c - one question and its answer.
 *
 * asked -> accepted -> deltas -> done. In silence the client first doubts the way and then the service: after
 * each SILENCE_MS without a message it sends a ping, and asks again: before chat.accepted with the same
 * request, after it with chat.resume from the first seq that is missing. Deltas that come twice are dropped
 * by their seq. */
#include "ops/clients/c/parlance_client.h"

#include "ops/clients/c/client_inside.h"

enum { SILENCE_MS = 5000, GONE_MS = 30000 };

struct asking {
    struct pl_client *c;
    const struct pl_chat_request *q;
    struct pl_client_head head;
    const struct pl_chat_watch *watch;
    char id[PL_CLIENT_ID_SIZE];
    bool accepted, cancelled, resumed;
    uint32_t next_seq;
    uint64_t heard_ms, until_ms;
};

static int ask_again(struct asking *a, struct pl_err *err)
{
    struct pl_ping ping;
    struct pl_chat_resume resume;
    pl_ping_type.init(&ping);
    pl_chat_resume_type.init(&resume);
    resume.resume_from = a->next_seq;
    a->resumed = true;
    int rc = pl_client_send(a->c, &pl_ping_type, &ping, NULL, NULL, err);
    if (rc) return rc;
    if (a->accepted) return pl_client_send(a->c, &pl_chat_resume_type, &resume, &a->head, NULL, err);
    return pl_client_send(a->c, &pl_chat_request_type, a->q, &a->head, NULL, err);
}

static int cancel(struct asking *a, struct pl_err *err)
{
    struct pl_chat_cancel body;
    pl_chat_cancel_type.init(&body);
    if (a->cancelled || !a->watch || !a->watch->stop || !a->watch->stop(a->watch->arg)) return 0;
    a->cancelled = true;
    return pl_client_send(a->c, &pl_chat_cancel_type, &body, &a->head, NULL, err);
}

static void take_delta(struct asking *a, const struct pl_chat_delta *d)
{
    if (d->seq < a->next_seq) return;
    a->next_seq = d->seq + 1;
    if (a->watch && a->watch->delta) a->watch->delta(d, a->watch->arg);
}

/* 1 when R ends the asking. A refusal for lack of room, of an asking again, means only that the service is
 * there. */
static int take(struct asking *a, const struct pl_reply *r, struct pl_err *err)
{
    const struct pl_chat_accepted *accepted = PL_REPLY(r, chat_accepted);
    const struct pl_chat_delta *delta = PL_REPLY(r, chat_delta);
    const struct pl_chat_error *error = PL_REPLY(r, chat_error);
    a->heard_ms = pl__client_now_ms();
    if (strcmp(r->id, a->id) != 0) return 0;
    if (accepted && !a->accepted && a->watch && a->watch->accepted)
        a->watch->accepted(accepted, a->watch->arg);
    if (accepted) a->accepted = true;
    if (delta) take_delta(a, delta);
    if (PL_REPLY(r, chat_done)) return 1;
    if (!error) return 0;
    bool no_room = pl_str_is(error->code, "overloaded") || pl_str_is(error->code, "unavailable");
    return no_room && a->resumed && a->accepted ? 0 : pl__client_refusal(error, err);
}

static int on_silence(struct asking *a, struct pl_err *err)
{
    uint64_t now = pl__client_now_ms();
    if (now >= a->until_ms) return -PL_E_DEADLINE_EXCEEDED;
    if (now - a->heard_ms >= GONE_MS)
        return pl_fail(err, PL_E_GONE, NULL, "the service says nothing any more");
    return ask_again(a, err);
}

static int await_done(struct asking *a, struct pl_reply *out, struct pl_err *err)
{
    int rc = 0;
    while (!rc) {
        uint64_t now = pl__client_now_ms(), left = a->until_ms > now ? a->until_ms - now : 0;
        rc = pl_client_receive(a->c, NULL, left < SILENCE_MS ? (int)left : SILENCE_MS, out, err);
        if (!rc) {
            rc = take(a, out, err);
            if (rc <= 0) pl_reply_finish(out);
        } else if (rc == -PL_E_AGAIN) {
            rc = cancel(a, err);
        } else if (rc == -PL_E_DEADLINE_EXCEEDED) {
            rc = on_silence(a, err);
        }
    }
    return rc > 0 ? 0 : rc;
}

int pl_client_chat(struct pl_client *c, const struct pl_chat_request *q, const struct pl_client_head *head,
                   const struct pl_chat_watch *watch, int timeout_ms, struct pl_reply *out,
                   struct pl_err *err)
{
    struct asking a = {.c = c, .q = q, .watch = watch, .heard_ms = pl__client_now_ms()};
    if (head) a.head = *head;
    a.until_ms = timeout_ms < 0 ? UINT64_MAX : a.heard_ms + (uint64_t)timeout_ms;
    *out = (struct pl_reply){0};
    int rc = pl_client_send(c, &pl_chat_request_type, q, &a.head, a.id, err);
    a.head.id = a.id;
    return rc ? rc : await_done(&a, out, err);
}
