/* Generated from schemas/chat.json by schemas/generate.py; do not edit. */
#ifndef PL_SCHEMAS_GEN_CHAT_H
#define PL_SCHEMAS_GEN_CHAT_H

/* The chat protocol between a back end and the service. */
#include "schemas/wire.h"

enum pl_chat_message_part_role { PL_CHAT_MESSAGE_PART_ROLE_SYSTEM, PL_CHAT_MESSAGE_PART_ROLE_USER, PL_CHAT_MESSAGE_PART_ROLE_ASSISTANT, PL_CHAT_MESSAGE_PART_ROLE_TOOL };
const char *pl_chat_message_part_role_name(enum pl_chat_message_part_role value);
/* message: One message of a dialogue. */
struct pl_chat_message_part {
    enum pl_chat_message_part_role role; /* Who speaks; one of system, user, assistant, tool */
    struct pl_str content; /* What is said; at most 262144 bytes */
    struct pl_bin unknown; /* key-value pairs this version does not know, as they came */
    uint32_t unknown_count;
};
extern const struct pl_type pl_chat_message_part_type;
extern const struct pl_shape pl__chat_message_part_shape;

/* usage: Token counts of an answer. */
struct pl_usage {
    uint32_t prompt_tokens; /* Tokens of the prompt, history included */
    uint32_t cached_tokens; /* Of those, taken from the KV cache */
    uint32_t completion_tokens; /* Tokens that were generated */
    struct pl_bin unknown; /* key-value pairs this version does not know, as they came */
    uint32_t unknown_count;
};
extern const struct pl_type pl_usage_type;
extern const struct pl_shape pl__usage_shape;

/* chat.request: Ask. Exactly one of text and messages. */
struct pl_chat_request {
    bool has_text;
    struct pl_str text; /* What the user says; 1 to 262144 bytes */
    bool has_messages;
    struct pl_chat_message_part *messages; /* Instead of text. A new session may begin with a system message and hold earlier turns; at most 256 items */
    uint32_t messages_count;
    bool has_system;
    struct pl_str system; /* System prompt of a session that begins here; at most 65536 bytes */
    bool has_tools;
    struct pl_str *tools; /* Names of tools of the service that the model may call; at most 16 items, each at most 64 bytes */
    uint32_t tools_count;
    uint32_t max_tokens; /* Most tokens to generate; in tokens; 1 to 131072; default 512 */
    double temperature; /* 0 is greedy; 0 to 2; default 0.7 */
    double top_p; /* Nucleus; 0 to 1; default 0.9 */
    uint32_t top_k; /* Best k only; 0 is off; at most 1000000; default 0 */
    double min_p; /* Drop what is less likely than this share of the best; 0 to 1; default 0 */
    double repetition_penalty; /* Over prompt and answer; 1 is off; 0.01 to 10; default 1 */
    double presence_penalty; /* Over the answer; 0 is off; -2 to 2; default 0 */
    double frequency_penalty; /* Over the answer; 0 is off; -2 to 2; default 0 */
    bool has_seed;
    uint64_t seed; /* Drawn at acceptance when absent */
    bool has_stop;
    struct pl_str *stop; /* Texts that end the answer; they are not part of it; at most 16 items, each at most 256 bytes */
    uint32_t stop_count;
    uint32_t resume_from; /* The first seq of interest: pieces before it are not sent. 4294967295: none at all; default 0 */
    struct pl_bin unknown; /* key-value pairs this version does not know, as they came */
    uint32_t unknown_count;
};
extern const struct pl_type pl_chat_request_type;

/* chat.accepted: The request is on disk: it will be answered, also after a crash. */
struct pl_chat_accepted {
    struct pl_str session; /* Its session; at most 128 bytes */
    uint64_t seed; /* Seed of the sampling */
    uint32_t credit; /* Requests that may be sent now without a refusal; in requests */
    struct pl_bin unknown; /* key-value pairs this version does not know, as they came */
    uint32_t unknown_count;
};
extern const struct pl_type pl_chat_accepted_type;

enum pl_chat_delta_kind { PL_CHAT_DELTA_KIND_ANSWER, PL_CHAT_DELTA_KIND_REASONING, PL_CHAT_DELTA_KIND_TOOL };
const char *pl_chat_delta_kind_name(enum pl_chat_delta_kind value);
/* chat.delta: A piece of the answer. Never splits a UTF-8 character. */
struct pl_chat_delta {
    uint32_t seq; /* Counts from 0, without gaps */
    enum pl_chat_delta_kind kind; /* What the text belongs to; one of answer, reasoning, tool */
    struct pl_str text; /* The piece; at most 262144 bytes */
    struct pl_bin unknown; /* key-value pairs this version does not know, as they came */
    uint32_t unknown_count;
};
extern const struct pl_type pl_chat_delta_type;

/* tool_record: A tool call that was made for an answer. */
struct pl_tool_record {
    struct pl_str tool; /* Name; at most 64 bytes */
    struct pl_str arguments; /* JSON; at most 65536 bytes */
    struct pl_str result; /* What the tool answered, or the error's sentence; at most 65536 bytes */
    struct pl_str code; /* ok, or an error code; at most 32 bytes */
    struct pl_bin unknown; /* key-value pairs this version does not know, as they came */
    uint32_t unknown_count;
};
extern const struct pl_type pl_tool_record_type;
extern const struct pl_shape pl__tool_record_shape;

enum pl_chat_done_finish_reason { PL_CHAT_DONE_FINISH_REASON_STOP, PL_CHAT_DONE_FINISH_REASON_LENGTH, PL_CHAT_DONE_FINISH_REASON_CANCELLED, PL_CHAT_DONE_FINISH_REASON_DEADLINE, PL_CHAT_DONE_FINISH_REASON_ERROR };
const char *pl_chat_done_finish_reason_name(enum pl_chat_done_finish_reason value);
/* chat.done: The whole answer, once it is on disk. */
struct pl_chat_done {
    struct pl_str text; /* The answer; at most 1048576 bytes */
    bool has_reasoning;
    struct pl_str reasoning; /* Text of the reasoning blocks; at most 1048576 bytes */
    struct pl_str turn; /* Name of the turn, unique in the store; at most 64 bytes */
    struct pl_str session; /* Its session; at most 128 bytes */
    enum pl_chat_done_finish_reason finish_reason; /* Why it ended; one of stop, length, cancelled, deadline, error */
    struct pl_usage usage; /* Token counts */
    struct pl_str model_digest; /* SHA-256 of the model file; at most 64 bytes */
    struct pl_str template_digest; /* SHA-256 of the chat template; at most 64 bytes */
    bool has_adapter_digest;
    struct pl_str adapter_digest; /* Of the LoRA adapter; absent: none; at most 64 bytes */
    uint32_t dropped_turns; /* Oldest turns of the session that were left out of the prompt; default 0 */
    bool has_tools;
    struct pl_tool_record *tools; /* Tool calls that were made; at most 64 items */
    uint32_t tools_count;
    uint64_t seed; /* Seed of the sampling */
    bool has_error;
    struct pl_str error; /* With finish_reason error: the error code; at most 32 bytes */
    struct pl_bin unknown; /* key-value pairs this version does not know, as they came */
    uint32_t unknown_count;
};
extern const struct pl_type pl_chat_done_type;

/* chat.error: The request was refused or failed; nothing of it is stored, unless it says so. */
struct pl_chat_error {
    struct pl_str code; /* One of the list of errors; at most 32 bytes */
    struct pl_str message; /* For a person; at most 512 bytes */
    bool has_field;
    struct pl_str field; /* Field at fault; at most 64 bytes */
    bool has_retry_after_ms;
    uint32_t retry_after_ms; /* When it may work; in ms */
    struct pl_bin unknown; /* key-value pairs this version does not know, as they came */
    uint32_t unknown_count;
};
extern const struct pl_type pl_chat_error_type;

/* chat.cancel: Stop the answer to the request with this id. Answered with chat.done (cancelled) or the stored answer. */
struct pl_chat_cancel {
    struct pl_bin unknown; /* key-value pairs this version does not know, as they came */
    uint32_t unknown_count;
};
extern const struct pl_type pl_chat_cancel_type;

/* chat.resume: Send the running or stored answer to the request with this id, from a seq on. */
struct pl_chat_resume {
    uint32_t resume_from; /* First seq of interest; default 0 */
    struct pl_bin unknown; /* key-value pairs this version does not know, as they came */
    uint32_t unknown_count;
};
extern const struct pl_type pl_chat_resume_type;

/* ping: Are you there? */
struct pl_ping {
    struct pl_bin unknown; /* key-value pairs this version does not know, as they came */
    uint32_t unknown_count;
};
extern const struct pl_type pl_ping_type;

/* pong: Yes. */
struct pl_pong {
    struct pl_str version; /* Of the program; at most 32 bytes */
    struct pl_str model; /* Name of the model; at most 128 bytes */
    struct pl_str model_digest; /* Of the model; at most 64 bytes */
    bool ready; /* The model is loaded */
    uint32_t credit; /* Requests that may be sent now; in requests */
    bool has_role;
    struct pl_str role; /* standby: it only reads, until it takes over. Absent: the service itself; at most 16 bytes */
    struct pl_bin unknown; /* key-value pairs this version does not know, as they came */
    uint32_t unknown_count;
};
extern const struct pl_type pl_pong_type;

/* feedback.add: Rate an answer. */
struct pl_feedback_add {
    struct pl_str turn; /* Turn of chat.done; 1 to 64 bytes */
    uint32_t stars; /* 1 (bad) to 5 (good); in stars; 1 to 5 */
    bool has_comment;
    struct pl_str comment; /* In the user's words; at most 8192 bytes */
    bool has_correction;
    struct pl_str correction; /* The answer that would have been right; at most 65536 bytes */
    struct pl_bin unknown; /* key-value pairs this version does not know, as they came */
    uint32_t unknown_count;
};
extern const struct pl_type pl_feedback_add_type;

/* feedback.stored: The rating is on disk. */
struct pl_feedback_stored {
    struct pl_str turn; /* The turn; at most 64 bytes */
    uint64_t feedback; /* Number in the feedback log */
    uint32_t ratings_below_3; /* Since the last snapshot */
    bool due; /* A retraining is due */
    struct pl_bin unknown; /* key-value pairs this version does not know, as they came */
    uint32_t unknown_count;
};
extern const struct pl_type pl_feedback_stored_type;

#endif
