/* primer_chat.h - conversations as a model expects them.
 *
 * A named format is how one family writes turns: what stands before and after each role's text, and
 * the strings after which an answer is over. A model's file may carry a template of its own, a
 * program in Jinja, which is a format too. Marks become special tokens; what people wrote never
 * does.
 */
#ifndef PRIMER_CHAT_H
#define PRIMER_CHAT_H

#include "primer.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct primer_message {
    const char *role; /* "system", "user", "assistant" */
    const char *content;
} primer_message;

typedef struct primer_chat_format primer_chat_format;

/* phi-qa, phi-chat, llama2, mistral, chatml, plain; NULL: no such name. */
const primer_chat_format *primer_chat_format_named(const char *name);
const primer_chat_format *primer_chat_format_at(size_t index); /* NULL past the last */
const char *primer_chat_format_name(const primer_chat_format *format);
const char *primer_chat_format_summary(const primer_chat_format *format);
/* What fits the model: by its own template where that is one of the named, else by its
 * architecture. *understood is false where the file carries a template that is not one of these. */
const primer_chat_format *primer_chat_format_of(const primer_model *model, bool *understood);
/* What the model's file says itself, by running the template in it: a format named "own". NULL where
 * the file carries none; an error where it can't be run. Free it after whatever uses it. */
primer_status primer_chat_format_own(const primer_model *model, primer_chat_format **format,
                                     primer_error *error);
/* A template in Go's language, as Ollama's requests, models and Modelfiles have them: a format named
 * "template", to be freed as well. An answer's turn is always opened. Of a conversation's variables it
 * looks at "think" (true, false, or a level as text), "enable_thinking", and "suffix": the text behind a
 * gap, whose text before is the last message, for templates that know how to fill it. Errors name the
 * template's line; PRIMER_EUNSUPPORTED where it leaves out what the user wrote. */
primer_status primer_chat_format_go(const primer_model *model, const char *text, size_t length,
                                    primer_chat_format **format, primer_error *error);
bool primer_chat_format_fills(const primer_chat_format *format); /* whether it knows "suffix" */
/* Only what primer_chat_format_own and primer_chat_format_go gave. */
void primer_chat_format_free(primer_chat_format *format);
/* [count] strings that end an answer; borrowed for the format's life. */
const char *const *primer_chat_format_stops(const primer_chat_format *format, size_t *count);

/* The conversation as text (marks written out), and as tokens; `answer` opens the assistant's turn.
 */
primer_status primer_chat_text(const primer_chat_format *format, const primer_message *messages,
                               size_t count, bool answer, char **text, size_t *length,
                               primer_error *error);
primer_status primer_chat_tokens(const primer_model *model, const primer_chat_format *format,
                                 const primer_message *messages, size_t count, bool answer,
                                 int32_t **ids, size_t *id_count, primer_error *error);

/* ---- whole conversations, with tools --------------------------------------------------------- */

/* A conversation as JSON text, in the shape of OpenAI's API:
 *
 *   {"messages": [{"role": "system|developer|user|assistant|tool", "content": "text" or
 *     [{"type": "text", "text": "..."}], "tool_calls": [{"id", "function": {"name", "arguments":
 *     object or text}}], "tool_call_id", "name", "reasoning_content"}],
 *    "tools": [{"type": "function", "function": {"name", "description", "parameters"}}],
 *    "variables": {...}}     what else the model's own template may look at (enable_thinking)
 *
 * Parts are joined by a line's end. Arguments that are the text of no object, as of an answer that was
 * cut, stay this text.
 *
 * Errors: PRIMER_EFORMAT names the member; PRIMER_EUNSUPPORTED for content that is no text, and for
 * what the format can't write. A format without a way to write tools has them described in the
 * system's text. `flags`: PRIMER_CHAT_ANSWER opens the assistant's turn.
 *
 * The texts may not hold U+0000. What a template refuses by its own words is told in these, after
 * what can be repaired was: system texts move into the next user's turn, turns of one role are
 * joined. A template's own wishes (arguments as objects or text, one call a turn) are found out by
 * trying, when the format is made. */
enum { PRIMER_CHAT_ANSWER = 1 };
primer_status primer_chat_json_text(const primer_chat_format *format, const char *json,
                                    size_t json_length, unsigned flags, char **text, size_t *length,
                                    primer_error *error);
primer_status primer_chat_json_tokens(const primer_model *model, const primer_chat_format *format,
                                      const char *json, size_t json_length, unsigned flags,
                                      int32_t **ids, size_t *count, primer_error *error);
/* Whether the format writes tools, and thinking, by itself. */
bool primer_chat_format_tools(const primer_chat_format *format);
bool primer_chat_format_thinks(const primer_chat_format *format);
/* The texts that begin thinking and end it ("<think>", "</think>"): behind the end begins what a
 * constraint is about (primer_generation.constraint_opening, constraint_after). NULL: the format
 * has no thinking. */
const char *primer_chat_format_thinking_begin(const primer_chat_format *format);
const char *primer_chat_format_thinking_end(const primer_chat_format *format);
/* Whether a prompt's text ends inside a thinking part, opened by the template; or behind one,
 * closed by it: nothing more is to be thought. Where neither is so the answer may begin with
 * one. */
bool primer_chat_format_thinking_open(const primer_chat_format *format, const char *text,
                                      size_t length);
bool primer_chat_format_thinking_closed(const primer_chat_format *format, const char *text,
                                        size_t length);

/* An answer's text taken apart while it is written (generated with `special`: marks may be control
 * tokens). What looks like a call and is none is content; white space around marks is left out, and
 * so is the head of a call, behind a whole mark, that the answer's end cuts. A call whose arguments
 * break off, or are no JSON from some byte on, has no CALL_END. */
typedef enum primer_chat_part_kind {
    PRIMER_CHAT_CONTENT,        /* text: more of the answer */
    PRIMER_CHAT_THINKING,       /* text: more of what the model thinks */
    PRIMER_CHAT_CALL,           /* text: the name of a tool that is called; index: from 0 */
    PRIMER_CHAT_CALL_ARGUMENTS, /* text: more of its arguments, JSON; index as before */
    PRIMER_CHAT_CALL_END        /* index as before; only where the arguments are complete */
} primer_chat_part_kind;
typedef struct primer_chat_part {
    primer_chat_part_kind kind;
    const char *text; /* borrowed during the call; not NUL-terminated */
    size_t length, index;
} primer_chat_part;
typedef bool primer_chat_part_callback(void *context, const primer_chat_part *part);
typedef struct primer_chat_reader primer_chat_reader;

/* `tools`: calls are looked for. `thinking`: the prompt ended inside a thinking part. */
primer_status primer_chat_reader_create(const primer_chat_format *format, bool tools, bool thinking,
                                        primer_chat_reader **reader, primer_error *error);
/* The answer has to be calls (a constraint's "required", or a tool's name): what it ends with is left
 * out also where it is the beginning of a mark. To be said before anything is read. */
void primer_chat_reader_require(primer_chat_reader *reader);
void primer_chat_reader_free(primer_chat_reader *reader);
/* False where the callback was: nothing more is read. Text that may become a mark is held back. */
bool primer_chat_reader_feed(primer_chat_reader *reader, const char *text, size_t length,
                             primer_chat_part_callback *callback, void *context);
/* The answer is over: what was held back. */
bool primer_chat_reader_end(primer_chat_reader *reader, primer_chat_part_callback *callback,
                            void *context);

/* ---- constraints ----------------------------------------------------------------------------- */

/* What an answer may be (primer_generation.constraint). Doesn't change once made, serves any number
 * of answers, models and threads. */
typedef struct primer_constraint primer_constraint;

/* Any JSON value, or any object. */
primer_status primer_constraint_json(bool object, primer_constraint **constraint,
                                     primer_error *error);
/* JSON Schema: at least what OpenAI's strict mode has, and pattern, format, lengths, limits of
 * numbers. PRIMER_EUNSUPPORTED names a keyword that would have to be ignored, and its place. */
primer_status primer_constraint_schema(const char *schema, size_t length,
                                       primer_constraint **constraint, primer_error *error);
/* GBNF, llama.cpp's notation; errors name the line. */
primer_status primer_constraint_grammar(const char *text, size_t length,
                                        primer_constraint **constraint, primer_error *error);
primer_status primer_constraint_regex(const char *pattern, size_t length,
                                      primer_constraint **constraint, primer_error *error);
primer_status primer_constraint_choice(const char *const *choices, size_t count,
                                       primer_constraint **constraint, primer_error *error);
/* Calls of tools as the format writes them, arguments always valid for their schemas; where the
 * format thinks, it may think first. A tool that is asked for by name is called once; formats that
 * write one call a turn have one whatever `parallel` says. PRIMER_EUNSUPPORTED names a tool with a
 * name that the format can't write so that it is read as this name.
 * `tools`: the JSON array of a conversation. `choice`: "auto" (text, calls, or both), "none" (text),
 * "required", or a tool's name; `parallel`: several calls are allowed. `form`: a JSON Schema that
 * what is no call has to keep to ("auto": either calls or that); NULL: any text. */
primer_status primer_constraint_tools(const primer_chat_format *format, const char *tools,
                                      size_t length, const char *choice, bool parallel,
                                      const char *form, size_t form_length,
                                      primer_constraint **constraint, primer_error *error);
void primer_constraint_free(primer_constraint *constraint);

#ifdef __cplusplus
}
#endif
#endif
