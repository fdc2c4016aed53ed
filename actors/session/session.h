/* session.h - inside of the session actor: what its files share. Not for others.
 *
 * A request (one chat.request until its answer is stored) goes through
 *
 *   LOOKUP -> ACCEPTING -> WAITING -> GENERATING <-> CALLING, JOURNALING -> COMMITTING -> gone
 *      |          |           |            |
 *      +-> refused+           +- cancelled, deadline: committed without a turn
 *
 * LOOKUP reads the id's record and the session's head; ACCEPTING writes the promise (chat.accepted follows
 * the fsync); WAITING stands in its dialogue's line; GENERATING runs a round in the batcher; CALLING waits
 * for tools; COMMITTING writes the turn, the head, the answer and the end of the promise in one batch
 * (chat.done follows the fsync).
 *
 * 1. Between two handlers a request has at most one store operation under way, and is freed only when it has
 * none.
 * 2. A dialogue has at most one request past WAITING: turns of a session never overlap and keep their order.
 * 3. A request in WAITING or later is on disk in `pending` until the batch that holds its answer.
 * 4. Deltas are numbered from 0 and depend on the sampled ids only: a subscriber that joins late, or after a
 * crash, gets the same pieces.
 * 5. Nothing is sent to a subscriber after chat.done or chat.error. */
#ifndef PL_ACTORS_SESSION_SESSION_H
#define PL_ACTORS_SESSION_SESSION_H

#include "actors/actors.h"
#include "actors/keys.h"
#include "actors/map.h"
#include "actors/session/account.h"
#include "actors/session/round.h"
#include "schemas/gen/admin.h"
#include "schemas/gen/chat.h"
#include "schemas/gen/generate.h"
#include "schemas/gen/records.h"
#include "schemas/gen/runtime.h"
#include "schemas/gen/types.h"

enum {
    PL_TOOL_ROUNDS_MAX = 4,
    PL_TOOL_RECORDS_MAX = PL_TOOL_ROUNDS_MAX * PL_TOOL_CALLS_MAX,
    PL_SESSION_RETRY_MS = 1000,
    PL_STASH_MAX = 4096,
    PL_LOOKUPS_SPARE = 64,      /* looked up at once beyond the credit: to find ids that are known */
    PL_SUBSCRIBERS_MAX = 16,    /* of one request: each is sent each piece */
    PL_SESSION_ROOM_KEPT = 2048 /* of the frontdoor's mailbox: for the answers that are being made */
};

enum pl_session_timer {
    PL_SESSION_TIMER_DEADLINE = 1,
    PL_SESSION_TIMER_COMMIT,
    PL_SESSION_TIMER_RECOVER,
    PL_SESSION_TIMER_RESUBMIT,
    PL_SESSION_TIMER_LOAD,
    PL_SESSION_TIMER_PROMISE,
    PL_SESSION_TIMER_JOURNAL,
    PL_SESSION_TIMER_TOOLS
};
enum request_state {
    REQ_LOOKUP,
    REQ_ACCEPTING,
    REQ_WAITING,
    REQ_GENERATING,
    REQ_CALLING,
    REQ_JOURNALING,
    REQ_COMMITTING
};

/* Somebody who wants the answer: the message that asked, to which replies go. */
struct subscriber {
    struct subscriber *next;
    struct pl_msg *asked;
    uint32_t from; /* first seq of interest */
};

struct dialogue {
    struct pl_str tenant, session; /* in head's arena */
    struct pl_bin key;             /* of the head, in its arena */
    struct pl_str hidden;          /* the session's part of it */
    struct pl_msg *head;           /* body: rec.session */
    bool stored;                   /* the head is on disk */
    bool loaded;                   /* turns[] holds all kept turns */
    bool loading, deleting;
    struct pl_msg **turns; /* bodies: rec.turn; number first_kept + i */
    uint32_t n_turns, turns_capacity;
    struct request *first, *last; /* accepted and not yet committed, in order */
    uint32_t users;               /* requests that point here */
    uint64_t used_ms;
};

struct request {
    enum request_state state;
    uint64_t number;       /* unique in the actor's life: what timers name */
    struct pl_msg *asked;  /* body: chat.request; also after a crash, made from the record */
    struct pl_msg *record; /* body: rec.request; its arena holds names and key */
    struct pl_bin key;     /* in `requests` */
    struct pl_str tenant, id;
    struct dialogue *dialogue;
    struct pl_account *account; /* of its tenant; NULL: there are too many */
    bool billed;                /* its tokens are counted */
    uint64_t wait_ms;           /* after which a refused one may come again; 0: the usual */
    struct request *next;       /* in the dialogue's line */
    struct subscriber *subscribers;
    struct pl_span queue_span; /* until it is generated for the first time */
    uint64_t deadline_ms, deadline_timer;
    uint64_t tools_timer; /* how long it waits for its tools' descriptions */
    bool tools_waived;    /* it waited long enough */
    bool cancelled, recovered;
    bool as_turn;  /* COMMITTING: the answer becomes a turn */
    bool in_line;  /* stands in its dialogue's line */
    bool in_doubt; /* ACCEPTING: its promise may be on disk though the write failed */

    /* the answer so far */
    struct pl_msg
        *answer; /* body: rec.turn under construction; its arena holds deltas, tool records, lists */
    struct pl_stored_delta *deltas;
    uint32_t n_deltas, deltas_capacity;
    struct pl_buf text, reasoning;
    struct pl_ids prompt, after, stored; /* of the first round; ids after it as fed; as stored (no hint) */
    uint64_t *hashes;
    uint32_t n_hashes, hashes_capacity;
    uint32_t sampled; /* ids sampled in all rounds */
    bool ended;       /* the last stored id is an end token */
    struct pl_tool_record tools[PL_TOOL_RECORDS_MAX];
    uint32_t n_tools;
    bool hinted;
    uint32_t dropped;

    /* the round */
    uint64_t gen;
    uint32_t rounds; /* tool rounds done */
    struct pl_round round;
    bool round_open;
    struct pl_str repeats[PL_TOOL_RECORDS_MAX];
    uint32_t n_repeats;
    struct pl_ids round_ids; /* sampled in this round */
    uint32_t calls_done;
    uint64_t call;             /* number of the first tool.call of this round */
    uint32_t call_tool;        /* its index in tools[] */
    size_t before_results;     /* of after: where the last results begin */
    bool ended_before_results; /* the id before them is an end token */
    size_t tail;               /* of prompt: where this turn's own messages begin */
    struct pl_usage usage;
    enum pl_chat_done_finish_reason finish;
    int error;
};

/* A user that is being forgotten (forget.c). */
struct forgetting {
    struct forgetting *next;
    struct pl_msg *asked; /* body: sessions.forget */
    uint64_t number;
    bool ending, destroying, found;
    uint32_t cancelled;
};

struct session {
    const struct pl_session_opts *opts;
    struct forgetting *forgetting;
    struct pl_map requests;  /* tenant 0 id -> struct request */
    struct pl_map dialogues; /* tenant 0 session -> struct dialogue */
    struct pl_map numbers;   /* u64 -> struct request */
    struct pl_map gens;      /* u64 -> struct request */
    struct pl_map calls;     /* u64 -> struct request */
    struct pl_map ops;       /* u64 -> struct store_op */
    uint64_t next_number, next_token, next_gen, next_call, next_accepted;
    uint32_t unfinished; /* accepted and not answered */
    struct pl_accounts accounts;
    bool recovered;
    bool batcher_seen;
    struct pl_msg **stash; /* messages that came before recovery was done */
    uint32_t n_stash, stash_capacity;
    struct pl_msg *tools; /* body: tool.described */
    struct pl_counter *accepted_total, *replayed_total, *finished_total[8];
    struct pl_gauge *sessions_cached, *unfinished_gauge;
};

/* A store request under way. DONE gets the reply (store.written, values, rows) or NULL and a code. */
struct store_op;
typedef int (*store_done)(struct pl_actor *self, struct session *s, struct store_op *op,
                          const struct pl_msg *reply, int code);
typedef int (*audit_then)(struct pl_actor *self, struct session *s, const struct pl_msg *asked);
struct store_op {
    store_done done;
    audit_then then; /* of audit.c */
    struct request *request;
    struct dialogue *dialogue;
    struct pl_msg *asked; /* reference */
    uint64_t number;
    uint32_t count;
    char note[512];
};

/* session.c */
/* Sends M (store.write, get or scan, audit.add; its token is filled in) and runs OP->done with the reply. OP
 * is copied.
 */
int pl__session_store(struct pl_actor *self, struct session *s, struct pl_msg **m, const struct store_op *op);
/* Key in `meta` of the newest accepted_seq. */
struct pl_bin pl__session_counter_key(struct pl_msg *m);
/* Requests that may come now without a refusal: of all tenants, and of A's. */
uint32_t pl__session_credit(const struct session *s, const struct pl_account *a);
/* Answers ASKED with chat.error. FIELD may be NULL. */
int pl__session_refuse(struct pl_actor *self, const struct pl_msg *asked, int code, const char *field,
                       const char *text);
/* Refuses with ERR's code, field and sentence. */
int pl__session_refuse_err(struct pl_actor *self, const struct pl_msg *asked, const struct pl_err *err);
/* The same with retry_after_ms; 0: the usual one, where the code has any. */
int pl__session_refuse_until(struct pl_actor *self, const struct pl_msg *asked, const struct pl_err *err,
                             uint64_t wait_ms);

/* audit.c */
/* Records that ACT is about to be done, and does it: THEN runs once the line is on disk; else ASKED is
 * refused. */
int pl__audit_before(struct pl_actor *self, struct session *s, const struct pl_msg *asked, const char *act,
                     audit_then then);
/* Records how it ended; CODE 0: done. Nobody waits for it. */
int pl__audit_after(struct pl_actor *self, struct session *s, const struct pl_msg *asked, const char *act,
                    int code);

/* request.c */
int pl__request_ask(struct pl_actor *self, struct session *s, const struct pl_msg *m);
int pl__request_attach(struct pl_actor *self, struct session *s, const struct pl_msg *m,
                       uint32_t from); /* resume */
/* The frontdoor began anew: who listened through it is gone, and asks again. */
void pl__request_forget_subscribers(struct request *r);
int pl__request_cancel(struct pl_actor *self, struct session *s, const struct pl_msg *m);
/* Takes up a promise that is on disk; one that is known already is left alone. *OUT (may be NULL) gets it. */
int pl__request_recover(struct pl_actor *self, struct session *s, const struct pl_rec_request *record,
                        struct request **out);
int pl__request_delta(struct pl_actor *self, struct request *r, enum pl_chat_delta_kind kind,
                      struct pl_str text);
/* Whether a string of R or of its dialogue is missing for want of memory: nothing of it may be written or said. */
bool pl__request_lacks(const struct request *r);
/* Makes OP's value one of the session's owner and of the user who asked: it is forgotten with either. */
void pl__request_own(struct pl_msg *m, const struct request *r, struct pl_store_op *op);
/* Key in `requests`, in M's arena; {NULL,0} when out of memory. */
struct pl_bin pl__request_key(const struct session *s, struct pl_msg *m, struct pl_str tenant,
                              struct pl_str id);
/* Writes R's promise; again when the store began anew in between. */
int pl__request_promise(struct pl_actor *self, struct session *s, struct request *r);
/* Key in `meta` of what the tenant of R used today. */
struct pl_bin pl__request_account_key(struct pl_msg *m, const struct request *r);
/* Whether the tokens of R's tenant have to be read before they can be written, and that reading: DONE gets
 * the reply, which pl__request_account_read takes. */
bool pl__request_account_unread(const struct request *r);
int pl__request_read_account(struct pl_actor *self, struct session *s, struct request *r, store_done done);
int pl__request_account_read(struct request *r, const struct pl_msg *reply);
/* Ends R with what was said so far, at once or as soon as its round is over. */
int pl__request_end(struct pl_actor *self, struct session *s, struct request *r,
                    enum pl_chat_done_finish_reason why);
int pl__request_deadline(struct pl_actor *self, struct session *s, struct request *r);
/* Ends R for its subscribers with chat.error, and frees it. */
void pl__request_refused(struct pl_actor *self, struct session *s, struct request *r,
                         const struct pl_err *err);
/* Sends chat.done to all subscribers and frees R, taking it out of its dialogue's line. */
int pl__request_done(struct pl_actor *self, struct session *s, struct request *r,
                     const struct pl_chat_done *done);
/* Fills the head of a session that R begins: its user and system prompt. */
void pl__request_begin_head(struct pl_actor *self, struct request *r);
void pl__request_free(struct pl_actor *self, struct session *s, struct request *r);

/* dialogue.c */
struct dialogue *pl__dialogue_get(struct pl_actor *self, struct session *s, struct pl_str tenant,
                                  struct pl_str name);
void pl__dialogue_free(struct session *s, struct dialogue *d);
void pl__dialogue_trim(struct session *s, struct dialogue *keep); /* forgets idle ones over the limit */
/* Starts the line's first request when nothing of the dialogue runs; loads its turns first. */
int pl__dialogue_next(struct pl_actor *self, struct session *s, struct dialogue *d);
int pl__dialogue_add_turn(struct dialogue *d, struct pl_msg **record); /* takes */
/* Ids of the prompt for R after the kept turns, dropping oldest turns until it fits. Sets r->dropped and
 * *TAIL: index in OUT where R's own messages begin. -PL_E_CONTEXT_LENGTH_EXCEEDED. */
int pl__dialogue_prompt(struct session *s, struct dialogue *d, struct request *r, struct pl_ids *out,
                        size_t *tail, struct pl_err *err);
/* Checks that R's messages alone, with system prompt and tools, fit. */
int pl__dialogue_fits(struct session *s, struct dialogue *d, struct request *r, struct pl_err *err);
/* The request's messages as given or made from its text, in M's arena. */
int pl__dialogue_messages(struct pl_msg *m, const struct pl_chat_request *q,
                          struct pl_chat_message_part **out, uint32_t *n);

/* answer.c */
int pl__answer_begin(struct pl_actor *self, struct session *s, struct request *r);
int pl__answer_tokens(struct pl_actor *self, struct session *s, const struct pl_gen_tokens *t);
int pl__answer_round_done(struct pl_actor *self, struct session *s, const struct pl_gen_done *d);
int pl__answer_tool_result(struct pl_actor *self, struct session *s, uint64_t call, int code,
                           struct pl_str content);
/* Writes the results of R's tool calls to its promise; then they go into the prompt. */
int pl__answer_journal(struct pl_actor *self, struct session *s, struct request *r);
/* Submits the round again (the batcher began anew). */
int pl__answer_resubmit(struct pl_actor *self, struct session *s, struct request *r);
/* The batcher has no round of R any more. */
void pl__answer_leave_batcher(struct session *s, struct request *r);
/* Stores the answer as it stands. WITH_TURN: it becomes a turn of the dialogue. */
int pl__answer_commit(struct pl_actor *self, struct session *s, struct request *r, bool with_turn);

/* forget.c */
int pl__forget_ask(struct pl_actor *self, struct session *s, const struct pl_msg *m);
/* After each handler: what waits for requests to end goes on. */
int pl__forget_go_on(struct pl_actor *self, struct session *s);
/* True while the user of R is being forgotten. */
bool pl__forget_blocks(const struct session *s, const struct request *r);
void pl__forget_stop(struct session *s);

/* listing.c */
int pl__listing_list(struct pl_actor *self, struct session *s, const struct pl_msg *m);
int pl__listing_show(struct pl_actor *self, struct session *s, const struct pl_msg *m);
int pl__listing_delete(struct pl_actor *self, struct session *s, const struct pl_msg *m);

#endif
