/* data_teacher.h - lessons to train on, written by a language model and tried before they are kept.
 *
 *   prompts of a curriculum ── ask, `parallel` at once ──> answers ── sandbox ──> OUT.part       kept
 *   (blocks "prompt")          a model's file, or                                OUT.refused    why not
 *                              an endpoint of OpenAI's kind                      OUT.state      whose
 *
 * Question number i depends on the curriculum, the seed and i alone. Every answer is in one of the
 * files as soon as it was judged, so that none is asked for twice: the same command goes on where a
 * run stopped, whatever stopped it. OUT appears when it is complete. docs/teachers.md has the rest.
 */
#ifndef DATA_DATA_TEACHER_H
#define DATA_DATA_TEACHER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/error.h"

/* 0 or NULL: the default. */
struct data_teacher_options {
    const char *teacher;  /* a model's file, or an endpoint: "https://host/v1" */
    const char *model;    /* the endpoint's name for its model */
    const char *key_file; /* the endpoint's key is the first line of it */
    uint64_t count;       /* lessons to keep */
    uint64_t seed;
    const char *only;    /* prompts of this form or name */
    size_t parallel;     /* questions at once; 4, a file: 1 */
    size_t max_tokens;   /* of an answer; 1024 */
    double temperature;  /* below 0: 0.8 */
    size_t tries;        /* of one question, before it counts as unanswered; 6 */
    double seconds;      /* without a byte of an answer, before it counts as lost; 300 */
    size_t most_refused; /* answers in a row that are no use: the run stops; 100 */
    size_t threads;      /* of a file's model, and of the sandbox */
    double least_distinct, most_similar; /* floors, as data_synth.h has them */
    bool (*progress)(void *context, uint64_t done, uint64_t all);
    void *context;
};

enum { DATA_TEACHER_REASONS = 24, DATA_TEACHER_REASON = 64 };

struct data_teacher_summary {
    uint64_t asked; /* questions with an answer */
    uint64_t kept, refused;
    uint64_t resumed;    /* answers of former runs, which count above too */
    uint64_t unanswered; /* questions that got none, after all tries */
    uint64_t unsaid;     /* prompts that couldn't be said */
    double distinct, similar;
    size_t prompts, prompts_used;
    struct {
        char text[DATA_TEACHER_REASON]; /* "an example fails" */
        uint64_t count;
    } reasons[DATA_TEACHER_REASONS]; /* of refusals and missing answers, in the order they came */
};

/* The summary is written on errors too. PRIMER_ELIMIT: too many failures in a row; PRIMER_EINVAL:
 * the endpoint wants something else (a key, another name): every question would fail. */
primer_status data_teacher_make(const char *const *folders, size_t folder_count, const char *path,
                                const struct data_teacher_options *options,
                                struct data_teacher_summary *summary, primer_error *error);

#endif
