/* settings.h - what a command line said: one struct for all commands, filled by options.c.
 *
 * Texts are borrowed from the command line.
 */
#ifndef COMMAND_SETTINGS_H
#define COMMAND_SETTINGS_H

#include <stdbool.h>
#include <stddef.h>
#include "primer.h"
#include "terminal/parameters.h"

#define SETTINGS_ARGUMENTS 64
#define SETTINGS_LIST      64

struct command;

/* An option that may be given several times. */
struct settings_list {
    const char *items[SETTINGS_LIST];
    size_t count;
};

/* primer grow; a size is 0 where nothing was said */
struct grow_settings {
    size_t layers, embedding, heads, kv_heads, head_dimensions, rotary, feed_forward, seed;
    const char *method, *noise, *type;
};

/* primer eval; a number is 0 where nothing was said */
struct eval_settings {
    const char *model, *temperature, *report, *answers;
    size_t limit, from, to, seconds;
};

/* primer data; a number is 0 where nothing was said */
struct data_settings {
    size_t count, seed, most_wrong; /* synth; most_wrong: percent */
    const char *split, *only;
    bool tests;
    const char *report, *similarity, *distance, *model; /* dedup, decontaminate */
    size_t words;
    bool exact, words_only;
    struct settings_list against, against_fields;
};

/* primer data rate and data filter; a size is 0 where nothing was said */
struct filter_settings {
    size_t count, seed, lines, trees, folds, tokens, hold_out;
    const char *rubric, *by, *model, *ratings, *rejected, *report, *threshold, *method, *save,
        *load;
    bool no_text, features;
};

/* primer data review; a number is 0 where nothing was said */
struct review_settings {
    size_t count, seed;
    const char *by, *rubric;
    bool by_kind, report;
};

/* primer data synth with a teacher; a number is 0 where nothing was said */
struct teacher_settings {
    const char *name, *model, *temperature;
    size_t max_tokens, tries, seconds, most_refused;
};

struct settings {
    const struct command *command;
    const char *arguments[SETTINGS_ARGUMENTS]; /* what is no option */
    size_t argument_count;
    bool help;

    primer_model_options model;
    struct parameters parameters;
    const char *system, *template_name, *prompt, *file, *color;
    const char *draft;                                  /* a smaller model's file */
    struct settings_list adapters;                      /* FILE[=SCALE] */
    const char *merge_type;                             /* merge, and output */
    const char *json_schema, *grammar, *regex, *choice; /* what the answer may be: one of them */
    bool raw, special, verbose, json;
    bool tensors, knobs, whole, decode; /* inspect; tokens */
    const char *ids;                    /* logprobs */
    size_t top;
    /* bench; a number is 0 where nothing was said */
    size_t prompt_tokens, generated_tokens, depth, clients, runs;
    bool speculate, prefix, no_limits, limits_only;
    size_t chunks;                  /* perplexity */
    const char *completion;         /* help */
    struct settings_list overrides; /* train */
    bool plan, fresh;
    const char *tokenizer, *field, *separator, *output; /* data */
    bool skip_bad;
    size_t samples;
    struct settings_list special_tokens; /* tokenizer; a number is 0 where nothing was said */
    const char *pattern;
    size_t vocabulary, least_count;
    bool split_digits, special_last, characters, fewer;
    const char *plot_x, *plot_y, *title, *names; /* plot, and output */
    bool log_x, log_y, grouped, bars;
    size_t smooth;
    struct grow_settings grow;
    struct data_settings data;
    struct eval_settings eval;
    struct filter_settings filter;
    struct review_settings review;
    /* serve; a number is 0 where nothing was said */
    const char *host, *port, *key_file, *origins, *keep_alive, *access_log;
    struct settings_list aliases;
    bool insecure, log_prompts;
    size_t parallel, max_queue, max_loaded, max_body, grace;
    struct teacher_settings teacher; /* and key_file, parallel */
};

void settings_default(struct settings *settings);
void settings_free(struct settings *settings);

#endif
