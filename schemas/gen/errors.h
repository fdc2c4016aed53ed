/* Generated from schemas/errors.json by schemas/generate.py; do not edit. */
#ifndef PL_SCHEMAS_GEN_ERRORS_H
#define PL_SCHEMAS_GEN_ERRORS_H

enum pl_error {
    PL_OK = 0,
    PL_E_INVALID = 1,
    PL_E_TOO_LARGE = 2,
    PL_E_UNKNOWN_TYPE = 3,
    PL_E_UNSUPPORTED = 4,
    PL_E_NOT_FOUND = 5,
    PL_E_CONFLICT = 6,
    PL_E_CONTEXT_LENGTH_EXCEEDED = 7,
    PL_E_OVERLOADED = 8,
    PL_E_DEADLINE_EXCEEDED = 9,
    PL_E_CANCELLED = 10,
    PL_E_UNAVAILABLE = 11,
    PL_E_FORBIDDEN = 12,
    PL_E_NUMERIC_ERROR = 13,
    PL_E_TOOL_FAILED = 14,
    PL_E_TOOL_TIMEOUT = 15,
    PL_E_CORRUPT = 16,
    PL_E_STORAGE = 17,
    PL_E_NO_MEMORY = 18,
    PL_E_IO = 19,
    PL_E_GONE = 20,
    PL_E_AGAIN = 21,
    PL_E_MODEL_UNSUPPORTED = 22,
    PL_E_INTERNAL = 23,
    PL_E_STORAGE_FULL = 24,
    PL_E_QUOTA_EXCEEDED = 25,
};

#define PL_ERRORS(X) \
    X(INVALID, invalid, 1, 400, "the request is not valid") \
    X(TOO_LARGE, too_large, 2, 413, "larger than the limit") \
    X(UNKNOWN_TYPE, unknown_type, 3, 400, "no such message type") \
    X(UNSUPPORTED, unsupported, 4, 400, "not supported") \
    X(NOT_FOUND, not_found, 5, 404, "not found") \
    X(CONFLICT, conflict, 6, 409, "conflicts with what is stored") \
    X(CONTEXT_LENGTH_EXCEEDED, context_length_exceeded, 7, 400, "the prompt does not fit the context") \
    X(OVERLOADED, overloaded, 8, 503, "no room now; try again later") \
    X(DEADLINE_EXCEEDED, deadline_exceeded, 9, 408, "the budget ran out") \
    X(CANCELLED, cancelled, 10, 499, "cancelled") \
    X(UNAVAILABLE, unavailable, 11, 503, "a part of the service is not up") \
    X(FORBIDDEN, forbidden, 12, 403, "not allowed here") \
    X(NUMERIC_ERROR, numeric_error, 13, 500, "the model produced a value that is not finite") \
    X(TOOL_FAILED, tool_failed, 14, 502, "the tool failed") \
    X(TOOL_TIMEOUT, tool_timeout, 15, 504, "the tool did not answer in time") \
    X(CORRUPT, corrupt, 16, 500, "stored or received data is damaged") \
    X(STORAGE, storage, 17, 507, "the store cannot write") \
    X(NO_MEMORY, no_memory, 18, 503, "out of memory") \
    X(IO, io, 19, 500, "input or output failed") \
    X(GONE, gone, 20, 410, "the peer is gone") \
    X(AGAIN, again, 21, 503, "would block") \
    X(MODEL_UNSUPPORTED, model_unsupported, 22, 400, "this model file cannot be served") \
    X(INTERNAL, internal, 23, 500, "an error of Parlance itself") \
    X(STORAGE_FULL, storage_full, 24, 507, "there is no room on the disk") \
    X(QUOTA_EXCEEDED, quota_exceeded, 25, 429, "the tenant's tokens of this day are used up")

#endif
