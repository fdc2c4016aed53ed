/* wire_internal.h - what wire.c and record.c share: the head of a value, UTF-8, and the place of an error. */
#ifndef PL_SCHEMAS_WIRE_INTERNAL_H
#define PL_SCHEMAS_WIRE_INTERNAL_H

#include "schemas/wire.h"

enum { PL__PATH_BYTES = 64 };

/* One value's head: what it is, its number, or how many bytes or children follow the head. */
struct pl__head {
    enum pl_kind kind;
    uint8_t size; /* bytes of the head itself */
    uint64_t u;   /* PL_BOOL, PL_UINT; length of PL_STRING, PL_BYTES; count of PL_ARRAY, PL_MAP */
    int64_t i;    /* PL_NEGINT */
    double f;     /* PL_FLOAT */
};
/* Reads the head at C without consuming it. One that is returned fits into the bytes left, with its body or,
 * of an array or a map, with at least one byte for each child. -PL_E_INVALID otherwise. */
int pl__wire_head(const struct pl_cursor *c, struct pl__head *h);

bool pl__utf8_valid(const void *data, size_t len);
/* U+0000..001F or U+007F..009F in valid UTF-8. */
bool pl__has_control(struct pl_str s);

/* A place in a message, as a chain that lives on the stack of the walk: a key, or an index when KEY.ptr is
 * NULL. */
struct pl__place {
    const struct pl__place *up;
    struct pl_str key;
    uint32_t index;
};
/* Writes "messages[2].role" and a NUL, cut to SIZE at a character. Returns the bytes without the NUL. */
size_t pl__place_text(const struct pl__place *at, char *out, size_t size);
/* Copies S for a person: cut to fit at a character, control characters as '?'. Returns as above. */
size_t pl__shown(struct pl_str s, char *out, size_t size);
/* Fills ERR with the place and the sentence; returns -PL_E_INVALID. */
int pl__refuse(struct pl_err *err, const struct pl__place *at, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

#endif
