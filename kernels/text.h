/* text.h - a text that grows. Owned by one thread; zero-initialised = empty. */
#ifndef PL_KERNELS_TEXT_H
#define PL_KERNELS_TEXT_H

#include <stddef.h>

struct pl__text {
    char *bytes; /* not NUL-terminated */
    size_t len, capacity;
};

/* Appends LEN bytes. 0 or -PL_E_NO_MEMORY, then the text is unchanged. */
int pl__text_add(struct pl__text *t, const void *bytes, size_t len);
void pl__text_finish(struct pl__text *t);

#endif
