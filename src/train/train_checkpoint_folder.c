/* train_checkpoint_folder.c - which checkpoints a folder holds, by their files' names.
 *
 *   checkpoint-00001200.gguf   checkpoint-00001200.state     at least 8 digits
 *   checkpoint-00001200.gguf.partial-PID-N                   being written (base/file.h)
 *
 * All else in the folder isn't ours and stays.
 */
#include "train/train_checkpoint_files.h"

#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "base/memory.h"

enum { NAME = 64 }; /* bytes that any of our names fits */
static const char prefix[] = "checkpoint-", weights_suffix[] = ".gguf", state_suffix[] = ".state",
                  partial[] = ".partial-";

/* ---- names ---- */

static char *path_of(const char *folder, uint64_t step, const char *suffix)
{
    const size_t capacity = strlen(folder) + NAME;
    char *const path = memory_allocate(capacity, 1);
    if (path != NULL)
        snprintf(path, capacity, "%s/%s%08llu%s", folder, prefix, (unsigned long long)step, suffix);
    return path;
}

primer_status train_checkpoint_paths_make(struct train_checkpoint_paths *paths, const char *folder,
                                          uint64_t step, primer_error *error)
{
    struct train_checkpoint_paths made = {
        .weights = path_of(folder, step, weights_suffix),
        .state = path_of(folder, step, state_suffix),
    };
    if (made.weights == NULL || made.state == NULL) {
        train_checkpoint_paths_free(&made);
        return memory_failure(error, "a file name", strlen(folder) + NAME);
    }
    *paths = made;
    return PRIMER_OK;
}

void train_checkpoint_paths_free(struct train_checkpoint_paths *paths)
{
    memory_free(paths->weights);
    memory_free(paths->state);
    *paths = (struct train_checkpoint_paths){0};
}

/* The step that a name gives, and what follows the digits; false: it is none of ours. */
static bool read_name(const char *name, uint64_t *step, const char **rest)
{
    char again[NAME];
    char *end;
    if (strncmp(name, prefix, sizeof prefix - 1) != 0)
        return false;
    const char *const digits = name + sizeof prefix - 1;
    errno = 0;
    *step = strtoull(digits, &end, 10);
    *rest = end;
    snprintf(again, sizeof again, "%08llu", (unsigned long long)*step);
    /* Just as it is written: no sign, no blanks, no zeros too many. */
    return errno == 0 && strlen(again) == (size_t)(end - digits) &&
           strncmp(digits, again, strlen(again)) == 0;
}

/* ---- what there is ---- */

static primer_status refused(const char *folder, const char *verb, int number, primer_error *error)
{
    char shown[512];
    return error_set(error, PRIMER_EIO, "%s: cannot %s: %s",
                     error_printable(folder, strlen(folder), shown, sizeof shown), verb,
                     strerror(number));
}

static primer_status entry_of(struct train_checkpoint_list *list, uint64_t step,
                              struct train_checkpoint_entry **entry, primer_error *error)
{
    for (size_t i = 0; i < list->count; i++)
        if (list->entries[i].step == step) {
            *entry = &list->entries[i];
            return PRIMER_OK;
        }
    if (list->count == list->capacity) {
        const size_t capacity = list->capacity * 2 + 16;
        void *const grown = memory_resize(list->entries, capacity, sizeof *list->entries);
        if (grown == NULL)
            return memory_failure(error, "a list of checkpoints", capacity);
        list->entries = grown;
        list->capacity = capacity;
    }
    *entry = &list->entries[list->count++];
    **entry = (struct train_checkpoint_entry){.step = step};
    return PRIMER_OK;
}

static primer_status note(struct train_checkpoint_list *list, const char *name, primer_error *error)
{
    struct train_checkpoint_entry *entry = NULL;
    uint64_t step;
    const char *rest;
    if (!read_name(name, &step, &rest))
        return PRIMER_OK;
    const bool weights = strcmp(rest, weights_suffix) == 0;
    if (!weights && strcmp(rest, state_suffix) != 0)
        return PRIMER_OK;
    FORWARD(entry_of(list, step, &entry, error));
    if (weights)
        entry->weights = true;
    else
        entry->state = true;
    return PRIMER_OK;
}

static int newest_first(const void *a, const void *b)
{
    const struct train_checkpoint_entry *const x = a, *const y = b;
    return (x->step < y->step) - (x->step > y->step);
}

primer_status train_checkpoint_list_make(struct train_checkpoint_list *list, const char *folder,
                                         primer_error *error)
{
    struct train_checkpoint_list made = {0};
    primer_status status = PRIMER_OK;
    DIR *const open = opendir(folder);
    if (open == NULL && errno != ENOENT)
        return refused(folder, "read it", errno, error);
    for (const struct dirent *entry; open != NULL && (entry = readdir(open)) != NULL;)
        TRY(note(&made, entry->d_name, error));
    if (made.count > 1)
        qsort(made.entries, made.count, sizeof *made.entries, newest_first);
    *list = made;
    made = (struct train_checkpoint_list){0};
cleanup:
    train_checkpoint_list_free(&made);
    if (open != NULL)
        closedir(open);
    return status;
}

void train_checkpoint_list_free(struct train_checkpoint_list *list)
{
    memory_free(list->entries);
    *list = (struct train_checkpoint_list){0};
}

/* ---- what goes ---- */

/* What follows the name of a file that a run makes: a checkpoint's, or one that can be as large as
 * the model or the data; NULL: it is none of ours. */
static const char *after_own_name(const char *name)
{
    static const char *const models[] = {"model.gguf", "sample.gguf"};
    static const char *const shards[] = {"data-", "evaluate-"};
    uint64_t step;
    const char *rest;
    const bool checkpoint = read_name(name, &step, &rest);
    for (size_t i = 0; i < 2; i++) {
        const char *const suffix = i == 0 ? weights_suffix : state_suffix;
        if (checkpoint && strncmp(rest, suffix, strlen(suffix)) == 0)
            return rest + strlen(suffix);
        if (strncmp(name, models[i], strlen(models[i])) == 0)
            return name + strlen(models[i]);
        if (strncmp(name, shards[i], strlen(shards[i])) == 0)
            return strstr(name, partial);
    }
    return NULL;
}

/* Whether nobody writes to a half-written file any more. One of our own number was written by an
 * earlier process: this one is about to write, so it isn't writing. (In a container every process
 * may have the number 1.) */
static bool is_abandoned(const char *name)
{
    const char *const rest = after_own_name(name);
    if (rest == NULL || strncmp(rest, partial, sizeof partial - 1) != 0)
        return false;
    const long writer = strtol(rest + sizeof partial - 1, NULL, 10);
    return writer > 0 &&
           (writer == (long)getpid() || (kill((pid_t)writer, 0) != 0 && errno == ESRCH));
}

primer_status train_checkpoint_folder_prepare(const char *folder, primer_error *error)
{
    if (mkdir(folder, 0777) != 0 && errno != EEXIST)
        return refused(folder, "make the folder", errno, error);
    DIR *const open = opendir(folder);
    if (open == NULL)
        return refused(folder, "read it", errno, error);
    for (const struct dirent *entry; (entry = readdir(open)) != NULL;)
        if (is_abandoned(entry->d_name))
            unlinkat(dirfd(open), entry->d_name, 0);
    closedir(open);
    return PRIMER_OK;
}

void train_checkpoint_folder_remove(const char *folder, uint64_t step)
{
    struct train_checkpoint_paths paths;
    if (train_checkpoint_paths_make(&paths, folder, step, NULL) != PRIMER_OK)
        return;
    if (unlink(paths.state) != 0 && errno != ENOENT)
        log_message(LOG_WARN, "%s can't be removed: %s", paths.state, strerror(errno));
    if (unlink(paths.weights) != 0 && errno != ENOENT)
        log_message(LOG_WARN, "%s can't be removed: %s", paths.weights, strerror(errno));
    train_checkpoint_paths_free(&paths);
}
