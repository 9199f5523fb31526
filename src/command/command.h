/* command.h - the subcommands: one row of a table and one file each (command_run.c holds
 * command_run).
 *
 * A command prints its own errors, by command_failed, and returns the program's exit code.
 */
#ifndef COMMAND_COMMAND_H
#define COMMAND_COMMAND_H

#include "command/settings.h"

enum exit_code {
    EXIT_CODE_OK = 0,
    EXIT_CODE_FAILURE = 1,
    EXIT_CODE_USAGE = 2,
    EXIT_CODE_INTERRUPTED = 130
};

/* The commands as bits, for the table of options. */
enum command_bit {
    COMMAND_RUN = 1,
    COMMAND_TOKENS = 2,
    COMMAND_LOGPROBS = 4,
    COMMAND_INSPECT = 8,
    COMMAND_BENCH = 16,
    COMMAND_PERPLEXITY = 32,
    COMMAND_QUANTIZE = 64,
    COMMAND_HELP = 128,
    COMMAND_VERSION = 256,
    COMMAND_SERVE = 512,
    COMMAND_TRAIN = 1024,
    COMMAND_TOKENIZER = 2048,
    COMMAND_EVAL = 4096,
    COMMAND_GROW = 8192,
    COMMAND_PLOT = 16384,
    COMMAND_MERGE = 32768,
    DATA_SHARD = 1 << 16,
    DATA_STATS = 1 << 17,
    DATA_SYNTH = 1 << 18,
    DATA_REVIEW = 1 << 19,
    DATA_RATE = 1 << 20,
    DATA_FILTER = 1 << 21,
    DATA_DEDUP = 1 << 22,
    DATA_DECONTAMINATE = 1 << 23,
    COMMAND_DATA = 255 << 16, /* its verbs */
    COMMAND_ALL = (1 << 24) - 1
};

struct command {
    const char *name, *group;
    const char *arguments; /* as the usage line shows them */
    const char *summary;   /* one line */
    const char *teaching;  /* what `primer help NAME` says below the options: examples, rules */
    unsigned bit;
    size_t least, most; /* arguments that are no options */
    int (*run)(struct settings *settings);
    /* Those of a command that is nothing without one ("data shard"), NULL past the last; their
     * names hold both words. NULL: it has none. */
    const struct command *const *verbs;
};

extern const struct command command_run, command_serve, command_tokens, command_logprobs,
    command_inspect, command_merge, command_bench, command_eval, command_perplexity, command_quantize, command_train,
    command_grow, command_data, command_tokenizer, command_plot, command_help, command_version;
extern const struct command data_verb_synth, data_verb_dedup, data_verb_decontaminate,
    data_verb_rate, data_verb_filter, data_verb_review, data_verb_shard, data_verb_stats;

/* In the order of help; NULL past the last. */
const struct command *command_at(size_t index);
const struct command *command_named(const char *name);
/* The verb of a command that has some ("shard" of data); NULL: it has none of this name. */
const struct command *command_verb(const struct command *command, const char *word);
/* "shard" of "data shard". */
const char *command_last_word(const struct command *command);

/* Prints "primer: message", quietly nothing where the reader of the output has gone; gives the exit
 * code. */
int command_failed(const primer_error *error);
/* A message about the command line itself, and where to read more. */
int command_misused(const struct command *command, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* The model that the settings name, or the one in the program; says how to get one where there is
 * none. */
primer_status command_open_model(const char *path, const struct settings *settings,
                                 primer_model **model, primer_error *error);

#endif
