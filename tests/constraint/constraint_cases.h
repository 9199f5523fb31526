/* constraint_cases.h - tables of what a notation accepts, as files of JSON lines.
 *
 *   {"NOTATION": .., "accept": [..], "reject": [..]}
 *   {"NOTATION": .., "error": "part of the message"}
 *
 * `accept` and `reject` hold answers as JSON values (schema), or as texts (regex); "texts" and
 * "no_texts" hold the answers' very bytes. What is rejected is no answer; it may be the begin of
 * one.
 */
#ifndef TESTS_CONSTRAINT_CONSTRAINT_CASES_H
#define TESTS_CONSTRAINT_CONSTRAINT_CASES_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include "constraint/constraint.h"

typedef primer_status cases_make(const json_t *notation, primer_constraint **constraint,
                                 primer_error *error);

/* Fails the test where a line isn't true; returns how many answers were judged. `values`: answers
 * are JSON values. */
size_t cases_run(const char *path, const char *notation, bool values, cases_make *make);

#endif
