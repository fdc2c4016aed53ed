/* standby.h - a parlanced that waits beside the service of the same data directory, and takes its place.
 *
 *   following --lock free--> stopping --> exec of itself, with the lock, as the service
 *        |
 *        +--SIGTERM--> over
 *
 * It follows the store as a RocksDB secondary and answers what reads on DATA/standby.sock. A thread waits in
 * flock for DATA/lock, which the kernel gives it the moment the service's process is gone, however that
 * ended. */
#ifndef PL_OPS_DAEMON_STANDBY_H
#define PL_OPS_DAEMON_STANDBY_H

#include "ops/daemon/service.h"

/* Runs until it is stopped (*LOCK is -1) or holds DATA/lock: *LOCK is its descriptor then, and everything
 * else is closed. S was made for the service. Blocks. */
int pl_standby_run(struct pl_service *s, int *lock, struct pl_err *err);
/* Starts the program anew as the service that holds LOCK. Does not return but with an error. */
int pl_standby_become(struct pl_service *s, int argc, const char *const *argv, int lock, struct pl_err *err);
/* Waits for the sockets of the service that ended: its children die with it, though not in the same instant.
 */
int pl_standby_wait_listen(struct pl_service *s, struct pl_err *err);

#endif
