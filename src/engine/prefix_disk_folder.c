/* prefix_disk_folder.c - see prefix_disk_folder.h, and prefix_disk.h for the files' names.
 *
 * Looking at the folder takes one pass over its names: it sums up the pages, remembers the oldest
 * of them, and removes what writers that are no more have left half-written. What is neither a page
 * nor such a file isn't ours and stays.
 */
#include "engine/prefix_disk_folder.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/log.h"
#include "base/memory.h"

enum { OLDEST = 64, KEY_DIGITS = 32 };
#define MOST_BYTES    ((uint64_t)8 << 30)
#define STALE_SECONDS 600 /* a file being written that nobody wrote to for so long is abandoned */

static const char partial[] = ".partial-";

struct entry {
    int64_t used; /* nanoseconds */
    uint64_t bytes;
    char name[PREFIX_DISK_NAME];
};

struct survey {
    uint64_t bytes;              /* of all pages */
    struct entry oldest[OLDEST]; /* [count], oldest first */
    size_t count;
};

static int64_t nanoseconds(const struct timespec *time)
{
    return (int64_t)time->tv_sec * 1000000000 + (int64_t)time->tv_nsec;
}

static bool is_page(const char *name)
{
    return strlen(name) == KEY_DIGITS + 3 && strspn(name, "0123456789abcdef") == KEY_DIGITS &&
           strcmp(name + KEY_DIGITS, ".kv") == 0;
}

void prefix_disk_folder_name(const struct prefix_key *key, char name[PREFIX_DISK_NAME])
{
    snprintf(name, PREFIX_DISK_NAME, "%016llx%016llx.kv", (unsigned long long)key->word[0],
             (unsigned long long)key->word[1]);
}

void prefix_disk_folder_refused(struct prefix_disk *disk, const char *what, int number)
{
    if (!atomic_exchange(&disk->told, true))
        log_message(LOG_INFO, "the prefix cache on disk can't %s: %s", what, strerror(number));
}

/* Whether nobody writes to a half-written file any more. */
static bool is_abandoned(const char *name, const struct stat *facts)
{
    struct timespec now;
    const long writer = strtol(name + sizeof partial - 1, NULL, 10);
    clock_gettime(CLOCK_REALTIME, &now);
    if (now.tv_sec - facts->st_mtim.tv_sec > STALE_SECONDS)
        return true;
    return writer > 0 && kill((pid_t)writer, 0) != 0 && errno == ESRCH;
}

static void remember(struct survey *survey, const char *name, int64_t used, uint64_t bytes)
{
    size_t at = survey->count;
    if (at == OLDEST && used >= survey->oldest[OLDEST - 1].used)
        return;
    if (at < OLDEST)
        survey->count++;
    else
        at--;
    for (; at > 0 && survey->oldest[at - 1].used > used; at--)
        survey->oldest[at] = survey->oldest[at - 1];
    survey->oldest[at].used = used;
    survey->oldest[at].bytes = bytes;
    memcpy(survey->oldest[at].name, name, strlen(name) + 1);
}

static void look_at(const struct prefix_disk *disk, const char *name, struct survey *survey)
{
    struct stat facts;
    const bool page = is_page(name);
    if (!page && strncmp(name, partial, sizeof partial - 1) != 0)
        return;
    if (fstatat(disk->folder, name, &facts, AT_SYMLINK_NOFOLLOW) != 0 || !S_ISREG(facts.st_mode))
        return;
    if (!page) {
        if (is_abandoned(name, &facts))
            unlinkat(disk->folder, name, 0);
        return;
    }
    const uint64_t size = (uint64_t)facts.st_size;
    const uint64_t bytes = size > PREFIX_DISK_LEAST ? size : PREFIX_DISK_LEAST;
    survey->bytes += bytes;
    remember(survey, name, nanoseconds(&facts.st_mtim), bytes);
}

/* Returns false where the folder can't be read. */
static bool take_survey(struct prefix_disk *disk, struct survey *survey)
{
    survey->bytes = survey->count = 0;
    const int descriptor = openat(disk->folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *const folder = descriptor < 0 ? NULL : fdopendir(descriptor);
    if (folder == NULL) {
        prefix_disk_folder_refused(disk, "read its folder", errno);
        if (descriptor >= 0)
            close(descriptor);
        return false;
    }
    for (const struct dirent *entry; (entry = readdir(folder)) != NULL;)
        look_at(disk, entry->d_name, survey);
    closedir(folder);
    return true;
}

/* Once: what was asked for, else the lesser of 8 GiB and a quarter of what the pages may take. */
static void decide_budget(struct prefix_disk *disk, uint64_t used)
{
    struct statvfs facts;
    if (disk->budget != 0)
        return;
    disk->budget = MOST_BYTES;
    if (fstatvfs(disk->folder, &facts) != 0)
        return;
    const uint64_t quarter = ((uint64_t)facts.f_bavail * facts.f_frsize + used) / 4;
    if (quarter < disk->budget)
        disk->budget = quarter > 0 ? quarter : 1;
}

/* Removes the oldest until `room` more bytes fit; false where that isn't reached. Lock held. */
static bool make_room(struct prefix_disk *disk, uint64_t room, uint64_t *used)
{
    struct survey survey;
    for (;;) {
        if (!take_survey(disk, &survey))
            return false;
        decide_budget(disk, survey.bytes);
        *used = survey.bytes;
        if (room > disk->budget)
            return false;
        const uint64_t before = *used, part = disk->budget / 16;
        const uint64_t most = disk->budget - (room > part ? room : part);
        /* Once it is full, a good part at once: not a survey for every page. */
        const bool full = *used > disk->budget - room;
        for (size_t i = 0; full && i<survey.count && * used> most; i++)
            if (unlinkat(disk->folder, survey.oldest[i].name, 0) == 0)
                *used -= survey.oldest[i].bytes;
        if (*used <= disk->budget - room)
            return true;
        if (*used == before)
            return false;
    }
}

bool prefix_disk_folder_admit(struct prefix_disk *disk, uint64_t bytes)
{
    const uint64_t charge = bytes > PREFIX_DISK_LEAST ? bytes : PREFIX_DISK_LEAST;
    bool admitted = true;
    pthread_mutex_lock(&disk->lock);
    if (charge > disk->allowance) {
        uint64_t used = 0;
        disk->allowance = 0;
        admitted = make_room(disk, charge, &used);
        if (admitted) {
            const uint64_t part = disk->budget / 16, left = disk->budget - used;
            disk->allowance = left < part ? left : part;
            if (disk->allowance < charge)
                disk->allowance = charge;
        }
    }
    if (admitted)
        disk->allowance -= charge;
    pthread_mutex_unlock(&disk->lock);
    return admitted;
}

/* ---- the folder itself ----------------------------------------------------------------------- */

/* Errors are left to the opening that follows. */
static void make_folders(char *path)
{
    for (char *slash = path; (slash = strchr(slash + 1, '/')) != NULL; *slash = '/') {
        *slash = '\0';
        mkdir(path, 0700);
    }
    mkdir(path, 0700);
}

primer_status prefix_disk_create(struct prefix_disk **disk, const char *folder, uint64_t budget,
                                 primer_error *error)
{
    primer_status status = PRIMER_OK;
    char *const path = memory_copy_text(folder);
    struct prefix_disk *made = memory_allocate(1, sizeof *made);
    if (made == NULL || path == NULL)
        FAIL(PRIMER_ENOMEM, "no memory for the prefix cache on disk");
    make_folders(path);
    made->folder = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (made->folder < 0) {
        prefix_disk_folder_refused(made, "open its folder", errno);
        goto cleanup;
    }
    made->budget = budget;
    pthread_mutex_init(&made->lock, NULL);
    *disk = made;
    made = NULL;
cleanup:
    memory_free(made);
    memory_free(path);
    return status;
}

void prefix_disk_free(struct prefix_disk *disk)
{
    if (disk == NULL)
        return;
    close(disk->folder);
    pthread_mutex_destroy(&disk->lock);
    memory_free(disk);
}
