/* round.h - one round of an answer: sampled ids go in, pieces of text come out.
 *
 * ids -> bytes -> whole UTF-8 characters -> reasoning or answer -> stop strings -> tool calls -> repeats ->
 * pieces
 *
 * Each stage passes on what is certain and holds back what may still become a mark, a stop string, a tool
 * call or a repetition. What comes out depends on the ids alone, never on how they were grouped, so that an
 * answer that is generated again after a crash is cut into the same deltas. Pure: no actor, no clock. One
 * thread. */
#ifndef PL_ACTORS_SESSION_ROUND_H
#define PL_ACTORS_SESSION_ROUND_H

#include "actors/actors.h"
#include "actors/tool_calls.h"
#include "schemas/gen/chat.h"

/* A text that this round must not merely repeat: the result of an earlier tool call. Lent for the round's
 * life. */
struct pl_round_opts {
    const struct pl_model_text *model;
    const struct pl_str *stop; /* stop strings */
    uint32_t stop_count;
    const struct pl_str
        *tools; /* names of the tools that may be called; none: text is never taken for a call */
    uint32_t tools_count;
    const struct pl_str *repeats;
    uint32_t repeats_count;
};

enum pl_round_phase { PL_ROUND_MAYBE_REASONING, PL_ROUND_REASONING, PL_ROUND_ANSWER };

struct pl_round {
    struct pl_round_opts o;
    enum pl_round_phase phase;
    bool stopped;                            /* a stop string came */
    bool diverged;                           /* the answer is no mere repetition */
    struct pl_buf bytes, mark, stop, repeat; /* what each stage holds back */
    struct pl_tool_stream calls;             /* used only with tools; holds the calls found, until finish */
    struct pl_buf answer, reasoning; /* pieces that became certain; the caller takes and clears them */
    struct pl_buf rest; /* after pl_round_end: the answer's held tail; the caller emits or drops it */
    bool emitted;       /* answer text has come out in this round */
};

int pl_round_init(struct pl_round *r, const struct pl_round_opts *o);
/* Feeds one id. Afterwards r->reasoning and r->answer hold what became certain. Once r->stopped, ids are
 * ignored. */
int pl_round_id(struct pl_round *r, uint32_t id);
/* No more ids: r->calls.calls are the tool calls found, r->rest is what is left of the answer. */
int pl_round_end(struct pl_round *r);
/* True when nothing was emitted and the rest is empty or only repeats one of o.repeats. After pl_round_end.
 */
bool pl_round_only_repeats(const struct pl_round *r);
/* True when the only argument of C is TEXT: a call on a result alone says that result again. */
bool pl_round_call_holds_only(const struct pl_found_call *c, struct pl_str text);
void pl_round_finish(struct pl_round *r);

#endif
