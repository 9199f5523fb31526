/* chat_reader.c - an answer's text taken apart while it is written.
 *
 *   BEGIN     nothing but white space yet: a thinking part may come, or a call without a mark
 *   THINKING  until the closing mark
 *   TEXT      until a call's opening mark
 *   CALL      at an opening mark: the head is being read (chat_call.h)
 *   ARGUMENTS handed on byte by byte while they can become one JSON object
 *   TAIL      what closes a call       NEXT  another one, or the section's end
 *
 * Bytes that aren't decided yet are held, at most HELD of them: white space that may stand before a
 * mark, what may become a mark, a head, a tail. A head that turns out to be none is content,
 * all of it; so is what follows arguments that turn out to be no JSON, and such a call has no
 * CALL_END. White space around marks belongs to them. What is held when the answer ends was markup
 * and is left out, where it is the beginning of closing marks, or of a head whose mark was read
 * whole; in an answer that has to be calls also where it is the beginning of a mark.
 *
 * Nothing is allocated while text is read.
 */
#include "chat/chat_format.h"

#include <string.h>

#include "base/memory.h"
#include "base/utf8.h"
#include "chat/chat_call.h"
#include "chat/chat_scan.h"

#define HELD        ((size_t)2 * CHAT_CALL_BYTES)
#define SPACE_BYTES 256 /* white space that is held because a mark may follow */
#define MARKS       4

enum place { BEGIN, THINKING, TEXT, CALL, ARGUMENTS, TAIL, NEXT };

struct mark {
    const char *text;
    size_t length;
    bool call; /* opens a call; else it is left out */
};

struct primer_chat_reader {
    const struct chat_style *style;
    const struct chat_thinking *thinking; /* NULL: none */
    bool tools;
    bool required;            /* the answer has to be calls */
    struct mark marks[MARKS]; /* in text */
    size_t mark_count;
    enum place place;
    enum chat_call_place call_place;
    bool spacious; /* white space too long to be held was given, and goes on */
    bool strip;    /* white space that comes next is left out */
    bool started;  /* the answer's first byte was decided on */
    bool stopped;  /* the callback wants no more */
    size_t mark;   /* where in `held` the head begins */
    size_t index;  /* of the call that is read, or comes next */
    struct chat_call call;
    struct chat_scan scan;
    primer_chat_part_callback *callback;
    void *context;
    size_t length;
    char held[HELD], scratch[CHAT_CALL_BYTES];
};

static bool is_space(char c)
{
    return c == ' ' || c == '\n' || c == '\t' || c == '\r';
}

/* ---- making one ------------------------------------------------------------------------------ */

/* The mark's first word: the rest of it is the head's business. */
static void add_mark(primer_chat_reader *reader, const char *text, bool call)
{
    size_t length = 0;
    while (text != NULL && text[length] != '\0' && !is_space(text[length]))
        length++;
    if (length > 0)
        reader->marks[reader->mark_count++] = (struct mark){text, length, call};
}

primer_status primer_chat_reader_create(const primer_chat_format *format, bool tools, bool thinking,
                                        primer_chat_reader **reader, primer_error *error)
{
    primer_chat_reader *const made = memory_allocate(1, sizeof *made);
    if (made == NULL)
        return memory_failure(error, "the reader of an answer", sizeof *made);
    const struct chat_style *const style =
        format->style == NULL ? chat_style_generic() : format->style;
    made->style = style;
    made->tools = tools;
    made->thinking = format->thinking;
    if (thinking && made->thinking == NULL)
        made->thinking = chat_style_thinking("</think>");
    made->place = thinking ? THINKING : BEGIN;
    made->strip = thinking;
    if (tools && style->section_open != NULL)
        add_mark(made, style->section_open, true);
    else if (tools)
        add_mark(made, style->call_open, true);
    if (tools)
        add_mark(made, style->other_open, true);
    add_mark(made, style->text_open, false);
    add_mark(made, style->text_close, false);
    *reader = made;
    return PRIMER_OK;
}

void primer_chat_reader_require(primer_chat_reader *reader)
{
    reader->required = reader->tools;
}

void primer_chat_reader_free(primer_chat_reader *reader)
{
    memory_free(reader);
}

/* ---- pieces of work -------------------------------------------------------------------------- */

static void give(primer_chat_reader *reader, primer_chat_part_kind kind, const char *text,
                 size_t length)
{
    if (reader->stopped || (length == 0 && kind != PRIMER_CHAT_CALL_END))
        return;
    const primer_chat_part part = {kind, text, length, reader->index};
    reader->stopped = !reader->callback(reader->context, &part);
}

static void drop(primer_chat_reader *reader, size_t count)
{
    reader->length -= count;
    memmove(reader->held, reader->held + count, reader->length);
}

static void give_held(primer_chat_reader *reader, primer_chat_part_kind kind, size_t count)
{
    give(reader, kind, reader->held, count);
    drop(reader, count);
}

static bool go(primer_chat_reader *reader, enum place place)
{
    reader->place = place;
    return true;
}

static size_t leading_space(const primer_chat_reader *reader)
{
    size_t space = 0;
    while (space < reader->length && is_space(reader->held[space]))
        space++;
    return space;
}

/* How many of the first `count` held bytes come before the white space at their end. */
static size_t without_space(primer_chat_reader *reader, size_t count)
{
    size_t end = count;
    while (end > 0 && is_space(reader->held[end - 1]))
        end--;
    if (count == 0)
        return 0;
    reader->spacious = count - end > SPACE_BYTES || (end == 0 && reader->spacious);
    return reader->spacious ? count : end;
}

enum match { NONE, PARTLY, WHOLLY };

static enum match match_at(const primer_chat_reader *reader, size_t at, const char *text,
                           size_t length)
{
    const size_t there = reader->length - at;
    const size_t common = there < length ? there : length;
    if (memcmp(reader->held + at, text, common) != 0)
        return NONE;
    return common == length ? WHOLLY : PARTLY;
}

/* The first place where one of the marks stands, or may. */
static enum match find(const primer_chat_reader *reader, const struct mark *marks, size_t count,
                       size_t *at, const struct mark **mark)
{
    for (*at = 0; *at < reader->length; ++*at)
        for (size_t i = 0; i < count; i++) {
            const enum match match = match_at(reader, *at, marks[i].text, marks[i].length);
            *mark = &marks[i];
            if (match != NONE)
                return match;
        }
    return NONE;
}

/* The answer ended in what is the beginning of markup. */
static bool leave_out(primer_chat_reader *reader)
{
    drop(reader, reader->length);
    return false;
}

/* ---- a step in each place: false where more text is needed ----------------------------------- */

/* White space that belongs to the mark before it; true where something else is left. */
static bool strip(primer_chat_reader *reader)
{
    if (reader->strip)
        drop(reader, leading_space(reader));
    if (reader->length > 0)
        reader->strip = false;
    return reader->length > 0;
}

static bool step_begin(primer_chat_reader *reader, bool last)
{
    if (!reader->started && reader->style->begun) {
        reader->started = true;
        reader->mark = 0;
        reader->call_place = CHAT_CALL_BEGUN;
        return go(reader, CALL);
    }
    if (reader->strip)
        drop(reader, leading_space(reader));
    const size_t space = leading_space(reader);
    if (space > SPACE_BYTES)
        return go(reader, TEXT);
    if (space == reader->length && !last)
        return false;
    if (space == reader->length && reader->required)
        return leave_out(reader);
    if (space < reader->length && reader->thinking != NULL) {
        const char *const open = reader->thinking->open;
        const enum match match = match_at(reader, space, open, strlen(open));
        if (match == WHOLLY) {
            drop(reader, space + strlen(open));
            reader->strip = true;
            return go(reader, THINKING);
        }
        if (match == PARTLY && !last)
            return false;
        if (match == PARTLY && reader->required)
            return leave_out(reader);
    }
    if (reader->tools && reader->style->bare && space < reader->length &&
        reader->held[space] == '{') {
        reader->mark = space;
        reader->call_place = CHAT_CALL_FIRST;
        return go(reader, CALL);
    }
    return go(reader, TEXT);
}

static bool step_thinking(primer_chat_reader *reader, bool last)
{
    const char *const close = reader->thinking->close;
    const struct mark closing = {close, strlen(close), false}, *mark = NULL;
    size_t at;
    if (!strip(reader))
        return false;
    const enum match match = find(reader, &closing, 1, &at, &mark);
    if (match == WHOLLY) {
        const size_t shown = without_space(reader, at);
        give_held(reader, PRIMER_CHAT_THINKING, shown);
        drop(reader, at - shown + closing.length);
        reader->spacious = false;
        reader->strip = true;
        return go(reader, BEGIN);
    }
    give_held(reader, PRIMER_CHAT_THINKING, last ? reader->length : without_space(reader, at));
    return false;
}

static bool step_text(primer_chat_reader *reader, bool last)
{
    const struct mark *mark = NULL;
    size_t at;
    if (!strip(reader))
        return false;
    const enum match match = find(reader, reader->marks, reader->mark_count, &at, &mark);
    if (match == PARTLY && last && reader->required) {
        give_held(reader, PRIMER_CHAT_CONTENT, without_space(reader, at));
        return leave_out(reader);
    }
    if (match != WHOLLY) {
        const bool all = last || reader->mark_count == 0;
        give_held(reader, PRIMER_CHAT_CONTENT, all ? reader->length : without_space(reader, at));
        return false;
    }
    const size_t shown = without_space(reader, at);
    give_held(reader, PRIMER_CHAT_CONTENT, shown);
    reader->mark = at - shown;
    reader->call_place = CHAT_CALL_FIRST;
    reader->spacious = false;
    if (mark->call)
        return go(reader, CALL);
    drop(reader, reader->mark + mark->length);
    return true;
}

/* No call: its first byte is content, and the rest is looked at anew. */
static bool refuse(primer_chat_reader *reader)
{
    const bool marked = reader->call_place == CHAT_CALL_FIRST && reader->held[reader->mark] != '{';
    if (reader->call_place == CHAT_CALL_ANOTHER)
        reader->strip = true;
    else if (marked)
        give_held(reader, PRIMER_CHAT_CONTENT, reader->mark + 1);
    return go(reader, TEXT);
}

/* What is held from there on, as much of it as a head or a tail may have. */
static size_t window(const primer_chat_reader *reader, size_t from)
{
    const size_t there = reader->length - from;
    return there < CHAT_CALL_BYTES ? there : CHAT_CALL_BYTES;
}

static bool needs_more(const primer_chat_reader *reader, enum chat_call_result result, size_t from,
                       bool last)
{
    return result == CHAT_CALL_WAIT && !last && window(reader, from) < CHAT_CALL_BYTES;
}

/* Its whole text is there, arguments included. */
static void give_whole(primer_chat_reader *reader)
{
    struct chat_call *const call = &reader->call;
    give(reader, PRIMER_CHAT_CALL, call->name, call->name_length);
    give(reader, PRIMER_CHAT_CALL_ARGUMENTS, call->arguments, call->arguments_length);
    give(reader, PRIMER_CHAT_CALL_END, "", 0);
    reader->index++;
}

static bool step_call(primer_chat_reader *reader, bool last)
{
    struct chat_call *const call = &reader->call;
    const enum chat_call_result result =
        chat_call_head(reader->style, reader->call_place, reader->held + reader->mark,
                       window(reader, reader->mark), reader->scratch, call);
    if (needs_more(reader, result, reader->mark, last))
        return false;
    if (last && needs_more(reader, result, reader->mark, false) &&
        (call->opened || reader->required))
        return leave_out(reader);
    if (result == CHAT_CALL_TEXT) {
        drop(reader, reader->mark + call->length);
        return go(reader, TEXT);
    }
    if (result != CHAT_CALL_READY || !reader->tools)
        return refuse(reader);
    if (call->whole) {
        give_whole(reader);
        drop(reader, reader->mark + call->length);
        return go(reader, TAIL);
    }
    give(reader, PRIMER_CHAT_CALL, call->name, call->name_length);
    drop(reader, reader->mark + call->length);
    reader->scan = (struct chat_scan){0};
    return go(reader, ARGUMENTS);
}

static bool step_arguments(primer_chat_reader *reader)
{
    enum chat_scan_result result = CHAT_SCAN_MORE;
    size_t count = 0;
    while (count < reader->length && result == CHAT_SCAN_MORE) {
        result = chat_scan_push(&reader->scan, reader->held[count]);
        count += result != CHAT_SCAN_BAD;
    }
    give_held(reader, PRIMER_CHAT_CALL_ARGUMENTS, count);
    if (result == CHAT_SCAN_MORE)
        return false;
    if (result == CHAT_SCAN_DONE)
        give(reader, PRIMER_CHAT_CALL_END, "", 0);
    reader->index++;
    return go(reader, result == CHAT_SCAN_DONE ? TAIL : TEXT);
}

static bool step_tail(primer_chat_reader *reader, bool last)
{
    size_t used = 0;
    const enum chat_call_result result =
        chat_call_tail(reader->style, &reader->call, reader->held, window(reader, 0), &used);
    if (needs_more(reader, result, 0, last))
        return false;
    /* What is longer than any call's end is text. */
    const bool bad = result == CHAT_CALL_BAD || (result == CHAT_CALL_WAIT && !last);
    if (result == CHAT_CALL_WAIT && last)
        used = reader->length;
    drop(reader, bad ? 0 : used);
    reader->strip = true;
    return go(reader, bad ? TEXT : NEXT);
}

/* Behind a call without a section: what separates calls without marks is left out. */
static bool step_loose(primer_chat_reader *reader)
{
    drop(reader, leading_space(reader));
    if (reader->length == 0)
        return false;
    reader->strip = true;
    if (reader->style->bare && reader->held[0] == ';')
        drop(reader, 1);
    return go(reader, BEGIN);
}

static bool step_next(primer_chat_reader *reader, bool last)
{
    const struct chat_style *const style = reader->style;
    size_t used = 0;
    if (style->section_open == NULL && !style->list)
        return step_loose(reader);
    const enum chat_call_result end =
        chat_call_section_end(style, reader->held, window(reader, 0), &used);
    if (needs_more(reader, end, 0, last))
        return false;
    if (end == CHAT_CALL_WAIT && last)
        used = reader->length;
    reader->strip = true;
    if (end != CHAT_CALL_BAD) {
        drop(reader, used);
        return go(reader, BEGIN);
    }
    reader->mark = 0;
    reader->call_place = CHAT_CALL_ANOTHER;
    return go(reader, CALL);
}

static bool step(primer_chat_reader *reader, bool last)
{
    if (reader->stopped || reader->length == 0)
        return false;
    switch (reader->place) {
    case BEGIN:
        return step_begin(reader, last);
    case THINKING:
        return step_thinking(reader, last);
    case TEXT:
        return step_text(reader, last);
    case CALL:
        return step_call(reader, last);
    case ARGUMENTS:
        return step_arguments(reader);
    case TAIL:
        return step_tail(reader, last);
    default:
        return step_next(reader, last);
    }
}

bool primer_chat_reader_feed(primer_chat_reader *reader, const char *text, size_t length,
                             primer_chat_part_callback *callback, void *context)
{
    reader->callback = callback;
    reader->context = context;
    while (length > 0 && !reader->stopped) {
        const size_t room = HELD - reader->length;
        size_t count = length < room ? length : room;
        const size_t whole = utf8_complete(text, count);
        if (count < length && whole > 0) /* no character is cut */
            count = whole;
        memcpy(reader->held + reader->length, text, count);
        reader->length += count;
        text += count;
        length -= count;
        while (step(reader, false))
            ;
    }
    return !reader->stopped;
}

bool primer_chat_reader_end(primer_chat_reader *reader, primer_chat_part_callback *callback,
                            void *context)
{
    reader->callback = callback;
    reader->context = context;
    while (step(reader, true))
        ;
    return !reader->stopped;
}
