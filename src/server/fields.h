/* fields.h - typed access to a request's members.
 *
 * null counts as absent; an absent member leaves the value as it was. A wrong type or a number out
 * of its range is 400 and names the member, what was expected and what was found. Every name that
 * was asked for is known from then on; fields_warn names the others.
 */
#ifndef SERVER_FIELDS_H
#define SERVER_FIELDS_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include "server/problem.h"

struct fields {
    json_t *object;          /* borrowed */
    const char *where;       /* "options" in "options.top_k"; "" at the top; borrowed */
    json_t *known;           /* a set of names */
    struct problem *problem; /* filled with an error; may be NULL */
};

primer_status fields_open(struct fields *fields, json_t *object, const char *where,
                          struct problem *problem, primer_error *error);
void fields_close(struct fields *fields);

/* The member, or NULL where it is absent or null. */
json_t *fields_any(struct fields *fields, const char *name);
primer_status fields_text(struct fields *fields, const char *name, const char **value,
                          primer_error *error);
primer_status fields_bool(struct fields *fields, const char *name, bool *value,
                          primer_error *error);
primer_status fields_real(struct fields *fields, const char *name, double least, double most,
                          double *value, primer_error *error);
/* Takes 5.0 too. */
primer_status fields_integer(struct fields *fields, const char *name, int64_t least, int64_t most,
                             int64_t *value, primer_error *error);
primer_status fields_size(struct fields *fields, const char *name, size_t least, size_t most,
                          size_t *value, primer_error *error);
primer_status fields_object(struct fields *fields, const char *name, json_t **value,
                            primer_error *error);
primer_status fields_array(struct fields *fields, const char *name, json_t **value,
                           primer_error *error);
/* A text, or an array of at most `most` texts; *texts [*count] is the caller's (memory_free), the
 * texts themselves are borrowed from the request. */
primer_status fields_texts(struct fields *fields, const char *name, size_t most,
                           const char ***texts, size_t *count, primer_error *error);
/* Known, and rightly without effect on the answer. */
void fields_ignore(struct fields *fields, const char *name);
/* Refuses the member by name where it is there and not false, 0, "", {} or []. */
primer_status fields_refuse(struct fields *fields, const char *name, const char *why,
                            primer_error *error);
/* 400 about the member `name`: "options.top_k: " and the sentence. */
primer_status fields_wrong(struct fields *fields, const char *name, primer_error *error,
                           const char *format, ...) __attribute__((format(printf, 4, 5)));
/* Appends a sentence to `warnings`, an array, for every member that nobody asked for. */
primer_status fields_warn(const struct fields *fields, json_t *warnings, primer_error *error);
/* "a text", "a number", ...: how messages call a value's type. */
const char *fields_type_name(const json_t *value);

#endif
