/* pool.c - threads that run one job at a time, cut into numbered tasks.
 *
 * One 64-bit word says how the job stands; everything else about a job is written while it is
 * closed and empty, and read only by threads that are inside:
 *
 *   state   | 63 .. 32    | 31   | 30   | 29 .. 0       |
 *           | job number  | open | stop | workers inside|
 *
 *   caller:  write the job -> open -> run tasks -> close -> wait until nobody is inside
 *   worker:  see a new open number -> enter (+ 1, only while open) -> run tasks -> leave (- 1)
 *
 * A worker that wakes too late finds the job closed and lets it pass, so the caller never waits for
 * a thread that the system hasn't scheduled yet, only for tasks that are being run.
 *
 * Each thread has a share of the tasks, a run of them in order; one word holds its begin and end,
 * in chunks. The thread takes from the front, and when nothing is left, from the back of the
 * others':
 *
 *   share   | 63 .. 32: end | 31 .. 0: begin |
 *
 * So neighbouring tasks, whose data are neighbours too, run on one thread, and chunks may be small,
 * which keeps the ends even: nobody else writes a share's word until the last moments.
 *
 * Both sides spin for SPIN_NANOSECONDS before they sleep on a condition variable; there is no
 * spinning where the pool has more threads than processors may be used. Sleeping loses no wake-up:
 * a sleeper announces itself (`sleepers`, `caller_waits`) and looks at the state again, under the
 * lock, while the other side changes the state before it looks for sleepers; all of these are
 * sequentially consistent.
 *
 * A task may call pool_run on its own pool: the inner tasks then run one after the other on that
 * thread, under its number (so the scratch of that number is shared with the outer task). Calling
 * back into a pool through a second one is a deadlock, as with any lock.
 */
#include "base/pool.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "base/clock.h"
#include "base/cpu.h"
#include "base/memory.h"

#define STATE_OPEN   ((uint64_t)1 << 31)
#define STATE_STOP   ((uint64_t)1 << 30)
#define STATE_INSIDE (STATE_STOP - 1)
#define JOB_SHIFT    32

enum {
    MOST_THREADS = 1024,
    CHUNKS_PER_THREAD = 64,      /* fewer: uneven ends; more: more writes of the shares */
    SPIN_NANOSECONDS = 40 * 1000 /* about the cost of falling asleep and being woken */
};

/* The chunks that a thread is to run and nobody has taken yet; a cache line of its own. */
struct share {
    _Alignas(MEMORY_ALIGNMENT) _Atomic uint64_t range;
};

struct worker {
    struct pool *pool;
    size_t number; /* 1 .. size - 1 */
    pthread_t thread;
};

struct pool {
    /* The job. */
    pool_task *task;
    void *context;
    size_t count, chunk;

    /* Words that every thread writes: a cache line of their own. */
    _Alignas(MEMORY_ALIGNMENT) _Atomic uint64_t state;
    atomic_uint sleepers; /* workers asleep or about to be */
    atomic_bool caller_waits;

    _Alignas(MEMORY_ALIGNMENT) size_t size; /* threads, the caller counted */
    bool spins;
    pthread_mutex_t running;     /* held by the thread whose job it is */
    pthread_mutex_t lock;        /* of the two conditions */
    pthread_cond_t opened, left; /* a job was opened, or stop · the last worker has left */
    struct worker *workers;      /* [size - 1] */
    struct share *shares;        /* [size] */
};

/* The pool whose task this thread is running, and its number there. */
static _Thread_local const struct pool *inside_pool;
static _Thread_local size_t inside_number;

static inline void pause_processor(void)
{
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

static uint32_t job_of(uint64_t state)
{
    return (uint32_t)(state >> JOB_SHIFT);
}

/* Cuts the job's tasks into shares of about as many chunks each. */
static void deal(struct pool *pool, size_t count)
{
    const size_t least = count / UINT32_MAX + 1, even = count / (pool->size * CHUNKS_PER_THREAD);
    pool->count = count;
    pool->chunk = even > least ? even : least;
    const size_t chunks = (count - 1) / pool->chunk + 1;
    const size_t each = chunks / pool->size, more = chunks % pool->size;
    for (size_t i = 0; i < pool->size; i++) {
        const size_t begin = i * each + (i < more ? i : more);
        const size_t end = begin + each + (i < more ? 1 : 0);
        atomic_store_explicit(&pool->shares[i].range, (uint64_t)end << 32 | begin,
                              memory_order_relaxed);
    }
}

/* The first chunk of a share, or the last. False: it is empty. */
static bool take(struct share *share, bool last, size_t *chunk)
{
    uint64_t range = atomic_load_explicit(&share->range, memory_order_relaxed);
    for (;;) {
        const uint64_t begin = range & UINT32_MAX, end = range >> 32;
        if (begin == end)
            return false;
        *chunk = last ? end - 1 : begin;
        if (atomic_compare_exchange_weak_explicit(&share->range, &range,
                                                  last ? range - ((uint64_t)1 << 32) : range + 1,
                                                  memory_order_relaxed, memory_order_relaxed))
            return true;
    }
}

static void run_chunk(struct pool *pool, size_t chunk, size_t number)
{
    const size_t first = chunk * pool->chunk, left = pool->count - first;
    const size_t end = first + (left < pool->chunk ? left : pool->chunk);
    for (size_t task = first; task < end; task++)
        pool->task(pool->context, task, number);
}

/* The thread's own share, then what the others have not got to. */
static void run_tasks(struct pool *pool, size_t number)
{
    size_t chunk;
    while (take(&pool->shares[number], false, &chunk))
        run_chunk(pool, chunk, number);
    for (size_t i = 1; i < pool->size; i++)
        while (take(&pool->shares[(number + i) % pool->size], true, &chunk))
            run_chunk(pool, chunk, number);
}

/* A job that came after `seen`, be it closed again, or the end. A closed one is news too: where
 * jobs come and go so quickly, a worker must spin on and not fall asleep again. */
static bool is_news(uint64_t state, uint32_t seen)
{
    return (state & STATE_STOP) != 0 || job_of(state) != seen;
}

/* Returns the state that brought news. */
static uint64_t wait_for_news(struct pool *pool, uint32_t seen)
{
    uint64_t state = atomic_load(&pool->state);
    if (pool->spins) {
        const uint64_t start = clock_nanoseconds();
        while (!is_news(state, seen) && clock_nanoseconds() - start < SPIN_NANOSECONDS) {
            for (int i = 0; i < 16 && !is_news(state, seen); i++) {
                pause_processor();
                state = atomic_load(&pool->state);
            }
        }
    }
    if (is_news(state, seen))
        return state;
    pthread_mutex_lock(&pool->lock);
    atomic_fetch_add(&pool->sleepers, 1);
    while (state = atomic_load(&pool->state), !is_news(state, seen))
        pthread_cond_wait(&pool->opened, &pool->lock);
    atomic_fetch_sub(&pool->sleepers, 1);
    pthread_mutex_unlock(&pool->lock);
    return state;
}

static void leave(struct pool *pool)
{
    const uint64_t before = atomic_fetch_sub(&pool->state, 1);
    const bool last = (before & STATE_INSIDE) == 1 && (before & STATE_OPEN) == 0;
    if (last && atomic_load(&pool->caller_waits)) {
        pthread_mutex_lock(&pool->lock);
        pthread_cond_signal(&pool->left);
        pthread_mutex_unlock(&pool->lock);
    }
}

static void *work(void *argument)
{
    const struct worker *const worker = argument;
    struct pool *const pool = worker->pool;
    uint32_t seen = 0;
    inside_pool = pool;
    inside_number = worker->number;
    for (;;) {
        uint64_t state = wait_for_news(pool, seen);
        if ((state & STATE_STOP) != 0)
            return NULL;
        const bool open = (state & STATE_OPEN) != 0;
        if (open && !atomic_compare_exchange_strong(&pool->state, &state, state + 1))
            continue; /* closed, or another worker entered: look again */
        seen = job_of(state);
        if (!open)
            continue; /* too late */
        run_tasks(pool, worker->number);
        leave(pool);
    }
}

/* Lets in the workers that are awake, and wakes the others. */
static void open_job(struct pool *pool)
{
    const uint64_t closed = atomic_load(&pool->state);
    atomic_store(&pool->state, (uint64_t)(job_of(closed) + 1) << JOB_SHIFT | STATE_OPEN);
    if (atomic_load(&pool->sleepers) != 0) {
        pthread_mutex_lock(&pool->lock);
        pthread_mutex_unlock(&pool->lock); /* who announced itself before is waiting by now */
        pthread_cond_broadcast(&pool->opened);
    }
}

static bool is_empty(struct pool *pool)
{
    return (atomic_load(&pool->state) & STATE_INSIDE) == 0;
}

/* Lets nobody else in, and returns when the last worker is outside. */
static void close_job(struct pool *pool)
{
    const uint64_t before = atomic_fetch_and(&pool->state, ~STATE_OPEN);
    if ((before & STATE_INSIDE) == 0)
        return;
    if (pool->spins) {
        const uint64_t start = clock_nanoseconds();
        while (!is_empty(pool) && clock_nanoseconds() - start < SPIN_NANOSECONDS) {
            for (int i = 0; i < 16 && !is_empty(pool); i++)
                pause_processor();
        }
    }
    if (is_empty(pool))
        return;
    pthread_mutex_lock(&pool->lock);
    atomic_store(&pool->caller_waits, true);
    while (!is_empty(pool))
        pthread_cond_wait(&pool->left, &pool->lock);
    atomic_store(&pool->caller_waits, false);
    pthread_mutex_unlock(&pool->lock);
}

static void run_alone(pool_task *task, void *context, size_t count, size_t number)
{
    for (size_t i = 0; i < count; i++)
        task(context, i, number);
}

void pool_run(struct pool *pool, pool_task *task, void *context, size_t count)
{
    if (count == 0)
        return;
    if (inside_pool == pool) {
        run_alone(task, context, count, inside_number);
        return;
    }
    const struct pool *const outer_pool = inside_pool;
    const size_t outer_number = inside_number;
    pthread_mutex_lock(&pool->running);
    inside_pool = pool;
    inside_number = 0;
    if (count == 1 || pool->size == 1) {
        run_alone(task, context, count, 0);
    } else {
        pool->task = task;
        pool->context = context;
        deal(pool, count);
        open_job(pool);
        run_tasks(pool, 0);
        close_job(pool);
    }
    inside_pool = outer_pool;
    inside_number = outer_number;
    pthread_mutex_unlock(&pool->running);
}

/* Ends the first `started` workers. */
static void stop_workers(struct pool *pool, size_t started)
{
    atomic_fetch_or(&pool->state, STATE_STOP);
    pthread_mutex_lock(&pool->lock);
    pthread_cond_broadcast(&pool->opened);
    pthread_mutex_unlock(&pool->lock);
    for (size_t i = 0; i < started; i++)
        pthread_join(pool->workers[i].thread, NULL);
}

static void destroy(struct pool *pool)
{
    pthread_cond_destroy(&pool->left);
    pthread_cond_destroy(&pool->opened);
    pthread_mutex_destroy(&pool->lock);
    pthread_mutex_destroy(&pool->running);
    memory_free(pool->workers);
    memory_free(pool->shares);
    memory_free(pool);
}

/* Starts the workers with all signals blocked, so that signals go to threads of the program's
 * own. */
static primer_status start_workers(struct pool *pool, primer_error *error)
{
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int refusal = 0;
    size_t started = 0;
    for (; started + 1 < pool->size; started++) {
        struct worker *const worker = &pool->workers[started];
        *worker = (struct worker){.pool = pool, .number = started + 1};
        refusal = pthread_create(&worker->thread, NULL, work, worker);
        if (refusal != 0)
            break;
    }
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (refusal == 0)
        return PRIMER_OK;
    stop_workers(pool, started);
    const bool limited = cpu_address_space_left() != UINT64_MAX;
    return error_set(error, PRIMER_ELIMIT, "thread %zu of %zu could not be started: %s%s",
                     started + 2, pool->size, strerror(refusal),
                     limited ? " (its stack counts to the limit on address space, ulimit -v: raise "
                               "it, or use fewer threads)"
                             : "");
}

primer_status pool_create(struct pool **pool, size_t threads, primer_error *error)
{
    const size_t size = threads == 0 ? cpu_thread_count() : threads;
    if (size > MOST_THREADS)
        return error_set(error, PRIMER_EINVAL, "%zu threads asked for, at most %d are possible",
                         size, MOST_THREADS);
    struct pool *const made = memory_allocate_aligned(1, sizeof *made);
    if (made == NULL)
        return memory_failure(error, "a thread pool", sizeof *made);
    memset(made, 0, sizeof *made);
    made->size = size;
    made->spins = size <= cpu_usable_count();
    pthread_mutex_init(&made->running, NULL);
    pthread_mutex_init(&made->lock, NULL);
    pthread_cond_init(&made->opened, NULL);
    pthread_cond_init(&made->left, NULL);
    primer_status status = PRIMER_OK;
    made->workers = memory_allocate(size - 1, sizeof *made->workers);
    made->shares = memory_allocate_aligned(size, sizeof *made->shares);
    if (made->workers == NULL || made->shares == NULL)
        status = memory_failure(error, "a thread pool's workers",
                                size * (sizeof *made->workers + sizeof *made->shares));
    else
        status = start_workers(made, error);
    if (status != PRIMER_OK)
        destroy(made);
    else
        *pool = made;
    return status;
}

void pool_free(struct pool *pool)
{
    if (pool == NULL)
        return;
    stop_workers(pool, pool->size - 1);
    destroy(pool);
}

size_t pool_size(const struct pool *pool)
{
    return pool->size;
}
