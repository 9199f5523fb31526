/* workers.h - a number of threads, and a bounded queue before them. */
#ifndef SERVER_WORKERS_H
#define SERVER_WORKERS_H

#include <stdbool.h>
#include <stddef.h>
#include "base/error.h"

struct workers;
typedef void workers_task(void *context);
/* True: whoever wanted it has gone. */
typedef bool workers_gone(void *context);

primer_status workers_create(size_t threads, size_t queue_most, workers_task *run,
                             workers_gone *gone, struct workers **workers, primer_error *error);
/* False: the queue is full. Threads are started as they are needed. */
bool workers_submit(struct workers *workers, void *context);
void workers_count(struct workers *workers, size_t *waiting, size_t *running);
/* Waits until nothing waits or runs, at most so long; false: something still does. */
bool workers_drain(struct workers *workers, double seconds);
/* Runs what waits, then ends the threads; what is submitted from then on is refused. False: some
 * have not ended within so many seconds, and use what they were given. NULL is legal. */
bool workers_end(struct workers *workers, double seconds);
/* The same without a limit, and frees it: nobody may submit any more. NULL is legal. */
void workers_free(struct workers *workers);

#endif
