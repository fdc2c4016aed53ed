/* client_driver.c - the C client behind a pipe, for tests: `client_driver ENDPOINT [KEYS [RETRY]]`.
 *
 * Each line of the standard input is a JSON object that names a call and its arguments; the answer is a line,
 * of a stream one for each delta and one for the end. {"call": "stream", "pause": 3} stops behind the third
 * delta and goes on at the next line, whatever it holds; with "cancel": 3 it cancels there. Ends with its
 * input. */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "parlance.h"

enum { PARTS_MAX = 512 };

static void say(json_t *line)
{
    json_dumpf(line, stdout, JSON_COMPACT | JSON_ENSURE_ASCII);
    putchar('\n');
    fflush(stdout);
    json_decref(line);
}

static void say_error(int rc, const struct parlance_error *e)
{
    say(json_pack("{s:{s:s,s:s,s:s,s:I,s:s,s:b}}", "error", "code", e->code, "field", e->field, "message",
                  e->message, "retry_after_ms", (json_int_t)e->retry_after_ms, "id", e->id, "timeout",
                  rc == PARLANCE_TIMEOUT));
}

static void say_answer(const struct parlance_answer *a)
{
    json_t *tools = json_array();
    for (size_t i = 0; i < a->n_tools; i++)
        json_array_append_new(tools, json_pack("{s:s,s:s,s:s,s:s}", "tool", a->tools[i].tool, "arguments",
                                               a->tools[i].arguments, "result", a->tools[i].result, "code",
                                               a->tools[i].code));
    say(json_pack("{s:{s:s,s:s#,s:s#,s:s,s:s,s:s,s:i,s:i,s:I,s:o,s:b}}", "answer", "id", a->id, "text",
                  a->text, (int)a->text_len, "reasoning", a->reasoning, (int)a->reasoning_len, "turn",
                  a->turn, "session", a->session, "finish_reason", a->finish_reason, "prompt_tokens",
                  (int)a->prompt_tokens, "completion_tokens", (int)a->completion_tokens, "seed",
                  (json_int_t)a->seed, "tools", tools, "framed", a->frame_len > 0));
}

static const char *text_of(const json_t *args, const char *key)
{
    return json_string_value(json_object_get(args, key));
}

static double real_of(const json_t *args, const char *key, double fallback)
{
    const json_t *v = json_object_get(args, key);
    return json_is_number(v) ? json_number_value(v) : fallback;
}

static int timeout_of(const json_t *args)
{
    double s = real_of(args, "timeout", 300);
    return s < 0 ? -1 : (int)(s * 1000);
}

static size_t list_of(const json_t *args, const char *key, const char **out)
{
    const json_t *list = json_object_get(args, key);
    size_t n = json_array_size(list);
    for (size_t i = 0; i < n && i < PARTS_MAX; i++) out[i] = json_string_value(json_array_get(list, i));
    return n;
}

struct question {
    struct parlance_question q;
    const char *tools[PARTS_MAX], *stop[PARTS_MAX];
    struct parlance_message messages[PARTS_MAX];
};

static void fill_messages(struct question *to, const json_t *args)
{
    const json_t *list = json_object_get(args, "messages");
    to->q.n_messages = json_array_size(list);
    to->q.messages = to->messages;
    for (size_t i = 0; i < to->q.n_messages && i < PARTS_MAX; i++) {
        const json_t *part = json_array_get(list, i);
        to->messages[i] = (struct parlance_message){text_of(part, "role"), text_of(part, "content")};
    }
}

static void fill_question(struct question *to, const json_t *args)
{
    struct parlance_question *q = &to->q;
    parlance_question_init(q, text_of(args, "text"));
    q->id = text_of(args, "id");
    q->session = text_of(args, "session");
    q->user = text_of(args, "user");
    q->system = text_of(args, "system");
    q->trace = text_of(args, "trace");
    q->budget_ms = (uint64_t)real_of(args, "budget_ms", 0);
    q->max_tokens = (uint32_t)real_of(args, "max_tokens", 0);
    q->temperature = real_of(args, "temperature", q->temperature);
    q->top_p = real_of(args, "top_p", q->top_p);
    q->has_seed = json_object_get(args, "seed") != NULL;
    q->seed = (uint64_t)json_integer_value(json_object_get(args, "seed"));
    q->n_tools = list_of(args, "tools", to->tools);
    q->tools = to->tools;
    q->n_stop = list_of(args, "stop", to->stop);
    q->stop = to->stop;
    fill_messages(to, args);
}

static void wait_for_line(void)
{
    for (int c; (c = getchar()) != '\n' && c != EOF;) continue;
}

static void run_stream(struct parlance_client *c, const struct parlance_question *q, const json_t *args)
{
    struct parlance_stream *s = NULL;
    struct parlance_delta d;
    struct parlance_error e = {0};
    int n = 0, pause = (int)real_of(args, "pause", -1), stop = (int)real_of(args, "cancel", -1);
    int rc = parlance_stream_open(c, q, timeout_of(args), &s, &e);
    while (!rc && (rc = parlance_stream_next(s, &d, &e)) > 0) {
        say(json_pack("{s:{s:i,s:i,s:s#}}", "delta", "seq", (int)d.seq, "kind", (int)d.kind, "text", d.text,
                      (int)d.text_len));
        rc = ++n == stop ? parlance_stream_cancel(s, &e) : 0;
        if (n == pause) wait_for_line();
    }
    if (rc)
        say_error(rc, &e);
    else
        say_answer(parlance_stream_answer(s));
    parlance_stream_close(&s);
}

static int run_ping(struct parlance_client *c, const json_t *args, struct parlance_error *e)
{
    struct parlance_pong p;
    int rc = parlance_ping(c, timeout_of(args), &p, e);
    if (!rc)
        say(json_pack("{s:{s:s,s:b,s:i}}", "pong", "model", p.model, "ready", p.ready, "credit",
                      (int)p.credit));
    return rc;
}

static int run_rate(struct parlance_client *c, const json_t *args, struct parlance_error *e)
{
    struct parlance_rated out;
    struct parlance_rating r = {.turn = text_of(args, "turn"),
                                .stars = (uint32_t)real_of(args, "stars", 0),
                                .id = text_of(args, "id"),
                                .user = text_of(args, "user"),
                                .comment = text_of(args, "comment"),
                                .correction = text_of(args, "correction")};
    int rc = parlance_rate(c, &r, timeout_of(args), &out, e);
    if (!rc)
        say(json_pack("{s:{s:I,s:i}}", "rated", "feedback", (json_int_t)out.feedback, "ratings_below_3",
                      (int)out.ratings_below_3));
    return rc;
}

static void run(struct parlance_client *c, const json_t *args, struct question *q)
{
    struct parlance_answer a = {0};
    struct parlance_error e = {0};
    char id[PARLANCE_ID_SIZE];
    const char *call = text_of(args, "call");
    int rc = 0;
    fill_question(q, args);
    if (strcmp(call, "stream") == 0) {
        run_stream(c, &q->q, args);
        return;
    }
    if (strcmp(call, "ping") == 0) rc = run_ping(c, args, &e);
    if (strcmp(call, "rate") == 0) rc = run_rate(c, args, &e);
    if (strcmp(call, "chat") == 0) rc = parlance_chat(c, &q->q, timeout_of(args), &a, &e);
    if (strcmp(call, "result") == 0) rc = parlance_result(c, q->q.id, timeout_of(args), &a, &e);
    if (strcmp(call, "cancel") == 0) rc = parlance_cancel(c, q->q.id, timeout_of(args), &a, &e);
    if (strcmp(call, "submit") == 0 && !(rc = parlance_submit(c, &q->q, timeout_of(args), id, &e)))
        say(json_pack("{s:s}", "id", id));
    if (rc) say_error(rc, &e);
    if (a.memory) say_answer(&a);
    parlance_answer_finish(&a);
}

int main(int n, char **words)
{
    struct parlance_opts opts = {.endpoint = n > 1 ? words[1] : NULL,
                                 .keys_file = n > 2 && *words[2] ? words[2] : NULL,
                                 .retry_overloaded = n > 3};
    struct parlance_client *client = NULL;
    struct parlance_error e = {0};
    struct question *q = malloc(sizeof *q);
    char *line = NULL;
    size_t room = 0;
    int rc = parlance_client_create(&opts, &client, &e);
    if (rc)
        say_error(rc, &e);
    else
        say(json_pack("{s:b}", "up", true));
    while (!rc && q && getline(&line, &room, stdin) > 0) {
        json_t *args = json_loads(line, 0, NULL);
        if (args) run(client, args, q);
        json_decref(args);
    }
    parlance_client_destroy(&client);
    free(line);
    free(q);
    return rc != 0;
}
