/* chat.c - `parlance chat`: a dialogue on a terminal, or one question a line.
 *
 * Only answers go to stdout. A line that begins with / is for the program, all others are questions. Ctrl-C
 * while an answer comes stops that answer; at the prompt it ends the program. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include "ops/cli/cli.h"

enum { CALM_STARS = 2 /* of a correction that comes without a rating */ };

struct talk {
    const struct cli *c;
    struct pl_client *client;
    char session[PL_CLIENT_ID_SIZE + 64];
    char turn[PL_CLIENT_ID_SIZE]; /* the last answer; empty: none yet */
    char *correction;             /* of that turn */
    uint32_t stars;
    bool terminal, over;
    char last;
    int code;
};

enum { ALIVE_MS = 2000 /* in which a service that is there answers a ping */ };

static volatile sig_atomic_t interrupted;

static void on_signal(int number)
{
    interrupted = 1;
}

static void show_delta(struct talk *t, const struct parlance_delta *d)
{
    if (d->text_len == 0) return;
    if (d->kind == PARLANCE_ANSWER) {
        fwrite(d->text, 1, d->text_len, stdout);
        t->last = d->text[d->text_len - 1];
        fflush(stdout);
    } else if (t->terminal) {
        fprintf(stderr, "\033[2m%s\033[0m", d->text);
    }
}

/* After a failure with CODE: what was said is kept by the service, but nobody is there to go on with. */
static void end_when_gone(struct talk *t, int rc)
{
    struct pl_ping ping;
    struct pl_reply pong = {0};
    bool doubt = rc == -PL_E_UNAVAILABLE || rc == -PL_E_GONE || rc == -PL_E_DEADLINE_EXCEEDED;
    if (!doubt) return;
    pl_ping_type.init(&ping);
    rc = pl_client_call(t->client, &pl_ping_type, &ping, NULL, &pl_pong_type, ALIVE_MS, &pong, NULL);
    pl_reply_finish(&pong);
    if (!rc) return;
    fprintf(stderr, "The service is gone.\n");
    t->code = CLI_UNREACHABLE;
    t->over = true;
}

/* --- ratings --- */

static void forget_turn(struct talk *t)
{
    free(t->correction);
    t->correction = NULL;
    t->turn[0] = 0;
    t->stars = 0;
}

static void rate(struct talk *t, uint32_t stars)
{
    struct pl_feedback_add f;
    struct pl_reply r;
    struct pl_client_head head = {.user = pl_config_str(t->c->options, "user")};
    if (!t->turn[0]) {
        fprintf(stderr, "There is no answer to rate yet.\n");
        return;
    }
    pl_feedback_add_type.init(&f);
    f.turn = pl_str_of(t->turn);
    f.stars = t->stars = stars;
    f.has_correction = t->correction != NULL;
    f.correction = pl_str_of(t->correction);
    t->code = cli_call(t->client, &pl_feedback_add_type, &f, &head, &pl_feedback_stored_type, &r);
    if (!t->code)
        fprintf(stderr, "Stored: %u of 5%s.\n", stars, t->correction ? ", with your correction" : "");
    pl_reply_finish(&r);
    if (t->code == CLI_UNREACHABLE) end_when_gone(t, -PL_E_GONE);
}

/* Lines until an empty one; NULL when there are none. *CUT: a signal or the end of the input came first. */
static char *read_lines(bool *cut)
{
    char *text = NULL, *line = NULL;
    size_t room = 0, used = 0;
    ssize_t n;
    while ((n = getline(&line, &room, stdin)) > 1 || (n == 1 && line[0] != '\n')) {
        char *more = realloc(text, used + (size_t)n + 1);
        if (!more) break;
        text = more;
        memcpy(text + used, line, (size_t)n + 1);
        used += (size_t)n;
    }
    *cut = n < 0;
    free(line);
    if (used > 0 && text[used - 1] == '\n') text[used - 1] = 0;
    return text;
}

static void edit(struct talk *t)
{
    bool cut = false;
    if (!t->turn[0]) fprintf(stderr, "There is no answer to correct yet.\n");
    if (t->terminal && !t->turn[0])
        return; /* a script's lines are read all the same: they are no questions */
    if (t->terminal)
        fprintf(stderr, "The answer as it should be; an empty line ends it, Ctrl-C leaves it:\n");
    char *text = read_lines(&cut);
    if (t->terminal && cut) { /* Ctrl-C or Ctrl-D end the edit and not the chat */
        clearerr(stdin);
        interrupted = 0;
        fputc('\n', stderr);
    }
    if (!text || !t->turn[0] || (t->terminal && cut)) {
        if (t->turn[0]) fprintf(stderr, "Nothing was changed.\n");
        free(text);
        return;
    }
    free(t->correction);
    t->correction = text;
    rate(t, t->stars ? t->stars : CALM_STARS);
}

/* --- lines --- */

static void begin_session(struct talk *t, const char *name)
{
    if (name)
        snprintf(t->session, sizeof t->session, "%s", name);
    else
        parlance_draw_id(t->session);
    forget_turn(t);
}

static void help(void)
{
    fprintf(stderr,
            "/good        5 stars for the last answer\n/bad         1 star\n/rate N      1 to 5 stars\n"
            "/edit        write the answer as it should have been; 2 stars unless rated\n"
            "/new         begin a new dialogue\n/quit        end\n"
            "Ctrl-C       stop the answer; at the prompt: end\n");
}

static void command(struct talk *t, const char *line)
{
    unsigned stars;
    char rest;
    if (strcmp(line, "/good") == 0)
        rate(t, 5);
    else if (strcmp(line, "/bad") == 0)
        rate(t, 1);
    else if (sscanf(line, "/rate %u%c", &stars, &rest) == 1 && stars >= 1 && stars <= 5)
        rate(t, stars);
    else if (strncmp(line, "/rate", 5) == 0)
        fprintf(stderr, "/rate N, with N from 1 to 5\n");
    else if (strcmp(line, "/edit") == 0)
        edit(t);
    else if (strcmp(line, "/new") == 0)
        begin_session(t, NULL);
    else if (strcmp(line, "/quit") == 0)
        t->over = true;
    else
        help();
}

static void keep_turn(struct talk *t, const struct parlance_answer *a)
{
    forget_turn(t);
    snprintf(t->turn, sizeof t->turn, "%s", a->turn);
    if (t->last != '\n') putchar('\n');
    fflush(stdout);
    if (a->dropped_turns)
        fprintf(stderr, "(the %u oldest turns no longer fit the context)\n", a->dropped_turns);
    if (*a->error) fprintf(stderr, "(the answer ended early: %s)\n", a->error);
}

/* Shows the answer as it comes. Ctrl-C stops it; what there was of it is its end. */
static int read_answer(struct talk *t, struct parlance_stream *s, struct parlance_error *e)
{
    struct parlance_delta d;
    int rc = 1;
    while (rc > 0) {
        rc = parlance_stream_next(s, &d, e);
        if (rc > 0) show_delta(t, &d);
        bool stop = interrupted;
        interrupted = 0;
        if (rc == PARLANCE_INTERRUPTED) rc = 1;
        if (rc > 0 && stop && parlance_stream_cancel(s, e)) rc = PARLANCE_FAILED;
    }
    return rc;
}

static void ask(struct talk *t, const char *line)
{
    struct cli_lists lists;
    struct parlance_question q;
    struct parlance_stream *s = NULL;
    struct parlance_error e;
    struct pl_err err = {0};
    t->code = cli_request(t->c, line, &lists, &q);
    if (t->code) return;
    t->last = 0;
    q.session = t->session;
    int rc = parlance_stream_open(pl_client_wire(t->client), &q, -1, &s, &e);
    if (!rc) rc = read_answer(t, s, &e);
    if (!rc) keep_turn(t, parlance_stream_answer(s));
    parlance_stream_close(&s);
    if (!rc) return;
    if (t->last && t->last != '\n') putchar('\n');
    fflush(stdout);
    rc = pl_client_error(rc, &e, &err);
    t->code = cli_client_error(rc, &err);
    end_when_gone(t, rc);
}

static void talk_on(struct talk *t)
{
    char *line = NULL;
    size_t room = 0;
    while (!t->over) {
        if (t->terminal) fputs("> ", stderr);
        errno = 0;
        ssize_t n = getline(&line, &room, stdin);
        if (n < 0) break;
        if (n > 0 && line[n - 1] == '\n') line[--n] = 0;
        if (n > 0 && line[n - 1] == '\r') line[--n] = 0;
        if (line[0] == '/')
            command(t, line);
        else if (n > 0)
            ask(t, line);
    }
    if (t->terminal) fputc('\n', stderr);
    free(line);
}

static int run(const struct cli *c)
{
    struct talk t = {.c = c, .terminal = isatty(STDIN_FILENO) && isatty(STDERR_FILENO)};
    struct sigaction action = {.sa_handler = on_signal};
    if (pl_config_bool(c->options, "json"))
        return cli_usage("chat is for people; `parlance send --json` prints JSON");
    int code = cli_connect(c, false, &t.client);
    if (code) return code;
    begin_session(&t, pl_config_str(c->options, "session"));
    if (t.terminal) {
        sigaction(SIGINT, &action, NULL); /* without SA_RESTART: it must end a wait */
        fprintf(stderr, "Session %s. /help says what else there is.\n", t.session);
    }
    talk_on(&t);
    forget_turn(&t);
    pl_client_destroy(&t.client);
    return t.code;
}

static const struct pl_option options[] = {CLI_COMMON, CLI_WAIT, CLI_REQUEST, CLI_END};
const struct cli_command cli_chat = {
    "chat", "", "Talk; answers stream. Without a terminal: one question a line.", options, run, "nmax-tokens",
};
