/* verdict.h - what the disk says, held against what clients were told.
 *
 * At any time, and after each crash:
 *   conservation   requests that were accepted are answered or in flight: records = answers + promises
 *   durable        what was told (accepted, done with its turn, rating stored) is on the disk
 *   queue bound    no more promises are open than there are places for
 * At the end, when all came to rest:
 *   one effect     one turn an id, one id a turn, turns numbered without gaps, each rating once, counters
 * agree order          turns of a session stand in the order of acceptance answer         what is stored was
 * told, and is what the model says to the ids that are stored before it */
#ifndef PL_TESTS_SIM_VERDICT_H
#define PL_TESTS_SIM_VERDICT_H

#include "tests/simulation/clients.h"

/* PLACES: promises that may be open. */
void verdict_now(struct clients *c, uint32_t places);
/* Returns the turns in which a tool was called. */
uint32_t verdict_at_end(struct clients *c);

#endif
