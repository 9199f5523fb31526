/* data_rate_file.h - ratings, a line of JSON each.
 *
 *   {"id": 16 hexadecimal digits, XXH64 of the text, "path", "line": where the document begins,
 *    "from", "lines": the piece of it (all of it without them), "rating": 0 to 5,
 *    "expected": a model's mean (or none), "by", "text" (or none)}
 *
 * Without a text the piece is looked for in the file at `path`, and is the rated one if its hash is
 * the id.
 */
#ifndef DATA_DATA_RATE_FILE_H
#define DATA_DATA_RATE_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/buffer.h"
#include "base/error.h"

#define DATA_RATE_MOST 5 /* ratings go from 0 to this */

struct data_rate_row {
    uint64_t id, line, from, lines;
    double rating;
    char *path, *text; /* NULL: there is none */
    size_t length;     /* of the text */
};

struct data_rate_file {
    struct data_rate_row *rows; /* [count] */
    size_t count, capacity;
    uint64_t whole; /* bytes of the file's lines that have an end */
    uint64_t bytes; /* of the file: what is beyond `whole` is half a line */
    uint64_t bad;   /* left out by skip_bad */
    char first_bad[512];
};

/* A file that isn't there has no rows, if `may_miss`. Errors name file, line, field, found and
 * expected; half a line at the end is passed over. */
primer_status data_rate_file_read(struct data_rate_file *file, const char *path, bool may_miss,
                                  bool skip_bad, primer_error *error);
void data_rate_file_free(struct data_rate_file *file);
/* The row with this id; NULL: none. */
const struct data_rate_row *data_rate_file_find(const struct data_rate_file *file, uint64_t id);
/* Gives rows without a text theirs, from the files at their paths, as far as it is there as it was:
 * `field` and `separator` as in data_filter_source.h. *missing: those that still have none. */
primer_status data_rate_file_find_texts(struct data_rate_file *file, const char *field,
                                        const char *separator, size_t *missing,
                                        primer_error *error);

#endif
