/* ollama_details.c - sizes, types, identities and abilities of models in Ollama's words. */
#include "server/ollama_details.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/hash.h"
#include "primer.h"

primer_status ollama_details_describe(const struct catalog_entry *entry, unsigned flags,
                                      json_t **description, primer_error *error)
{
    char *text = NULL;
    size_t length = 0;
    FORWARD(primer_file_describe(entry->path, flags, &text, &length, error));
    json_t *const parsed = json_loadb(text, length, JSON_ALLOW_NUL, NULL);
    primer_free(text);
    if (parsed == NULL)
        return error_set(error, PRIMER_EFORMAT, "%s: its metadata can't be written as JSON",
                         entry->name);
    *description = parsed;
    return PRIMER_OK;
}

const char *ollama_details_size(uint64_t parameters, char out[OLLAMA_SIZE_BYTES])
{
    const double count = (double)parameters;
    const struct {
        double least;
        char letter;
        int digits;
    } steps[] = {{1e9, 'B', 1}, {1e6, 'M', 2}, {1e3, 'K', 0}};
    for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++) {
        const double number = count / steps[i].least;
        if (count < steps[i].least)
            continue;
        snprintf(out, OLLAMA_SIZE_BYTES, "%.*f%c", number == floor(number) ? 0 : steps[i].digits,
                 number, steps[i].letter);
        return out;
    }
    snprintf(out, OLLAMA_SIZE_BYTES, "%" PRIu64, parameters);
    return out;
}

const char *ollama_details_digest(const char *identity, char out[OLLAMA_DIGEST_BYTES])
{
    for (uint64_t part = 0; part < 4; part++)
        snprintf(out + 16 * part, 17, "%016" PRIx64, hash_bytes(identity, strlen(identity), part));
    return out;
}

static const json_t *metadata(const json_t *description, const char *key)
{
    return json_object_get(json_object_get(description, "metadata"), key);
}

bool ollama_details_gap_tokens(const json_t *description, int32_t ids[OLLAMA_GAP_TOKENS])
{
    static const char *const names[2][OLLAMA_GAP_TOKENS] = {
        {"tokenizer.ggml.fim_pre_token_id", "tokenizer.ggml.fim_suf_token_id",
         "tokenizer.ggml.fim_mid_token_id"},
        {"tokenizer.ggml.prefix_token_id", "tokenizer.ggml.suffix_token_id",
         "tokenizer.ggml.middle_token_id"}, /* of older files */
    };
    for (size_t i = 0; i < 2; i++) {
        size_t found = 0;
        for (size_t j = 0; j < OLLAMA_GAP_TOKENS; j++) {
            const json_t *const id = metadata(description, names[i][j]);
            if (json_is_integer(id) && json_integer_value(id) >= 0 &&
                json_integer_value(id) <= INT32_MAX) {
                ids[j] = (int32_t)json_integer_value(id);
                found++;
            }
        }
        if (found == OLLAMA_GAP_TOKENS)
            return true;
    }
    return false;
}

const char *ollama_details_quantization(const struct catalog_entry *entry)
{
    static const struct {
        int number;
        const char *name;
    } types[] = {
        {0, "F32"},     {1, "F16"},     {2, "Q4_0"},    {3, "Q4_1"},    {7, "Q8_0"},
        {8, "Q5_0"},    {9, "Q5_1"},    {10, "Q2_K"},   {11, "Q3_K_S"}, {12, "Q3_K_M"},
        {13, "Q3_K_L"}, {14, "Q4_K_S"}, {15, "Q4_K_M"}, {16, "Q5_K_S"}, {17, "Q5_K_M"},
        {18, "Q6_K"},   {25, "IQ4_NL"}, {30, "IQ4_XS"}, {32, "BF16"},
    };
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++)
        if (entry->file_type == types[i].number)
            return types[i].name;
    return entry->type;
}

json_t *ollama_details(const struct catalog_entry *entry)
{
    char size[OLLAMA_SIZE_BYTES];
    return json_pack("{s:s, s:s, s:s, s:[s], s:s, s:s, s:I, s:I}", "parent_model", "", "format",
                     "gguf", "family", entry->architecture, "families", entry->architecture,
                     "parameter_size", ollama_details_size(entry->parameters, size),
                     "quantization_level", ollama_details_quantization(entry), "context_length",
                     (json_int_t)entry->context, "embedding_length", (json_int_t)entry->embedding);
}

json_t *ollama_details_capabilities(const struct catalog_entry *entry, const json_t *description)
{
    int32_t gap[OLLAMA_GAP_TOKENS];
    const struct {
        bool has;
        const char *name;
    } rows[] = {{true, "completion"},
                {entry->tools, "tools"},
                {ollama_details_gap_tokens(description, gap), "insert"},
                {entry->thinks, "thinking"}};
    json_t *const list = json_array();
    bool complete = list != NULL;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (complete && rows[i].has)
            complete = json_array_append_new(list, json_string(rows[i].name)) == 0;
    if (complete)
        return list;
    json_decref(list);
    return NULL;
}

json_t *ollama_details_name(const struct catalog_entry *entry)
{
    return strchr(entry->name, ':') != NULL ? json_string(entry->name)
                                            : json_sprintf("%s:latest", entry->name);
}

json_t *ollama_details_listed(const struct catalog_entry *entry, uint64_t bytes)
{
    char digest[OLLAMA_DIGEST_BYTES];
    return json_pack("{s:o, s:o, s:I, s:s, s:o}", "name", ollama_details_name(entry), "model",
                     ollama_details_name(entry), "size", (json_int_t)bytes, "digest",
                     ollama_details_digest(entry->identity, digest), "details",
                     ollama_details(entry));
}
