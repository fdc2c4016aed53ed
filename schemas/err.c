#include "schemas/err.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct {
    int code;
    const char *name, *text;
} errors[] = {
#define X(upper, name, number, http, text) {number, #name, text},
    PL_ERRORS(X)
#undef X
};

#define ERRORS_COUNT (sizeof errors / sizeof errors[0])

const char *pl_error_name(int code)
{
    for (size_t i = 0; i < ERRORS_COUNT; i++)
        if (errors[i].code == code) return errors[i].name;
    return "internal";
}

const char *pl_error_text(int code)
{
    for (size_t i = 0; i < ERRORS_COUNT; i++)
        if (errors[i].code == code) return errors[i].text;
    return "an error of Parlance itself";
}

int pl_error_code(const char *name, size_t len)
{
    for (size_t i = 0; i < ERRORS_COUNT; i++)
        if (strlen(errors[i].name) == len && memcmp(errors[i].name, name, len) == 0) return errors[i].code;
    return 0;
}

/* A text that was cut must stay valid UTF-8, because it goes on the wire. */
static void cut_at_character(char *text, size_t size, int wanted)
{
    if (wanted < 0) {
        text[0] = 0;
        return;
    }
    if ((size_t)wanted < size) return;
    size_t n = size - 1, start = n;
    while (start > 0 && ((unsigned char)text[start - 1] & 0xC0) == 0x80) start--;
    if (start == 0) return;
    unsigned char lead = (unsigned char)text[start - 1];
    size_t need = lead < 0x80 ? 1 : lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : 2;
    if (n - (start - 1) < need) text[start - 1] = 0;
}

int pl_err_set(struct pl_err *err, int code, const char *field, const char *file, int line, const char *fmt,
               ...)
{
    if (!err) return -code;
    err->code = code;
    err->file = file;
    err->line = line;
    snprintf(err->field, sizeof err->field, "%s", field ? field : "");
    va_list ap;
    va_start(ap, fmt);
    int n = vsnprintf(err->text, sizeof err->text, fmt, ap);
    va_end(ap);
    cut_at_character(err->text, sizeof err->text, n);
    return -code;
}

void pl_must_failed(const char *cond, const char *file, int line)
{
    fprintf(stderr, "parlance: bug: %s:%d: %s does not hold\n", file, line, cond);
    abort();
}
