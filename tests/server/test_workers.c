/* test_workers.c - the queue before the threads: its limit, who makes room, the end. */
#include "server/workers.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>
#include <stdatomic.h>

struct task {
    atomic_bool gone;
    atomic_int ran;
};

static pthread_mutex_t gate = PTHREAD_MUTEX_INITIALIZER;

static void run(void *context)
{
    struct task *task = context;
    if (!atomic_load(&task->gone)) { /* waits at the gate */
        pthread_mutex_lock(&gate);
        pthread_mutex_unlock(&gate);
    }
    atomic_fetch_add(&task->ran, 1);
}

static bool has_gone(void *context)
{
    return atomic_load(&((struct task *)context)->gone);
}

static void wait_until_running(struct workers *workers, size_t wanted)
{
    size_t waiting, running;
    do
        workers_count(workers, &waiting, &running);
    while (running != wanted);
}

static void the_queue_has_a_limit(void **state)
{
    (void)state;
    enum { TASKS = 6 };
    struct workers *workers = NULL;
    primer_error error;
    static struct task tasks[TASKS];
    assert_int_equal(workers_create(2, 3, run, has_gone, &workers, &error), PRIMER_OK);
    pthread_mutex_lock(&gate);
    for (size_t i = 0; i < 5; i++)
        assert_true(workers_submit(workers, &tasks[i]));
    assert_false(workers_submit(workers, &tasks[5]));
    wait_until_running(workers, 2);
    assert_false(workers_drain(workers, 0.001));
    atomic_store(&tasks[3].gone, true); /* it waits in vain, and makes room */
    assert_true(workers_submit(workers, &tasks[5]));
    assert_int_equal(atomic_load(&tasks[3].ran), 1);
    pthread_mutex_unlock(&gate);
    assert_true(workers_drain(workers, 60));
    workers_free(workers);
    for (size_t i = 0; i < TASKS; i++)
        assert_int_equal(atomic_load(&tasks[i].ran), 1);
}

static void the_end_waits_for_what_was_taken(void **state)
{
    (void)state;
    enum { TASKS = 200 };
    struct workers *workers = NULL;
    primer_error error;
    static struct task tasks[TASKS];
    assert_int_equal(workers_create(4, TASKS, run, has_gone, &workers, &error), PRIMER_OK);
    for (size_t i = 0; i < TASKS; i++)
        assert_true(workers_submit(workers, &tasks[i]));
    workers_free(workers);
    for (size_t i = 0; i < TASKS; i++)
        assert_int_equal(atomic_load(&tasks[i].ran), 1);
    workers_free(NULL);
}

static void the_end_has_a_limit(void **state)
{
    (void)state;
    struct workers *workers = NULL;
    primer_error error;
    static struct task task;
    assert_int_equal(workers_create(2, 3, run, has_gone, &workers, &error), PRIMER_OK);
    pthread_mutex_lock(&gate);
    assert_true(workers_submit(workers, &task));
    assert_false(workers_end(workers, 0.01));
    assert_false(workers_submit(workers, &task));
    pthread_mutex_unlock(&gate);
    assert_true(workers_end(workers, 60));
    assert_int_equal(atomic_load(&task.ran), 1);
    workers_free(workers);
    assert_true(workers_end(NULL, 0));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_queue_has_a_limit),
        cmocka_unit_test(the_end_waits_for_what_was_taken),
        cmocka_unit_test(the_end_has_a_limit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
