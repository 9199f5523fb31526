/* test_file.c - maps, whole reads and the writer, with a system that writes short, is interrupted,
 * runs full or refuses.
 *
 * The program's own write, fsync and rename stand before the C library's and do what `trouble`
 * says.
 */
#include "base/file.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/memory.h"

static struct {
    size_t room;       /* bytes until the disk is full */
    size_t most;       /* bytes that one write takes */
    int interruptions; /* writes that are interrupted first */
    int fsync_error, rename_error;
    int fsyncs_until_error; /* fsyncs that work before fsync_error shows */
    int fsyncs;
} trouble;

static void no_trouble(void)
{
    memset(&trouble, 0, sizeof trouble);
    trouble.room = trouble.most = SIZE_MAX;
}

ssize_t write(int descriptor, const void *bytes, size_t length)
{
    if (descriptor > 2) {
        if (trouble.interruptions > 0) {
            trouble.interruptions--;
            errno = EINTR;
            return -1;
        }
        if (length > 0 && trouble.room == 0) {
            errno = ENOSPC;
            return -1;
        }
        length = length < trouble.most ? length : trouble.most;
        length = length < trouble.room ? length : trouble.room;
        if (trouble.room != SIZE_MAX)
            trouble.room -= length;
    }
    return syscall(SYS_write, descriptor, bytes, length);
}

int fsync(int descriptor)
{
    trouble.fsyncs++;
    if (trouble.fsync_error != 0 && trouble.fsyncs_until_error-- <= 0) {
        errno = trouble.fsync_error;
        return -1;
    }
    return (int)syscall(SYS_fsync, descriptor);
}

int rename(const char *from, const char *to)
{
    if (trouble.rename_error != 0) {
        errno = trouble.rename_error;
        return -1;
    }
    return (int)syscall(SYS_renameat2, AT_FDCWD, from, AT_FDCWD, to, 0);
}

static char folder[64];

static int make_folder(void **state)
{
    (void)state;
    no_trouble();
    strcpy(folder, "/tmp/primer-test-file-XXXXXX");
    return mkdtemp(folder) == NULL;
}

static int remove_folder(void **state)
{
    (void)state;
    char command[128];
    snprintf(command, sizeof command, "rm -rf '%s'", folder);
    return system(command);
}

/* The number of entries, so that a partial file that was left is noticed. */
static size_t entries(void)
{
    DIR *const open_folder = opendir(folder);
    size_t count = 0;
    assert_non_null(open_folder);
    for (const struct dirent *entry; (entry = readdir(open_folder)) != NULL;)
        count += strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0;
    closedir(open_folder);
    return count;
}

static const char *path_of(const char *name)
{
    static char paths[4][160];
    static size_t next;
    char *const path = paths[next++ % 4];
    snprintf(path, sizeof paths[0], "%s/%s", folder, name);
    return path;
}

static void put(const char *path, const void *bytes, size_t length)
{
    FILE *const file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, length, file), length);
    fclose(file);
}

static void check_contents(const char *path, const void *bytes, size_t length)
{
    struct buffer buffer = {0};
    primer_error error;
    if (file_read(path, SIZE_MAX, &buffer, &error) != PRIMER_OK)
        fail_msg("%s", error.message);
    assert_int_equal(buffer.length, length);
    assert_memory_equal(buffer.bytes, bytes, length);
    buffer_free(&buffer);
}

/* ---- maps ---- */

static void maps_show_the_file(void **state)
{
    (void)state;
    primer_error error;
    struct file_map map;
    struct stat facts;
    put(path_of("m"), "contents", 8);
    assert_int_equal(file_map_open(&map, path_of("m"), &error), PRIMER_OK);
    assert_int_equal(map.size, 8);
    assert_memory_equal(map.bytes, "contents", 8);
    assert_int_equal(stat(path_of("m"), &facts), 0);
    assert_true(map.inode == facts.st_ino && map.device == facts.st_dev);
    assert_true(map.modified_nanoseconds ==
                (int64_t)facts.st_mtim.tv_sec * 1000000000 + facts.st_mtim.tv_nsec);
    file_map_close(&map);
    assert_null(map.bytes);
    file_map_close(&map);
}

static void empty_files_are_valid_maps(void **state)
{
    (void)state;
    primer_error error;
    struct file_map map;
    put(path_of("e"), "", 0);
    assert_int_equal(file_map_open(&map, path_of("e"), &error), PRIMER_OK);
    assert_int_equal(map.size, 0);
    assert_non_null(map.bytes);
    file_map_close(&map);
}

static void memory_maps_borrow(void **state)
{
    (void)state;
    struct file_map map;
    file_map_memory(&map, folder, 5);
    assert_ptr_equal(map.bytes, folder);
    assert_int_equal(map.size, 5);
    assert_true(map.inode == 0 && !map.owned);
    file_map_close(&map);
    assert_int_equal(folder[0], '/');
}

static long faults(void)
{
    struct rusage usage;
    assert_int_equal(getrusage(RUSAGE_SELF, &usage), 0);
    return usage.ru_minflt;
}

/* Faults met by reading one byte of every page. */
static long faults_of_reading(const struct file_map *map)
{
    const long before = faults();
    for (size_t i = 0; i < map->size; i += 4096)
        assert_int_equal(((const volatile unsigned char *)map->bytes)[i], 'x');
    return faults() - before;
}

/* A kernel that refuses nonsense, as emulators don't, and takes this advice. */
static bool can_fetch(const struct file_map *map)
{
#ifdef MADV_POPULATE_READ
    if (madvise((void *)(uintptr_t)map->bytes, 1, 9999) == 0)
        return false;
    return madvise((void *)(uintptr_t)map->bytes, 1, MADV_POPULATE_READ) == 0;
#else
    (void)map;
    return false;
#endif
}

static void fetching_spares_faults(void **state)
{
    (void)state;
    enum { SIZE = (16 << 20) + 5 };
    primer_error error;
    struct file_map map;
    char *const text = memory_allocate(SIZE, 1);
    memset(text, 'x', SIZE);
    put(path_of("f"), text, SIZE);
    memory_free(text);
    assert_int_equal(file_map_open(&map, path_of("f"), &error), PRIMER_OK);
    const long plain = faults_of_reading(&map);
    file_map_close(&map);
    assert_int_equal(file_map_open(&map, path_of("f"), &error), PRIMER_OK);
    for (size_t from = 0; from < 2 * (size_t)SIZE; from += 4 << 20)
        file_map_fetch(&map, from, 4 << 20);
    file_map_fetch(&map, 0, 0);
    const bool fetches = can_fetch(&map);
    const long fetched = faults_of_reading(&map);
    file_map_close(&map);
    file_map_memory(&map, "x", 1); /* not ours: left alone */
    file_map_fetch(&map, 0, 1);
    file_map_close(&map);
    if (!fetches)
        skip();
    if (fetched > plain / 4 + 1)
        fail_msg("%ld faults where nothing was fetched, %ld after", plain, fetched);
}

static void what_cannot_be_mapped_is_named(void **state)
{
    (void)state;
    primer_error error;
    struct file_map map = {.size = 77};
    assert_int_equal(file_map_open(&map, folder, &error), PRIMER_EINVAL);
    assert_non_null(strstr(error.message, folder));
    assert_non_null(strstr(error.message, "is a folder"));
    assert_int_equal(file_map_open(&map, path_of("absent"), &error), PRIMER_EIO);
    assert_non_null(strstr(error.message, "absent"));
    assert_non_null(strstr(error.message, "No such file"));
    assert_int_equal(mkfifo(path_of("fifo"), 0600), 0);
    assert_int_equal(file_map_open(&map, path_of("fifo"), &error), PRIMER_EINVAL);
    assert_int_equal(file_map_open(&map, "/dev/null", &error), PRIMER_EINVAL);
    assert_non_null(strstr(error.message, "not a regular file"));
    assert_int_equal(map.size, 77);
}

/* ---- whole reads ---- */

static void reads_are_whole(void **state)
{
    (void)state;
    static char many[300000];
    for (size_t i = 0; i < sizeof many; i++)
        many[i] = (char)(i * 7 + i / 1000);
    static const size_t sizes[] = {0, 1, 65535, 65536, 65537, sizeof many};
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        put(path_of("r"), many, sizes[i]);
        check_contents(path_of("r"), many, sizes[i]);
    }
    struct buffer buffer = {0};
    assert_int_equal(buffer_text(&buffer, "before ", NULL), PRIMER_OK);
    put(path_of("r"), "after", 5);
    assert_int_equal(file_read(path_of("r"), 5, &buffer, NULL), PRIMER_OK);
    assert_string_equal(buffer.bytes, "before after");
    buffer_free(&buffer);
    assert_int_equal(file_read("/dev/null", 0, &buffer, NULL), PRIMER_OK);
    assert_string_equal(buffer.bytes, "");
    buffer_free(&buffer);
}

static void limits_are_errors(void **state)
{
    (void)state;
    primer_error error;
    struct buffer buffer = {0};
    assert_int_equal(buffer_text(&buffer, "kept", &error), PRIMER_OK);
    put(path_of("l"), "123456", 6);
    assert_int_equal(file_read(path_of("l"), 5, &buffer, &error), PRIMER_ELIMIT);
    assert_non_null(strstr(error.message, "/l: larger than the limit of 5 bytes"));
    assert_string_equal(buffer.bytes, "kept");
    assert_int_equal(file_read(path_of("l"), 6, &buffer, &error), PRIMER_OK);
    assert_int_equal(file_read("/dev/zero", 100000, &buffer, &error), PRIMER_ELIMIT);
    assert_string_equal(buffer.bytes, "kept123456");
    assert_int_equal(file_read("/proc/self/status", 10, &buffer, &error), PRIMER_ELIMIT);
    assert_int_equal(file_read("/proc/self/status", 100000, &buffer, &error), PRIMER_OK);
    assert_non_null(strstr(buffer.bytes, "VmRSS"));
    buffer_free(&buffer);
}

static void unreadable_files_are_named(void **state)
{
    (void)state;
    primer_error error;
    struct buffer buffer = {0};
    assert_int_equal(file_read(path_of("no\x1b[2Jne"), 5, &buffer, &error), PRIMER_EIO);
    assert_non_null(strstr(error.message, "/no?[2Jne: cannot open it: No such file"));
    assert_int_equal(file_read(folder, 5, &buffer, &error), PRIMER_EINVAL);
    assert_non_null(strstr(error.message, "is a folder"));
    assert_int_equal(buffer.length, 0);
    buffer_free(&buffer);
}

static void dash_is_standard_input(void **state)
{
    (void)state;
    primer_error error;
    int ends[2];
    const int saved = dup(0);
    struct buffer buffer = {0};
    assert_int_equal(pipe(ends), 0);
    assert_int_equal(syscall(SYS_write, ends[1], "piped", 5), 5);
    close(ends[1]);
    dup2(ends[0], 0);
    close(ends[0]);
    const primer_status status = file_read("-", 100, &buffer, &error);
    const primer_status again = file_read("-", 0, &buffer, &error); /* still open */
    dup2(saved, 0);
    close(saved);
    assert_int_equal(status, PRIMER_OK);
    assert_int_equal(again, PRIMER_OK);
    assert_string_equal(buffer.bytes, "piped");
    buffer_free(&buffer);
}

/* ---- the writer ---- */

static void nothing_appears_before_commit(void **state)
{
    (void)state;
    primer_error error;
    struct file_writer writer, other;
    put(path_of("w"), "old", 3);
    assert_int_equal(file_writer_open(&writer, path_of("w"), &error), PRIMER_OK);
    assert_int_equal(file_writer_open(&other, path_of("w"), &error), PRIMER_OK);
    assert_string_not_equal(writer.partial, other.partial);
    assert_int_equal(file_writer_write(&writer, "new contents", 12, &error), PRIMER_OK);
    assert_int_equal(file_writer_write(&other, "other", 5, &error), PRIMER_OK);
    assert_int_equal(writer.written, 12);
    check_contents(path_of("w"), "old", 3);
    assert_int_equal(entries(), 3);
    trouble.fsyncs = 0;
    assert_int_equal(file_writer_commit(&writer, &error), PRIMER_OK);
    assert_int_equal(trouble.fsyncs, 2); /* the file and its folder */
    check_contents(path_of("w"), "new contents", 12);
    file_writer_abandon(&writer);
    file_writer_abandon(&other);
    file_writer_abandon(&other);
    check_contents(path_of("w"), "new contents", 12);
    assert_int_equal(entries(), 1);
}

static void writes_of_every_size_arrive(void **state)
{
    (void)state;
    enum { TOTAL = 5 << 20 };
    primer_error error;
    struct file_writer writer;
    unsigned char *const all = memory_allocate(TOTAL, 1);
    for (size_t i = 0; i < TOTAL; i++)
        all[i] = (unsigned char)(i * 31 + i / 977);
    static const size_t sizes[] = {1, 0,       1000, (1 << 20) - 1001, 1, 1 << 20, 1, (1 << 20) + 1,
                                   7, 3 << 19, 65537};
    for (int troubled = 0; troubled < 2; troubled++) {
        no_trouble();
        if (troubled) {
            trouble.most = 99991; /* short writes, and some that are interrupted */
            trouble.interruptions = 3;
        }
        size_t at = 0;
        assert_int_equal(file_writer_open(&writer, path_of("s"), &error), PRIMER_OK);
        for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
            assert_true(at + sizes[i] <= TOTAL);
            assert_int_equal(file_writer_write(&writer, all + at, sizes[i], &error), PRIMER_OK);
            at += sizes[i];
            assert_true(writer.written == at);
        }
        assert_int_equal(file_writer_commit(&writer, &error), PRIMER_OK);
        check_contents(path_of("s"), all, at);
    }
    no_trouble();
    memory_free(all);
}

static void written_bytes_are_replaced(void **state)
{
    (void)state;
    primer_error error;
    struct file_writer writer;
    assert_int_equal(file_writer_open(&writer, path_of("a"), &error), PRIMER_OK);
    assert_int_equal(file_writer_write(&writer, "0123456789", 10, &error), PRIMER_OK);
    assert_int_equal(file_writer_rewrite(&writer, 2, "ab", 2, &error), PRIMER_OK);
    assert_int_equal(file_writer_rewrite(&writer, 8, "yz", 2, &error), PRIMER_OK);
    assert_int_equal(file_writer_write(&writer, "!", 1, &error), PRIMER_OK);
    assert_int_equal(file_writer_rewrite(&writer, 10, "12", 2, &error), PRIMER_EINVAL);
    assert_int_equal(file_writer_rewrite(&writer, 12, "", 0, &error), PRIMER_EINVAL);
    assert_int_equal(file_writer_rewrite(&writer, UINT64_MAX, "12", 2, &error), PRIMER_EINVAL);
    assert_true(writer.written == 11);
    assert_int_equal(file_writer_commit(&writer, &error), PRIMER_OK);
    check_contents(path_of("a"), "01ab4567yz!", 11);
    assert_int_equal(file_writer_rewrite(&writer, 0, "a", 1, &error), PRIMER_EINVAL);
}

static void alignment_writes_zeros(void **state)
{
    (void)state;
    primer_error error;
    struct file_writer writer;
    assert_int_equal(file_writer_open(&writer, path_of("a"), &error), PRIMER_OK);
    assert_int_equal(file_writer_align(&writer, 32, &error), PRIMER_OK);
    assert_true(writer.written == 0);
    assert_int_equal(file_writer_write(&writer, "x", 1, &error), PRIMER_OK);
    assert_int_equal(file_writer_align(&writer, 32, &error), PRIMER_OK);
    assert_true(writer.written == 32);
    assert_int_equal(file_writer_align(&writer, 32, &error), PRIMER_OK);
    assert_int_equal(file_writer_align(&writer, 5, &error), PRIMER_OK);
    assert_true(writer.written == 35);
    assert_int_equal(file_writer_align(&writer, 10000, &error), PRIMER_OK);
    assert_int_equal(file_writer_align(&writer, 0, &error), PRIMER_EINVAL);
    assert_int_equal(file_writer_commit(&writer, &error), PRIMER_OK);
    static char expected[10000] = "x";
    check_contents(path_of("a"), expected, sizeof expected);
}

/* A disk that is full after any number of bytes: the write or the commit says so, by name; the
 * old file stays, the partial one goes. */
static void full_disks_are_errors(void **state)
{
    (void)state;
    static char bytes[3 << 20];
    put(path_of("f"), "old", 3);
    static const size_t rooms[] = {0, 1, (1 << 20) - 1, 1 << 20, (1 << 20) + 1, (3 << 20) - 1};
    for (size_t i = 0; i < 2 * sizeof rooms / sizeof rooms[0]; i++) {
        primer_error error = {0};
        struct file_writer writer;
        assert_int_equal(file_writer_open(&writer, path_of("f"), &error), PRIMER_OK);
        trouble.room = rooms[i / 2];
        primer_status status = PRIMER_OK;
        const size_t step = i % 2 == 0 ? sizeof bytes : 4096;
        for (size_t at = 0; at < sizeof bytes && status == PRIMER_OK; at += step)
            status = file_writer_write(&writer, bytes + at, step, &error);
        if (status != PRIMER_OK) { /* and it stays so, even where there is room again */
            trouble.room = SIZE_MAX;
            primer_error later;
            assert_int_equal(file_writer_write(&writer, bytes, 1, &later), PRIMER_EIO);
            assert_int_equal(file_writer_align(&writer, 4096, &later), PRIMER_EIO);
            assert_non_null(strstr(later.message, "an earlier write has failed"));
            assert_int_equal(file_writer_commit(&writer, &later), PRIMER_EIO);
        } else {
            status = file_writer_commit(&writer, &error);
        }
        assert_int_equal(status, PRIMER_EIO);
        assert_non_null(strstr(error.message, path_of("f")));
        assert_non_null(strstr(error.message, "No space left"));
        file_writer_abandon(&writer);
        no_trouble();
        check_contents(path_of("f"), "old", 3);
        assert_int_equal(entries(), 1);
    }
}

static void commit_with(int fsync_error, int working, int rename_error, primer_status expected,
                        const char *contents, const char *message)
{
    primer_error error = {0};
    struct file_writer writer;
    put(path_of("c"), "old", 3);
    assert_int_equal(file_writer_open(&writer, path_of("c"), &error), PRIMER_OK);
    assert_int_equal(file_writer_write(&writer, "new", 3, &error), PRIMER_OK);
    no_trouble();
    trouble.fsync_error = fsync_error;
    trouble.fsyncs_until_error = working;
    trouble.rename_error = rename_error;
    assert_int_equal(file_writer_commit(&writer, &error), expected);
    no_trouble();
    if (message != NULL)
        assert_non_null(strstr(error.message, message));
    assert_null(writer.path);
    check_contents(path_of("c"), contents, 3);
    assert_int_equal(entries(), 1);
    assert_int_equal(file_writer_commit(&writer, &error), PRIMER_EINVAL);
    assert_int_equal(file_writer_write(&writer, "x", 1, &error), PRIMER_EINVAL);
    assert_int_equal(file_writer_align(&writer, 8, &error), PRIMER_EINVAL);
}

static void failed_commits_leave_the_old_file(void **state)
{
    (void)state;
    commit_with(EIO, 0, 0, PRIMER_EIO, "old", "/c: cannot flush it: Input/output error");
    commit_with(0, 0, EXDEV, PRIMER_EIO, "old", "/c: cannot give the finished file its name");
    commit_with(EINVAL, 0, 0, PRIMER_OK, "new", NULL); /* a file system that can't flush */
    commit_with(EIO, 1, 0, PRIMER_EIO, "new", "cannot flush it"); /* the folder, after the rename */
}

static void impossible_targets_are_refused(void **state)
{
    (void)state;
    primer_error error;
    struct file_writer writer;
    assert_int_equal(file_writer_open(&writer, folder, &error), PRIMER_EINVAL);
    assert_non_null(strstr(error.message, "is a folder"));
    file_writer_abandon(&writer); /* harmless after a failed open */
    assert_int_equal(file_writer_open(&writer, "/dev/null", &error), PRIMER_EINVAL);
    assert_non_null(strstr(error.message, "/dev/null: is not a regular file"));
    assert_int_equal(file_writer_open(&writer, "", &error), PRIMER_EINVAL);
    assert_int_equal(file_writer_open(&writer, path_of("none/x"), &error), PRIMER_EIO);
    assert_non_null(strstr(error.message, "none/x: cannot create it: No such file"));
    struct file_writer zeroed = {0};
    file_writer_abandon(&zeroed); /* and doesn't close standard input */
    assert_true(fcntl(0, F_GETFD) >= 0);
    assert_int_equal(entries(), 0);
}

/* What another process of this number writes, in another container, is neither used nor removed. */
static void leftovers_are_passed_over(void **state)
{
    (void)state;
    primer_error error;
    struct file_writer writer;
    assert_int_equal(file_writer_open(&writer, path_of("p"), &error), PRIMER_OK);
    char next[200];
    const size_t stem = strlen(writer.partial) - strlen(strrchr(writer.partial, '-'));
    const unsigned counter = (unsigned)strtoul(strrchr(writer.partial, '-') + 1, NULL, 10);
    snprintf(next, sizeof next, "%.*s-%u", (int)stem, writer.partial, counter + 1);
    file_writer_abandon(&writer);
    put(next, "left over", 9);
    const int lock = open(next, O_RDONLY);
    assert_int_equal(flock(lock, LOCK_EX), 0);
    assert_int_equal(file_writer_open(&writer, path_of("p"), &error), PRIMER_OK);
    assert_string_not_equal(writer.partial, next);
    assert_int_equal(file_writer_write(&writer, "p", 1, &error), PRIMER_OK);
    assert_int_equal(file_writer_commit(&writer, &error), PRIMER_OK);
    check_contents(path_of("p"), "p", 1);
    check_contents(next, "left over", 9);
    close(lock);
}

static void relative_names_work(void **state)
{
    (void)state;
    primer_error error;
    struct file_writer writer;
    char before[4096];
    assert_non_null(getcwd(before, sizeof before));
    assert_int_equal(chdir(folder), 0);
    assert_int_equal(file_writer_open(&writer, "plain", &error), PRIMER_OK);
    assert_int_equal(file_writer_write(&writer, "1", 1, &error), PRIMER_OK);
    assert_int_equal(file_writer_commit(&writer, &error), PRIMER_OK);
    check_contents("plain", "1", 1);
    assert_true(file_exists("plain"));
    assert_int_equal(chdir(before), 0);
}

static primer_status write_and_read(struct buffer *buffer, primer_error *error)
{
    struct file_writer writer;
    FORWARD(file_writer_open(&writer, path_of("x"), error));
    primer_status status = file_writer_write(&writer, "abc", 3, error);
    if (status == PRIMER_OK)
        status = file_writer_commit(&writer, error);
    file_writer_abandon(&writer);
    return status != PRIMER_OK ? status : file_read(path_of("x"), 100, buffer, error);
}

static void every_allocation_may_fail(void **state)
{
    (void)state;
    size_t n = 0;
    for (primer_status status = PRIMER_ENOMEM; status != PRIMER_OK; n++) {
        primer_error error = {0};
        struct buffer buffer = {0};
        memory_fail_at(n);
        status = write_and_read(&buffer, &error);
        memory_fail_at(SIZE_MAX);
        if (status != PRIMER_OK) {
            assert_int_equal(status, PRIMER_ENOMEM);
            assert_non_null(strstr(error.message, "no memory for"));
            assert_int_equal(buffer.length, 0);
        } else {
            assert_string_equal(buffer.bytes, "abc");
        }
        assert_true(entries() <= 1); /* no partial file */
        buffer_free(&buffer);
    }
    assert_true(n >= 5);
}

static void names_and_existence(void **state)
{
    (void)state;
    assert_string_equal(file_base_name("dir/name.gguf"), "name.gguf");
    assert_string_equal(file_base_name("name"), "name");
    assert_string_equal(file_base_name("/a/b/"), "");
    assert_true(file_exists(folder));
    assert_false(file_exists(path_of("absent")));
}

/* ---- outputs against inputs and each other ---- */

static void refuse_outputs(const char *a, const char *b, const char *input, const char *message)
{
    primer_error error = {0};
    const char *const outputs[] = {a, NULL, b}, *const inputs[] = {NULL, input};
    const primer_status status = file_check_outputs(outputs, 3, inputs, 2, &error);
    assert_int_equal(status, message == NULL ? PRIMER_OK : PRIMER_EINVAL);
    if (message != NULL && strstr(error.message, message) == NULL)
        fail_msg("%s", error.message);
}

static void outputs_are_files_of_their_own(void **state)
{
    (void)state;
    char before[4096], whole[200];
    assert_non_null(getcwd(before, sizeof before));
    assert_int_equal(chdir(folder), 0);
    snprintf(whole, sizeof whole, "%s/new", folder);
    assert_int_equal(mkdir("d", 0777), 0);
    put("in", "1", 1);
    put("out", "2", 1);
    assert_int_equal(symlink("out", "link"), 0);
    refuse_outputs("new", "other", "in", NULL);
    refuse_outputs("new", "d/new", "in", NULL);
    refuse_outputs("out", "new", "in", NULL);
    refuse_outputs("new", "none/new", "in", NULL); /* the folder isn't there: the writer says so */
    refuse_outputs("new", "new", "in", "new: is to be written twice; choose");
    refuse_outputs("new", "./new", "in", "./new: is to be written twice, also as new");
    refuse_outputs("new", "d/../new", "in", "written twice");
    refuse_outputs(whole, "new", "in", "written twice");
    refuse_outputs("none/new", "none/new", "in", "written twice");
    refuse_outputs("out", "link", "in", "written twice");
    refuse_outputs("new", "d/../in", "in", "is the input itself");
    refuse_outputs("new", "-", "in", "-: an output is a file");
    refuse_outputs("new", "./-", "in", NULL);
    assert_int_equal(remove("link"), 0);
    assert_int_equal(rmdir("d"), 0);
    assert_int_equal(chdir(before), 0);
}

/* ---- what killed writers leave ---- */

/* A number that no process has: its process is gone, and was waited for. */
static long gone_process(void)
{
    const pid_t child = fork();
    if (child == 0)
        _exit(0);
    assert_true(child > 0);
    assert_int_equal(waitpid(child, NULL, 0), child);
    return (long)child;
}

static void partial_files_of_the_dead_are_removed(void **state)
{
    (void)state;
    primer_error error;
    struct file_writer writer;
    char names[8][200];
    const long gone = gone_process();
    snprintf(names[0], sizeof names[0], "%s/p.partial-%ld-0", folder, gone);
    snprintf(names[1], sizeof names[1], "%s/p.partial-%ld-12", folder, gone);
    snprintf(names[2], sizeof names[2], "%s/p.partial-%ld-5", folder, gone); /* has a lock */
    snprintf(names[3], sizeof names[3], "%s/p.partial-%ld-0", folder, (long)getppid());
    snprintf(names[4], sizeof names[4], "%s/p.partial-%ld-900", folder, (long)getpid());
    snprintf(names[5], sizeof names[5], "%s/q.partial-%ld-0", folder, gone);
    snprintf(names[6], sizeof names[6], "%s/p.partial-%ld-0.txt", folder, gone);
    snprintf(names[7], sizeof names[7], "%s/p.partial-%ld", folder, gone);
    for (size_t i = 0; i < 8; i++)
        put(names[i], "left", 4);
    const int lock = open(names[2], O_RDONLY);
    assert_int_equal(flock(lock, LOCK_EX), 0);
    assert_int_equal(file_writer_open(&writer, path_of("p"), &error), PRIMER_OK);
    for (size_t i = 0; i < 8; i++)
        assert_int_equal(file_exists(names[i]), i >= 2 && i != 4);
    close(lock);
    /* A writer at work has the lock that keeps its file. */
    const int own = open(writer.partial, O_RDONLY);
    assert_int_equal(flock(own, LOCK_EX | LOCK_NB), -1);
    close(own);
    file_writer_abandon(&writer);
    assert_int_equal(file_writer_open(&writer, path_of("p"), &error), PRIMER_OK);
    assert_false(file_exists(names[2]));
    file_writer_abandon(&writer);
}

#define in_folder(test) cmocka_unit_test_setup_teardown(test, make_folder, remove_folder)

int main(void)
{
    const struct CMUnitTest tests[] = {
        in_folder(maps_show_the_file),
        in_folder(empty_files_are_valid_maps),
        in_folder(memory_maps_borrow),
        in_folder(fetching_spares_faults),
        in_folder(what_cannot_be_mapped_is_named),
        in_folder(reads_are_whole),
        in_folder(limits_are_errors),
        in_folder(unreadable_files_are_named),
        in_folder(dash_is_standard_input),
        in_folder(nothing_appears_before_commit),
        in_folder(writes_of_every_size_arrive),
        in_folder(written_bytes_are_replaced),
        in_folder(alignment_writes_zeros),
        in_folder(full_disks_are_errors),
        in_folder(failed_commits_leave_the_old_file),
        in_folder(impossible_targets_are_refused),
        in_folder(leftovers_are_passed_over),
        in_folder(relative_names_work),
        in_folder(every_allocation_may_fail),
        in_folder(names_and_existence),
        in_folder(outputs_are_files_of_their_own),
        in_folder(partial_files_of_the_dead_are_removed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
