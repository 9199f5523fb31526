/* train_shards.h - a recipe's texts and conversations as shards in the run's folder. */
#ifndef COMMAND_TRAIN_SHARDS_H
#define COMMAND_TRAIN_SHARDS_H

#include "command/settings.h"
#include "primer_train.h"

/* A shard for each source, NULL where it is one itself. */
struct train_shards {
    const char *sources[PRIMER_RECIPE_SOURCES_MOST];
    const char *evaluation[PRIMER_RECIPE_SOURCES_MOST];
};

/* What is there and up to date is taken as it is. */
primer_status train_shards_make(const primer_recipe *recipe, const struct settings *settings,
                                struct train_shards *shards, primer_error *error);
void train_shards_free(struct train_shards *shards);

#endif
