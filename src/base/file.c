/* file.c - maps, whole reads, and writes that appear under their name only when complete.
 *
 *   write -> pending (1 MiB) -> PATH.partial-PID-N -> fsync -> rename to PATH -> fsync folder
 *
 * Invariants: PATH is either what it was or the complete new file, whatever fails in between. A
 * writer whose write has failed takes nothing more and can't be committed. A writer holds resources
 * exactly while `path` is not NULL, so abandoning a zeroed, failed or committed one does nothing. Who
 * writes a partial file holds a lock on it (flock), which goes with the process however that ends.
 */
#include "base/file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cpu.h"
#include "base/memory.h"

#ifndef MADV_POPULATE_READ
#define MADV_POPULATE_READ 22 /* since Linux 5.14, which may be newer than the C library */
#endif

enum {
    PENDING_CAPACITY = 1 << 20, /* bytes */
    READ_STEP = 1 << 16,        /* bytes */
    NAME_ATTEMPTS = 64
};

static const char partial_mark[] = ".partial-";

/* "PATH: cannot VERB: reason", with the reason of `number` (an errno value). */
static primer_status refusal(primer_error *error, const char *path, const char *verb, int number)
{
    char shown[512];
    error_printable(path, strlen(path), shown, sizeof shown);
    const primer_status status = number == ENOMEM ? PRIMER_ENOMEM : PRIMER_EIO;
    if (*path == '\0')
        return error_set(error, status, "\"\": cannot %s: the file's name is empty", verb);
    return error_set(error, status, "%s: cannot %s: %s", shown, verb, strerror(number));
}

static primer_status complaint(primer_error *error, primer_status status, const char *path,
                               const char *what)
{
    char shown[512];
    error_printable(path, strlen(path), shown, sizeof shown);
    return error_set(error, status, "%s: %s", shown, what);
}

static int open_again(const char *path, int flags)
{
    int descriptor;
    do {
        descriptor = open(path, flags | O_CLOEXEC);
    } while (descriptor < 0 && errno == EINTR);
    return descriptor;
}

/* ---- maps ---- */

/* A limit on address space is the likeliest reason: a map takes no memory of its own. */
static primer_status no_map(primer_error *error, const char *path, size_t size, int number)
{
    char shown[512];
    const uint64_t left = cpu_address_space_left();
    if (number != ENOMEM || left >= size)
        return refusal(error, path, "map it", number);
    return error_set(error, PRIMER_ENOMEM,
                     "%s: the file takes %.1f MiB of address space and the limit on it (ulimit -v) "
                     "leaves %.1f MiB; raise the limit",
                     error_printable(path, strlen(path), shown, sizeof shown),
                     (double)size / (1 << 20), (double)left / (1 << 20));
}

static primer_status map_descriptor(struct file_map *map, int descriptor, const char *path,
                                    primer_error *error)
{
    struct stat facts;
    if (fstat(descriptor, &facts) != 0)
        return refusal(error, path, "look at it", errno);
    if (S_ISDIR(facts.st_mode))
        return complaint(error, PRIMER_EINVAL, path, "is a folder, a file was expected");
    if (!S_ISREG(facts.st_mode))
        return complaint(error, PRIMER_EINVAL, path, "is not a regular file, it can't be mapped");
    if (facts.st_size < 0 || (uint64_t)facts.st_size > PTRDIFF_MAX)
        return complaint(error, PRIMER_ELIMIT, path, "is too large to be mapped");
    struct file_map made = {
        .bytes = (const unsigned char *)"",
        .size = (size_t)facts.st_size,
        .device = (uint64_t)facts.st_dev,
        .inode = (uint64_t)facts.st_ino,
        .modified_nanoseconds =
            (int64_t)facts.st_mtim.tv_sec * 1000000000 + (int64_t)facts.st_mtim.tv_nsec,
        .changed_nanoseconds =
            (int64_t)facts.st_ctim.tv_sec * 1000000000 + (int64_t)facts.st_ctim.tv_nsec,
    };
    if (made.size > 0) {
        void *const bytes = mmap(NULL, made.size, PROT_READ, MAP_PRIVATE, descriptor, 0);
        if (bytes == MAP_FAILED)
            return no_map(error, path, made.size, errno);
        made.bytes = bytes;
        made.owned = true;
    }
    *map = made;
    return PRIMER_OK;
}

primer_status file_map_open(struct file_map *map, const char *path, primer_error *error)
{
    const int descriptor = open_again(path, O_RDONLY | O_NONBLOCK); /* a FIFO must not block */
    if (descriptor < 0)
        return refusal(error, path, "open it", errno);
    const primer_status status = map_descriptor(map, descriptor, path, error);
    close(descriptor);
    return status;
}

void file_map_memory(struct file_map *map, const void *bytes, size_t size)
{
    *map = (struct file_map){.bytes = bytes, .size = size};
}

/* Whether the page of the map that holds the byte is in memory. */
static bool is_resident(const struct file_map *map, size_t at)
{
    const size_t page = (size_t)sysconf(_SC_PAGESIZE);
    unsigned char state = 0;
    return mincore((void *)(uintptr_t)(map->bytes + at / page * page), 1, &state) == 0 &&
           (state & 1) != 0;
}

void file_map_fetch(const struct file_map *map, size_t from, size_t length)
{
    if (!map->owned || from >= map->size || length == 0)
        return;
    if (length > map->size - from)
        length = map->size - from;
    if (is_resident(map, from) && is_resident(map, from + length - 1))
        madvise((void *)(uintptr_t)(map->bytes + from), length, MADV_POPULATE_READ);
}

void file_map_forget(const struct file_map *map, size_t from, size_t length)
{
    const size_t page = (size_t)sysconf(_SC_PAGESIZE);
    if (!map->owned || from >= map->size)
        return;
    if (length > map->size - from)
        length = map->size - from;
    const size_t begin = (from + page - 1) / page * page, end = (from + length) / page * page;
    if (begin < end)
        madvise((void *)(uintptr_t)(map->bytes + begin), end - begin, MADV_DONTNEED);
}

void file_map_close(struct file_map *map)
{
    if (map->owned)
        munmap((void *)(uintptr_t)map->bytes, map->size);
    *map = (struct file_map){0};
}

/* ---- whole reads ---- */

static primer_status over_limit(const char *path, size_t limit, primer_error *error)
{
    char shown[512];
    error_printable(path, strlen(path), shown, sizeof shown);
    return error_set(error, PRIMER_ELIMIT, "%s: larger than the limit of %zu bytes", shown, limit);
}

/* Reads to the end; `out` may hold a part when it fails. */
static primer_status read_all(int descriptor, const char *path, size_t limit, struct buffer *out,
                              primer_error *error)
{
    const size_t before = out->length;
    struct stat facts;
    if (fstat(descriptor, &facts) != 0)
        return refusal(error, path, "look at it", errno);
    if (S_ISDIR(facts.st_mode))
        return complaint(error, PRIMER_EINVAL, path, "is a folder, a file was expected");
    if (S_ISREG(facts.st_mode) && facts.st_size > 0) {
        if ((uint64_t)facts.st_size > limit && lseek(descriptor, 0, SEEK_CUR) == 0)
            return over_limit(path, limit, error);
        if ((uint64_t)facts.st_size <= limit)
            FORWARD(buffer_reserve(out, (size_t)facts.st_size + 1, error));
    }
    for (;;) {
        size_t room = out->capacity > out->length ? out->capacity - out->length - 1 : 0;
        if (room == 0) {
            FORWARD(buffer_reserve(out, READ_STEP, error));
            room = out->capacity - out->length - 1;
        }
        const ssize_t got = read(descriptor, out->bytes + out->length, room);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return refusal(error, path, "read it", errno);
        if (got == 0)
            return PRIMER_OK;
        if ((size_t)got > limit - (out->length - before))
            return over_limit(path, limit, error);
        out->length += (size_t)got;
        out->bytes[out->length] = '\0';
    }
}

primer_status file_read(const char *path, size_t limit, struct buffer *out, primer_error *error)
{
    const bool standard = strcmp(path, "-") == 0;
    const char *const name = standard ? "standard input" : path;
    const int descriptor = standard ? STDIN_FILENO : open_again(path, O_RDONLY);
    if (descriptor < 0)
        return refusal(error, name, "open it", errno);
    const size_t before = out->length;
    primer_status status = buffer_reserve(out, 0, error); /* NUL-terminated even where empty */
    if (status == PRIMER_OK)
        status = read_all(descriptor, name, limit, out, error);
    if (status != PRIMER_OK && out->bytes != NULL) {
        out->length = before;
        out->bytes[before] = '\0';
    }
    if (!standard)
        close(descriptor);
    return status;
}

/* ---- what killed writers left ---- */

/* "dir/", to which a name can be appended, or ".": the folder that a file is in. NULL: no memory. */
static char *folder_of(const char *path)
{
    const size_t length = (size_t)(file_base_name(path) - path);
    return length == 0 ? memory_copy_text(".") : memory_copy_bytes(path, length);
}

/* Another process of this machine. (In a container each may have the number 1: a file of this one's own
 * number may well be left over, and the lock decides.) */
static bool is_other_process(long number)
{
    return number != (long)getpid() && (kill((pid_t)number, 0) == 0 || errno != ESRCH);
}

/* A partial file of the output `base` that no other process of this machine writes. */
static bool is_left_over(const char *name, const char *base)
{
    const size_t length = strlen(base);
    if (strncmp(name, base, length) != 0 ||
        strncmp(name + length, partial_mark, sizeof partial_mark - 1) != 0)
        return false;
    const char *const number = name + length + sizeof partial_mark - 1;
    const size_t digits = strspn(number, "0123456789");
    const char *const counter = number + digits + 1;
    if (digits == 0 || digits > 10 || number[digits] != '-' || *counter == '\0' ||
        counter[strspn(counter, "0123456789")] != '\0')
        return false;
    const long writer = strtol(number, NULL, 10);
    return writer > 0 && writer <= INT32_MAX && !is_other_process(writer);
}

/* Only a file whose lock can be taken: a number says nothing about other machines that share the
 * folder. Where the file system knows no locks, the file stays. */
static void remove_unlocked(int folder, const char *name)
{
    struct stat facts;
    const int descriptor = openat(folder, name, O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (descriptor < 0)
        return;
    if (fstat(descriptor, &facts) == 0 && S_ISREG(facts.st_mode) &&
        flock(descriptor, LOCK_EX | LOCK_NB) == 0)
        unlinkat(folder, name, 0);
    close(descriptor);
}

static primer_status remove_left_over(const char *path, primer_error *error)
{
    char *const folder = folder_of(path);
    if (folder == NULL)
        return memory_failure(error, "a folder's name", strlen(path) + 1);
    DIR *const open = opendir(folder);
    memory_free(folder);
    if (open == NULL) /* the writer will say why it can't write there */
        return PRIMER_OK;
    for (const struct dirent *entry; (entry = readdir(open)) != NULL;)
        if (is_left_over(entry->d_name, file_base_name(path)))
            remove_unlocked(dirfd(open), entry->d_name);
    closedir(open);
    return PRIMER_OK;
}

/* ---- the writer ---- */

/* Forgets everything; the partial file goes too where it is still there. */
static void writer_release(struct file_writer *writer)
{
    if (writer->descriptor >= 0)
        close(writer->descriptor);
    if (writer->partial != NULL)
        unlink(writer->partial);
    memory_free(writer->partial);
    memory_free(writer->pending);
    memory_free(writer->path);
    *writer = (struct file_writer){.descriptor = -1};
}

/* A target that isn't a regular file (a folder, /dev/null) must not be replaced. */
static primer_status check_target(const char *path, primer_error *error)
{
    struct stat facts;
    if (path[0] == '\0')
        return error_set(error, PRIMER_EINVAL, "the name of the file to write is empty");
    if (stat(path, &facts) != 0)
        return PRIMER_OK;
    if (S_ISDIR(facts.st_mode))
        return complaint(error, PRIMER_EINVAL, path, "is a folder, it can't be written as a file");
    if (!S_ISREG(facts.st_mode))
        return complaint(error, PRIMER_EINVAL, path, "is not a regular file, it is not replaced");
    return PRIMER_OK;
}

/* Whether the new file is this writer's: another one that starts may have met it before it was
 * locked. A file system without locks has nobody who would remove it. */
static bool is_own(int descriptor)
{
    struct stat facts;
    flock(descriptor, LOCK_EX);
    return fstat(descriptor, &facts) != 0 || facts.st_nlink > 0;
}

/* Opens a file of a name that nothing else uses. Leftovers of an earlier process of the same
 * number are passed over. */
static primer_status open_partial(struct file_writer *writer, primer_error *error)
{
    static atomic_uint counter;
    const size_t capacity = strlen(writer->path) + 48;
    writer->partial = memory_allocate(capacity, 1);
    if (writer->partial == NULL)
        return memory_failure(error, "a file name", capacity);
    for (int i = 0; i < NAME_ATTEMPTS; i++) {
        snprintf(writer->partial, capacity, "%s%s%ld-%u", writer->path, partial_mark,
                 (long)getpid(), atomic_fetch_add(&counter, 1));
        writer->descriptor = open(writer->partial, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
        if (writer->descriptor >= 0 && is_own(writer->descriptor))
            return PRIMER_OK;
        if (writer->descriptor >= 0)
            close(writer->descriptor);
        else if (errno != EEXIST && errno != EINTR)
            break;
        writer->descriptor = -1;
    }
    const int number = errno;
    memory_free(writer->partial); /* not ours to remove */
    writer->partial = NULL;
    return refusal(error, writer->path, "create it", number);
}

primer_status file_writer_open(struct file_writer *writer, const char *path, primer_error *error)
{
    primer_status status;
    *writer = (struct file_writer){.descriptor = -1};
    TRY(check_target(path, error));
    TRY(remove_left_over(path, error));
    writer->path = memory_copy_text(path);
    if (writer->path == NULL) {
        status = memory_failure(error, "a file name", strlen(path) + 1);
        goto cleanup;
    }
    writer->pending = memory_allocate_aligned(PENDING_CAPACITY, 1);
    if (writer->pending == NULL) {
        status = memory_failure(error, "a write buffer", PENDING_CAPACITY);
        goto cleanup;
    }
    TRY(open_partial(writer, error));
cleanup:
    if (status != PRIMER_OK)
        writer_release(writer);
    return status;
}

/* Hands bytes to the system, all of them. */
static primer_status write_out(struct file_writer *writer, const unsigned char *bytes,
                               size_t length, primer_error *error)
{
    while (length > 0) {
        const ssize_t taken = write(writer->descriptor, bytes, length);
        if (taken < 0 && errno == EINTR)
            continue;
        if (taken <= 0) {
            writer->failed = true;
            return refusal(error, writer->path, "write it", taken < 0 ? errno : EIO);
        }
        bytes += taken;
        length -= (size_t)taken;
    }
    return PRIMER_OK;
}

static primer_status flush(struct file_writer *writer, primer_error *error)
{
    FORWARD(write_out(writer, writer->pending, writer->pending_length, error));
    writer->pending_length = 0;
    return PRIMER_OK;
}

static primer_status check_usable(const struct file_writer *writer, primer_error *error)
{
    if (writer->path == NULL)
        return error_set(error, PRIMER_EINVAL, "a file that is not open for writing was written");
    if (writer->failed)
        return complaint(error, PRIMER_EIO, writer->path, "an earlier write has failed");
    return PRIMER_OK;
}

primer_status file_writer_write(struct file_writer *writer, const void *bytes, size_t length,
                                primer_error *error)
{
    FORWARD(check_usable(writer, error));
    if (length > PENDING_CAPACITY - writer->pending_length)
        FORWARD(flush(writer, error));
    if (length > PENDING_CAPACITY) {
        FORWARD(write_out(writer, bytes, length, error));
    } else if (length > 0) {
        memcpy(writer->pending + writer->pending_length, bytes, length);
        writer->pending_length += length;
    }
    writer->written += length;
    return PRIMER_OK;
}

primer_status file_writer_rewrite(struct file_writer *writer, uint64_t offset, const void *bytes,
                                  size_t length, primer_error *error)
{
    FORWARD(check_usable(writer, error));
    if (offset > writer->written || length > writer->written - offset)
        return complaint(error, PRIMER_EINVAL, writer->path,
                         "bytes were to be replaced that have not been written");
    FORWARD(flush(writer, error));
    const unsigned char *at = bytes;
    while (length > 0) {
        const ssize_t taken = pwrite(writer->descriptor, at, length, (off_t)offset);
        if (taken < 0 && errno == EINTR)
            continue;
        if (taken <= 0) {
            writer->failed = true;
            return refusal(error, writer->path, "write it", taken < 0 ? errno : EIO);
        }
        at += taken;
        offset += (uint64_t)taken;
        length -= (size_t)taken;
    }
    return PRIMER_OK;
}

primer_status file_writer_align(struct file_writer *writer, size_t alignment, primer_error *error)
{
    static const unsigned char zeros[4096];
    FORWARD(check_usable(writer, error));
    if (alignment == 0)
        return complaint(error, PRIMER_EINVAL, writer->path, "an alignment of 0 makes no sense");
    const size_t beyond = (size_t)(writer->written % alignment);
    size_t missing = beyond == 0 ? 0 : alignment - beyond;
    while (missing > 0) {
        const size_t step = missing < sizeof zeros ? missing : sizeof zeros;
        FORWARD(file_writer_write(writer, zeros, step, error));
        missing -= step;
    }
    return PRIMER_OK;
}

/* Some file systems can't flush a folder and say EINVAL or ENOTSUP: that is no failure. */
static primer_status flush_descriptor(int descriptor, const char *path, primer_error *error)
{
    int result;
    do {
        result = fsync(descriptor);
    } while (result != 0 && errno == EINTR);
    if (result == 0 || errno == EINVAL || errno == ENOTSUP)
        return PRIMER_OK;
    return refusal(error, path, "flush it", errno);
}

/* Makes the new name itself survive a crash. A folder that may not be read is left to the
 * system. */
static primer_status flush_folder(const char *path, primer_error *error)
{
    char *const folder = folder_of(path);
    if (folder == NULL)
        return memory_failure(error, "a folder's name", strlen(path) + 1);
    primer_status status = PRIMER_OK;
    const int descriptor = open_again(folder, O_RDONLY | O_DIRECTORY);
    if (descriptor >= 0) {
        status = flush_descriptor(descriptor, folder, error);
        close(descriptor);
    }
    memory_free(folder);
    return status;
}

primer_status file_writer_commit(struct file_writer *writer, primer_error *error)
{
    primer_status status;
    int lock = -1;
    TRY(check_usable(writer, error));
    TRY(flush(writer, error));
    TRY(flush_descriptor(writer->descriptor, writer->path, error));
    lock = fcntl(writer->descriptor, F_DUPFD_CLOEXEC, 0); /* held until the file has its name */
    const int closed = close(writer->descriptor);
    writer->descriptor = -1;
    if (closed != 0 && errno != EINTR) {
        status = refusal(error, writer->path, "close it", errno);
        goto cleanup;
    }
    if (rename(writer->partial, writer->path) != 0) {
        status = refusal(error, writer->path, "give the finished file its name", errno);
        goto cleanup;
    }
    memory_free(writer->partial); /* nothing of that name is left to be removed */
    writer->partial = NULL;
    TRY(flush_folder(writer->path, error));
cleanup:
    writer_release(writer);
    if (lock >= 0)
        close(lock);
    return status;
}

void file_writer_abandon(struct file_writer *writer)
{
    if (writer->path != NULL)
        writer_release(writer);
}

/* ---- names ---- */

bool file_exists(const char *path)
{
    struct stat facts;
    return stat(path, &facts) == 0;
}

primer_status file_check_output(const char *out, const char *const *inputs, size_t count,
                                primer_error *error)
{
    struct stat written, read;
    if (stat(out, &written) != 0)
        return PRIMER_OK;
    for (size_t i = 0; i < count; i++)
        if (inputs[i] != NULL && stat(inputs[i], &read) == 0 && read.st_dev == written.st_dev &&
            read.st_ino == written.st_ino)
            return error_set(error, PRIMER_EINVAL, "%s: is the input itself; choose another output",
                             out);
    return PRIMER_OK;
}

/* Whether two names are of one file; of files that aren't there, whether they would be. */
static primer_status is_same_file(const char *a, const char *b, bool *same, primer_error *error)
{
    struct stat first, second;
    const bool there[] = {stat(a, &first) == 0, stat(b, &second) == 0};
    *same = strcmp(a, b) == 0;
    if (*same || there[0] != there[1])
        return PRIMER_OK;
    if (!there[0]) {
        if (strcmp(file_base_name(a), file_base_name(b)) != 0)
            return PRIMER_OK;
        char *const folders[] = {folder_of(a), folder_of(b)};
        const bool named = folders[0] != NULL && folders[1] != NULL;
        const bool found = named && stat(folders[0], &first) == 0 && stat(folders[1], &second) == 0;
        memory_free(folders[0]);
        memory_free(folders[1]);
        if (!named)
            return memory_failure(error, "folders' names", strlen(a) + strlen(b) + 2);
        if (!found)
            return PRIMER_OK;
    }
    *same = first.st_dev == second.st_dev && first.st_ino == second.st_ino;
    return PRIMER_OK;
}

static primer_status check_others(const char *out, const char *const *others, size_t count,
                                  primer_error *error)
{
    char shown[512];
    for (size_t i = 0; i < count; i++) {
        bool same = false;
        if (others[i] == NULL)
            continue;
        FORWARD(is_same_file(out, others[i], &same, error));
        if (same && strcmp(out, others[i]) == 0)
            return complaint(error, PRIMER_EINVAL, out,
                             "is to be written twice; choose another name for one of the outputs");
        if (same)
            return error_set(error, PRIMER_EINVAL,
                             "%s: is to be written twice, also as %s; choose another name for one "
                             "of the outputs",
                             out,
                             error_printable(others[i], strlen(others[i]), shown, sizeof shown));
    }
    return PRIMER_OK;
}

primer_status file_check_outputs(const char *const *outputs, size_t output_count,
                                 const char *const *inputs, size_t input_count, primer_error *error)
{
    for (size_t i = 0; i < output_count; i++) {
        if (outputs[i] == NULL)
            continue;
        if (strcmp(outputs[i], "-") == 0)
            return error_set(error, PRIMER_EINVAL,
                             "-: an output is a file, which appears when it is whole; standard "
                             "output can't be one (./- is a file of that name)");
        FORWARD(file_check_output(outputs[i], inputs, input_count, error));
        FORWARD(check_others(outputs[i], outputs, i, error));
    }
    return PRIMER_OK;
}

const char *file_base_name(const char *path)
{
    const char *const slash = strrchr(path, '/');
    return slash == NULL ? path : slash + 1;
}
