/* top.c - `parlance top`: what the service is doing, live.
 *
 * It asks for node.state again and again; what is shown a second comes from two answers. On a terminal the
 * page is drawn in place until Ctrl-C; elsewhere, and with --once, one page is printed. Only the reading of
 * one message at a time costs the service anything: a millisecond each time. */
#include <math.h>
#include <signal.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>
#include "ops/cli/cli.h"
#include "ops/cli/top_sums.h"

static volatile sig_atomic_t interrupted;

static void on_interrupt(int number)
{
    interrupted = 1;
}

static double now_s(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* --- the page --- */

static const char *brief(double x)
{
    return cli_format(x == 0 ? "0" : fabs(x) < 10 ? "%.1f" : "%.0f", x);
}

static const char *ms(uint64_t us)
{
    return us < 10000 ? cli_format("%.2f", (double)us / 1e3)
                      : cli_format("%llu", (unsigned long long)us / 1000);
}

static void add_node(struct cli_table *t, const struct top_view *v, const struct pl_node_row *n)
{
    const struct pl_node_row *was = top_node_before(v, n->node);
    if (!n->up) {
        cli_table_row(t, cli_format("%.*s", PL_STR_FMT(n->node)), "-", "down or silent", "", "", "", "", "",
                      "");
        return;
    }
    cli_table_row(
        t, cli_format("%.*s", PL_STR_FMT(n->node)), cli_format("%llu", (unsigned long long)n->pid),
        cli_format("%llu", (unsigned long long)n->rss_bytes >> 20),
        brief(was ? top_per_second(v, n->cpu_ms, was->cpu_ms) / 10 : 0), cli_format("%u", n->open_files),
        cli_format("%u", n->restarts), brief(was ? top_per_second(v, n->handled, was->handled) : 0),
        cli_format("%llu", (unsigned long long)n->refused), cli_format("%llu", (unsigned long long)n->dead));
}

static void print_nodes(const struct top_view *v)
{
    struct cli_table t = {.columns = 9};
    cli_table_row(&t, "NODE", "PID", "RSS MiB", "CPU %", "FILES", "RESTARTS", "MSG/S", "REFUSED", "DEAD");
    for (uint32_t i = 0; i < v->now->nodes_count; i++) add_node(&t, v, &v->now->nodes[i]);
    cli_table_print(&t);
}

/* What is most worth seeing: the message that is next, else the last failure. */
static const char *remark(const struct pl_actor_row *a)
{
    if (a->has_message)
        return cli_format("next %.*s, %s ms old", PL_STR_FMT(a->message), ms(a->message_age_us));
    return a->has_last_error ? cli_format("%.*s at %s", PL_STR_FMT(a->last_error), cli_time(a->last_error_ms))
                             : "";
}

static void add_actor(struct cli_table *t, const struct top_view *v, const struct pl_actor_row *a)
{
    static const char *const states[] = {"new", "up", "waiting", "down", "stopped"};
    const struct pl_actor_row *was = top_actor_before(v, a->actor);
    cli_table_row(t, cli_format("%.*s", PL_STR_FMT(a->actor)), a->state < 5 ? states[a->state] : "?",
                  cli_format("%u/%u", a->mailbox + a->mailbox_system, a->limit),
                  cli_format("%u", a->high_water),
                  brief(was ? top_per_second(v, a->handled, was->handled) : 0),
                  cli_format("%s / %s", ms(a->wait_p50_us), ms(a->wait_p99_us)),
                  cli_format("%s / %s", ms(a->run_p50_us), ms(a->run_p99_us)),
                  cli_format("%llu", (unsigned long long)a->stalls),
                  cli_format("%llu", (unsigned long long)a->restarts), remark(a));
}

/* The watch itself is of no interest. */
static void print_actors(const struct top_view *v)
{
    struct cli_table t = {.columns = 10};
    cli_table_row(&t, "ACTOR", "STATE", "MAILBOX", "HIGH", "MSG/S", "WAIT MS 50/99", "RUN MS 50/99", "STALLS",
                  "RESTARTS", "");
    for (uint32_t i = 0; i < v->now->actors_count; i++) {
        const struct pl_actor_row *a = &v->now->actors[i];
        if (a->actor.len < 5 || memcmp(a->actor.ptr, "watch", 5) != 0) add_actor(&t, v, a);
    }
    cli_table_print(&t);
}

static double of(const json_t *group, const char *name)
{
    return json_number_value(json_object_get(group, name));
}

static void print_requests(const json_t *r)
{
    printf("requests  %.0f open, %.0f waiting, %.0f generating, %.0f unfinished; %s accepted/s, %s "
           "finished/s, %s errors/s\n",
           of(r, "open"), of(r, "waiting"), of(r, "generating"), of(r, "unfinished"),
           brief(of(r, "accepted_per_second")), brief(of(r, "finished_per_second")),
           brief(of(r, "errors_per_second")));
    printf("          first token %.3g / %.3g s, whole answer %.3g / %.3g s (50/99 since the start); %.0f "
           "sessions in memory\n",
           of(r, "first_token_p50_s"), of(r, "first_token_p99_s"), of(r, "request_p50_s"),
           of(r, "request_p99_s"), of(r, "sessions_cached"));
}

static void print_batches(const json_t *b)
{
    printf("batches   %s steps/s of %.3g s, %s decode rows a step, %.0f sequences, %.0f of %.0f KV pages\n",
           brief(of(b, "steps_per_second")), of(b, "step_seconds"), brief(of(b, "decode_rows_per_step")),
           of(b, "sequences"), of(b, "kv_pages_used"), of(b, "kv_pages"));
    printf("          %s tokens/s generated, %s prompt tokens/s, %s of them cached; %s commits/s of %.3g / "
           "%.3g s\n",
           brief(of(b, "generated_tokens_per_second")), brief(of(b, "prompt_tokens_per_second")),
           brief(of(b, "cached_tokens_per_second")), brief(of(b, "commits_per_second")),
           of(b, "commit_p50_s"), of(b, "commit_p99_s"));
}

static void print_tenants(json_t *tenants)
{
    const char *tenant, *name;
    json_t *row, *value;
    json_object_foreach(tenants, tenant, row)
    {
        printf("tenant    %s:", tenant);
        const char *gap = " ";
        json_object_foreach(row, name, value)
        {
            printf("%s%s %.15g", gap, name, json_number_value(value));
            gap = ", ";
        }
        putchar('\n');
    }
}

static void print_page(const struct top_view *v, bool in_place)
{
    json_t *sum = top_summary(v);
    const struct pl_node_row *service = v->now->nodes_count ? v->now->nodes : NULL;
    if (in_place) fputs("\033[H\033[J", stdout);
    printf("parlance  %s, up %.0f s\n", cli_time(v->now->at_ms), service ? (double)service->up_ms / 1e3 : 0);
    print_requests(json_object_get(sum, "requests"));
    print_batches(json_object_get(sum, "batches"));
    print_tenants(json_object_get(sum, "tenants"));
    putchar('\n');
    print_nodes(v);
    putchar('\n');
    print_actors(v);
    fflush(stdout);
    json_decref(sum);
}

/* The summary's keys stand before those of node.state. */
static void print_json(const struct top_view *v)
{
    json_t *sum = top_summary(v);
    char *text = json_dumps(sum, JSON_COMPACT);
    size_t len = text ? strlen(text) : 0;
    if (len > 2) {
        text[len - 1] = ',';
        cli_print_record(&pl_node_state_type, v->now, text + 1, NULL);
    }
    fflush(stdout);
    free(text);
    json_decref(sum);
}

/* --- asking --- */

struct sample {
    struct pl_reply reply;
    double at_s;
};

static int take_sample(struct pl_client *client, struct sample *s)
{
    struct pl_node_top q;
    pl_node_top_type.init(&q);
    int code = cli_call(client, &pl_node_top_type, &q, NULL, &pl_node_state_type, &s->reply);
    s->at_s = now_s();
    return code;
}

/* A signal ends it. */
static void pause_for(double seconds)
{
    double until = now_s() + seconds;
    for (double left = seconds; left > 0 && !interrupted; left = until - now_s())
        poll(NULL, 0, (int)(left * 1000) + 1);
}

static int watch(const struct cli *c, struct pl_client *client, bool live)
{
    struct sample now = {0}, before = {0};
    double interval = pl_config_f64(c->options, "interval");
    int code = take_sample(client, &now);
    while (!code) {
        pl_reply_finish(&before.reply);
        before = now;
        now = (struct sample){0};
        pause_for(interval);
        if (live && interrupted) break;
        code = take_sample(client, &now);
        if (code) break;
        struct top_view v = {now.reply.body, before.reply.body, now.at_s - before.at_s};
        if (pl_config_bool(c->options, "json"))
            print_json(&v);
        else
            print_page(&v, live);
        if (!live || ferror(stdout)) break;
    }
    pl_reply_finish(&now.reply);
    pl_reply_finish(&before.reply);
    return code;
}

static int run(const struct cli *c)
{
    struct pl_client *client = NULL;
    bool json = pl_config_bool(c->options, "json"), once = pl_config_bool(c->options, "once");
    bool live = !once && !json && isatty(STDOUT_FILENO);
    struct sigaction act = {.sa_handler = on_interrupt};
    int code = cli_connect(c, true, &client);
    if (live) sigaction(SIGINT, &act, NULL);
    if (!code) code = watch(c, client, live);
    pl_client_destroy(&client);
    return code;
}

static const struct pl_option options[] = {
    CLI_COMMON,
    CLI_WAIT,
    {.name = "once", .kind = PL_OPT_BOOL, .fallback = "false", .doc = "one page, also on a terminal"},
    {.name = "interval",
     .kind = PL_OPT_F64,
     .fallback = "2",
     .min = 0,
     .max = 3600,
     .unit = "s",
     .doc = "between two looks; what is shown a second comes from both"},
    CLI_END,
};
const struct cli_command cli_top = {
    "top", "", "Watch the actors, requests, batches and processes of the service.", options, run, NULL};
