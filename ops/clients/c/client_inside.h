/* client_inside.h - inside of the client library, shared by its files. */
#ifndef PARLANCE_CLIENT_INSIDE_H
#define PARLANCE_CLIENT_INSIDE_H

#include "ops/clients/c/parlance_client.h"

/* Monotonic milliseconds. */
uint64_t pl__client_now_ms(void);
/* Turns chat.error into an error of ours; returns its negative code. */
int pl__client_refusal(const struct pl_chat_error *e, struct pl_err *err);

#endif
