/* signals.h - keeps signals away from the threads that libraries and we start: only the main loop takes them.
 */
#ifndef PL_RUNTIME_SIGNALS_H
#define PL_RUNTIME_SIGNALS_H

#include <pthread.h>
#include <signal.h>

/* Blocks all signals of this thread; threads made until pl__signals_restore inherit that. */
static inline void pl__signals_block(sigset_t *before)
{
    sigset_t all;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, before);
}
static inline void pl__signals_restore(const sigset_t *before)
{
    pthread_sigmask(SIG_SETMASK, before, NULL);
}

#endif
