/* Generated from schemas/admin.json by schemas/generate.py; do not edit. */
#ifndef PL_SCHEMAS_GEN_ADMIN_H
#define PL_SCHEMAS_GEN_ADMIN_H

/* Messages of an operator: taken on the admin socket, and from keys with the role. */
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
    bool export; /* The first page of an export, which goes into the audit record; default false */
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

/* sessions.forget: Forget a user: end its requests and destroy the key of all that is stored of it, so that no data, log or backup can be read any more. */
struct pl_sessions_forget {
    struct pl_str user; /* User; of a session without one the session's name; at most 128 bytes */
    struct pl_bin unknown; /* key-value pairs this version does not know, as they came */
    uint32_t unknown_count;
};
extern const struct pl_type pl_sessions_forget_type;

/* sessions.forgotten: The key is destroyed. */
struct pl_sessions_forgotten {
    bool found; /* There was something of this user */
    uint32_t cancelled; /* Requests that were ended for it */
    struct pl_bin unknown; /* key-value pairs this version does not know, as they came */
    uint32_t unknown_count;
};
extern const struct pl_type pl_sessions_forgotten_type;

/* keys.rotate: Wrap the data keys anew: a tenant's with a new key of its own, or everything with a new master key. Values are not written again. */
struct pl_keys_rotate {
    bool has_tenant;
    struct pl_str tenant; /* Whose key; absent: the master key; at most 64 bytes */
    bool has_file;
    struct pl_str file; /* Path, for the service, of the new master key's file; at most 1024 bytes */
    struct pl_bin unknown; /* key-value pairs this version does not know, as they came */
    uint32_t unknown_count;
};
extern const struct pl_type pl_keys_rotate_type;

/* keys.rotated: The vault is on disk with the new key. */
struct pl_keys_rotated {
    bool replaced; /* The master key's own file holds the new key; else the service has to be started with the new one; default false */
    struct pl_bin unknown; /* key-value pairs this version does not know, as they came */
    uint32_t unknown_count;
};
extern const struct pl_type pl_keys_rotated_type;

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

/* node_row: A node: a process, or a thread of one, with its actors. */
struct pl_node_row {
    struct pl_str node; /* Name; at most 64 bytes */
    bool up; /* False: it is down, or said nothing within half a second; the rest is then empty */
    uint64_t pid; /* Its process; 0: not known; default 0 */
    uint64_t rss_bytes; /* Memory of its process; default 0 */
    uint64_t cpu_ms; /* Processor time of its process; in ms; default 0 */
    uint32_t open_files; /* File descriptors of its process; 0: not known; default 0 */
    uint64_t up_ms; /* Since its start; in ms; default 0 */
    uint32_t restarts; /* Of the child that it is; default 0 */
    uint64_t sent; /* Messages: sent = handled + refused + dead + in flight; default 0 */
    uint64_t handled; /* Messages; default 0 */
    uint64_t refused; /* Messages that met a full mailbox; default 0 */
    uint64_t dead; /* Dead letters; default 0 */
    struct pl_bin unknown; /* key-value pairs this version does not know, as they came */
    uint32_t unknown_count;
};
extern const struct pl_type pl_node_row_type;
extern const struct pl_shape pl__node_row_shape;

enum pl_actor_row_state { PL_ACTOR_ROW_STATE_NEW, PL_ACTOR_ROW_STATE_UP, PL_ACTOR_ROW_STATE_WAITING, PL_ACTOR_ROW_STATE_DOWN, PL_ACTOR_ROW_STATE_STOPPED };
const char *pl_actor_row_state_name(enum pl_actor_row_state value);
/* actor_row: An actor. Times are of the last 10 to 20 seconds, exact to a quarter. */
struct pl_actor_row {
    struct pl_str actor; /* Name; at most 64 bytes */
    struct pl_str node; /* Where it lives; at most 64 bytes */
    enum pl_actor_row_state state; /* waiting: for its restart; one of new, up, waiting, down, stopped */
    uint32_t mailbox; /* Messages that wait in the user lane */
    uint32_t mailbox_system; /* Messages that wait in the system lane */
    uint32_t limit; /* Of the user lane */
    uint32_t high_water; /* Most messages that ever waited */
    uint64_t handled; /* Messages */
    uint64_t restarts; /* After failures */
    uint64_t wait_p50_us; /* From arrival to handler; in us */
    uint64_t wait_p99_us; /* The same; in us */
    uint64_t run_p50_us; /* Of its handlers; in us */
    uint64_t run_p99_us; /* The same; in us */
    uint64_t slow; /* Handlers that took 5 ms or more; always 0 of an actor that may block */
    uint64_t stalls; /* Of these, handlers that took 50 ms or more */
    bool has_last_error;
    struct pl_str last_error; /* Code of its last failure and the message that it failed on; at most 192 bytes */
    bool has_last_error_ms;
    uint64_t last_error_ms; /* Wall clock of it; in ms */
    bool has_message;
    struct pl_str message; /* Type of the message that is next; at most 64 bytes */
    bool has_message_age_us;
    uint64_t message_age_us; /* How long it waits already; in us */
    struct pl_bin unknown; /* key-value pairs this version does not know, as they came */
    uint32_t unknown_count;
};
extern const struct pl_type pl_actor_row_type;
extern const struct pl_shape pl__actor_row_shape;

enum pl_figure_row_kind { PL_FIGURE_ROW_KIND_COUNTER, PL_FIGURE_ROW_KIND_GAUGE, PL_FIGURE_ROW_KIND_HISTOGRAM };
const char *pl_figure_row_kind_name(enum pl_figure_row_kind value);
/* figure_row: A number of /metrics. */
struct pl_figure_row {
    struct pl_str name; /* As in /metrics; at most 128 bytes */
    struct pl_str labels; /* As in /metrics; may be empty; at most 512 bytes */
    struct pl_str node; /* Whose; at most 64 bytes */
    enum pl_figure_row_kind kind; /* What it is; one of counter, gauge, histogram */
    double value; /* Of a histogram the sum */
    uint64_t count; /* Of a histogram: what was observed; default 0 */
    double p50; /* Of a histogram, within its buckets; default 0 */
    double p99; /* The same; default 0 */
    struct pl_bin unknown; /* key-value pairs this version does not know, as they came */
    uint32_t unknown_count;
};
extern const struct pl_type pl_figure_row_type;
extern const struct pl_shape pl__figure_row_shape;

/* node.top: What every node of the service is doing. */
struct pl_node_top {
    struct pl_bin unknown; /* key-value pairs this version does not know, as they came */
    uint32_t unknown_count;
};
extern const struct pl_type pl_node_top_type;

/* node.state: Nodes, actors and numbers at one moment. */
struct pl_node_state {
    uint64_t at_ms; /* Wall clock; in ms */
    struct pl_node_row *nodes; /* The service first; at most 64 items */
    uint32_t nodes_count;
    struct pl_actor_row *actors; /* Of all nodes; at most 512 items */
    uint32_t actors_count;
    struct pl_figure_row *figures; /* Of all nodes; at most 16384 items */
    uint32_t figures_count;
    struct pl_bin unknown; /* key-value pairs this version does not know, as they came */
    uint32_t unknown_count;
};
extern const struct pl_type pl_node_state_type;

/* letter_row: A dead letter; its text is kept in memory for a replay, and never shown. */
struct pl_letter_row {
    struct pl_str letter; /* Its name: node and number; at most 96 bytes */
    uint64_t at_ms; /* Wall clock of its death; in ms */
    struct pl_str cause; /* Error code; at most 32 bytes */
    struct pl_str type; /* Of the message; at most 64 bytes */
    struct pl_str from; /* Sender; at most 64 bytes */
    struct pl_str to; /* Receiver; at most 64 bytes */
    bool has_trace;
    struct pl_str trace; /* W3C traceparent; at most 64 bytes */
    uint64_t bytes; /* Memory that it takes */
    bool kept; /* False: too large or too old to be replayed */
    bool replayed; /* It was sent again; default false */
    struct pl_bin unknown; /* key-value pairs this version does not know, as they came */
    uint32_t unknown_count;
};
extern const struct pl_type pl_letter_row_type;
extern const struct pl_shape pl__letter_row_shape;

/* letters.list: Dead letters of all nodes: the newest 1,024 of each. */
struct pl_letters_list {
    struct pl_bin unknown; /* key-value pairs this version does not know, as they came */
    uint32_t unknown_count;
};
extern const struct pl_type pl_letters_list_type;

/* letters.listed: Dead letters, oldest first. */
struct pl_letters_listed {
    uint64_t total; /* Since the nodes' start, also those that are no longer listed */
    struct pl_letter_row *letters; /* Rows; at most 16384 items */
    uint32_t letters_count;
    struct pl_bin unknown; /* key-value pairs this version does not know, as they came */
    uint32_t unknown_count;
};
extern const struct pl_type pl_letters_listed_type;

/* letters.replay: Send a dead letter again to its receiver, once, with no deadline. */
struct pl_letters_replay {
    struct pl_str letter; /* Its name; 1 to 96 bytes */
    struct pl_bin unknown; /* key-value pairs this version does not know, as they came */
    uint32_t unknown_count;
};
extern const struct pl_type pl_letters_replay_type;

/* letters.replayed: It was sent again; what becomes of it is told like of any message. */
struct pl_letters_replayed {
    struct pl_str letter; /* Its name; at most 96 bytes */
    struct pl_str to; /* Receiver; at most 64 bytes */
    struct pl_bin unknown; /* key-value pairs this version does not know, as they came */
    uint32_t unknown_count;
};
extern const struct pl_type pl_letters_replayed_type;

/* backup.create: Make a checkpoint of the store, which `parlance backup create` then hashes and moves into place. Only useful on the machine of the service. */
struct pl_backup_create {
    struct pl_str name; /* Letters, digits, dots, dashes; no dot in front; 1 to 64 bytes, no control characters */
    bool has_dir;
    struct pl_str dir; /* Where the backup will lie, for the audit record; at most 1024 bytes */
    struct pl_bin unknown; /* key-value pairs this version does not know, as they came */
    uint32_t unknown_count;
};
extern const struct pl_type pl_backup_create_type;

/* backup.created: The checkpoint is on disk and holds every write that was acknowledged before. */
struct pl_backup_created {
    struct pl_str path; /* DATA/backups/.NAME.partial, with store/ in it; at most 1200 bytes */
    struct pl_str time; /* RFC 3339, UTC; at most 32 bytes */
    uint64_t sequence; /* Number of the newest write in it */
    struct pl_bin unknown; /* key-value pairs this version does not know, as they came */
    uint32_t unknown_count;
};
extern const struct pl_type pl_backup_created_type;

#endif
