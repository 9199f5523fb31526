/* engine_vocabulary.c - a model of a file's vocabulary and templates alone: what makes and reads
 * text (primer_tokenize, primer_chat.h) before there are weights, or without loading them.
 *
 * Of the parts of a primer_model it has the gguf (none for a tokenizer.json) and the tokenizer.
 */
#include "engine/engine.h"

#include <string.h>

#define JSON_MOST ((size_t)1 << 30) /* bytes of a tokenizer.json */

static bool is_json(const char *path)
{
    const size_t length = strlen(path);
    return length > 5 && strcmp(path + length - 5, ".json") == 0;
}

static primer_status read_json(primer_model *m, const char *path, primer_error *error)
{
    struct buffer bytes = {0};
    primer_status status = file_read(path, JSON_MOST, &bytes, error);
    if (status == PRIMER_OK)
        status = tokenizer_from_json(&m->tokenizer, bytes.bytes, bytes.length, path, error);
    buffer_free(&bytes);
    return status;
}

/* NULL where the file hasn't this text. */
static primer_status copy_key(const primer_model *m, const char *key, char **copy,
                              primer_error *error)
{
    struct gguf_string text = {NULL, 0};
    if (m->gguf != NULL)
        FORWARD(gguf_get_string(m->gguf, key, &text, error));
    if (text.bytes == NULL)
        return PRIMER_OK;
    *copy = memory_copy_bytes(text.bytes, text.length);
    return *copy != NULL ? PRIMER_OK : memory_failure(error, key, text.length);
}

/* A named architecture, or none; its text is borrowed from the table there. */
static primer_status architecture_of(const primer_model *m, const char **name, primer_error *error)
{
    primer_status status = PRIMER_OK;
    char *text = NULL;
    *name = "";
    TRY(copy_key(m, "general.architecture", &text, error));
    for (size_t i = 0; text != NULL && model_architecture_at(i) != NULL; i++)
        if (strcmp(model_architecture_at(i)->name, text) == 0)
            *name = model_architecture_at(i)->name;
cleanup:
    memory_free(text);
    return status;
}

static primer_status fill_information(primer_model *m, const char *path, primer_error *error)
{
    primer_model_information *const info = &m->information;
    m->name = memory_copy_text(path);
    if (m->name == NULL)
        return memory_failure(error, "the model's name", strlen(path));
    FORWARD(copy_key(m, "tokenizer.chat_template", &m->chat_template, error));
    FORWARD(copy_key(m, "tokenizer.chat_template.tool_use", &m->tool_template, error));
    FORWARD(architecture_of(m, &info->architecture, error));
    m->longest_token = tokenizer_longest(m->tokenizer);
    m->vocabulary_hash = tokenizer_hash(m->tokenizer);
    info->path = m->name;
    info->name = file_base_name(m->name);
    info->type = "";
    info->level = cpu_level_name(m->kernel->level);
    info->chat_template = m->chat_template;
    info->tool_template = m->tool_template;
    info->vocabulary = tokenizer_vocabulary(m->tokenizer);
    info->vocabulary_hash = m->vocabulary_hash;
    return PRIMER_OK;
}

primer_status engine_vocabulary_open(const char *path, primer_model **model, primer_error *error)
{
    primer_status status = PRIMER_OK;
    primer_model *m = memory_allocate(1, sizeof *m);
    if (m == NULL)
        return memory_failure(error, "a model", sizeof *m);
    atomic_init(&m->references, 1);
    atomic_init(&m->kv_reserved, 0);
    pthread_mutex_init(&m->pools_lock, NULL);
    pthread_mutex_init(&m->constraint_lock, NULL);
    m->kernel = kernel_best();
    if (is_json(path)) {
        TRY(read_json(m, path, error));
    } else {
        TRY(gguf_open(&m->gguf, path, error));
        TRY(tokenizer_from_gguf(&m->tokenizer, m->gguf, error));
    }
    TRY(fill_information(m, path, error));
    *model = m;
    m = NULL;
cleanup:
    primer_model_free(m);
    return status;
}

primer_status engine_vocabulary_refuse(const primer_model *model, const char *what,
                                       primer_error *error)
{
    if (model->model != NULL)
        return PRIMER_OK;
    return error_set(error, PRIMER_EINVAL, "%s: was opened for its vocabulary alone, not for %s",
                     model->information.path, what);
}
