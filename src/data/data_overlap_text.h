/* data_overlap_text.h - the text of a record, and the words in it that are compared.
 *
 *   record      {"prompt": "Say  HELLO,", "completion": " world 2\n"}
 *   text        Say  HELLO, world 2\n
 *   folded      say hello, world 2             small letters, one blank for any white space
 *   words       say|hello|world|2              runs of letters, digits, _ and all beyond ASCII
 *   plain       say|hello|world                letters alone: no digits, no _
 */
#ifndef DATA_DATA_OVERLAP_TEXT_H
#define DATA_DATA_OVERLAP_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/buffer.h"
#include "base/error.h"

/* Appends the text of a line of JSON: the field's; where `field` is NULL that of "text", else of
 * "prompt" and "completion" together, else the contents of "messages", a line apart. Errors begin
 * with "PATH:LINE: ". */
primer_status data_overlap_text_of_json(const char *json, size_t length, const char *field,
                                        const char *path, uint64_t line, struct buffer *text,
                                        primer_error *error);
/* `folded` is emptied first. Letters of ASCII, Latin, Greek and Cyrillic have a small form here. */
primer_status data_overlap_text_fold(const char *text, size_t length, struct buffer *folded,
                                     primer_error *error);

enum data_overlap_words { DATA_OVERLAP_ALL, DATA_OVERLAP_PLAIN };
struct data_overlap_word {
    size_t begin, length; /* in the folded text */
};
/* The first word at or behind *at, which is moved behind it; false: there is none. */
bool data_overlap_text_word(const struct buffer *folded, enum data_overlap_words kind, size_t *at,
                            struct data_overlap_word *word);

#endif
