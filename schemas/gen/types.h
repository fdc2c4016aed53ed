/* Generated from schemas/<unit>.json by schemas/generate.py; do not edit. */
#ifndef PL_SCHEMAS_GEN_TYPES_H
#define PL_SCHEMAS_GEN_TYPES_H

#include "schemas/gen/envelope.h"
#include "schemas/gen/runtime.h"
#include "schemas/gen/chat.h"
#include "schemas/gen/generate.h"
#include "schemas/gen/admin.h"
#include "schemas/gen/records.h"

/* Sorted by name; the numbers are of this build only and never on the wire or on disk. */
enum pl_type_id {
    PL_T_NONE = 0,
    PL_T_AUDIT_ADD = 1, /* audit.add */
    PL_T_AUDIT_ADDED = 2, /* audit.added */
    PL_T_CHAT_ACCEPTED = 3, /* chat.accepted */
    PL_T_CHAT_CANCEL = 4, /* chat.cancel */
    PL_T_CHAT_DELTA = 5, /* chat.delta */
    PL_T_CHAT_DONE = 6, /* chat.done */
    PL_T_CHAT_ERROR = 7, /* chat.error */
    PL_T_CHAT_REQUEST = 8, /* chat.request */
    PL_T_CHAT_RESUME = 9, /* chat.resume */
    PL_T_ENVELOPE = 10, /* envelope */
    PL_T_EXEC_READY = 11, /* exec.ready */
    PL_T_EXEC_STEP = 12, /* exec.step */
    PL_T_EXEC_STEPPED = 13, /* exec.stepped */
    PL_T_EXEC_COPY = 14, /* exec_copy */
    PL_T_EXEC_OPEN = 15, /* exec_open */
    PL_T_EXEC_RESULT = 16, /* exec_result */
    PL_T_EXEC_SEQ = 17, /* exec_seq */
    PL_T_FEEDBACK_ADD = 18, /* feedback.add */
    PL_T_FEEDBACK_COUNTED = 19, /* feedback.counted */
    PL_T_FEEDBACK_LIST = 20, /* feedback.list */
    PL_T_FEEDBACK_LISTED = 21, /* feedback.listed */
    PL_T_FEEDBACK_STATS = 22, /* feedback.stats */
    PL_T_FEEDBACK_STORED = 23, /* feedback.stored */
    PL_T_FEEDBACK_ROW = 24, /* feedback_row */
    PL_T_GEN_CANCEL = 25, /* gen.cancel */
    PL_T_GEN_DONE = 26, /* gen.done */
    PL_T_GEN_SUBMIT = 27, /* gen.submit */
    PL_T_GEN_TOKENS = 28, /* gen.tokens */
    PL_T_CHAT_MESSAGE_PART = 29, /* message */
    PL_T_NET_FRAME = 30, /* net.frame */
    PL_T_NODE_BYE = 31, /* node.bye */
    PL_T_NODE_HELLO = 32, /* node.hello */
    PL_T_PING = 33, /* ping */
    PL_T_PONG = 34, /* pong */
    PL_T_REC_COUNTER = 35, /* rec.counter */
    PL_T_REC_FEEDBACK = 36, /* rec.feedback */
    PL_T_REC_REQUEST = 37, /* rec.request */
    PL_T_REC_RETRAIN = 38, /* rec.retrain */
    PL_T_REC_SESSION = 39, /* rec.session */
    PL_T_REC_TURN = 40, /* rec.turn */
    PL_T_RETRAIN_REQUEST = 41, /* retrain.request */
    PL_T_RETRAIN_STATE = 42, /* retrain.state */
    PL_T_RETRAIN_STATUS = 43, /* retrain.status */
    PL_T_SESSION_ROW = 44, /* session_row */
    PL_T_SESSIONS_DELETE = 45, /* sessions.delete */
    PL_T_SESSIONS_DELETED = 46, /* sessions.deleted */
    PL_T_SESSIONS_LIST = 47, /* sessions.list */
    PL_T_SESSIONS_LISTED = 48, /* sessions.listed */
    PL_T_SESSIONS_SHOW = 49, /* sessions.show */
    PL_T_SESSIONS_SHOWN = 50, /* sessions.shown */
    PL_T_STORE_FAILED = 51, /* store.failed */
    PL_T_STORE_GET = 52, /* store.get */
    PL_T_STORE_ROWS = 53, /* store.rows */
    PL_T_STORE_SCAN = 54, /* store.scan */
    PL_T_STORE_VALUES = 55, /* store.values */
    PL_T_STORE_WRITE = 56, /* store.write */
    PL_T_STORE_WRITTEN = 57, /* store.written */
    PL_T_STORE_KEY = 58, /* store_key */
    PL_T_STORE_OP = 59, /* store_op */
    PL_T_STORE_ROW = 60, /* store_row */
    PL_T_STORED_DELTA = 61, /* stored_delta */
    PL_T_SYS_DOWN = 62, /* sys.down */
    PL_T_SYS_PING = 63, /* sys.ping */
    PL_T_SYS_PONG = 64, /* sys.pong */
    PL_T_SYS_STOP = 65, /* sys.stop */
    PL_T_SYS_TIMER = 66, /* sys.timer */
    PL_T_SYS_UNDELIVERED = 67, /* sys.undelivered */
    PL_T_SYS_UP = 68, /* sys.up */
    PL_T_TOOL_CALL = 69, /* tool.call */
    PL_T_TOOL_CANCEL = 70, /* tool.cancel */
    PL_T_TOOL_DESCRIBED = 71, /* tool.described */
    PL_T_TOOL_HELLO = 72, /* tool.hello */
    PL_T_TOOL_RAN = 73, /* tool.ran */
    PL_T_TOOL_RESULT = 74, /* tool.result */
    PL_T_TOOL_RUN = 75, /* tool.run */
    PL_T_TOOL_DESCRIPTION = 76, /* tool_description */
    PL_T_TOOL_RECORD = 77, /* tool_record */
    PL_T_TURN_ROW = 78, /* turn_row */
    PL_T_USAGE = 79, /* usage */
    PL_T_END = 80
};

#endif
