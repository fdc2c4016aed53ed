/* send.c - `parlance send`: one question, one answer. */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include "ops/cli/cli.h"

struct sending {
    bool json, stream;
    char last; /* byte that was printed */
};

static void on_accepted(const struct pl_chat_accepted *a, void *arg)
{
    const struct sending *s = arg;
    if (s->json && s->stream)
        cli_print_record(&pl_chat_accepted_type, a, "\"type\":\"chat.accepted\",", NULL);
}

static void on_delta(const struct pl_chat_delta *d, void *arg)
{
    struct sending *s = arg;
    if (!s->stream) return;
    if (s->json)
        cli_print_record(&pl_chat_delta_type, d, "\"type\":\"chat.delta\",", NULL);
    else if (d->kind == PL_CHAT_DELTA_KIND_ANSWER && d->text.len > 0) {
        fwrite(d->text.ptr, 1, d->text.len, stdout);
        s->last = d->text.ptr[d->text.len - 1];
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

static int send_one(const struct cli *c, struct pl_client *client, const struct pl_chat_request *q)
{
    struct sending s = {pl_config_bool(c->options, "json"), pl_config_bool(c->options, "stream"), '\n'};
    struct pl_chat_watch watch = {.accepted = on_accepted, .delta = on_delta, .arg = &s};
    struct pl_client_head head = {.id = pl_config_str(c->options, "id"),
                                  .session = pl_config_str(c->options, "session"),
                                  .user = pl_config_str(c->options, "user"),
                                  .budget_ms = pl_config_u64(c->options, "budget-ms")};
    char drawn[PL_CLIENT_ID_SIZE];
    struct pl_err err = {0};
    struct pl_reply done;
    double timeout = pl_config_f64(c->options, "timeout");
    pl_client_draw_id(drawn);
    if (!head.id) head.id = drawn;
    int rc = pl_client_chat(client, q, &head, &watch, timeout > 0 ? (int)(timeout * 1000) : -1, &done, &err);
    if (rc == -PL_E_DEADLINE_EXCEEDED || rc == -PL_E_GONE)
        fprintf(stderr, "parlance: the answer can be had with --id %s and the same question\n", head.id);
    if (rc) return cli_client_error(rc, &err);
    int code = show(&s, PL_REPLY(&done, chat_done), head.id);
    pl_reply_finish(&done);
    return code;
}

static int run(const struct cli *c)
{
    struct cli_lists lists;
    struct pl_chat_request q;
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
    CLI_ENDPOINT,
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
