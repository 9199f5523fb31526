/* fields.c - see fields.h. */
#include "server/fields.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/memory.h"

enum { WARNINGS_MOST = 32, NAME_SHOWN = 64 };

primer_status fields_open(struct fields *fields, json_t *object, const char *where,
                          struct problem *problem, primer_error *error)
{
    *fields = (struct fields){.object = object, .where = where, .problem = problem};
    fields->known = json_object();
    return fields->known != NULL ? PRIMER_OK : memory_failure(error, "a request's members", 64);
}

void fields_close(struct fields *fields)
{
    json_decref(fields->known);
    fields->known = NULL;
}

const char *fields_type_name(const json_t *value)
{
    static const char *const names[] = {
        [JSON_OBJECT] = "an object", [JSON_ARRAY] = "an array", [JSON_STRING] = "a text",
        [JSON_INTEGER] = "a number", [JSON_REAL] = "a number",  [JSON_TRUE] = "true",
        [JSON_FALSE] = "false",      [JSON_NULL] = "null",
    };
    return value == NULL ? "nothing" : names[json_typeof(value)];
}

static void full_name(const struct fields *fields, const char *name, char *out, size_t capacity)
{
    snprintf(out, capacity, "%s%s%s", fields->where, *fields->where != '\0' ? "." : "", name);
}

primer_status fields_wrong(struct fields *fields, const char *name, primer_error *error,
                           const char *format, ...)
{
    char full[PROBLEM_PARAM_BYTES], sentence[512];
    full_name(fields, name, full, sizeof full);
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(sentence, sizeof sentence, format, arguments);
    va_end(arguments);
    return problem_set(fields->problem, 400, NULL, full, PRIMER_EINVAL, error, "%s: %s", full,
                       sentence);
}

static primer_status wrong_type(struct fields *fields, const char *name, const char *expected,
                                const json_t *found, primer_error *error)
{
    return fields_wrong(fields, name, error, "expected %s, found %s", expected,
                        fields_type_name(found));
}

void fields_ignore(struct fields *fields, const char *name)
{
    json_object_set_new_nocheck(fields->known, name, json_true());
}

json_t *fields_any(struct fields *fields, const char *name)
{
    fields_ignore(fields, name);
    json_t *value = json_object_get(fields->object, name);
    return json_is_null(value) ? NULL : value;
}

primer_status fields_text(struct fields *fields, const char *name, const char **value,
                          primer_error *error)
{
    json_t *found = fields_any(fields, name);
    if (found == NULL)
        return PRIMER_OK;
    if (!json_is_string(found))
        return wrong_type(fields, name, "a text", found, error);
    *value = json_string_value(found);
    return PRIMER_OK;
}

primer_status fields_bool(struct fields *fields, const char *name, bool *value, primer_error *error)
{
    json_t *found = fields_any(fields, name);
    if (found == NULL)
        return PRIMER_OK;
    if (!json_is_boolean(found))
        return wrong_type(fields, name, "true or false", found, error);
    *value = json_is_true(found);
    return PRIMER_OK;
}

primer_status fields_real(struct fields *fields, const char *name, double least, double most,
                          double *value, primer_error *error)
{
    json_t *found = fields_any(fields, name);
    if (found == NULL)
        return PRIMER_OK;
    if (!json_is_number(found))
        return wrong_type(fields, name, "a number", found, error);
    const double number = json_number_value(found);
    if (!(number >= least && number <= most))
        return fields_wrong(fields, name, error, "expected a number from %g to %g, found %g", least,
                            most, number);
    *value = number;
    return PRIMER_OK;
}

primer_status fields_integer(struct fields *fields, const char *name, int64_t least, int64_t most,
                             int64_t *value, primer_error *error)
{
    json_t *found = fields_any(fields, name);
    if (found == NULL)
        return PRIMER_OK;
    if (!json_is_number(found))
        return wrong_type(fields, name, "a whole number", found, error);
    const double real = json_number_value(found);
    if (json_is_real(found) && (real != floor(real) || fabs(real) > 9e15))
        return fields_wrong(fields, name, error, "expected a whole number, found %g", real);
    const int64_t number = json_is_real(found) ? (int64_t)real : json_integer_value(found);
    if (number < least || number > most)
        return fields_wrong(fields, name, error,
                            "expected a whole number from %lld to %lld, found %lld",
                            (long long)least, (long long)most, (long long)number);
    *value = number;
    return PRIMER_OK;
}

primer_status fields_size(struct fields *fields, const char *name, size_t least, size_t most,
                          size_t *value, primer_error *error)
{
    int64_t number = -1;
    FORWARD(fields_integer(fields, name, (int64_t)least, (int64_t)most, &number, error));
    if (number >= 0)
        *value = (size_t)number;
    return PRIMER_OK;
}

primer_status fields_object(struct fields *fields, const char *name, json_t **value,
                            primer_error *error)
{
    json_t *found = fields_any(fields, name);
    if (found != NULL && !json_is_object(found))
        return wrong_type(fields, name, "an object", found, error);
    if (found != NULL)
        *value = found;
    return PRIMER_OK;
}

primer_status fields_array(struct fields *fields, const char *name, json_t **value,
                           primer_error *error)
{
    json_t *found = fields_any(fields, name);
    if (found != NULL && !json_is_array(found))
        return wrong_type(fields, name, "an array", found, error);
    if (found != NULL)
        *value = found;
    return PRIMER_OK;
}

primer_status fields_texts(struct fields *fields, const char *name, size_t most,
                           const char ***texts, size_t *count, primer_error *error)
{
    json_t *found = fields_any(fields, name);
    if (found == NULL)
        return PRIMER_OK;
    const size_t items = json_is_array(found) ? json_array_size(found) : 1;
    if (!json_is_string(found) && !json_is_array(found))
        return wrong_type(fields, name, "a text or an array of texts", found, error);
    if (items > most)
        return fields_wrong(fields, name, error, "expected at most %zu texts, found %zu", most,
                            items);
    const char **list = memory_allocate(items, sizeof *list);
    if (list == NULL)
        return memory_failure(error, name, items * sizeof *list);
    for (size_t i = 0; i < items; i++) {
        const json_t *item = json_is_array(found) ? json_array_get(found, i) : found;
        if (!json_is_string(item)) {
            memory_free(list);
            char indexed[NAME_SHOWN];
            snprintf(indexed, sizeof indexed, "%s[%zu]", name, i);
            return wrong_type(fields, indexed, "a text", item, error);
        }
        list[i] = json_string_value(item);
    }
    memory_free(*texts);
    *texts = list;
    *count = items;
    return PRIMER_OK;
}

primer_status fields_refuse(struct fields *fields, const char *name, const char *why,
                            primer_error *error)
{
    const json_t *found = fields_any(fields, name);
    const bool empty = found == NULL || json_is_false(found) ||
                       (json_is_number(found) && json_number_value(found) == 0) ||
                       (json_is_string(found) && json_string_length(found) == 0) ||
                       (json_is_array(found) && json_array_size(found) == 0) ||
                       (json_is_object(found) && json_object_size(found) == 0);
    return empty ? PRIMER_OK : fields_wrong(fields, name, error, "%s", why);
}

primer_status fields_warn(const struct fields *fields, json_t *warnings, primer_error *error)
{
    const char *name;
    json_t *value;
    json_object_foreach(fields->object, name, value)
    {
        if (json_object_get(fields->known, name) != NULL ||
            json_array_size(warnings) >= WARNINGS_MOST)
            continue;
        char shown[NAME_SHOWN], full[PROBLEM_PARAM_BYTES];
        full_name(fields, error_printable(name, strlen(name), shown, sizeof shown), full,
                  sizeof full);
        if (json_array_append_new(warnings, json_sprintf("%s: unknown, ignored", full)) != 0)
            return memory_failure(error, "warnings", sizeof full);
    }
    return PRIMER_OK;
}
