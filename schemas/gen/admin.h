/* Generated from schemas/admin.json by schemas/generate.py; do not edit. */
#ifndef PL_SCHEMAS_GEN_ADMIN_H
#define PL_SCHEMAS_GEN_ADMIN_H

/* Messages of an operator, taken on the admin socket only. */
#include "schemas/wire.h"
#include "schemas/gen/chat.h"

/* session_row: A session in a list. */
struct pl_session_row {
    struct pl_str session; /* Name; at most 128 bytes */
    struct pl_str user; /* User; at most 128 bytes */
    struct pl_str tenant; /* Tenant; at most 64 bytes */
    uint32_t turns; /* Turns */
    uint64_t created_ms; /* Wall clock; in ms */
    uint64_t updated_ms; /* Wall clock; in ms */
    struct pl_bin unknown; /* key-value pairs this version does not know, as they came */
    uint32_t unknown_count;
};
extern const struct pl_type pl_session_row_type;
extern const struct pl_shape pl__session_row_shape;

/* turn_row: A turn in a list or an export. */
struct pl_turn_row {
    struct pl_str turn; /* Name of the turn; at most 64 bytes */
    struct pl_str id; /* Id of the request; at most 64 bytes */
    struct pl_str session; /* Session; at most 128 bytes */
    struct pl_str user; /* User; at most 128 bytes */
    struct pl_str prompt; /* What the user said; at most 1048576 bytes */
    struct pl_str text; /* The answer; at most 1048576 bytes */
    struct pl_str finish_reason; /* Why it ended; at most 16 bytes */
    bool has_reasoning;
    struct pl_str reasoning; /* Reasoning text; at most 1048576 bytes */
    uint64_t created_ms; /* Wall clock; in ms */
    struct pl_usage usage; /* Token counts */
    bool has_tools;
    struct pl_tool_record *tools; /* Tool calls; at most 64 items */
    uint32_t tools_count;
    bool has_logits_hashes;
    uint64_t *logits_hashes; /* Of the answer's ids, with --logits-hash; at most 131072 items */
    uint32_t logits_hashes_count;
    struct pl_str model_digest; /* Of the model; at most 64 bytes */
    bool has_adapter_digest;
    struct pl_str adapter_digest; /* Of the adapter; at most 64 bytes */
    uint64_t seed; /* Seed */
    struct pl_bin unknown; /* key-value pairs this version does not know, as they came */
    uint32_t unknown_count;
};
extern const struct pl_type pl_turn_row_type;
extern const struct pl_shape pl__turn_row_shape;

/* sessions.list: List sessions. */
struct pl_sessions_list {
    uint32_t limit; /* Most rows; 1 to 1000; default 100 */
    bool has_after;
    struct pl_str after; /* Continue after this one (next of the answer before); at most 1024 bytes */
    struct pl_bin unknown; /* key-value pairs this version does not know, as they came */
    uint32_t unknown_count;
};
extern const struct pl_type pl_sessions_list_type;

/* sessions.listed: Sessions. */
struct pl_sessions_listed {
    struct pl_session_row *sessions; /* Rows; at most 1000 items */
    uint32_t sessions_count;
    bool has_next;
    struct pl_str next; /* Give as after for more; empty: no more; at most 1024 bytes */
    struct pl_bin unknown; /* key-value pairs this version does not know, as they came */
    uint32_t unknown_count;
};
extern const struct pl_type pl_sessions_listed_type;

/* sessions.show: Turns of one session (in the envelope), or of all. */
struct pl_sessions_show {
    uint32_t limit; /* Most rows; 1 to 1000; default 100 */
    bool has_after;
    struct pl_str after; /* Continue after this one (next of the answer before); at most 1024 bytes */
    struct pl_bin unknown; /* key-value pairs this version does not know, as they came */
    uint32_t unknown_count;
};
extern const struct pl_type pl_sessions_show_type;

/* sessions.shown: Turns. */
struct pl_sessions_shown {
    struct pl_turn_row *turns; /* Rows; at most 1000 items */
    uint32_t turns_count;
    bool has_next;
    struct pl_str next; /* Give as after for more; at most 1024 bytes */
    struct pl_bin unknown; /* key-value pairs this version does not know, as they came */
    uint32_t unknown_count;
};
extern const struct pl_type pl_sessions_shown_type;

/* sessions.delete: Delete the session in the envelope with its turns. */
struct pl_sessions_delete {
    struct pl_bin unknown; /* key-value pairs this version does not know, as they came */
    uint32_t unknown_count;
};
extern const struct pl_type pl_sessions_delete_type;

/* sessions.deleted: It is gone. */
struct pl_sessions_deleted {
    uint32_t turns; /* Turns deleted */
    struct pl_bin unknown; /* key-value pairs this version does not know, as they came */
    uint32_t unknown_count;
};
extern const struct pl_type pl_sessions_deleted_type;

/* feedback_row: A rating in a list. */
struct pl_feedback_row {
    uint64_t feedback; /* Number in the log */
    struct pl_str turn; /* Turn; at most 64 bytes */
    struct pl_str session; /* Session; at most 128 bytes */
    struct pl_str user; /* Who rated; at most 128 bytes */
    uint32_t stars; /* 1 to 5; in stars */
    bool has_comment;
    struct pl_str comment; /* Words; at most 8192 bytes */
    bool has_correction;
    struct pl_str correction; /* Better answer; at most 65536 bytes */
    uint64_t created_ms; /* Wall clock; in ms */
    struct pl_str model_digest; /* Of the model that answered; at most 64 bytes */
    bool has_adapter_digest;
    struct pl_str adapter_digest; /* Of its adapter; at most 64 bytes */
    struct pl_bin unknown; /* key-value pairs this version does not know, as they came */
    uint32_t unknown_count;
};
extern const struct pl_type pl_feedback_row_type;
extern const struct pl_shape pl__feedback_row_shape;

/* feedback.list: List ratings. */
struct pl_feedback_list {
    uint32_t limit; /* Most rows; 1 to 1000; default 100 */
    bool has_after;
    struct pl_str after; /* Continue after this one (next of the answer before); at most 1024 bytes */
    struct pl_bin unknown; /* key-value pairs this version does not know, as they came */
    uint32_t unknown_count;
};
extern const struct pl_type pl_feedback_list_type;

/* feedback.listed: Ratings. */
struct pl_feedback_listed {
    struct pl_feedback_row *feedback; /* Rows; at most 1000 items */
    uint32_t feedback_count;
    bool has_next;
    struct pl_str next; /* Give as after for more; at most 1024 bytes */
    struct pl_bin unknown; /* key-value pairs this version does not know, as they came */
    uint32_t unknown_count;
};
extern const struct pl_type pl_feedback_listed_type;

/* feedback.stats: Counts of ratings. */
struct pl_feedback_stats {
    struct pl_bin unknown; /* key-value pairs this version does not know, as they came */
    uint32_t unknown_count;
};
extern const struct pl_type pl_feedback_stats_type;

/* feedback.counted: Counts. */
struct pl_feedback_counted {
    uint64_t total; /* Ratings in the log */
    uint64_t *stars; /* Ratings with 1, 2, 3, 4, 5 stars; at most 5 items */
    uint32_t stars_count;
    double mean; /* Mean of the stars; default 0 */
    uint64_t corrections; /* With a correction */
    uint32_t ratings_below_3; /* Since the last snapshot */
    bool due; /* A retraining is due */
    struct pl_bin unknown; /* key-value pairs this version does not know, as they came */
    uint32_t unknown_count;
};
extern const struct pl_type pl_feedback_counted_type;

/* retrain.request: Record that a retraining is due. */
struct pl_retrain_request {
    bool has_reason;
    struct pl_str reason; /* Why; at most 1024 bytes */
    struct pl_bin unknown; /* key-value pairs this version does not know, as they came */
    uint32_t unknown_count;
};
extern const struct pl_type pl_retrain_request_type;

/* retrain.status: Is a retraining due? */
struct pl_retrain_status {
    struct pl_bin unknown; /* key-value pairs this version does not know, as they came */
    uint32_t unknown_count;
};
extern const struct pl_type pl_retrain_status_type;

/* retrain.state: The trigger's state. */
struct pl_retrain_state {
    bool due; /* A retraining is due */
    uint32_t ratings_below_3; /* Since the last snapshot */
    uint32_t threshold; /* More ratings below 3 than this make it due */
    bool has_reason;
    struct pl_str reason; /* Why it is due; at most 1024 bytes */
    bool has_since_ms;
    uint64_t since_ms; /* Wall clock of when it became due; in ms */
    struct pl_bin unknown; /* key-value pairs this version does not know, as they came */
    uint32_t unknown_count;
};
extern const struct pl_type pl_retrain_state_type;

#endif
