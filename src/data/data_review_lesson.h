/* data_review_lesson.h - a line of JSON as a lesson whose last answer can be judged. */
#ifndef DATA_DATA_REVIEW_LESSON_H
#define DATA_DATA_REVIEW_LESSON_H

#include "data/data_review.h"

#define DATA_REVIEW_LESSON_MOST ((size_t)1 << 20) /* bytes of its line */

/* Fills a zeroed lesson from "messages", or "prompt" and "completion", or "text". PRIMER_EFORMAT
 * names the field; PRIMER_ELIMIT for a line that is too long. */
primer_status data_review_lesson_read(struct data_review_lesson *lesson, const char *line,
                                      size_t length, uint64_t number, primer_error *error);
void data_review_lesson_free(struct data_review_lesson *lesson);

#endif
