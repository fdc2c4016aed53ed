/* trouble.c - errors for people: one line on stderr. */
#include "ops/cli/cli.h"

#include <stdarg.h>
#include <stdio.h>

int cli_fail(const struct pl_err *err)
{
    const char *field = err->field;
    fprintf(stderr, "parlance: %s%s%s (%s)\n", field, *field ? ": " : "", err->text,
            pl_error_name(err->code));
    return CLI_FAILED;
}

int cli_usage(const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    fputs("parlance: ", stderr);
    vfprintf(stderr, fmt, args);
    fputc('\n', stderr);
    va_end(args);
    return CLI_USAGE;
}
