/* data_tokens.h - one record (data_read.h) to the tokens of a document, with their loss marks.
 *
 *   text         BOS?  text                           end-of-text
 *   asked         -    1 1 1 1 ...                    1
 *   completion   BOS?  prompt     completion          end-of-text
 *   asked         -    0 0 0 ...  1 1 1 ...           1
 *   messages     as the template writes them          end-of-text, unless the template wrote it
 *   asked        1 in what the assistant says         1 where its last answer has no end of its own
 *
 * BOS stands there where the vocabulary's file asks for it. Prompt and completion are tokenized
 * apart, since a prompt is when a model is asked: no token reaches across the border.
 */
#ifndef DATA_DATA_TOKENS_H
#define DATA_DATA_TOKENS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/buffer.h"
#include "base/cursor.h"
#include "base/error.h"
#include "primer_chat.h"

/* What documents are made with; shared by all threads. */
struct data_maker {
    primer_model *model;              /* its vocabulary */
    const primer_chat_format *format; /* NULL: there is none, conversations are refused */
    primer_chat_format *own;          /* the same, where it has to be freed */
    char no_format[512];              /* why there is none */
    const char *field;
    int32_t end; /* the end-of-text token */
};
primer_status data_maker_create(struct data_maker *maker, const char *tokenizer,
                                const char *template_name, const char *field, primer_error *error);
void data_maker_free(struct data_maker *maker);

/* Zero-initialise; used again for one document after the other. */
struct data_tokens {
    int32_t *ids;
    unsigned char *asked;
    size_t count, capacity;
    uint64_t text_bytes;  /* of all that was tokenized */
    uint64_t asked_bytes; /* of the text that the loss asks for */
};
void data_tokens_free(struct data_tokens *tokens);
primer_status data_tokens_append(struct data_tokens *tokens, const int32_t *ids, size_t count,
                                 bool asked, primer_error *error);
/* As bytes, for a process of the same run (data_share.h), and back. */
primer_status data_tokens_save(const struct data_tokens *tokens, struct buffer *out,
                               primer_error *error);
primer_status data_tokens_load(struct data_tokens *tokens, struct cursor *in, primer_error *error);

/* No tokens where the record has no text. Errors about the record begin with "PATH:LINE: ", where
 * `line` is the record's first. */
primer_status data_tokens_of_text(const struct data_maker *maker, const char *text, size_t length,
                                  const char *path, uint64_t line, struct data_tokens *tokens,
                                  primer_error *error);
primer_status data_tokens_of_json(const struct data_maker *maker, const char *json, size_t length,
                                  const char *path, uint64_t line, struct data_tokens *tokens,
                                  primer_error *error);

#endif
