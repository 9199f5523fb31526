/* synth_helper.h - what the tests of the lesson generator share: curricula written to a folder and
 * read, texts said with many seeds, the words of a lesson's request.
 */
#ifndef TESTS_DATA_SYNTH_HELPER_H
#define TESTS_DATA_SYNTH_HELPER_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "data/curriculum.h"
#include "data/synth.h"
#include "data/synth_lesson.h"

/* A folder of one's own, and whatever lies in it when it goes. */
int synth_helper_setup(void **state);
int synth_helper_teardown(void **state);
/* FOLDER/NAME; "": the folder. Static; the last eight stay. */
const char *synth_helper_path(const char *name);
void synth_helper_write(const char *name, const void *bytes, size_t length);
/* Files of the folder whose name ends so. */
size_t synth_helper_files(const char *ending);

/* The curriculum of one file, a.txt, which is all that is in the folder. The test fails where it is
 * refused, or gives the message where that is what is expected. */
struct curriculum *synth_helper_read(const char *text);
void synth_helper_refuse(const char *text, const char *message);

/* A generator over a curriculum, with nothing drawn; begins anew from a seed. */
struct synth_helper {
    struct curriculum *curriculum;
    struct synth synth;
    primer_error error;
};
void synth_helper_open(struct synth_helper *helper, const char *text);
void synth_helper_close(struct synth_helper *helper);
void synth_helper_seed(struct synth_helper *helper, uint64_t seed);
/* What a text becomes with the state as it is: static, the last four stay; "(missing)" where it
 * can't be said, "(failed)" where it is wrong. Holes are written {=0}. */
const char *synth_helper_said(struct synth_helper *helper, const char *text);
/* Says a text with seeds 0 to count - 1: each result must be one of the list, NULL-ended, and each
 * of these must have come; counts[i]: how often, where it isn't NULL. */
void synth_helper_all(struct synth_helper *helper, const char *text, size_t count,
                      const char *const *expected, size_t *counts);

/* Lessons of a curriculum. */
struct synth_helper_lessons {
    struct curriculum *curriculum;
    struct synth_lesson lesson;
    primer_error error;
};
void synth_helper_lessons_open(struct synth_helper_lessons *lessons, const char *text,
                               const char *only);
void synth_helper_lessons_close(struct synth_helper_lessons *lessons);
/* Makes the lesson of a seed; false: it couldn't be said. The test fails on an error. */
bool synth_helper_lesson(struct synth_helper_lessons *lessons, uint64_t seed);
/* The n-th turn's text of that role, holes as {=N}; NULL: there is none. Static, the last four stay. */
const char *synth_helper_turn(const struct synth_helper_lessons *lessons, const char *role,
                              size_t n);

#endif
