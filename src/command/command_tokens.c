/* command_tokens.c - primer tokens: text on standard input to a JSON array of ids, and back.
 *
 * Only the vocabulary is read, so that a file without weights, or a tokenizer.json, will do.
 */
#include "command/command.h"

#include <string.h>

#include "base/buffer.h"
#include "base/file.h"
#include "base/memory.h"
#include "command/builtin.h"
#include "command/id_list.h"
#include "terminal/output.h"
#include "tokenizer/tokenizer.h"

#define TEXT_MOST       ((size_t)4 << 30) /* bytes */
#define VOCABULARY_MOST ((size_t)1 << 30)

static bool is_json(const char *path)
{
    const size_t length = strlen(path);
    return length > 5 && strcmp(path + length - 5, ".json") == 0;
}

static primer_status open_json(const char *path, struct tokenizer **tokenizer, primer_error *error)
{
    struct buffer bytes = {0};
    primer_status status = file_read(path, VOCABULARY_MOST, &bytes, error);
    if (status == PRIMER_OK)
        status = tokenizer_from_json(tokenizer, bytes.length > 0 ? bytes.bytes : "", bytes.length,
                                     path, error);
    buffer_free(&bytes);
    return status;
}

static primer_status open_gguf(const char *path, struct tokenizer **tokenizer, struct gguf **gguf,
                               primer_error *error)
{
    size_t size = 0;
    const unsigned char *bytes = path == NULL ? builtin_model(&size) : NULL;
    if (path == NULL && bytes == NULL)
        return error_set(error, PRIMER_EINVAL,
                         "no model was named and none is built into this program");
    if (path == NULL)
        FORWARD(gguf_open_memory(gguf, bytes, size, "builtin", error));
    else
        FORWARD(gguf_open(gguf, path, error));
    return tokenizer_from_gguf(tokenizer, *gguf, error);
}

static primer_status encode(const struct tokenizer *tokenizer, const struct buffer *text,
                            bool special, primer_error *error)
{
    primer_status status = PRIMER_OK;
    struct token_list list = {0};
    struct buffer out = {0};
    TRY(tokenizer_encode(tokenizer, text->length > 0 ? text->bytes : "", text->length,
                         special ? TOKENIZER_SPECIAL : 0, &list, error));
    TRY(buffer_text(&out, "[", error));
    for (size_t i = 0; i < list.count; i++)
        TRY(buffer_format(&out, error, "%s%d", i > 0 ? "," : "", list.ids[i]));
    TRY(buffer_text(&out, "]\n", error));
    TRY(output_write(out.bytes, out.length, error));

cleanup:
    buffer_free(&out);
    token_list_free(&list);
    return status;
}

static primer_status decode(const struct tokenizer *tokenizer, const struct buffer *text,
                            bool special, primer_error *error)
{
    primer_status status = PRIMER_OK;
    struct buffer out = {0};
    int32_t *ids = NULL;
    size_t count = 0;
    TRY(id_list_parse(text->length > 0 ? text->bytes : "", text->length, &ids, &count, error));
    for (size_t i = 0; i < count; i++)
        if ((size_t)ids[i] >= tokenizer_vocabulary(tokenizer))
            FAIL(PRIMER_EINVAL, "ids: number %zu is %d, expected less than the vocabulary's %zu", i,
                 ids[i], tokenizer_vocabulary(tokenizer));
    TRY(tokenizer_decode(tokenizer, ids, count, special ? TOKENIZER_SPECIAL : 0, &out, error));
    TRY(output_write(out.length > 0 ? out.bytes : "", out.length, error));

cleanup:
    buffer_free(&out);
    memory_free(ids);
    return status;
}

static int run(struct settings *settings)
{
    primer_status status = PRIMER_OK;
    primer_error problem = {0}, *error = &problem;
    struct tokenizer *tokenizer = NULL;
    struct gguf *gguf = NULL;
    struct buffer text = {0};
    const char *path = settings->argument_count > 0 ? settings->arguments[0] : NULL;
    if (path != NULL && is_json(path))
        TRY(open_json(path, &tokenizer, error));
    else
        TRY(open_gguf(path, &tokenizer, &gguf, error));
    TRY(file_read("-", TEXT_MOST, &text, error));
    status = settings->decode ? decode(tokenizer, &text, settings->special, error)
                              : encode(tokenizer, &text, settings->special, error);

cleanup:
    buffer_free(&text);
    tokenizer_free(tokenizer);
    gguf_free(gguf);
    return status == PRIMER_OK ? EXIT_CODE_OK : command_failed(error);
}

const struct command command_tokens = {
    .name = "tokens",
    .group = "Look inside",
    .arguments = "[MODEL]",
    .summary = "text on standard input to token ids, and back",
    .teaching = "Examples\n"
                "  echo -n \"Hello world\" | primer tokens phi-2.gguf     [15496,995]\n"
                "  echo \"[15496,995]\" | primer tokens phi-2.gguf --decode\n"
                "  primer tokens tokenizer.json < text\n\n"
                "MODEL is a GGUF (one with the vocabulary alone will do) or a tokenizer.json. No "
                "beginning token\n"
                "is added. Text is taken byte by byte as it is, its last newline too.\n",
    .bit = COMMAND_TOKENS,
    .most = 1,
    .run = run,
};
