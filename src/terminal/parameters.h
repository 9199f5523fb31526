/* parameters.h - how answers are made: one table of names, shared by the command line and by /set.
 *
 *   row   name, kind, place in struct parameters, range, meaning
 *
 * A parameter is set from text and shown as text; what is shown sets the same value again.
 */
#ifndef TERMINAL_PARAMETERS_H
#define TERMINAL_PARAMETERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/buffer.h"
#include "primer.h"

/* What is shown of what a model thinks before it answers. */
enum parameters_think {
    PARAMETERS_THINK_AUTO, /* on a screen, but not in a pipe or file */
    PARAMETERS_THINK_SHOW,
    PARAMETERS_THINK_HIDE
};

struct parameters {
    primer_sampling sampling; /* its bias and order are the fields below */
    primer_session_options session;
    int64_t penalty_last; /* tokens that count as seen; 0: none, -1: the whole context */
    int64_t max_tokens;   /* of an answer; -1: until the model ends or the context is full */
    bool seeded;          /* a seed was given; otherwise each run draws one */
    bool kv_given, temperature_given;
    bool ignore_end;
    bool speculation; /* guess tokens ahead where that pays */
    enum parameters_think think;
    char *order;             /* NULL: primer's own */
    primer_logit_bias *bias; /* [bias_count] */
    size_t bias_count;
    char **stops; /* [stop_count], besides the format's own */
    size_t stop_count;
};

enum parameter_kind {
    PARAMETER_FLOAT,
    PARAMETER_DOUBLE, /* 0 is legal below the range too: the file's value */
    PARAMETER_SIZE,
    PARAMETER_SIGNED,
    PARAMETER_SEED,
    PARAMETER_SWITCH,
    PARAMETER_KV,
    PARAMETER_EXTEND,
    PARAMETER_THINK,
    PARAMETER_ORDER,
    PARAMETER_BIAS,
    PARAMETER_STOP,
    PARAMETER_KINDS
};

struct parameter {
    const char *name, *value, *meaning; /* value: how it is written in help, e.g. "N" */
    enum parameter_kind kind;
    size_t offset;      /* in struct parameters */
    double least, most; /* numbers only */
    bool session;       /* belongs to the session: a change makes a new one */
};

void parameters_default(struct parameters *parameters);
void parameters_free(struct parameters *parameters);

const struct parameter *parameters_table(size_t *count);
/* Takes what the command line calls them too ("temp", "--top-k"). */
const struct parameter *parameters_named(const char *name); /* NULL: no such name */

/* `label` is how the message calls it ("--temp"). Lists (stop, logit_bias) grow; an empty text
 * clears them. Errors: PRIMER_EINVAL says what was found and what is expected; nothing is changed
 * then. */
primer_status parameters_set(struct parameters *parameters, const struct parameter *parameter,
                             const char *label, const char *text, primer_error *error);
/* How many values there are to show: 1, or a list's length, or 0 where nothing was set. */
size_t parameters_count(const struct parameters *parameters, const struct parameter *parameter);
primer_status parameters_show(const struct parameters *parameters,
                              const struct parameter *parameter, size_t index, struct buffer *out,
                              primer_error *error);

/* What the engine is to be given; borrows from `parameters`. */
primer_sampling parameters_sampling(const struct parameters *parameters);
/* Draws a seed where none was given. */
void parameters_draw_seed(struct parameters *parameters);

#endif
