/* test_catalog.c - names of models, loading when asked for, letting go when unused. */
#include "server/catalog.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "tools/model_maker.h"

enum { FILES = 3 };
static char folder[] = "/tmp/primer-catalog-XXXXXX";
static char files[FILES][64];
static const char *const stems[FILES] = {"one", "Two.Q8_0", "three"};

static int make_files(void **state)
{
    (void)state;
    if (mkdtemp(folder) == NULL)
        return -1;
    for (size_t i = 0; i < FILES; i++) {
        primer_error error;
        const struct model_maker_options options = {.architecture = "llama", .layers = 1};
        snprintf(files[i], sizeof files[i], "%s/%s.gguf", folder, stems[i]);
        if (model_maker_write(&options, files[i], &error) != PRIMER_OK)
            return -1;
    }
    return 0;
}

static int remove_files(void **state)
{
    (void)state;
    for (size_t i = 0; i < FILES; i++)
        unlink(files[i]);
    return rmdir(folder);
}

static struct catalog *made(size_t count, size_t most, int64_t keep_alive)
{
    const char *models[FILES];
    for (size_t i = 0; i < count; i++)
        models[i] = files[i];
    const struct server_alias alias = {"my-model", files[0]};
    const struct server_options options = {.models = models,
                                           .model_count = count,
                                           .aliases = &alias,
                                           .alias_count = 1,
                                           .model = {.threads = 1},
                                           .max_loaded = most,
                                           .keep_alive_nanoseconds = keep_alive};
    struct catalog *catalog = NULL;
    primer_error error;
    if (catalog_create(&options, &catalog, &error) != PRIMER_OK)
        fail_msg("%s", error.message);
    return catalog;
}

static size_t loaded_count(struct catalog *catalog)
{
    struct catalog_state state;
    size_t count = 0;
    while (catalog_loaded(catalog, count, &state))
        count++;
    return count;
}

static struct catalog_use used(struct catalog *catalog, const char *name)
{
    struct catalog_use use = {0};
    primer_error error;
    struct problem problem = {0};
    if (catalog_use(catalog, name, NULL, NULL, &problem, &use, &error) != PRIMER_OK)
        fail_msg("%s: %s", name, error.message);
    return use;
}

static void names_are_compared_as_ollama_does(void **state)
{
    (void)state;
    assert_true(catalog_same_name("phi", "phi:latest"));
    assert_true(catalog_same_name("Phi", "registry.ollama.ai/library/pHI:Latest"));
    assert_true(catalog_same_name("library/phi:q4", "phi:Q4"));
    assert_false(catalog_same_name("phi:q4", "phi"));
    assert_false(catalog_same_name("someone/phi", "phi"));
    assert_false(catalog_same_name("phi", "phi2"));
    assert_false(catalog_same_name("phi", ""));
}

static void every_name_finds_the_model(void **state)
{
    (void)state;
    struct catalog *catalog = made(2, 3, SERVER_KEEP_FOREVER);
    const struct catalog_entry *one = catalog_at(catalog, 0), *two = catalog_at(catalog, 1);
    assert_null(catalog_at(catalog, 2));
    assert_string_equal(one->name, "my-model");
    assert_ptr_equal(catalog_find(catalog, "my-model:latest"), one);
    assert_ptr_equal(catalog_find(catalog, "one"), one);
    assert_ptr_equal(catalog_find(catalog, "ONE.gguf"), one);
    assert_ptr_equal(catalog_find(catalog, files[0]), one);
    assert_ptr_equal(catalog_find(catalog, "two.q8_0"), two);
    assert_null(catalog_find(catalog, "two"));
    assert_null(catalog_find(catalog, ""));
    assert_null(catalog_find(catalog, NULL));
    assert_string_equal(one->architecture, "llama");
    assert_true(one->context > 0 && one->file_bytes > 0 && one->modified > 0);
    catalog_free(catalog);
    catalog = made(1, 3, SERVER_KEEP_FOREVER);
    assert_ptr_equal(catalog_find(catalog, NULL), catalog_at(catalog, 0));
    catalog_free(catalog);
}

static void unknown_names_are_404(void **state)
{
    (void)state;
    struct catalog *catalog = made(2, 3, SERVER_KEEP_FOREVER);
    struct catalog_use use;
    struct problem problem = {0};
    primer_error error;
    assert_int_not_equal(catalog_use(catalog, "nobody", NULL, NULL, &problem, &use, &error),
                         PRIMER_OK);
    assert_int_equal(problem.http, 404);
    assert_string_equal(error.message, "model 'nobody' not found");
    assert_int_not_equal(catalog_use(catalog, NULL, NULL, NULL, &problem, &use, &error), PRIMER_OK);
    assert_int_equal(problem.http, 400);
    catalog_free(catalog);
}

static void models_are_loaded_once_and_kept(void **state)
{
    (void)state;
    struct catalog *catalog = made(2, 3, SERVER_KEEP_FOREVER);
    assert_int_equal(loaded_count(catalog), 0);
    struct catalog_use first = used(catalog, "one"), second = used(catalog, "my-model");
    assert_true(first.load_seconds > 0 && second.load_seconds == 0);
    assert_ptr_equal(first.model, second.model);
    assert_non_null(first.format);
    catalog_end_use(catalog, &first, CATALOG_KEEP_DEFAULT);
    catalog_end_use(catalog, &second, CATALOG_KEEP_DEFAULT);
    assert_int_equal(loaded_count(catalog), 1);
    struct catalog_state seen;
    assert_true(catalog_loaded(catalog, 0, &seen));
    assert_true(seen.references == 0 && seen.expires == INT64_MAX);
    catalog_unload(catalog, first.entry);
    assert_int_equal(loaded_count(catalog), 0);
    catalog_free(catalog);
}

static void what_was_said_last_stands(void **state)
{
    (void)state;
    struct catalog *catalog = made(1, 3, INT64_C(1000000));
    struct catalog_state seen;
    struct catalog_use use = used(catalog, "one");
    catalog_end_use(catalog, &use, SERVER_KEEP_FOREVER);
    use = used(catalog, "one");
    catalog_end_use(catalog, &use, CATALOG_KEEP_DEFAULT); /* says nothing */
    assert_true(catalog_loaded(catalog, 0, &seen));
    assert_true(seen.expires == INT64_MAX);
    catalog_free(catalog);
}

static void unused_models_go_in_time(void **state)
{
    (void)state;
    struct catalog *catalog = made(2, 3, INT64_C(20000000));
    struct catalog_use use = used(catalog, "one");
    catalog_end_use(catalog, &use, CATALOG_KEEP_DEFAULT);
    const struct timespec moment = {.tv_nsec = 1000000};
    for (int i = 0; i < 10000 && loaded_count(catalog) > 0; i++)
        nanosleep(&moment, NULL);
    assert_int_equal(loaded_count(catalog), 0);
    use = used(catalog, "one");
    catalog_end_use(catalog, &use, 0); /* right after */
    assert_int_equal(loaded_count(catalog), 0);
    use = used(catalog, "one");
    catalog_unload(catalog, use.entry); /* in use: when it is used no longer */
    assert_int_equal(loaded_count(catalog), 1);
    catalog_end_use(catalog, &use, SERVER_KEEP_FOREVER);
    assert_int_equal(loaded_count(catalog), 0);
    catalog_free(catalog);
}

static bool never(void *context)
{
    return *(bool *)context;
}

static void one_makes_room_for_another(void **state)
{
    (void)state;
    struct catalog *catalog = made(3, 2, SERVER_KEEP_FOREVER);
    struct catalog_use one = used(catalog, "one"), two = used(catalog, "two.q8_0");
    bool gone = true;
    struct catalog_use three;
    primer_error error;
    assert_int_equal(catalog_use(catalog, "three", never, &gone, NULL, &three, &error),
                     PRIMER_ECANCELED); /* both are in use: it waited, until its client had gone */
    catalog_end_use(catalog, &one, CATALOG_KEEP_DEFAULT);
    three = used(catalog, "three");
    struct catalog_use missing;
    assert_false(catalog_use_loaded(catalog, one.entry, &missing));
    assert_true(catalog_use_loaded(catalog, two.entry, &missing));
    catalog_end_use(catalog, &missing, CATALOG_KEEP_UNCHANGED);
    catalog_end_use(catalog, &two, CATALOG_KEEP_DEFAULT);
    catalog_end_use(catalog, &three, CATALOG_KEEP_DEFAULT);
    assert_int_equal(loaded_count(catalog), 2);
    catalog_free(catalog);
}

static void *use_often(void *context)
{
    struct catalog *catalog = context;
    static const char *const names[] = {"one", "two.q8_0", "three"};
    for (size_t i = 0; i < 30; i++) {
        struct catalog_use use = {0};
        primer_error error;
        if (catalog_use(catalog, names[i % 3], NULL, NULL, NULL, &use, &error) != PRIMER_OK)
            return context;
        if (primer_model_info(use.model)->vocabulary == 0)
            return context;
        catalog_end_use(catalog, &use, i % 5 == 0 ? 0 : CATALOG_KEEP_DEFAULT);
    }
    return NULL;
}

static void many_threads_use_them(void **state)
{
    (void)state;
    enum { THREADS = 4 };
    struct catalog *catalog = made(3, 2, INT64_C(1000000));
    pthread_t threads[THREADS];
    for (size_t i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, use_often, catalog), 0);
    for (size_t i = 0; i < THREADS; i++) {
        void *failed = catalog;
        pthread_join(threads[i], &failed);
        assert_null(failed);
    }
    catalog_free(catalog);
}

static void two_of_one_name_are_refused(void **state)
{
    (void)state;
    const char *const models[] = {files[0], files[1]};
    const struct server_alias alias = {"one", files[1]};
    const struct server_options options = {
        .models = models, .model_count = 2, .aliases = &alias, .alias_count = 1, .max_loaded = 1};
    struct catalog *catalog = NULL;
    primer_error error;
    assert_int_equal(catalog_create(&options, &catalog, &error), PRIMER_EINVAL);
    assert_non_null(strstr(error.message, "\"one\""));
    assert_null(catalog);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_are_compared_as_ollama_does),
        cmocka_unit_test(every_name_finds_the_model),
        cmocka_unit_test(unknown_names_are_404),
        cmocka_unit_test(models_are_loaded_once_and_kept),
        cmocka_unit_test(what_was_said_last_stands),
        cmocka_unit_test(unused_models_go_in_time),
        cmocka_unit_test(one_makes_room_for_another),
        cmocka_unit_test(many_threads_use_them),
        cmocka_unit_test(two_of_one_name_are_refused),
    };
    return cmocka_run_group_tests(tests, make_files, remove_files);
}
