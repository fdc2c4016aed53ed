/* engine.h - a model that can take steps: the two nouns that the rest of Parlance sees of the kernels.
 *
 * pl_model is the file: weights in the backend's layout, hyper-parameters, digest. pl_engine is a model at work: the
 * paged KV cache, the worker threads, the scratch memory and the slots, one for each running sequence.
 *
 * Dimension letters, used in all of kernels/: T token rows of a step, S sequences of a step, D model width,
 * H query heads, G key-value heads, E head width, F feed-forward width, V vocabulary, L layers, P positions a page (64).
 *
 * One thread calls an engine; it uses its own workers inside. Nothing here logs or exits. */
#ifndef PL_KERNELS_ENGINE_H
#define PL_KERNELS_ENGINE_H

#include <stdbool.h>
#include <stdint.h>
#include "kernels/sample.h"
#include "schemas/err.h"

enum { PL_PAGE_TOKENS = 64 }; /* positions in a KV page = the run length of the online softmax (X32, rule 7) */

enum pl_isa { PL_ISA_AUTO = 0, PL_ISA_PORTABLE, PL_ISA_AVX2, PL_ISA_AVX512, PL_ISA_AMX };
/* Name as in --isa ("portable", ...). */
const char *pl_isa_name(enum pl_isa isa);
/* Parses a name; PL_ISA_AUTO for "auto"; -1 when unknown. */
int pl_isa_parse(const char *name);
/* The best instruction set that this machine has (CPUID and XCR0). */
enum pl_isa pl_isa_best(void);
/* True when this machine can run ISA. */
bool pl_isa_available(enum pl_isa isa);

struct pl_model;
struct pl_model_info {
    char architecture[32]; /* "llama", "qwen2", "hash" */
    char name[128];        /* general.name, may be empty */
    char digest[65];       /* SHA-256 of the file, hex */
    uint32_t n_vocab, n_ctx_train, n_layers, n_embd, n_heads, n_kv_heads, head_dim, n_ff;
    float rope_theta, norm_eps;
    uint64_t n_params, weight_bytes;
};

/* Opens a GGUF model of architecture llama or qwen2. On success *OUT is given. -PL_E_NOT_FOUND when there is no such
 * file, -PL_E_MODEL_UNSUPPORTED, -PL_E_CORRUPT, -PL_E_IO, -PL_E_NO_MEMORY, and -PL_E_UNSUPPORTED when this machine cannot
 * run ISA; the error names the tensor, key or file. ISA decides the repacked layout's kernels.
 * Blocks: reads and repacks the whole file. */
int pl_model_open(const char *path, enum pl_isa isa, struct pl_model **out, struct pl_err *err);
/* A model without weights whose logits are a hash of the sequence so far: over the byte vocabulary of
 * pl_vocab_create_bytes, for the simulator and tests. Its greedy answers are printable ASCII and end by themselves. */
int pl_model_open_hash(struct pl_model **out, struct pl_err *err);
void pl_model_close(struct pl_model **m); /* after all engines on it; takes NULL */
/* Lent for the life of the model. */
const struct pl_model_info *pl_model_info(const struct pl_model *m);

struct pl_engine_opts {
    uint32_t threads;     /* 0: the CPUs that this process may use */
    uint32_t n_slots;     /* sequences at once, 1.. */
    uint32_t n_pages;     /* KV pages of PL_PAGE_TOKENS positions, shared by all slots */
    uint32_t max_rows;    /* most token rows (T) in a step: prefill chunk + decode rows */
    bool logits_hash;     /* fill pl_sampled.logits_hash */
};

struct pl_engine;
/* An engine at work on M, which must outlive it. *OUT is given. -PL_E_INVALID names the option, -PL_E_NO_MEMORY. Starts
 * the worker threads. */
int pl_engine_create(struct pl_model *m, const struct pl_engine_opts *o, struct pl_engine **out, struct pl_err *err);
void pl_engine_destroy(struct pl_engine **e);

/* Begins a sequence in SLOT: IDS (copied) are the N_IDS ids known so far, the first N_PROMPT of them the prompt (the
 * rest are ids that were sampled before a restart). A slot that is open is replaced. -PL_E_INVALID, -PL_E_NO_MEMORY:
 * the slot is as it was. */
int pl_engine_open(struct pl_engine *e, uint32_t slot, const uint32_t *ids, uint32_t n_ids, uint32_t n_prompt,
                   const struct pl_sampling *s, struct pl_err *err);
void pl_engine_close(struct pl_engine *e, uint32_t slot);
/* The adapter of whatever runs in SLOT from now on; NULL: none. Lent until another one is set or the engine goes. It must
 * have been opened for the engine's model. KV pages that were written under another adapter are not this one's.
 * -PL_E_INVALID for a slot that is not there, -PL_E_UNSUPPORTED for a model without weights, -PL_E_NO_MEMORY. */
struct pl_adapter;
int pl_engine_adapter(struct pl_engine *e, uint32_t slot, const struct pl_adapter *a, struct pl_err *err);

/* One sequence's part of a step: the known ids at positions [from, from+count) are run. When SAMPLE, the row of the
 * last of them gives logits, one id is sampled and appended to the slot's ids (so a decode step is
 * from = n_ids-1, count = 1, sample = true). FORCED_ID != PL_NO_FORCE: the id that is appended instead of the sampled
 * one (the sampled one is still reported). */
#define PL_NO_FORCE UINT32_MAX
struct pl_step_seq {
    uint32_t slot, from, count;
    bool sample;
    uint32_t forced_id;
    const uint32_t *pages; /* [n_pages] physical page of each logical page; covers positions < from+count */
    uint32_t n_pages;
};
struct pl_page_copy { uint32_t src, dst; };
struct pl_step {
    const struct pl_page_copy *copies; /* done before the step: copy-on-write of shared pages */
    uint32_t n_copies;
    const struct pl_step_seq *seqs;
    uint32_t n_seqs;
};
struct pl_sampled {
    uint32_t slot;
    int status;           /* 0, or -PL_E_NUMERIC_ERROR: this sequence ends, the others are not touched */
    uint32_t id;          /* the sampled id (before FORCED_ID) */
    uint64_t logits_hash; /* 64-bit hash of the V float32 logits' bytes, when asked for */
    const float *logits;  /* [V] row before penalties, lent until the next step; NULL unless pl_engine_keep_logits */
};
/* Runs a step. OUT: [n_seqs] room; *N_OUT = sequences that sampled, in order of SEQS. The result for a sequence does not
 * depend on what else is in the step, on chunking, threads or instruction set: the same bits. Invalid steps (pages out of
 * range, rows over max_rows, unknown slots) are refused with -PL_E_INVALID and change nothing. */
int pl_engine_step(struct pl_engine *e, const struct pl_step *step, struct pl_sampled *out, uint32_t *n_out,
                   struct pl_err *err);
/* Bytes of the KV cache, and threads that work, the caller's included. */
uint32_t pl_engine_threads(const struct pl_engine *e);
uint64_t pl_engine_kv_bytes(const struct pl_engine *e);
/* For perplexity and tests: keep a copy of the sampled rows' logits for pl_sampled.logits. */
void pl_engine_keep_logits(struct pl_engine *e, bool keep);
/* Logits of EVERY row of the next steps of one sequence: after a step, row r of it. NULL when not kept. For perplexity. */
void pl_engine_keep_all_rows(struct pl_engine *e, bool keep);
const float *pl_engine_row_logits(const struct pl_engine *e, uint32_t row);

#endif
