/* ollama_generate.c - POST /api/generate.
 *
 *   {model, prompt, suffix, system, template, context[], raw, images[], ... as /api/chat}
 *
 *   raw           the prompt's text as it is
 *   suffix        prompt and suffix around a gap, by the template or the model's own tokens for it
 *   else          system and prompt as a conversation of two messages, after `context`; by
 *                 `template`, in Go's language, or the model's own
 *
 * Without a prompt the model is loaded, or unloaded.
 */
#include "server/endpoints.h"

#include "base/memory.h"
#include "server/ollama_messages.h"
#include "server/ollama_prompt.h"
#include "server/ollama_reply.h"

struct generate {
    struct ollama_request request;
    const char *prompt, *suffix, *system, *template_text;
    json_t *context; /* borrowed, or NULL */
    bool raw, render_only;
};

static primer_status read_generate(struct generate *generate, struct exchange *exchange,
                                   primer_error *error)
{
    struct ollama_request *const request = &generate->request;
    struct fields *const fields = &request->fields;
    json_t *images = NULL;
    FORWARD(ollama_request_open(request, exchange, error));
    FORWARD(fields_text(fields, "prompt", &generate->prompt, error));
    FORWARD(fields_text(fields, "suffix", &generate->suffix, error));
    FORWARD(fields_text(fields, "system", &generate->system, error));
    FORWARD(fields_text(fields, "template", &generate->template_text, error));
    FORWARD(fields_array(fields, "context", &generate->context, error));
    FORWARD(fields_array(fields, "images", &images, error));
    FORWARD(fields_bool(fields, "raw", &generate->raw, error));
    FORWARD(fields_bool(fields, "_debug_render_only", &generate->render_only, error));
    return ollama_messages_no_images(images, "images", exchange_problem(exchange), error);
}

/* Members that say how a prompt is written have no meaning where it is taken as it is. */
static primer_status check_together(struct generate *generate, primer_error *error)
{
    struct fields *const fields = &generate->request.fields;
    static const char raw[] = "raw mode does not support template, system, or context";
    static const char gap[] = "a suffix does not go with system or context";
    const bool has_gap = *generate->suffix != '\0';
    if (!generate->raw && !has_gap)
        return PRIMER_OK;
    if (generate->raw)
        FORWARD(fields_refuse(fields, "template", raw, error));
    FORWARD(fields_refuse(fields, "system", generate->raw ? raw : gap, error));
    FORWARD(fields_refuse(fields, "context", generate->raw ? raw : gap, error));
    if (generate->raw && has_gap)
        return fields_wrong(fields, "suffix", error, "raw mode does not support a suffix");
    return PRIMER_OK;
}

/* [system,] user; a suffix is told to the template. A new reference; NULL: no memory. */
static json_t *conversation_of(struct generate *generate)
{
    json_t *const variables = ollama_request_variables(&generate->request);
    json_t *const messages = json_array();
    bool complete = messages != NULL && variables != NULL;
    if (complete && *generate->system != '\0')
        complete = json_array_append_new(messages, json_pack("{s:s, s:s}", "role", "system",
                                                             "content", generate->system)) == 0;
    if (complete && *generate->suffix != '\0')
        complete = json_object_set_new(variables, "suffix", json_string(generate->suffix)) == 0;
    if (complete)
        complete = json_array_append_new(messages, json_pack("{s:s, s:s}", "role", "user",
                                                             "content", generate->prompt)) == 0;
    if (complete)
        return json_pack("{s:o, s:o}", "messages", messages, "variables", variables);
    json_decref(messages);
    json_decref(variables);
    return NULL;
}

static primer_status read_conversation(struct generate *generate, primer_error *error)
{
    json_t *const conversation = conversation_of(generate);
    if (conversation == NULL)
        return memory_failure(error, "a conversation", 0);
    const primer_status status = ollama_prompt_read(&generate->request, conversation, error);
    json_decref(conversation);
    return status;
}

/* A gap is filled by a template that knows how, else by the model's own tokens for it. */
static primer_status read_prompt(struct generate *generate, primer_error *error)
{
    struct ollama_request *const request = &generate->request;
    if (generate->raw)
        return ollama_prompt_raw(request, generate->prompt, error);
    if (*generate->suffix != '\0' && !primer_chat_format_fills(request->use.format)) {
        FORWARD(fields_refuse(&request->fields, "template", "does not look at .Suffix", error));
        return ollama_prompt_gap(request, generate->prompt, generate->suffix, error);
    }
    FORWARD(read_conversation(generate, error));
    return ollama_prompt_prepend(request, generate->context, error);
}

static primer_status run(struct generate *generate, struct exchange *exchange, primer_error *error)
{
    struct ollama_request *const request = &generate->request;
    FORWARD(read_generate(generate, exchange, error));
    FORWARD(check_together(generate, error));
    const bool gap = *generate->suffix != '\0';
    if (*generate->prompt == '\0' && !gap)
        return ollama_request_load(request, false, error);
    FORWARD(ollama_request_use(request, error));
    FORWARD(ollama_request_set_format(request, generate->template_text, error));
    FORWARD(read_prompt(generate, error));
    if (generate->render_only)
        return ollama_prompt_show(request, error);
    const struct ollama_answer answer = {.parsed = !generate->raw && !gap,
                                         .with_context = !generate->raw};
    return ollama_request_answer(request, &answer, error);
}

primer_status ollama_generate(struct exchange *exchange, primer_error *error)
{
    struct generate generate = {.prompt = "", .suffix = "", .system = "", .template_text = ""};
    const primer_status status = run(&generate, exchange, error);
    ollama_request_close(&generate.request);
    return status;
}
