/* command_data.c - primer data: its verbs, a file each (data_verb_shard.c). */
#include "command/command.h"

static const struct command *const verbs[] = {
    &data_verb_synth, &data_verb_dedup,  &data_verb_decontaminate,
    &data_verb_rate,  &data_verb_filter, &data_verb_review,
    &data_verb_shard, &data_verb_stats,  NULL};

static int run(struct settings *settings)
{
    return command_misused(settings->command, "usage: primer data VERB ...");
}

const struct command command_data = {
    .name = "data",
    .group = "Prepare",
    .arguments = "VERB",
    .summary = "make, judge and clean texts to train on, and make them tokens",
    .teaching = "A run that was stopped goes on with the same command.\n"
                "Several processes share the work of a verb, and write what one would: mpirun -n 4 "
                "primer data dedup ...\n",
    .bit = COMMAND_DATA,
    .run = run,
    .verbs = verbs,
};
