/* go_template.h - prompt templates in the language of Go's text/template, as Ollama's models and
 * requests carry them.
 *
 * The language is Go's (https://pkg.go.dev/text/template, 1.24: break and continue, else with,
 * range over whole numbers), the functions are its own but for html, js, urlquery and call, which
 * are refused by name, and Ollama's json, currentDate, yesterdayDate, toTypeScriptType. A key
 * that is missing is nil.
 *
 *   text -> tokens (go_template_lexer.c) -> tree (.._parser.c) -> bytes (.._run.c, .._pipeline.c)
 *
 * What a template sees:
 *
 *   with .Messages  .System .Messages .Tools .Response (empty); messages of one role that follow
 *                   each other, but for a tool's, are one
 *   without         .System .Prompt .Response, once for each turn, one text after the other; of the
 *                   last turn only what comes before the answer, and the answer's begin if there is
 *                   one. Where the text has no .Response, it stands at the end
 *   to fill a gap   .Prompt .Suffix .Response (empty)
 *   always          .Think .ThinkLevel .IsThinkSet
 *   a message       .Role .Content .Thinking .Images .ToolCalls .ToolName .ToolCallID
 *   a call          .ID .Function.Index .Function.Name .Function.Arguments
 *   a tool          .Type .Items .Function.Name .Function.Description .Function.Parameters.Type
 *                   .Defs .Items .Required .Properties
 *   a property      .AnyOf .Type .Items .Description .Enum .Properties .Required
 *
 * Tools, their functions, parameters, properties and arguments print as JSON. A template is as
 * distrusted as one in Jinja (jinja.h), with the same limits and the same marks on what it
 * writes.
 */
#ifndef CHAT_GO_TEMPLATE_H
#define CHAT_GO_TEMPLATE_H

#include <stdbool.h>
#include "chat/jinja.h"

struct go_template;

/* What a template asks for. */
enum {
    GO_TEMPLATE_MESSAGES = 1,
    GO_TEMPLATE_RESPONSE = 2,
    GO_TEMPLATE_TOOLS = 4,
    GO_TEMPLATE_THINKING = 8, /* .Thinking, .Think, .ThinkLevel */
    GO_TEMPLATE_SUFFIX = 16
};

/* Errors name the template's line. The text isn't kept. */
primer_status go_template_compile(const char *text, size_t length, struct go_template **template,
                                  primer_error *error);
void go_template_free(struct go_template *template);

unsigned go_template_uses(const struct go_template *template);
bool go_template_has_suffix(const struct go_template *template);

/* `conversation` is an object as primer_chat.h draws it, with "messages" and "tools", or with
 * "prompt", "system", and "suffix" for a gap between it and the prompt. Of its "variables"
 * "think" (true, false, or a level such as "high") and "enable_thinking" are looked at. `now`:
 * seconds since 1970, for currentDate, in local time. PRIMER_EFORMAT and PRIMER_EUNSUPPORTED name
 * the conversation's member, PRIMER_EINVAL the template's line. May run in several threads. */
primer_status go_template_render(const struct go_template *template, const json_t *conversation,
                                 int64_t now, const struct jinja_limits *limits,
                                 struct jinja_output *output, primer_error *error);

#endif
