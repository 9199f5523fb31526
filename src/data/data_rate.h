/* data_rate.h - some samples are drawn and rated, by a person, by a model, or as a file says.
 *
 * A rater is a row of functions, so that what asks another one (an endpoint) is one more file.
 */
#ifndef DATA_DATA_RATE_H
#define DATA_DATA_RATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/error.h"

/* What a rater is shown; borrowed. */
struct data_rate_sample {
    const char *path, *text;
    size_t length;
    uint64_t id, line, from, lines;
};

enum data_rate_kind { DATA_RATE_RATED, DATA_RATE_SKIPPED, DATA_RATE_UNDO, DATA_RATE_QUIT };

struct data_rate_verdict {
    enum data_rate_kind kind;
    double rating;   /* 0 to 5 */
    double expected; /* mean over the rater's probabilities; below 0: it has none */
};

struct data_rater {
    const char *name; /* "person", "model NAME", ...: the "by" of its ratings */
    void *context;
    /* `number` from 1, of `count`. PRIMER_ECANCELED stops, and what was rated stays. */
    primer_status (*rate)(void *context, const struct data_rate_sample *sample, size_t number,
                          size_t count, struct data_rate_verdict *verdict, primer_error *error);
    void (*close)(void *context); /* NULL: nothing to be freed */
    /* It answers alike in every process: several share the samples. Else there may be one alone. */
    bool shared;
};
void data_rater_free(struct data_rater *rater);

/* The digit 0 to 5 that the model finds most probable behind rubric and sample; no sampling. */
primer_status data_rater_model(struct data_rater *rater, const char *path, const char *rubric,
                               size_t threads, primer_error *error);
/* What a file of ratings says of the sample's id; skipped where it says nothing. */
primer_status data_rater_file(struct data_rater *rater, const char *path, primer_error *error);

/* Zero means the default. */
struct data_rate_options {
    size_t count; /* samples drawn; 0: 100 */
    uint64_t seed;
    const char *field, *separator; /* as in data_filter_source.h */
    size_t lines;                  /* at most, of a document, a piece drawn at random; 0: all */
    bool no_text;                  /* ratings go without the texts */
    bool skip_bad;
    /* NULL, or told of the inputs' bytes read; false stops with PRIMER_ECANCELED. */
    bool (*progress)(void *context, uint64_t done, uint64_t all);
    void *context;
};

struct data_rate_summary {
    size_t rank; /* of the process, where several work together (mpirun): the first one tells */
    uint64_t documents;     /* of the inputs */
    uint64_t drawn, before; /* samples; those of them that were rated before */
    uint64_t rated, skipped, undone;
    uint64_t empty, bad; /* documents without a text, and such that can't be read */
    char first_bad[512];
    size_t counts[6]; /* of the ratings now in the file, rounded down */
};

/* Draws documents with equal probability, of each one piece, such that the same inputs and seed
 * give the same samples in the same order; and appends a line to `output` for each rating, at once.
 * Those that are there stay, and aren't asked for again. Of several processes each asks its rater
 * about every so manieth sample, and the first one writes; what `rate` is told then is the same. */
primer_status data_rate(const char *const *inputs, size_t count, const char *output,
                        const struct data_rater *rater, const struct data_rate_options *options,
                        struct data_rate_summary *summary, primer_error *error);

#endif
