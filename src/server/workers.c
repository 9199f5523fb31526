/* workers.c - see workers.h.
 *
 *   queue   ring of contexts: first, count, capacity     under `lock`
 *   threads [started], each: wait for `work`, take the first, run it, tell `idle`
 *
 * When the queue is full, those whose client has gone make room. A thread that has left takes the
 * lock no more, so that joining it is a matter of moments.
 */
#include "server/workers.h"

#include <pthread.h>
#include <time.h>

#include "base/memory.h"

#define WAIT_SECONDS 3600.0 /* a moment that every clock reaches */

struct workers {
    pthread_mutex_t lock;
    pthread_cond_t work, idle;
    void **queue; /* [capacity] */
    size_t first, count, capacity;
    size_t running, started, left, threads; /* left: of the started, have ended */
    bool ending;
    bool ended; /* and joined; of whoever ends them */
    workers_task *run;
    workers_gone *gone;
    pthread_t ids[]; /* [threads] */
};

primer_status workers_create(size_t threads, size_t queue_most, workers_task *run,
                             workers_gone *gone, struct workers **workers, primer_error *error)
{
    struct workers *made = memory_allocate(1, sizeof *made + threads * sizeof made->ids[0]);
    void **queue = memory_allocate(queue_most + threads, sizeof *queue);
    if (made == NULL || queue == NULL) {
        memory_free(made);
        memory_free(queue);
        return memory_failure(error, "the queue of requests", queue_most * sizeof *queue);
    }
    pthread_condattr_t monotonic;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_mutex_init(&made->lock, NULL);
    pthread_cond_init(&made->work, NULL);
    pthread_cond_init(&made->idle, &monotonic);
    pthread_condattr_destroy(&monotonic);
    made->queue = queue;
    made->capacity = queue_most + threads;
    made->threads = threads;
    made->run = run;
    made->gone = gone;
    *workers = made;
    return PRIMER_OK;
}

static void *serve(void *context)
{
    struct workers *w = context;
    pthread_mutex_lock(&w->lock);
    for (;;) {
        while (w->count == 0 && !w->ending)
            pthread_cond_wait(&w->work, &w->lock);
        if (w->count == 0)
            break;
        void *task = w->queue[w->first];
        w->first = (w->first + 1) % w->capacity;
        w->count--;
        w->running++;
        pthread_mutex_unlock(&w->lock);
        w->run(task);
        pthread_mutex_lock(&w->lock);
        w->running--;
        pthread_cond_broadcast(&w->idle);
    }
    w->left++;
    pthread_cond_broadcast(&w->idle);
    pthread_mutex_unlock(&w->lock);
    return NULL;
}

/* Starts a thread where all that there are have something to do. False: there is none at all. */
static bool provide_thread(struct workers *w)
{
    if (w->started < w->threads && w->running + w->count >= w->started &&
        pthread_create(&w->ids[w->started], NULL, serve, w) == 0)
        w->started++;
    return w->started > 0;
}

/* Puts those who are waiting in vain before the others, so that they are gone through at once. */
static bool make_room(struct workers *w)
{
    for (size_t i = 0; i < w->count; i++) {
        const size_t at = (w->first + i) % w->capacity;
        if (!w->gone(w->queue[at]))
            continue;
        void *task = w->queue[at];
        for (size_t j = i; j + 1 < w->count; j++)
            w->queue[(w->first + j) % w->capacity] = w->queue[(w->first + j + 1) % w->capacity];
        w->count--;
        pthread_mutex_unlock(&w->lock);
        w->run(task); /* finds that it has gone */
        pthread_mutex_lock(&w->lock);
        return true;
    }
    return false;
}

bool workers_submit(struct workers *workers, void *context)
{
    struct workers *w = workers;
    pthread_mutex_lock(&w->lock);
    const size_t queue_most = w->capacity - w->threads;
    bool taken = !w->ending;
    while (taken && w->running + w->count >= w->threads + queue_most)
        taken = make_room(w);
    taken = taken && provide_thread(w);
    if (taken) {
        w->queue[(w->first + w->count++) % w->capacity] = context;
        pthread_cond_signal(&w->work);
    }
    pthread_mutex_unlock(&w->lock);
    return taken;
}

void workers_count(struct workers *workers, size_t *waiting, size_t *running)
{
    pthread_mutex_lock(&workers->lock);
    *waiting = workers->count;
    *running = workers->running;
    pthread_mutex_unlock(&workers->lock);
}

static struct timespec moment_in(double seconds)
{
    struct timespec moment;
    clock_gettime(CLOCK_MONOTONIC, &moment);
    moment.tv_sec += (time_t)seconds;
    moment.tv_nsec += (long)((seconds - (double)(time_t)seconds) * 1e9);
    if (moment.tv_nsec >= 1000000000) {
        moment.tv_sec++;
        moment.tv_nsec -= 1000000000;
    }
    return moment;
}

bool workers_drain(struct workers *workers, double seconds)
{
    const struct timespec until = moment_in(seconds);
    pthread_mutex_lock(&workers->lock);
    int problem = 0;
    while (workers->running + workers->count > 0 && problem == 0)
        problem = pthread_cond_timedwait(&workers->idle, &workers->lock, &until);
    const bool drained = workers->running + workers->count == 0;
    pthread_mutex_unlock(&workers->lock);
    return drained;
}

bool workers_end(struct workers *workers, double seconds)
{
    if (workers == NULL || workers->ended)
        return true;
    const struct timespec until = moment_in(seconds);
    pthread_mutex_lock(&workers->lock);
    workers->ending = true;
    pthread_cond_broadcast(&workers->work);
    int problem = 0;
    while (workers->left < workers->started && problem == 0)
        problem = pthread_cond_timedwait(&workers->idle, &workers->lock, &until);
    const bool all = workers->left == workers->started;
    pthread_mutex_unlock(&workers->lock);
    for (size_t i = 0; all && i < workers->started; i++)
        pthread_join(workers->ids[i], NULL);
    workers->ended = all;
    return all;
}

void workers_free(struct workers *workers)
{
    if (workers == NULL)
        return;
    while (!workers_end(workers, WAIT_SECONDS))
        continue;
    pthread_mutex_destroy(&workers->lock);
    pthread_cond_destroy(&workers->work);
    pthread_cond_destroy(&workers->idle);
    memory_free(workers->queue);
    memory_free(workers);
}
