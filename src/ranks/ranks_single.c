/* ranks_single.c - one process alone: what there is without MPI.
 *
 * One of several processes is refused: each of them would do the whole run by itself, and write over
 * the others' checkpoints and outputs.
 */
#include "ranks/ranks_transport.h"

primer_status ranks_transport_begin(struct ranks *ranks, primer_error *error)
{
    (void)ranks;
    return error_set(error, PRIMER_EUNSUPPORTED,
                     "this process was started as one of several (by mpirun or a scheduler), and "
                     "work over several needs MPI, which this build lacks: build primer where "
                     "libopenmpi-dev is installed, or start one process");
}

void ranks_transport_end(bool failed)
{
    (void)failed;
}

primer_status ranks_transport_exchange(const struct ranks_message *messages,
                                             size_t count, primer_error *error)
{
    (void)messages;
    return error_set(error, PRIMER_EINTERNAL, "%zu messages between ranks, and there is one rank",
                     count);
}
