/* eval_json.h - JSON as Python writes it, and whether two values are the same result.
 *
 * What jansson can't hold becomes a text behind a mark, in what is read here and in what
 * eval_judge.py writes: integers beyond 64 bits "\x01int:123...", NaN and infinities
 * "\x01float:nan". */
#ifndef EVAL_EVAL_JSON_H
#define EVAL_EVAL_JSON_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include "base/buffer.h"
#include "base/error.h"

/* PRIMER_EFORMAT says what is wrong and where in the line. */
primer_status eval_json_read(const char *text, size_t length, json_t **value, primer_error *error);

/* Appends the value, without blanks. */
primer_status eval_json_append(const json_t *value, struct buffer *out, primer_error *error);

/* Numbers of which one has a fraction or exponent: within 1e-6 of each other, relative where that
 * is more. true is not 1. */
bool eval_json_same(const json_t *expected, const json_t *found);

#endif
