/* bench_prefix.c - see bench_prefix.h.
 *
 *   open - session - read the prompt           read_s
 *   end of the session: pages to files         store_s
 *   open anew - session - the same prompt      restore_s    pages from files, the rest computed
 *
 * The files are in the page cache then, as those of a moment ago are. Opening is not counted, in
 * either case. Both ends must give the same logits, bit for bit, or the measurement fails.
 */
#include "command/bench_prefix.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/memory.h"
#include "command/bench_run.h"
#include "command/command.h"

enum { SEED = 12345 };

struct times {
    double *read, *store, *restore; /* [runs] seconds */
};

struct visit {
    double sync, end; /* seconds */
    primer_statistics statistics;
    float *logits; /* [vocabulary], owned */
    size_t vocabulary;
};

static primer_status copy_logits(const primer_session *session, struct visit *visit,
                                 primer_error *error)
{
    const size_t count = primer_model_info(primer_session_model(session))->vocabulary;
    const float *logits = primer_session_logits(session);
    visit->logits = memory_allocate(count, sizeof *visit->logits);
    if (visit->logits == NULL)
        return memory_failure(error, "the logits", count * sizeof *visit->logits);
    memcpy(visit->logits, logits, count * sizeof *logits);
    visit->vocabulary = count;
    return PRIMER_OK;
}

/* A model of its own reads the prompt. */
static primer_status visit_prompt(const struct settings *settings, const char *path,
                                  struct visit *visit, primer_error *error)
{
    primer_status status = PRIMER_OK;
    primer_model *model = NULL;
    primer_session *session = NULL;
    int32_t *ids = NULL;
    const size_t count = settings->prompt_tokens;
    TRY(command_open_model(path, settings, &model, error));
    TRY(bench_run_ids(model, count, SEED, &ids, error));
    TRY(primer_session_create(model, &settings->parameters.session, &session, error));
    const uint64_t begun = clock_nanoseconds();
    TRY(primer_session_sync(session, ids, count, NULL, NULL, error));
    visit->sync = clock_seconds_since(begun);
    primer_session_statistics(session, &visit->statistics);
    TRY(copy_logits(session, visit, error));
cleanup:;
    const uint64_t ended = clock_nanoseconds();
    primer_session_free(session);
    visit->end = clock_seconds_since(ended);
    primer_model_free(model);
    memory_free(ids);
    return status;
}

/* Twice; *found: the statistics of the second. */
static primer_status run_once(const struct settings *settings, const char *path,
                              const struct times *times, size_t run, primer_statistics *found,
                              primer_error *error)
{
    primer_status status = PRIMER_OK;
    struct visit first = {0}, second = {0};
    TRY(visit_prompt(settings, path, &first, error));
    TRY(visit_prompt(settings, path, &second, error));
    if (second.statistics.restored_tokens == 0)
        FAIL(PRIMER_EIO,
             "nothing was kept in %s, or nothing found there (a prompt of 256 tokens "
             "is the least; PRIMER_LOG=info may tell)",
             settings->model.prefix_folder);
    if (memcmp(first.logits, second.logits, first.vocabulary * sizeof *first.logits) != 0)
        FAIL(PRIMER_ENUMERIC, "the logits after the restored prefix differ from those computed");
    times->read[run] = first.sync;
    times->store[run] = first.end;
    times->restore[run] = second.sync;
    *found = second.statistics;
cleanup:
    memory_free(first.logits);
    memory_free(second.logits);
    return status;
}

/* ---- the folder ------------------------------------------------------------------------------ */

static void empty_folder(const char *path)
{
    DIR *folder = opendir(path);
    if (folder == NULL)
        return;
    for (const struct dirent *entry; (entry = readdir(folder)) != NULL;)
        unlinkat(dirfd(folder), entry->d_name, 0); /* "." and ".." stay: they are folders */
    closedir(folder);
}

/* ---- the report ------------------------------------------------------------------------------ */

static int compare(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Sorts the values. */
static double median(double *values, size_t count)
{
    qsort(values, count, sizeof *values, compare);
    return count % 2 == 1 ? values[count / 2] : (values[count / 2 - 1] + values[count / 2]) / 2;
}

static primer_status report(const struct settings *settings, const struct times *times,
                            const primer_statistics *found, struct buffer *out, primer_error *error)
{
    const size_t runs = settings->runs;
    const double read = median(times->read, runs), store = median(times->store, runs),
                 restore = median(times->restore, runs);
    const unsigned long long restored = found->restored_tokens, computed = found->prompt_tokens;
    if (settings->json)
        return buffer_format(out, error,
                             "{\"engine\":\"primer\",\"version\":\"" PRIMER_VERSION
                             "\",\"prompt_tokens\":%zu,\"restored_tokens\":%llu,"
                             "\"computed_tokens\":%llu,\"kv_bytes\":%llu,\"runs\":%zu,"
                             "\"read_s\":%.6g,\"store_s\":%.6g,\"restore_s\":%.6g,"
                             "\"restore_gain\":%.4g}\n",
                             settings->prompt_tokens, restored, computed,
                             (unsigned long long)found->kv_bytes, runs, read, store, restore,
                             read / restore);
    return buffer_format(out, error,
                         "prefix     %zu tokens, read in %.3f s, kept on disk in %.3f s\n"
                         "again      %.3f s, %.1f times as fast: %llu tokens from disk, the last "
                         "%llu computed\n",
                         settings->prompt_tokens, read, store, restore, read / restore, restored,
                         computed);
}

primer_status bench_prefix(const struct settings *settings, const char *path, struct buffer *out,
                           primer_error *error)
{
    primer_status status = PRIMER_OK;
    char folder[] = "/tmp/primer-prefix-XXXXXX";
    struct settings own = *settings;
    primer_statistics found = {0};
    const size_t runs = settings->runs;
    double *seconds = memory_allocate(runs, 3 * sizeof *seconds);
    if (seconds == NULL)
        return memory_failure(error, "the measurements", runs * 3 * sizeof *seconds);
    const struct times times = {seconds, seconds + runs, seconds + 2 * runs};
    own.model.prefix_folder = mkdtemp(folder);
    if (own.model.prefix_folder == NULL) {
        memory_free(seconds);
        return error_set(error, PRIMER_EIO, "%s: cannot make the folder: %s", folder,
                         strerror(errno));
    }
    for (size_t run = 0; run < runs; run++) {
        empty_folder(folder);
        TRY(run_once(&own, path, &times, run, &found, error));
    }
    TRY(report(settings, &times, &found, out, error));
cleanup:
    empty_folder(folder);
    rmdir(folder);
    memory_free(seconds);
    return status;
}
