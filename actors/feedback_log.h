/* feedback_log.h - the log of ratings as records: the counts that are kept of it, and what one rating writes.
 *
 * Pure: no actor, no message is sent. Counts are a plain value: a change is made on a copy, which replaces
 * the counts once it is on disk. */
#ifndef PL_ACTORS_FEEDBACK_LOG_H
#define PL_ACTORS_FEEDBACK_LOG_H

#include "actors/keys.h"
#include "schemas/gen/types.h"

/* Stored as rec.retrain under meta/"retrain". */
struct pl_ratings {
    bool due; /* a retraining is */
    uint32_t below_3;
    char reason[1025];
    uint64_t since_ms, total, stars[5], corrections, next; /* next: number of the next rating */
};

/* The newest rating of a user for a turn, as it stands in `rated`. All zero: none. */
struct pl_rated {
    uint64_t number;
    uint32_t stars;
    bool corrected;
};

/* Counts a rating that replaces WAS. More than THRESHOLD ratings below 3 make a retraining due. */
void pl__ratings_count(struct pl_ratings *c, uint32_t stars, bool corrected, const struct pl_rated *was,
                       uint32_t threshold, uint64_t wall_ms);
void pl__ratings_due(struct pl_ratings *c, struct pl_str reason, uint64_t wall_ms);
/* A key that is not there: NULL, and the counts of an empty log. -PL_E_INVALID for a damaged record. */
int pl__ratings_read(struct pl_ratings *c, const struct pl_store_row *row);
struct pl_bin pl__ratings_key(struct pl_msg *in);

struct pl_rated pl__rated_read(const struct pl_store_row *row);

/* The record of a rating: ASKED is the feedback.add, TURN what it judges. All of R is borrowed from them. */
void pl__rating_fill(struct pl_rec_feedback *r, const struct pl_msg *asked, const struct pl_rec_turn *turn,
                     uint64_t number, uint64_t wall_ms, const struct pl_rated *was);
/* A stored rating as a row of M's feedback.listed. False when it is damaged or of another tenant. */
bool pl__rating_row(struct pl_msg *m, struct pl_feedback_row *row, struct pl_bin value, struct pl_str tenant);

/* Keys of `rated`, in IN: of a turn and a user; of the answer to the message ASKED. Names are hidden with
 * ROW_KEY. */
struct pl_bin pl__rated_key(const uint8_t *row_key, struct pl_msg *in, const struct pl_msg *asked,
                            struct pl_str user);
struct pl_bin pl__answered_key(const uint8_t *row_key, struct pl_msg *in, const struct pl_msg *asked);
/* Makes all changes of BATCH but the counts values of the user whose turn is rated and of the rater. */
void pl__batch_own(struct pl_msg *batch, const struct pl_rec_turn *turn, struct pl_str rater);

/* A store.write with room for 4 changes; NULL when out of memory. Each put is false when out of memory. */
struct pl_msg *pl__batch_create(uint64_t token);
bool pl__batch_put(struct pl_msg *batch, const char *family, struct pl_bin key, const struct pl_type *type,
                   const void *record);
bool pl__batch_put_ratings(struct pl_msg *batch, const struct pl_ratings *c);
bool pl__batch_put_rated(struct pl_msg *batch, struct pl_bin key, const struct pl_rec_feedback *r);

#endif
