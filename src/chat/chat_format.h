/* chat_format.h - what a row of the table of chat formats says (the table: chat_format.c).
 *
 * A conversation is written as
 *
 *   begin [system] { user answer }
 *
 *   system  system_begin TEXT system_end     where it stands, or inside the next user's turn
 *   user    user_begin [system] TEXT user_end
 *   answer  answer_begin [space] TEXT answer_end
 *
 * and the answer that is wanted now is opened by answer_begin alone. In the marks, and only there,
 * "<s>" and
 * "</s>" stand for the model's own beginning and end tokens and the texts in `special` for the
 * tokens of that name. What people wrote never becomes a special token.
 */
#ifndef CHAT_CHAT_FORMAT_H
#define CHAT_CHAT_FORMAT_H

#include "chat/chat_style.h"
#include "chat/go_template.h"
#include "chat/jinja.h"
#include "primer_chat.h"

#define CHAT_FORMAT_SPECIALS 4
#define CHAT_FORMAT_STOPS    16
#define CHAT_FORMAT_SIGNS    3

/* What a template of its own does and doesn't, found out by rendering (chat_probe.c). */
struct chat_traits {
    bool tools;          /* writes tools, calls and results, in a style that is known */
    bool no_system;      /* refuses the system's text, or leaves it out */
    bool merges;         /* refuses two turns of one role */
    bool developer;      /* knows the role of that name */
    bool text_arguments; /* wants a call's arguments as text, else as an object */
    bool null_content;   /* wants no content beside calls, not even an empty one */
    bool calls_alone;    /* leaves calls out where there is a content */
    bool one_call;       /* writes one call a turn */
    bool parts;          /* wants contents as lists of parts */
    bool empty_tools;    /* wants an empty list where there are no tools */
};

struct primer_chat_format {
    const char *name, *summary;
    const char *begin;
    const char *system_begin, *system_end;
    const char *user_begin, *user_end;
    const char *answer_begin, *answer_space, *answer_end;
    bool system_inside; /* the system's text stands inside the next user's turn */
    bool strip;         /* white space around what was written is taken off */
    const char *special[CHAT_FORMAT_SPECIALS]; /* up to the first NULL */
    const char *stops[CHAT_FORMAT_STOPS];      /* up to the first NULL */
    /* A model's own template is this format if it holds all of `has` and none of `lacks`. */
    const char *has[CHAT_FORMAT_SIGNS], *lacks[CHAT_FORMAT_SIGNS];
    const char
        *architecture; /* whose models this format serves where they carry no template; or NULL */
    const char
        *likely; /* in a template that is not understood: a sign that this format is nearest */
    /* A model's own template instead of the marks above; owned, NULL in the table. */
    struct jinja_template *template;
    struct go_template *go; /* or one in Go's language, as Ollama has them; owned */
    /* For conversations with tools, where the file has another template; owned, or NULL. */
    primer_chat_format *with_tools;
    char *bos, *eos; /* texts of the model's tokens, owned */
    struct chat_traits traits;
    const struct chat_style *style;       /* how it writes calls; NULL: none of its own */
    const struct chat_thinking *thinking; /* NULL: none */
};

/* Whether the format is a template's, rather than a row of the table. */
static inline bool chat_format_is_template(const primer_chat_format *format)
{
    return format->template != NULL || format->go != NULL;
}

/* The format that a template's text is (NULL: none of them), and the nearest one otherwise. */
const primer_chat_format *chat_format_recognise(const char *template);
const primer_chat_format *chat_format_nearest(const char *template, const char *architecture);

#endif
