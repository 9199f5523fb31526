/* ranks_transport.h - messages between the ranks of a run: what ranks.c is made of.
 *
 * ranks_mpi.c sends them by MPI, and is in the program and the tests where MPI is installed.
 * ranks_single.c knows of one process alone; it is in libprimer always, so that the library
 * needs no MPI.
 */
#ifndef RANKS_RANKS_TRANSPORT_H
#define RANKS_RANKS_TRANSPORT_H

#include <stdbool.h>
#include <stddef.h>
#include "base/error.h"
#include "ranks/ranks.h"

#define RANKS_MESSAGE_MOST ((size_t)1 << 24) /* bytes of one message */

struct ranks_message {
    size_t peer; /* another rank */
    bool send;   /* else received */
    void *bytes;
    size_t length; /* of both sides; 0: there is no message */
};

/* Only where a launcher has started the process as one of several. */
primer_status ranks_transport_begin(struct ranks *ranks, primer_error *error);
void ranks_transport_end(bool failed);
/* All messages at once, in any order between peers; between two ranks they come in the order in
 * which they were sent. Returns when all have been sent and received. */
primer_status ranks_transport_exchange(const struct ranks_message *messages,
                                             size_t count, primer_error *error);

#endif
