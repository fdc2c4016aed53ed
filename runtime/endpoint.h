/* endpoint.h - addresses: inproc://NAME, ipc://PATH, tcp://HOST:PORT. Pure but for pl__endpoint_make_room. */
#ifndef PL_RUNTIME_ENDPOINT_H
#define PL_RUNTIME_ENDPOINT_H

#include <stdbool.h>
#include <stdint.h>

#include "schemas/err.h"

enum pl__transport { PL__INPROC, PL__IPC, PL__TCP };
struct pl__endpoint {
    enum pl__transport transport;
    char text[256]; /* as ZeroMQ takes it */
    char path[108]; /* of ipc: as the kernel takes it */
    char host[64];  /* of tcp: numeric, without brackets */
    uint16_t port;  /* of tcp; 0: any that is free */
    bool ipv6;
    bool local; /* inproc, ipc or loopback: nobody reaches it from another machine */
};

/* -PL_E_INVALID for what is none of the three, -PL_E_FORBIDDEN for tcp to anything but loopback: others could
 * read and write there, since there are no keys. */
int pl__endpoint_parse(const char *text, struct pl__endpoint *out, struct pl_err *err);
/* The same without that rule, for sockets with keys: any numeric address of tcp, `*` for all of IPv4. */
int pl__endpoint_parse_any(const char *text, struct pl__endpoint *out, struct pl_err *err);
/* HOST:PORT alone, with the same rules. */
int pl__endpoint_parse_tcp(const char *host_port, struct pl__endpoint *out, struct pl_err *err);
/* Before a bind to ipc: the directory is made private, the socket file of a process that is gone is removed.
 * -PL_E_IO when somebody listens there or the file is no socket; -PL_E_FORBIDDEN for an open directory. */
int pl__endpoint_make_room(const struct pl__endpoint *e, struct pl_err *err);
/* Binds a plain socket to a tcp endpoint and closes it, so that an address that cannot be had is told; a free port is put
 * in place of 0. Does nothing for the others. -PL_E_IO. */
int pl__endpoint_probe(struct pl__endpoint *e, struct pl_err *err);

#endif
