/* synth_measure.h - how different the lessons are: exact repetitions, distinct word trigrams, likeness.
 *
 * Trigrams and likeness are of what asks: user turns, prompts, texts. Likeness is the share of words
 * that two lessons have in common (Jaccard), on average over pairs taken as they come.
 */
#ifndef DATA_SYNTH_MEASURE_H
#define DATA_SYNTH_MEASURE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/error.h"

struct synth_set { /* of hashes; 0 stands for nothing */
    uint64_t *slots;
    size_t capacity, count; /* capacity: a power of two */
};
/* *fresh: it wasn't in the set. */
primer_status synth_set_add(struct synth_set *set, uint64_t hash, bool *fresh, primer_error *error);
bool synth_set_has(const struct synth_set *set, uint64_t hash);
void synth_set_free(struct synth_set *set);

enum { SYNTH_MEASURE_WORDS = 256 };

struct synth_measure {
    struct synth_set trigrams;
    uint64_t trigram_count; /* in all */
    uint64_t before[SYNTH_MEASURE_WORDS];
    size_t before_count; /* words of the lesson before, each once */
    double likeness;     /* sum over pairs */
    uint64_t pairs;
};
primer_status synth_measure_add(struct synth_measure *measure, const char *text, size_t length,
                                primer_error *error);
double synth_measure_distinct(const struct synth_measure *measure);
double synth_measure_similar(const struct synth_measure *measure);
void synth_measure_free(struct synth_measure *measure);

#endif
