/* chat_style.c - the tables of how calls of tools, and thinking, are written.
 *
 * Sources are the templates and model cards published with the models: Hermes and Qwen, Llama 3.1
 * to 3.3, Mistral (Nemo, and the later form with [ARGS]), Command R, DeepSeek R1, Functionary,
 * FireFunction.
 *
 * For models without a style of their own the row is Hermes', written as plain text. Many small
 * models were trained on it, whatever their templates say; a mark of its own lets text be shown
 * while it is written, which an object around the whole answer would not; and several calls need no
 * array, whose end small models forget.
 */
#include "chat/chat_format.h"

#include <string.h>

#define PYTHON_TAG "<|python_tag|>"

/* The more particular signs first. */
static const struct chat_style table[] = {
    {
        .name = "deepseek",
        .section_open = "<｜tool▁calls▁begin｜>",
        .section_close = "<｜tool▁calls▁end｜>",
        .call_open = "<｜tool▁call▁begin｜>function<｜tool▁sep｜>",
        .name_end = "\n```json\n",
        .call_close = "\n```<｜tool▁call▁end｜>",
        .between = "\n",
        .has = {"<｜tool▁calls▁begin｜>", "<｜tool▁sep｜>"},
    },
    {
        .name = "command-r7b",
        .section_open = "<|START_ACTION|>",
        .section_close = "<|END_ACTION|>",
        .list = true,
        .head = "\"tool_call_id\": \"%\", ",
        .name_key = "tool_name",
        .arguments_key = "parameters",
        .text_open = "<|START_RESPONSE|>",
        .text_close = "<|END_RESPONSE|>",
        .has = {"<|START_ACTION|>"},
    },
    {
        .name = "command-r",
        .section_open = "Action:\n```json\n",
        .section_close = "\n```",
        .list = true,
        .name_key = "tool_name",
        .arguments_key = "parameters",
        .has = {"Action:", "```json", "tool_name"},
    },
    {
        .name = "functionary-3.2",
        .call_open = ">>>",
        .name_end = "\n",
        .everyone = "all",
        .begun = true,
        .has = {">>>all", "recipient"},
    },
    {
        .name = "functionary-3.1",
        .call_open = "<function=",
        .name_end = ">",
        .call_close = "</function>",
        .has = {"<function=", "</function>"},
        .lacks = {"<parameter="},
    },
    {
        .name = "firefunction",
        .section_open = "functools",
        .list = true,
        .listed = true,
        .name_key = "name",
        .arguments_key = "arguments",
        .has = {"functools["},
    },
    {
        .name = "mistral-arguments",
        .call_open = "[TOOL_CALLS]",
        .name_end = "[ARGS]",
        .has = {"[TOOL_CALLS]", "[ARGS]"},
        .lacks = {"[CALL_ID]"},
    },
    {
        .name = "mistral",
        .section_open = "[TOOL_CALLS]",
        .list = true,
        .ids = true,
        .name_key = "name",
        .arguments_key = "arguments",
        .has = {"[TOOL_CALLS]"},
        .lacks = {"[ARGS]"},
    },
    {
        .name = "hermes",
        .call_open = "<tool_call>\n",
        .call_close = "\n</tool_call>",
        .between = "\n",
        .name_key = "name",
        .arguments_key = "arguments",
        .has = {"<tool_call>", "</tool_call>", "arguments"},
        .lacks = {"<parameter=", "<arg_key>"},
    },
    {
        .name = "llama-3",
        .other_open = PYTHON_TAG,
        .bare = true,
        .alone = true,
        .name_key = "name",
        .arguments_key = "parameters",
        .has = {"<|start_header_id|>", "\"parameters\"", "tool_calls"},
    },
};
enum { STYLES = sizeof table / sizeof table[0] };

static const struct chat_style generic = {
    .name = "generic",
    .call_open = "<tool_call>\n",
    .call_close = "\n</tool_call>",
    .between = "\n",
    .name_key = "name",
    .arguments_key = "arguments",
};

static const struct chat_thinking thinking[] = {
    {"<think>", "</think>"},
    {"<|START_THINKING|>", "<|END_THINKING|>"},
    {"[THINK]", "[/THINK]"},
    {"<seed:think>", "</seed:think>"},
};
enum { THINKING = sizeof thinking / sizeof thinking[0] };

static bool is_written_in(const struct chat_style *style, const char *template)
{
    for (size_t i = 0; i < CHAT_STYLE_SIGNS && style->has[i] != NULL; i++)
        if (strstr(template, style->has[i]) == NULL)
            return false;
    for (size_t i = 0; i < CHAT_STYLE_SIGNS && style->lacks[i] != NULL; i++)
        if (strstr(template, style->lacks[i]) != NULL)
            return false;
    return true;
}

const struct chat_style *chat_style_of(const char *template)
{
    for (size_t i = 0; i < STYLES; i++)
        if (is_written_in(&table[i], template))
            return &table[i];
    return NULL;
}

const struct chat_style *chat_style_named(const char *name)
{
    for (size_t i = 0; i < STYLES; i++)
        if (strcmp(table[i].name, name) == 0)
            return &table[i];
    return strcmp(generic.name, name) == 0 ? &generic : NULL;
}

const struct chat_style *chat_style_generic(void)
{
    return &generic;
}

const struct chat_thinking *chat_style_thinking(const char *template)
{
    for (size_t i = 0; i < THINKING; i++)
        if (strstr(template, thinking[i].close) != NULL)
            return &thinking[i];
    return NULL;
}

/* ---- what others ask of a format ------------------------------------------------------------- */

bool primer_chat_format_tools(const primer_chat_format *format)
{
    return format->traits.tools || format->with_tools != NULL;
}

bool primer_chat_format_thinks(const primer_chat_format *format)
{
    return format->thinking != NULL;
}

const char *primer_chat_format_thinking_begin(const primer_chat_format *format)
{
    return format->thinking == NULL ? NULL : format->thinking->open;
}

const char *primer_chat_format_thinking_end(const primer_chat_format *format)
{
    return format->thinking == NULL ? NULL : format->thinking->close;
}

static bool is_space(char c)
{
    return c == ' ' || c == '\n' || c == '\t' || c == '\r';
}

/* Whether the mark is the last thing in the text but for white space. */
static bool ends_with(const char *text, size_t length, const char *mark)
{
    const size_t mark_length = strlen(mark);
    while (length > 0 && is_space(text[length - 1]))
        length--;
    return length >= mark_length && memcmp(text + length - mark_length, mark, mark_length) == 0;
}

bool primer_chat_format_thinking_open(const primer_chat_format *format, const char *text,
                                      size_t length)
{
    return format->thinking != NULL && ends_with(text, length, format->thinking->open);
}

bool primer_chat_format_thinking_closed(const primer_chat_format *format, const char *text,
                                        size_t length)
{
    return format->thinking != NULL && ends_with(text, length, format->thinking->close);
}
