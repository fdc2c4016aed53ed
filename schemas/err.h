/* err.h - how every layer reports a failure.
 *
 * A function returns 0 or the negative of a code of the one list (schemas/errors.json, generated into
 * schemas/gen/errors.h). Detail for a person goes into a caller's struct pl_err, which may be NULL.
 * A bug of ours is not an error code: PL_MUST stops the process and is never compiled out.
 * Thread safe: nothing here has state. */
#ifndef PL_SCHEMAS_ERR_H
#define PL_SCHEMAS_ERR_H

#include <stddef.h>
#include "schemas/gen/errors.h"

struct pl_err {
    int code;        /* one of enum pl_error, positive; 0 when nothing failed */
    char field[64];  /* the message field, option, tensor or file that is at fault; may be empty */
    char text[320];  /* one sentence for a person */
    const char *file; /* place in our source, static */
    int line;
};

/* Fills ERR (borrowed, may be NULL) and returns -CODE, so that `return pl_fail(err, PL_E_IO, "path", "...")` works.
 * FIELD may be NULL. Does not block or allocate; over-long texts are cut at a character. */
#define pl_fail(err, code, field, ...) pl_err_set((err), (code), (field), __FILE__, __LINE__, __VA_ARGS__)
int pl_err_set(struct pl_err *err, int code, const char *field, const char *file, int line, const char *fmt, ...)
    __attribute__((format(printf, 6, 7)));

/* Name of a code as it stands on the wire ("invalid"); "internal" for a number not in the list. Static string. */
const char *pl_error_name(int code);
/* Default sentence of a code. Static string. */
const char *pl_error_text(int code);
/* Code of a wire name; 0 when unknown. */
int pl_error_code(const char *name, size_t len);

/* A condition that only a bug of ours can break: says where and aborts. */
#define PL_MUST(cond) ((cond) ? (void)0 : pl_must_failed(#cond, __FILE__, __LINE__))
void pl_must_failed(const char *cond, const char *file, int line) __attribute__((noreturn));

#endif
