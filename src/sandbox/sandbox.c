/* sandbox.c - spreads programs over the workers, one at a time each, and replaces workers that end.
 *
 *   programs  0 1 2 3 | 4 5 6 ...      done | given to workers | waiting
 *                     next
 *
 * One thread, one poll over all channels. Each program is given away once: whatever becomes of its
 * worker it has a result, so a program that kills workers costs one worker and no more. Workers are
 * started when there is work for them. One that doesn't come up is an error of the whole run, with
 * what bubblewrap said.
 */
#include "sandbox/sandbox.h"

#include <errno.h>
#include <poll.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/cpu.h"
#include "base/memory.h"
#include "sandbox/sandbox_worker.h"

#define DEFAULT_PATH    "/usr/bin:/usr/local/bin"
#define DEFAULT_SECONDS 3.0
enum {
    DEFAULT_MEMORY = 256 << 20,
    LEAST_MEMORY = 64 << 20,
    DEFAULT_OUTPUT = 64 << 10,
    MOST_OUTPUT = 64 << 20,
    MOST_TEXT = 64 << 20, /* of a source, of an input */
    MOST_WORKERS = 1024,
    MOST_PROCESSES = 1024,
    MOST_SECONDS = 3600,
    POLL_MILLISECONDS = 100
};

struct sandbox {
    struct sandbox_setting setting;
    size_t count;
    struct sandbox_worker *workers; /* [count] */
    struct pollfd *polls;           /* [count] */
};

const char *sandbox_end_name(enum sandbox_end end)
{
    static const char *const names[SANDBOX_ENDS] = {
        [SANDBOX_FINISHED] = "finished", [SANDBOX_ERROR] = "error",   [SANDBOX_TIMEOUT] = "timeout",
        [SANDBOX_MEMORY] = "memory",     [SANDBOX_OUTPUT] = "output", [SANDBOX_KILLED] = "killed",
    };
    return (unsigned)end < SANDBOX_ENDS ? names[end] : "unknown";
}

void sandbox_results_free(struct sandbox_result *results, size_t count)
{
    for (size_t i = 0; results != NULL && i < count; i++) {
        buffer_free(&results[i].output);
        buffer_free(&results[i].problem);
    }
}

/* ---- opening ---- */

/* The first folder of `path` with an executable `name`. */
static bool find_program(const char *path, const char *name, char found[SANDBOX_PATH])
{
    while (*path != '\0') {
        const size_t length = strcspn(path, ":"), name_length = strlen(name);
        if (length > 0 && length + 1 + name_length < SANDBOX_PATH) {
            memcpy(found, path, length);
            found[length] = '/';
            memcpy(found + length + 1, name, name_length + 1);
            if (access(found, X_OK) == 0)
                return true;
        }
        path += length + (path[length] == ':');
    }
    return false;
}

static primer_status check_options(const struct sandbox_options *options, primer_error *error)
{
    if (!(options->seconds >= 0 && options->seconds <= MOST_SECONDS))
        return error_set(error, PRIMER_EINVAL, "sandbox: %g seconds; expected at most %d",
                         options->seconds, MOST_SECONDS);
    if (options->memory != 0 && options->memory < LEAST_MEMORY)
        return error_set(error, PRIMER_EINVAL, "sandbox: %zu bytes of memory; expected at least %d",
                         options->memory, LEAST_MEMORY);
    if (options->output > MOST_OUTPUT)
        return error_set(error, PRIMER_EINVAL, "sandbox: %zu bytes of output; expected at most %d",
                         options->output, MOST_OUTPUT);
    if (options->workers > MOST_WORKERS || options->processes > MOST_PROCESSES)
        return error_set(error, PRIMER_EINVAL,
                         "sandbox: %zu workers, %zu processes; expected at most %d and %d",
                         options->workers, options->processes, MOST_WORKERS, MOST_PROCESSES);
    return PRIMER_OK;
}

static primer_status settle(struct sandbox *sandbox, const struct sandbox_options *options,
                            primer_error *error)
{
    struct sandbox_setting *const setting = &sandbox->setting;
    const char *const path = options->path != NULL ? options->path : DEFAULT_PATH;
    setting->seconds = options->seconds > 0 ? options->seconds : DEFAULT_SECONDS;
    setting->memory = options->memory > 0 ? options->memory : DEFAULT_MEMORY;
    setting->output = options->output > 0 ? options->output : DEFAULT_OUTPUT;
    setting->processes = options->processes > 0 ? options->processes : 1;
    if (!find_program(path, "bwrap", setting->bwrap))
        return error_set(
            error, PRIMER_EUNSUPPORTED,
            "programs run in a sandbox only, and bubblewrap is not installed (no bwrap in %s); "
            "apt-get install bubblewrap",
            path);
    if (!find_program(path, "python3", setting->python))
        return error_set(error, PRIMER_EUNSUPPORTED,
                         "the sandbox runs Python, which is not installed (no python3 in %s); "
                         "apt-get install python3",
                         path);
    sandbox_worker_links(setting);
    return PRIMER_OK;
}

/* One program through one worker: whatever is forbidden or missing shows now. */
static primer_status try_one(struct sandbox *sandbox, primer_error *error)
{
    const struct sandbox_program program = {.source = "print(6 * 7)", .source_length = 12};
    struct sandbox_result result;
    FORWARD(sandbox_run(sandbox, &program, 1, &result, NULL, NULL, error));
    primer_status status = PRIMER_OK;
    if (result.end != SANDBOX_FINISHED || result.output.length != 3 ||
        memcmp(result.output.bytes, "42\n", 3) != 0) {
        const char *const problem = result.problem.bytes != NULL ? result.problem.bytes : "";
        char text[256];
        error_printable(problem, strlen(problem), text, sizeof text);
        status = error_set(error, PRIMER_EUNSUPPORTED,
                           "the sandbox doesn't work here: the first program's end is \"%s\": %s",
                           sandbox_end_name(result.end), text);
    }
    sandbox_results_free(&result, 1);
    return status;
}

primer_status sandbox_open(const struct sandbox_options *options, struct sandbox **out,
                           primer_error *error)
{
    static const struct sandbox_options defaults = {.workers = 0};
    primer_status status = PRIMER_OK;
    struct sandbox *sandbox = NULL;
    if (options == NULL)
        options = &defaults;
    TRY(check_options(options, error));
    sandbox = memory_allocate(1, sizeof *sandbox);
    if (sandbox == NULL)
        TRY(memory_failure(error, "a sandbox", sizeof *sandbox));
    TRY(settle(sandbox, options, error));
    sandbox->count = options->workers > 0 ? options->workers : cpu_usable_count();
    sandbox->workers = memory_allocate(sandbox->count, sizeof *sandbox->workers);
    sandbox->polls = memory_allocate(sandbox->count, sizeof *sandbox->polls);
    if (sandbox->workers == NULL || sandbox->polls == NULL)
        TRY(memory_failure(error, "a sandbox's workers",
                           sandbox->count * sizeof *sandbox->workers));
    TRY(try_one(sandbox, error));
    *out = sandbox;
    sandbox = NULL;
cleanup:
    sandbox_close(sandbox);
    return status;
}

void sandbox_close(struct sandbox *sandbox)
{
    if (sandbox == NULL)
        return;
    for (size_t i = 0; sandbox->workers != NULL && i < sandbox->count; i++) {
        sandbox_worker_stop(&sandbox->workers[i]);
        buffer_free(&sandbox->workers[i].answer);
    }
    memory_free(sandbox->workers);
    memory_free(sandbox->polls);
    memory_free(sandbox);
}

/* ---- running ---- */

struct run {
    struct sandbox *sandbox;
    const struct sandbox_program *programs;
    struct sandbox_result *results;
    size_t count, next, done;
};

static primer_status check_programs(const struct sandbox_program *programs, size_t count,
                                    primer_error *error)
{
    for (size_t i = 0; i < count; i++)
        if (programs[i].source_length > MOST_TEXT || programs[i].input_length > MOST_TEXT)
            return error_set(error, PRIMER_ELIMIT,
                             "sandbox: program %zu has %zu bytes of source, %zu of input; "
                             "expected at most %d",
                             i, programs[i].source_length, programs[i].input_length, MOST_TEXT);
    return PRIMER_OK;
}

/* A worker that never was ready: nothing it was given is lost, but nothing runs here. */
static primer_status start_failure(struct sandbox_worker *worker, primer_error *error)
{
    char text[256];
    sandbox_worker_complaint(worker, text, sizeof text);
    const bool late = clock_nanoseconds() >= worker->deadline;
    sandbox_worker_stop(worker);
    return error_set(
        error, PRIMER_EUNSUPPORTED,
        "the sandbox can't be started: %s%s (it needs bubblewrap 0.7 or later, Python 3.9 or "
        "later, Linux 5.3 or later and the right to make user namespaces: see "
        "sysctl user.max_user_namespaces, kernel.unprivileged_userns_clone and "
        "kernel.apparmor_restrict_unprivileged_userns, and in a container its seccomp profile)",
        *text != '\0' ? text : "bwrap ended without a word", late ? ", too slow" : "");
}

/* The program's worker has ended, or was ended because it stuck or lied. */
static primer_status lost_worker(struct run *run, struct sandbox_worker *worker,
                                 primer_error *error)
{
    struct sandbox_result *const result = &run->results[worker->index];
    char text[256];
    sandbox_worker_complaint(worker, text, sizeof text);
    result->ended_outside = sandbox_worker_ended_outside(worker);
    sandbox_worker_stop(worker);
    buffer_clear(&result->output);
    buffer_clear(&result->problem);
    FORWARD(buffer_format(&result->problem, error, "the program's worker ended%s%s",
                          *text != '\0' ? ": " : "", text));
    result->end = SANDBOX_KILLED;
    result->exit_code = 0;
    result->seconds = 0;
    run->done++;
    return PRIMER_OK;
}

/* Gives an idle worker the next program; a worker is started where more programs wait than are
 * starting. */
static primer_status employ(struct run *run, primer_error *error)
{
    struct sandbox *const sandbox = run->sandbox;
    size_t starting = 0;
    for (size_t i = 0; i < sandbox->count; i++) {
        struct sandbox_worker *const worker = &sandbox->workers[i];
        bool answered;
        /* An idle one may have been ended from outside. */
        if (worker->state == SANDBOX_IDLE && run->next < run->count &&
            (worker->leaving || !sandbox_worker_step(worker, &sandbox->setting, NULL, &answered)))
            sandbox_worker_stop(worker);
        if (worker->state == SANDBOX_IDLE && run->next < run->count) {
            FORWARD(sandbox_worker_begin(worker, &sandbox->setting, &run->programs[run->next],
                                         run->next, error));
            run->next++;
        }
        starting += worker->state == SANDBOX_STARTING;
    }
    for (size_t i = 0; i < sandbox->count && starting < run->count - run->next; i++)
        if (sandbox->workers[i].state == SANDBOX_DEAD) {
            FORWARD(sandbox_worker_start(&sandbox->workers[i], &sandbox->setting, error));
            starting++;
        }
    return PRIMER_OK;
}

static primer_status step(struct run *run, struct sandbox_worker *worker, primer_error *error)
{
    if (worker->state != SANDBOX_BUSY && worker->state != SANDBOX_STARTING)
        return PRIMER_OK;
    const bool starting = worker->state == SANDBOX_STARTING;
    bool answered;
    struct sandbox_result *const result = starting ? NULL : &run->results[worker->index];
    if (!sandbox_worker_step(worker, &run->sandbox->setting, result, &answered))
        return starting ? start_failure(worker, error) : lost_worker(run, worker, error);
    run->done += answered;
    return PRIMER_OK;
}

static primer_status turn(struct run *run, primer_error *error)
{
    struct sandbox *const sandbox = run->sandbox;
    FORWARD(employ(run, error));
    for (size_t i = 0; i < sandbox->count; i++) {
        const short events = sandbox_worker_events(&sandbox->workers[i]);
        sandbox->polls[i] =
            (struct pollfd){.fd = events != 0 ? sandbox->workers[i].channel : -1, .events = events};
    }
    if (poll(sandbox->polls, sandbox->count, POLL_MILLISECONDS) < 0 && errno != EINTR)
        return error_set(error, PRIMER_EIO, "sandbox: waiting for workers: %s", strerror(errno));
    for (size_t i = 0; i < sandbox->count; i++)
        FORWARD(step(run, &sandbox->workers[i], error));
    return PRIMER_OK;
}

primer_status sandbox_run(struct sandbox *sandbox, const struct sandbox_program *programs,
                          size_t count, struct sandbox_result *results, sandbox_progress *progress,
                          void *context, primer_error *error)
{
    primer_status status = PRIMER_OK;
    struct run run = {.sandbox = sandbox, .programs = programs, .count = count};
    TRY(check_programs(programs, count, error));
    run.results = memory_allocate(count, sizeof *run.results);
    if (run.results == NULL)
        TRY(memory_failure(error, "results of programs", count * sizeof *run.results));
    while (run.done < count) {
        TRY(turn(&run, error));
        if (progress != NULL && !progress(context, run.done, count))
            FAIL(PRIMER_ECANCELED, "sandbox: stopped after %zu of %zu programs", run.done, count);
    }
    if (count > 0)
        memcpy(results, run.results, count * sizeof *results);
    memory_free(run.results);
    return PRIMER_OK;
cleanup:
    for (size_t i = 0; i < sandbox->count; i++)
        if (sandbox->workers[i].state == SANDBOX_BUSY)
            sandbox_worker_stop(&sandbox->workers[i]);
    sandbox_results_free(run.results, run.results != NULL ? count : 0);
    memory_free(run.results);
    return status;
}
