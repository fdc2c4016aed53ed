/* Fuzzes the request of /metrics: the first byte says how the bytes arrive, a piece at a time as from a
 * socket. However they are cut, the verdict is the same; a path lies inside of the head and holds no space,
 * no line end, no query. */
#include "runtime/http_head.h"
#include "tests/fuzz/fuzz.h"

enum { HEAD_BYTES = 8192 };

static enum pl__http_head whole(const uint8_t *data, size_t size, char *head, const char **path)
{
    memcpy(head, data, size);
    head[size] = '\0';
    return pl__http_head(head, size, path);
}

/* As runtime/http.c reads: after each piece the head is looked at, until it is more than partial. */
static enum pl__http_head cut(const uint8_t *data, size_t size, uint8_t step, size_t *used)
{
    char head[HEAD_BYTES];
    const char *path;
    enum pl__http_head verdict = PL__HTTP_PARTIAL;
    for (*used = 0; *used < size && verdict == PL__HTTP_PARTIAL;) {
        size_t more = 1 + step % 64;
        *used += more < size - *used ? more : size - *used;
        verdict = whole(data, *used, head, &path);
    }
    return verdict;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char head[HEAD_BYTES];
    const char *path = NULL;
    size_t used;
    if (size < 1 || size > HEAD_BYTES) return 0;
    enum pl__http_head first = cut(data + 1, size - 1, data[0], &used);
    enum pl__http_head same = whole(data + 1, used, head, &path);
    PL_MUST(first == same);
    if (same == PL__HTTP_GET) {
        PL_MUST(path > head && path < head + used && strlen(path) < used);
        PL_MUST(!strpbrk(path, " \r\n?"));
    }
    return 0;
}
