/* data_review_draw.h - a random sample of the lessons in a file, in memory that grows with the
 * sample and by 24 bytes a lesson.
 */
#ifndef DATA_DATA_REVIEW_DRAW_H
#define DATA_DATA_REVIEW_DRAW_H

#include "data/data_review.h"

struct data_review_sample {
    struct data_review_lesson *lessons; /* [count], in the order in which they are asked for */
    size_t count;
};

/* Fills a zeroed sample, and of the summary: lessons, same, drawn, bad. */
primer_status data_review_draw(struct data_review_sample *sample, const char *path,
                               const struct data_review_options *options,
                               struct data_review_summary *summary, primer_error *error);
void data_review_sample_free(struct data_review_sample *sample);

#endif
