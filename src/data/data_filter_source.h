/* data_filter_source.h - samples to be rated and filtered, read one after the other: documents of
 * texts and JSON lines (data_read.h), Python files, and the Python files of whole folders.
 *
 *   inputs    a.jsonl  b.txt  c.py  folder/      a folder: its .py files, at any depth, in the
 *                                                order of their paths' bytes
 *   document  | line | line | line | ... |       a file, a record of a text, a line of JSON
 *   sample    | from, lines |  from, lines |     the document, or pieces of at most so many lines
 */
#ifndef DATA_DATA_FILTER_SOURCE_H
#define DATA_DATA_FILTER_SOURCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/buffer.h"
#include "base/error.h"
#include "data/data_read.h"

#define DATA_FILTER_FILE_MOST ((size_t)64 << 20) /* bytes of a Python file */

/* Zero-initialise; used again for one sample after the other. */
struct data_filter_sample {
    struct buffer text;
    struct buffer record; /* of a whole document that was a line of JSON: the line; else empty */
    const char *path;     /* borrowed from the source */
    uint64_t line;        /* where the document begins in the file, from 1 */
    uint64_t from, lines; /* of the document, from 1; lines 0: all of it */
    primer_status status; /* why it can't be read; the text is empty then */
    primer_error error;
};
void data_filter_sample_free(struct data_filter_sample *sample);
/* XXH64 of the text. */
uint64_t data_filter_sample_id(const struct data_filter_sample *sample);

struct data_filter_source {
    char **paths; /* [count] files */
    size_t count, capacity, at;
    uint64_t *sizes;      /* [count] of the files, before any was read */
    uint64_t bytes, done; /* of all files; of those that are read, and of this one so far */
    uint64_t before;      /* of the files before this one */
    const char *field, *separator;
    size_t lines; /* of a piece; 0: whole documents */
    struct data_reader reader;
    bool open;                          /* a text or lines of JSON is being read */
    struct data_filter_sample document; /* pieces of it are handed out */
    size_t next;                        /* byte of it where the next piece begins */
    uint64_t next_line;                 /* from 1 */
    bool pending;                       /* there is one more piece */
};

/* `field` NULL: "text"; `separator` NULL: DATA_SEPARATOR. Errors: PRIMER_EIO where an input isn't
 * there, PRIMER_EINVAL for a name whose ending says nothing or a folder without Python files. */
primer_status data_filter_source_open(struct data_filter_source *source, const char *const *inputs,
                                      size_t count, const char *field, const char *separator,
                                      size_t lines, primer_error *error);
void data_filter_source_close(struct data_filter_source *source);
/* The next sample; one whose document can't be read has its status. Samples of blanks alone are
 * handed out too. *more is false behind the last. */
primer_status data_filter_source_next(struct data_filter_source *source,
                                      struct data_filter_sample *sample, bool *more,
                                      primer_error *error);

/* Bytes of the piece that a text begins with: at most `lines` lines, *taken of them. A longer text
 * is cut, in the later half of what fits, where something new begins at the left margin behind an
 * empty line; else behind an empty line; else where it is full. */
size_t data_filter_source_piece(const char *text, size_t length, size_t lines, uint64_t *taken);
/* Bytes where line `line` (from 1) of a text begins; its length where there is none. */
size_t data_filter_source_line(const char *text, size_t length, uint64_t line);

#endif
