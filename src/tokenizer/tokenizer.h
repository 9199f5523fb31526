/* tokenizer.h - text to token ids and back.
 *
 * Two families, each one file: byte-level BPE (GPT-2, CodeGen/Phi-2, Llama-3: a pattern cuts the
 * text, merges join bytes by rank) and SentencePiece-style BPE (Llama-2, Mistral, Phi-3,
 * TinyStories: pieces join by score, unknown characters fall back to bytes). Both read from a
 * GGUF's metadata or a tokenizer.json.
 *
 * A tokenizer is read-only after creation and shared between threads; it keeps nothing of the file
 * it was made from. Any bytes can be encoded, and decoding the ids gives the same bytes back
 * wherever the vocabulary can express them: what has neither a token nor byte tokens becomes the
 * unknown token, and is an error (PRIMER_EUNSUPPORTED) where there is none. Otherwise only two
 * things get lost, as in every program that reads these files: SentencePiece-style vocabularies
 * write a space as U+2581, so that character itself comes back as a space; and special tokens that
 * take the white space beside them (Phi-3's) drop it.
 *
 * Tokens that models end their turn with (</s>, <|endoftext|>, <|im_end|>, ...) are control tokens
 * whatever the file calls them: a text can't contain one unless TOKENIZER_SPECIAL is given.
 *
 * Time is linear in the text; a text may have 1 GB.
 */
#ifndef TOKENIZER_TOKENIZER_H
#define TOKENIZER_TOKENIZER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/buffer.h"
#include "base/error.h"
#include "format/gguf.h"

struct tokenizer;

primer_status tokenizer_from_gguf(struct tokenizer **tokenizer, const struct gguf *gguf,
                                  primer_error *error);
/* A Hugging Face tokenizer.json (bytes of the file; `name` for messages). */
primer_status tokenizer_from_json(struct tokenizer **tokenizer, const char *bytes, size_t length,
                                  const char *name, primer_error *error);
void tokenizer_free(struct tokenizer *tokenizer);

enum tokenizer_flags {
    TOKENIZER_SPECIAL = 1, /* special tokens written in the text (<|endoftext|>) become their ids */
    TOKENIZER_BOS = 2,     /* add the beginning-of-sequence id if the file's metadata asks for it */
    TOKENIZER_CONTINUE = 4 /* the text continues another: no space is put before it */
};

/* A growing list of ids; zero-initialise. */
struct token_list {
    int32_t *ids;
    size_t count, capacity;
};
void token_list_free(struct token_list *list);
primer_status token_list_append(struct token_list *list, int32_t id, primer_error *error);

/* Appends the ids of the text; a failure leaves the list as it was. `outside` [length] or NULL:
 * where it isn't 0, nothing becomes a special token. */
primer_status tokenizer_encode(const struct tokenizer *tokenizer, const char *text, size_t length,
                               unsigned flags, struct token_list *out, primer_error *error);
primer_status tokenizer_encode_marked(const struct tokenizer *tokenizer, const char *text,
                                      const unsigned char *outside, size_t length, unsigned flags,
                                      struct token_list *out, primer_error *error);

/* Appends the bytes of `count` ids. The space that SentencePiece puts before a text (and after a
 * special token in it) is taken off again, the first one not where TOKENIZER_CONTINUE is given;
 * special (control) tokens give nothing unless TOKENIZER_SPECIAL. An id outside the vocabulary is
 * an error. For ids one at a time see stream.h. */
primer_status tokenizer_decode(const struct tokenizer *tokenizer, const int32_t *ids, size_t count,
                               unsigned flags, struct buffer *out, primer_error *error);
/* The bytes of one id inside a text (no space removed), borrowed; NULL for an id outside the
 * vocabulary. For byte tokens one raw byte. Control tokens give length 0 unless `special`. */
const char *tokenizer_bytes(const struct tokenizer *tokenizer, int32_t id, bool special,
                            size_t *length);

size_t tokenizer_vocabulary(const struct tokenizer *tokenizer); /* ids are 0 .. this - 1 */
size_t tokenizer_longest(const struct tokenizer *tokenizer);    /* bytes of the longest token */
int32_t tokenizer_bos(const struct tokenizer *tokenizer);       /* -1: none */
int32_t tokenizer_eos(const struct tokenizer *tokenizer);       /* -1: none */
bool tokenizer_adds_bos(const struct tokenizer *tokenizer);     /* as the metadata asks */
/* Ids after which a model has finished: eos, eot, and what the file marks so. */
bool tokenizer_ends(const struct tokenizer *tokenizer, int32_t id);
/* The id whose text is exactly this (special tokens too); -1: none. */
int32_t tokenizer_find(const struct tokenizer *tokenizer, const char *text, size_t length);
/* Of all tokens' bytes: the same for every file with this vocabulary. */
uint64_t tokenizer_hash(const struct tokenizer *tokenizer);
bool tokenizer_is_control(const struct tokenizer *tokenizer, int32_t id);

#endif
