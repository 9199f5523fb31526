/* test_pool.c - every task once, threads numbered, nesting, callers in turns, sleep, and
 * refusals. */
#include "base/pool.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dirent.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/cpu.h"
#include "base/memory.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define SANITIZED 1
#endif
#endif
#ifndef SANITIZED
#define SANITIZED 0
#endif

enum { MOST_TASKS = 4096, MOST_THREADS = 9 };

struct job {
    struct pool *pool;
    size_t threads, tasks;
    unsigned char
        done[MOST_TASKS]; /* not atomic: one thread may touch each, and the caller afterwards */
    atomic_bool busy[MOST_THREADS];
    atomic_size_t wrong;
};

static void run_task(void *context, size_t task, size_t thread)
{
    struct job *const job = context;
    if (thread >= job->threads || task >= job->tasks || atomic_exchange(&job->busy[thread], true)) {
        atomic_fetch_add(&job->wrong, 1);
        return;
    }
    job->done[task]++;
    atomic_store(&job->busy[thread], false);
}

static struct pool *create(size_t threads)
{
    primer_error error;
    struct pool *pool = NULL;
    if (pool_create(&pool, threads, &error) != PRIMER_OK)
        fail_msg("%s", error.message);
    return pool;
}

static void every_task_runs_once(void **state)
{
    (void)state;
    static const size_t counts[] = {0, 1, 2, 3, 7, 31, 32, 33, 64, 1000, MOST_TASKS};
    static struct job job;
    for (size_t threads = 1; threads <= 5; threads++) {
        struct pool *const pool = create(threads);
        assert_int_equal(pool_size(pool), threads);
        for (size_t round = 0; round < 220; round++) {
            const size_t tasks = counts[round % (sizeof counts / sizeof counts[0])];
            memset(job.done, 0, sizeof job.done);
            job.threads = threads;
            job.tasks = tasks;
            pool_run(pool, run_task, &job, tasks);
            for (size_t i = 0; i < MOST_TASKS; i++)
                assert_int_equal(job.done[i], i < tasks);
            assert_int_equal(atomic_load(&job.wrong), 0);
        }
        pool_free(pool);
    }
}

enum { STEAL_TASKS = 30, STEAL_SECONDS = 20 };

struct theft {
    atomic_size_t others; /* tasks but the first that have been run */
    size_t seen;          /* of them, when the first ended */
};

/* The first task ends when all others have. */
static void wait_for_others(void *context, size_t task, size_t thread)
{
    (void)thread;
    struct theft *const theft = context;
    if (task > 0) {
        atomic_fetch_add(&theft->others, 1);
        return;
    }
    const uint64_t start = clock_nanoseconds();
    while (atomic_load(&theft->others) < STEAL_TASKS - 1 &&
           clock_seconds_since(start) < STEAL_SECONDS)
        usleep(100);
    theft->seen = atomic_load(&theft->others);
}

/* Who is held up loses the rest of its share. */
static void the_rest_of_a_share_is_taken(void **state)
{
    (void)state;
    struct theft theft = {.others = 0};
    struct pool *const pool = create(2);
    pool_run(pool, wait_for_others, &theft, STEAL_TASKS);
    assert_int_equal(theft.seen, STEAL_TASKS - 1);
    pool_free(pool);
}

static void add_task(void *context, size_t task, size_t thread)
{
    (void)thread;
    size_t *const sums = context;
    sums[task] += task + 1;
}

/* What one job wrote, the next one and the caller see, whichever threads run them. */
static void jobs_see_what_was_before(void **state)
{
    (void)state;
    size_t sums[6] = {0};
    struct pool *const pool = create(3);
    for (size_t i = 0; i < 20000; i++)
        pool_run(pool, add_task, sums, 6);
    pool_free(pool);
    for (size_t i = 0; i < 6; i++)
        assert_int_equal(sums[i], 20000 * (i + 1));
}

static size_t thread_count(void)
{
    DIR *const folder = opendir("/proc/self/task");
    size_t count = 0;
    assert_non_null(folder);
    for (const struct dirent *entry; (entry = readdir(folder)) != NULL;)
        count += entry->d_name[0] != '.';
    closedir(folder);
    return count;
}

/* A joined thread may stay listed for a moment. */
static bool threads_become(size_t expected)
{
    const uint64_t start = clock_nanoseconds();
    const struct timespec pause = {0, 1000 * 1000};
    while (thread_count() != expected && clock_seconds_since(start) < 10)
        nanosleep(&pause, NULL);
    return thread_count() == expected;
}

static void threads_are_made_and_ended(void **state)
{
    (void)state;
    const size_t before = thread_count();
    struct pool *const one = create(1);
    assert_int_equal(thread_count(), before);
    struct pool *const four = create(4);
    assert_int_equal(thread_count(), before + 3);
    pool_free(four);
    pool_free(one);
    pool_free(NULL);
    assert_true(threads_become(before));
}

static void zero_threads_means_what_is_worth_it(void **state)
{
    (void)state;
    struct pool *const pool = create(0);
    assert_int_equal(pool_size(pool), cpu_thread_count());
    pool_free(pool);
}

struct nest {
    struct pool *pool;
    atomic_size_t inner;
    atomic_size_t strayed;
};

struct level {
    struct nest *nest;
    pthread_t self;
    size_t thread, next;
};

static void inner_task(void *context, size_t task, size_t thread)
{
    struct level *const level = context;
    if (thread != level->thread || !pthread_equal(pthread_self(), level->self) ||
        task != level->next++)
        atomic_fetch_add(&level->nest->strayed, 1);
    atomic_fetch_add(&level->nest->inner, 1);
}

static void outer_task(void *context, size_t task, size_t thread)
{
    (void)task;
    struct nest *const nest = context;
    struct level level = {nest, pthread_self(), thread, 0};
    pool_run(nest->pool, inner_task, &level, 10);
}

static void nested_jobs_run_on_their_thread_in_order(void **state)
{
    (void)state;
    for (size_t threads = 1; threads <= 3; threads++) {
        struct nest nest = {.pool = create(threads)};
        for (size_t tasks = 1; tasks <= 100; tasks += 33) {
            atomic_store(&nest.inner, 0);
            pool_run(nest.pool, outer_task, &nest, tasks);
            assert_int_equal(atomic_load(&nest.inner), 10 * tasks);
            assert_int_equal(atomic_load(&nest.strayed), 0);
        }
        pool_free(nest.pool);
    }
}

static void run_second_pool(void *context, size_t task, size_t thread)
{
    (void)task;
    (void)thread;
    struct job *const job = context;
    pool_run(job->pool, run_task, job, job->tasks);
}

static void a_task_may_use_another_pool(void **state)
{
    (void)state;
    static struct job job;
    struct pool *const first = create(2), *const second = create(2);
    job = (struct job){.pool = second, .threads = 2, .tasks = 50};
    pool_run(first, run_second_pool, &job, 5);
    for (size_t i = 0; i < 50; i++)
        assert_int_equal(job.done[i], 5);
    assert_int_equal(atomic_load(&job.wrong), 0);
    pool_free(second);
    pool_free(first);
}

/* A thread's number stays taken for some microseconds. */
static void slow_task(void *context, size_t task, size_t thread)
{
    struct job *const job = context;
    if (atomic_exchange(&job->busy[thread], true))
        atomic_fetch_add(&job->wrong, 1);
    const uint64_t start = clock_nanoseconds();
    while (clock_nanoseconds() - start < 5000)
        ;
    job->done[task]++;
    atomic_store(&job->busy[thread], false);
}

static void *call_often(void *argument)
{
    struct job *const job = argument;
    for (int i = 0; i < 200; i++)
        pool_run(job->pool, slow_task, job, job->tasks);
    return NULL;
}

/* The `done` bytes aren't atomic and `busy` is per number: jobs that overlapped would be
 * noticed. */
static void callers_take_turns(void **state)
{
    (void)state;
    static struct job job;
    pthread_t callers[3];
    job = (struct job){.pool = create(3), .threads = 3, .tasks = 40};
    for (size_t i = 0; i < 3; i++)
        assert_int_equal(pthread_create(&callers[i], NULL, call_often, &job), 0);
    for (size_t i = 0; i < 3; i++)
        pthread_join(callers[i], NULL);
    assert_int_equal(atomic_load(&job.wrong), 0);
    for (size_t i = 0; i < 40; i++)
        assert_int_equal(job.done[i], 600 % 256);
    pool_free(job.pool);
}

static void sleep_task(void *context, size_t task, size_t thread)
{
    (void)task;
    const struct timespec pause = {0, 3 * 1000 * 1000};
    nanosleep(&pause, NULL);
    atomic_fetch_add((atomic_size_t *)context + thread, 1);
}

/* Long tasks and pauses between jobs: workers and the caller go to sleep and are woken. */
static void sleepers_are_woken(void **state)
{
    (void)state;
    atomic_size_t done[3] = {0};
    struct pool *const pool = create(3);
    const struct timespec pause = {0, 1000 * 1000};
    for (int i = 0; i < 10; i++) {
        pool_run(pool, sleep_task, done, 3);
        nanosleep(&pause, NULL);
    }
    pool_free(pool);
    assert_int_equal(done[0] + done[1] + done[2], 30);
    assert_true(done[1] + done[2] > 0); /* the workers took part */
}

static void check_idle(size_t threads)
{
    static struct job job;
    job = (struct job){.pool = create(threads), .threads = threads, .tasks = 100};
    pool_run(job.pool, run_task, &job, job.tasks);
    const struct timespec settle = {0, 20 * 1000 * 1000}, pause = {0, 200 * 1000 * 1000};
    nanosleep(&settle, NULL);
    const uint64_t start = clock_cpu_nanoseconds();
    nanosleep(&pause, NULL);
    const uint64_t used = clock_cpu_nanoseconds() - start;
    pool_free(job.pool);
    assert_true(used < 20 * 1000 * 1000);
}

static void idle_pools_use_no_processor(void **state)
{
    (void)state;
    check_idle(2); /* spins before it sleeps where there are two processors */
    check_idle(MOST_THREADS);
}

static _Atomic(uintptr_t) handled_by;

static void handle(int signal_number)
{
    (void)signal_number;
    atomic_store(&handled_by, (uintptr_t)pthread_self());
}

static void signals_go_to_the_program(void **state)
{
    (void)state;
    struct sigaction action, before;
    memset(&action, 0, sizeof action);
    action.sa_handler = handle;
    struct pool *const pool = create(4);
    sigset_t blocked;
    pthread_sigmask(SIG_SETMASK, NULL, &blocked);
    assert_false(sigismember(&blocked, SIGUSR1)); /* the caller's mask is as it was */
    sigaction(SIGUSR1, &action, &before);
    sigset_t one;
    sigemptyset(&one);
    sigaddset(&one, SIGUSR1);
    pthread_sigmask(SIG_BLOCK, &one, NULL);
    kill(getpid(), SIGUSR1); /* no worker takes it while this thread doesn't */
    usleep(20000);
    assert_true(atomic_load(&handled_by) == 0);
    pthread_sigmask(SIG_UNBLOCK, &one, NULL);
    assert_true(atomic_load(&handled_by) == (uintptr_t)pthread_self());
    for (int i = 0; i < 50; i++) {
        atomic_store(&handled_by, 0);
        kill(getpid(), SIGUSR1);
        const uint64_t start = clock_nanoseconds();
        while (atomic_load(&handled_by) == 0 && clock_seconds_since(start) < 10)
            usleep(100);
        assert_true(atomic_load(&handled_by) == (uintptr_t)pthread_self());
    }
    sigaction(SIGUSR1, &before, NULL);
    pool_free(pool);
}

static void too_many_threads_are_refused(void **state)
{
    (void)state;
    primer_error error;
    struct pool *pool = NULL;
    assert_int_equal(pool_create(&pool, 1025, &error), PRIMER_EINVAL);
    assert_non_null(strstr(error.message, "1025"));
    assert_non_null(strstr(error.message, "1024"));
    assert_null(pool);
}

static void every_allocation_may_fail(void **state)
{
    (void)state;
    size_t n = 0;
    for (primer_status status = PRIMER_ENOMEM; status != PRIMER_OK; n++) {
        primer_error error = {0};
        struct pool *pool = NULL;
        memory_fail_at(n);
        status = pool_create(&pool, 2, &error);
        memory_fail_at(SIZE_MAX);
        if (status != PRIMER_OK) {
            assert_int_equal(status, PRIMER_ENOMEM);
            assert_null(pool);
        }
        pool_free(pool);
    }
    assert_int_equal(n, 4);
}

/* Stacks of 8 MiB don't all fit in what is left of the address space. */
static void refused_threads_are_an_error(void **state)
{
    (void)state;
    if (SANITIZED)
        skip(); /* their shadow memory doesn't live under such a limit */
    const size_t before = thread_count();
    struct rlimit limit;
    getrlimit(RLIMIT_AS, &limit);
    size_t pages = 0;
    FILE *const file = fopen("/proc/self/statm", "r");
    assert_non_null(file);
    assert_int_equal(fscanf(file, "%zu", &pages), 1);
    fclose(file);
    const struct rlimit tight = {pages * 4096 + ((rlim_t)300 << 20), limit.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_AS, &tight), 0);
    void *const beyond =
        mmap(NULL, (size_t)600 << 20, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (beyond != MAP_FAILED) {
        munmap(beyond, (size_t)600 << 20);
        setrlimit(RLIMIT_AS, &limit);
        skip(); /* an emulator keeps the limit without holding anybody to it */
    }
    primer_error error = {0};
    struct pool *pool = NULL;
    const primer_status status = pool_create(&pool, 1000, &error);
    setrlimit(RLIMIT_AS, &limit);
    assert_int_equal(status, PRIMER_ELIMIT);
    assert_non_null(strstr(error.message, "of 1000 could not be started"));
    assert_null(pool);
    assert_true(threads_become(before));
}

static void no_task(void *context, size_t task, size_t thread)
{
    (void)context;
    (void)task;
    (void)thread;
}

/* Printed, not judged: other programs may be running. */
static void the_cost_of_a_job_is_told(void **state)
{
    (void)state;
    struct pool *const pool = create(2);
    double best = 1;
    for (int round = 0; round < 20; round++) {
        const uint64_t start = clock_nanoseconds();
        for (int i = 0; i < 1000; i++)
            pool_run(pool, no_task, NULL, 64);
        const double seconds = clock_seconds_since(start) / 1000;
        best = seconds < best ? seconds : best;
    }
    pool_free(pool);
    print_message("a job of 64 empty tasks on 2 threads: %.2f us at best\n", best * 1e6);
    assert_true(best > 0 && best < 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_task_runs_once),
        cmocka_unit_test(the_rest_of_a_share_is_taken),
        cmocka_unit_test(jobs_see_what_was_before),
        cmocka_unit_test(threads_are_made_and_ended),
        cmocka_unit_test(zero_threads_means_what_is_worth_it),
        cmocka_unit_test(nested_jobs_run_on_their_thread_in_order),
        cmocka_unit_test(a_task_may_use_another_pool),
        cmocka_unit_test(callers_take_turns),
        cmocka_unit_test(sleepers_are_woken),
        cmocka_unit_test(idle_pools_use_no_processor),
        cmocka_unit_test(signals_go_to_the_program),
        cmocka_unit_test(too_many_threads_are_refused),
        cmocka_unit_test(every_allocation_may_fail),
        cmocka_unit_test(refused_threads_are_an_error),
        cmocka_unit_test(the_cost_of_a_job_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
