/* ollama_details.h - what Ollama's lists say of a model, from its file's description. */
#ifndef SERVER_OLLAMA_DETAILS_H
#define SERVER_OLLAMA_DETAILS_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include "server/catalog.h"

enum { OLLAMA_GAP_TOKENS = 3, OLLAMA_DIGEST_BYTES = 65, OLLAMA_SIZE_BYTES = 24 };

/* The object of primer_file_describe, a new reference. */
primer_status ollama_details_describe(const struct catalog_entry *entry, unsigned flags,
                                      json_t **description, primer_error *error);
/* "2.8B", "1.24M", "260K". */
const char *ollama_details_size(uint64_t parameters, char out[OLLAMA_SIZE_BYTES]);
/* "Q4_K_M": the name of general.file_type; where it is missing, the type of most weights. */
const char *ollama_details_quantization(const struct catalog_entry *entry);
/* 64 hexadecimal digits in place of a SHA-256 of the whole file, which would be a pass over all of
 * its bytes: spread from the identity that the file's head and samples of its weights have. Other
 * files have others, the same file always the same; it is no checksum that sha256sum gives. */
const char *ollama_details_digest(const char *identity, char out[OLLAMA_DIGEST_BYTES]);
/* The ids for what stands before a gap, after it, and in it; false where the file names none. */
bool ollama_details_gap_tokens(const json_t *description, int32_t ids[OLLAMA_GAP_TOKENS]);
/* {"format", "family", "parameter_size", "quantization_level", ...}: texts that are never null. */
json_t *ollama_details(const struct catalog_entry *entry);
json_t *ollama_details_capabilities(const struct catalog_entry *entry, const json_t *description);
/* What /api/tags and /api/ps both list: name, model, size, digest, details. NULL: no memory. */
json_t *ollama_details_listed(const struct catalog_entry *entry, uint64_t bytes);
/* With ":latest" where the name has no tag: clients that add it look for it here. */
json_t *ollama_details_name(const struct catalog_entry *entry);

#endif
