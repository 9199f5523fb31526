/* fuzz_curriculum.c - any bytes as a file of a curriculum: they are refused with a message, or lessons
 * are made of it, again the same from the same seed, in bounded time and depth.
 */
#include <string.h>

#include "base/buffer.h"
#include "base/memory.h"
#include "data/curriculum.h"
#include "data/synth_lesson.h"
#include "fuzz_driver.h"

enum { SEEDS = 6 };

/* Lessons that say a lot are kept by their threads. */
const size_t fuzz_growth = (size_t)256 << 20;

static void note_turns(const struct synth_lesson *lesson, struct buffer *out)
{
    for (size_t i = 0; i < lesson->turn_count; i++) {
        const struct buffer *const text = &lesson->turns[i].text;
        buffer_format(out, NULL, "%s %zu:", lesson->turns[i].role, text->length);
        buffer_append(out, text->bytes, text->length, NULL);
    }
    buffer_append(out, lesson->request.bytes, lesson->request.length, NULL);
}

static void make(struct synth_lesson *lesson, uint64_t seed)
{
    struct buffer first = {0}, second = {0};
    primer_error error = {0}, again_error = {0};
    bool made = false, again = false;
    const primer_status status = synth_lesson_make(lesson, seed, &made, &error);
    fuzz_status(status, &error);
    if (status == PRIMER_OK && made)
        note_turns(lesson, &first);
    fuzz_check(synth_lesson_make(lesson, seed, &again, &again_error) == status && again == made,
               "a seed comes to the same end");
    if (status == PRIMER_OK && made)
        note_turns(lesson, &second);
    fuzz_check(first.length == second.length &&
                   (first.length == 0 || memcmp(first.bytes, second.bytes, first.length) == 0),
               "a seed makes the same lesson");
    buffer_free(&first);
    buffer_free(&second);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    primer_error error = {0};
    struct curriculum *curriculum = NULL;
    struct synth_lesson lesson = {0};
    const primer_status status = curriculum_parse(data, size, "input", &curriculum, &error);
    fuzz_status(status, &error);
    fuzz_check((status == PRIMER_OK) == (curriculum != NULL),
               "a curriculum comes out on success alone");
    if (curriculum == NULL)
        return 0;
    const primer_status created = synth_lesson_create(&lesson, curriculum, NULL, &error);
    fuzz_status(created, &error);
    for (uint64_t seed = 0; created == PRIMER_OK && seed < SEEDS; seed++)
        make(&lesson, seed);
    synth_lesson_free(&lesson);
    curriculum_free(curriculum);
    return 0;
}
