/* data_decontaminate_items.c - evaluation files read. Declared in data_decontaminate_items.h. */
#include "data/data_decontaminate_items.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "base/memory.h"

#define MOST_BYTES ((size_t)1 << 30) /* of a file */

struct reading {
    struct data_decontaminate_items *items;
    const char *path;
    const char *const *fields;
    size_t field_count;
};

/* ---- one item -------------------------------------------------------------------------------- */

static primer_status add_part(struct data_decontaminate_item *item, const json_t *first,
                              const json_t *second, primer_error *error)
{
    struct data_decontaminate_part *const part = &item->parts[item->part_count];
    const size_t before = json_string_length(first), behind = json_string_length(second);
    part->text = memory_allocate(before + behind + 1, 1);
    if (part->text == NULL)
        return memory_failure(error, "an evaluation item", before + behind);
    memcpy(part->text, json_string_value(first), before);
    if (behind > 0)
        memcpy(part->text + before, json_string_value(second), behind);
    part->length = before + behind;
    item->part_count++;
    return PRIMER_OK;
}

static primer_status add_named(const struct reading *reading, struct data_decontaminate_item *item,
                               const json_t *object, primer_error *error)
{
    char shown[64];
    for (size_t i = 0; i < reading->field_count; i++) {
        const json_t *const value = json_object_get(object, reading->fields[i]);
        if (json_is_string(value))
            FORWARD(add_part(item, value, NULL, error));
    }
    if (item->part_count > 0)
        return PRIMER_OK;
    error_printable(reading->fields[0], strlen(reading->fields[0]), shown, sizeof shown);
    return error_set(error, PRIMER_EFORMAT,
                     "expected a text in the field \"%s\"%s, which --against-field names", shown,
                     reading->field_count > 1 ? " or another" : "");
}

static primer_status add_known(struct data_decontaminate_item *item, const json_t *object,
                               primer_error *error)
{
    const json_t *const prompt = json_object_get(object, "prompt");
    const json_t *const solution = json_object_get(object, "canonical_solution");
    const json_t *const text = json_object_get(object, "text");
    const json_t *const code = json_object_get(object, "code");
    const json_t *const said = json_is_string(text) ? text : prompt;
    if (json_is_string(prompt) && json_is_string(solution))
        return add_part(item, prompt, solution, error);
    if (json_is_string(said) && json_is_string(code)) {
        FORWARD(add_part(item, said, NULL, error));
        return add_part(item, code, NULL, error);
    }
    if (json_is_string(text))
        return add_part(item, text, NULL, error);
    return error_set(error, PRIMER_EFORMAT,
                     "expected the texts \"prompt\" and \"canonical_solution\", or \"text\" (or "
                     "\"prompt\") and \"code\", or \"text\"; other fields are named with "
                     "--against-field");
}

static primer_status add_name(struct data_decontaminate_item *item, const json_t *object,
                              primer_error *error)
{
    const json_t *const name = json_object_get(object, "task_id");
    char number[32];
    if (json_is_integer(name))
        snprintf(number, sizeof number, "%" JSON_INTEGER_FORMAT, json_integer_value(name));
    else if (!json_is_string(name))
        return PRIMER_OK;
    item->name = memory_copy_text(json_is_string(name) ? json_string_value(name) : number);
    return item->name != NULL ? PRIMER_OK : memory_failure(error, "the name of an item", 0);
}

static primer_status grow(struct data_decontaminate_items *items, primer_error *error)
{
    const size_t room = items->room == 0 ? 256 : 2 * items->room;
    struct data_decontaminate_item *const grown = memory_resize(items->items, room, sizeof *grown);
    if (grown == NULL)
        return memory_failure(error, "evaluation items", room * sizeof *grown);
    items->items = grown;
    items->room = room;
    return PRIMER_OK;
}

static primer_status add_item(const struct reading *reading, const json_t *object, uint64_t number,
                              primer_error *error)
{
    struct data_decontaminate_items *const items = reading->items;
    if (items->count == items->room)
        FORWARD(grow(items, error));
    struct data_decontaminate_item *const item = &items->items[items->count++];
    *item = (struct data_decontaminate_item){.path = reading->path, .number = number};
    primer_status status = add_name(item, object, error);
    if (status == PRIMER_OK)
        status = !json_is_object(object)    ? error_set(error, PRIMER_EFORMAT, "expected an object")
                 : reading->field_count > 0 ? add_named(reading, item, object, error)
                                            : add_known(item, object, error);
    if (status != PRIMER_OK)
        error_prefix(error, "%s:%" PRIu64, reading->path, number);
    return status;
}

/* ---- files ----------------------------------------------------------------------------------- */

static primer_status parse(const struct reading *reading, const char *bytes, size_t length,
                           uint64_t line, json_t **value, primer_error *error)
{
    json_error_t problem;
    *value = json_loadb(bytes, length, JSON_ALLOW_NUL, &problem);
    if (*value != NULL)
        return PRIMER_OK;
    if (json_error_code(&problem) == json_error_out_of_memory)
        return memory_failure(error, "evaluation items", length);
    return error_set(error, PRIMER_EFORMAT, "%s:%" PRIu64 ": no JSON: column %d: %s", reading->path,
                     line + (uint64_t)problem.line - 1, problem.column, problem.text);
}

static primer_status read_list(const struct reading *reading, const struct buffer *all,
                               primer_error *error)
{
    json_t *list = NULL;
    FORWARD(parse(reading, all->bytes, all->length, 1, &list, error));
    primer_status status = PRIMER_OK;
    if (!json_is_array(list))
        FAIL(PRIMER_EFORMAT,
             "%s: expected a list of objects; a file of one object a line is a .jsonl",
             reading->path);
    for (size_t i = 0; i < json_array_size(list); i++)
        TRY(add_item(reading, json_array_get(list, i), i + 1, error));
cleanup:
    json_decref(list);
    return status;
}

static primer_status read_lines(const struct reading *reading, const struct buffer *all,
                                primer_error *error)
{
    uint64_t line = 1;
    for (size_t at = 0; at < all->length; line++) {
        const char *const begin = all->bytes + at;
        const char *const stop = memchr(begin, '\n', all->length - at);
        const size_t length = stop == NULL ? all->length - at : (size_t)(stop - begin);
        json_t *object = NULL;
        at += length + 1;
        size_t blank = 0;
        while (blank < length && strchr(" \t\r", begin[blank]) != NULL)
            blank++;
        if (blank == length)
            continue;
        FORWARD(parse(reading, begin, length, line, &object, error));
        const primer_status status = add_item(reading, object, line, error);
        json_decref(object);
        FORWARD(status);
    }
    return PRIMER_OK;
}

static bool ends_with(const char *text, const char *ending)
{
    const size_t length = strlen(text), tail = strlen(ending);
    return length >= tail && strcmp(text + length - tail, ending) == 0;
}

static primer_status read_file(const struct reading *reading, primer_error *error)
{
    primer_status status = PRIMER_OK;
    struct buffer all = {0};
    const size_t before = reading->items->count;
    TRY(file_read(reading->path, MOST_BYTES, &all, error));
    if (all.length >= 2 && memcmp(all.bytes, "\x1f\x8b", 2) == 0)
        FAIL(PRIMER_EUNSUPPORTED, "%s: is compressed; gunzip it first", reading->path);
    TRY(ends_with(reading->path, ".json") ? read_list(reading, &all, error)
                                          : read_lines(reading, &all, error));
    if (reading->items->count == before)
        FAIL(PRIMER_EFORMAT, "%s: there is no item in it", reading->path);
cleanup:
    buffer_free(&all);
    return status;
}

primer_status data_decontaminate_items_read(struct data_decontaminate_items *items,
                                            const char *const *paths, size_t count,
                                            const char *const *fields, size_t field_count,
                                            primer_error *error)
{
    if (field_count > DATA_DECONTAMINATE_PARTS)
        return error_set(error, PRIMER_EINVAL, "fields of an item: found %zu, at most %d",
                         field_count, DATA_DECONTAMINATE_PARTS);
    for (size_t i = 0; i < count; i++) {
        const struct reading reading = {items, paths[i], fields, field_count};
        FORWARD(read_file(&reading, error));
    }
    return PRIMER_OK;
}

void data_decontaminate_items_free(struct data_decontaminate_items *items)
{
    for (size_t i = 0; i < items->count; i++) {
        for (size_t k = 0; k < items->items[i].part_count; k++)
            memory_free(items->items[i].parts[k].text);
        memory_free(items->items[i].name);
    }
    memory_free(items->items);
    *items = (struct data_decontaminate_items){0};
}
