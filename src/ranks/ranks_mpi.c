/* ranks_mpi.c - messages between ranks by MPI (the standard's version 3.1, chapter 3).
 *
 * All waiting is in one place: requests are tested rather than waited for, so that a rank notices
 * when it waits in vain. Shared memory doesn't tell that a peer was killed; the launcher does, by
 * SIGTERM to those that are left, and a second later by SIGKILL. In between the waiting ends with
 * an error. Where the network tells, MPI's own error does the same.
 *
 * A failed rank doesn't call MPI_Finalize, which waits for all others: it exits, and the launcher
 * ends them.
 */
#include "ranks/ranks_transport.h"

#include <mpi.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/memory.h"

enum { TAG = 0 };
#define SPIN_SECONDS  0.005 /* of waiting, before it sleeps in between */
#define GRACE_SECONDS 0.4   /* of waiting after a SIGTERM, for ranks that are there after all */
static const struct timespec nap = {.tv_nsec = 50000};

/* MPI itself is one for the whole process, and so is what a signal says. */
static volatile sig_atomic_t terminated;
static bool handles, broken;
static struct sigaction former; /* what the process did at SIGTERM; it still does if it is more than
                                   to end */
static size_t own_rank;

static void on_terminate(int signal_number)
{
    terminated = 1;
    if (former.sa_handler != SIG_DFL && former.sa_handler != SIG_IGN)
        former.sa_handler(signal_number);
}

static void watch(void)
{
    const struct sigaction ours = {.sa_handler = on_terminate, .sa_flags = SA_RESTART};
    if (sigaction(SIGTERM, NULL, &former) != 0 || (former.sa_flags & SA_SIGINFO) != 0)
        return;
    handles = sigaction(SIGTERM, &ours, NULL) == 0;
}

static void unwatch(void)
{
    if (handles)
        sigaction(SIGTERM, &former, NULL);
    handles = false;
}

static primer_status mpi_failure(primer_error *error, const char *what, int code)
{
    char text[MPI_MAX_ERROR_STRING] = "";
    int length = 0;
    broken = true;
    if (MPI_Error_string(code, text, &length) != MPI_SUCCESS)
        text[0] = '\0';
    return error_set(error, PRIMER_EIO, "rank %zu: %s: %s", own_rank, what, text);
}

primer_status ranks_transport_begin(struct ranks *ranks, primer_error *error)
{
    int provided = 0, rank = 0, count = 1;
    int code = MPI_Init_thread(NULL, NULL, MPI_THREAD_FUNNELED, &provided);
    if (code != MPI_SUCCESS)
        return mpi_failure(error, "MPI can't be started", code);
    code = MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_RETURN);
    if (code == MPI_SUCCESS)
        code = MPI_Comm_rank(MPI_COMM_WORLD, &rank);
    if (code == MPI_SUCCESS)
        code = MPI_Comm_size(MPI_COMM_WORLD, &count);
    if (code != MPI_SUCCESS)
        return mpi_failure(error, "MPI doesn't tell the ranks", code);
    if (provided < MPI_THREAD_FUNNELED)
        return error_set(error, PRIMER_EUNSUPPORTED,
                         "MPI allows a process no threads (level %d, expected %d)", provided,
                         MPI_THREAD_FUNNELED);
    if (count == 1) {
        MPI_Finalize();
        return error_set(error, PRIMER_EUNSUPPORTED,
                         "this process was started as one of several, but MPI knows of one alone: "
                         "the launcher is another MPI's than this build's");
    }
    ranks->rank = own_rank = (size_t)rank;
    ranks->count = (size_t)count;
    watch();
    return PRIMER_OK;
}

void ranks_transport_end(bool failed)
{
    unwatch();
    if (!failed && !broken)
        MPI_Finalize();
}

/* ---- messages -------------------------------------------------------------------------------- */

static primer_status post(const struct ranks_message *message, MPI_Request *request,
                          primer_error *error)
{
    const int length = (int)message->length, peer = (int)message->peer;
    *request = MPI_REQUEST_NULL;
    if (message->length == 0)
        return PRIMER_OK;
    if (message->length > RANKS_MESSAGE_MOST)
        return error_set(error, PRIMER_EINTERNAL, "a message of %zu bytes between ranks",
                         message->length);
    const int code =
        message->send
            ? MPI_Isend(message->bytes, length, MPI_BYTE, peer, TAG, MPI_COMM_WORLD, request)
            : MPI_Irecv(message->bytes, length, MPI_BYTE, peer, TAG, MPI_COMM_WORLD, request);
    if (code != MPI_SUCCESS)
        return mpi_failure(error, "a message can't be sent or received", code);
    return PRIMER_OK;
}

static primer_status given_up(const struct ranks_message *messages, size_t count,
                              MPI_Request *requests, primer_error *error)
{
    size_t first = 0;
    for (int done = 0; first + 1 < count; first++)
        if (MPI_Test(&requests[first], &done, MPI_STATUS_IGNORE) != MPI_SUCCESS || !done)
            break;
    broken = true;
    return error_set(error, PRIMER_EIO,
                     "rank %zu: waited for rank %zu and was told to end (SIGTERM): another "
                     "process of the run is gone, or the run was stopped from outside",
                     own_rank, messages[first].peer);
}

/* What went wrong with one of them, by its own status. */
static primer_status first_error(const struct ranks_message *messages, size_t count,
                                 const MPI_Status *statuses, int code, primer_error *error)
{
    for (size_t i = 0; code == MPI_ERR_IN_STATUS && i < count; i++) {
        const int own = statuses[i].MPI_ERROR;
        if (own == MPI_SUCCESS || own == MPI_ERR_PENDING)
            continue;
        const primer_status status = mpi_failure(error, "MPI", own);
        error_prefix(error, "the connection with rank %zu has failed", messages[i].peer);
        return status;
    }
    return mpi_failure(error, "the connection with another rank has failed", code);
}

static primer_status wait_for(const struct ranks_message *messages, size_t count,
                              MPI_Request *requests, MPI_Status *statuses, primer_error *error)
{
    const uint64_t begin = clock_nanoseconds();
    uint64_t told = 0; /* when SIGTERM was seen; 0: not yet */
    for (int done = 0;;) {
        const int code = MPI_Testall((int)count, requests, &done, statuses);
        if (code != MPI_SUCCESS)
            return first_error(messages, count, statuses, code, error);
        if (done)
            return PRIMER_OK;
        if (terminated && told == 0)
            told = clock_nanoseconds();
        if (terminated && clock_seconds_since(told) > GRACE_SECONDS)
            return given_up(messages, count, requests, error);
        if (clock_seconds_since(begin) < SPIN_SECONDS)
            sched_yield();
        else
            nanosleep(&nap, NULL);
    }
}

/* Ranks that do different things would otherwise go on with half of what they expect. */
static primer_status check_lengths(const struct ranks_message *messages, size_t count,
                                   const MPI_Status *statuses, primer_error *error)
{
    for (size_t i = 0; i < count; i++) {
        int length = 0;
        if (messages[i].send || messages[i].length == 0)
            continue;
        const int code = MPI_Get_count(&statuses[i], MPI_BYTE, &length);
        if (code != MPI_SUCCESS)
            return mpi_failure(error, "a message's length isn't known", code);
        if ((size_t)length != messages[i].length) {
            broken = true;
            return error_set(error, PRIMER_EINTERNAL,
                             "rank %zu: %d bytes from rank %zu, expected %zu: the ranks do "
                             "different things",
                             own_rank, length, messages[i].peer, messages[i].length);
        }
    }
    return PRIMER_OK;
}

primer_status ranks_transport_exchange(const struct ranks_message *messages,
                                             size_t count, primer_error *error)
{
    primer_status status = PRIMER_OK;
    if (broken)
        return error_set(error, PRIMER_EIO, "rank %zu: an earlier exchange has failed", own_rank);
    MPI_Request *const requests = memory_allocate(count, sizeof(MPI_Request));
    MPI_Status *const statuses = memory_allocate(count, sizeof(MPI_Status));
    if (requests == NULL || statuses == NULL) {
        status = memory_failure(error, "messages between ranks", count * sizeof(MPI_Status));
        goto cleanup;
    }
    for (size_t i = 0; i < count; i++)
        TRY(post(&messages[i], &requests[i], error));
    TRY(wait_for(messages, count, requests, statuses, error));
    TRY(check_lengths(messages, count, statuses, error));
cleanup:
    memory_free(requests);
    memory_free(statuses);
    return status;
}
