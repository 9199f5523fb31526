/* lora.c - see lora.h. */
#include "server/lora.h"

#include <math.h>

#include "server/endpoints.h"
#include "server/json_body.h"
#include "server/state.h"

primer_status lora_read(struct fields *fields, json_t **list, primer_error *error)
{
    return fields_array(fields, "lora", list, error);
}

static primer_status wrong(struct problem *problem, size_t index, primer_error *error,
                           const char *what, size_t count)
{
    return problem_set(problem, 400, NULL, "lora", PRIMER_EINVAL, error, "lora[%zu]: %s (%zu %s)",
                       index, what, count,
                       count == 1 ? "adapter is loaded" : "adapters are loaded");
}

/* The scales [count] that a list asks for: 0 where it names none. */
static primer_status read_scales(const json_t *list, float *scales, size_t count,
                                 struct problem *problem, primer_error *error)
{
    for (size_t i = 0; i < count; i++)
        scales[i] = 0;
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *const item = json_array_get(list, i);
        const json_t *const id = json_object_get(item, "id"), *const scale =
                                                                  json_object_get(item, "scale");
        if (!json_is_object(item) || !json_is_integer(id) || !json_is_number(scale))
            return wrong(problem, i, error,
                         "expected {\"id\": a whole number, \"scale\": a number}", count);
        if (json_integer_value(id) < 0 || (uint64_t)json_integer_value(id) >= count)
            return wrong(problem, i, error, "there is no adapter of this id", count);
        const float value = (float)json_number_value(scale);
        if (!isfinite(value))
            return wrong(problem, i, error, "the scale is no finite number", count);
        scales[json_integer_value(id)] = value;
    }
    return PRIMER_OK;
}

primer_status lora_apply(const json_t *list, struct catalog_use *use, struct problem *problem,
                         primer_error *error)
{
    float scales[PRIMER_ADAPTERS_MOST];
    if (list == NULL)
        return PRIMER_OK;
    FORWARD(read_scales(list, scales, use->adapter_count, problem, error));
    for (size_t i = 0; i < use->adapter_count; i++)
        use->adapters[i].scale = scales[i];
    return PRIMER_OK;
}

/* ---- the calls ------------------------------------------------------------------------------- */

static primer_status answer_list(struct exchange *exchange, primer_error *error)
{
    float scales[PRIMER_ADAPTERS_MOST];
    struct server *const server = exchange_server(exchange);
    const size_t count = server->options.adapter_count;
    json_t *const list = json_array();
    catalog_scales(server->catalog, scales);
    for (size_t i = 0; i < count; i++)
        json_array_append_new(list, json_pack("{s:I, s:s, s:f}", "id", (json_int_t)i, "path",
                                              server->options.adapters[i].path, "scale",
                                              (double)scales[i]));
    if (list != NULL && json_array_size(list) == count)
        return exchange_answer_json(exchange, 200, list, error);
    json_decref(list);
    return error_set(error, PRIMER_ENOMEM, "no memory for a list of %zu adapters", count);
}

primer_status lora_list(struct exchange *exchange, primer_error *error)
{
    return answer_list(exchange, error);
}

primer_status lora_set(struct exchange *exchange, primer_error *error)
{
    primer_status status = PRIMER_OK;
    struct server *const server = exchange_server(exchange);
    struct problem *const problem = exchange_problem(exchange);
    float scales[PRIMER_ADAPTERS_MOST];
    size_t length = 0;
    const char *const body = exchange_body(exchange, &length);
    json_t *list = NULL;
    primer_error found = {0};
    if (json_body_parse(body, length, &list, &found) != PRIMER_OK || !json_is_array(list)) {
        status = problem_set(problem, 400, NULL, NULL, PRIMER_EINVAL, error,
                             "the request body%s%s, expected a list of {\"id\", \"scale\"}",
                             list == NULL ? " " : " is something else", found.message);
        goto cleanup;
    }
    TRY(read_scales(list, scales, server->options.adapter_count, problem, error));
    catalog_set_scales(server->catalog, scales);
    status = answer_list(exchange, error);
cleanup:
    json_decref(list);
    return status;
}
