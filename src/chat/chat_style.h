/* chat_style.h - how families of models write calls of tools, and what they think (the tables:
 * chat_style.c).
 *
 * A call is an object or a name with arguments; around them stand marks:
 *
 *   section_open [ call_open OBJECT call_close , call_open OBJECT call_close ] section_close
 *                  call_open NAME name_end ARGUMENTS call_close
 *
 *   OBJECT   {head "name_key": "NAME", "arguments_key": ARGUMENTS tail}
 *
 * brackets and commas where `list` is set, else `between`. A run of white space in a row's text is
 * what a model was taught to write; when answers are read it stands for any white space, or none.
 */
#ifndef CHAT_CHAT_STYLE_H
#define CHAT_CHAT_STYLE_H

#include <stdbool.h>
#include <stddef.h>

#define CHAT_STYLE_SIGNS 3

struct chat_style {
    const char *name;
    const char *section_open, *section_close;
    const char *call_open, *call_close, *between;
    const char *name_key, *arguments_key; /* of an object; NULL: name and arguments stand alone */
    const char *head;                     /* members before the name, "%" is the call's number */
    bool list;                            /* the calls are a JSON array */
    bool ids;    /* nine letters and digits are a call's id, behind its arguments */
    bool bare;   /* a call may begin the answer without a mark */
    bool alone;  /* one call an answer */
    bool begun;  /* the prompt ends with the first call_open */
    bool listed; /* tools are told as the text `functions`, with the time as `datetime` */
    const char *name_end;
    const char *other_open;             /* another text that may stand before a call */
    const char *everyone;               /* the name that means text for the reader; NULL: none */
    const char *text_open, *text_close; /* around text; left out of it */
    /* A template is written in this style if it holds all of `has` and none of `lacks`. */
    const char *has[CHAT_STYLE_SIGNS], *lacks[CHAT_STYLE_SIGNS];
};

/* Marks around what a model thinks. */
struct chat_thinking {
    const char *open, *close;
};

/* NULL: none that is known. */
const struct chat_style *chat_style_of(const char *template);
const struct chat_thinking *chat_style_thinking(const char *template);
const struct chat_style *chat_style_named(const char *name);
/* For models that were taught none. */
const struct chat_style *chat_style_generic(void);

#endif
