/* Generated from schemas/runtime.json by schemas/generate.py; do not edit. */
#ifndef PL_SCHEMAS_GEN_RUNTIME_H
#define PL_SCHEMAS_GEN_RUNTIME_H

/* Messages of the runtime itself: timers, links between processes, outside sockets, the store. */
#include "schemas/wire.h"

/* sys.timer: A timer of the receiving actor came due. */
struct pl_sys_timer {
    uint64_t timer; /* What pl_timer_start returned */
    uint32_t kind; /* Given by the actor */
    uint64_t arg; /* Given by the actor */
    struct pl_bin unknown; /* key-value pairs this version does not know, as they came */
    uint32_t unknown_count;
};
extern const struct pl_type pl_sys_timer_type;

/* sys.undelivered: A message of the receiving actor could not be delivered; it has been counted as a dead letter. */
struct pl_sys_undelivered {
    struct pl_str to; /* Its receiver; at most 64 bytes */
    struct pl_str type; /* Its type; at most 64 bytes */
    bool has_correlation;
    struct pl_str correlation; /* Its correlation; at most 64 bytes */
    uint32_t code; /* Error code: overloaded, not_found, gone, deadline_exceeded, invalid */
    uint64_t token; /* Its body's token, call, gen or step where it has one, else 0; default 0 */
    struct pl_bin unknown; /* key-value pairs this version does not know, as they came */
    uint32_t unknown_count;
};
extern const struct pl_type pl_sys_undelivered_type;

/* sys.up: A monitored actor is up. */
struct pl_sys_up {
    struct pl_str actor; /* Its name; at most 64 bytes */
    uint64_t incarnation; /* Counts its starts */
    struct pl_bin unknown; /* key-value pairs this version does not know, as they came */
    uint32_t unknown_count;
};
extern const struct pl_type pl_sys_up_type;

/* sys.down: A monitored actor went down. */
struct pl_sys_down {
    struct pl_str actor; /* Its name; at most 64 bytes */
    uint64_t incarnation; /* Of the one that went down */
    uint32_t code; /* Why */
    bool final; /* True when it will not be restarted; default false */
    struct pl_bin unknown; /* key-value pairs this version does not know, as they came */
    uint32_t unknown_count;
};
extern const struct pl_type pl_sys_down_type;

/* sys.stop: The node is stopping: finish what can be finished. */
struct pl_sys_stop {
    struct pl_bin unknown; /* key-value pairs this version does not know, as they came */
    uint32_t unknown_count;
};
extern const struct pl_type pl_sys_stop_type;

/* sys.ping: Heartbeat between nodes. */
struct pl_sys_ping {
    uint64_t seq; /* Echoed */
    bool metrics; /* The hub wants node.metrics as well; default false */
    struct pl_bin unknown; /* key-value pairs this version does not know, as they came */
    uint32_t unknown_count;
};
extern const struct pl_type pl_sys_ping_type;

/* sys.pong: Answer to sys.ping. */
struct pl_sys_pong {
    uint64_t seq; /* Of the ping */
    struct pl_bin unknown; /* key-value pairs this version does not know, as they came */
    uint32_t unknown_count;
};
extern const struct pl_type pl_sys_pong_type;

/* node.hello: First message of a node on its link: who it is and which actors live there. */
struct pl_node_hello {
    struct pl_str node; /* Name of the node; at most 64 bytes */
    uint64_t pid; /* Its process */
    uint64_t incarnation; /* Given to it when it was started */
    struct pl_str *actors; /* Actors that are up there; at most 64 items, each at most 64 bytes */
    uint32_t actors_count;
    struct pl_bin unknown; /* key-value pairs this version does not know, as they came */
    uint32_t unknown_count;
};
extern const struct pl_type pl_node_hello_type;

/* node.metrics: What a leaf has counted, as Prometheus text; with each heartbeat. */
struct pl_node_metrics {
    struct pl_str text; /* The page; at most 1048576 bytes */
    struct pl_bin unknown; /* key-value pairs this version does not know, as they came */
    uint32_t unknown_count;
};
extern const struct pl_type pl_node_metrics_type;

/* node.bye: The node stops by itself. */
struct pl_node_bye {
    struct pl_str node; /* Its name; at most 64 bytes */
    struct pl_bin unknown; /* key-value pairs this version does not know, as they came */
    uint32_t unknown_count;
};
extern const struct pl_type pl_node_bye_type;

/* net.frame: A message from an outside socket. */
struct pl_net_frame {
    uint32_t listener; /* Which socket */
    struct pl_bin peer; /* Routing id; at most 32 bytes */
    bool delimiter; /* The peer sent an empty frame first (REQ); default false */
    struct pl_bin bytes; /* The frame; at most 1048576 bytes */
    bool malformed; /* The peer sent something else than one frame; default false */
    bool has_tenant;
    struct pl_str tenant; /* Tenant of the peer's key; absent: a local peer without a key; at most 64 bytes */
    bool has_key;
    struct pl_str key; /* Name of the peer's key; at most 64 bytes */
    uint32_t roles; /* Bits of what the key may do: 1 producer, 2 tool, 4 operator, 8 auditor; default 0 */
    bool act_for; /* The key may name another tenant in the envelope; default false */
    struct pl_bin unknown; /* key-value pairs this version does not know, as they came */
    uint32_t unknown_count;
};
extern const struct pl_type pl_net_frame_type;

enum pl_store_op_op { PL_STORE_OP_OP_PUT, PL_STORE_OP_OP_DELETE, PL_STORE_OP_OP_DELETE_RANGE };
const char *pl_store_op_op_name(enum pl_store_op_op value);
/* store_op: One change of a commit. */
struct pl_store_op {
    enum pl_store_op_op op; /* What to do; one of put, delete, delete_range */
    struct pl_str family; /* Column family; at most 32 bytes */
    struct pl_bin key; /* Key; of a range the first; at most 1024 bytes */
    bool has_end;
    struct pl_bin end; /* Of a range: the first key after it; at most 1024 bytes */
    bool has_value;
    struct pl_bin value; /* Of a put; at most 16777216 bytes */
    bool has_tenant;
    struct pl_str tenant; /* Of a put: tenant of its owner; at most 64 bytes */
    bool has_user;
    struct pl_str user; /* Of a put: its owner, with whom it is forgotten; absent: nobody; at most 128 bytes */
    bool has_also;
    struct pl_str also; /* Of a put: a second owner of the same tenant; it is forgotten with either; at most 128 bytes */
    struct pl_bin unknown; /* key-value pairs this version does not know, as they came */
    uint32_t unknown_count;
};
extern const struct pl_type pl_store_op_type;
extern const struct pl_shape pl__store_op_shape;

/* store_key: A key to read. */
struct pl_store_key {
    struct pl_str family; /* Column family; at most 32 bytes */
    struct pl_bin key; /* Key; at most 1024 bytes */
    struct pl_bin unknown; /* key-value pairs this version does not know, as they came */
    uint32_t unknown_count;
};
extern const struct pl_type pl_store_key_type;
extern const struct pl_shape pl__store_key_shape;

/* store_row: A key and its value. */
struct pl_store_row {
    bool found; /* False: there is no such key; default true */
    struct pl_bin key; /* Key; at most 1024 bytes */
    bool has_value;
    struct pl_bin value; /* Value; at most 16777216 bytes */
    struct pl_bin unknown; /* key-value pairs this version does not know, as they came */
    uint32_t unknown_count;
};
extern const struct pl_type pl_store_row_type;
extern const struct pl_shape pl__store_row_shape;

/* store.write: Commit all of it or nothing; answered once it is on disk. */
struct pl_store_write {
    uint64_t token; /* Echoed */
    struct pl_store_op *ops; /* In order; at most 4096 items */
    uint32_t ops_count;
    struct pl_bin unknown; /* key-value pairs this version does not know, as they came */
    uint32_t unknown_count;
};
extern const struct pl_type pl_store_write_type;

/* store.written: The commit is on disk. */
struct pl_store_written {
    uint64_t token; /* Of the write */
    struct pl_bin unknown; /* key-value pairs this version does not know, as they came */
    uint32_t unknown_count;
};
extern const struct pl_type pl_store_written_type;

/* store.failed: The store could not do it; nothing has changed. */
struct pl_store_failed {
    uint64_t token; /* Of the request */
    uint32_t code; /* Error code */
    struct pl_str text; /* For a person; at most 512 bytes */
    struct pl_bin unknown; /* key-value pairs this version does not know, as they came */
    uint32_t unknown_count;
};
extern const struct pl_type pl_store_failed_type;

/* store.forget: Destroy the key of a user: every value that it owns counts as absent from now on, in backups too. */
struct pl_store_forget {
    uint64_t token; /* Echoed */
    struct pl_str tenant; /* Tenant; at most 64 bytes */
    struct pl_str user; /* User; at most 128 bytes */
    struct pl_bin unknown; /* key-value pairs this version does not know, as they came */
    uint32_t unknown_count;
};
extern const struct pl_type pl_store_forget_type;

/* store.forgotten: The key is destroyed; the rows are removed in the background. */
struct pl_store_forgotten {
    uint64_t token; /* Of the request */
    bool found; /* There was a key */
    struct pl_bin unknown; /* key-value pairs this version does not know, as they came */
    uint32_t unknown_count;
};
extern const struct pl_type pl_store_forgotten_type;

/* store.get: Read keys. */
struct pl_store_get {
    uint64_t token; /* Echoed */
    struct pl_store_key *keys; /* What to read; at most 1024 items */
    uint32_t keys_count;
    struct pl_bin unknown; /* key-value pairs this version does not know, as they came */
    uint32_t unknown_count;
};
extern const struct pl_type pl_store_get_type;

/* store.values: The rows of store.get, in its order. */
struct pl_store_values {
    uint64_t token; /* Of the request */
    struct pl_store_row *rows; /* In order of the keys; at most 1024 items */
    uint32_t rows_count;
    struct pl_bin unknown; /* key-value pairs this version does not know, as they came */
    uint32_t unknown_count;
};
extern const struct pl_type pl_store_values_type;

/* store.scan: Read a range of keys in order. */
struct pl_store_scan {
    uint64_t token; /* Echoed */
    struct pl_str family; /* Column family; at most 32 bytes */
    bool has_from;
    struct pl_bin from; /* First key; at most 1024 bytes */
    bool has_to;
    struct pl_bin to; /* First key after the range; empty: to the end of the family; at most 1024 bytes */
    uint32_t limit; /* Most rows; 1 to 4096; default 256 */
    bool reverse; /* From the end; default false */
    uint64_t max_bytes; /* Stop after this many bytes of rows; default 4194304 */
    struct pl_bin unknown; /* key-value pairs this version does not know, as they came */
    uint32_t unknown_count;
};
extern const struct pl_type pl_store_scan_type;

/* store.rows: The rows of store.scan. */
struct pl_store_rows {
    uint64_t token; /* Of the request */
    struct pl_store_row *rows; /* In order; at most 4096 items */
    uint32_t rows_count;
    bool more; /* There are more; default false */
    struct pl_bin unknown; /* key-value pairs this version does not know, as they came */
    uint32_t unknown_count;
};
extern const struct pl_type pl_store_rows_type;

/* audit.add: Add a line to the audit record: before an act with outcome intent, after it with done or failed. Answered by audit.added once it is on disk, or by store.failed. */
struct pl_audit_add {
    uint64_t token; /* Echoed */
    bool has_who;
    struct pl_str who; /* Name of the key of who asked; absent: this machine's user; at most 128 bytes */
    struct pl_str act; /* What is done: sessions.forget; at most 64 bytes */
    struct pl_str outcome; /* intent, done or failed; at most 16 bytes; default "done" */
    bool has_tenant;
    struct pl_str tenant; /* Tenant; at most 64 bytes */
    bool has_subject;
    struct pl_str subject; /* To what: an id, or the HMAC of a user; never a user's name; at most 128 bytes */
    bool has_detail;
    struct pl_str detail; /* For a person; at most 1024 bytes */
    struct pl_bin unknown; /* key-value pairs this version does not know, as they came */
    uint32_t unknown_count;
};
extern const struct pl_type pl_audit_add_type;

/* audit.added: The line is on disk. */
struct pl_audit_added {
    uint64_t token; /* Of audit.add */
    struct pl_bin unknown; /* key-value pairs this version does not know, as they came */
    uint32_t unknown_count;
};
extern const struct pl_type pl_audit_added_type;

#endif
