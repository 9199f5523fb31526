/* prefix_disk.c - one page to its file and back; the layout is drawn in prefix_disk.h. */
#include "engine/prefix_disk.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/hash.h"
#include "engine/prefix_disk_folder.h"

#define MAGIC            "PRIMERPX"
#define VERSION          2u
#define PIECE            ((size_t)128 << 10) /* bytes: hashed while they are in the second cache */
#define IDLE_NANOSECONDS 60000000000         /* without another try after a failed write */
enum { NAME_ATTEMPTS = 16 };

struct header {
    char magic[8];
    uint64_t version;
    struct prefix_origin origin;
    uint64_t index;
    struct prefix_key key;
};
_Static_assert(sizeof(struct prefix_origin) == 21 * 8, "the origin has no padding");
_Static_assert(sizeof(struct header) == 26 * 8, "the header has no padding");

static struct header header_of(const struct prefix_file *file)
{
    struct header header = {
        .version = VERSION, .origin = *file->origin, .index = file->index, .key = file->key};
    memcpy(header.magic, MAGIC, sizeof header.magic);
    return header;
}

static size_t ids_bytes(const struct prefix_file *file)
{
    return (file->index + 1) * KV_PAGE_TOKENS * sizeof *file->ids;
}

static uint64_t file_bytes(const struct prefix_file *file)
{
    return sizeof(struct header) + ids_bytes(file) + file->origin->page_bytes + sizeof(uint64_t);
}

/* ---- keys and times -------------------------------------------------------------------------- */

static struct prefix_key key_of(const void *bytes, size_t length)
{
    return (struct prefix_key){{hash_bytes(bytes, length, 0), hash_bytes(bytes, length, 1)}};
}

struct prefix_key prefix_disk_root(const struct prefix_origin *origin)
{
    return key_of(origin, sizeof *origin);
}

struct prefix_key prefix_disk_next(const struct prefix_key *key, const int32_t *ids)
{
    struct {
        struct prefix_key key;
        int32_t ids[KV_PAGE_TOKENS];
    } link = {.key = *key};
    memcpy(link.ids, ids, sizeof link.ids);
    return key_of(&link, sizeof link);
}

int64_t prefix_disk_now(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000000000 + (int64_t)now.tv_nsec;
}

/* Access and modification time: both the time of use. */
static void use_times(const struct prefix_file *file, struct timespec times[2])
{
    const int64_t used = file->now - (int64_t)file->index;
    times[0] = times[1] =
        (struct timespec){.tv_sec = (time_t)(used / 1000000000), .tv_nsec = used % 1000000000};
}

bool prefix_disk_has(const struct prefix_disk *disk, const struct prefix_key *key)
{
    char name[PREFIX_DISK_NAME];
    prefix_disk_folder_name(key, name);
    return faccessat(disk->folder, name, R_OK, 0) == 0;
}

/* ---- reading --------------------------------------------------------------------------------- */

static bool read_all(int descriptor, void *bytes, size_t length)
{
    unsigned char *at = bytes;
    while (length > 0) {
        const ssize_t got = read(descriptor, at, length);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return false;
        at += got;
        length -= (size_t)got;
    }
    return true;
}

/* Reads what must be equal to `expected`; goes on with the hash. */
static bool read_same(int descriptor, const void *expected, size_t length, uint64_t *hash)
{
    const unsigned char *at = expected;
    unsigned char piece[4096];
    *hash = hash_bytes(expected, length, *hash);
    while (length > 0) {
        const size_t step = length < sizeof piece ? length : sizeof piece;
        if (!read_all(descriptor, piece, step) || memcmp(piece, at, step) != 0)
            return false;
        at += step;
        length -= step;
    }
    return true;
}

static bool read_page(int descriptor, const struct prefix_file *file, unsigned char *page)
{
    const struct header header = header_of(file);
    const size_t bytes = (size_t)file->origin->page_bytes;
    uint64_t hash = 0, stored;
    struct stat facts;
    if (fstat(descriptor, &facts) != 0 || !S_ISREG(facts.st_mode) ||
        (uint64_t)facts.st_size != file_bytes(file) ||
        !read_same(descriptor, &header, sizeof header, &hash) ||
        !read_same(descriptor, file->ids, ids_bytes(file), &hash))
        return false;
    for (size_t at = 0; at < bytes; at += PIECE) {
        const size_t step = bytes - at < PIECE ? bytes - at : PIECE;
        if (!read_all(descriptor, page + at, step))
            return false;
        hash = hash_bytes(page + at, step, hash);
    }
    return read_all(descriptor, &stored, sizeof stored) && stored == hash;
}

bool prefix_disk_load(struct prefix_disk *disk, const struct prefix_file *file, unsigned char *page)
{
    char name[PREFIX_DISK_NAME];
    struct timespec times[2];
    prefix_disk_folder_name(&file->key, name);
    const int descriptor =
        openat(disk->folder, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (descriptor < 0)
        return false;
    const bool good = read_page(descriptor, file, page);
    use_times(file, times);
    if (!good)
        unlinkat(disk->folder, name, 0);
    else
        futimens(descriptor, times);
    close(descriptor);
    return good;
}

/* ---- writing --------------------------------------------------------------------------------- */

/* 0, or an errno value. */
static int write_all(int descriptor, const void *bytes, size_t length)
{
    const unsigned char *at = bytes;
    while (length > 0) {
        const ssize_t taken = write(descriptor, at, length);
        if (taken < 0 && errno == EINTR)
            continue;
        if (taken <= 0)
            return taken < 0 ? errno : EIO;
        at += taken;
        length -= (size_t)taken;
    }
    return 0;
}

static int write_hashed(int descriptor, const void *bytes, size_t length, uint64_t *hash)
{
    *hash = hash_bytes(bytes, length, *hash);
    return write_all(descriptor, bytes, length);
}

static int write_page(int descriptor, const struct prefix_file *file, const unsigned char *page)
{
    const struct header header = header_of(file);
    const size_t bytes = (size_t)file->origin->page_bytes;
    struct timespec times[2];
    uint64_t hash = 0;
    int failed = write_hashed(descriptor, &header, sizeof header, &hash);
    if (failed == 0)
        failed = write_hashed(descriptor, file->ids, ids_bytes(file), &hash);
    for (size_t at = 0; failed == 0 && at < bytes; at += PIECE)
        failed =
            write_hashed(descriptor, page + at, bytes - at < PIECE ? bytes - at : PIECE, &hash);
    if (failed == 0)
        failed = write_all(descriptor, &hash, sizeof hash);
    use_times(file, times);
    if (failed == 0 && futimens(descriptor, times) != 0)
        failed = errno;
    return failed;
}

/* Opens a file of a name that nobody else uses; -1 and errno. */
static int open_partial(struct prefix_disk *disk, char name[PREFIX_DISK_NAME])
{
    for (int i = 0; i < NAME_ATTEMPTS; i++) {
        snprintf(name, PREFIX_DISK_NAME, ".partial-%ld-%u", (long)getpid(),
                 atomic_fetch_add(&disk->counter, 1));
        const int descriptor =
            openat(disk->folder, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
        if (descriptor >= 0 || (errno != EEXIST && errno != EINTR))
            return descriptor;
    }
    return -1;
}

/* 0, or an errno value. */
static int write_file(struct prefix_disk *disk, const struct prefix_file *file, const char *name,
                      const unsigned char *page)
{
    char partial[PREFIX_DISK_NAME];
    const int descriptor = open_partial(disk, partial);
    if (descriptor < 0)
        return errno;
    int failed = write_page(descriptor, file, page);
    if (close(descriptor) != 0 && failed == 0 && errno != EINTR)
        failed = errno;
    if (failed == 0 && renameat(disk->folder, partial, disk->folder, name) != 0)
        failed = errno;
    if (failed != 0)
        unlinkat(disk->folder, partial, 0);
    return failed;
}

/* Over a limit on the size of files a write raises SIGXFSZ, which would end the process: here it is
 * an answer like any other. */
static int write_calmly(struct prefix_disk *disk, const struct prefix_file *file, const char *name,
                        const unsigned char *page)
{
    sigset_t limit, before, pending;
    sigemptyset(&limit);
    sigaddset(&limit, SIGXFSZ);
    pthread_sigmask(SIG_BLOCK, &limit, &before);
    const int failed = write_file(disk, file, name, page);
    if (failed == EFBIG && sigpending(&pending) == 0 && sigismember(&pending, SIGXFSZ) == 1)
        sigtimedwait(&limit, NULL, &(struct timespec){0});
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return failed;
}

void prefix_disk_store(struct prefix_disk *disk, const struct prefix_file *file,
                       const unsigned char *page)
{
    char name[PREFIX_DISK_NAME];
    struct timespec times[2];
    prefix_disk_folder_name(&file->key, name);
    use_times(file, times);
    if (utimensat(disk->folder, name, times, AT_SYMLINK_NOFOLLOW) == 0)
        return;
    const long long now = (long long)clock_nanoseconds();
    if (now < atomic_load(&disk->idle_until) || !prefix_disk_folder_admit(disk, file_bytes(file)))
        return;
    const int failed = write_calmly(disk, file, name, page);
    if (failed == 0)
        return;
    atomic_store(&disk->idle_until, now + IDLE_NANOSECONDS);
    prefix_disk_folder_refused(disk, "write a page", failed);
}
