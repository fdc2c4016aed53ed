/* progress.c - a bar on stderr for long work, when stderr is a terminal. */
#include <stdio.h>
#include <unistd.h>
#include "ops/cli/cli.h"

enum { BAR = 30 };

void cli_progress(uint64_t done, uint64_t total, void *arg)
{
    static int shown = -1;
    static int terminal = -1;
    int percent = total ? (int)((double)done * 100 / (double)total) : 100;
    if (terminal < 0) terminal = isatty(STDERR_FILENO);
    if (percent > 100) percent = 100;
    if (!terminal || percent == shown) return;
    shown = percent;
    int full = percent * BAR / 100;
    fprintf(stderr, "\r%s [%.*s%*s] %3d%%", (const char *)arg, full,
            "==============================", BAR - full, "", percent);
    if (percent == 100) fputc('\n', stderr);
}
