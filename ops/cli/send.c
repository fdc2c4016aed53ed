/* send.c - `parlance send`: one question, one answer. */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include "ops/cli/cli.h"

struct sending {
    bool json, stream;
    char last; /* byte that was printed */
};

static void show_accepted(const struct parlance_accepted *a)
{
    struct pl_chat_accepted record;
    pl_chat_accepted_type.init(&record);
    record.session = pl_str_of(a->session);
    record.seed = a->seed;
    record.credit = a->credit;
    cli_print_record(&pl_chat_accepted_type, &record, "\"type\":\"chat.accepted\",", NULL);
    fflush(stdout);
}

static void show_delta(struct sending *s, const struct parlance_delta *d)
{
    struct pl_chat_delta record = {
        .seq = d->seq,
        .kind = d->kind == PARLANCE_ANSWER      ? PL_CHAT_DELTA_KIND_ANSWER
                : d->kind == PARLANCE_REASONING ? PL_CHAT_DELTA_KIND_REASONING
                                                : PL_CHAT_DELTA_KIND_TOOL,
        .text = {d->text, (uint32_t)d->text_len},
    };
    if (!s->stream) return;
    if (s->json)
        cli_print_record(&pl_chat_delta_type, &record, "\"type\":\"chat.delta\",", NULL);
    else if (d->kind == PARLANCE_ANSWER && d->text_len > 0) {
        fwrite(d->text, 1, d->text_len, stdout);
        s->last = d->text[d->text_len - 1];
    }
    fflush(stdout);
}

static void show_json(const struct sending *s, const struct pl_chat_done *d, const char *id)
{
    char extra[2 * PL_CLIENT_ID_SIZE + 64];
    json_t *quoted = json_string(id);
    char *text = json_dumps(quoted, JSON_ENCODE_ANY);
    snprintf(extra, sizeof extra, "%s\"id\":%s,", s->stream ? "\"type\":\"chat.done\"," : "",
             text ? text : "null");
    cli_print_record(&pl_chat_done_type, d, extra, d->has_adapter_digest ? NULL : ",\"adapter_digest\":null");
    free(text);
    json_decref(quoted);
}

/* A cut answer is an answer, except when the time was over before it began. */
static int tell_end(const struct pl_chat_done *d)
{
    const char *why = NULL;
    if (d->finish_reason == PL_CHAT_DONE_FINISH_REASON_ERROR) {
        fprintf(stderr, "parlance: the answer ended early: %.*s\n", PL_STR_FMT(d->error));
        return CLI_FAILED;
    }
    if (d->finish_reason == PL_CHAT_DONE_FINISH_REASON_DEADLINE) why = "deadline";
    if (d->finish_reason == PL_CHAT_DONE_FINISH_REASON_LENGTH) why = "length";
    if (d->finish_reason == PL_CHAT_DONE_FINISH_REASON_CANCELLED) why = "cancelled";
    if (why) fprintf(stderr, "parlance: the answer ended early: %s\n", why);
    bool nothing = d->finish_reason == PL_CHAT_DONE_FINISH_REASON_DEADLINE && d->text.len == 0;
    return nothing ? CLI_FAILED : CLI_OK;
}

static int show(const struct sending *s, const struct pl_chat_done *d, const char *id)
{
    if (s->json)
        show_json(s, d, id);
    else if (!s->stream)
        printf("%.*s\n", PL_STR_FMT(d->text));
    else if (s->last != '\n')
        putchar('\n');
    return tell_end(d);
}

/* Reads the answer to its end. */
static int read_all(struct sending *s, struct parlance_stream *stream, struct parlance_error *e)
{
    struct parlance_delta d;
    int rc = parlance_stream_await(stream, e);
    if (rc) return rc;
    const struct parlance_accepted *accepted = parlance_stream_accepted(stream);
    if (accepted && s->json && s->stream) show_accepted(accepted);
    for (;;) {
        rc = parlance_stream_next(stream, &d, e);
        if (rc > 0)
            show_delta(s, &d);
        else if (rc != PARLANCE_INTERRUPTED)
            return rc;
    }
}

static int show_end(const struct sending *s, const struct parlance_answer *a)
{
    struct pl_reply done;
    struct pl_err err = {0};
    int rc = pl_client_decode(a->frame, a->frame_len, &done, &err);
    int code = rc ? cli_client_error(rc, &err) : show(s, PL_REPLY(&done, chat_done), a->id);
    pl_reply_finish(&done);
    return code;
}

static int send_one(const struct cli *c, struct pl_client *client, struct parlance_question *q)
{
    struct sending s = {pl_config_bool(c->options, "json"), pl_config_bool(c->options, "stream"), '\n'};
    char drawn[PARLANCE_ID_SIZE];
    struct parlance_stream *stream = NULL;
    struct parlance_error e;
    struct pl_err err = {0};
    double timeout = pl_config_f64(c->options, "timeout");
    parlance_draw_id(drawn);
    q->id = pl_config_str(c->options, "id");
    if (!q->id) q->id = drawn;
    int rc = parlance_stream_open(pl_client_wire(client), q, timeout > 0 ? (int)(timeout * 1000) : -1,
                                  &stream, &e);
    if (!rc) rc = read_all(&s, stream, &e);
    rc = pl_client_error(rc, &e, &err);
    if (rc == -PL_E_DEADLINE_EXCEEDED || rc == -PL_E_GONE)
        fprintf(stderr, "parlance: the answer can be had with --id %s and the same question\n", q->id);
    int code = rc ? cli_client_error(rc, &err) : show_end(&s, parlance_stream_answer(stream));
    parlance_stream_close(&stream);
    return code;
}

static int run(const struct cli *c)
{
    struct cli_lists lists;
    struct parlance_question q;
    struct pl_client *client = NULL;
    size_t len = 0;
    char *text = c->n_words == 1 ? strdup(c->words[0]) : cli_read("-", &len);
    if (!text) return CLI_FAILED;
    if (c->n_words == 0 && len > 0 && text[len - 1] == '\n') text[len - 1] = 0;
    int code = cli_request(c, text, &lists, &q);
    if (!code) code = cli_connect(c, false, &client);
    if (!code) code = send_one(c, client, &q);
    pl_client_destroy(&client);
    free(text);
    return code;
}

static const struct pl_option options[] = {
    CLI_COMMON,
    CLI_WAIT,
    CLI_REQUEST,
    {.name = "id",
     .kind = PL_OPT_STRING,
     .doc = "of the message; the same one again brings the stored answer"},
    {.name = "stream", .kind = PL_OPT_BOOL, .fallback = "false", .doc = "print the answer as it is made"},
    {.name = "timeout",
     .kind = PL_OPT_F64,
     .fallback = "0",
     .max = 86400,
     .unit = "s",
     .doc = "give up after; 0: never"},
    CLI_END,
};
const struct cli_command cli_send = {
    "send",  "[TEXT]", "Ask one question; without TEXT it is read from the standard input.",
    options, run,      "nmax-tokens",
};
