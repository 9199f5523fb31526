/* test_checkpoint_crash.c - what is left of checkpoints by a process that ends at any call to the
 * system, by a full disk, and where memory runs out.
 *
 * The program's own write, fsync, rename and unlink stand before the C library's and do what
 * `trouble` says. Nothing is flushed: the machine doesn't fail here, and disks take their time.
 */
#include "checkpoint_run.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/memory.h"

/* ---- a system in trouble --------------------------------------------------------------------- */

static struct {
    long calls_left; /* until the trouble; < 0: none */
    bool dies;       /* the process ends there, else the disk is full from there on */
} trouble = {-1, false};

enum { DIED = 99 };

/* Whether this call may be done. */
static bool may_call(void)
{
    if (trouble.calls_left < 0)
        return true;
    if (trouble.calls_left > 0) {
        trouble.calls_left--;
        return true;
    }
    if (trouble.dies)
        _exit(DIED);
    errno = ENOSPC;
    return false;
}

ssize_t write(int descriptor, const void *bytes, size_t length)
{
    if (descriptor > 2 && !may_call())
        return -1;
    return syscall(SYS_write, descriptor, bytes, length);
}

int fsync(int descriptor)
{
    (void)descriptor;
    return may_call() ? 0 : -1;
}

int rename(const char *from, const char *to)
{
    return may_call() ? (int)syscall(SYS_renameat2, AT_FDCWD, from, AT_FDCWD, to, 0) : -1;
}

/* A full disk lets files go. */
int unlink(const char *path)
{
    if (trouble.dies)
        may_call();
    return (int)syscall(SYS_unlinkat, AT_FDCWD, path, 0);
}

/* ---- a process that ends --------------------------------------------------------------------- */

/* Does `task` in another process, with `trouble` as it is then; its exit status, -1: it was
 * killed. */
static int in_child(int (*task)(const struct checkpoint_run *), const struct checkpoint_run *r)
{
    fflush(NULL);
    const pid_t child = fork();
    if (child == 0)
        _exit(task(r));
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static int save_in_child(const struct checkpoint_run *r)
{
    return checkpoint_save(r, 1, NULL) == PRIMER_OK ? 0 : 1;
}

/* At every call that changes something on disk: what is read afterwards is whole, old or new, and
 * the next checkpoint leaves nothing behind. */
static void may_end_at_any_call(void **state)
{
    (void)state;
    struct checkpoint_run one = checkpoint_run_of(8), two = checkpoint_run_of(8),
                          three = checkpoint_run_of(8), other = checkpoint_run_of(8);
    unsigned old = 0, new = 0;
    checkpoint_steps(&one, 1);
    checkpoint_steps(&two, 2);
    checkpoint_steps(&three, 3);
    for (long call = 0;; call++) {
        bool found = false;
        assert_int_equal(train_checkpoint_clear(checkpoint_folder, NULL), PRIMER_OK);
        checkpoint_save_well(&one, 1);
        trouble.calls_left = call;
        trouble.dies = true;
        const int status = in_child(save_in_child, &two);
        trouble.calls_left = -1;
        trouble.dies = false;
        if (status != DIED) {
            assert_int_equal(status, 0);
            break;
        }
        assert_int_equal(train_checkpoint_read(checkpoint_folder, &other.model, &other.optimizer,
                                               &other.state, &found, NULL, NULL),
                         PRIMER_OK);
        assert_true(found);
        old += other.state.step == 1;
        new += other.state.step == 2;
        checkpoint_same(&other, other.state.step == 1 ? &one : &two);
        checkpoint_save_well(&three, 1);
        assert_string_equal(checkpoint_names(), WEIGHTS(3) " " STATE(3) " ");
    }
    assert_true(old >= 7 && new >= 3); /* write, flush, rename, flush of either file; 2 unlinks */
    checkpoint_run_free(&one);
    checkpoint_run_free(&two);
    checkpoint_run_free(&three);
    checkpoint_run_free(&other);
}

static void full_disk_is_an_error(void **state)
{
    (void)state;
    struct checkpoint_run one = checkpoint_run_of(8), two = checkpoint_run_of(8),
                          other = checkpoint_run_of(8);
    checkpoint_steps(&one, 1);
    checkpoint_steps(&two, 2);
    checkpoint_save_well(&one, 1);
    for (long call = 0; call < 8; call++) {
        primer_error error = {0};
        trouble.calls_left = call;
        assert_int_equal(checkpoint_save(&two, 1, &error), PRIMER_EIO);
        trouble.calls_left = -1;
        assert_non_null(strstr(error.message, "No space left"));
        assert_non_null(strstr(error.message, checkpoint_folder));
        assert_string_equal(checkpoint_names(), WEIGHTS(1) " " STATE(1) " ");
        assert_int_equal(checkpoint_load(&other, NULL), 1);
        checkpoint_same(&one, &other);
    }
    checkpoint_run_free(&one);
    checkpoint_run_free(&two);
    checkpoint_run_free(&other);
}

static size_t most_bytes;

static int save_limited(const struct checkpoint_run *r)
{
    const struct rlimit limit = {most_bytes, most_bytes};
    signal(SIGXFSZ, SIG_IGN);
    if (setrlimit(RLIMIT_FSIZE, &limit) != 0)
        return 2;
    primer_error error = {0};
    const primer_status status = checkpoint_save(r, 1, &error);
    if (status == PRIMER_OK)
        return 0;
    return status == PRIMER_EIO && strstr(error.message, "File too large") != NULL ? 1 : 3;
}

/* The system's own limit on a file's size. */
static void limited_files_are_an_error(void **state)
{
    (void)state;
    struct checkpoint_run one = checkpoint_run_of(8), two = checkpoint_run_of(8),
                          other = checkpoint_run_of(8);
    struct stat weights, numbers;
    checkpoint_steps(&one, 1);
    checkpoint_steps(&two, 2);
    checkpoint_save_well(&one, 1);
    assert_int_equal(stat(checkpoint_path(WEIGHTS(1)), &weights), 0);
    assert_int_equal(stat(checkpoint_path(STATE(1)), &numbers), 0);
    const size_t larger =
        (size_t)(weights.st_size > numbers.st_size ? weights.st_size : numbers.st_size);
    for (size_t step = larger / 16 + 1, limit = 0; limit < larger; limit += step) {
        most_bytes = limit;
        assert_int_equal(in_child(save_limited, &two), 1);
        assert_string_equal(checkpoint_names(), WEIGHTS(1) " " STATE(1) " ");
        assert_int_equal(checkpoint_load(&other, NULL), 1);
        checkpoint_same(&one, &other);
    }
    most_bytes = larger;
    assert_int_equal(in_child(save_limited, &two), 0);
    assert_int_equal(checkpoint_load(&other, NULL), 2);
    checkpoint_run_free(&one);
    checkpoint_run_free(&two);
    checkpoint_run_free(&other);
}

static void leftovers_go(void **state)
{
    (void)state;
    struct checkpoint_run r = checkpoint_run_of(8);
    char name[9][96];
    fflush(NULL);
    const pid_t dead = fork();
    if (dead == 0)
        _exit(0);
    assert_int_equal(waitpid(dead, NULL, 0), dead);
    const long gone = dead, alive = getppid(), own = getpid();
    checkpoint_steps(&r, 1);
    assert_int_equal(mkdir(checkpoint_folder, 0777), 0);
    snprintf(name[0], sizeof name[0], WEIGHTS(7) ".partial-%ld-0", gone);
    snprintf(name[1], sizeof name[1], STATE(7) ".partial-%ld-12", gone);
    snprintf(name[2], sizeof name[2], STATE(7) ".partial-%ld-3", own);
    snprintf(name[3], sizeof name[3], STATE(7) ".partial-%ld-3", alive);
    snprintf(name[4], sizeof name[4], "mine.gguf.partial-%ld-0", gone);
    snprintf(name[5], sizeof name[5], WEIGHTS(7) ".partial-");
    snprintf(name[6], sizeof name[6], "checkpoint-00000007");
    snprintf(name[7], sizeof name[7], "model.gguf.partial-%ld-0", gone);
    snprintf(name[8], sizeof name[8], "data-3.shard.partial-%ld-0", gone);
    for (size_t i = 0; i < 9; i++)
        checkpoint_touch(name[i], "x");
    checkpoint_save_well(&r, 1);
    for (size_t i = 0; i < 9; i++)
        assert_int_equal(access(checkpoint_path(name[i]), F_OK), i < 3 || i > 6 ? -1 : 0);
    checkpoint_run_free(&r);
}

/* ---- arguments, memory ----------------------------------------------------------------------- */

static void memory_may_fail(void **state)
{
    (void)state;
    struct checkpoint_run one = checkpoint_run_of(8), two = checkpoint_run_of(8),
                          other = checkpoint_run_of(8);
    checkpoint_steps(&one, 1);
    checkpoint_steps(&two, 2);
    checkpoint_save_well(&one, 1);
    for (size_t n = 0;; n++) {
        memory_fail_at(n);
        const primer_status status = checkpoint_save(&two, 5, NULL);
        memory_fail_at(SIZE_MAX);
        if (status == PRIMER_OK)
            break;
        assert_int_equal(status, PRIMER_ENOMEM);
        /* The last few come when the new one is there already. */
        assert_true(checkpoint_load(&other, NULL) >= 1);
    }
    unlink(checkpoint_path(STATE(2)));
    for (size_t n = 0;; n++) {
        bool found = false;
        char *skipped = NULL;
        struct checkpoint_run fresh = checkpoint_run_of(8), same = checkpoint_run_of(8);
        memory_fail_at(n);
        const primer_status status =
            train_checkpoint_read(checkpoint_folder, &fresh.model, &fresh.optimizer, &fresh.state,
                                  &found, &skipped, NULL);
        memory_fail_at(SIZE_MAX);
        if (status == PRIMER_OK)
            assert_true(found && skipped != NULL);
        else
            assert_int_equal(status, PRIMER_ENOMEM);
        if (status != PRIMER_OK)
            assert_true(!found && skipped == NULL && fresh.state.step == 0);
        if (status != PRIMER_OK)
            checkpoint_same(&fresh, &same);
        memory_free(skipped);
        checkpoint_run_free(&fresh);
        checkpoint_run_free(&same);
        if (status == PRIMER_OK)
            break;
    }
    checkpoint_run_free(&one);
    checkpoint_run_free(&two);
    checkpoint_run_free(&other);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_FOLDER(may_end_at_any_call),
        IN_FOLDER(full_disk_is_an_error),
        IN_FOLDER(limited_files_are_an_error),
        IN_FOLDER(leftovers_go),
        IN_FOLDER(memory_may_fail),
    };
    return cmocka_run_group_tests(tests, checkpoint_begin, checkpoint_end);
}
