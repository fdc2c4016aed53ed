/* http_head.h - the head of an HTTP/1 request, as far as /metrics needs it. Pure. */
#ifndef PL_RUNTIME_HTTP_HEAD_H
#define PL_RUNTIME_HTTP_HEAD_H

#include <stddef.h>

enum pl__http_head {
    PL__HTTP_PARTIAL, /* the empty line is still to come */
    PL__HTTP_BINARY,  /* a zero byte: no head at all */
    PL__HTTP_BAD,     /* not METHOD SP PATH[?QUERY] SP HTTP/1.y */
    PL__HTTP_OTHER,   /* another method than GET */
    PL__HTTP_GET
};
/* HEAD: LEN bytes and a NUL after them; the request line is cut into its words in place. *PATH: of a GET,
 * without its query, lent as long as HEAD. */
enum pl__http_head pl__http_head(char *head, size_t len, const char **path);

#endif
