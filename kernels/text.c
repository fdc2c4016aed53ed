/* text.c - see text.h. */
#include "kernels/text.h"

#include <stdlib.h>
#include <string.h>
#include "schemas/err.h"

int pl__text_add(struct pl__text *t, const void *bytes, size_t len)
{
    if (len > t->capacity - t->len) {
        size_t capacity = (t->len + len) * 2;
        char *grown = realloc(t->bytes, capacity);
        if (!grown) return -PL_E_NO_MEMORY;
        t->bytes = grown;
        t->capacity = capacity;
    }
    if (len) memcpy(t->bytes + t->len, bytes, len);
    t->len += len;
    return 0;
}

void pl__text_finish(struct pl__text *t)
{
    free(t->bytes);
    *t = (struct pl__text){0};
}
