/* data_review.h - is it right? Lessons drawn at random, the last answer of each judged by a person
 * or a model, and how often and how alike the judges find something wrong.
 *
 *   LESSONS.jsonl -> sample (data_review_draw.h) -> judge -> VERDICTS.jsonl (data_review_file.h)
 *   VERDICTS.jsonl ... -> a mark of each judge for each lesson (data_review_table.h) -> report
 *
 * For what no execution can check: explanations, conversations, docstrings that fit their code.
 */
#ifndef DATA_DATA_REVIEW_H
#define DATA_DATA_REVIEW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/buffer.h"
#include "base/error.h"

/* Lines of a lesson's parts; borrowed. */
struct data_review_turn {
    const char *role; /* user, assistant, ...; prompt, completion; text */
    const char *text; /* NUL-terminated UTF-8 */
    size_t length;
};

struct data_review_lesson {
    uint64_t id;        /* XXH64 of the roles and texts: neither place nor other fields count */
    uint64_t index;     /* its "index"; else its line */
    uint64_t line;      /* in the file, from 1 */
    char *kind, *title; /* its "kind", else its "lesson", else ""; how what is asked begins */
    struct data_review_turn *turns; /* [turn_count] */
    size_t turn_count;
    struct buffer bytes; /* what the turns' texts are in */
};

enum data_review_mark {
    DATA_REVIEW_RIGHT, /* the first three count */
    DATA_REVIEW_WRONG,
    DATA_REVIEW_DOUBTFUL,
    DATA_REVIEW_UNDONE,  /* the last one is taken back, and asked again */
    DATA_REVIEW_SKIPPED, /* nothing is written; another run asks again */
    DATA_REVIEW_QUIT
};
enum { DATA_REVIEW_MARKS = 3 };

struct data_review_verdict {
    enum data_review_mark mark;
    const char *note; /* borrowed; NULL: none. Control characters are written as '?' */
    size_t note_length;
    double probability; /* of a model: of its word among "yes" and "no"; below 0: none */
    double mass;        /* of both words together, of all that could come next */
};

struct data_review_judge {
    const char *name; /* the "by" of its verdicts */
    void *context;
    /* `number` from 1, of `count`. */
    primer_status (*judge)(void *context, const struct data_review_lesson *lesson, size_t number,
                           size_t count, struct data_review_verdict *verdict, primer_error *error);
    void (*close)(void *context); /* NULL: nothing to be freed */
    /* It judges alike in every process, without notes: several share the lessons. Else there may be
     * one alone. */
    bool shared;
};
void data_review_judge_free(struct data_review_judge *judge);
/* Whether a judge's verdicts can be found again under this name: it isn't empty, and is UTF-8. */
bool data_review_is_name(const char *name);

/* What a judge is told, where nothing else was said. */
extern const char data_review_rubric[];
/* Whether the model finds "yes" more probable than "no" behind rubric, lesson and question; nothing
 * is sampled. A lesson that its context has no room for is skipped. The name is the file's. */
primer_status data_review_judge_model(struct data_review_judge *judge, const char *path,
                                      const char *rubric, size_t threads, primer_error *error);

/* Zero means the default. */
struct data_review_options {
    size_t count; /* lessons drawn; 0: 200 */
    uint64_t seed;
    bool by_kind;  /* of every kind as large a part as it has of all, and one at least */
    bool skip_bad; /* lines that can't be read are counted; else they are an error */
    bool json;     /* of the report */
    /* NULL, or told of the lessons' bytes read; false stops with PRIMER_ECANCELED. */
    bool (*progress)(void *context, uint64_t done, uint64_t all);
    void *context;
};

struct data_review_summary {
    size_t rank; /* of the process, where several work together (mpirun): the first one tells */
    uint64_t lessons, same; /* of the file; such that were there before, which don't count again */
    uint64_t drawn, before; /* those of them that this judge had judged */
    uint64_t given, skipped, undone, left;
    uint64_t bad; /* left out by skip_bad */
    char first_bad[512];
};

/* Draws lessons with equal probability: the same lessons, count and seed give the same sample in
 * the same order, whatever their order in the file. Appends a line to `output` for each verdict, at
 * once; lessons that this judge has judged aren't asked for again. `report` (appended to): what the
 * verdicts in `output` say of the sample. Errors name file and line: PRIMER_EFORMAT for a line that
 * is no lesson or no verdict, PRIMER_ELIMIT for a lesson or a verdict of more than 1 MiB,
 * PRIMER_EINVAL for a judge whose name is none. */
primer_status data_review(const char *lessons, const char *output,
                          const struct data_review_judge *judge,
                          const struct data_review_options *options,
                          struct data_review_summary *summary, struct buffer *report,
                          primer_error *error);
/* What the verdicts in these files say, of all lessons. */
primer_status data_review_report(const char *const *paths, size_t count, bool json, bool skip_bad,
                                 struct buffer *report, primer_error *error);

#endif
