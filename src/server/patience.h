/* patience.h - how long a connection may take for what it owes: its headers, its body.
 *
 * The HTTP library only sees whether *something* came lately, so that a byte now and then would
 * hold a connection for ever. Here each has a deadline; one thread shuts those that are past it,
 * and the library notices. One lock.
 */
#ifndef SERVER_PATIENCE_H
#define SERVER_PATIENCE_H

#include "base/error.h"

struct patience;
struct patience_place; /* one connection's */

primer_status patience_create(struct patience **patience, primer_error *error);
void patience_free(struct patience *patience); /* NULL is legal; no place may be left */

/* NULL: no memory. */
struct patience_place *patience_open(struct patience *patience, int descriptor);
void patience_close(struct patience *patience, struct patience_place *place);
/* Shuts every connection that owes something. */
void patience_end(struct patience *patience);
/* Shuts every connection. */
void patience_shut(struct patience *patience);
/* From now on so many seconds; 0: no end. */
void patience_give(struct patience *patience, struct patience_place *place, double seconds);

#endif
