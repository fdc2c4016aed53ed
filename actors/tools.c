/* tools: finds, checks, calls and times out the tools that the service runs.
 *
 * It owns one record for each tool that the configuration names, and the calls that are not answered yet. It
 * refuses a tool that there is not, arguments that do not fit its schema, and what is beyond its bounds.
 *
 *   call:  tool.call -> waiting -> running -> tool.result
 *            waiting for too long ........ unavailable
 *            running over the time-out ... tool_timeout, and the host's process is restarted
 *            running when the host dies .. waits again if the tool is idempotent, once; else tool_failed
 *   tool:  unknown --tool.hello--> up <--> down (its calls wait) --final--> gone (unavailable)
 *          after 5 failures in a row it is closed for 5 s; then the next failure closes it again
 *
 * 1. Each call is answered exactly once, or dropped by tool.cancel.
 * 2. A host has at most one call in its hands; at most max_waiting others of its tool wait.
 * 3. A run's number is used once: the answer to a run that was given up finds nothing. */
#include "actors/actors.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include "actors/json_schema.h"
#include "kernels/utf8.h"
#include "schemas/gen/types.h"

enum {
    MAX_TOOLS = 64,
    DEFAULT_WAITING = 64,
    WAIT_MS = 30000, /* for a host that restarts, or for the calls before */
    FAILURES = 5,    /* in a row close a tool */
    CLOSED_MS = 5000,
    RESTART_MS = 5000, /* a host that was killed is tried again when nobody told of its end */
    ATTEMPTS = 2,
    RESULT_MAX = 65536
};
enum { TIMER_WAIT, TIMER_RUN, TIMER_RESTART }; /* arg: number of the call, of the call, index of the tool */

struct call {
    struct call *next;
    struct pl_msg *request; /* shared; its sender is answered */
    uint64_t number, run;   /* in the life of this actor; of the last run */
    uint64_t timer;
    uint32_t attempts;
    bool checked, dropped;
    struct pl_span span;
};

struct queue {
    struct call *first, *last;
    uint32_t count;
};

struct tool {
    const char *name; /* of the options */
    char actor[72];
    struct pl_msg *hello;     /* shared; NULL: it was never up */
    json_t *function;         /* its schema, parsed */
    const json_t *parameters; /* inside it; may be NULL */
    bool up, gone, restarting;
    struct call *running; /* handed to the host */
    struct queue waiting;
    uint32_t failures;
    uint64_t closed_until_ms, restart_timer;
};

struct tools {
    struct tool all[MAX_TOOLS];
    uint32_t count, max_waiting;
    uint64_t next_number;
};

/* ---- queues ---- */

static void queue_push(struct queue *q, struct call *c)
{
    c->next = NULL;
    if (q->last)
        q->last->next = c;
    else
        q->first = c;
    q->last = c;
    q->count++;
}

static void queue_push_front(struct queue *q, struct call *c)
{
    c->next = q->first;
    q->first = c;
    if (!q->last) q->last = c;
    q->count++;
}

static void queue_remove(struct queue *q, struct call *c)
{
    struct call **at = &q->first, *before = NULL;
    for (; *at != c; at = &(*at)->next) before = *at;
    *at = c->next;
    if (q->last == c) q->last = before;
    q->count--;
}

static const struct pl_tool_description *described(const struct tool *t)
{
    return t->hello ? &((const struct pl_tool_hello *)t->hello->body)->tool : NULL;
}

static struct tool *find_actor(struct tools *st, struct pl_str actor)
{
    for (uint32_t i = 0; i < st->count; i++)
        if (pl_str_is(actor, st->all[i].actor)) return &st->all[i];
    return NULL;
}

static struct tool *find_name(struct tools *st, struct pl_str name)
{
    for (uint32_t i = 0; i < st->count; i++)
        if (pl_str_is(name, st->all[i].name)) return &st->all[i];
    return NULL;
}

/* ---- answers ---- */

static void call_free(struct pl_actor *self, struct call *c)
{
    if (c->timer) pl_timer_cancel(self, c->timer);
    pl_msg_unref(&c->request);
    free(c);
}

static void answer(struct pl_actor *self, const struct pl_msg *request, int code, struct pl_str content)
{
    PL_NEW(m, b, tool_result);
    if (b) {
        b->call = ((const struct pl_tool_call *)request->body)->call;
        b->code = (uint32_t)code;
        b->content = pl_msg_str(m, content);
    }
    pl_reply(self, request, &m);
}

static void count(struct pl_actor *self, const struct tool *t, int code)
{
    char labels[128];
    snprintf(labels, sizeof labels, "tool=\"%s\",code=\"%s\"", t->name, code ? pl_error_name(code) : "ok");
    pl_counter_add(pl_metrics_counter(pl_actor_metrics(self), "parlance_tools_calls_total",
                                      "Tool calls that were answered.", labels),
                   1);
}

/* Answers and frees C, which is in no queue any more. */
static void finish(struct pl_actor *self, const struct tool *t, struct call *c, int code,
                   struct pl_str content)
{
    const struct pl_attribute of[] = {{.key = "tool", .text = t->name},
                                      {.key = "attempts", .number = c->attempts}};
    pl_span_end(self, &c->span, code, of, 2);
    if (!c->dropped) {
        answer(self, c->request, code, content);
        count(self, t, code);
    }
    call_free(self, c);
}

static void finish_with(struct pl_actor *self, const struct tool *t, struct call *c, int code,
                        const char *fmt, ...) __attribute__((format(printf, 5, 6)));
static void finish_with(struct pl_actor *self, const struct tool *t, struct call *c, int code,
                        const char *fmt, ...)
{
    struct pl_err err = {0};
    va_list args;
    char text[sizeof err.text + 64]; /* longer, so that pl_fail cuts it, at a character */
    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    pl_fail(&err, code, NULL, "%s", text);
    finish(self, t, c, code, pl_str_of(err.text));
}

static void refuse_waiting(struct pl_actor *self, struct tool *t, const char *why)
{
    for (struct call *c; (c = t->waiting.first) != NULL;) {
        queue_remove(&t->waiting, c);
        finish_with(self, t, c, PL_E_UNAVAILABLE, "the tool %s %s", t->name, why);
    }
}

/* Tells the session which tools there are; one whose process restarts stays among them, its calls wait. */
static void announce(struct pl_actor *self, const struct tools *st)
{
    uint32_t room = st->count ? st->count : 1;
    PL_NEW(m, b, tool_described);
    if (b) b->tools = pl_msg_alloc(m, room * sizeof *b->tools);
    if (b) b->starting = pl_msg_alloc(m, room * sizeof *b->starting);
    for (uint32_t i = 0; b && b->tools && b->starting && i < st->count; i++) {
        const struct pl_tool_description *d = described(&st->all[i]);
        if (st->all[i].gone) continue;
        if (!d) {
            b->starting[b->starting_count++] = pl_msg_str(m, pl_str_of(st->all[i].name));
            continue;
        }
        struct pl_tool_description *to = &b->tools[b->tools_count++];
        *to = (struct pl_tool_description){.timeout_ms = d->timeout_ms, .idempotent = d->idempotent};
        to->name = pl_msg_str(m, d->name);
        to->schema = pl_msg_str(m, d->schema);
    }
    pl_send_to(self, "session", &m);
}

/* ---- failures ---- */

static bool is_closed(const struct pl_actor *self, const struct tool *t)
{
    return pl_now_ms(self) < t->closed_until_ms;
}

static void note_failure(struct pl_actor *self, struct tool *t, const char *why)
{
    pl_log(self, PL_LOG_WARN, "tool_failed", "tool=%s failures=%u why=%s", t->name, t->failures + 1, why);
    if (++t->failures < FAILURES) return;
    t->closed_until_ms = pl_now_ms(self) + CLOSED_MS;
    refuse_waiting(self, t, "failed too often and is not called for some seconds");
}

static void wait_again(struct pl_actor *self, struct tool *t, struct call *c)
{
    if (c->timer) pl_timer_cancel(self, c->timer);
    c->timer = pl_timer_start(self, WAIT_MS, TIMER_WAIT, c->number);
    c->run = 0;
    queue_push_front(&t->waiting, c);
}

/* The host may have died with C in its hands, which is no longer `running`. */
static void call_crashed(struct pl_actor *self, struct tool *t, struct call *c)
{
    if (c->attempts < ATTEMPTS && described(t)->idempotent && !c->dropped)
        wait_again(self, t, c);
    else
        finish_with(self, t, c, PL_E_TOOL_FAILED, "the tool %s crashed", t->name);
    note_failure(self, t, "it crashed");
}

/* ---- running ---- */

static int check_arguments(const struct tool *t, const struct call *c, struct pl_err *err)
{
    struct pl_str text = ((const struct pl_tool_call *)c->request->body)->arguments;
    json_error_t where;
    json_t *value = json_loadb(text.ptr ? text.ptr : "", text.len, 0, &where);
    int rc = 0;
    if (!json_is_object(value))
        rc = pl_fail(err, PL_E_INVALID, "arguments", "the arguments are not a JSON object");
    else
        rc = pl_json_schema_check(t->parameters, value, err);
    json_decref(value);
    return rc;
}

/* False: C was answered, its arguments do not fit. Its queue is not touched. */
static bool passes(struct pl_actor *self, const struct tool *t, struct call *c)
{
    struct pl_err err = {0};
    if (c->checked || !t->hello) return true;
    c->checked = true;
    if (check_arguments(t, c, &err) == 0) return true;
    finish_with(self, t, c, PL_E_INVALID, "the arguments do not fit the tool %s: %s", t->name, err.text);
    return false;
}

static void run(struct pl_actor *self, struct tools *st, struct tool *t, struct call *c)
{
    PL_NEW(m, b, tool_run);
    if (!m) {
        finish_with(self, t, c, PL_E_NO_MEMORY, "no memory to call the tool %s", t->name);
        return;
    }
    c->run = b->call = ++st->next_number;
    c->attempts++;
    b->arguments = pl_msg_str(m, ((const struct pl_tool_call *)c->request->body)->arguments);
    if (!c->span.name) pl_span_begin(self, &c->span, "tool.call", c->request->env.trace, false);
    m->env.trace = pl_msg_str(m, pl_span_context(&c->span));
    c->timer = pl_timer_start(self, described(t)->timeout_ms, TIMER_RUN, c->number);
    t->running = c;
    pl_send_to(self, t->actor, &m);
}

/* Hands the next waiting call to the host when it is free. */
static void pump(struct pl_actor *self, struct tools *st, struct tool *t)
{
    while (t->up && !t->restarting && t->waiting.first && !t->running) {
        struct call *c = t->waiting.first;
        queue_remove(&t->waiting, c);
        pl_timer_cancel(self, c->timer);
        c->timer = 0;
        if (c->request->deadline_ms <= pl_now_ms(self))
            finish_with(self, t, c, PL_E_DEADLINE_EXCEEDED, "there was no time left for the tool %s",
                        t->name);
        else if (passes(self, t, c))
            run(self, st, t, c);
    }
}

/* ---- messages ---- */

static void on_call(struct pl_actor *self, struct tools *st, const struct pl_msg *m)
{
    const struct pl_tool_call *call = m->body;
    struct tool *t = find_name(st, call->tool);
    struct call *c = t ? calloc(1, sizeof *c) : NULL;
    if (!t)
        answer(self, m, PL_E_NOT_FOUND, PL_STR("there is no tool of that name"));
    else if (!c)
        answer(self, m, PL_E_NO_MEMORY, PL_STR("no memory for the call"));
    if (!c) return;
    c->request = pl_msg_ref((struct pl_msg *)(uintptr_t)m);
    c->number = ++st->next_number;
    if (t->gone || is_closed(self, t))
        finish_with(self, t, c, PL_E_UNAVAILABLE, "the tool %s is not available now", t->name);
    else if (t->waiting.count >= st->max_waiting)
        finish_with(self, t, c, PL_E_OVERLOADED, "too many calls wait for the tool %s", t->name);
    else if (passes(self, t, c)) {
        c->timer = pl_timer_start(self, WAIT_MS, TIMER_WAIT, c->number);
        queue_push(&t->waiting, c);
        pump(self, st, t);
    }
}

static bool same_request(const struct call *c, const struct pl_msg *m, uint64_t call)
{
    return ((const struct pl_tool_call *)c->request->body)->call == call &&
           pl_str_eq(c->request->env.from, m->env.from);
}

static void on_cancel(struct pl_actor *self, struct tools *st, const struct pl_msg *m)
{
    uint64_t number = ((const struct pl_tool_cancel *)m->body)->call;
    for (struct tool *t = st->all; t < st->all + st->count; t++) {
        if (t->running && same_request(t->running, m, number)) t->running->dropped = true; /* it runs on */
        for (struct call *c = t->waiting.first, *next; c; c = next) {
            next = c->next;
            if (!same_request(c, m, number)) continue;
            queue_remove(&t->waiting, c);
            call_free(self, c);
        }
    }
}

static void on_ran(struct pl_actor *self, struct tools *st, const struct pl_msg *m)
{
    const struct pl_tool_ran *ran = m->body;
    struct tool *t = find_actor(st, m->env.from);
    struct call *c = t ? t->running : NULL;
    if (!c || c->run != ran->call) return; /* of a run that was given up */
    bool rubbish = ran->content.len > RESULT_MAX || !pl_utf8_valid(ran->content.ptr, ran->content.len);
    t->running = NULL;
    if (rubbish)
        finish_with(self, t, c, PL_E_TOOL_FAILED, "the tool %s answered what is not text", t->name);
    else
        finish(self, t, c, (int)ran->code, ran->content);
    if (rubbish || ran->code == PL_E_TOOL_FAILED)
        note_failure(self, t, "its result");
    else
        t->failures = 0;
    pump(self, st, t);
}

static void restart_over(struct pl_actor *self, struct tool *t)
{
    if (t->restart_timer) pl_timer_cancel(self, t->restart_timer);
    t->restart_timer = 0;
    t->restarting = false;
}

static void on_hello(struct pl_actor *self, struct tools *st, const struct pl_msg *m)
{
    const struct pl_tool_description *d = &((const struct pl_tool_hello *)m->body)->tool, *was;
    struct tool *t = find_actor(st, m->env.from);
    if (!t || !pl_str_is(d->name, t->name)) {
        pl_log(self, PL_LOG_ERROR, "tool_unexpected", "actor=%.*s tool=%.*s", PL_STR_FMT(m->env.from),
               PL_STR_FMT(d->name));
        return;
    }
    json_t *function = json_loadb(d->schema.ptr ? d->schema.ptr : "", d->schema.len, 0, NULL);
    was = described(t);
    bool same = was && !t->gone && pl_str_eq(was->schema, d->schema) && was->timeout_ms == d->timeout_ms;
    json_decref(t->function);
    t->function = function;
    t->parameters = json_object_get(json_object_get(function, "function"), "parameters");
    pl_msg_unref(&t->hello);
    t->hello = pl_msg_ref((struct pl_msg *)(uintptr_t)m);
    t->up = true;
    t->gone = false;
    restart_over(self, t);
    if (!same) announce(self, st);
    pump(self, st, t);
}

static void on_tool_down(struct pl_actor *self, struct tools *st, struct tool *t, bool final)
{
    struct call *c = t->running;
    bool announced = !t->gone;
    t->running = NULL;
    t->up = false;
    restart_over(self, t);
    if (c) call_crashed(self, t, c);
    if (!final) return;
    t->gone = true;
    refuse_waiting(self, t, "is down");
    if (announced) announce(self, st);
}

static void on_up(struct pl_actor *self, struct tools *st, struct pl_str actor)
{
    struct tool *t = find_actor(st, actor);
    if (pl_str_is(actor, "session")) announce(self, st);
    if (!t || !t->hello || t->restarting) return;
    t->up = true; /* its hello follows and says the same */
    pump(self, st, t);
}

/* A run did not reach its host, or (unavailable) perhaps did and was not survived. */
static void on_undelivered(struct pl_actor *self, struct tools *st, const struct pl_sys_undelivered *u)
{
    struct tool *t = find_actor(st, u->to);
    struct call *c = t ? t->running : NULL;
    if (!c || c->run != u->token) return;
    bool absent = u->code == PL_E_GONE || u->code == PL_E_NOT_FOUND;
    t->running = NULL;
    if (absent || u->code == PL_E_UNAVAILABLE) t->up = false; /* until sys.up or tool.hello */
    if (u->code == PL_E_UNAVAILABLE) {
        call_crashed(self, t, c);
    } else if (absent && !c->dropped) {
        c->attempts--;
        wait_again(self, t, c);
    } else {
        finish_with(self, t, c, PL_E_UNAVAILABLE, "the tool %s does not take calls now", t->name);
        pump(self, st, t);
    }
}

static void on_timeout(struct pl_actor *self, struct tool *t, uint32_t index)
{
    struct call *c = t->running;
    t->running = NULL;
    c->timer = 0;
    finish_with(self, t, c, PL_E_TOOL_TIMEOUT, "the tool %s did not answer within %u ms", t->name,
                described(t)->timeout_ms);
    note_failure(self, t, "it did not answer in time");
    t->restarting = true;
    t->restart_timer = pl_timer_start(self, RESTART_MS, TIMER_RESTART, index);
    pl_child_restart(self, t->actor);
}

static void on_waited(struct pl_actor *self, struct tool *t, struct call *c)
{
    queue_remove(&t->waiting, c);
    c->timer = 0;
    finish_with(self, t, c, PL_E_UNAVAILABLE, "the tool %s was not free in time", t->name);
}

static struct call *find_waiting(struct tool *t, uint64_t number)
{
    struct call *c = t->waiting.first;
    while (c && c->number != number) c = c->next;
    return c;
}

static void on_timer(struct pl_actor *self, struct tools *st, const struct pl_sys_timer *timer)
{
    for (uint32_t i = 0; i < st->count; i++) {
        struct tool *t = &st->all[i];
        struct call *waited = timer->kind == TIMER_WAIT ? find_waiting(t, timer->arg) : NULL;
        if (waited) on_waited(self, t, waited);
        if (timer->kind == TIMER_RUN && t->running && t->running->number == timer->arg)
            on_timeout(self, t, i);
        if (timer->kind != TIMER_RESTART || timer->arg != i) continue;
        restart_over(self, t);
        pump(self, st, t);
    }
}

/* ---- the actor ---- */

static int tools_start(struct pl_actor *self, void *state, const void *arg)
{
    const struct pl_tools_opts *o = arg;
    struct tools *st = state;
    st->max_waiting = o && o->max_waiting ? o->max_waiting : DEFAULT_WAITING;
    st->next_number =
        pl_random_u64(self) >> 1; /* runs of an earlier life must not be mistaken for new ones */
    for (const char *const *name = o ? o->names : NULL; name && *name; name++) {
        if (st->count == MAX_TOOLS) {
            pl_log(self, PL_LOG_ERROR, "too_many_tools", "most=%d", MAX_TOOLS);
            return -PL_E_TOO_LARGE;
        }
        struct tool *t = &st->all[st->count++];
        t->name = *name;
        snprintf(t->actor, sizeof t->actor, "tool.%s", *name);
        pl_monitor(self, t->actor);
    }
    pl_monitor(self, "session");
    return 0;
}

static int tools_receive(struct pl_actor *self, void *state, const struct pl_msg *m)
{
    struct tools *st = state;
    const struct pl_sys_down *down = PL_BODY(m, sys_down);
    struct tool *t = down ? find_actor(st, down->actor) : NULL;
    switch (m->type->id) {
    case PL_T_TOOL_CALL:
        on_call(self, st, m);
        break;
    case PL_T_TOOL_CANCEL:
        on_cancel(self, st, m);
        break;
    case PL_T_TOOL_RAN:
        on_ran(self, st, m);
        break;
    case PL_T_TOOL_HELLO:
        on_hello(self, st, m);
        break;
    case PL_T_SYS_UP:
        on_up(self, st, ((const struct pl_sys_up *)m->body)->actor);
        break;
    case PL_T_SYS_DOWN:
        if (t) on_tool_down(self, st, t, down->final);
        break;
    case PL_T_SYS_TIMER:
        on_timer(self, st, m->body);
        break;
    case PL_T_SYS_UNDELIVERED:
        on_undelivered(self, st, m->body);
        break;
    case PL_T_SYS_STOP:
        break; /* what runs is answered while the node drains */
    default:
        return PL_UNHANDLED;
    }
    return 0;
}

static void tools_stop(struct pl_actor *self, void *state)
{
    struct tools *st = state;
    for (struct tool *t = st->all; t < st->all + st->count; t++) {
        if (t->running) call_free(self, t->running);
        for (struct call *c; (c = t->waiting.first) != NULL;) {
            queue_remove(&t->waiting, c);
            call_free(self, c);
        }
        pl_msg_unref(&t->hello);
        json_decref(t->function);
    }
}

const struct pl_actor_class pl_tools_class = {
    .name = "tools",
    .state_bytes = sizeof(struct tools),
    .start = tools_start,
    .receive = tools_receive,
    .stop = tools_stop,
    .restart = PL_RESTART_DEFAULT,
};
