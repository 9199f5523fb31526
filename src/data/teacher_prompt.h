/* teacher_prompt.h - a question to a teacher, said from a curriculum's block "prompt".
 *
 *   prompt word_problem : problem       form: textbook, exercise or problem
 *     draw   topic topics               as in every lesson (docs/curricula.md)
 *     system You write ...              what the teacher is told before everything; may be missing
 *     user   Write ...                  the question
 *     topic  {topic}                    what the lesson is filed under; without it the block's name
 *     name   {function}                 the function that the answer must define
 *     words  {first}, {second}          what the answer must hold
 *     least  120                        words that it must have at least
 */
#ifndef DATA_TEACHER_PROMPT_H
#define DATA_TEACHER_PROMPT_H

#include "data/synth.h"

enum teacher_form { TEACHER_TEXTBOOK, TEACHER_EXERCISE, TEACHER_PROBLEM, TEACHER_FORMS };

struct teacher_prompt {
    struct synth synth;
    const char *only; /* borrowed */
    const struct curriculum_block *block;
    enum teacher_form form;
    struct buffer system, user, topic, name, words; /* empty: the block has none */
    size_t least;
};

/* `only`: prompts of this form or name; NULL: all. */
primer_status teacher_prompt_create(struct teacher_prompt *prompt,
                                    const struct curriculum *curriculum, const char *only,
                                    primer_error *error);
void teacher_prompt_free(struct teacher_prompt *prompt);
/* Makes the question of this seed; *made is false where what was drawn can't be said. */
primer_status teacher_prompt_make(struct teacher_prompt *prompt, uint64_t seed, bool *made,
                                  primer_error *error);
const char *teacher_prompt_form_name(enum teacher_form form); /* "exercise"; static */

#endif
