/* patience.c - see patience.h. The descriptors are open as long as their place is. */
#include "server/patience.h"

#include <pthread.h>
#include <stdbool.h>
#include <sys/socket.h>
#include <time.h>

#include "base/clock.h"
#include "base/memory.h"

struct patience_place {
    struct patience_place *next, *former;
    int descriptor;
    uint64_t deadline; /* clock_nanoseconds; 0: none */
};

struct patience {
    pthread_mutex_t lock;
    pthread_cond_t wake;
    struct patience_place *first;
    bool ending;
    pthread_t thread;
};

/* Under the lock: those whose deadline is before `now`. */
static void shut_late(struct patience *p, uint64_t now)
{
    for (struct patience_place *at = p->first; at != NULL; at = at->next)
        if (at->deadline != 0 && at->deadline < now) {
            at->deadline = 0;
            shutdown(at->descriptor, SHUT_RDWR);
        }
}

static void *watch(void *context)
{
    struct patience *p = context;
    pthread_mutex_lock(&p->lock);
    while (!p->ending) {
        struct timespec until;
        clock_gettime(CLOCK_MONOTONIC, &until);
        until.tv_sec++;
        pthread_cond_timedwait(&p->wake, &p->lock, &until);
        shut_late(p, clock_nanoseconds());
    }
    pthread_mutex_unlock(&p->lock);
    return NULL;
}

primer_status patience_create(struct patience **patience, primer_error *error)
{
    struct patience *made = memory_allocate(1, sizeof *made);
    if (made == NULL)
        return memory_failure(error, "the connections' deadlines", sizeof *made);
    pthread_condattr_t monotonic;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_mutex_init(&made->lock, NULL);
    pthread_cond_init(&made->wake, &monotonic);
    pthread_condattr_destroy(&monotonic);
    if (pthread_create(&made->thread, NULL, watch, made) != 0) {
        pthread_mutex_destroy(&made->lock);
        pthread_cond_destroy(&made->wake);
        memory_free(made);
        return error_set(error, PRIMER_EIO, "the system gives no thread for connections");
    }
    *patience = made;
    return PRIMER_OK;
}

void patience_free(struct patience *patience)
{
    if (patience == NULL)
        return;
    pthread_mutex_lock(&patience->lock);
    patience->ending = true;
    pthread_cond_signal(&patience->wake);
    pthread_mutex_unlock(&patience->lock);
    pthread_join(patience->thread, NULL);
    pthread_mutex_destroy(&patience->lock);
    pthread_cond_destroy(&patience->wake);
    memory_free(patience);
}

void patience_end(struct patience *patience)
{
    pthread_mutex_lock(&patience->lock);
    shut_late(patience, UINT64_MAX);
    pthread_mutex_unlock(&patience->lock);
}

void patience_shut(struct patience *patience)
{
    pthread_mutex_lock(&patience->lock);
    for (struct patience_place *at = patience->first; at != NULL; at = at->next)
        shutdown(at->descriptor, SHUT_RDWR);
    pthread_mutex_unlock(&patience->lock);
}

struct patience_place *patience_open(struct patience *patience, int descriptor)
{
    struct patience_place *place = memory_allocate(1, sizeof *place);
    if (place == NULL)
        return NULL;
    place->descriptor = descriptor;
    pthread_mutex_lock(&patience->lock);
    place->next = patience->first;
    if (place->next != NULL)
        place->next->former = place;
    patience->first = place;
    pthread_mutex_unlock(&patience->lock);
    return place;
}

void patience_close(struct patience *patience, struct patience_place *place)
{
    if (place == NULL)
        return;
    pthread_mutex_lock(&patience->lock);
    if (place->next != NULL)
        place->next->former = place->former;
    if (place->former != NULL)
        place->former->next = place->next;
    else
        patience->first = place->next;
    pthread_mutex_unlock(&patience->lock);
    memory_free(place);
}

void patience_give(struct patience *patience, struct patience_place *place, double seconds)
{
    if (place == NULL)
        return;
    pthread_mutex_lock(&patience->lock);
    place->deadline = seconds <= 0 ? 0 : clock_nanoseconds() + (uint64_t)(seconds * 1e9);
    pthread_mutex_unlock(&patience->lock);
}
