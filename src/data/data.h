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
 *
 * Processes that a launcher started together (mpirun) share the work of a call, give the same result
 * as one, and the first of them writes it: the `rank` of a summary is 0 there, and its counts are
 * those to be told. PRIMER_EUNSUPPORTED where several were started and this build has no MPI.
 *
 * While it works, what it has found out is in PATH.work beside its output (data_journal.h): the same
 * call goes on with that after one that was stopped or failed, and gives the same result.
 */
#ifndef DATA_DATA_H
#define DATA_DATA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/buffer.h"
#include "base/error.h"
#include "data/data_filter.h"
#include "data/data_rate.h"

#define DATA_SEPARATOR  "<|endoftext|>"
#define DATA_WORDS_MOST 64 /* of a shingle, and in a row */

/* Zero means the default. */
struct data_shard_options {
    const char *tokenizer; /* required: a GGUF (its vocabulary is read alone) or tokenizer.json */
    const char *template_name; /* of conversations; NULL or "own": the tokenizer's file's */
    const char *field;         /* NULL: "text" */
    const char *separator;     /* NULL: DATA_SEPARATOR; "": empty lines */
    bool skip_bad;             /* what can't be read is counted; else it is an error */
    bool reuse;                /* a shard that was made from the same inputs is left as it is */
    bool alone;                /* each process makes a shard by itself, whatever a launcher says */
    size_t threads;            /* 0: as many as are worth using */
    /* NULL, or told of bytes read; false stops with PRIMER_ECANCELED. */
    bool (*progress)(void *context, uint64_t done, uint64_t all);
    void (*tell)(void *context, const char *line); /* NULL, or hears where an earlier run is met */
    void *context;
};

struct data_shard_summary {
    size_t rank;                       /* of the process */
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
    size_t rank; /* of the process */
    uint64_t documents, tokens, asked, text_bytes, longest, file_bytes;
    size_t vocabulary;
    uint64_t tokenizer; /* hash of the vocabulary */
};
/* Verifies all of the shard. With a tokenizer (else NULL) the first documents, at most `count`, are
 * appended to *samples as text: one a line, as a JSON string, special tokens written out. */
primer_status data_stats_read(const char *path, const char *tokenizer, size_t count,
                              struct data_stats *stats, struct buffer *samples,
                              primer_error *error);

/* ---- duplicates ------------------------------------------------------------------------------ */

/* Zero means the default. */
struct data_dedup_options {
    const char *field;     /* of a line of JSON; NULL: "text", else "prompt" and "completion", else
                            * the contents of "messages" */
    const char *separator; /* as above */
    const char *report;    /* NULL, or a file of JSON lines: each document that was left out */
    bool exact;            /* no near duplicates */
    double similarity;     /* of near duplicates' shingles, 0.3 to 1; 0: 0.8 */
    size_t words;          /* of a shingle, to DATA_WORDS_MOST; 0: 5 */
    bool skip_bad;
    size_t threads;
    bool (*progress)(void *context, uint64_t done, uint64_t all); /* as above */
    void (*tell)(void *context, const char *line);                /* as above */
    void *context;
};

struct data_dedup_summary {
    size_t rank;                           /* of the process */
    uint64_t documents, kept, exact, near; /* exact and near: left out */
    uint64_t input_bytes, bad;
    char first_bad[512];
    uint64_t memory; /* bytes that the kept documents' hashes and signatures took */
    /* 0 where only exact duplicates were looked for. A pair of this similarity is compared with the
     * probability `found`; the curve's middle is (1 / bands) ^ (1 / rows). */
    size_t permutations, bands, rows, words;
    double similarity, found, threshold;
};

/* Writes to `path` every document (a line of JSON byte for byte, a text as {"text": ...}) that is
 * like none that was written before it: a duplicate is one whose text, white space and capitals
 * aside, is the same, or whose sets of shingles are estimated to be at least so similar. Memory
 * grows by less than 1 KiB for each document that is kept (similarity 0.6 and more). */
primer_status data_dedup(const char *const *inputs, size_t count, const char *path,
                         const struct data_dedup_options *options,
                         struct data_dedup_summary *summary, primer_error *error);

/* ---- evaluation problems in training data ------------------------------------------------------ */

/* Zero means the default. */
struct data_decontaminate_options {
    const char *const *against; /* [against_count] evaluation files: .jsonl, or .json with a list */
    size_t against_count;
    const char *const *fields; /* [field_count] of their items; none: those of HumanEval and MBPP */
    size_t field_count;
    const char *field, *separator; /* of the documents, as for data_dedup */
    const char *report;            /* NULL, or a file of JSON lines: each document left out */
    size_t words;                  /* in a row that no document may share with an item; 0: 13 */
    double similarity;             /* match rate of syntax trees, 0.5 to 1; 0: 0.6 */
    bool words_only;               /* no syntax trees */
    const char *model; /* NULL, or a GGUF: it judges programs that trees alone don't decide */
    double distance;   /* of embeddings of length 1, under which they are copies; 0: 0.25 */
    bool skip_bad;
    size_t threads;
    bool (*progress)(void *context, uint64_t done, uint64_t all); /* as above */
    void (*tell)(void *context, const char *line);                /* as above */
    void *context;
};

struct data_decontaminate_summary {
    size_t rank; /* of the process */
    uint64_t documents, kept;
    uint64_t by_words, by_tree, by_embedding; /* left out, by the rule that found them */
    uint64_t embedded;                        /* documents that the model judged */
    uint64_t items, programs;                 /* of the evaluation files; with a syntax tree */
    uint64_t parsed;                          /* documents with a syntax tree */
    uint64_t unread;                          /* whose program Python's parser couldn't take */
    uint64_t input_bytes, bad;
    char first_bad[512];
    size_t words;
    double similarity, distance;
};

/* Writes to `path` every document that repeats no item of the evaluation files; docs/dedup.md has the
 * rules. Reads the inputs twice. PRIMER_EUNSUPPORTED where the sandbox of Python's parser is missing
 * and `words_only` isn't set. */
primer_status data_decontaminate(const char *const *inputs, size_t count, const char *path,
                                 const struct data_decontaminate_options *options,
                                 struct data_decontaminate_summary *summary, primer_error *error);

#endif
