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
    PL_T_REC_TENANT_DAY = 53, /* rec.tenant_day */
    PL_T_REC_TURN = 54, /* rec.turn */
    PL_T_RETRAIN_REQUEST = 55, /* retrain.request */
    PL_T_RETRAIN_STATE = 56, /* retrain.state */
    PL_T_RETRAIN_STATUS = 57, /* retrain.status */
    PL_T_SESSION_ROW = 58, /* session_row */
    PL_T_SESSIONS_DELETE = 59, /* sessions.delete */
    PL_T_SESSIONS_DELETED = 60, /* sessions.deleted */
    PL_T_SESSIONS_LIST = 61, /* sessions.list */
    PL_T_SESSIONS_LISTED = 62, /* sessions.listed */
    PL_T_SESSIONS_SHOW = 63, /* sessions.show */
    PL_T_SESSIONS_SHOWN = 64, /* sessions.shown */
    PL_T_STORE_FAILED = 65, /* store.failed */
    PL_T_STORE_FORGET = 66, /* store.forget */
    PL_T_STORE_FORGOTTEN = 67, /* store.forgotten */
    PL_T_STORE_GET = 68, /* store.get */
    PL_T_STORE_ROTATE = 69, /* store.rotate */
    PL_T_STORE_ROTATED = 70, /* store.rotated */
    PL_T_STORE_ROWS = 71, /* store.rows */
    PL_T_STORE_SCAN = 72, /* store.scan */
    PL_T_STORE_VALUES = 73, /* store.values */
    PL_T_STORE_WRITE = 74, /* store.write */
    PL_T_STORE_WRITTEN = 75, /* store.written */
    PL_T_STORE_KEY = 76, /* store_key */
    PL_T_STORE_OP = 77, /* store_op */
    PL_T_STORE_ROW = 78, /* store_row */
    PL_T_STORED_DELTA = 79, /* stored_delta */
    PL_T_SYS_DOWN = 80, /* sys.down */
    PL_T_SYS_PING = 81, /* sys.ping */
    PL_T_SYS_PONG = 82, /* sys.pong */
    PL_T_SYS_STOP = 83, /* sys.stop */
    PL_T_SYS_TIMER = 84, /* sys.timer */
    PL_T_SYS_UNDELIVERED = 85, /* sys.undelivered */
    PL_T_SYS_UP = 86, /* sys.up */
    PL_T_TOOL_CALL = 87, /* tool.call */
    PL_T_TOOL_CANCEL = 88, /* tool.cancel */
    PL_T_TOOL_DESCRIBED = 89, /* tool.described */
    PL_T_TOOL_HELLO = 90, /* tool.hello */
    PL_T_TOOL_RAN = 91, /* tool.ran */
    PL_T_TOOL_RESULT = 92, /* tool.result */
    PL_T_TOOL_RUN = 93, /* tool.run */
    PL_T_TOOL_DESCRIPTION = 94, /* tool_description */
    PL_T_TOOL_RECORD = 95, /* tool_record */
    PL_T_TURN_ROW = 96, /* turn_row */
    PL_T_USAGE = 97, /* usage */
    PL_T_END = 98
};

#endif
