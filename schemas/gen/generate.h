/* Generated from schemas/generate.json by schemas/generate.py; do not edit. */
#ifndef PL_SCHEMAS_GEN_GENERATE_H
#define PL_SCHEMAS_GEN_GENERATE_H

/* Between session, batcher and executor, and between session and tools. */
#include "schemas/wire.h"

/* gen.submit: Generate after these ids. */
struct pl_gen_submit {
    uint64_t gen; /* Chosen by the sender, unique in its life */
    uint32_t *ids; /* Prompt; at most 131072 items */
    uint32_t ids_count;
    uint32_t max_tokens; /* Most ids to generate; 1 to 131072 */
    double temperature; /* 0 is greedy; 0 to 2; default 0.7 */
    double top_p; /* Nucleus; 0 to 1; default 0.9 */
    uint32_t top_k; /* Best k only; 0 is off; at most 1000000; default 0 */
    double min_p; /* Drop what is less likely than this share of the best; 0 to 1; default 0 */
    double repetition_penalty; /* Over prompt and answer; 1 is off; 0.01 to 10; default 1 */
    double presence_penalty; /* Over the answer; 0 is off; -2 to 2; default 0 */
    double frequency_penalty; /* Over the answer; 0 is off; -2 to 2; default 0 */
    uint64_t seed; /* Seed */
    uint32_t drawn; /* Ids already drawn in this answer by earlier rounds: moves the sampling counter; default 0 */
    uint64_t owner; /* Generations of different owners share no cached page; default 0 */
    struct pl_bin unknown; /* key-value pairs this version does not know, as they came */
    uint32_t unknown_count;
};
extern const struct pl_type pl_gen_submit_type;

/* gen.tokens: Ids that were generated, in order. */
struct pl_gen_tokens {
    uint64_t gen; /* Of the submit */
    uint32_t first; /* Index of the first in the answer */
    uint32_t *ids; /* Ids; at most 256 items */
    uint32_t ids_count;
    bool has_logits_hashes;
    uint64_t *logits_hashes; /* Of each id, when asked for; at most 256 items */
    uint32_t logits_hashes_count;
    struct pl_bin unknown; /* key-value pairs this version does not know, as they came */
    uint32_t unknown_count;
};
extern const struct pl_type pl_gen_tokens_type;

enum pl_gen_done_reason { PL_GEN_DONE_REASON_STOP, PL_GEN_DONE_REASON_LENGTH, PL_GEN_DONE_REASON_CANCELLED, PL_GEN_DONE_REASON_DEADLINE, PL_GEN_DONE_REASON_ERROR };
const char *pl_gen_done_reason_name(enum pl_gen_done_reason value);
/* gen.done: No more ids. */
struct pl_gen_done {
    uint64_t gen; /* Of the submit */
    enum pl_gen_done_reason reason; /* Why; one of stop, length, cancelled, deadline, error */
    uint32_t code; /* Error code; default 0 */
    bool has_text;
    struct pl_str text; /* For a person; at most 512 bytes */
    uint32_t cached_tokens; /* Prompt ids found in the KV cache; default 0 */
    struct pl_bin unknown; /* key-value pairs this version does not know, as they came */
    uint32_t unknown_count;
};
extern const struct pl_type pl_gen_done_type;

/* gen.cancel: Stop; answered by gen.done. */
struct pl_gen_cancel {
    uint64_t gen; /* Of the submit */
    struct pl_bin unknown; /* key-value pairs this version does not know, as they came */
    uint32_t unknown_count;
};
extern const struct pl_type pl_gen_cancel_type;

/* gen.flush: Drop every cached page that no running sequence uses. */
struct pl_gen_flush {
    struct pl_bin unknown; /* key-value pairs this version does not know, as they came */
    uint32_t unknown_count;
};
extern const struct pl_type pl_gen_flush_type;

/* exec_copy: Copy a KV page. */
struct pl_exec_copy {
    uint32_t src; /* Page */
    uint32_t dst; /* Page */
    struct pl_bin unknown; /* key-value pairs this version does not know, as they came */
    uint32_t unknown_count;
};
extern const struct pl_type pl_exec_copy_type;
extern const struct pl_shape pl__exec_copy_shape;

/* exec_open: Begin a sequence. */
struct pl_exec_open {
    uint32_t slot; /* Slot */
    uint32_t *ids; /* Ids known so far; at most 131072 items */
    uint32_t ids_count;
    uint32_t n_prompt; /* How many of them are the prompt */
    double temperature; /* 0 is greedy; 0 to 2; default 0.7 */
    double top_p; /* Nucleus; 0 to 1; default 0.9 */
    uint32_t top_k; /* Best k only; 0 is off; at most 1000000; default 0 */
    double min_p; /* Drop what is less likely than this share of the best; 0 to 1; default 0 */
    double repetition_penalty; /* Over prompt and answer; 1 is off; 0.01 to 10; default 1 */
    double presence_penalty; /* Over the answer; 0 is off; -2 to 2; default 0 */
    double frequency_penalty; /* Over the answer; 0 is off; -2 to 2; default 0 */
    uint64_t seed; /* Seed */
    struct pl_bin unknown; /* key-value pairs this version does not know, as they came */
    uint32_t unknown_count;
};
extern const struct pl_type pl_exec_open_type;
extern const struct pl_shape pl__exec_open_shape;

/* exec_seq: A sequence's part of a step. */
struct pl_exec_seq {
    uint32_t slot; /* Slot */
    uint32_t from; /* First position */
    uint32_t count; /* Positions; at least 1 */
    bool sample; /* Draw an id after the last */
    uint32_t *pages; /* Page table; at most 4096 items */
    uint32_t pages_count;
    struct pl_bin unknown; /* key-value pairs this version does not know, as they came */
    uint32_t unknown_count;
};
extern const struct pl_type pl_exec_seq_type;
extern const struct pl_shape pl__exec_seq_shape;

/* exec_result: What a sequence drew. */
struct pl_exec_result {
    uint32_t slot; /* Slot */
    uint32_t id; /* Id */
    uint32_t code; /* Error code of this sequence alone; default 0 */
    uint64_t logits_hash; /* Hash of the logits; default 0 */
    struct pl_bin unknown; /* key-value pairs this version does not know, as they came */
    uint32_t unknown_count;
};
extern const struct pl_type pl_exec_result_type;
extern const struct pl_shape pl__exec_result_shape;

/* exec.ready: The executor has its model and empty pages. */
struct pl_exec_ready {
    uint32_t slots; /* Sequences at once */
    uint32_t pages; /* KV pages */
    uint32_t max_rows; /* Rows a step */
    struct pl_str model_digest; /* Of the file; at most 64 bytes */
    uint64_t incarnation; /* Of the executor; steps of another are refused */
    struct pl_bin unknown; /* key-value pairs this version does not know, as they came */
    uint32_t unknown_count;
};
extern const struct pl_type pl_exec_ready_type;

/* exec.step: Run one step. */
struct pl_exec_step {
    uint64_t step; /* Counts */
    uint64_t incarnation; /* Of exec.ready */
    bool has_closes;
    uint32_t *closes; /* Slots that end; at most 1024 items */
    uint32_t closes_count;
    bool has_opens;
    struct pl_exec_open *opens; /* Slots that begin; at most 1024 items */
    uint32_t opens_count;
    bool has_copies;
    struct pl_exec_copy *copies; /* Before the step; at most 4096 items */
    uint32_t copies_count;
    struct pl_exec_seq *seqs; /* The batch; at most 1024 items */
    uint32_t seqs_count;
    struct pl_bin unknown; /* key-value pairs this version does not know, as they came */
    uint32_t unknown_count;
};
extern const struct pl_type pl_exec_step_type;

/* exec.stepped: The step is done. */
struct pl_exec_stepped {
    uint64_t step; /* Of exec.step */
    struct pl_exec_result *results; /* Of the sequences that drew; at most 1024 items */
    uint32_t results_count;
    uint32_t code; /* Error code of the whole step; default 0 */
    bool has_text;
    struct pl_str text; /* For a person; at most 512 bytes */
    uint64_t duration_us; /* Time that the step took; in us; default 0 */
    struct pl_bin unknown; /* key-value pairs this version does not know, as they came */
    uint32_t unknown_count;
};
extern const struct pl_type pl_exec_stepped_type;

/* tool_description: A tool that the service runs. */
struct pl_tool_description {
    struct pl_str name; /* Name; at most 64 bytes */
    struct pl_str schema; /* JSON: an OpenAI function object; at most 16384 bytes */
    uint32_t timeout_ms; /* Of one call; in ms */
    bool idempotent; /* May be called again after a failure */
    struct pl_bin unknown; /* key-value pairs this version does not know, as they came */
    uint32_t unknown_count;
};
extern const struct pl_type pl_tool_description_type;
extern const struct pl_shape pl__tool_description_shape;

/* tool.described: The tools that are up. */
struct pl_tool_described {
    struct pl_tool_description *tools; /* All of them; at most 64 items */
    uint32_t tools_count;
    struct pl_str *starting; /* Names of those that have not told of themselves yet; at most 64 items, each at most 64 bytes */
    uint32_t starting_count;
    struct pl_bin unknown; /* key-value pairs this version does not know, as they came */
    uint32_t unknown_count;
};
extern const struct pl_type pl_tool_described_type;

/* tool.call: Call a tool. */
struct pl_tool_call {
    uint64_t call; /* Chosen by the sender */
    struct pl_str tool; /* Name; at most 64 bytes */
    struct pl_str arguments; /* JSON object; at most 65536 bytes */
    struct pl_bin unknown; /* key-value pairs this version does not know, as they came */
    uint32_t unknown_count;
};
extern const struct pl_type pl_tool_call_type;

/* tool.result: What came of a call. */
struct pl_tool_result {
    uint64_t call; /* Of the call */
    uint32_t code; /* 0 or an error code */
    struct pl_str content; /* The result, or the error's sentence; at most 65536 bytes */
    struct pl_bin unknown; /* key-value pairs this version does not know, as they came */
    uint32_t unknown_count;
};
extern const struct pl_type pl_tool_result_type;

/* tool.cancel: The result is no longer wanted. */
struct pl_tool_cancel {
    uint64_t call; /* Of the call */
    struct pl_bin unknown; /* key-value pairs this version does not know, as they came */
    uint32_t unknown_count;
};
extern const struct pl_type pl_tool_cancel_type;

/* tool.hello: A tool's process is up. */
struct pl_tool_hello {
    struct pl_tool_description tool; /* It */
    struct pl_bin unknown; /* key-value pairs this version does not know, as they came */
    uint32_t unknown_count;
};
extern const struct pl_type pl_tool_hello_type;

/* tool.run: To the tool's process: run. */
struct pl_tool_run {
    uint64_t call; /* Of the tools actor */
    struct pl_str arguments; /* JSON object; at most 65536 bytes */
    struct pl_bin unknown; /* key-value pairs this version does not know, as they came */
    uint32_t unknown_count;
};
extern const struct pl_type pl_tool_run_type;

/* tool.ran: From the tool's process. */
struct pl_tool_ran {
    uint64_t call; /* Of the run */
    uint32_t code; /* 0 or an error code */
    struct pl_str content; /* Result or sentence; at most 65536 bytes */
    struct pl_bin unknown; /* key-value pairs this version does not know, as they came */
    uint32_t unknown_count;
};
extern const struct pl_type pl_tool_ran_type;

#endif
