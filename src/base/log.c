/* log.c - one process-wide sink behind a lock.
 *
 * Invariants: without a sink nothing is formatted or written. The sink runs under the lock, one
 * message at a time, so that once log_set_sink has returned the former sink is no longer running;
 * the lock is recursive because a sink may itself call something that logs.
 */
#include "base/log.h"

#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>

#include "base/utf8.h"

#define NOTHING (-1) /* below LOG_ERROR: no sink */

static pthread_mutex_t lock = PTHREAD_RECURSIVE_MUTEX_INITIALIZER_NP;
static atomic_int most_shown = NOTHING;
static log_sink *current_sink;
static void *current_context;

void log_set_sink(log_sink *sink, void *context, enum log_level most)
{
    pthread_mutex_lock(&lock);
    current_sink = sink;
    current_context = context;
    atomic_store(&most_shown, sink == NULL ? NOTHING : (int)most);
    pthread_mutex_unlock(&lock);
}

void log_message(enum log_level level, const char *format, ...)
{
    if ((int)level > atomic_load(&most_shown))
        return;
    char message[2048];
    va_list arguments;
    va_start(arguments, format);
    const int wanted = vsnprintf(message, sizeof message, format, arguments);
    va_end(arguments);
    if (wanted < 0)
        return;
    if ((size_t)wanted >= sizeof message)
        message[utf8_complete(message, sizeof message - 1)] = '\0';
    pthread_mutex_lock(&lock);
    if (current_sink != NULL && (int)level <= atomic_load(&most_shown))
        current_sink(current_context, level, message);
    pthread_mutex_unlock(&lock);
}
