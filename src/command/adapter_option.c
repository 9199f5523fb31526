/* adapter_option.c - see adapter_option.h. */
#include "command/adapter_option.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"

primer_status adapter_option_split(const char *text, char **path, double *scale,
                                   primer_error *error)
{
    const char *const equals = strrchr(text, '=');
    size_t length = strlen(text);
    *scale = 1;
    if (equals != NULL && equals[1] != '\0') {
        char *end = NULL;
        const double number = strtod(equals + 1, &end);
        if (*end == '\0' && !isfinite(number))
            return error_set(error, PRIMER_EINVAL,
                             "--adapter: the scale in \"%.200s\" is no finite number", text);
        if (*end == '\0') {
            *scale = number;
            length = (size_t)(equals - text);
        }
    }
    if (length == 0)
        return error_set(error, PRIMER_EINVAL, "--adapter: found \"%.200s\", expected FILE[=SCALE]",
                         text);
    *path = memory_copy_bytes(text, length);
    return *path != NULL ? PRIMER_OK : memory_failure(error, "an adapter's path", length);
}

primer_status adapter_option_open(struct settings *settings, primer_model *model,
                                  struct adapter_option *option, primer_error *error)
{
    const struct settings_list *const list = &settings->adapters;
    if (list->count > PRIMER_ADAPTERS_MOST)
        return error_set(error, PRIMER_EINVAL, "--adapter: found %zu of them, at most %d",
                         list->count, PRIMER_ADAPTERS_MOST);
    for (size_t i = 0; i < list->count; i++) {
        char *path = NULL;
        double scale = 1;
        FORWARD(adapter_option_split(list->items[i], &path, &scale, error));
        option->uses[option->count].scale = (float)scale;
        const primer_status status =
            primer_adapter_open(model, path, &option->uses[option->count].adapter, error);
        memory_free(path);
        FORWARD(status);
        option->count++;
    }
    settings->parameters.session.adapters = option->uses;
    settings->parameters.session.adapter_count = option->count;
    return PRIMER_OK;
}

void adapter_option_close(struct adapter_option *option)
{
    for (size_t i = 0; i < option->count; i++)
        primer_adapter_free(option->uses[i].adapter);
    option->count = 0;
}
