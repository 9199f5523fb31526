/* data.h - training data: texts and conversations made to token shards, and shards described.
 *
 *   .txt .text .md     documents, ended by lines that are the separator; without such a line the
 *                      file is one document
 *   .jsonl .ndjson     a document a line, an object with
 *                        "text" (or another field)               the loss asks for every token
 *                        "prompt", "completion"                  for the completion's
 *                        "messages": [{"role", "content"}, ...]  for what the assistant says
 *
 * Every document ends with the vocabulary's end-of-text token.
 */
#ifndef DATA_DATA_H
#define DATA_DATA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/buffer.h"
#include "base/error.h"

#define DATA_SEPARATOR "<|endoftext|>"

/* Zero means the default. */
struct data_shard_options {
    const char *tokenizer; /* required: a GGUF (its vocabulary is read alone) or tokenizer.json */
    const char *template_name; /* of conversations; NULL or "own": the tokenizer's file's */
    const char *field;         /* NULL: "text" */
    const char *separator;     /* NULL: DATA_SEPARATOR; "": empty lines */
    bool skip_bad;             /* what can't be read is counted; else it is an error */
    bool reuse;                /* a shard that was made from the same inputs is left as it is */
    size_t threads;            /* 0: as many as are worth using */
    /* NULL, or told of bytes read; false stops with PRIMER_ECANCELED. */
    bool (*progress)(void *context, uint64_t done, uint64_t all);
    void *context;
};

struct data_shard_summary {
    uint64_t documents, tokens, asked; /* of the shard */
    uint64_t input_bytes;              /* of the files */
    uint64_t text_bytes;               /* of what was tokenized */
    uint64_t empty;                    /* documents without a text, which were left out */
    uint64_t bad;                      /* left out by skip_bad */
    char first_bad[512];               /* "file:line: what is wrong"; "": none */
    bool reused;                       /* only documents, tokens, asked are filled */
};

/* Errors name file and line: PRIMER_EFORMAT for a line that is no JSON, invalid UTF-8, fields that
 * are missing; PRIMER_ELIMIT for lines beyond 64 MiB and documents beyond 1 GiB. Memory doesn't
 * grow with the inputs. The shard appears whole or not at all. */
primer_status data_shard_make(const char *const *inputs, size_t count, const char *path,
                              const struct data_shard_options *options,
                              struct data_shard_summary *summary, primer_error *error);

struct data_stats {
    uint64_t documents, tokens, asked, text_bytes, longest, file_bytes;
    size_t vocabulary;
    uint64_t tokenizer; /* hash of the vocabulary */
};
/* Verifies all of the shard. With a tokenizer (else NULL) the first documents, at most `count`, are
 * appended to *samples as text: one a line, as a JSON string, special tokens written out. */
primer_status data_stats_read(const char *path, const char *tokenizer, size_t count,
                              struct data_stats *stats, struct buffer *samples,
                              primer_error *error);

#endif
