/* streams.h - the first thing that a program does: descriptors 0 to 2 that are closed are taken by /dev/null.
 * A file or socket of ours would get their numbers otherwise, and what is meant for people would be written
 * into it.
 *
 * Open for reading only: who closed its standard output is told that writing fails. */
#ifndef PL_OPS_STREAMS_H
#define PL_OPS_STREAMS_H

#include <fcntl.h>
#include <unistd.h>

static inline void pl_streams_hold(void)
{
    int fd;
    do fd = open("/dev/null", O_RDONLY);
    while (fd >= 0 && fd <= 2);
    if (fd > 2) close(fd);
}

#endif
