/* parlance.c - the client of parlance.h.
 *
 * A call is a `struct parlance_stream`: an id, the message that asks, what came and was not read yet.
 *
 *   asked --accepted--> running --deltas--> done
 *     |                    |
 *     +--- the connection was lost and is back, silence, a gap, a passing refusal: ask again:
 *          before chat.accepted the same message, after it chat.resume from the first seq that is missing
 *
 * 1. A delta is given on only when its seq is the next one. An earlier one came before; a later one shows a
 *    gap, and the gap is asked for.
 * 2. chat.done ends a stream only when the pieces that were given on have the lengths that it tells of; after
 *    TRIES_MAX askings that brought nothing it ends all the same.
 * 3. While there is no connection nothing is asked: messages for nobody would pile up in the socket.
 * 4. Bytes from outside go through a cursor that takes no memory and no declared length on trust. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "parlance.h"

#include <errno.h>
#include <jansson.h>
#include <math.h>
#include <msgpack.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>
#include <zmq.h>

enum {
    FRAME_MAX_BYTES = 262144, /* the service takes no larger one */
    REPLY_MAX_BYTES = 16 * 1024 * 1024,
    QUEUE_MAX_BYTES = 4 * 1024 * 1024, /* of one stream */
    REACH_MS = 10000,                  /* in which a service that is there has said something */
    LOST_MS = 30000,                   /* without a connection: then a call without a time-out ends */
    SILENCE_MS = 3000,                 /* after this long without a word for it a call asks again */
    SILENCE_MAX_MS = 30000,            /* doubled up to this */
    RETRY_MS = 500,                    /* after a refusal that names no time */
    TRIES_MAX = 3,
    KEY_SIZE = 41, /* Z85 of 32 bytes, and its NUL */
    MONITOR_EVENTS = ZMQ_EVENT_HANDSHAKE_SUCCEEDED | ZMQ_EVENT_HANDSHAKE_FAILED_AUTH |
                     ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL | ZMQ_EVENT_DISCONNECTED
};
#define NEVER UINT64_MAX
#define LAST_SEQ UINT32_MAX /* as resume_from: no deltas, only the end */

struct message {
    struct message *next;
    size_t len;
    uint8_t bytes[]; /* LEN of them, and one more */
};

/* Which answers a call waits for, and how it asks again. */
enum purpose { CALL, CHAT, SUBMIT, RESULT, ONCE /* it does not ask again */ };

struct parlance_stream {
    struct parlance_client *client;
    struct parlance_stream *next; /* of the client's open ones */
    enum purpose purpose;
    const char *what; /* for a sentence */
    char id[PARLANCE_ID_SIZE];
    msgpack_sbuffer frame; /* the message that asks */

    struct message *first, *last; /* came and not read */
    size_t queued_bytes;
    struct message *read; /* lent to the caller */

    uint64_t since_ms, until_ms, ask_ms, silence_ms;
    uint64_t losses; /* the client's, when it last asked */
    bool asked_again, cut /* its queue was full */, over;

    uint32_t next_seq, tries; /* TRIES: ends that came since the last piece, though some are missing */
    bool gap_asked;
    size_t answer_bytes, reasoning_bytes;
    bool accepted;
    struct parlance_accepted acceptance;
    struct message *accepted_by;
    struct parlance_answer answer;
};

struct parlance_client {
    void *context, *socket, *monitor;
    struct parlance_stream *open;
    char *endpoint, *tenant;
    bool retry, connected;
    const char *barred;            /* why there will be no connection; NULL: nothing speaks against it */
    uint64_t losses;               /* connections that broke */
    uint64_t heard_ms, lost_at_ms; /* of anything; since when there is no connection */
};

static uint64_t now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

/* --- errors --- */

static void __attribute__((format(printf, 4, 5)))
note(struct parlance_error *err, const char *code, const char *field, const char *fmt, ...)
{
    if (!err) return;
    va_list list;
    memset(err, 0, sizeof *err);
    err->retry_after_ms = -1;
    snprintf(err->code, sizeof err->code, "%s", code);
    snprintf(err->field, sizeof err->field, "%s", field ? field : "");
    va_start(list, fmt);
    vsnprintf(err->message, sizeof err->message, fmt, list);
    va_end(list);
}

static int no_memory(struct parlance_error *err)
{
    note(err, "no_memory", NULL, "out of memory");
    return PARLANCE_FAILED;
}

static int invalid(struct parlance_error *err, const char *field, const char *text)
{
    note(err, "invalid", field, "%s", text);
    return PARLANCE_FAILED;
}

/* Fills in whose error it is; passes RC on. */
static int of(const struct parlance_stream *s, int rc, struct parlance_error *err)
{
    if (rc < 0 && err) snprintf(err->id, sizeof err->id, "%s", s->id);
    return rc;
}

/* --- reading msgpack --- */

struct bytes {
    const uint8_t *at, *end;
};
enum form { NOTHING, NUMBER, TEXT, ARRAY, MAP, OTHER };
struct item {
    enum form form;
    uint64_t n;          /* value, length, or count */
    const uint8_t *text; /* of N bytes */
};

static bool take_uint(struct bytes *b, size_t n, uint64_t *out)
{
    if ((size_t)(b->end - b->at) < n) return false;
    for (*out = 0; n > 0; n--) *out = *out << 8 | *b->at++;
    return true;
}

static bool take_bytes(struct bytes *b, struct item *i, enum form form, size_t length_bytes, uint64_t n)
{
    if (length_bytes && !take_uint(b, length_bytes, &n)) return false;
    if ((uint64_t)(b->end - b->at) < n) return false;
    *i = (struct item){form, n, b->at};
    b->at += n;
    return true;
}

static bool got(struct item *i, enum form form, uint64_t n)
{
    *i = (struct item){.form = form, .n = n};
    return true;
}

static bool take_count(struct bytes *b, struct item *i, enum form form, size_t length_bytes)
{
    *i = (struct item){.form = form};
    return take_uint(b, length_bytes, &i->n);
}

/* The forms from 0xc0 to 0xdf. */
static bool take_long(struct bytes *b, uint8_t head, struct item *i)
{
    static const uint8_t ext_bytes[] = {2, 3, 5, 9, 17};
    *i = (struct item){.form = OTHER};
    if (head == 0xc0) return true; /* nil */
    if (head == 0xc2 || head == 0xc3) return got(i, NUMBER, head & 1);
    if (head >= 0xc4 && head <= 0xc6) return take_bytes(b, i, OTHER, 1u << (head - 0xc4), 0); /* binary */
    if (head >= 0xc7 && head <= 0xc9) {
        if (!take_uint(b, 1u << (head - 0xc7), &i->n)) return false;
        return take_bytes(b, i, OTHER, 0, i->n + 1); /* ext */
    }
    if (head == 0xca) return take_bytes(b, i, OTHER, 0, 4);
    if (head == 0xcb) return take_bytes(b, i, OTHER, 0, 8);
    if (head >= 0xcc && head <= 0xcf) return take_count(b, i, NUMBER, 1u << (head - 0xcc));
    if (head >= 0xd0 && head <= 0xd3) return take_bytes(b, i, OTHER, 0, 1u << (head - 0xd0)); /* signed */
    if (head >= 0xd4 && head <= 0xd8) return take_bytes(b, i, OTHER, 0, ext_bytes[head - 0xd4]);
    if (head >= 0xd9 && head <= 0xdb) return take_bytes(b, i, TEXT, 1u << (head - 0xd9), 0);
    if (head == 0xdc || head == 0xdd) return take_count(b, i, ARRAY, head == 0xdc ? 2 : 4);
    if (head == 0xde || head == 0xdf) return take_count(b, i, MAP, head == 0xde ? 2 : 4);
    return false; /* 0xc1 */
}

/* The next value; of an array or map only its count. */
static bool take(struct bytes *b, struct item *i)
{
    if (b->at == b->end) return false;
    uint8_t head = *b->at++;
    if (head < 0x80) return got(i, NUMBER, head);
    if (head < 0x90) return got(i, MAP, head & 15u);
    if (head < 0xa0) return got(i, ARRAY, head & 15u);
    if (head < 0xc0) return take_bytes(b, i, TEXT, 0, head & 31u);
    if (head < 0xe0) return take_long(b, head, i);
    return got(i, OTHER, 0); /* negative */
}

/* Over the next value with all that is in it. */
static bool skip(struct bytes *b)
{
    struct item i;
    for (uint64_t left = 1; left > 0; left--) {
        if (!take(b, &i)) return false;
        uint64_t inside = i.form == ARRAY ? i.n : i.form == MAP ? 2 * i.n : 0;
        if (inside > (uint64_t)(b->end - b->at)) return false; /* each has a byte at least */
        left += inside;
    }
    return true;
}

/* The value of KEY in a map: its bytes, from which MAP may be read on. False when it is not there. */
static bool find(struct bytes map, const char *key, struct bytes *value)
{
    struct item i, name;
    if (!take(&map, &i) || i.form != MAP) return false;
    for (uint64_t n = i.n; n > 0; n--) {
        if (!take(&map, &name) || name.form != TEXT) return false;
        value->at = map.at;
        value->end = map.end;
        if (name.n == strlen(key) && memcmp(name.text, key, name.n) == 0) return true;
        if (!skip(&map)) return false;
    }
    return false;
}

static struct item get(struct bytes map, const char *key, enum form form)
{
    struct bytes value;
    struct item i;
    bool there = find(map, key, &value) && take(&value, &i) && i.form == form;
    return there ? i : (struct item){.form = NOTHING};
}

static uint64_t get_uint(struct bytes map, const char *key)
{
    return get(map, key, NUMBER).n;
}

/* A short string, into OUT. */
static void get_name(struct bytes map, const char *key, char *out, size_t size)
{
    struct item i = get(map, key, TEXT);
    snprintf(out, size, "%.*s", (int)(i.n < size ? i.n : size), i.text ? (const char *)i.text : "");
}

static bool is(struct item i, const char *word)
{
    return i.form == TEXT && i.n == strlen(word) && memcmp(i.text, word, i.n) == 0;
}

static struct bytes frame_of(const struct message *m)
{
    return (struct bytes){m->bytes, m->bytes + m->len};
}

/* The body of a message; an empty map when there is none. */
static struct bytes body_of(const struct message *m)
{
    static const uint8_t empty[] = {0x80};
    struct bytes b;
    if (!find(frame_of(m), "body", &b)) b = (struct bytes){empty, empty + 1};
    return b;
}

static struct item type_of(const struct message *m)
{
    return get(frame_of(m), "type", TEXT);
}

static bool is_well_formed(const struct message *m)
{
    struct bytes b = frame_of(m);
    return skip(&b) && b.at == b.end && type_of(m).form == TEXT;
}

/* --- writing msgpack --- */

struct map {
    msgpack_sbuffer buf;
    msgpack_packer pk;
    size_t n;
    bool failed;
};

static void map_begin(struct map *m)
{
    m->n = 0;
    m->failed = false;
    msgpack_sbuffer_init(&m->buf);
    msgpack_packer_init(&m->pk, &m->buf, msgpack_sbuffer_write);
}

static void put_text(struct map *m, const char *text)
{
    size_t n = strlen(text);
    m->failed |= msgpack_pack_str(&m->pk, n) || msgpack_pack_str_body(&m->pk, text, n);
}

static void map_key(struct map *m, const char *key)
{
    put_text(m, key);
    m->n++;
}

static void map_text(struct map *m, const char *key, const char *text)
{
    if (!text) return;
    map_key(m, key);
    put_text(m, text);
}

static void map_uint(struct map *m, const char *key, uint64_t n)
{
    map_key(m, key);
    m->failed |= msgpack_pack_uint64(&m->pk, n);
}

static void map_real(struct map *m, const char *key, double x)
{
    if (isnan(x)) return;
    map_key(m, key);
    m->failed |= msgpack_pack_double(&m->pk, x);
}

static void map_texts(struct map *m, const char *key, const char *const *texts, size_t n)
{
    if (n == 0) return;
    map_key(m, key);
    m->failed |= msgpack_pack_array(&m->pk, n);
    for (size_t i = 0; i < n; i++) put_text(m, texts[i]);
}

/* Ends M, as a value of OUTER, or as OUT when there is none. */
static bool map_end(struct map *m, struct map *outer, msgpack_sbuffer *out)
{
    struct map whole;
    if (!outer) map_begin(&whole);
    struct map *to = outer ? outer : &whole;
    to->failed |= m->failed || msgpack_pack_map(&to->pk, m->n) ||
                  msgpack_sbuffer_write(&to->buf, m->buf.data ? m->buf.data : "", m->buf.size);
    msgpack_sbuffer_destroy(&m->buf);
    if (!outer && to->failed)
        msgpack_sbuffer_destroy(&whole.buf);
    else if (!outer)
        *out = whole.buf;
    return !to->failed;
}

/* What an envelope says beside type and body. */
struct head {
    const char *id, *session, *user, *trace;
    uint64_t budget_ms;
};

/* BODY is taken. */
static int pack(const struct parlance_client *c, const char *type, const struct head *h, struct map *body,
                msgpack_sbuffer *out, struct parlance_error *err)
{
    struct map m;
    map_begin(&m);
    map_uint(&m, "v", 1);
    map_text(&m, "type", type);
    map_text(&m, "id", h->id);
    map_text(&m, "session", h->session);
    map_text(&m, "user", h->user);
    map_text(&m, "tenant", c->tenant);
    map_text(&m, "trace", h->trace);
    if (h->budget_ms) map_uint(&m, "budget_ms", h->budget_ms);
    map_key(&m, "body");
    map_end(body, &m, NULL);
    if (!map_end(&m, NULL, out)) return no_memory(err);
    if (out->size <= FRAME_MAX_BYTES) return 0;
    msgpack_sbuffer_destroy(out);
    *out = (msgpack_sbuffer){0};
    note(err, "too_large", "message", "a message is at most %d bytes", FRAME_MAX_BYTES);
    return PARLANCE_FAILED;
}

static void pack_messages(struct map *m, const struct parlance_question *q)
{
    if (q->n_messages == 0) return;
    map_key(m, "messages");
    m->failed |= msgpack_pack_array(&m->pk, q->n_messages);
    for (size_t i = 0; i < q->n_messages; i++) {
        struct map part;
        map_begin(&part);
        map_text(&part, "role", q->messages[i].role);
        map_text(&part, "content", q->messages[i].content);
        map_end(&part, m, NULL);
    }
}

static int pack_question(const struct parlance_client *c, const struct parlance_question *q, const char *id,
                         uint32_t from, msgpack_sbuffer *out, struct parlance_error *err)
{
    struct head h = {id, q->session, q->user, q->trace, q->budget_ms};
    struct map m;
    map_begin(&m);
    map_text(&m, "text", q->text);
    pack_messages(&m, q);
    map_text(&m, "system", q->system);
    map_texts(&m, "tools", q->tools, q->n_tools);
    map_texts(&m, "stop", q->stop, q->n_stop);
    if (q->max_tokens) map_uint(&m, "max_tokens", q->max_tokens);
    if (q->top_k) map_uint(&m, "top_k", q->top_k);
    map_real(&m, "temperature", q->temperature);
    map_real(&m, "top_p", q->top_p);
    map_real(&m, "min_p", q->min_p);
    map_real(&m, "repetition_penalty", q->repetition_penalty);
    map_real(&m, "presence_penalty", q->presence_penalty);
    map_real(&m, "frequency_penalty", q->frequency_penalty);
    if (q->has_seed) map_uint(&m, "seed", q->seed);
    if (from) map_uint(&m, "resume_from", from);
    return pack(c, "chat.request", &h, &m, out, err);
}

/* --- the connection --- */

static int read_key(const json_t *file, const char *name, char out[KEY_SIZE])
{
    uint8_t raw[32];
    const char *text = json_string_value(json_object_get(file, name));
    if (!text || strlen(text) != KEY_SIZE - 1 || !zmq_z85_decode(raw, text)) return -1;
    memcpy(out, text, KEY_SIZE);
    return 0;
}

static int use_keys(struct parlance_client *c, const char *path, struct parlance_error *err)
{
    char server[KEY_SIZE], mine[KEY_SIZE], secret[KEY_SIZE] = "";
    json_error_t why = {.line = -1};
    json_t *file = json_load_file(path, 0, &why);
    int rc = 0;
    if (!file) {
        note(err, "invalid", "keys_file", "%s: %s", path, why.text);
        return PARLANCE_FAILED;
    }
    if (read_key(file, "server", server) || read_key(file, "public", mine) ||
        read_key(file, "secret", secret)) {
        note(err, "invalid", "keys_file", "%s does not hold the keys server, public and secret in Z85", path);
        rc = PARLANCE_FAILED;
    } else if (zmq_setsockopt(c->socket, ZMQ_CURVE_SERVERKEY, server, KEY_SIZE) ||
               zmq_setsockopt(c->socket, ZMQ_CURVE_PUBLICKEY, mine, KEY_SIZE) ||
               zmq_setsockopt(c->socket, ZMQ_CURVE_SECRETKEY, secret, KEY_SIZE)) {
        note(err, "unsupported", "keys_file", "this libzmq cannot encrypt: %s", zmq_strerror(errno));
        rc = PARLANCE_FAILED;
    }
    explicit_bzero(secret, sizeof secret);
    json_decref(file);
    return rc;
}

static int set(void *socket, int option, int value)
{
    return zmq_setsockopt(socket, option, &value, sizeof value);
}

static int open_socket(struct parlance_client *c, struct parlance_error *err)
{
    const int64_t most = REPLY_MAX_BYTES;
    c->context = zmq_ctx_new();
    if (c->context) c->socket = zmq_socket(c->context, ZMQ_DEALER);
    if (c->context) c->monitor = zmq_socket(c->context, ZMQ_PAIR);
    if (!c->socket || !c->monitor) {
        note(err, "no_memory", NULL, "no socket: %s", zmq_strerror(errno));
        return PARLANCE_FAILED;
    }
    /* Events have no bound: the socket's thread would wait where one has no room. While no call reads them,
     * each broken connection costs some 300 bytes. */
    if (set(c->socket, ZMQ_LINGER, 0) || set(c->monitor, ZMQ_LINGER, 0) || set(c->monitor, ZMQ_RCVHWM, 0) ||
        set(c->socket, ZMQ_RECONNECT_IVL, 20) || set(c->socket, ZMQ_RECONNECT_IVL_MAX, 500) ||
        set(c->socket, ZMQ_HEARTBEAT_IVL, 2000) || set(c->socket, ZMQ_HEARTBEAT_TIMEOUT, 6000) ||
        zmq_setsockopt(c->socket, ZMQ_MAXMSGSIZE, &most, sizeof most) ||
        zmq_socket_monitor(c->socket, "inproc://events", MONITOR_EVENTS) ||
        zmq_connect(c->monitor, "inproc://events")) {
        note(err, "internal", NULL, "a socket option: %s", zmq_strerror(errno));
        return PARLANCE_FAILED;
    }
    return 0;
}

static int connect_client(struct parlance_client *c, const struct parlance_opts *o,
                          struct parlance_error *err)
{
    c->endpoint = strdup(o->endpoint ? o->endpoint : "tcp://127.0.0.1:5580");
    c->tenant = o->tenant ? strdup(o->tenant) : NULL;
    if (!c->endpoint || (o->tenant && !c->tenant)) return no_memory(err);
    if (o->tenant && (!*o->tenant || strlen(o->tenant) > 64))
        return invalid(err, "tenant", "a tenant has 1 to 64 bytes");
    int rc = open_socket(c, err);
    if (!rc && o->keys_file) rc = use_keys(c, o->keys_file, err);
    if (rc || zmq_connect(c->socket, c->endpoint) == 0) return rc;
    note(err, "invalid", "endpoint", "cannot connect to %s: %s", c->endpoint, zmq_strerror(errno));
    return PARLANCE_FAILED;
}

int parlance_client_create(const struct parlance_opts *opts, struct parlance_client **out,
                           struct parlance_error *err)
{
    static const struct parlance_opts defaults;
    struct parlance_client *c = calloc(1, sizeof *c);
    if (!c) return no_memory(err);
    if (!opts) opts = &defaults;
    c->retry = opts->retry_overloaded;
    c->lost_at_ms = now_ms();
    int rc = connect_client(c, opts, err);
    if (rc)
        parlance_client_destroy(&c);
    else
        *out = c;
    return rc;
}

void parlance_client_destroy(struct parlance_client **client)
{
    struct parlance_client *c = client ? *client : NULL;
    if (!c) return;
    if (c->socket) zmq_socket_monitor(c->socket, NULL, 0);
    if (c->monitor) zmq_close(c->monitor);
    if (c->socket) zmq_close(c->socket);
    while (c->context && zmq_ctx_term(c->context) && errno == EINTR) continue;
    free(c->endpoint);
    free(c->tenant);
    free(c);
    *client = NULL;
}

void parlance_draw_id(char out[PARLANCE_ID_SIZE])
{
    struct timespec t;
    unsigned char b[16];
    clock_gettime(CLOCK_REALTIME, &t);
    uint64_t ms = (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
    while (getrandom(b, sizeof b, 0) != (ssize_t)sizeof b) continue;
    for (int i = 0; i < 6; i++) b[i] = (unsigned char)(ms >> (40 - 8 * i));
    b[6] = (unsigned char)(0x70 | (b[6] & 0x0f));
    b[8] = (unsigned char)(0x80 | (b[8] & 0x3f));
    char *p = out;
    for (int i = 0; i < 16; i++) {
        if (i == 4 || i == 6 || i == 8 || i == 10) *p++ = '-';
        p += snprintf(p, 3, "%02x", b[i]);
    }
}

/* --- what comes in --- */

static void drop_messages(struct message **list)
{
    for (struct message *m; (m = *list) != NULL;) {
        *list = m->next;
        free(m);
    }
}

/* Hands M to the stream that it answers; M is taken. */
static void route(struct parlance_client *c, struct message *m)
{
    char id[PARLANCE_ID_SIZE];
    get_name(frame_of(m), "correlation", id, sizeof id);
    struct parlance_stream *s = c->open;
    while (s && strcmp(s->id, id) != 0) s = s->next;
    if (s && s->queued_bytes + m->len > QUEUE_MAX_BYTES && s->first) s->cut = true;
    if (!s || s->cut) {
        free(m);
        return;
    }
    if (s->last)
        s->last->next = m;
    else
        s->first = m;
    s->last = m;
    s->queued_bytes += m->len;
}

/* Reads one message, if one is there; its last part counts. False when none is. */
static bool receive(struct parlance_client *c, int *rc, struct parlance_error *err)
{
    zmq_msg_t part;
    struct message *m = NULL;
    zmq_msg_init(&part);
    bool got = zmq_msg_recv(&part, c->socket, ZMQ_DONTWAIT) >= 0;
    while (got && zmq_msg_more(&part) && zmq_msg_recv(&part, c->socket, ZMQ_DONTWAIT) >= 0) continue;
    if (got) m = malloc(sizeof *m + zmq_msg_size(&part) + 1);
    if (got && !m) *rc = no_memory(err);
    if (m) {
        m->next = NULL;
        m->len = zmq_msg_size(&part);
        memcpy(m->bytes, zmq_msg_data(&part), m->len);
        c->heard_ms = now_ms();
    }
    zmq_msg_close(&part);
    if (m && is_well_formed(m)) {
        route(c, m);
    } else if (m) {
        free(m);
        note(err, "corrupt", NULL, "the service sent what is no message");
        *rc = PARLANCE_FAILED;
    }
    return got;
}

static void take_event(struct parlance_client *c, uint16_t event, uint32_t value)
{
    switch (event) {
    case ZMQ_EVENT_HANDSHAKE_SUCCEEDED:
        c->connected = true;
        c->barred = NULL;
        break;
    case ZMQ_EVENT_HANDSHAKE_FAILED_AUTH:
        c->barred = "it does not know this key";
        break;
    case ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL:
        if (value == ZMQ_PROTOCOL_ERROR_ZMTP_MECHANISM_MISMATCH)
            c->barred = "one side speaks with keys and the other one without";
        break;
    case ZMQ_EVENT_DISCONNECTED:
        if (!c->connected) break;
        c->connected = false;
        c->losses++;
        c->lost_at_ms = now_ms();
        break;
    }
}

/* What the socket's own thread tells of the connection. */
static void read_events(struct parlance_client *c)
{
    uint8_t head[6];
    char address[256];
    while (zmq_recv(c->monitor, head, sizeof head, ZMQ_DONTWAIT) == sizeof head) {
        uint16_t event;
        uint32_t value;
        memcpy(&event, head, sizeof event);
        memcpy(&value, head + sizeof event, sizeof value);
        zmq_recv(c->monitor, address, sizeof address, ZMQ_DONTWAIT);
        take_event(c, event, value);
    }
}

/* Waits up to UNTIL for anything, and takes in all that is there. */
static int pump(struct parlance_client *c, uint64_t until, struct parlance_error *err)
{
    zmq_pollitem_t items[] = {{.socket = c->socket, .events = ZMQ_POLLIN},
                              {.socket = c->monitor, .events = ZMQ_POLLIN}};
    uint64_t now = now_ms();
    long left = until == NEVER ? -1 : until > now ? (long)(until - now) : 0;
    int n = zmq_poll(items, 2, left), rc = 0;
    if (n < 0 && errno == EINTR) {
        note(err, "again", NULL, "interrupted by a signal");
        return PARLANCE_INTERRUPTED;
    }
    if (n < 0) {
        note(err, "io", NULL, "cannot wait: %s", zmq_strerror(errno));
        return PARLANCE_FAILED;
    }
    if (items[0].revents)
        while (!rc && receive(c, &rc, err)) continue;
    if (items[1].revents) read_events(c);
    return rc;
}

/* --- asking --- */

static int send_frame(struct parlance_stream *s, const void *bytes, size_t len, struct parlance_error *err)
{
    s->losses = s->client->losses;
    s->ask_ms = now_ms() + s->silence_ms;
    while (zmq_send(s->client->socket, bytes, len, ZMQ_DONTWAIT) < 0)
        if (errno != EINTR) {
            note(err, "overloaded", NULL, "the socket takes no more: %s", zmq_strerror(errno));
            return PARLANCE_FAILED;
        }
    return 0;
}

/* A message without a body worth naming, by the id of S. */
static int send_word(struct parlance_stream *s, const char *type, uint32_t from, struct parlance_error *err)
{
    struct map body;
    msgpack_sbuffer frame = {0};
    map_begin(&body);
    if (from) map_uint(&body, "resume_from", from);
    int rc = pack(s->client, type, &(struct head){.id = s->id}, &body, &frame, err);
    if (rc) return rc;
    rc = send_frame(s, frame.data, frame.size, err);
    msgpack_sbuffer_destroy(&frame);
    return rc;
}

/* A socket that takes no more is asked again later. */
static void ask_again(struct parlance_stream *s)
{
    uint64_t longer = 2 * s->silence_ms;
    s->asked_again = true;
    s->cut = false;
    s->silence_ms = longer < SILENCE_MAX_MS ? longer : SILENCE_MAX_MS;
    if (s->purpose == CHAT && s->accepted)
        send_word(s, "chat.resume", s->next_seq, NULL);
    else
        send_frame(s, s->frame.data, s->frame.size, NULL);
}

static bool must_ask(const struct parlance_stream *s, uint64_t now)
{
    const struct parlance_client *c = s->client;
    return c->connected && s->purpose != ONCE && (s->losses != c->losses || s->cut || now >= s->ask_ms);
}

/* Nobody at all was heard since S asked, which tells of a wrong endpoint. */
static bool is_unreached(const struct parlance_stream *s)
{
    return (s->purpose == CHAT || s->purpose == SUBMIT) && s->client->heard_ms < s->since_ms;
}

static uint64_t reach_end(const struct parlance_stream *s)
{
    uint64_t end = s->since_ms + REACH_MS;
    return end < s->until_ms ? end : s->until_ms;
}

static int check_time(const struct parlance_stream *s, uint64_t now, struct parlance_error *err)
{
    const struct parlance_client *c = s->client;
    if (c->barred && !c->connected) {
        note(err, "forbidden", "keys_file", "no connection to %s: %s", c->endpoint, c->barred);
        return PARLANCE_FAILED;
    }
    if (s->purpose == ONCE && s->losses != c->losses) {
        note(err, "gone", NULL, "the connection to %s broke: nobody can tell whether it was done",
             c->endpoint);
        return PARLANCE_FAILED;
    }
    if (is_unreached(s) && now >= reach_end(s)) {
        note(err, "deadline_exceeded", NULL, "no service at %s said a word in %g s", c->endpoint,
             (double)(reach_end(s) - s->since_ms) / 1000);
        return PARLANCE_TIMEOUT;
    }
    if (now >= s->until_ms) {
        note(err, "deadline_exceeded", NULL, "no answer in time to %s", s->what);
        return PARLANCE_TIMEOUT;
    }
    if (s->until_ms != NEVER || c->connected || now < c->lost_at_ms + LOST_MS || now < s->since_ms + LOST_MS)
        return 0;
    note(err, "gone", NULL, "there is no connection to %s any more", c->endpoint);
    return PARLANCE_FAILED;
}

/* When there is something to do again though nothing comes. */
static uint64_t wake_at(const struct parlance_stream *s)
{
    const struct parlance_client *c = s->client;
    uint64_t at = s->until_ms;
    if (is_unreached(s) && reach_end(s) < at) at = reach_end(s);
    if (c->connected && s->purpose != ONCE && s->ask_ms < at) at = s->ask_ms;
    if (at == NEVER) {
        uint64_t from = c->lost_at_ms > s->since_ms ? c->lost_at_ms : s->since_ms;
        at = c->connected ? NEVER : from + LOST_MS;
    }
    return at;
}

static bool take_queued(struct parlance_stream *s)
{
    struct message *m = s->first;
    if (!m) return false;
    s->first = m->next;
    if (!s->first) s->last = NULL;
    s->queued_bytes -= m->len;
    s->read = m;
    s->ask_ms = now_ms() + s->silence_ms;
    return true;
}

/* What was read is read again. */
static void put_back(struct parlance_stream *s)
{
    struct message *m = s->read;
    s->read = NULL;
    m->next = s->first;
    s->first = m;
    if (!m->next) s->last = m;
    s->queued_bytes += m->len;
}

/* The next message for S, in s->read until the next call. */
static int next_message(struct parlance_stream *s, struct parlance_error *err)
{
    free(s->read);
    s->read = NULL;
    for (;;) {
        if (take_queued(s)) return 0;
        uint64_t now = now_ms();
        int rc = check_time(s, now, err);
        if (rc) return rc;
        if (must_ask(s, now)) ask_again(s);
        rc = pump(s->client, wake_at(s), err);
        if (rc) return rc;
    }
}

/* --- the life of a call --- */

static int check_id(const char *id, struct parlance_error *err)
{
    size_t n = strlen(id);
    return n >= 1 && n < PARLANCE_ID_SIZE ? 0 : invalid(err, "id", "an id has 1 to 64 bytes");
}

/* S begins; FRAME, which may be empty, is taken. Two calls of one client never have the same id. */
static int begin(struct parlance_client *c, struct parlance_stream *s, const char *id, int timeout_ms,
                 struct parlance_error *err)
{
    for (const struct parlance_stream *o = c->open; o; o = o->next)
        if (strcmp(o->id, id) == 0)
            return invalid(err, "id", "a stream of this client waits for the same id");
    s->client = c;
    snprintf(s->id, sizeof s->id, "%s", id);
    s->silence_ms = SILENCE_MS;
    s->since_ms = now_ms();
    s->until_ms = timeout_ms < 0 ? NEVER : s->since_ms + (uint64_t)timeout_ms;
    s->next = c->open;
    c->open = s;
    return 0;
}

static void end(struct parlance_stream *s)
{
    struct parlance_stream **at = s->client ? &s->client->open : NULL;
    while (at && *at && *at != s) at = &(*at)->next;
    if (at && *at) *at = s->next;
    s->client = NULL;
    drop_messages(&s->first);
    s->last = NULL;
    free(s->read);
    s->read = NULL;
    msgpack_sbuffer_destroy(&s->frame);
    s->frame = (msgpack_sbuffer){0};
}

static int ask(struct parlance_stream *s, struct parlance_error *err)
{
    return send_frame(s, s->frame.data, s->frame.size, err);
}

static bool is_passing(const struct parlance_error *e)
{
    return strcmp(e->code, "overloaded") == 0 || strcmp(e->code, "unavailable") == 0;
}

/* A fifth more or less, so that those who were refused together do not come again together. */
static uint64_t about(uint64_t ms)
{
    uint32_t random = 0;
    if (getrandom(&random, sizeof random, GRND_NONBLOCK) < 0) random = 0;
    uint64_t fifth = ms / 5;
    return ms - fifth + (fifth ? random % (2 * fifth + 1) : 0);
}

/* The refusal in s->read ends the call, or is waited out: 0. After an asking again nobody can tell whether
 * the request was accepted before, so a passing refusal is no answer then. */
static int refused(struct parlance_stream *s, struct parlance_error *err)
{
    struct parlance_error own, *e = err ? err : &own;
    struct bytes b = body_of(s->read);
    note(e, "internal", NULL, "no sentence");
    get_name(b, "code", e->code, sizeof e->code);
    get_name(b, "field", e->field, sizeof e->field);
    get_name(b, "message", e->message, sizeof e->message);
    struct item wait = get(b, "retry_after_ms", NUMBER);
    e->retry_after_ms = wait.form == NUMBER ? (int64_t)wait.n : -1;
    bool known = s->asked_again || s->accepted || s->purpose == RESULT;
    if (s->purpose == ONCE) return of(s, PARLANCE_FAILED, e);
    if (!is_passing(e) || !(known || s->client->retry)) return of(s, PARLANCE_FAILED, e);
    s->ask_ms = now_ms() + about(wait.form == NUMBER ? wait.n : RETRY_MS);
    return 0;
}

/* Reads on until a message of TYPE, or OTHER (may be NULL), is in s->read. Signals do not end it. */
static int await(struct parlance_stream *s, const char *type, const char *other, struct parlance_error *err)
{
    for (;;) {
        int rc = next_message(s, err);
        if (rc == PARLANCE_INTERRUPTED) continue;
        if (rc) return of(s, rc, err);
        struct item t = type_of(s->read);
        if (is(t, type) || (other && is(t, other))) return 0;
        if (is(t, "chat.error")) rc = refused(s, err);
        if (rc) return rc;
    }
}

/* --- answers --- */

/* Copies the string of KEY into the memory at *AT. */
static const char *keep(char **at, struct bytes map, const char *key, size_t *len)
{
    struct item i = get(map, key, TEXT);
    char *out = *at;
    if (i.n) memcpy(out, i.text, i.n);
    out[i.n] = 0;
    *at += i.n + 1;
    if (len) *len = i.n;
    return out;
}

static void keep_tools(struct parlance_answer *a, struct parlance_tool_call *tools, char **at, struct bytes b)
{
    for (size_t i = 0; i < a->n_tools; i++) {
        tools[i].tool = keep(at, b, "tool", NULL);
        tools[i].arguments = keep(at, b, "arguments", NULL);
        tools[i].result = keep(at, b, "result", NULL);
        tools[i].code = keep(at, b, "code", NULL);
        skip(&b);
    }
    a->tools = tools;
}

static void fill_answer(struct parlance_answer *a, struct bytes b, char **at)
{
    struct bytes usage = {0};
    a->text = keep(at, b, "text", &a->text_len);
    a->reasoning = keep(at, b, "reasoning", &a->reasoning_len);
    a->turn = keep(at, b, "turn", NULL);
    a->session = keep(at, b, "session", NULL);
    a->finish_reason = keep(at, b, "finish_reason", NULL);
    a->error = keep(at, b, "error", NULL);
    a->model_digest = keep(at, b, "model_digest", NULL);
    a->template_digest = keep(at, b, "template_digest", NULL);
    a->adapter_digest = keep(at, b, "adapter_digest", NULL);
    a->dropped_turns = (uint32_t)get_uint(b, "dropped_turns");
    a->seed = get_uint(b, "seed");
    if (!find(b, "usage", &usage)) return;
    a->prompt_tokens = (uint32_t)get_uint(usage, "prompt_tokens");
    a->cached_tokens = (uint32_t)get_uint(usage, "cached_tokens");
    a->completion_tokens = (uint32_t)get_uint(usage, "completion_tokens");
}

/* A becomes the answer that is in M. One block holds the tools, the frame and the strings: no string is
 * longer than its place in the frame, but for the NUL. */
static int make_answer(struct parlance_answer *a, const char *id, const struct message *m,
                       struct parlance_error *err)
{
    struct bytes b = body_of(m), list = {0};
    struct item tools = {0};
    enum { STRINGS = 9, STRINGS_OF_TOOL = 4 };
    memset(a, 0, sizeof *a);
    if (find(b, "tools", &list) && take(&list, &tools) && tools.form == ARRAY) a->n_tools = tools.n;
    size_t table = a->n_tools * sizeof *a->tools;
    a->memory = calloc(1, table + 2 * m->len + STRINGS + a->n_tools * STRINGS_OF_TOOL);
    if (!a->memory) return no_memory(err);
    char *at = (char *)a->memory + table;
    memcpy(at, m->bytes, m->len);
    a->frame = at;
    a->frame_len = m->len;
    at += m->len;
    snprintf(a->id, sizeof a->id, "%s", id);
    fill_answer(a, b, &at);
    keep_tools(a, a->memory, &at, list);
    return 0;
}

void parlance_answer_finish(struct parlance_answer *a)
{
    if (!a) return;
    free(a->memory);
    memset(a, 0, sizeof *a);
}

/* --- calls with one answer --- */

/* One message and the frame that answers it, which stays in s->read until end(s). BODY is taken. */
static int call(struct parlance_client *c, struct parlance_stream *s, const char *type, const struct head *h,
                struct map *body, const char *want, int timeout_ms, struct parlance_error *err)
{
    char drawn[PARLANCE_ID_SIZE];
    struct head named = *h;
    if (!h->id) {
        parlance_draw_id(drawn);
        named.id = drawn;
    }
    s->what = type;
    int rc = pack(c, type, &named, body, &s->frame, err);
    if (!rc) rc = check_id(named.id, err);
    if (!rc) rc = begin(c, s, named.id, timeout_ms, err);
    if (!rc) rc = ask(s, err);
    return rc ? rc : await(s, want, NULL, err);
}

int parlance_ping(struct parlance_client *c, int timeout_ms, struct parlance_pong *out,
                  struct parlance_error *err)
{
    struct parlance_stream s = {.purpose = CALL};
    struct map body;
    map_begin(&body);
    int rc = call(c, &s, "ping", &(struct head){0}, &body, "pong", timeout_ms, err);
    if (!rc && out) {
        struct bytes b = body_of(s.read);
        get_name(b, "version", out->version, sizeof out->version);
        get_name(b, "model", out->model, sizeof out->model);
        get_name(b, "model_digest", out->model_digest, sizeof out->model_digest);
        out->ready = get_uint(b, "ready") != 0;
        out->credit = (uint32_t)get_uint(b, "credit");
    }
    end(&s);
    return rc;
}

int parlance_rate(struct parlance_client *c, const struct parlance_rating *r, int timeout_ms,
                  struct parlance_rated *out, struct parlance_error *err)
{
    struct parlance_stream s = {.purpose = CALL};
    struct map body;
    map_begin(&body);
    map_text(&body, "turn", r->turn);
    map_uint(&body, "stars", r->stars);
    map_text(&body, "comment", r->comment);
    map_text(&body, "correction", r->correction);
    struct head h = {.id = r->id, .user = r->user};
    int rc = call(c, &s, "feedback.add", &h, &body, "feedback.stored", timeout_ms, err);
    if (!rc && out) {
        struct bytes b = body_of(s.read);
        out->feedback = get_uint(b, "feedback");
        out->ratings_below_3 = (uint32_t)get_uint(b, "ratings_below_3");
        out->due = get_uint(b, "due") != 0;
    }
    end(&s);
    return rc;
}

/* chat.resume and chat.cancel: the answer of ID, without its pieces. */
static int answer_to(struct parlance_client *c, const char *type, enum purpose purpose, const char *id,
                     int timeout_ms, struct parlance_answer *out, struct parlance_error *err)
{
    struct parlance_stream s = {.purpose = purpose};
    struct map body;
    map_begin(&body);
    if (purpose == RESULT) map_uint(&body, "resume_from", LAST_SEQ);
    memset(out, 0, sizeof *out);
    int rc = call(c, &s, type, &(struct head){.id = id ? id : ""}, &body, "chat.done", timeout_ms, err);
    if (!rc) rc = make_answer(out, s.id, s.read, err);
    end(&s);
    return rc;
}

int parlance_result(struct parlance_client *c, const char *id, int timeout_ms, struct parlance_answer *out,
                    struct parlance_error *err)
{
    return answer_to(c, "chat.resume", RESULT, id, timeout_ms, out, err);
}

int parlance_cancel(struct parlance_client *c, const char *id, int timeout_ms, struct parlance_answer *out,
                    struct parlance_error *err)
{
    return answer_to(c, "chat.cancel", CALL, id, timeout_ms, out, err);
}

int parlance_call(struct parlance_client *c, const char *id, const void *frame, size_t len, const char *want,
                  bool again, int timeout_ms, void **out, size_t *out_len, struct parlance_error *err)
{
    struct parlance_stream s = {.purpose = again ? CALL : ONCE, .what = "a message"};
    msgpack_sbuffer_init(&s.frame);
    int rc = check_id(id, err);
    if (!rc && msgpack_sbuffer_write(&s.frame, frame, len)) rc = no_memory(err);
    if (!rc) rc = begin(c, &s, id, timeout_ms, err);
    if (!rc) rc = ask(&s, err);
    if (!rc) rc = await(&s, want, NULL, err);
    if (!rc && !(*out = malloc(s.read->len + 1))) rc = no_memory(err);
    if (!rc) memcpy(*out, s.read->bytes, *out_len = s.read->len);
    end(&s);
    return rc;
}

/* --- questions --- */

void parlance_question_init(struct parlance_question *q, const char *text)
{
    *q = (struct parlance_question){.text = text,
                                    .temperature = NAN,
                                    .top_p = NAN,
                                    .min_p = NAN,
                                    .repetition_penalty = NAN,
                                    .presence_penalty = NAN,
                                    .frequency_penalty = NAN};
}

/* Sends Q as S. FROM: the first piece of interest. */
static int ask_question(struct parlance_client *c, struct parlance_stream *s,
                        const struct parlance_question *q, uint32_t from, int timeout_ms,
                        struct parlance_error *err)
{
    char id[PARLANCE_ID_SIZE];
    int rc = q->id ? check_id(q->id, err) : 0;
    if (rc) return rc;
    if (q->id)
        snprintf(id, sizeof id, "%s", q->id);
    else
        parlance_draw_id(id);
    s->what = "chat";
    rc = pack_question(c, q, id, from, &s->frame, err);
    if (!rc) rc = begin(c, s, id, timeout_ms, err);
    return of(s, rc ? rc : ask(s, err), err);
}

int parlance_submit(struct parlance_client *c, const struct parlance_question *q, int timeout_ms,
                    char id[PARLANCE_ID_SIZE], struct parlance_error *err)
{
    struct parlance_stream s = {.purpose = SUBMIT};
    int rc = ask_question(c, &s, q, LAST_SEQ, timeout_ms, err);
    if (!rc) rc = await(&s, "chat.accepted", "chat.done", err);
    if (!rc && id) memcpy(id, s.id, sizeof s.id);
    end(&s);
    return rc;
}

int parlance_chat(struct parlance_client *c, const struct parlance_question *q, int timeout_ms,
                  struct parlance_answer *out, struct parlance_error *err)
{
    struct parlance_stream s = {.purpose = CHAT, .next_seq = LAST_SEQ};
    memset(out, 0, sizeof *out);
    int rc = ask_question(c, &s, q, LAST_SEQ, timeout_ms, err);
    while (!rc) {
        rc = await(&s, "chat.accepted", "chat.done", err);
        if (rc || is(type_of(s.read), "chat.done")) break;
        s.accepted = true;
    }
    if (!rc) rc = make_answer(out, s.id, s.read, err);
    end(&s);
    return rc;
}

/* --- streams --- */

int parlance_stream_open(struct parlance_client *c, const struct parlance_question *q, int timeout_ms,
                         struct parlance_stream **out, struct parlance_error *err)
{
    struct parlance_stream *s = calloc(1, sizeof *s);
    if (!s) return no_memory(err);
    s->purpose = CHAT;
    int rc = ask_question(c, s, q, 0, timeout_ms, err);
    if (rc)
        parlance_stream_close(&s);
    else
        *out = s;
    return rc;
}

/* Keeps the message: its strings are lent. */
static void take_accepted(struct parlance_stream *s)
{
    struct message *m = s->read;
    struct item session = get(body_of(m), "session", TEXT);
    s->accepted = true;
    if (s->accepted_by) return;
    s->acceptance.seed = get_uint(body_of(m), "seed");
    s->acceptance.credit = (uint32_t)get_uint(body_of(m), "credit");
    s->acceptance.session = session.text ? (const char *)session.text : "";
    if (session.text) ((char *)session.text)[session.n] = 0; /* the last that is read of it */
    s->accepted_by = m;
    s->read = NULL;
}

/* 1 when OUT is the next piece. */
static int take_delta(struct parlance_stream *s, struct parlance_delta *out)
{
    struct bytes b = body_of(s->read);
    struct item kind = get(b, "kind", TEXT), text = get(b, "text", TEXT);
    uint32_t seq = (uint32_t)get_uint(b, "seq");
    if (seq < s->next_seq) return 0;
    if (seq > s->next_seq) {              /* a gap */
        if (!s->gap_asked) s->ask_ms = 0; /* once: what follows the gap shows it again with each piece */
        s->gap_asked = true;
        return 0;
    }
    out->seq = seq;
    out->kind = is(kind, "answer") ? PARLANCE_ANSWER : is(kind, "tool") ? PARLANCE_TOOL : PARLANCE_REASONING;
    out->text = text.text ? (const char *)text.text : "";
    out->text_len = text.n;
    if (text.text) ((char *)text.text)[text.n] = 0; /* the last that is read of the message */
    s->answer_bytes += out->kind == PARLANCE_ANSWER ? text.n : 0;
    s->reasoning_bytes += out->kind == PARLANCE_REASONING ? text.n : 0;
    s->next_seq++;
    s->accepted = true; /* only what is on disk has pieces */
    s->tries = 0;
    s->gap_asked = false;
    s->silence_ms = SILENCE_MS;
    return 1;
}

/* chat.done is here. False when pieces are missing: they are asked for. */
static bool is_whole(struct parlance_stream *s)
{
    struct bytes b = body_of(s->read);
    bool whole =
        s->answer_bytes == get(b, "text", TEXT).n && s->reasoning_bytes == get(b, "reasoning", TEXT).n;
    if (whole || s->tries >= TRIES_MAX) return true;
    s->tries++;
    s->accepted = true;
    s->ask_ms = 0;
    return false;
}

/* What is in s->read: 1 a piece, 0 nothing for the caller, negative the end by an error. */
static int take_message(struct parlance_stream *s, struct parlance_delta *out, struct parlance_error *err)
{
    struct item t = type_of(s->read);
    if (is(t, "chat.delta")) return take_delta(s, out);
    if (is(t, "chat.accepted")) take_accepted(s);
    if (is(t, "chat.error")) return refused(s, err);
    if (!is(t, "chat.done") || !is_whole(s)) return 0;
    s->over = true;
    return make_answer(&s->answer, s->id, s->read, err);
}

int parlance_stream_next(struct parlance_stream *s, struct parlance_delta *out, struct parlance_error *err)
{
    int rc = 0;
    while (!s->over && rc == 0) {
        rc = next_message(s, err);
        if (rc == PARLANCE_INTERRUPTED) return of(s, rc, err);
        if (!rc) rc = take_message(s, out, err);
        if (rc < 0) s->over = true;
    }
    return of(s, rc, err);
}

int parlance_stream_await(struct parlance_stream *s, struct parlance_error *err)
{
    int rc = 0;
    while (!rc && !s->over && !s->accepted && !s->first) {
        rc = next_message(s, err);
        if (rc == PARLANCE_INTERRUPTED) rc = 0;
        if (rc || !s->read) continue;
        if (is(type_of(s->read), "chat.accepted"))
            take_accepted(s);
        else
            put_back(s);
    }
    return of(s, rc, err);
}

int parlance_stream_cancel(struct parlance_stream *s, struct parlance_error *err)
{
    return s->over ? 0 : of(s, send_word(s, "chat.cancel", 0, err), err);
}

const char *parlance_stream_id(const struct parlance_stream *s)
{
    return s->id;
}

const struct parlance_accepted *parlance_stream_accepted(const struct parlance_stream *s)
{
    return s->accepted_by ? &s->acceptance : NULL;
}

const struct parlance_answer *parlance_stream_answer(const struct parlance_stream *s)
{
    return s->answer.memory ? &s->answer : NULL;
}

void parlance_stream_close(struct parlance_stream **stream)
{
    struct parlance_stream *s = stream ? *stream : NULL;
    if (!s) return;
    end(s);
    free(s->accepted_by);
    parlance_answer_finish(&s->answer);
    free(s);
    *stream = NULL;
}
