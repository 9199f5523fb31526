/* fuzz_recipe.c - any bytes as a recipe, up to the first 0, and those behind each further 0 as an
 * override: they are refused with a message, or what was read, written down line by line, is read
 * as the same again.
 */
#include <inttypes.h>
#include <string.h>

#include "base/buffer.h"
#include "base/memory.h"
#include "fuzz_driver.h"
#include "train/train_recipe.h"

enum { OVERRIDES_MOST = 8 };

#define OF(field_) offsetof(primer_recipe, field_)

/* Fields that would be refused in this recipe, since they have no effect. */
static bool has_no_effect(const primer_recipe *r, size_t offset)
{
    if (offset == OF(architecture) || offset == OF(tokenizer) || offset == OF(tied) ||
        offset == OF(initial_deviation) || (offset >= OF(layers) && offset <= OF(context)))
        return r->model != NULL;
    if (offset == OF(temperature) || offset == OF(mix))
        return r->teacher == NULL;
    if (offset == OF(lora_alpha) || offset == OF(lora_dropout) || offset == OF(lora_targets))
        return r->lora_rank == 0;
    if (offset == OF(output_type))
        return r->lora_rank > 0;
    if (offset == OF(final_rate))
        return strcmp(r->schedule, "constant") == 0;
    return offset == OF(decay_steps) && strcmp(r->schedule, "stable") != 0;
}

static void write_text(struct buffer *out, const char *name, const char *text)
{
    buffer_format(out, NULL, "%s = \"", name);
    for (; *text != '\0'; text++) {
        if (*text == '"' || *text == '\\')
            buffer_format(out, NULL, "\\%c", *text);
        else if (*text == '\n')
            buffer_text(out, "\\n", NULL);
        else
            buffer_append(out, text, 1, NULL);
    }
    buffer_text(out, "\"", NULL);
}

static void write_field(struct buffer *out, const primer_recipe *recipe,
                        const struct train_recipe_field *field)
{
    const void *const slot = (const char *)recipe + field->offset;
    const char *const name = field->shown.name;
    const primer_recipe_source *const sources = slot;
    switch (field->kind) {
    case TRAIN_RECIPE_TEXT:
    case TRAIN_RECIPE_PATH:
    case TRAIN_RECIPE_CHOICE:
        if (*(char *const *)slot != NULL)
            write_text(out, name, *(char *const *)slot);
        break;
    case TRAIN_RECIPE_SIZE:
        buffer_format(out, NULL, "%s = %zu", name, *(const size_t *)slot);
        break;
    case TRAIN_RECIPE_COUNT:
        buffer_format(out, NULL, "%s = %" PRIu64, name, *(const uint64_t *)slot);
        break;
    case TRAIN_RECIPE_REAL:
        buffer_format(out, NULL, "%s = %.17g", name, *(const double *)slot);
        break;
    case TRAIN_RECIPE_FLAG:
        buffer_format(out, NULL, "%s = %s", name, *(const bool *)slot ? "yes" : "no");
        break;
    case TRAIN_RECIPE_SOURCE:
        for (size_t i = 0;
             i < *(const size_t *)(const void *)((const char *)recipe + field->count_offset); i++) {
            write_text(out, name, sources[i].path);
            buffer_format(out, NULL, " %.17g\n", sources[i].weight);
        }
        break;
    }
    buffer_text(out, "\n", NULL);
}

static void write_recipe(struct buffer *out, const primer_recipe *recipe)
{
    for (size_t i = 0; train_recipe_field_at(i) != NULL; i++)
        if (!has_no_effect(recipe, train_recipe_field_at(i)->offset))
            write_field(out, recipe, train_recipe_field_at(i));
}

static void check_again(const primer_recipe *recipe)
{
    struct buffer text = {0}, again_text = {0};
    primer_recipe *again = NULL;
    primer_error error = {0};
    write_recipe(&text, recipe);
    if (train_recipe_parse(text.bytes, text.length, "input", NULL, 0, &again, &error) !=
        PRIMER_OK) {
        fprintf(stderr, "%s%s\n", text.bytes, error.message);
        fuzz_check(false, "what was read can be written and read");
    }
    write_recipe(&again_text, again);
    fuzz_check(text.length == again_text.length &&
                   memcmp(text.bytes, again_text.bytes, text.length) == 0,
               "what was read is read as the same again");
    fuzz_check(train_recipe_hash(recipe) == train_recipe_hash(again), "its identity is the same");
    primer_recipe_free(again);
    buffer_free(&text);
    buffer_free(&again_text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    primer_error error = {0};
    primer_recipe *recipe = NULL;
    const char *overrides[OVERRIDES_MOST];
    size_t count = 0;
    char *const text = memory_copy_bytes(data, size); /* ends with a 0 */
    fuzz_check(text != NULL, "memory for the input");
    const size_t length = strlen(text);
    for (size_t at = length + 1; at < size && count < OVERRIDES_MOST; at += strlen(text + at) + 1)
        overrides[count++] = text + at;
    const primer_status status =
        train_recipe_parse(text, length, "input", overrides, count, &recipe, &error);
    fuzz_status(status, &error);
    fuzz_check((status == PRIMER_OK) == (recipe != NULL), "a recipe comes out on success alone");
    if (recipe != NULL)
        check_again(recipe);
    primer_recipe_free(recipe);
    memory_free(text);
    return 0;
}
