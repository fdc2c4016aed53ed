/* bench_roundtrip.c - what a question costs from a client's socket and back, beside a bare ZeroMQ echo of the
 * same bytes by as many sockets, in the same run.
 *
 *   edge      client - edge                            a ping, which the edge answers
 *   service   client - edge - service - store          chat.resume of an id that nobody has: looked up and
 * refused
 *
 * The bare chain has the same transports: ipc, ipc and inproc. One question at a time, the two in turn, so
 * that a busy machine does not favour one. Argument: the parlanced to measure. Prints one JSON object. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <pthread.h>
#include <unistd.h>
#include <zmq.h>

#include "runtime/msg.h"
#include "schemas/gen/chat.h"
#include "schemas/gen/types.h"
#include "tests/bench/bench.h"

enum { ROUNDS = 40, EACH = 250, WARM = 500, READY_TRIES = 600 };

static char dir[64];

struct way {
    void *socket;
    uint64_t *ns;
    size_t count;
};

static void die(const char *what)
{
    fprintf(stderr, "bench_roundtrip: %s\n", what);
    exit(1);
}

static void end_with_parent(void)
{
    prctl(PR_SET_PDEATHSIG, SIGKILL);
}

/* ---- the bare chain ---- */

static void *bound(void *zmq, const char *endpoint)
{
    void *s = zmq_socket(zmq, ZMQ_ROUTER);
    if (zmq_bind(s, endpoint) != 0) die("cannot bind");
    return s;
}

static void *connected(void *zmq, const char *endpoint)
{
    int none = 0;
    void *s = zmq_socket(zmq, ZMQ_DEALER);
    zmq_setsockopt(s, ZMQ_LINGER, &none, sizeof none);
    if (zmq_connect(s, endpoint) != 0) die("cannot connect");
    return s;
}

/* Passes one message on, all its parts. */
static void pass(void *from, void *to)
{
    zmq_msg_t part;
    int more = 1;
    while (more) {
        zmq_msg_init(&part);
        if (zmq_msg_recv(&part, from, 0) < 0) die("recv");
        more = zmq_msg_more(&part);
        if (zmq_msg_send(&part, to, more ? ZMQ_SNDMORE : 0) < 0) die("send");
    }
}

static void echo(void *s)
{
    for (;;) pass(s, s);
}

/* In front a ROUTER, behind it a DEALER to the next. */
static void relay(void *front, void *back)
{
    zmq_pollitem_t items[2] = {{front, 0, ZMQ_POLLIN, 0}, {back, 0, ZMQ_POLLIN, 0}};
    while (zmq_poll(items, 2, -1) >= 0) {
        if (items[0].revents) pass(front, back);
        if (items[1].revents) pass(back, front);
    }
}

static void *echo_thread(void *zmq)
{
    echo(bound(zmq, "inproc://store"));
    return NULL;
}

static void path_of(char out[128], const char *name)
{
    snprintf(out, 128, "ipc://%s/%s", dir, name);
}

static void be_edge(const char *name, const char *next)
{
    char here[128], there[128];
    void *zmq = zmq_ctx_new();
    path_of(here, name);
    end_with_parent();
    void *front = bound(zmq, here);
    if (!next) echo(front);
    path_of(there, next);
    relay(front, connected(zmq, there));
}

static void be_service(const char *name)
{
    char here[128];
    pthread_t t;
    void *zmq = zmq_ctx_new();
    path_of(here, name);
    end_with_parent();
    void *front = bound(zmq, here);
    pthread_create(&t, NULL, echo_thread, zmq);
    relay(front, connected(zmq, "inproc://store"));
}

/* ---- what is measured ---- */

static void daemon_main(const char *program)
{
    char data[128], listen[128];
    snprintf(data, sizeof data, "%s/data", dir);
    path_of(listen, "data/clients.sock");
    end_with_parent();
    execl(program, program, "--model", "hash", "--data", data, "--listen", listen, "--log-level", "error",
          NULL);
    die("cannot start parlanced");
}

static struct pl_buf encoded(struct pl_msg *m, const char *id)
{
    struct pl_buf b = {0};
    m->env.has_id = true;
    m->env.id = pl_str_of(id);
    if (pl_msg_encode(m, 0, &b)) die("cannot encode");
    pl_msg_unref(&m);
    return b;
}

static uint64_t ask(struct way *w, const struct pl_buf *question, char *answer, size_t size)
{
    uint64_t begin = bench_ns(CLOCK_MONOTONIC);
    if (zmq_send(w->socket, question->data, question->len, 0) < 0) die("cannot send");
    int n = zmq_recv(w->socket, answer, size - 1, 0);
    if (n < 0) die("no answer");
    answer[(size_t)n < size ? (size_t)n : size - 1] = 0;
    return bench_ns(CLOCK_MONOTONIC) - begin;
}

static void turn(struct way *w, const struct pl_buf *question, size_t n)
{
    char answer[1024];
    while (n-- > 0) w->ns[w->count++] = ask(w, question, answer, sizeof answer);
}

static int by_size(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

static double us_at(struct way *w, double share)
{
    return (double)w->ns[(size_t)((double)(w->count - 1) * share)] / 1e3;
}

static void measure(const char *name, void *zmq, const char *ours, const char *bare,
                    const struct pl_buf *question, const char *end)
{
    struct way w[2];
    char endpoint[128];
    const char *const names[2] = {ours, bare};
    for (int i = 0; i < 2; i++) {
        path_of(endpoint, names[i]);
        w[i] = (struct way){connected(zmq, endpoint), calloc(ROUNDS * EACH + WARM, sizeof(uint64_t)), 0};
        turn(&w[i], question, WARM);
        w[i].count = 0;
    }
    for (int r = 0; r < ROUNDS; r++)
        for (int i = 0; i < 2; i++) turn(&w[(r + i) % 2], question, EACH);
    for (int i = 0; i < 2; i++) qsort(w[i].ns, w[i].count, sizeof(uint64_t), by_size);
    double p50[2] = {us_at(&w[0], 0.5), us_at(&w[1], 0.5)}, p99[2] = {us_at(&w[0], 0.99), us_at(&w[1], 0.99)};
    printf("\"%s\": {\"p50_us\": %.1f, \"p99_us\": %.1f, \"bare_p50_us\": %.1f, \"bare_p99_us\": %.1f, "
           "\"p50_ratio\": %.2f, \"p99_ratio\": %.2f}%s",
           name, p50[0], p99[0], p50[1], p99[1], p50[0] / p50[1], p99[0] / p99[1], end);
    for (int i = 0; i < 2; i++) {
        zmq_close(w[i].socket);
        free(w[i].ns);
    }
}

/* Asks until all parts are up: `ready` is true in the pong. */
static void wait_ready(void *zmq, const struct pl_buf *ping)
{
    char endpoint[128], answer[1024];
    path_of(endpoint, "data/clients.sock");
    struct way w = {connected(zmq, endpoint), NULL, 0};
    for (int i = 0; i < READY_TRIES; i++) {
        ask(&w, ping, answer, sizeof answer);
        const char *ready = memmem(answer, sizeof answer, "ready", 5);
        if (ready && (uint8_t)ready[5] == 0xc3) {
            zmq_close(w.socket);
            return;
        }
        usleep(50000);
    }
    die("parlanced does not become ready");
}

static void run(const char *program)
{
    pid_t children[4];
    for (int i = 0; i < 4; i++)
        if ((children[i] = fork()) == 0) {
            if (i == 0) be_edge("bare1", NULL);
            if (i == 1) be_edge("bare3", "bare2");
            if (i == 2) be_service("bare2");
            daemon_main(program);
        }
    void *zmq = zmq_ctx_new();
    struct pl_buf ping = encoded(pl_msg_create(&pl_ping_type), "bench");
    struct pl_buf resume = encoded(pl_msg_create(&pl_chat_resume_type), "nobody");
    wait_ready(zmq, &ping);
    printf("{\"questions\": %d, ", ROUNDS * EACH);
    measure("edge", zmq, "data/clients.sock", "bare1", &ping, ", ");
    measure("service", zmq, "data/clients.sock", "bare3", &resume, "}\n");
    for (int i = 0; i < 4; i++) kill(children[i], i == 3 ? SIGTERM : SIGKILL);
    for (int i = 0; i < 4; i++) waitpid(children[i], NULL, 0);
    pl_buf_finish(&ping);
    pl_buf_finish(&resume);
    zmq_ctx_term(zmq);
}

int main(int argc, char **argv)
{
    char path[128];
    strcpy(dir, "/tmp/bench-roundtrip-XXXXXX");
    if (argc != 2) die("usage: bench_roundtrip PARLANCED");
    if (!mkdtemp(dir)) die("no directory");
    snprintf(path, sizeof path, "%s/data", dir);
    mkdir(path, 0700);
    run(argv[1]);
    snprintf(path, sizeof path, "rm -rf %s", dir);
    return system(path);
}
