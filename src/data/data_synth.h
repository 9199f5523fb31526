/* data_synth.h - lessons to train on, made from a curriculum by the built-in teacher.
 *
 *   rounds of lessons:  make (threads) -> check (sandbox: every program runs) -> keep -> OUT.part
 *
 * Lesson number i depends on the curriculum, the seed and i alone. A run that was stopped goes on
 * where its last whole round ended: OUT.state says how far OUT.part is; OUT appears when it is
 * complete. Unfinished work of other settings, or of another process, is refused. Processes that a
 * launcher started together (mpirun) share the lessons among them, and give the same file.
 * docs/curricula.md says what a curriculum is.
 */
#ifndef DATA_DATA_SYNTH_H
#define DATA_DATA_SYNTH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/buffer.h"
#include "base/error.h"

/* Which lessons are kept. What is held out never appears in "train": functions whose syntax trees,
 * or pairs of parts, are chosen by hash; problems by their wording and by their numbers; talks by
 * their wording where `mix lessons` says `hold talk`. */
enum data_synth_split {
    DATA_SYNTH_TRAIN, /* nothing that is held out */
    DATA_SYNTH_TEST, /* functions with held-out trees; problems with held-out wording and numbers */
    DATA_SYNTH_PAIRS, /* functions with held-out pairs of parts */
    DATA_SYNTH_ALL
};

struct data_synth_options {
    uint64_t count; /* lessons to keep */
    uint64_t seed;
    enum data_synth_split split;
    const char *only; /* lessons of this kind or name; NULL: all */
    bool tests;       /* calls and answers are written beside the lessons */
    size_t threads;   /* 0: as many as are worth using */
    double least_distinct, most_similar, most_wrong; /* floors; 0: the defaults below */
    bool (*progress)(void *context, uint64_t done, uint64_t all);
    void *context;
};

#define DATA_SYNTH_LEAST_DISTINCT 0.02 /* different word trigrams, of all that are written */
#define DATA_SYNTH_MOST_SIMILAR   0.35 /* words that two lessons share, on average (Jaccard) */
#define DATA_SYNTH_MOST_WRONG     0.02 /* lessons that fail their check */

enum { DATA_SYNTH_PROBLEMS = 12, DATA_SYNTH_PROBLEM = 256 };

struct data_synth_summary {
    size_t rank; /* of the process, where several work together (mpirun): the first one tells */
    size_t processes;
    uint64_t made, kept, wrong, duplicates, held_out, unsaid, resumed;
    uint64_t joined;   /* became a line together with the one before */
    uint64_t spare;    /* beyond the count, in the last round */
    uint64_t programs; /* that were run */
    double distinct, similar;
    size_t topics, topics_used; /* blocks that lessons can be about */
    struct {
        char text[DATA_SYNTH_PROBLEM]; /* "factorial: variants give 2 and 3 on [1]" */
        uint64_t count;
    } problems[DATA_SYNTH_PROBLEMS];
};

/* Of one process the summary is written on PRIMER_ECANCELED too: what is in OUT.part. */
primer_status data_synth_make(const char *const *folders, size_t folder_count, const char *path,
                              const struct data_synth_options *options,
                              struct data_synth_summary *summary, primer_error *error);

#endif
