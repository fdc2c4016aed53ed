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
    PL_T_ACTOR_ROW = 1, /* actor_row */
    PL_T_AUDIT_ADD = 2, /* audit.add */
    PL_T_AUDIT_ADDED = 3, /* audit.added */
    PL_T_CHAT_ACCEPTED = 4, /* chat.accepted */
    PL_T_CHAT_CANCEL = 5, /* chat.cancel */
    PL_T_CHAT_DELTA = 6, /* chat.delta */
    PL_T_CHAT_DONE = 7, /* chat.done */
    PL_T_CHAT_ERROR = 8, /* chat.error */
    PL_T_CHAT_REQUEST = 9, /* chat.request */
    PL_T_CHAT_RESUME = 10, /* chat.resume */
    PL_T_ENVELOPE = 11, /* envelope */
    PL_T_EXEC_READY = 12, /* exec.ready */
    PL_T_EXEC_STEP = 13, /* exec.step */
    PL_T_EXEC_STEPPED = 14, /* exec.stepped */
    PL_T_EXEC_COPY = 15, /* exec_copy */
    PL_T_EXEC_OPEN = 16, /* exec_open */
    PL_T_EXEC_RESULT = 17, /* exec_result */
    PL_T_EXEC_SEQ = 18, /* exec_seq */
    PL_T_FEEDBACK_ADD = 19, /* feedback.add */
    PL_T_FEEDBACK_COUNTED = 20, /* feedback.counted */
    PL_T_FEEDBACK_LIST = 21, /* feedback.list */
    PL_T_FEEDBACK_LISTED = 22, /* feedback.listed */
    PL_T_FEEDBACK_STATS = 23, /* feedback.stats */
    PL_T_FEEDBACK_STORED = 24, /* feedback.stored */
    PL_T_FEEDBACK_ROW = 25, /* feedback_row */
    PL_T_FIGURE_ROW = 26, /* figure_row */
    PL_T_GEN_CANCEL = 27, /* gen.cancel */
    PL_T_GEN_DONE = 28, /* gen.done */
    PL_T_GEN_SUBMIT = 29, /* gen.submit */
    PL_T_GEN_TOKENS = 30, /* gen.tokens */
    PL_T_LETTER_ROW = 31, /* letter_row */
    PL_T_LETTERS_LIST = 32, /* letters.list */
    PL_T_LETTERS_LISTED = 33, /* letters.listed */
    PL_T_LETTERS_REPLAY = 34, /* letters.replay */
    PL_T_LETTERS_REPLAYED = 35, /* letters.replayed */
    PL_T_CHAT_MESSAGE_PART = 36, /* message */
    PL_T_NET_FRAME = 37, /* net.frame */
    PL_T_NODE_BYE = 38, /* node.bye */
    PL_T_NODE_HELLO = 39, /* node.hello */
    PL_T_NODE_STATE = 40, /* node.state */
    PL_T_NODE_TOP = 41, /* node.top */
    PL_T_NODE_ROW = 42, /* node_row */
    PL_T_PING = 43, /* ping */
    PL_T_PONG = 44, /* pong */
    PL_T_REC_COUNTER = 45, /* rec.counter */
    PL_T_REC_FEEDBACK = 46, /* rec.feedback */
    PL_T_REC_REQUEST = 47, /* rec.request */
    PL_T_REC_RETRAIN = 48, /* rec.retrain */
    PL_T_REC_SESSION = 49, /* rec.session */
    PL_T_REC_TURN = 50, /* rec.turn */
    PL_T_RETRAIN_REQUEST = 51, /* retrain.request */
    PL_T_RETRAIN_STATE = 52, /* retrain.state */
    PL_T_RETRAIN_STATUS = 53, /* retrain.status */
    PL_T_SESSION_ROW = 54, /* session_row */
    PL_T_SESSIONS_DELETE = 55, /* sessions.delete */
    PL_T_SESSIONS_DELETED = 56, /* sessions.deleted */
    PL_T_SESSIONS_LIST = 57, /* sessions.list */
    PL_T_SESSIONS_LISTED = 58, /* sessions.listed */
    PL_T_SESSIONS_SHOW = 59, /* sessions.show */
    PL_T_SESSIONS_SHOWN = 60, /* sessions.shown */
    PL_T_STORE_FAILED = 61, /* store.failed */
    PL_T_STORE_GET = 62, /* store.get */
    PL_T_STORE_ROWS = 63, /* store.rows */
    PL_T_STORE_SCAN = 64, /* store.scan */
    PL_T_STORE_VALUES = 65, /* store.values */
    PL_T_STORE_WRITE = 66, /* store.write */
    PL_T_STORE_WRITTEN = 67, /* store.written */
    PL_T_STORE_KEY = 68, /* store_key */
    PL_T_STORE_OP = 69, /* store_op */
    PL_T_STORE_ROW = 70, /* store_row */
    PL_T_STORED_DELTA = 71, /* stored_delta */
    PL_T_SYS_DOWN = 72, /* sys.down */
    PL_T_SYS_PING = 73, /* sys.ping */
    PL_T_SYS_PONG = 74, /* sys.pong */
    PL_T_SYS_STOP = 75, /* sys.stop */
    PL_T_SYS_TIMER = 76, /* sys.timer */
    PL_T_SYS_UNDELIVERED = 77, /* sys.undelivered */
    PL_T_SYS_UP = 78, /* sys.up */
    PL_T_TOOL_CALL = 79, /* tool.call */
    PL_T_TOOL_CANCEL = 80, /* tool.cancel */
    PL_T_TOOL_DESCRIBED = 81, /* tool.described */
    PL_T_TOOL_HELLO = 82, /* tool.hello */
    PL_T_TOOL_RAN = 83, /* tool.ran */
    PL_T_TOOL_RESULT = 84, /* tool.result */
    PL_T_TOOL_RUN = 85, /* tool.run */
    PL_T_TOOL_DESCRIPTION = 86, /* tool_description */
    PL_T_TOOL_RECORD = 87, /* tool_record */
    PL_T_TURN_ROW = 88, /* turn_row */
    PL_T_USAGE = 89, /* usage */
    PL_T_END = 90
};

#endif
