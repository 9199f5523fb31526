/* ollama_prompt.c - prompts: a conversation, raw text, text around a gap, ids of before.
 *
 *   gap      [BOS] PREFIX before SUFFIX after MIDDLE   the three tokens are named in the file's
 *                                                      metadata; what is written next fills the gap
 *   context  [BOS] context ids, prompt without its BOS
 */
#include "server/ollama_prompt.h"

#include <string.h>

#include "base/clock.h"
#include "base/memory.h"
#include "server/ollama_details.h"
#include "server/ollama_reply.h"
#include "server/ollama_time.h"

static void set_ids(struct ollama_request *request, int32_t *ids, size_t count)
{
    primer_free(request->ids);
    request->ids = ids;
    request->count = count;
}

static struct problem *problem_of(const struct ollama_request *request)
{
    return exchange_problem(request->exchange);
}

primer_status ollama_prompt_read(struct ollama_request *request, json_t *conversation,
                                 primer_error *error)
{
    int32_t *ids = NULL;
    size_t count = 0;
    FORWARD(server_answer_conversation(request->exchange, &request->use, conversation, &ids, &count,
                                &request->thoughts, error));
    set_ids(request, ids, count);
    return PRIMER_OK;
}

primer_status ollama_prompt_raw(struct ollama_request *request, const char *text,
                                primer_error *error)
{
    int32_t *ids = NULL;
    size_t count = 0;
    FORWARD(primer_tokenize(request->use.model, text, strlen(text),
                            PRIMER_TEXT_SPECIAL | PRIMER_TEXT_BOS, &ids, &count, error));
    set_ids(request, ids, count);
    return PRIMER_OK;
}

/* ---- ids one after the other ----------------------------------------------------------------- */

struct ids {
    int32_t *list; /* [count] */
    size_t count, capacity;
};

static primer_status append_ids(struct ids *ids, const int32_t *more, size_t count,
                                primer_error *error)
{
    if (ids->capacity - ids->count < count) {
        const size_t capacity = 2 * ids->capacity + count;
        int32_t *const list = memory_resize(ids->list, capacity, sizeof *list);
        if (list == NULL)
            return memory_failure(error, "a prompt", capacity * sizeof *list);
        ids->list = list;
        ids->capacity = capacity;
    }
    if (count > 0)
        memcpy(ids->list + ids->count, more, count * sizeof *more);
    ids->count += count;
    return PRIMER_OK;
}

static primer_status append_text(struct ids *ids, const primer_model *model, const char *text,
                                 unsigned flags, primer_error *error)
{
    int32_t *more = NULL;
    size_t count = 0;
    FORWARD(primer_tokenize(model, text, strlen(text), flags, &more, &count, error));
    const primer_status status = append_ids(ids, more, count, error);
    primer_free(more);
    return status;
}

/* ---- a gap ----------------------------------------------------------------------------------- */

primer_status ollama_prompt_gap(struct ollama_request *request, const char *before,
                                const char *after, primer_error *error)
{
    const primer_model *const model = request->use.model;
    struct ids ids = {0};
    json_t *description = NULL;
    int32_t gap[OLLAMA_GAP_TOKENS];
    primer_status status = PRIMER_OK;
    TRY(ollama_details_describe(request->use.entry, 0, &description, error));
    if (!ollama_details_gap_tokens(description, gap))
        TRY(problem_set(problem_of(request), 400, NULL, "suffix", PRIMER_EUNSUPPORTED, error,
                        "\"%s\" does not support insert", request->use.entry->name));
    TRY(append_text(&ids, model, "", PRIMER_TEXT_BOS, error));
    TRY(append_ids(&ids, &gap[0], 1, error));
    TRY(append_text(&ids, model, before, PRIMER_TEXT_CONTINUE, error));
    TRY(append_ids(&ids, &gap[1], 1, error));
    TRY(append_text(&ids, model, after, PRIMER_TEXT_CONTINUE, error));
    TRY(append_ids(&ids, &gap[2], 1, error));
    set_ids(request, ids.list, ids.count);
    ids = (struct ids){0};
cleanup:
    memory_free(ids.list);
    json_decref(description);
    return status;
}

/* ---- ids of before --------------------------------------------------------------------------- */

static primer_status read_context(struct ollama_request *request, json_t *context, struct ids *ids,
                                  primer_error *error)
{
    const size_t vocabulary = primer_model_info(request->use.model)->vocabulary;
    size_t index;
    json_t *value;
    json_array_foreach(context, index, value)
    {
        const json_int_t id = json_is_integer(value) ? json_integer_value(value) : -1;
        if (id < 0 || (size_t)id >= vocabulary)
            return problem_set(problem_of(request), 400, NULL, "context", PRIMER_EINVAL, error,
                               "context[%zu]: expected a token's number below %zu, found %s", index,
                               vocabulary,
                               json_is_integer(value) ? "another" : fields_type_name(value));
        const int32_t one = (int32_t)id;
        FORWARD(append_ids(ids, &one, 1, error));
    }
    return PRIMER_OK;
}

static size_t begins_with_bos(const primer_model *model, const int32_t *ids, size_t count)
{
    return count > 0 && ids[0] == primer_token_bos(model) ? 1 : 0;
}

primer_status ollama_prompt_prepend(struct ollama_request *request, json_t *context,
                                    primer_error *error)
{
    const primer_model *const model = request->use.model;
    struct ids before = {0}, all = {0};
    primer_status status = PRIMER_OK;
    if (json_array_size(context) == 0)
        return PRIMER_OK;
    request->droppable = "ids of context";
    TRY(read_context(request, context, &before, error));
    const size_t bos = begins_with_bos(model, before.list, before.count);
    const size_t skipped = begins_with_bos(model, request->ids, request->count);
    const size_t whole = before.count + request->count - skipped;
    size_t dropped = 0;
    if (request->truncate && whole >= request->context) {
        const size_t excess = whole - (request->context - 1), most = before.count - bos;
        dropped = excess < most ? excess : most;
    }
    TRY(append_ids(&all, before.list, bos, error));
    TRY(append_ids(&all, before.list + bos + dropped, before.count - bos - dropped, error));
    TRY(append_ids(&all, request->ids + skipped, request->count - skipped, error));
    set_ids(request, all.list, all.count);
    request->dropped_tokens = dropped;
    all = (struct ids){0};
cleanup:
    memory_free(before.list);
    memory_free(all.list);
    return status;
}

/* ---- shown ----------------------------------------------------------------------------------- */

primer_status ollama_prompt_show(struct ollama_request *request, primer_error *error)
{
    char now[OLLAMA_TIME_BYTES], *text = NULL;
    size_t length = 0;
    struct buffer out = {0};
    primer_status status = PRIMER_OK;
    const char *const name =
        *request->target.name != '\0' ? request->target.name : request->use.entry->name;
    TRY(primer_detokenize(request->use.model, request->ids, request->count, PRIMER_TEXT_SPECIAL,
                          &text, &length, error));
    TRY(buffer_text(&out, "{\"model\":", error));
    TRY(buffer_json_string(&out, name, strlen(name), error));
    TRY(buffer_format(&out, error, ",\"created_at\":\"%s\",\"_debug_info\":{\"rendered_template\":",
                      ollama_time_precise(clock_wall_nanoseconds(), now)));
    TRY(buffer_json_string(&out, text, length, error));
    TRY(buffer_text(&out, "}}", error));
    TRY(exchange_answer(request->exchange, 200, OLLAMA_JSON_TYPE, out.bytes, out.length, error));
cleanup:
    primer_free(text);
    buffer_free(&out);
    return status;
}
