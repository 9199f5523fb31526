/* train_recipe.h - recipes inside: the table of their fields, reading from memory, their identity.
 *
 *   a line      name = value     # a comment, at the line's begin or after a blank
 *   value       bare text, or "quoted" with \" \\ \n \t
 *   data        path [weight]    may come again, as may evaluate; no other field may
 *
 * One table (train_recipe_fields.c) drives reading, help and docs/recipes.md. What the fields ask
 * of each other, and what follows from them, is train_recipe_check.c.
 */
#ifndef TRAIN_TRAIN_RECIPE_H
#define TRAIN_TRAIN_RECIPE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/error.h"
#include "primer_train.h"

/* ---- the table ------------------------------------------------------------------------------- */

enum train_recipe_kind {
    TRAIN_RECIPE_TEXT,   /* char *; NULL: none */
    TRAIN_RECIPE_PATH,   /* char *, made relative to the recipe's folder */
    TRAIN_RECIPE_CHOICE, /* char *, one of `choices` */
    TRAIN_RECIPE_SIZE,   /* size_t */
    TRAIN_RECIPE_COUNT,  /* uint64_t */
    TRAIN_RECIPE_REAL,   /* double */
    TRAIN_RECIPE_FLAG,   /* bool */
    TRAIN_RECIPE_SOURCE  /* primer_recipe_source[], with its count */
};

enum train_recipe_need {
    TRAIN_RECIPE_STANDARD, /* shown.standard is the value where none is given */
    TRAIN_RECIPE_REQUIRED,
    TRAIN_RECIPE_OPEN /* shown.standard says in words what holds then; an empty value is none */
};

struct train_recipe_field {
    primer_recipe_field shown; /* its kind completes "expected (a) ..." and names the bounds */
    enum train_recipe_kind kind;
    enum train_recipe_need need;
    bool identity;        /* it changes the run's bits */
    size_t offset;        /* in primer_recipe */
    size_t count_offset;  /* SOURCE */
    uint64_t least, most; /* SIZE, COUNT */
    double low, high;     /* REAL */
    bool above, below;    /* REAL: low, high themselves are no values */
    const char *choices;  /* CHOICE: by ", " */
};

#define TRAIN_RECIPE_FIELDS_MOST 80

const struct train_recipe_field *train_recipe_field_at(size_t index); /* NULL past the last */
size_t train_recipe_field_of(size_t offset); /* its index; SIZE_MAX: none is there */

/* ---- a recipe being read --------------------------------------------------------------------- */

struct train_recipe_draft {
    primer_recipe *recipe;
    const char *path;
    /* Where each field was given: a line's number; minus an override's number; 0: nowhere. */
    int64_t places[TRAIN_RECIPE_FIELDS_MOST];
};

bool train_recipe_given(const struct train_recipe_draft *draft, size_t offset);
/* "PATH:LINE: FIELD: " and the message. */
primer_status train_recipe_refuse(const struct train_recipe_draft *draft, size_t offset,
                                  primer_error *error, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
/* Fills what follows from other fields, and holds them against each other. */
primer_status train_recipe_check(struct train_recipe_draft *draft, primer_error *error);

/* ---- entries --------------------------------------------------------------------------------- */

/* primer_recipe_read on bytes in memory; `path` names them, and its folder is that of their
 * paths. */
primer_status train_recipe_parse(const char *text, size_t length, const char *path,
                                 const char *const *overrides, size_t override_count,
                                 primer_recipe **recipe, primer_error *error);
/* Hash of everything that changes the run's bits: not when is logged, evaluated, sampled and kept,
 * not the folder and the output, not `recompute` (it computes the same values again); of a constant
 * schedule not the steps, so that it can go on. Of files the last part of their names counts, so
 * that a run can be moved; what is in them is for the caller to compare. */
uint64_t train_recipe_hash(const primer_recipe *recipe);

#endif
