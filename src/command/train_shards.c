/* train_shards.c - see train_shards.h.
 *
 *   FOLDER/data-0.shard, data-1.shard, ...      of the recipe's `data` lines, by their number
 *   FOLDER/evaluate-0.shard, ...                of its `evaluate` lines
 */
#include "command/train_shards.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "base/buffer.h"
#include "base/memory.h"
#include "data/data.h"
#include "terminal/interrupt.h"
#include "terminal/progress.h"

static bool is_shard(const char *path)
{
    const size_t length = strlen(path);
    return length >= 6 && strcmp(path + length - 6, ".shard") == 0;
}

static bool report(void *context, uint64_t done, uint64_t all)
{
    progress_step(context, done, all, NULL);
    return !interrupt_seen();
}

static primer_status make_shard(const primer_recipe *recipe, const struct settings *settings,
                                const char *input, const char *kind, size_t index,
                                const char **shard, primer_error *error)
{
    struct progress progress = progress_begin(input, "B");
    const struct data_shard_options options = {
        .tokenizer = recipe->model != NULL ? recipe->model : recipe->tokenizer,
        .template_name = recipe->template_name,
        .reuse = true,
        .alone = true, /* the trainer brings the processes together */
        .threads = settings->model.threads,
        .progress = report,
        .context = &progress};
    struct data_shard_summary summary;
    struct buffer path = {0};
    primer_status status = PRIMER_OK;
    TRY(buffer_format(&path, error, "%s/%s-%zu.shard", recipe->folder, kind, index));
    TRY(data_shard_make(&input, 1, path.bytes, &options, &summary, error));
    *shard = path.bytes;
    path.bytes = NULL;

cleanup:
    progress_end(&progress);
    buffer_free(&path);
    return status;
}

static primer_status make_all(const primer_recipe *recipe, const struct settings *settings,
                              const primer_recipe_source *sources, size_t count, const char *kind,
                              const char **shards, primer_error *error)
{
    for (size_t i = 0; i < count; i++)
        if (!is_shard(sources[i].path))
            FORWARD(make_shard(recipe, settings, sources[i].path, kind, i, &shards[i], error));
    return PRIMER_OK;
}

primer_status train_shards_make(const primer_recipe *recipe, const struct settings *settings,
                                struct train_shards *shards, primer_error *error)
{
    if (mkdir(recipe->folder, 0777) != 0 && errno != EEXIST)
        return error_set(error, PRIMER_EIO, "%s: cannot make the folder: %s", recipe->folder,
                         strerror(errno));
    FORWARD(make_all(recipe, settings, recipe->sources, recipe->source_count, "data",
                     shards->sources, error));
    return make_all(recipe, settings, recipe->evaluation, recipe->evaluation_count, "evaluate",
                    shards->evaluation, error);
}

void train_shards_free(struct train_shards *shards)
{
    for (size_t i = 0; i < PRIMER_RECIPE_SOURCES_MOST; i++) {
        memory_free((void *)shards->sources[i]);
        memory_free((void *)shards->evaluation[i]);
    }
    *shards = (struct train_shards){0};
}
