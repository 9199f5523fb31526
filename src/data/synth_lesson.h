/* synth_lesson.h - one lesson: what is said in its turns, and what the check is asked.
 *
 *   block of the curriculum (frame, talk, problem)
 *     -> draws, a function where it needs one
 *     -> turns: system, user, assistant, user2, assistant2, ...   or prompt, completion   or text
 *     -> request: a line of JSON for check.py
 *   and with the check's answer -> the lesson's line
 */
#ifndef DATA_SYNTH_LESSON_H
#define DATA_SYNTH_LESSON_H

#include "data/synth.h"

enum { SYNTH_TURNS = 12 };

struct synth_turn {
    const char *role; /* user, assistant, system, prompt, completion, text */
    struct buffer text;
};

struct synth_lesson {
    struct synth synth;
    const char *only; /* borrowed */
    uint64_t seed;
    struct synth_turn turns[SYNTH_TURNS];
    size_t turn_count;
    struct buffer request;
    uint64_t wording, numbers; /* of a problem: how it is said, and which numbers are in it */
};

/* `only`: lessons of this kind or name alone; NULL: all. */
primer_status synth_lesson_create(struct synth_lesson *lesson, const struct curriculum *curriculum,
                                  const char *only, primer_error *error);
void synth_lesson_free(struct synth_lesson *lesson);

/* Makes the lesson of this seed; *made is false where what was drawn can't be said. */
primer_status synth_lesson_make(struct synth_lesson *lesson, uint64_t seed, bool *made,
                                primer_error *error);
/* A lesson without turns about this idea: its request asks about all variants of the function. */
primer_status synth_lesson_survey(struct synth_lesson *lesson, const struct curriculum_block *idea,
                                  uint64_t seed, bool *made, primer_error *error);
/* What a lesson is filed under: "keep_fold list above sum", "factorial", "buying". */
primer_status synth_lesson_topic(const struct synth_lesson *lesson, struct buffer *out,
                                 primer_error *error);
/* A turn with the values of its holes [count]. */
primer_status synth_lesson_fill(const struct buffer *turn, const char *const *values, size_t count,
                                struct buffer *out, primer_error *error);

/* synth_noise.c: what people do to a text that they type: lower case, no full stop, slips of the
 * fingers. Code, quoted texts and what stands in holes stay as they are. */
primer_status synth_noise_apply(struct synth *synth, struct buffer *text, primer_error *error);

#endif
