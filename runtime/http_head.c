#include "runtime/http_head.h"

#include <string.h>

enum pl__http_head pl__http_head(char *head, size_t len, const char **path)
{
    if (strlen(head) != len) return PL__HTTP_BINARY;
    if (!strstr(head, "\r\n\r\n") && !strstr(head, "\n\n")) return PL__HTTP_PARTIAL;
    char *line_end = strpbrk(head, "\r\n"), *target = strchr(head, ' ');
    char *version = target ? strchr(target + 1, ' ') : NULL;
    if (!version || version > line_end || strncmp(version, " HTTP/1.", 8) != 0) return PL__HTTP_BAD;
    *target = *version = 0;
    target[1 + strcspn(target + 1, "?")] = 0;
    if (strcmp(head, "GET") != 0) return PL__HTTP_OTHER;
    *path = target + 1;
    return PL__HTTP_GET;
}
