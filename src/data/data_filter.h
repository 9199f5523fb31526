/* data_filter.h - texts kept or left out by what rated ones teach: section 2.1 of "Textbooks Are
 * All You Need" (Gunasekar et al., 2023).
 *
 *   ratings, their texts -> embeddings (and counts) -> forest or regression, and how good it is
 *   inputs -> samples -> embeddings (and counts) -> a score -> kept | rejected
 */
#ifndef DATA_DATA_FILTER_H
#define DATA_DATA_FILTER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/buffer.h"
#include "base/error.h"

#define DATA_FILTER_THRESHOLD 3
#define DATA_FILTER_FOLDS     5
#define DATA_FILTER_ROWS      6 /* forest and regression, on embedding, counts, both */
#define DATA_FILTER_CURVE     4 /* quarters of the training ratings */
#define DATA_FILTER_BINS      20
#define DATA_FILTER_SHOWN     10

enum data_filter_phase { DATA_FILTER_EMBEDDING, DATA_FILTER_LEARNING, DATA_FILTER_SCORING };

/* Zero means the default. */
struct data_filter_options {
    const char *ratings, *load;  /* one of them */
    const char *model;           /* required: what embeds */
    const char *output;          /* required: what is kept, lines of JSON */
    const char *rejected, *save; /* or NULL */
    const char *report;          /* or NULL: what it did, for a reader, in Markdown */
    double threshold;            /* ratings from here on are worth keeping; below 0: 3 */
    bool linear;                 /* the regression keeps, else the forest */
    bool
        features; /* counts too; embedding, counts or both, whichever ranks best by folds, decide */
    size_t trees, folds;
    size_t hold_out; /* every so manieth rating is judged and never learned from; 0: none */
    size_t tokens;   /* of a text, from its beginning, that are embedded; 0: DATA_EMBED_TOKENS */
    size_t lines;    /* of a piece; 0: whole documents */
    uint64_t seed;
    const char *field, *separator; /* as in data_filter_source.h */
    bool skip_bad;
    size_t threads; /* 0: as many as are worth using */
    /* NULL, or told how far the work is: ratings, fits, bytes; false: PRIMER_ECANCELED. */
    bool (*progress)(void *context, enum data_filter_phase phase, uint64_t done, uint64_t all);
    void (*tell)(void *context, const char *line); /* as in data.h */
    void *context;
};

struct data_filter_figures {
    size_t samples, labelled, kept, hits; /* hits: labelled and kept */
    double precision, recall, f1;         /* 0 where nothing was kept or labelled */
    double low, high;                     /* 95 % of f1, by 2,000 bootstrap samples */
    double order; /* how often a labelled one scores above another: the area under the ROC */
};

struct data_filter_row {
    const char *method, *columns;
    bool chosen;
    struct data_filter_figures cross, held;
};

struct data_filter_example {
    char *path, *text;
    size_t length;
    uint64_t line, order; /* order: of the examples, a hash */
    double score;
};

struct data_filter_summary {
    size_t rank; /* of the process, where several work together (mpirun): the first one tells */
    uint64_t identity; /* of the embedding model */
    size_t dimensions, tokens, lines;
    double threshold, cut;
    bool forest, features;

    size_t ratings, missing, labelled; /* missing: their texts weren't found */
    size_t training, held;
    struct data_filter_row rows[DATA_FILTER_ROWS];
    size_t row_count; /* 0: the filter was loaded */
    struct data_filter_figures curve[DATA_FILTER_CURVE];

    uint64_t samples, kept, rejected, kept_bytes, rejected_bytes; /* bytes: of texts */
    uint64_t files, input_bytes, empty, bad;
    char first_bad[512];
    uint64_t histogram[DATA_FILTER_BINS];                      /* of the scores, from 0 to `most` */
    double most;                                               /* 1 or 5 */
    struct data_filter_example examples[2][DATA_FILTER_SHOWN]; /* rejected, kept */
    size_t example_count[2];
    double seconds[3]; /* of the phases */
};
void data_filter_summary_free(struct data_filter_summary *summary);

/* Outputs appear whole or not at all. Memory depends on the ratings and the largest document.
 * Errors name file and line. */
primer_status data_filter(const char *const *inputs, size_t count,
                          const struct data_filter_options *options,
                          struct data_filter_summary *summary, primer_error *error);

/* The summary for a reader, in Markdown. */
primer_status data_filter_report(const struct data_filter_summary *summary, struct buffer *out,
                                 primer_error *error);
struct file_writer;
/* Writes it, and commits. */
primer_status data_filter_report_write(const struct data_filter_summary *summary,
                                       struct file_writer *writer, primer_error *error);
/* The table of how good the methods are, also for a terminal. */
primer_status data_filter_report_table(const struct data_filter_summary *summary,
                                       struct buffer *out, primer_error *error);

#endif
