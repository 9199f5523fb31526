/* soak_cancel.c - one thread that cancels the calls of all clients at the moment each was given. */
#include "soak.h"

#include <time.h>

static pthread_mutex_t list_lock = PTHREAD_MUTEX_INITIALIZER;
static struct cancel_slot *list;
static pthread_t canceller;
static atomic_bool over;

static void fire(struct cancel_slot *slot, uint64_t now)
{
    pthread_mutex_lock(&slot->lock);
    if (slot->session != NULL && !slot->fired && now >= slot->when) {
        primer_session_cancel(slot->session);
        slot->fired = true;
    }
    pthread_mutex_unlock(&slot->lock);
}

static void *watch(void *unused)
{
    (void)unused;
    while (!atomic_load(&over)) {
        pthread_mutex_lock(&list_lock);
        const uint64_t now = soak_nanoseconds();
        for (struct cancel_slot *slot = list; slot != NULL; slot = slot->next)
            fire(slot, now);
        pthread_mutex_unlock(&list_lock);
        nanosleep(&(struct timespec){.tv_nsec = 200000}, NULL);
    }
    return NULL;
}

void soak_cancel_start(void)
{
    atomic_store(&over, false);
    if (pthread_create(&canceller, NULL, watch, NULL) != 0)
        soak_fail(NULL, "no thread");
}

void soak_cancel_stop(void)
{
    atomic_store(&over, true);
    pthread_join(canceller, NULL);
}

void soak_cancel_join(struct cancel_slot *slot)
{
    pthread_mutex_init(&slot->lock, NULL);
    slot->session = NULL;
    slot->fired = false;
    pthread_mutex_lock(&list_lock);
    slot->next = list;
    list = slot;
    pthread_mutex_unlock(&list_lock);
}

void soak_cancel_leave(struct cancel_slot *slot)
{
    pthread_mutex_lock(&list_lock);
    struct cancel_slot **at = &list;
    while (*at != slot)
        at = &(*at)->next;
    *at = slot->next;
    pthread_mutex_unlock(&list_lock);
    pthread_mutex_destroy(&slot->lock);
}

void soak_cancel_arm(struct cancel_slot *slot, primer_session *session, uint64_t nanoseconds)
{
    pthread_mutex_lock(&slot->lock);
    slot->session = session;
    slot->when = soak_nanoseconds() + nanoseconds;
    slot->fired = false;
    pthread_mutex_unlock(&slot->lock);
}

bool soak_cancel_disarm(struct cancel_slot *slot)
{
    pthread_mutex_lock(&slot->lock);
    const bool fired = slot->fired;
    slot->session = NULL;
    slot->fired = false;
    pthread_mutex_unlock(&slot->lock);
    return fired;
}
