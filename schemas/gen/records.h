/* Generated from schemas/records.json by schemas/generate.py; do not edit. */
#ifndef PL_SCHEMAS_GEN_RECORDS_H
#define PL_SCHEMAS_GEN_RECORDS_H

/* What is stored. Keys are in docs/storage.md. */
#include "schemas/wire.h"
#include "schemas/gen/chat.h"

enum pl_stored_delta_kind { PL_STORED_DELTA_KIND_ANSWER, PL_STORED_DELTA_KIND_REASONING, PL_STORED_DELTA_KIND_TOOL };
const char *pl_stored_delta_kind_name(enum pl_stored_delta_kind value);
/* stored_delta: A piece of a stored answer. */
struct pl_stored_delta {
    enum pl_stored_delta_kind kind; /* Kind; one of answer, reasoning, tool */
    struct pl_str text; /* Text; at most 262144 bytes */
    struct pl_bin unknown; /* key-value pairs this version does not know, as they came */
    uint32_t unknown_count;
};
extern const struct pl_type pl_stored_delta_type;
extern const struct pl_shape pl__stored_delta_shape;

enum pl_rec_request_state { PL_REC_REQUEST_STATE_ACCEPTED, PL_REC_REQUEST_STATE_DONE };
const char *pl_rec_request_state_name(enum pl_rec_request_state value);
/* rec.request: A request by tenant and id: the promise, and once it is kept the answer. */
struct pl_rec_request {
    enum pl_rec_request_state state; /* Where it stands; one of accepted, done */
    uint64_t accepted_seq; /* Counts acceptances; order of resumption */
    uint64_t created_ms; /* Wall clock; in ms */
    struct pl_str tenant; /* Tenant; at most 64 bytes */
    struct pl_str id; /* Id; at most 64 bytes */
    struct pl_str session; /* Session; at most 128 bytes */
    struct pl_str user; /* User; at most 128 bytes */
    struct pl_str turn; /* Turn; at most 64 bytes */
    uint64_t seed; /* Seed */
    uint64_t deadline_wall_ms; /* Wall clock when the budget ends; 0: none; in ms; default 0 */
    bool has_trace;
    struct pl_str trace; /* Traceparent; at most 64 bytes */
    struct pl_bin request; /* Body of chat.request; at most 524288 bytes */
    bool has_tools;
    struct pl_tool_record *tools; /* Results of the tool calls of the answer so far: a call is not made again after a crash; at most 64 items */
    uint32_t tools_count;
    bool has_done;
    struct pl_bin done; /* Body of chat.done; at most 8388608 bytes */
    bool has_deltas;
    struct pl_stored_delta *deltas; /* The answer as it was streamed; at most 131072 items */
    uint32_t deltas_count;
    struct pl_bin unknown; /* key-value pairs this version does not know, as they came */
    uint32_t unknown_count;
};
extern const struct pl_type pl_rec_request_type;

/* rec.session: A session's head. */
struct pl_rec_session {
    struct pl_str tenant; /* Tenant; at most 64 bytes */
    struct pl_str session; /* Name; at most 128 bytes */
    struct pl_str user; /* User; at most 128 bytes */
    bool has_system;
    struct pl_str system; /* System prompt; at most 65536 bytes */
    uint32_t turns; /* Turns stored; also number of the next */
    uint32_t first_kept; /* Oldest turn that is still in the prompt; default 0 */
    uint64_t created_ms; /* Wall clock; in ms */
    uint64_t updated_ms; /* Wall clock; in ms */
    struct pl_bin unknown; /* key-value pairs this version does not know, as they came */
    uint32_t unknown_count;
};
extern const struct pl_type pl_rec_session_type;

/* rec.turn: A finished turn. */
struct pl_rec_turn {
    struct pl_str turn; /* Name of the turn; at most 64 bytes */
    struct pl_str id; /* Id of the request; at most 64 bytes */
    struct pl_str session; /* Session; at most 128 bytes */
    struct pl_str user; /* User; at most 128 bytes */
    struct pl_str prompt; /* What the user said; at most 1048576 bytes */
    struct pl_str text; /* The answer; at most 1048576 bytes */
    struct pl_str finish_reason; /* Why it ended; at most 16 bytes */
    struct pl_str tenant; /* Tenant; at most 64 bytes */
    uint32_t number; /* In its session, from 0 */
    bool has_reasoning;
    struct pl_str reasoning; /* Reasoning text; at most 1048576 bytes */
    uint64_t created_ms; /* Wall clock; in ms */
    struct pl_chat_message_part *messages; /* The messages of the request; at most 256 items */
    uint32_t messages_count;
    bool has_tool_names;
    struct pl_str *tool_names; /* Tools that were offered; at most 16 items, each at most 64 bytes */
    uint32_t tool_names_count;
    bool has_tools;
    struct pl_tool_record *tools; /* Tool calls that were made; at most 64 items */
    uint32_t tools_count;
    uint32_t *prompt_ids; /* Ids that this turn's messages added to the dialogue (of a first turn: the whole prompt); at most 131072 items */
    uint32_t prompt_ids_count;
    uint32_t *answer_ids; /* Ids after them: sampled ones, and between rounds those of tool results; at most 131072 items */
    uint32_t answer_ids_count;
    bool ended; /* The last id is an end token */
    struct pl_usage usage; /* Token counts */
    double temperature; /* 0 is greedy; 0 to 2; default 0.7 */
    double top_p; /* Nucleus; 0 to 1; default 0.9 */
    uint32_t top_k; /* Best k only; 0 is off; at most 1000000; default 0 */
    double min_p; /* Drop what is less likely than this share of the best; 0 to 1; default 0 */
    double repetition_penalty; /* Over prompt and answer; 1 is off; 0.01 to 10; default 1 */
    double presence_penalty; /* Over the answer; 0 is off; -2 to 2; default 0 */
    double frequency_penalty; /* Over the answer; 0 is off; -2 to 2; default 0 */
    uint64_t seed; /* Seed */
    uint32_t max_tokens; /* Limit */
    uint32_t dropped_turns; /* Turns left out; default 0 */
    struct pl_str model_digest; /* SHA-256 of the model file; at most 64 bytes */
    struct pl_str template_digest; /* SHA-256 of the chat template; at most 64 bytes */
    bool has_adapter_digest;
    struct pl_str adapter_digest; /* Of the LoRA adapter; absent: none; at most 64 bytes */
    bool has_logits_hashes;
    uint64_t *logits_hashes; /* Of the sampled ids; at most 131072 items */
    uint32_t logits_hashes_count;
    struct pl_bin unknown; /* key-value pairs this version does not know, as they came */
    uint32_t unknown_count;
};
extern const struct pl_type pl_rec_turn_type;

/* rec.feedback: A rating, bound to the answer that it judges. */
struct pl_rec_feedback {
    uint64_t feedback; /* Number in the log */
    struct pl_str id; /* Id of the message that brought it; at most 64 bytes */
    struct pl_str tenant; /* Tenant; at most 64 bytes */
    struct pl_str turn; /* Turn; at most 64 bytes */
    struct pl_str session; /* Session; at most 128 bytes */
    struct pl_str user; /* Who rated; at most 128 bytes */
    uint32_t stars; /* 1 to 5; in stars; 1 to 5 */
    bool has_comment;
    struct pl_str comment; /* Words; at most 8192 bytes */
    bool has_correction;
    struct pl_str correction; /* Better answer; at most 65536 bytes */
    uint64_t created_ms; /* Wall clock; in ms */
    uint32_t *answer_ids; /* Ids of the answer; at most 131072 items */
    uint32_t answer_ids_count;
    double temperature; /* 0 is greedy; 0 to 2; default 0.7 */
    double top_p; /* Nucleus; 0 to 1; default 0.9 */
    uint32_t top_k; /* Best k only; 0 is off; at most 1000000; default 0 */
    double min_p; /* Drop what is less likely than this share of the best; 0 to 1; default 0 */
    double repetition_penalty; /* Over prompt and answer; 1 is off; 0.01 to 10; default 1 */
    double presence_penalty; /* Over the answer; 0 is off; -2 to 2; default 0 */
    double frequency_penalty; /* Over the answer; 0 is off; -2 to 2; default 0 */
    uint64_t seed; /* Seed */
    struct pl_str model_digest; /* SHA-256 of the model file; at most 64 bytes */
    struct pl_str template_digest; /* SHA-256 of the chat template; at most 64 bytes */
    bool has_adapter_digest;
    struct pl_str adapter_digest; /* Of the LoRA adapter; absent: none; at most 64 bytes */
    uint64_t replaces; /* Number of the earlier rating of this user and turn; 0: none; default 0 */
    struct pl_bin unknown; /* key-value pairs this version does not know, as they came */
    uint32_t unknown_count;
};
extern const struct pl_type pl_rec_feedback_type;

/* rec.retrain: State of the retraining trigger. */
struct pl_rec_retrain {
    bool due; /* Due */
    uint32_t ratings_below_3; /* Since the last snapshot */
    bool has_reason;
    struct pl_str reason; /* Why; at most 1024 bytes */
    uint64_t since_ms; /* Wall clock; in ms; default 0 */
    uint64_t total; /* Ratings in the log; default 0 */
    bool has_stars;
    uint64_t *stars; /* By stars; at most 5 items */
    uint32_t stars_count;
    uint64_t corrections; /* With a correction; default 0 */
    uint64_t next; /* Number of the next rating; default 1 */
    struct pl_bin unknown; /* key-value pairs this version does not know, as they came */
    uint32_t unknown_count;
};
extern const struct pl_type pl_rec_retrain_type;

/* rec.counter: A counter of the store. */
struct pl_rec_counter {
    uint64_t value; /* Value */
    struct pl_bin unknown; /* key-value pairs this version does not know, as they came */
    uint32_t unknown_count;
};
extern const struct pl_type pl_rec_counter_type;

/* rec.tenant_day: What a tenant with a quota used in a day. */
struct pl_rec_tenant_day {
    uint64_t day; /* Since 1970, UTC; in days */
    uint64_t tokens; /* Of prompts and answers that were stored on that day; in tokens */
    struct pl_bin unknown; /* key-value pairs this version does not know, as they came */
    uint32_t unknown_count;
};
extern const struct pl_type pl_rec_tenant_day_type;

#endif
