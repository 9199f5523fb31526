/* synth_output.c - what may be written, and by one process alone. Declared in synth_output.h.
 *
 * The lock is one of the open file description, which stays until its own descriptor is closed; one of
 * the process would go as soon as that closes any descriptor of the file, as it does when it has read it.
 * Where a file system has no locks (some of clusters) there is none.
 */
#include "data/synth_output.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/file.h"

enum { ATTEMPTS = 100 };

static primer_status refusal(const char *path, const char *what, primer_error *error)
{
    char shown[512];
    return error_set(error, PRIMER_EINVAL, "%s: %s",
                     error_printable(path, strlen(path), shown, sizeof shown), what);
}

/* What a curriculum is read from. */
static bool is_source(const char *name)
{
    const char *const dot = strrchr(name, '.');
    return strcmp(name, "check.py") == 0 || (dot != NULL && strcmp(dot, ".txt") == 0);
}

static primer_status check_folder(const char *out, const char *folder, primer_error *error)
{
    primer_status status = PRIMER_OK;
    struct buffer path = {0};
    DIR *const directory = opendir(folder);
    if (directory == NULL)
        return PRIMER_OK; /* as who reads it will say */
    for (const struct dirent *entry; (entry = readdir(directory)) != NULL;) {
        if (!is_source(entry->d_name))
            continue;
        buffer_clear(&path);
        TRY(buffer_format(&path, error, "%s/%s", folder, entry->d_name));
        TRY(file_check_output(out, (const char *const *)&path.bytes, 1, error));
    }

cleanup:
    closedir(directory);
    buffer_free(&path);
    return status;
}

primer_status synth_output_check(const char *out, const char *const *folders, size_t folder_count,
                                 const char *const *inputs, size_t count, primer_error *error)
{
    struct stat facts;
    if (*out == '\0')
        return error_set(error, PRIMER_EINVAL, "the name of the file to write is empty");
    if (stat(out, &facts) != 0)
        return PRIMER_OK;
    if (S_ISDIR(facts.st_mode))
        return refusal(out, "is a folder, it can't be written as a file", error);
    if (!S_ISREG(facts.st_mode))
        return refusal(out, "is not a regular file, it is not replaced", error);
    for (size_t i = 0; i < folder_count; i++)
        FORWARD(check_folder(out, folders[i], error));
    return file_check_output(out, inputs, count, error);
}

primer_status synth_output_check_part(const char *path, bool has_state, primer_error *error)
{
    struct stat facts;
    if (stat(path, &facts) != 0)
        return PRIMER_OK;
    if (!S_ISREG(facts.st_mode))
        return refusal(path, "is where the lessons so far are kept, and is no regular file", error);
    if (facts.st_size > 0 && !has_state)
        return refusal(path,
                       "is where the lessons so far are kept, and another file is there (no .state "
                       "says of which run it is); move it away",
                       error);
    return PRIMER_OK;
}

/* Is it still the file of that name? Its run may have ended, and have made it the output or taken it
 * away, between the opening and the lock. */
static bool is_there(int descriptor, const char *path)
{
    struct stat held, named;
    return fstat(descriptor, &held) == 0 && stat(path, &named) == 0 &&
           held.st_dev == named.st_dev && held.st_ino == named.st_ino;
}

primer_status synth_output_open(const char *path, int *descriptor, primer_error *error)
{
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    for (int i = 0; i < ATTEMPTS; i++) {
        *descriptor = open(path, O_WRONLY | O_CREAT | O_CLOEXEC | O_NONBLOCK, 0666);
        if (*descriptor < 0)
            return error_set(error, PRIMER_EIO, "%s: cannot write it: %s", path, strerror(errno));
        const bool busy =
            fcntl(*descriptor, F_OFD_SETLK, &lock) != 0 && (errno == EAGAIN || errno == EACCES);
        if (!busy && is_there(*descriptor, path))
            return PRIMER_OK;
        close(*descriptor);
        *descriptor = -1;
        if (busy)
            return refusal(path, "another process writes it", error);
    }
    return refusal(path, "other processes make it and take it away", error);
}
