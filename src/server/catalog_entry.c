/* catalog_entry.c - see catalog_entry.h.
 *
 * Names are compared as Ollama does: host, namespace and tag have defaults and may be left out, and
 * capitals don't matter.
 */
#include "server/catalog_entry.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/file.h"
#include "base/memory.h"

/* ---- names ----------------------------------------------------------------------------------- */

static const char *without_prefix(const char *name, const char *prefix)
{
    const size_t length = strlen(prefix);
    return strncasecmp(name, prefix, length) == 0 ? name + length : name;
}

/* The part that tells models apart, and its length. */
static const char *significant(const char *name, size_t *length)
{
    static const char latest[] = ":latest";
    name = without_prefix(name, "registry.ollama.ai/");
    name = without_prefix(name, "library/");
    *length = strlen(name);
    const size_t tail = sizeof latest - 1;
    if (*length > tail && strcasecmp(name + *length - tail, latest) == 0)
        *length -= tail;
    return name;
}

bool catalog_same_name(const char *a, const char *b)
{
    size_t a_length, b_length;
    a = significant(a, &a_length);
    b = significant(b, &b_length);
    return a_length == b_length && strncasecmp(a, b, a_length) == 0;
}

bool catalog_entry_has_name(const struct catalog_entry *entry, const char *name)
{
    for (size_t i = 0; i < entry->name_count; i++)
        if (catalog_same_name(entry->names[i], name))
            return true;
    return false;
}

static primer_status add_name(struct catalog_entry *entry, const char **names, const char *name,
                              size_t length, primer_error *error)
{
    char *copy = memory_copy_bytes(name, length);
    if (copy == NULL)
        return memory_failure(error, "a model's name", length);
    if (length == 0 || catalog_entry_has_name(entry, copy)) {
        memory_free(copy);
        return PRIMER_OK;
    }
    names[entry->name_count++] = copy;
    return PRIMER_OK;
}

static primer_status fill_names(struct catalog_entry *entry, const struct server_options *options,
                                primer_error *error)
{
    enum { OTHERS = 4 };
    const char **names = memory_allocate(options->alias_count + OTHERS, sizeof *names);
    const char *base = file_base_name(entry->path), *general = entry->general_name;
    size_t stem = strlen(base);
    if (names == NULL)
        return memory_failure(error, "a model's names", OTHERS * sizeof *names);
    entry->names = names;
    if (stem > 5 && strcasecmp(base + stem - 5, ".gguf") == 0)
        stem -= 5;
    for (size_t i = 0; i < options->alias_count; i++)
        if (strcmp(options->aliases[i].path, entry->path) == 0)
            FORWARD(add_name(entry, names, options->aliases[i].name,
                             strlen(options->aliases[i].name), error));
    FORWARD(add_name(entry, names, base, stem, error));
    FORWARD(add_name(entry, names, base, strlen(base), error));
    FORWARD(add_name(entry, names, general, strlen(general), error));
    FORWARD(add_name(entry, names, entry->path, strlen(entry->path), error));
    entry->name = names[0];
    return PRIMER_OK;
}

/* ---- what the file says ---------------------------------------------------------------------- */

static uint64_t number_of(const json_t *object, const char *name)
{
    const json_t *value = json_object_get(object, name);
    return json_is_integer(value) && json_integer_value(value) > 0
               ? (uint64_t)json_integer_value(value)
               : 0;
}

static size_t architecture_number(const json_t *metadata, const char *architecture,
                                  const char *name)
{
    char key[160];
    snprintf(key, sizeof key, "%.100s.%s", architecture, name);
    return (size_t)number_of(metadata, key);
}

static primer_status take_text(const json_t *object, const char *name, const char *otherwise,
                               const char **out, primer_error *error)
{
    const char *text = json_string_value(json_object_get(object, name));
    text = text == NULL ? otherwise : text;
    if (text == NULL)
        return PRIMER_OK;
    *out = memory_copy_text(text);
    return *out != NULL ? PRIMER_OK : memory_failure(error, "a model's description", strlen(text));
}

static primer_status fill(struct catalog_entry *entry, const json_t *described, primer_error *error)
{
    const json_t *metadata = json_object_get(described, "metadata");
    FORWARD(take_text(metadata, "general.architecture", "unknown", &entry->architecture, error));
    FORWARD(take_text(metadata, "general.name", "", &entry->general_name, error));
    FORWARD(take_text(metadata, "tokenizer.chat_template", NULL, &entry->chat_template, error));
    FORWARD(take_text(described, "type", "unknown", &entry->type, error));
    FORWARD(take_text(described, "identity", "", &entry->identity, error));
    const json_t *file_type = json_object_get(metadata, "general.file_type");
    entry->file_type = json_is_integer(file_type) ? json_integer_value(file_type) : -1;
    entry->parameters = number_of(described, "parameters");
    entry->file_bytes = number_of(described, "file_bytes");
    entry->modified = (int64_t)number_of(described, "modified");
    entry->context = architecture_number(metadata, entry->architecture, "context_length");
    entry->embedding = architecture_number(metadata, entry->architecture, "embedding_length");
    if (entry->chat_template != NULL) {
        entry->tools = strstr(entry->chat_template, "tools") != NULL;
        entry->thinks = strstr(entry->chat_template, "<think>") != NULL;
    }
    return PRIMER_OK;
}

primer_status catalog_entry_fill(struct catalog_entry *entry, const char *path,
                                 const struct server_options *options, primer_error *error)
{
    primer_status status = PRIMER_OK;
    char *text = NULL;
    size_t length = 0;
    json_t *described = NULL;
    *entry = (struct catalog_entry){.path = memory_copy_text(path)};
    if (entry->path == NULL)
        TRY(memory_failure(error, "a model's path", strlen(path)));
    TRY(primer_file_describe(path, 0, &text, &length, error));
    described = json_loadb(text, length, JSON_ALLOW_NUL, NULL);
    if (described == NULL)
        FAIL(PRIMER_EFORMAT, "%s: its metadata can't be read as JSON", path);
    TRY(fill(entry, described, error));
    TRY(fill_names(entry, options, error));

cleanup:
    json_decref(described);
    primer_free(text);
    if (status != PRIMER_OK)
        catalog_entry_free(entry);
    return status;
}

/* The entry's texts are const for those who read them. */
static void free_text(const char *text)
{
    union {
        const char *borrowed;
        char *own;
    } both = {.borrowed = text};
    memory_free(both.own);
}

void catalog_entry_free(struct catalog_entry *entry)
{
    for (size_t i = 0; i < entry->name_count; i++)
        free_text(entry->names[i]);
    union {
        const char *const *borrowed;
        void *own;
    } names = {.borrowed = entry->names};
    memory_free(names.own);
    free_text(entry->path);
    free_text(entry->architecture);
    free_text(entry->type);
    free_text(entry->identity);
    free_text(entry->general_name);
    free_text(entry->chat_template);
    *entry = (struct catalog_entry){0};
}
