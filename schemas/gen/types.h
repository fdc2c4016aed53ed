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
    PL_T_GEN_FLUSH = 31, /* gen.flush */
    PL_T_GEN_SUBMIT = 32, /* gen.submit */
    PL_T_GEN_TOKENS = 33, /* gen.tokens */
    PL_T_KEYS_ROTATE = 34, /* keys.rotate */
    PL_T_KEYS_ROTATED = 35, /* keys.rotated */
    PL_T_LETTER_ROW = 36, /* letter_row */
    PL_T_LETTERS_LIST = 37, /* letters.list */
    PL_T_LETTERS_LISTED = 38, /* letters.listed */
    PL_T_LETTERS_REPLAY = 39, /* letters.replay */
    PL_T_LETTERS_REPLAYED = 40, /* letters.replayed */
    PL_T_CHAT_MESSAGE_PART = 41, /* message */
    PL_T_NET_FRAME = 42, /* net.frame */
    PL_T_NODE_BYE = 43, /* node.bye */
    PL_T_NODE_HELLO = 44, /* node.hello */
    PL_T_NODE_METRICS = 45, /* node.metrics */
    PL_T_NODE_STATE = 46, /* node.state */
    PL_T_NODE_TOP = 47, /* node.top */
    PL_T_NODE_ROW = 48, /* node_row */
    PL_T_PING = 49, /* ping */
    PL_T_PONG = 50, /* pong */
    PL_T_REC_COUNTER = 51, /* rec.counter */
    PL_T_REC_FEEDBACK = 52, /* rec.feedback */
    PL_T_REC_REQUEST = 53, /* rec.request */
    PL_T_REC_RETRAIN = 54, /* rec.retrain */
    PL_T_REC_SESSION = 55, /* rec.session */
    PL_T_REC_TENANT_DAY = 56, /* rec.tenant_day */
    PL_T_REC_TURN = 57, /* rec.turn */
    PL_T_RETRAIN_REQUEST = 58, /* retrain.request */
    PL_T_RETRAIN_STATE = 59, /* retrain.state */
    PL_T_RETRAIN_STATUS = 60, /* retrain.status */
    PL_T_SESSION_ROW = 61, /* session_row */
    PL_T_SESSIONS_DELETE = 62, /* sessions.delete */
    PL_T_SESSIONS_DELETED = 63, /* sessions.deleted */
    PL_T_SESSIONS_FORGET = 64, /* sessions.forget */
    PL_T_SESSIONS_FORGOTTEN = 65, /* sessions.forgotten */
    PL_T_SESSIONS_LIST = 66, /* sessions.list */
    PL_T_SESSIONS_LISTED = 67, /* sessions.listed */
    PL_T_SESSIONS_SHOW = 68, /* sessions.show */
    PL_T_SESSIONS_SHOWN = 69, /* sessions.shown */
    PL_T_STORE_FAILED = 70, /* store.failed */
    PL_T_STORE_FORGET = 71, /* store.forget */
    PL_T_STORE_FORGOTTEN = 72, /* store.forgotten */
    PL_T_STORE_GET = 73, /* store.get */
    PL_T_STORE_ROWS = 74, /* store.rows */
    PL_T_STORE_SCAN = 75, /* store.scan */
    PL_T_STORE_VALUES = 76, /* store.values */
    PL_T_STORE_WRITE = 77, /* store.write */
    PL_T_STORE_WRITTEN = 78, /* store.written */
    PL_T_STORE_KEY = 79, /* store_key */
    PL_T_STORE_OP = 80, /* store_op */
    PL_T_STORE_ROW = 81, /* store_row */
    PL_T_STORED_DELTA = 82, /* stored_delta */
    PL_T_SYS_DOWN = 83, /* sys.down */
    PL_T_SYS_PING = 84, /* sys.ping */
    PL_T_SYS_PONG = 85, /* sys.pong */
    PL_T_SYS_STOP = 86, /* sys.stop */
    PL_T_SYS_TIMER = 87, /* sys.timer */
    PL_T_SYS_UNDELIVERED = 88, /* sys.undelivered */
    PL_T_SYS_UP = 89, /* sys.up */
    PL_T_TOOL_CALL = 90, /* tool.call */
    PL_T_TOOL_CANCEL = 91, /* tool.cancel */
    PL_T_TOOL_DESCRIBED = 92, /* tool.described */
    PL_T_TOOL_HELLO = 93, /* tool.hello */
    PL_T_TOOL_RAN = 94, /* tool.ran */
    PL_T_TOOL_RESULT = 95, /* tool.result */
    PL_T_TOOL_RUN = 96, /* tool.run */
    PL_T_TOOL_DESCRIPTION = 97, /* tool_description */
    PL_T_TOOL_RECORD = 98, /* tool_record */
    PL_T_TURN_ROW = 99, /* turn_row */
    PL_T_USAGE = 100, /* usage */
    PL_T_END = 101
};

#endif
