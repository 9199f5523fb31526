/* speculate.h - several tokens per pass, by guessing them and checking all guesses at once.
 *
 *   held   ... x | d1 d2 d3        one pass computes x, d1, d2, d3 and gives the logits after each
 *                  |  |  `-- wrong: its logits, and all behind it, are thrown away
 *                  `--`-- as chosen by the sampler from the logits before: kept
 *
 * The sampler chooses from the same logits as without guesses (the numeric contract: a batch
 * changes no bit), with the same random numbers, so the text is the same. Guesses come from the
 * text itself (what followed the last time these tokens stood there; Saxena 2023, "Prompt Lookup
 * Decoding") or from a smaller model (Leviathan et al. 2023). What a pass with guesses costs is
 * measured against a plain one; where it doesn't pay it is left off for a while, longer each time.
 * In a pass that others share guesses are rows that they wait for: there are only as many as cost
 * them nothing.
 */
#ifndef ENGINE_SPECULATE_H
#define ENGINE_SPECULATE_H

#include "engine/engine.h"

#define SPECULATE_MOST 15 /* guesses in one pass; with the token before them SCHEDULER_FEW */

struct speculation {
    primer_session *draft; /* guesses by a smaller model; NULL: by look-up */
    bool off;              /* nobody wants it */
    float *rows;           /* [SPECULATE_MOST + 1][vocabulary] logits of the last pass */
    int32_t guesses[SPECULATE_MOST];
    size_t count, used;   /* rows there are, rows whose logits were given out */
    double seconds;       /* that pass took */
    size_t length;        /* guesses to make next time */
    double plain_seconds; /* of a pass of one token, smoothed; 0: not measured */
    double
        gain; /* tokens per pass with guesses over what plain passes give in that time, smoothed */
    size_t tries, pause, next_pause; /* passes with guesses; plain tokens until the next try */
    uint64_t drafted, accepted;
};

primer_status speculate_open(struct speculation *speculation, primer_session *session,
                             primer_session *draft, bool off, primer_error *error);
void speculate_close(struct speculation *speculation);
/* Makes the session's logits those after its last token: from the last pass's rows where the last
 * token was guessed right, else by a new pass, with guesses if they are likely to pay. */
primer_status speculate_logits(struct speculation *speculation, primer_session *session,
                               primer_error *error);
/* Before the session is used otherwise: forgets rows that were not given out. */
void speculate_settle(struct speculation *speculation, primer_session *session);

#endif
