/* parlance.h - a client of the Parlance chat service in C and C++: one header, one source, libzmq, msgpack-c
 * and jansson.
 *
 *     cc -o hello hello.c parlance.c -lzmq -lmsgpackc -ljansson
 *
 * A client is one connection. One thread at a time may use it and what came from it; make one for each
 * thread. No thread of its own calls you. Creating one does not block and does not fail because nobody
 * listens: the first call that needs an answer tells. Destroying one waits for nothing.
 *
 * Every call ends in its time, measured on the monotonic clock. In that time it survives what happens to the
 * other side: when the connection breaks, or the service or its edge dies and comes back, the call asks again
 * with the same id and goes on at the piece that is missing, so that nothing is generated twice and each
 * delta comes once, in order. Its memory is bounded: a message of the service has at most 16 MiB, and of each
 * open stream at most 4 MiB wait to be read; what does not fit is asked for again.
 *
 * Functions return 0 or a negative number; then ERR (which may be NULL) says more. Strings that are given to
 * a call are borrowed for that call, UTF-8, and end with a NUL; NULL means "not said". */
#ifndef PARLANCE_H
#define PARLANCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

enum {
    PARLANCE_FAILED = -1,  /* the service or this library refused: see the error */
    PARLANCE_TIMEOUT = -2, /* no answer in time; what was accepted goes on, and parlance_result brings it */
    PARLANCE_INTERRUPTED = -3 /* a signal came (parlance_stream_next only): nothing is lost, call again */
};
enum { PARLANCE_ID_SIZE = 65 };

struct parlance_error {
    char code[33];             /* of the list in docs/protocol.md: "overloaded", "deadline_exceeded" */
    char field[65];            /* at fault, such as "temperature"; may be empty */
    char message[513];         /* a sentence */
    int64_t retry_after_ms;    /* -1: not said */
    char id[PARLANCE_ID_SIZE]; /* of the request; may be empty */
};

struct parlance_opts {
    const char *endpoint;  /* NULL: tcp://127.0.0.1:5580 */
    const char *keys_file; /* as `parlance keys new --out FILE` writes it; NULL: no keys, no encryption */
    const char *tenant;    /* for whom a key speaks that may act for others; NULL: its own */
    bool retry_overloaded; /* a refusal for lack of room (overloaded, unavailable) is waited out, by its
                              retry_after_ms give or take a fifth, and asked again until the time is over;
                              false: it is an error of the call */
};

struct parlance_client;
/* *OUT is given. Fails with code invalid and field endpoint, keys_file or tenant. */
int parlance_client_create(const struct parlance_opts *opts, struct parlance_client **out,
                           struct parlance_error *err);
/* Close its streams first. Waits for nothing. NULL is allowed; *CLIENT becomes NULL. */
void parlance_client_destroy(struct parlance_client **client);

/* A UUIDv7 (RFC 9562): what a request gets that names no id. */
void parlance_draw_id(char out[PARLANCE_ID_SIZE]);

/* --- what is asked --- */

struct parlance_message {
    const char *role; /* "system", "user", "assistant" */
    const char *content;
};

/* Begin with parlance_question_init. What is left as that set it is the service's default. */
struct parlance_question {
    const char *text;                        /* this, or messages */
    const struct parlance_message *messages; /* n_messages of them */
    size_t n_messages;
    const char *system;       /* of a session that begins here */
    const char *const *tools; /* names; none: off */
    size_t n_tools;
    const char *const *stop; /* texts that end the answer */
    size_t n_stop;
    const char *id;      /* 1 to 64 bytes; NULL: drawn */
    const char *session; /* NULL: a new one */
    const char *user;
    const char *trace;                /* W3C traceparent */
    uint64_t budget_ms;               /* after which the service stops; 0: none */
    uint32_t max_tokens;              /* 0: default */
    uint32_t top_k;                   /* 0: off */
    double temperature, top_p, min_p; /* NAN: default; temperature 0 is greedy */
    double repetition_penalty, presence_penalty, frequency_penalty; /* NAN: default */
    bool has_seed;
    uint64_t seed;
};
void parlance_question_init(struct parlance_question *q, const char *text);

/* --- what is answered --- */

struct parlance_tool_call {
    const char *tool, *arguments, *result, *code;
};

/* All of it lives until parlance_answer_finish. Strings end with a NUL; absent ones are empty. */
struct parlance_answer {
    char id[PARLANCE_ID_SIZE];
    const char *text;
    size_t text_len;
    const char *reasoning;
    size_t reasoning_len;
    const char *turn; /* what parlance_rate takes */
    const char *session;
    const char *finish_reason; /* stop, length, cancelled, deadline, error */
    const char *error;         /* with finish_reason error: the code */
    const char *model_digest, *template_digest, *adapter_digest;
    uint32_t prompt_tokens, cached_tokens, completion_tokens;
    uint32_t dropped_turns;
    uint64_t seed;
    const struct parlance_tool_call *tools;
    size_t n_tools;
    const void *frame; /* the message as it came, for fields that this struct lacks */
    size_t frame_len;
    void *memory;
};
void parlance_answer_finish(struct parlance_answer *a);

/* --- calls; TIMEOUT_MS bounds each, -1: none --- */

/* With TIMEOUT_MS -1 a call still fails, code gone, when there was no connection for 30 s. A chat, stream or
 * submit is given up as PARLANCE_TIMEOUT already after 10 s in which nobody at all was heard at the endpoint.
 */

struct parlance_pong {
    char version[33], model[129], model_digest[65];
    bool ready; /* requests are answered */
    uint32_t credit;
};
int parlance_ping(struct parlance_client *c, int timeout_ms, struct parlance_pong *out,
                  struct parlance_error *err);

/* Asks and waits for the whole answer, which is given in OUT. */
int parlance_chat(struct parlance_client *c, const struct parlance_question *q, int timeout_ms,
                  struct parlance_answer *out, struct parlance_error *err);

/* Asks, and returns once the request is on the service's disk: from then on it will be answered, also after
 * a crash. ID (may be NULL) gets its id. */
int parlance_submit(struct parlance_client *c, const struct parlance_question *q, int timeout_ms,
                    char id[PARLANCE_ID_SIZE], struct parlance_error *err);

/* The answer to an accepted request: the stored one, or the running one when it is done. Code not_found when
 * the service does not know the id. Refusals for lack of room are waited out. */
int parlance_result(struct parlance_client *c, const char *id, int timeout_ms, struct parlance_answer *out,
                    struct parlance_error *err);

/* Stops an answer, and gives what there is of it. */
int parlance_cancel(struct parlance_client *c, const char *id, int timeout_ms, struct parlance_answer *out,
                    struct parlance_error *err);

struct parlance_rating {
    const char *turn;
    uint32_t stars; /* 1 to 5 */
    const char *id, *user, *comment, *correction;
};
struct parlance_rated {
    uint64_t feedback; /* number in the log */
    uint32_t ratings_below_3;
    bool due; /* a retraining */
};
/* Returns once the rating is on the service's disk. OUT may be NULL. */
int parlance_rate(struct parlance_client *c, const struct parlance_rating *r, int timeout_ms,
                  struct parlance_rated *out, struct parlance_error *err);

/* --- streams: a client may have many open --- */

enum parlance_kind { PARLANCE_ANSWER, PARLANCE_REASONING, PARLANCE_TOOL };
struct parlance_delta {
    uint32_t seq; /* counts from 0 without gaps */
    enum parlance_kind kind;
    const char *text; /* until the next call on the stream */
    size_t text_len;
};
struct parlance_accepted {
    const char *session; /* lives with the stream */
    uint64_t seed;
    uint32_t credit;
};
struct parlance_stream;

/* Asks. TIMEOUT_MS bounds the whole stream. *OUT is given. */
int parlance_stream_open(struct parlance_client *c, const struct parlance_question *q, int timeout_ms,
                         struct parlance_stream **out, struct parlance_error *err);
/* 1: OUT is the next piece. 0: the answer is complete, see parlance_stream_answer. Negative: it failed. */
int parlance_stream_next(struct parlance_stream *s, struct parlance_delta *out, struct parlance_error *err);
/* Waits until the request is on the service's disk, or something of its answer is here. 0, or as
 * parlance_chat. */
int parlance_stream_await(struct parlance_stream *s, struct parlance_error *err);
/* Asks the service to stop; the stream then ends by itself. */
int parlance_stream_cancel(struct parlance_stream *s, struct parlance_error *err);
const char *parlance_stream_id(const struct parlance_stream *s);
const struct parlance_accepted *parlance_stream_accepted(const struct parlance_stream *s); /* NULL: not yet */
/* Lent until the stream is closed; NULL before its end. */
const struct parlance_answer *parlance_stream_answer(const struct parlance_stream *s);
/* Reads no more. The service goes on; parlance_result brings the answer. *STREAM becomes NULL. */
void parlance_stream_close(struct parlance_stream **stream);

/* --- messages that have no call of their own --- */

/* Sends FRAME, an envelope whose id is ID, and gives the first frame of type WANT that answers it: malloc'd,
 * the caller's. chat.error becomes an error. AGAIN: the message may come twice, and is sent again like all
 * others; else the call fails with code gone when the connection breaks, and nobody can tell whether it was
 * done. */
int parlance_call(struct parlance_client *c, const char *id, const void *frame, size_t len, const char *want,
                  bool again, int timeout_ms, void **out, size_t *out_len, struct parlance_error *err);

#ifdef __cplusplus
}
#endif
#endif
