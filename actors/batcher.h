/* batcher.h - inside of the batcher: what its files share. Not for others.
 *
 * A generation (one gen.submit until its gen.done) goes through
 *
 *              admitted: slot and pages for all its known ids           first id drawn
 *   WAITING ---------------------------------------------> PREFILLING ----------------> DECODING
 *     ^  |                                                   |   |                       |   |
 *     |  +--- cancelled, deadline                            |   +-- cancelled, error... +---+--> gen.done
 *     +------ pre-empted, or the executor was lost ----------+---------------------------+
 *
 * 1. Both lists are in order of arrival, and every running generation is older than every waiting one.
 * 2. A running generation has a slot and holds pages for all its known ids but, when decoding, the newest.
 * 3. n_ran positions of its pages are known to be in the executor; n_ran < n_ids.
 * 4. At most one step is under way. Slots and pages that are freed meanwhile are used by later steps only.
 * 5. Pages and slots belong to one incarnation of the executor: another one begins with none, and every
 * running generation waits again, with the ids that it has. */
#ifndef PL_ACTORS_BATCHER_H
#define PL_ACTORS_BATCHER_H

#include "actors/actors.h"
#include "actors/pages.h"
#include "schemas/gen/generate.h"
#include "schemas/gen/runtime.h"

enum { PL_STEP_SEQS_MAX = 1024 }; /* of exec.step */

struct pl_gen {
    struct pl_gen *prev, *next;
    char client[65]; /* who gets the answer */
    uint64_t gen;
    uint64_t submitted_ms, deadline_ms;
    char trace[65];                   /* of its submission */
    struct pl_span prefill, decode;
    uint64_t began_ms, token_ms;      /* of its first step (0: none yet), of its newest token */
    struct pl_exec_open sampling;     /* parameters; slot and ids are set when it is opened */
    uint32_t *ids;                    /* [n_most] prompt, then what was drawn */
    uint32_t n_ids, n_prompt, n_most; /* n_most: ids at which it ends with reason length */
    uint32_t n_proven;                /* so many positions have run without fault, by any executor */
    uint32_t refused, lost;           /* its steps beyond them that ended so */
    bool admitted;                    /* has run before; cached_tokens is set */
    uint32_t cached_tokens;

    /* While it runs. */
    uint32_t slot;
    bool opened, decoding;
    uint32_t n_ran;
    uint32_t rows; /* of the step under way; 0: not in it */
    bool draws;
    const struct pl_exec_result *result; /* while exec.stepped is taken */
    struct pl_page_table table;
};

struct pl_gen_list {
    struct pl_gen *first, *last;
    uint32_t count;
};
void pl__gens_push(struct pl_gen_list *l, struct pl_gen *g);    /* at the end */
void pl__gens_unshift(struct pl_gen_list *l, struct pl_gen *g); /* at the front */
void pl__gens_remove(struct pl_gen_list *l, struct pl_gen *g);
struct pl_gen *pl__gens_find(const struct pl_gen_list *l, struct pl_str client, uint64_t gen);
/* A generation of what S asks, of at most CTX_SIZE ids in all; in no list. NULL when out of memory. */
struct pl_gen *pl__gen_create(const struct pl_gen_submit *s, uint32_t ctx_size);
void pl__gen_destroy(struct pl_gen **g);

/* The plan of steps. */
struct pl_schedule {
    struct pl_gen_list waiting, running;
    uint32_t prefill_chunk;
    /* Of the executor's present incarnation. */
    uint32_t max_rows;
    struct pl_pages *pages; /* NULL: no executor */
    uint32_t n_slots;
    struct pl_gen *slots[PL_STEP_SEQS_MAX];
    bool closing[PL_STEP_SEQS_MAX]; /* ended since the last step */
    /* Of the step that was planned last. */
    struct pl_page_copy copies[PL_STEP_SEQS_MAX];
    uint32_t n_copies, n_seqs, decode_rows, prefill_rows;
    /* Since they were last read. */
    uint32_t preempted, prompt_tokens, cached_tokens;
};
/* Chooses the next step: rows and draws of each running generation. Returns how many are in it. */
uint32_t pl__schedule_plan(struct pl_schedule *s);
/* Writes what was planned; only once a plan. 0 or -PL_E_NO_MEMORY. */
int pl__schedule_write(struct pl_schedule *s, struct pl_msg *m, struct pl_exec_step *step);
/* Takes a running generation out of its slot; its pages stay cached when KEEP. It is in no list then. */
void pl__schedule_release(struct pl_schedule *s, struct pl_gen *g, bool keep);
/* A new executor of SLOTS and PAGES, all empty. Nothing may be running. 0 or -PL_E_NO_MEMORY. */
int pl__schedule_ready(struct pl_schedule *s, const struct pl_exec_ready *ready, uint32_t max_seqs);
/* The executor is gone: all that ran waits again, in order. */
void pl__schedule_lost(struct pl_schedule *s);

#endif
