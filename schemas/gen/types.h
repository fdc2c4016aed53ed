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
    PL_T_CHAT_ACCEPTED = 1, /* chat.accepted */
    PL_T_CHAT_CANCEL = 2, /* chat.cancel */
    PL_T_CHAT_DELTA = 3, /* chat.delta */
    PL_T_CHAT_DONE = 4, /* chat.done */
    PL_T_CHAT_ERROR = 5, /* chat.error */
    PL_T_CHAT_REQUEST = 6, /* chat.request */
    PL_T_CHAT_RESUME = 7, /* chat.resume */
    PL_T_ENVELOPE = 8, /* envelope */
    PL_T_EXEC_READY = 9, /* exec.ready */
    PL_T_EXEC_STEP = 10, /* exec.step */
    PL_T_EXEC_STEPPED = 11, /* exec.stepped */
    PL_T_EXEC_COPY = 12, /* exec_copy */
    PL_T_EXEC_OPEN = 13, /* exec_open */
    PL_T_EXEC_RESULT = 14, /* exec_result */
    PL_T_EXEC_SEQ = 15, /* exec_seq */
    PL_T_FEEDBACK_ADD = 16, /* feedback.add */
    PL_T_FEEDBACK_COUNTED = 17, /* feedback.counted */
    PL_T_FEEDBACK_LIST = 18, /* feedback.list */
    PL_T_FEEDBACK_LISTED = 19, /* feedback.listed */
    PL_T_FEEDBACK_STATS = 20, /* feedback.stats */
    PL_T_FEEDBACK_STORED = 21, /* feedback.stored */
    PL_T_FEEDBACK_ROW = 22, /* feedback_row */
    PL_T_GEN_CANCEL = 23, /* gen.cancel */
    PL_T_GEN_DONE = 24, /* gen.done */
    PL_T_GEN_SUBMIT = 25, /* gen.submit */
    PL_T_GEN_TOKENS = 26, /* gen.tokens */
    PL_T_CHAT_MESSAGE_PART = 27, /* message */
    PL_T_NET_FRAME = 28, /* net.frame */
    PL_T_NODE_BYE = 29, /* node.bye */
    PL_T_NODE_HELLO = 30, /* node.hello */
    PL_T_PING = 31, /* ping */
    PL_T_PONG = 32, /* pong */
    PL_T_REC_COUNTER = 33, /* rec.counter */
    PL_T_REC_FEEDBACK = 34, /* rec.feedback */
    PL_T_REC_REQUEST = 35, /* rec.request */
    PL_T_REC_RETRAIN = 36, /* rec.retrain */
    PL_T_REC_SESSION = 37, /* rec.session */
    PL_T_REC_TURN = 38, /* rec.turn */
    PL_T_RETRAIN_REQUEST = 39, /* retrain.request */
    PL_T_RETRAIN_STATE = 40, /* retrain.state */
    PL_T_RETRAIN_STATUS = 41, /* retrain.status */
    PL_T_SESSION_ROW = 42, /* session_row */
    PL_T_SESSIONS_DELETE = 43, /* sessions.delete */
    PL_T_SESSIONS_DELETED = 44, /* sessions.deleted */
    PL_T_SESSIONS_LIST = 45, /* sessions.list */
    PL_T_SESSIONS_LISTED = 46, /* sessions.listed */
    PL_T_SESSIONS_SHOW = 47, /* sessions.show */
    PL_T_SESSIONS_SHOWN = 48, /* sessions.shown */
    PL_T_STORE_FAILED = 49, /* store.failed */
    PL_T_STORE_GET = 50, /* store.get */
    PL_T_STORE_ROWS = 51, /* store.rows */
    PL_T_STORE_SCAN = 52, /* store.scan */
    PL_T_STORE_VALUES = 53, /* store.values */
    PL_T_STORE_WRITE = 54, /* store.write */
    PL_T_STORE_WRITTEN = 55, /* store.written */
    PL_T_STORE_KEY = 56, /* store_key */
    PL_T_STORE_OP = 57, /* store_op */
    PL_T_STORE_ROW = 58, /* store_row */
    PL_T_STORED_DELTA = 59, /* stored_delta */
    PL_T_SYS_DOWN = 60, /* sys.down */
    PL_T_SYS_PING = 61, /* sys.ping */
    PL_T_SYS_PONG = 62, /* sys.pong */
    PL_T_SYS_STOP = 63, /* sys.stop */
    PL_T_SYS_TIMER = 64, /* sys.timer */
    PL_T_SYS_UNDELIVERED = 65, /* sys.undelivered */
    PL_T_SYS_UP = 66, /* sys.up */
    PL_T_TOOL_CALL = 67, /* tool.call */
    PL_T_TOOL_CANCEL = 68, /* tool.cancel */
    PL_T_TOOL_DESCRIBED = 69, /* tool.described */
    PL_T_TOOL_HELLO = 70, /* tool.hello */
    PL_T_TOOL_RAN = 71, /* tool.ran */
    PL_T_TOOL_RESULT = 72, /* tool.result */
    PL_T_TOOL_RUN = 73, /* tool.run */
    PL_T_TOOL_DESCRIPTION = 74, /* tool_description */
    PL_T_TOOL_RECORD = 75, /* tool_record */
    PL_T_TURN_ROW = 76, /* turn_row */
    PL_T_USAGE = 77, /* usage */
    PL_T_END = 78
};

#endif
