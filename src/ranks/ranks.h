/* ranks.h - the processes of one run, and what they do together.
 *
 * A run of N processes (ranks 0..N-1) is started by a launcher (mpirun -n N primer train ...,
 * srun). Every rank calls the same functions in the same order; each returns once its part is
 * done. Results are the same bits on all ranks, and the same each time: whatever is added is added
 * in the order of the ranks.
 *
 *   array    | part 0 | part 1 | part 2 |      in pieces; rank r gets part r of all ranks, adds
 *                                              them in order, and hands the sum to all
 *
 * A rank that is lost ends the others' waiting with an error that says so (the launcher tells them
 * by SIGTERM, or the network does). After an error of theirs, no function but ranks_end may
 * be called. Without a launcher, or without MPI in this build, there is one rank and nothing to
 * do.
 */
#ifndef RANKS_RANKS_H
#define RANKS_RANKS_H

#include <stdbool.h>
#include <stddef.h>
#include "base/buffer.h"
#include "base/error.h"

struct ranks {
    size_t rank, count;
};

/* Once in a process, by the thread that calls the others. PRIMER_EUNSUPPORTED: started as one of several
 * processes, but this build has no MPI. Until the end, SIGTERM no longer ends the process at once, but
 * its waiting for others; a handler that the process has for it is called too. */
primer_status ranks_begin(struct ranks *ranks, primer_error *error);
/* Waits for the others' end, unless `failed`: then the process should exit with a status other than
 * 0, by which the launcher ends the others. */
void ranks_end(struct ranks *ranks, bool failed);

/* values[i] becomes the sum over ranks, in binary64, rounded once. */
primer_status ranks_sum(const struct ranks *ranks, float *values, size_t count,
                              primer_error *error);
primer_status ranks_sum_doubles(const struct ranks *ranks, double *values, size_t count,
                                      primer_error *error);
/* The bytes of rank `root` on all. */
primer_status ranks_broadcast(const struct ranks *ranks, size_t root, void *bytes,
                                    size_t length, primer_error *error);
/* The bytes that each rank brings, `length` of them its own, on all: those of rank 0, then those of
 * rank 1, ... in `all`, which is emptied first; those of rank r end at ends[r]. */
primer_status ranks_exchange(const struct ranks *ranks, const void *bytes, size_t length,
                             struct buffer *all, size_t *ends, primer_error *error);
/* Returns when all have come here. */
primer_status ranks_barrier(const struct ranks *ranks, primer_error *error);
/* Puts together what each rank has come to: PRIMER_OK where all have, else the status and message
 * of the first rank that hasn't, on every rank ("rank 3: ..."). `own`: this rank's status; its
 * message is in `error`. */
primer_status ranks_agree(const struct ranks *ranks, primer_status own,
                                primer_error *error);

#endif
