/* pool.h - the engine's threads: one job at a time, cut into numbered tasks, run by all.
 *
 * pool_run hands tasks 0..count-1 to the pool's threads (the caller is one of them) and returns
 * when all are done. Which thread runs which task is not fixed; nothing that a task computes may
 * depend on it. Workers spin briefly after a job, then sleep: an idle pool uses no processor time.
 * One job runs at a time: pool_run from two threads at once is serialised by the pool's lock. A
 * task may call pool_run on its own pool: the inner tasks run one after the other on that thread
 * and under its number, so they share the scratch of that number with the outer task.
 */
#ifndef BASE_POOL_H
#define BASE_POOL_H

#include <stddef.h>
#include "base/error.h"

struct pool;
/* `thread` is 0..pool_size-1, unique among the threads inside the same job (for per-thread
 * scratch). */
typedef void pool_task(void *context, size_t task, size_t thread);

/* `threads` counts the caller, at most 1024; 0: as many as cpu_thread_count says. PRIMER_ELIMIT
 * where the system refuses a thread. */
primer_status pool_create(struct pool **pool, size_t threads, primer_error *error);
void pool_free(struct pool *pool);
size_t pool_size(const struct pool *pool);
void pool_run(struct pool *pool, pool_task *task, void *context, size_t count);

#endif
