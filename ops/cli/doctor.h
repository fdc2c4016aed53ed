/* doctor.h - findings about a machine and a data directory: what is well, what may become trouble, what is
 * wrong. */
#ifndef PL_OPS_CLI_DOCTOR_H
#define PL_OPS_CLI_DOCTOR_H

#include "ops/cli/cli.h"

enum doctor_level { DOCTOR_OK, DOCTOR_WARNING, DOCTOR_PROBLEM };
struct doctor_finding {
    const char *check; /* static: "clock" */
    enum doctor_level level;
    char text[400]; /* one sentence */
    char fix[256];  /* one command, or empty when there is nothing to do */
};
enum { DOCTOR_MOST = 48 };
struct doctor {
    char data[1024];
    struct pl_config
        *daemon; /* the daemon's options as DATA/parlance.ini and the environment say; NULL: they are wrong */
    const char *model;        /* path; NULL: not known */
    bool data_there, running; /* a daemon holds DATA's lock */
    struct doctor_finding found[DOCTOR_MOST];
    int count;
};
/* FIX: a command, "" for nothing to do. What does not fit is left out. */
void doctor_say(struct doctor *d, enum doctor_level level, const char *check, const char *fix,
                const char *fmt, ...) __attribute__((format(printf, 5, 6)));

/* Each adds its findings; none changes anything but a file of its own in DATA, which it removes. */
void doctor_machine(struct doctor *d);                      /* limits, memory, processor, clock, kernel */
void doctor_data(struct doctor *d);                         /* disk, modes, keys, audit, backups */
void doctor_service(struct doctor *d, const struct cli *c); /* port, daemon, what it says of itself */

#endif
