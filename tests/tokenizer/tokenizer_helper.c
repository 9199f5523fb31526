/* tokenizer_helper.c - see tokenizer_helper.h. */
#include "tokenizer_helper.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/file.h"
#include "base/memory.h"

const char *helper_shared(const char *file)
{
    static char path[1024];
    const char *const folder = getenv("PRIMER_SHARED");
    snprintf(path, sizeof path, "%s/%s", folder == NULL || *folder == '\0' ? "../shared" : folder,
             file);
    return file_exists(path) ? path : NULL;
}

struct buffer helper_read(const char *path)
{
    struct buffer bytes = {0};
    primer_error error = {0};
    if (file_read(path, (size_t)1 << 30, &bytes, &error) != PRIMER_OK)
        fail_msg("%s", error.message);
    return bytes;
}

struct tokenizer *helper_load(const char *path)
{
    primer_error error = {0};
    struct tokenizer *tokenizer = NULL;
    if (strlen(path) > 5 && strcmp(path + strlen(path) - 5, ".json") == 0) {
        struct buffer json = helper_read(path);
        if (tokenizer_from_json(&tokenizer, json.bytes, json.length, path, &error) != PRIMER_OK)
            fail_msg("%s", error.message);
        buffer_free(&json);
        return tokenizer;
    }
    struct gguf *gguf = NULL;
    if (gguf_open(&gguf, path, &error) != PRIMER_OK ||
        tokenizer_from_gguf(&tokenizer, gguf, &error) != PRIMER_OK)
        fail_msg("%s", error.message);
    gguf_free(gguf);
    return tokenizer;
}

struct tokenizer *helper_json(const char *text)
{
    primer_error error = {0};
    struct tokenizer *tokenizer = NULL;
    if (tokenizer_from_json(&tokenizer, text, strlen(text), "test", &error) != PRIMER_OK)
        fail_msg("%s", error.message);
    return tokenizer;
}

static primer_status write_strings(struct gguf_writer *writer, const char *key,
                                   const char *const *texts, size_t count, primer_error *error)
{
    struct gguf_string *const strings = calloc(count + 1, sizeof *strings);
    for (size_t i = 0; i < count; i++)
        strings[i] = (struct gguf_string){texts[i], strlen(texts[i])};
    const primer_status status = gguf_write_strings(writer, key, strings, count, error);
    free(strings);
    return status;
}

static primer_status write_plan(struct gguf_writer *writer, const struct helper_gguf *plan,
                                primer_error *error)
{
    const struct {
        const char *key, *text;
    } texts[] = {{"general.architecture", plan->architecture},
                 {"general.name", plan->name},
                 {"tokenizer.ggml.model", plan->model},
                 {"tokenizer.ggml.pre", plan->pre}};
    const struct {
        const char *key;
        int64_t id;
    } ids[] = {{"tokenizer.ggml.bos_token_id", plan->bos},
               {"tokenizer.ggml.eos_token_id", plan->eos},
               {"tokenizer.ggml.unknown_token_id", plan->unknown}};
    for (size_t i = 0; i < 4; i++) {
        if (texts[i].text != NULL)
            FORWARD(gguf_write_string(writer, texts[i].key, texts[i].text, error));
    }
    if (plan->tokens != NULL)
        FORWARD(write_strings(writer, "tokenizer.ggml.tokens", plan->tokens, plan->count, error));
    if (plan->kinds != NULL)
        FORWARD(gguf_write_i32s(writer, "tokenizer.ggml.token_type", plan->kinds,
                                plan->count - plan->fewer_kinds, error));
    if (plan->wrong_types)
        FORWARD(write_strings(writer, "tokenizer.ggml.scores", plan->tokens, plan->count, error));
    else if (plan->scores != NULL)
        FORWARD(gguf_write_f32s(writer, "tokenizer.ggml.scores", plan->scores, plan->count, error));
    if (plan->merges != NULL)
        FORWARD(
            write_strings(writer, "tokenizer.ggml.merges", plan->merges, plan->merge_count, error));
    for (size_t i = 0; i < 3; i++) {
        if (ids[i].id != 0)
            FORWARD(gguf_write_u32(writer, ids[i].key, (uint32_t)(ids[i].id - 1), error));
    }
    if (plan->add_bos != 0)
        FORWARD(gguf_write_bool(writer, "tokenizer.ggml.add_bos_token", plan->add_bos > 0, error));
    if (plan->add_prefix != 0)
        FORWARD(gguf_write_bool(writer, "tokenizer.ggml.add_space_prefix", plan->add_prefix > 0,
                                error));
    return gguf_writer_finish(writer, error);
}

primer_status helper_from_gguf(const struct helper_gguf *plan, struct tokenizer **tokenizer,
                               primer_error *error)
{
    primer_error problem = {0};
    struct gguf_writer *writer = NULL;
    struct gguf *gguf = NULL;
    char path[64];
    snprintf(path, sizeof path, "/tmp/primer-tokenizer-%d.gguf", (int)getpid());
    if (gguf_writer_create(&writer, path, &problem) != PRIMER_OK ||
        write_plan(writer, plan, &problem) != PRIMER_OK ||
        gguf_open(&gguf, path, &problem) != PRIMER_OK)
        fail_msg("%s", problem.message);
    gguf_writer_free(writer);
    if (plan->fail_at > 0)
        memory_fail_at(plan->fail_at - 1);
    const primer_status status = tokenizer_from_gguf(tokenizer, gguf, error);
    memory_fail_at(SIZE_MAX);
    gguf_free(gguf);
    unlink(path);
    return status;
}

struct token_list helper_encode(const struct tokenizer *tokenizer, const char *text, size_t length,
                                unsigned flags)
{
    primer_error error = {0};
    struct token_list ids = {0};
    if (tokenizer_encode(tokenizer, text, length, flags, &ids, &error) != PRIMER_OK)
        fail_msg("%s", error.message);
    return ids;
}

void helper_expect(const struct tokenizer *tokenizer, const char *text, size_t length,
                   unsigned flags, const char *ids)
{
    primer_error error = {0};
    struct token_list found = helper_encode(tokenizer, text, length, flags);
    struct buffer written = {0};
    for (size_t i = 0; i < found.count; i++)
        assert_int_equal(buffer_format(&written, &error, i == 0 ? "%d" : " %d", found.ids[i]),
                         PRIMER_OK);
    if (strcmp(written.length == 0 ? "" : written.bytes, ids) != 0)
        fail_msg("'%.*s' has the ids %s, expected %s", (int)length, text,
                 written.length == 0 ? "" : written.bytes, ids);
    buffer_free(&written);
    token_list_free(&found);
}

void helper_round_trip(const struct tokenizer *tokenizer, const char *text, size_t length,
                       unsigned flags)
{
    primer_error error = {0};
    struct token_list ids = helper_encode(tokenizer, text, length, flags);
    struct buffer back = {0};
    if (tokenizer_decode(tokenizer, ids.ids, ids.count, flags, &back, &error) != PRIMER_OK)
        fail_msg("%s", error.message);
    if (back.length != length || (length > 0 && memcmp(back.bytes, text, length) != 0))
        fail_msg("a text of %zu bytes came back as %zu other ones: '%.*s'", length, back.length,
                 (int)(length < 200 ? length : 200), text);
    buffer_free(&back);
    token_list_free(&ids);
}
