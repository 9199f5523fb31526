/* data_helper.c - a folder, a vocabulary, shards as text. Declared in data_helper.h. */
#include "data_helper.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "format/gguf.h"
#include "primer.h"
#include "primer_train.h"
#include "tokenizer/vocabulary.h"

static char folder[256];

int helper_setup(void **state)
{
    (void)state;
    const char *const base = getenv("TMPDIR");
    snprintf(folder, sizeof folder, "%s/primer-data-XXXXXX", base == NULL ? "/tmp" : base);
    assert_non_null(mkdtemp(folder));
    return 0;
}

const char *helper_path(const char *name)
{
    static char paths[32][600]; /* one for each name that was asked for */
    char path[600];
    size_t i = 0;
    snprintf(path, sizeof path, "%s/%s", folder, name);
    for (; i < 31 && paths[i][0] != '\0' && strcmp(paths[i], path) != 0; i++)
        if (strncmp(paths[i], folder, strlen(folder)) != 0)
            break; /* of a folder that is gone */
    snprintf(paths[i], sizeof paths[i], "%s", path);
    return paths[i];
}

size_t helper_entries(void)
{
    size_t count = 0;
    DIR *const open_folder = opendir(folder);
    assert_non_null(open_folder);
    for (const struct dirent *entry; (entry = readdir(open_folder)) != NULL;)
        count += strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0;
    closedir(open_folder);
    return count;
}

bool helper_has_parts(void)
{
    bool found = false;
    DIR *const open_folder = opendir(folder);
    assert_non_null(open_folder);
    for (const struct dirent *entry; (entry = readdir(open_folder)) != NULL;)
        found = found || strstr(entry->d_name, ".partial-") != NULL;
    closedir(open_folder);
    return found;
}

int helper_teardown(void **state)
{
    (void)state;
    DIR *const open_folder = opendir(folder);
    assert_non_null(open_folder);
    for (const struct dirent *entry; (entry = readdir(open_folder)) != NULL;)
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
            unlink(helper_path(entry->d_name));
    closedir(open_folder);
    return rmdir(folder);
}

const char *helper_write(const char *name, const char *bytes, size_t length)
{
    const char *const path = helper_path(name);
    FILE *const file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, length, file), length);
    assert_int_equal(fclose(file), 0);
    return path;
}

#define BYTES 256
static const char *const controls[] = {"<|endoftext|>",
                                       "<s>",
                                       "</s>",
                                       "<|im_start|>",
                                       "<|im_end|>",
                                       "<think>",
                                       "</think>",
                                       "<|end|>",
                                       "<|user|>",
                                       "<|assistant|>",
                                       "<|system|>",
                                       "<|eot_id|>",
                                       "<|start_header_id|>",
                                       "<|end_header_id|>",
                                       "<start_of_turn>",
                                       "<end_of_turn>"};
enum { CONTROLS = sizeof controls / sizeof controls[0], TOKENS = BYTES + CONTROLS };

const char *helper_gguf(const char *name, const char *template)
{
    return helper_gguf_of(name, template, 0);
}

const char *helper_gguf_of(const char *name, const char *template, size_t fewer)
{
    static char alphabet[BYTES][4];
    struct gguf_string tokens[TOKENS];
    int32_t kinds[TOKENS];
    struct gguf_writer *writer = NULL;
    primer_error error = {0};
    const char *const path = helper_path(name);
    for (size_t i = 0; i < TOKENS; i++) {
        const bool byte = i < BYTES;
        tokens[i] =
            byte ? (struct gguf_string){alphabet[i],
                                        vocabulary_alphabet_encode((unsigned char)i, alphabet[i])}
                 : (struct gguf_string){controls[i - BYTES], strlen(controls[i - BYTES])};
        kinds[i] = byte ? 1 : 3;
    }
    bool good =
        gguf_writer_create(&writer, path, &error) == PRIMER_OK &&
        gguf_write_string(writer, "general.architecture", "llama", &error) == PRIMER_OK &&
        gguf_write_string(writer, "tokenizer.ggml.model", "gpt2", &error) == PRIMER_OK &&
        gguf_write_strings(writer, "tokenizer.ggml.tokens", tokens, TOKENS - fewer, &error) ==
            PRIMER_OK &&
        gguf_write_i32s(writer, "tokenizer.ggml.token_type", kinds, TOKENS - fewer, &error) ==
            PRIMER_OK &&
        gguf_write_u32(writer, "tokenizer.ggml.eos_token_id", BYTES + 2, &error) == PRIMER_OK;
    good =
        good && gguf_write_strings(writer, "tokenizer.ggml.merges", tokens, 0, &error) == PRIMER_OK;
    if (good && template != NULL)
        good = gguf_write_string(writer, "tokenizer.chat_template", template, &error) == PRIMER_OK;
    if (!good || gguf_writer_finish(writer, &error) != PRIMER_OK)
        fail_msg("%s", error.message);
    gguf_writer_free(writer);
    return path;
}

/* ---- shards as text ---- */

static void append_document(const primer_shard *shard, uint64_t index, const primer_model *model,
                            char *out, size_t capacity)
{
    static int32_t ids[1 << 16];
    static unsigned char asked[1 << 16];
    primer_error error = {0};
    size_t count = 0, at = strlen(out);
    bool open = false;
    assert_int_equal(primer_shard_document(shard, index, 1 << 16, ids, asked, &count, &error),
                     PRIMER_OK);
    assert_true(count <= 1 << 16);
    for (size_t i = 0; i <= count; i++) {
        size_t length = 0;
        const bool wanted = i < count && asked[i] != 0;
        assert_true(at + 64 < capacity);
        if (wanted != open)
            out[at++] = wanted ? '[' : ']';
        open = wanted;
        if (i == count)
            break;
        const char *const bytes = primer_token_bytes(model, ids[i], &length);
        memcpy(out + at, bytes, length);
        at += length;
    }
    out[at++] = '\n';
    out[at] = '\0';
}

const char *helper_shown(const char *path, const char *tokenizer)
{
    static char out[1 << 20];
    const primer_model_options options = {.vocabulary_only = true};
    primer_error error = {0};
    primer_shard *shard = NULL;
    primer_model *model = NULL;
    primer_shard_information about;
    if (primer_shard_open(path, &shard, &error) != PRIMER_OK ||
        primer_shard_verify(shard, &error) != PRIMER_OK ||
        primer_model_open(tokenizer, &options, &model, &error) != PRIMER_OK)
        fail_msg("%s", error.message);
    primer_shard_info(shard, &about);
    out[0] = '\0';
    for (uint64_t i = 0; i < about.documents; i++)
        append_document(shard, i, model, out, sizeof out);
    primer_model_free(model);
    primer_shard_free(shard);
    return out;
}
