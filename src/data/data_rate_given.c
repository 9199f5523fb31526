/* data_rate_given.c - ratings that were given elsewhere, looked up by the samples' ids. Declared in
 * data_rate.h.
 */
#include "data/data_rate.h"

#include "base/memory.h"
#include "data/data_rate_file.h"

static void free_given(void *context)
{
    data_rate_file_free(context);
    memory_free(context);
}

static primer_status rate_as_given(void *context, const struct data_rate_sample *sample,
                                   size_t number, size_t count, struct data_rate_verdict *verdict,
                                   primer_error *error)
{
    const struct data_rate_row *const row = data_rate_file_find(context, sample->id);
    (void)number;
    (void)count;
    (void)error;
    *verdict = (struct data_rate_verdict){.kind = row == NULL ? DATA_RATE_SKIPPED : DATA_RATE_RATED,
                                          .rating = row == NULL ? 0 : row->rating,
                                          .expected = -1};
    return PRIMER_OK;
}

primer_status data_rater_file(struct data_rater *rater, const char *path, primer_error *error)
{
    struct data_rate_file *const file = memory_allocate(1, sizeof *file);
    if (file == NULL)
        return memory_failure(error, "a rater", sizeof *file);
    const primer_status status = data_rate_file_read(file, path, false, false, error);
    if (status != PRIMER_OK) {
        free_given(file);
        return status;
    }
    *rater = (struct data_rater){
        .name = path, .context = file, .rate = rate_as_given, .close = free_given, .shared = true};
    return PRIMER_OK;
}
