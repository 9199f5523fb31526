/* test_log.c - messages reach the sink by level, whole characters, one at a time. */
#include "base/log.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>
#include <string.h>

#include "base/utf8.h"

struct record {
    int count;
    enum log_level level;
    char message[4096];
};

static void note(void *context, enum log_level level, const char *message)
{
    struct record *const record = context;
    record->count++;
    record->level = level;
    strcpy(record->message, message);
}

static void without_a_sink_nothing_happens(void **state)
{
    (void)state;
    struct record record = {0};
    log_message(LOG_ERROR, "%d", 1);
    log_set_sink(note, &record, LOG_DEBUG);
    log_set_sink(NULL, &record, LOG_DEBUG);
    log_message(LOG_ERROR, "%d", 2);
    assert_int_equal(record.count, 0);
}

static void levels_are_kept_apart(void **state)
{
    (void)state;
    for (int most = LOG_ERROR; most <= LOG_DEBUG; most++) {
        struct record record = {0};
        log_set_sink(note, &record, (enum log_level)most);
        for (int level = LOG_ERROR; level <= LOG_DEBUG; level++)
            log_message((enum log_level)level, "level %d", level);
        assert_int_equal(record.count, most + 1);
        assert_int_equal(record.level, most);
        assert_int_equal(record.message[6], '0' + most);
        log_set_sink(NULL, NULL, LOG_ERROR);
    }
}

static void long_messages_end_with_a_whole_character(void **state)
{
    (void)state;
    struct record record = {0};
    char text[3003];
    for (size_t i = 0; i < 3000; i += 3)
        memcpy(text + i, "\xE2\x82\xAC", 4);
    log_set_sink(note, &record, LOG_INFO);
    log_message(LOG_INFO, "%s", text);
    log_set_sink(NULL, NULL, LOG_ERROR);
    assert_true(strlen(record.message) > 1000);
    assert_int_equal(strlen(record.message) % 3, 0);
    assert_true(utf8_valid(record.message, strlen(record.message)));
}

static void note_and_log(void *context, enum log_level level, const char *message)
{
    note(context, level, message);
    if (strcmp(message, "outer") == 0)
        log_message(LOG_INFO, "inner");
}

static void a_sink_may_log(void **state)
{
    (void)state;
    struct record record = {0};
    log_set_sink(note_and_log, &record, LOG_INFO);
    log_message(LOG_INFO, "outer");
    log_set_sink(NULL, NULL, LOG_ERROR);
    assert_int_equal(record.count, 2);
    assert_string_equal(record.message, "inner");
}

static void *log_much(void *argument)
{
    (void)argument;
    for (int i = 0; i < 1000; i++)
        log_message(LOG_INFO, "message %d", i);
    return NULL;
}

static void threads_take_turns(void **state)
{
    (void)state;
    struct record record = {0}; /* written without a lock of its own */
    pthread_t threads[4];
    log_set_sink(note, &record, LOG_INFO);
    for (size_t i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, log_much, NULL), 0);
    for (size_t i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    log_set_sink(NULL, NULL, LOG_ERROR);
    assert_int_equal(record.count, 4000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_a_sink_nothing_happens),
        cmocka_unit_test(levels_are_kept_apart),
        cmocka_unit_test(long_messages_end_with_a_whole_character),
        cmocka_unit_test(a_sink_may_log),
        cmocka_unit_test(threads_take_turns),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
