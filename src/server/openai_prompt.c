/* openai_prompt.c - see openai_prompt.h. */
#include "server/openai_prompt.h"

#include <stdio.h>
#include <string.h>

#include "base/memory.h"

/* Where a prompt is read from. */
struct source {
    struct fields *fields;
    const char *name;
    const primer_model *model;
    unsigned flags;
};

static primer_status read_ids(const struct source *source, const char *place, const json_t *array,
                              struct openai_prompt *prompt, primer_error *error)
{
    const size_t vocabulary = primer_model_info(source->model)->vocabulary;
    const size_t count = json_array_size(array);
    prompt->ids = memory_allocate(count, sizeof *prompt->ids);
    if (prompt->ids == NULL)
        return memory_failure(error, "a prompt", count * sizeof *prompt->ids);
    for (size_t i = 0; i < count; i++) {
        const json_t *item = json_array_get(array, i);
        const json_int_t id = json_integer_value(item);
        if (!json_is_integer(item) || id < 0 || (uint64_t)id >= vocabulary)
            return fields_wrong(source->fields, place, error,
                                "[%zu]: expected a token's id below %zu, found %s", i, vocabulary,
                                json_is_integer(item) ? "another number" : fields_type_name(item));
        prompt->ids[i] = (int32_t)id;
    }
    prompt->count = count;
    return PRIMER_OK;
}

static primer_status read_one(const struct source *source, const char *place, const json_t *value,
                              struct openai_prompt *prompt, primer_error *error)
{
    if (json_is_array(value))
        return read_ids(source, place, value, prompt, error);
    if (!json_is_string(value))
        return fields_wrong(source->fields, place, error,
                            "expected a text or an array of tokens, found %s",
                            fields_type_name(value));
    prompt->text = json_string_value(value);
    return primer_tokenize(source->model, prompt->text, json_string_length(value), source->flags,
                           &prompt->ids, &prompt->count, error);
}

static primer_status make_list(struct openai_prompts *prompts, size_t count, primer_error *error)
{
    prompts->list = memory_allocate(count, sizeof *prompts->list);
    if (prompts->list == NULL)
        return memory_failure(error, "prompts", count * sizeof *prompts->list);
    prompts->count = count;
    return PRIMER_OK;
}

primer_status openai_prompt_list_read(struct openai_prompts *prompts, struct fields *fields,
                                      const char *name, const primer_model *model, unsigned flags,
                                      primer_error *error)
{
    const struct source source = {fields, name, model, flags};
    const json_t *value = fields_any(fields, name);
    if (value == NULL)
        return PRIMER_OK;
    const bool many = json_is_array(value) && json_array_size(value) > 0 &&
                      !json_is_number(json_array_get(value, 0));
    if (!many) {
        FORWARD(make_list(prompts, 1, error));
        return read_one(&source, name, value, &prompts->list[0], error);
    }
    const size_t count = json_array_size(value);
    if (count > OPENAI_PROMPTS_MOST)
        return fields_wrong(fields, name, error, "expected at most %d, found %zu",
                            OPENAI_PROMPTS_MOST, count);
    FORWARD(make_list(prompts, count, error));
    for (size_t i = 0; i < count; i++) {
        char place[64];
        snprintf(place, sizeof place, "%s[%zu]", name, i);
        FORWARD(read_one(&source, place, json_array_get(value, i), &prompts->list[i], error));
    }
    return PRIMER_OK;
}

void openai_prompt_list_free(struct openai_prompts *prompts)
{
    for (size_t i = 0; i < prompts->count; i++)
        primer_free(prompts->list[i].ids);
    memory_free(prompts->list);
    *prompts = (struct openai_prompts){NULL, 0};
}
