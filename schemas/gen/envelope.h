/* Generated from schemas/envelope.json by schemas/generate.py; do not edit. */
#ifndef PL_SCHEMAS_GEN_ENVELOPE_H
#define PL_SCHEMAS_GEN_ENVELOPE_H

/* What every message has around its body. One frame is one msgpack map. */
#include "schemas/wire.h"

/* envelope: The envelope. */
struct pl_envelope {
    uint32_t v; /* Version of the protocol; 1; 1 to 1; default 1 */
    bool has_id;
    struct pl_str id; /* Chosen by the producer, unique in its tenant; the clients draw a UUIDv7 when none is given. Replies carry none; 1 to 64 bytes, no control characters */
    struct pl_str type; /* Name of the message, such as chat.request; 1 to 64 bytes */
    bool has_from;
    struct pl_str from; /* Actor that sent it; empty outside the service; at most 64 bytes */
    bool has_to;
    struct pl_str to; /* Actor that shall receive it; empty outside the service; at most 64 bytes */
    bool has_reply_to;
    struct pl_str reply_to; /* Actor that shall receive the answer when it is not the sender; at most 64 bytes */
    bool has_correlation;
    struct pl_str correlation; /* In a reply: the id of the request; at most 64 bytes */
    bool has_session;
    struct pl_str session; /* Name of the dialogue; at most 128 bytes, no control characters */
    bool has_user;
    struct pl_str user; /* Who speaks; default: the session's user, else the session's name; at most 128 bytes, no control characters */
    bool has_tenant;
    struct pl_str tenant; /* Set by the service from the authenticated key; a sender's own word counts only where that is allowed; at most 64 bytes, no control characters */
    bool has_key;
    struct pl_str key; /* Name of the sender's key, set by the service for its audit record; a sender's own word counts nowhere; at most 64 bytes */
    bool has_budget_ms;
    uint64_t budget_ms; /* Time left for the work, from the moment of sending. Absent: no deadline; in ms; at most 86400000 */
    bool has_attempt;
    uint32_t attempt; /* 0 for the first delivery; at most 1000000 */
    bool has_trace;
    struct pl_str trace; /* W3C traceparent; at most 64 bytes */
    bool has_body;
    struct pl_bin body; /* The record that the type names */
    struct pl_bin unknown; /* key-value pairs this version does not know, as they came */
    uint32_t unknown_count;
};
extern const struct pl_type pl_envelope_type;

#endif
