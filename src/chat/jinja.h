/* jinja.h - chat templates as models carry them: programs in a subset of Jinja, run on a
 * conversation.
 *
 * The language is Jinja 2's as chat templates use it (https://jinja.palletsprojects.com, 3.1),
 * with the settings that Hugging Face's libraries render them by: trim_blocks and lstrip_blocks on,
 * nothing escaped, `raise_exception` and `strftime_now` defined. Where the two disagree, what the
 * npm package @huggingface/jinja prints counts, since templates are tried with it: none prints as
 * nothing, booleans as true and false.
 *
 *   text -> tokens (jinja_lexer.c) -> tree (jinja_parser.c) -> bytes (jinja_run.c)
 *
 * A template comes with a file that somebody else made, so it is distrusted: steps, memory and
 * depth are limited, it sees nothing but the variables, and each byte that it writes knows whether
 * it comes from the template or from the variables. Only the former may become special tokens.
 */
#ifndef CHAT_JINJA_H
#define CHAT_JINJA_H

#include <jansson.h>
#include <stdint.h>
#include "base/buffer.h"

struct jinja_template;

/* Zero: a default. */
struct jinja_limits {
    size_t steps;  /* nodes evaluated and items visited: 4 million */
    size_t memory; /* bytes, output included: 64 MiB */
};

/* What a template wrote; free both buffers. */
struct jinja_output {
    struct buffer text;
    struct buffer outside; /* a byte for each of text: 1 where it comes from the variables */
};

/* Errors name the template's line. The text isn't kept. */
primer_status jinja_compile(const char *text, size_t length, struct jinja_template **template,
                            primer_error *error);
void jinja_free(struct jinja_template *template);

/* `variables` is an object; `marks`, one or NULL, has variables whose texts count as the template's own
 * (bos_token); `now`, seconds since 1970, is what strftime_now formats, in local time.
 * A template's own raise_exception is an error with its words. May run in several threads. */
primer_status jinja_render(const struct jinja_template *template, const json_t *variables,
                           const json_t *marks, int64_t now, const struct jinja_limits *limits,
                           struct jinja_output *output, primer_error *error);

#endif
