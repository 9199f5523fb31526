/* The prefix cache on disk between processes: several at once, one that is killed while it writes,
 * and one whose files may not grow. Children are forked while this process has one thread. */
#include "fixture.h"

#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/log.h"
#include "engine/engine.h"

enum { TEXT = 460, WHOLE = 448, TEXTS = 3 };

/* Pages of half a MiB: a process is killed while it writes one more often than not. */
static const struct model_maker_options shape = {
    .architecture = "llama", .type = "Q8_0", .dimension = 512, .layers = 1, .context = 512};

static const primer_session_options options = {.kv_format = PRIMER_KV_F32};
static char path[160], folder[160];
static int ready[2]; /* a pipe: the child tells that it has begun to write */

/* Text number `which`; they have no beginning in common. */
static void text_of(int32_t *ids, size_t which)
{
    fixture_ids(ids, TEXT, 500, 5);
    ids[0] = (int32_t)which;
}

static primer_model *open_model(const char *prefixes)
{
    primer_model *model = NULL;
    must(primer_model_open(path,
                           &(primer_model_options){.threads = 1,
                                                   .no_prefix_cache = prefixes == NULL,
                                                   .prefix_folder = prefixes},
                           &model, error));
    return model;
}

/* Reads text `which` to the logits at out [512]; returns the tokens that came from the disk. */
static size_t visit(primer_model *model, size_t which, float *out)
{
    int32_t ids[TEXT];
    primer_session *s = NULL;
    primer_statistics statistics;
    text_of(ids, which);
    must(primer_session_create(model, &options, &s, error));
    must(primer_session_sync(s, ids, TEXT, NULL, NULL, error));
    primer_session_statistics(s, &statistics);
    assert_int_equal(primer_model_info(model)->vocabulary, 512);
    memcpy(out, primer_session_logits(s), 512 * sizeof *out);
    primer_session_free(s);
    return (size_t)statistics.restored_tokens;
}

/* All texts with what is in the folder, against none; returns the tokens that came from the disk.
 */
static size_t check_all(void)
{
    size_t restored = 0;
    primer_model *kept = open_model(folder), *plain = open_model(NULL);
    for (size_t i = 0; i < TEXTS; i++) {
        float found[512], expected[512];
        restored += visit(kept, i, found);
        visit(plain, i, expected);
        assert_memory_equal(found, expected, sizeof found);
    }
    primer_model_free(kept);
    primer_model_free(plain);
    return restored;
}

/* Files that are no pages. */
static size_t leftovers(void)
{
    DIR *entries = opendir(folder);
    size_t count = 0;
    assert_non_null(entries);
    for (const struct dirent *entry; (entry = readdir(entries)) != NULL;)
        count += strstr(entry->d_name, ".partial-") != NULL;
    closedir(entries);
    return count;
}

static int make(void **state)
{
    static int made;
    char name[32];
    (void)state;
    if (made == 0)
        snprintf(path, sizeof path, "%s", fixture_model(&shape, 0));
    snprintf(name, sizeof name, "prefixes%d", made++);
    snprintf(folder, sizeof folder, "%s", fixture_path(name));
    return 0;
}

static pid_t start(void (*work)(size_t number), size_t number)
{
    fflush(NULL);
    const pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        work(number);
        _exit(0); /* the folder is the parent's to remove */
    }
    return child;
}

static int status_of(pid_t child)
{
    int status = 0;
    while (waitpid(child, &status, 0) < 0)
        assert_int_equal(errno, EINTR);
    return status;
}

/* ---- several at once ------------------------------------------------------------------------- */

static void read_all(size_t number)
{
    float logits[512];
    primer_model *model = open_model(folder);
    for (size_t i = 0; i < TEXTS; i++) /* the same ones, begun at different places */
        visit(model, (i + number) % TEXTS, logits);
    primer_model_free(model);
}

static void writers_at_once(void **state)
{
    (void)state;
    pid_t children[3];
    for (size_t i = 0; i < 3; i++)
        children[i] = start(read_all, i);
    for (size_t i = 0; i < 3; i++)
        assert_int_equal(status_of(children[i]), 0);
    assert_int_equal(leftovers(), 0);
    assert_int_equal(check_all(), TEXTS * WHOLE);
}

/* ---- killed ---------------------------------------------------------------------------------- */

/* Writes the pages of one text again and again, under ever new keys, until it is killed. */
static void write_for_ever(size_t number)
{
    int32_t ids[TEXT];
    primer_model *model = open_model(folder);
    primer_session *s = NULL;
    must(primer_session_create(model, &options, &s, error));
    text_of(ids, number % TEXTS);
    must(primer_session_sync(s, ids, 256, NULL, NULL, error));
    if (write(ready[1], "", 1) != 1)
        _exit(1);
    for (int32_t i = 0;; i = (i + 1) % 500) {
        int32_t own[4 * KV_PAGE_TOKENS];
        memcpy(own, ids, sizeof own);
        own[3] = i;
        own[4] = (int32_t)number;
        struct prefix_key key = prefix_disk_root(&s->prefix_root->origin);
        for (size_t p = 0; p < 4; p++) {
            key = prefix_disk_next(&key, own + p * KV_PAGE_TOKENS);
            const struct prefix_file file = {&s->prefix_root->origin, key, own, p,
                                             prefix_disk_now()};
            prefix_disk_store(model->disk, &file, s->cache.pages[p]->memory);
        }
    }
}

static void killed_while_writing(void **state)
{
    (void)state;
    size_t torn = 0;
    for (size_t i = 0; i < 16; i++) {
        assert_int_equal(pipe(ready), 0);
        const pid_t child = start(write_for_ever, i);
        close(ready[1]); /* so that its early death is no wait for ever */
        const struct timespec delay = {.tv_nsec = (long)((i * 2654435761u) % 8000) * 1000};
        char byte;
        assert_int_equal(read(ready[0], &byte, 1), 1);
        nanosleep(&delay, NULL);
        assert_int_equal(kill(child, SIGKILL), 0);
        assert_true(WIFSIGNALED(status_of(child)));
        close(ready[0]);
        torn += leftovers();
    }
    assert_true(torn > 0); /* else nothing was tried */
    primer_model *model = open_model(folder);
    float logits[512];
    const size_t new_text = TEXTS + 1; /* writes, so it looks at the folder */
    visit(model, new_text, logits);
    primer_model_free(model);
    assert_int_equal(leftovers(), 0);
    check_all();
    assert_int_equal(check_all(), TEXTS * WHOLE);
}

/* ---- no room --------------------------------------------------------------------------------- */

static void count_messages(void *context, enum log_level level, const char *message)
{
    size_t *count = context;
    if (strstr(message, "prefix cache on disk") != NULL && level == LOG_INFO)
        ++*count;
}

/* As on a full disk: every write beyond the first 100,000 bytes of a file is refused. */
static void read_without_room(size_t number)
{
    float found[512], expected[512];
    size_t messages = 0;
    (void)number;
    const struct rlimit limit = {100000, 100000};
    if (setrlimit(RLIMIT_FSIZE, &limit) != 0)
        _exit(1);
    log_set_sink(count_messages, &messages, LOG_INFO);
    primer_model *model = open_model(folder), *plain = open_model(NULL);
    for (size_t i = 0; i < 3; i++) {
        if (visit(model, i, found) != 0)
            _exit(2);
        visit(plain, i, expected);
        if (memcmp(found, expected, sizeof found) != 0)
            _exit(3);
    }
    primer_model_free(model);
    primer_model_free(plain);
    if (messages != 1)
        _exit(4);
}

static void no_room(void **state)
{
    (void)state;
    assert_int_equal(status_of(start(read_without_room, 0)), 0);
    assert_int_equal(leftovers(), 0);
    assert_int_equal(check_all(), 0); /* nothing had been kept */
    assert_int_equal(check_all(), TEXTS * WHOLE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(writers_at_once, make),
        cmocka_unit_test_setup(killed_while_writing, make),
        cmocka_unit_test_setup(no_room, make),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
