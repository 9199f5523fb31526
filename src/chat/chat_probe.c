/* chat_probe.c - what a template does and doesn't, found out by rendering short conversations.
 *
 * Names and texts that stand nowhere else are put in, and looked for in what comes out. Whether
 * calls' arguments are wanted as objects or as text: the form counts as right that comes out as
 * JSON, "primer_key": "primer_value", and not quoted twice. The first that works is taken:
 *
 *   content beside calls   arguments
 *   an empty text          object        Hermes, Qwen, Llama, Mistral, Command R
 *   none                   object
 *   an empty text          text          Functionary, FireFunction
 *   none                   text          DeepSeek
 */
#include "chat/chat_own.h"

#include <string.h>

#include "base/memory.h"

#define STEPS ((size_t)1 << 19) /* of one rendering */

#define KEY   "primer_key"
#define VALUE "primer_value"

/* ---- rendering ------------------------------------------------------------------------------- */

/* What becomes of the messages, which are taken over, as are the tools (NULL: none). */
static primer_status write_out(const primer_chat_format *format, json_t *messages, json_t *tools,
                               struct jinja_output *output, primer_error *error)
{
    const struct jinja_limits limits = {.steps = STEPS};
    struct chat_conversation conversation = {.messages = messages, .tools = tools};
    const primer_status status =
        messages == NULL ? memory_failure(error, "a chat format", 1)
                         : chat_own_render(format, &conversation, true, &limits, output, error);
    chat_json_free(&conversation);
    return status;
}

/* Whether they can be written, with all of these words (up to a NULL) in it. */
static bool writes(const primer_chat_format *format, json_t *messages, json_t *tools,
                   const char *const *words)
{
    struct jinja_output output = {0};
    if (write_out(format, messages, tools, &output, NULL) != PRIMER_OK)
        return false;
    bool there = strstr(output.text.bytes, "\\\"" KEY) == NULL;
    for (; *words != NULL; words++)
        there = there && strstr(output.text.bytes, *words) != NULL;
    buffer_free(&output.text);
    buffer_free(&output.outside);
    return there;
}

#define WORDS(...) ((const char *const[]){__VA_ARGS__, NULL})

static json_t *turn(const char *role, const char *content, bool parts)
{
    return parts ? json_pack("{s:s, s:[{s:s, s:s}]}", "role", role, "content", "type", "text",
                             "text", content)
                 : json_pack("{s:s, s:s}", "role", role, "content", content);
}

/* ---- plain conversations --------------------------------------------------------------------- */

static json_t *talk(bool parts, bool longer)
{
    return longer ? json_pack("[o, o, o]", turn("user", "primer", parts),
                              turn("assistant", "yes", parts), turn("user", "primer", parts))
                  : json_pack("[o]", turn("user", "primer", parts));
}

/* A template that can't write the simplest conversations is no use. */
static primer_status try_out(const primer_chat_format *format, bool parts, bool longer,
                             primer_error *error)
{
    struct jinja_output output = {0};
    FORWARD(write_out(format, talk(parts, longer), NULL, &output, error));
    const bool there = strstr(output.text.bytes, "primer") != NULL;
    buffer_free(&output.text);
    buffer_free(&output.outside);
    return there ? PRIMER_OK
                 : error_set(error, PRIMER_EUNSUPPORTED,
                             "the chat template leaves out what the user wrote");
}

/* Contents are texts, or, where these don't do, lists of parts; and where neither does, there may
 * have to be a list of tools. The refusal is that of the first. */
static primer_status probe_contents(primer_chat_format *format, primer_error *error)
{
    struct chat_traits *const traits = &format->traits;
    const primer_status status = try_out(format, false, false, error);
    primer_status other = status;
    for (size_t form = 1; form < 4 && other != PRIMER_OK && other != PRIMER_ENOMEM; form++) {
        traits->parts = form % 2 != 0;
        traits->empty_tools = form / 2 != 0;
        other = try_out(format, traits->parts, false, NULL);
    }
    return other == PRIMER_OK ? try_out(format, traits->parts, true, error) : status;
}

static void probe_turns(primer_chat_format *format, const char *text)
{
    struct chat_traits *const traits = &format->traits;
    const bool parts = traits->parts;
    traits->no_system = !writes(format,
                                json_pack("[o, o]", turn("system", "primer_system", parts),
                                          turn("user", "primer_user", parts)),
                                NULL, WORDS("primer_system", "primer_user"));
    traits->developer = strstr(text, "developer") != NULL &&
                        writes(format,
                               json_pack("[o, o]", turn("developer", "primer_system", parts),
                                         turn("user", "primer_user", parts)),
                               NULL, WORDS("primer_system", "primer_user"));
    traits->merges = !writes(
        format,
        json_pack("[o, o]", turn("user", "primer_one", parts), turn("user", "primer_two", parts)),
        NULL, WORDS("primer_one", "primer_two"));
}

/* ---- tools ----------------------------------------------------------------------------------- */

static json_t *tools(void)
{
    return json_pack("[{s:s, s:{s:s, s:s, s:{s:s, s:{s:{s:s, s:s}}, s:[s]}}}]", "type", "function",
                     "function", "name", "primer_tool", "description", "What it does.",
                     "parameters", "type", "object", "properties", KEY, "type", "string",
                     "description", "A key.", "required", KEY);
}

static json_t *call(const char *id, const char *name, bool text)
{
    json_t *const arguments =
        text ? json_string("{\"" KEY "\": \"" VALUE "\"}") : json_pack("{s:s}", KEY, VALUE);
    return json_pack("{s:s, s:s, s:{s:s, s:o}}", "id", id, "type", "function", "function", "name",
                     name, "arguments", arguments);
}

static json_t *result(const char *id, const char *name, const char *content)
{
    return json_pack("{s:s, s:s, s:s, s:s}", "role", "tool", "tool_call_id", id, "name", name,
                     "content", content);
}

/* A question, a turn with these calls, and what they gave. */
static json_t *conversation(const char *content, json_t *calls, json_t *results)
{
    json_t *const list = json_pack(
        "[o, {s:s, s:o, s:o}]", turn("user", "primer_user", false), "role", "assistant", "content",
        content == NULL ? json_null() : json_string(content), "tool_calls", calls);
    if (list != NULL && results != NULL)
        json_array_extend(list, results);
    json_decref(results);
    return list;
}

static json_t *one_call(const char *content, bool text)
{
    return conversation(content, json_pack("[o]", call("primer123", "primer_call", text)),
                        json_pack("[o]", result("primer123", "primer_call", "primer_result")));
}

static json_t *two_calls(const char *content, bool text)
{
    return conversation(content,
                        json_pack("[o, o]", call("primer123", "primer_call", text),
                                  call("primer456", "primer_other", text)),
                        json_pack("[o, o]", result("primer123", "primer_call", "primer_result"),
                                  result("primer456", "primer_other", "primer_end")));
}

static void probe_calls(primer_chat_format *format)
{
    struct chat_traits *const traits = &format->traits;
    if (format->style == NULL ||
        !writes(format, talk(traits->parts, false), tools(), WORDS("primer_tool")))
        return;
    for (size_t form = 0; form < 4 && !traits->tools; form++) {
        const bool none = form % 2 != 0, text = form / 2 != 0;
        traits->null_content = none;
        traits->text_arguments = text;
        traits->tools =
            writes(format, one_call(none ? NULL : "", text), tools(),
                   WORDS("primer_call", "primer_result", "\"" KEY "\"", "\"" VALUE "\""));
    }
    if (!traits->tools)
        return;
    traits->one_call =
        !writes(format, two_calls(traits->null_content ? NULL : "", traits->text_arguments),
                tools(), WORDS("primer_call", "primer_other", "primer_result", "primer_end"));
    traits->calls_alone = !writes(format, one_call("primer_words", traits->text_arguments), tools(),
                                  WORDS("primer_call"));
}

primer_status chat_probe(primer_chat_format *format, const char *text, primer_error *error)
{
    FORWARD(probe_contents(format, error));
    probe_turns(format, text);
    probe_calls(format);
    if (!format->traits.tools)
        format->style = NULL;
    return PRIMER_OK;
}
