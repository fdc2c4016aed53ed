/* wrap.h - what the runtime does to messages on their way and actors may not: pass on, settle, check. */
#ifndef PL_RUNTIME_WRAP_H
#define PL_RUNTIME_WRAP_H

#include "runtime/msg.h"

/* A new envelope (`to` empty) over the body of M, which is kept alive. NULL when out of memory. */
struct pl_msg *pl__msg_wrap(struct pl_msg *m);
/* Frees the memory of past messages that this thread keeps for new ones; called when a node ends. */
void pl__msg_forget_kept(void);
/* Sets the has_ flags of the envelope's strings: there when not empty. */
void pl__msg_settle(struct pl_msg *m);
/* The limits of the schema, as a receiver behind a link would check them. */
int pl__msg_check(const struct pl_msg *m, struct pl_err *err);

#endif
