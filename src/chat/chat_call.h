/* chat_call.h - the beginning and the end of one call of a tool, in text that may go on.
 *
 *   <tool_call> {"name": "add", "arguments":  {"a": 1}   , "id": "x"} </tool_call>
 *   head ------------------------------------ ARGUMENTS  tail -------------------
 *
 * Read again from its first byte whenever more text has come: both are short, and limited.
 */
#ifndef CHAT_CHAT_CALL_H
#define CHAT_CHAT_CALL_H

#include "chat/chat_style.h"

#define CHAT_CALL_BYTES 16384 /* of a head or a tail */
#define CHAT_CALL_NAME  256   /* bytes of a tool's name */

enum chat_call_result {
    CHAT_CALL_READY,
    CHAT_CALL_WAIT, /* more text is needed */
    CHAT_CALL_BAD,  /* no call, whatever follows */
    CHAT_CALL_TEXT  /* what follows is text for the reader */
};

/* Where a head begins. */
enum chat_call_place {
    CHAT_CALL_FIRST,   /* at the section's mark, or the call's */
    CHAT_CALL_ANOTHER, /* behind another call of the section */
    CHAT_CALL_BEGUN    /* behind a call_open that stands in the prompt */
};

struct chat_call {
    char name[CHAT_CALL_NAME];
    size_t name_length;
    size_t length; /* of the head; up to the arguments, or behind the object if `whole` */
    bool opened;   /* a mark that nothing else has was read whole, though the head may go on */
    bool nested;   /* the object stands in another, which is to be closed as well */
    bool whole;    /* the object is complete, and `arguments` are its arguments: */
    const char *arguments;
    size_t arguments_length;
};

/* Why a call of a tool of this name would be read as something else, to go on with from what the
 * name is: "the format writes names as plain words"; NULL: it is read as that call. */
const char *chat_call_misread(const struct chat_style *style, const char *name, size_t length);
/* `scratch` [CHAT_CALL_BYTES] may be what call->arguments points to. */
enum chat_call_result chat_call_head(const struct chat_style *style, enum chat_call_place place,
                                     const char *text, size_t length, char *scratch,
                                     struct chat_call *call);
/* What stands behind the arguments, the call's closing mark included, where it is there. */
enum chat_call_result chat_call_tail(const struct chat_style *style, const struct chat_call *call,
                                     const char *text, size_t length, size_t *used);
/* The end of the calls' section. */
enum chat_call_result chat_call_section_end(const struct chat_style *style, const char *text,
                                            size_t length, size_t *used);

#endif
