/* constraint_internal.h - what a constraint is made of.
 *
 *   primer_constraint --> network                     never changes
 *                     --> masks --> masks --> ..      one per vocabulary, and old ones that
 *                                                     a matcher still reads in
 *   constraint_matcher --> masks, place
 *
 * `lock` is for all masks: whoever follows, asks for a mask or lets go holds it. Masks that have
 * grown beyond `bytes_most` are given up for new ones: a matcher takes its stacks along.
 */
#ifndef CONSTRAINT_CONSTRAINT_INTERNAL_H
#define CONSTRAINT_CONSTRAINT_INTERNAL_H

#include <pthread.h>
#include "constraint/constraint.h"
#include "constraint/masks.h"
#include "constraint/network.h"

struct primer_constraint {
    struct network *network;
    pthread_mutex_t lock;
    struct masks *masks; /* the newest of a vocabulary first */
    size_t bytes_most;   /* of masks before they are begun anew */
    size_t walk_nodes;   /* of masks (masks.h) */
    size_t steps_most;   /* of one call: what is more is too ambiguous */
};

/* Takes the network over, whatever comes out. */
primer_status constraint_create(struct network *network, primer_constraint **constraint,
                                primer_error *error);

#endif
