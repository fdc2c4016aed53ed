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
    PL_T_BACKUP_CREATE = 4, /* backup.create */
    PL_T_BACKUP_CREATED = 5, /* backup.created */
    PL_T_CHAT_ACCEPTED = 6, /* chat.accepted */
    PL_T_CHAT_CANCEL = 7, /* chat.cancel */
    PL_T_CHAT_DELTA = 8, /* chat.delta */
    PL_T_CHAT_DONE = 9, /* chat.done */
    PL_T_CHAT_ERROR = 10, /* chat.error */
    PL_T_CHAT_REQUEST = 11, /* chat.request */
    PL_T_CHAT_RESUME = 12, /* chat.resume */
    PL_T_ENVELOPE = 13, /* envelope */
    PL_T_EXEC_READY = 14, /* exec.ready */
    PL_T_EXEC_STEP = 15, /* exec.step */
    PL_T_EXEC_STEPPED = 16, /* exec.stepped */
    PL_T_EXEC_COPY = 17, /* exec_copy */
    PL_T_EXEC_OPEN = 18, /* exec_open */
    PL_T_EXEC_RESULT = 19, /* exec_result */
    PL_T_EXEC_SEQ = 20, /* exec_seq */
    PL_T_FEEDBACK_ADD = 21, /* feedback.add */
    PL_T_FEEDBACK_COUNTED = 22, /* feedback.counted */
    PL_T_FEEDBACK_LIST = 23, /* feedback.list */
    PL_T_FEEDBACK_LISTED = 24, /* feedback.listed */
    PL_T_FEEDBACK_STATS = 25, /* feedback.stats */
    PL_T_FEEDBACK_STORED = 26, /* feedback.stored */
    PL_T_FEEDBACK_ROW = 27, /* feedback_row */
    PL_T_FIGURE_ROW = 28, /* figure_row */
    PL_T_GEN_CANCEL = 29, /* gen.cancel */
    PL_T_GEN_DONE = 30, /* gen.done */
    PL_T_GEN_SUBMIT = 31, /* gen.submit */
    PL_T_GEN_TOKENS = 32, /* gen.tokens */
    PL_T_LETTER_ROW = 33, /* letter_row */
    PL_T_LETTERS_LIST = 34, /* letters.list */
    PL_T_LETTERS_LISTED = 35, /* letters.listed */
    PL_T_LETTERS_REPLAY = 36, /* letters.replay */
    PL_T_LETTERS_REPLAYED = 37, /* letters.replayed */
    PL_T_CHAT_MESSAGE_PART = 38, /* message */
    PL_T_NET_FRAME = 39, /* net.frame */
    PL_T_NODE_BYE = 40, /* node.bye */
    PL_T_NODE_HELLO = 41, /* node.hello */
    PL_T_NODE_METRICS = 42, /* node.metrics */
    PL_T_NODE_STATE = 43, /* node.state */
    PL_T_NODE_TOP = 44, /* node.top */
    PL_T_NODE_ROW = 45, /* node_row */
    PL_T_PING = 46, /* ping */
    PL_T_PONG = 47, /* pong */
    PL_T_REC_COUNTER = 48, /* rec.counter */
    PL_T_REC_FEEDBACK = 49, /* rec.feedback */
    PL_T_REC_REQUEST = 50, /* rec.request */
    PL_T_REC_RETRAIN = 51, /* rec.retrain */
    PL_T_REC_SESSION = 52, /* rec.session */
    PL_T_REC_TURN = 53, /* rec.turn */
    PL_T_RETRAIN_REQUEST = 54, /* retrain.request */
    PL_T_RETRAIN_STATE = 55, /* retrain.state */
    PL_T_RETRAIN_STATUS = 56, /* retrain.status */
    PL_T_SESSION_ROW = 57, /* session_row */
    PL_T_SESSIONS_DELETE = 58, /* sessions.delete */
    PL_T_SESSIONS_DELETED = 59, /* sessions.deleted */
    PL_T_SESSIONS_LIST = 60, /* sessions.list */
    PL_T_SESSIONS_LISTED = 61, /* sessions.listed */
    PL_T_SESSIONS_SHOW = 62, /* sessions.show */
    PL_T_SESSIONS_SHOWN = 63, /* sessions.shown */
    PL_T_STORE_FAILED = 64, /* store.failed */
    PL_T_STORE_GET = 65, /* store.get */
    PL_T_STORE_ROWS = 66, /* store.rows */
    PL_T_STORE_SCAN = 67, /* store.scan */
    PL_T_STORE_VALUES = 68, /* store.values */
    PL_T_STORE_WRITE = 69, /* store.write */
    PL_T_STORE_WRITTEN = 70, /* store.written */
    PL_T_STORE_KEY = 71, /* store_key */
    PL_T_STORE_OP = 72, /* store_op */
    PL_T_STORE_ROW = 73, /* store_row */
    PL_T_STORED_DELTA = 74, /* stored_delta */
    PL_T_SYS_DOWN = 75, /* sys.down */
    PL_T_SYS_PING = 76, /* sys.ping */
    PL_T_SYS_PONG = 77, /* sys.pong */
    PL_T_SYS_STOP = 78, /* sys.stop */
    PL_T_SYS_TIMER = 79, /* sys.timer */
    PL_T_SYS_UNDELIVERED = 80, /* sys.undelivered */
    PL_T_SYS_UP = 81, /* sys.up */
    PL_T_TOOL_CALL = 82, /* tool.call */
    PL_T_TOOL_CANCEL = 83, /* tool.cancel */
    PL_T_TOOL_DESCRIBED = 84, /* tool.described */
    PL_T_TOOL_HELLO = 85, /* tool.hello */
    PL_T_TOOL_RAN = 86, /* tool.ran */
    PL_T_TOOL_RESULT = 87, /* tool.result */
    PL_T_TOOL_RUN = 88, /* tool.run */
    PL_T_TOOL_DESCRIPTION = 89, /* tool_description */
    PL_T_TOOL_RECORD = 90, /* tool_record */
    PL_T_TURN_ROW = 91, /* turn_row */
    PL_T_USAGE = 92, /* usage */
    PL_T_END = 93
};

#endif
