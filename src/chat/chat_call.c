/* chat_call.c - reading a call's head and tail.
 *
 * A reading keeps its first verdict: where it isn't READY any more, the functions below do nothing,
 * so that a call's parts are read one after the other without a look at each. What models write is
 * taken kindly: either pair of members' names, arguments as a text that holds an object, members
 * around that say nothing new, a closing mark left out.
 */
#include "chat/chat_call.h"

#include <string.h>

#include "base/utf8.h"
#include "chat/chat_scan.h"

#define KEY_BYTES 32

struct reading {
    const char *text;
    size_t length, at;
    enum chat_call_result result;
};

static bool is_space(char c)
{
    return c == ' ' || c == '\n' || c == '\t' || c == '\r';
}

static bool going(const struct reading *reading)
{
    return reading->result == CHAT_CALL_READY;
}

static void fail(struct reading *reading)
{
    if (going(reading))
        reading->result = CHAT_CALL_BAD;
}

/* The byte that is next; '\0', which is in no call, where there is none. */
static char peek(struct reading *reading)
{
    if (!going(reading))
        return '\0';
    if (reading->at < reading->length)
        return reading->text[reading->at];
    reading->result = CHAT_CALL_WAIT;
    return '\0';
}

static void skip_space(struct reading *reading)
{
    while (going(reading) && reading->at < reading->length && is_space(reading->text[reading->at]))
        reading->at++;
}

static void expect(struct reading *reading, char c)
{
    if (peek(reading) == c)
        reading->at++;
    else
        fail(reading);
}

/* White space in the pattern stands for any, or none. */
static void expect_pattern(struct reading *reading, const char *pattern)
{
    for (; pattern != NULL && *pattern != '\0' && going(reading); pattern++) {
        if (is_space(*pattern))
            skip_space(reading);
        else
            expect(reading, *pattern);
    }
}

/* ---- values ---------------------------------------------------------------------------------- */

static uint32_t hexadecimal(struct reading *reading)
{
    uint32_t value = 0;
    for (size_t i = 0; i < 4; i++) {
        const char c = peek(reading);
        const uint32_t digit = c >= '0' && c <= '9'   ? (uint32_t)(c - '0')
                               : c >= 'a' && c <= 'f' ? (uint32_t)(c - 'a') + 10
                               : c >= 'A' && c <= 'F' ? (uint32_t)(c - 'A') + 10
                                                      : 16;
        if (digit == 16)
            fail(reading);
        value = value * 16 + digit;
        reading->at += going(reading);
    }
    return value;
}

/* Behind "\u": one code point; halves of a pair that stand alone become U+FFFD. */
static uint32_t code_point(struct reading *reading)
{
    const uint32_t first = hexadecimal(reading);
    if (first < 0xD800 || first > 0xDBFF)
        return first;
    const size_t behind = reading->at;
    if (peek(reading) != '\\')
        return first;
    reading->at++;
    if (peek(reading) == 'u') {
        reading->at++;
        const uint32_t second = hexadecimal(reading);
        if (second >= 0xDC00 && second <= 0xDFFF)
            return 0x10000 + ((first - 0xD800) << 10) + (second - 0xDC00);
    }
    reading->at = behind;
    return first;
}

static size_t read_escape(struct reading *reading, char out[4])
{
    static const char *const letters = "\"\\/bfnrt", *const meant = "\"\\/\b\f\n\r\t";
    const char c = peek(reading);
    const char *const found = c == '\0' ? NULL : strchr(letters, c);
    if (c != 'u' && found == NULL) {
        fail(reading);
        return 0;
    }
    reading->at++;
    if (c == 'u')
        return utf8_encode(code_point(reading), out);
    out[0] = meant[found - letters];
    return 1;
}

/* A string, decoded; what is longer than `capacity` is no call. */
static size_t read_string(struct reading *reading, char *out, size_t capacity)
{
    size_t length = 0;
    expect(reading, '"');
    for (char c; (c = peek(reading)) != '"' && going(reading);) {
        char bytes[4] = {c};
        size_t count = 1;
        reading->at++;
        if ((unsigned char)c < 0x20)
            fail(reading);
        if (c == '\\')
            count = read_escape(reading, bytes);
        if (count > capacity - length) {
            fail(reading);
            return 0;
        }
        memcpy(out + length, bytes, count);
        length += count;
    }
    reading->at += going(reading);
    return length;
}

static void skip_container(struct reading *reading)
{
    struct chat_scan scan = {0};
    for (;;) {
        const char c = peek(reading);
        if (!going(reading))
            return;
        const enum chat_scan_result result = chat_scan_push(&scan, c);
        if (result == CHAT_SCAN_BAD)
            fail(reading);
        reading->at += going(reading);
        if (result == CHAT_SCAN_DONE)
            return;
    }
}

static void skip_string(struct reading *reading)
{
    expect(reading, '"');
    for (char c; (c = peek(reading)) != '"' && going(reading);) {
        reading->at++;
        if (c == '\\' && peek(reading) != '\0')
            reading->at++;
    }
    reading->at += going(reading);
}

static void skip_value(struct reading *reading)
{
    const char c = peek(reading);
    if (c == '{' || c == '[') {
        skip_container(reading);
        return;
    }
    if (c == '"') {
        skip_string(reading);
        return;
    }
    const size_t begin = reading->at;
    for (char d; (d = peek(reading)) != '\0' && strchr("+-.0123456789", d) != NULL;)
        reading->at++;
    for (char d; (d = peek(reading)) != '\0' && d >= 'a' && d <= 'z';)
        reading->at++;
    if (reading->at == begin)
        fail(reading);
}

/* ---- an object ------------------------------------------------------------------------------- */

static bool is_one_of(const char *key, size_t length, const char *const *names)
{
    for (; *names != NULL; names++)
        if (strlen(*names) == length && memcmp(*names, key, length) == 0)
            return true;
    return false;
}

static bool is_object(const char *text, size_t length)
{
    struct chat_scan scan = {0};
    enum chat_scan_result result = CHAT_SCAN_MORE;
    size_t at = 0;
    while (at < length && is_space(text[at]))
        at++;
    if (at == length || text[at] != '{')
        return false;
    while (at < length && result == CHAT_SCAN_MORE)
        result = chat_scan_push(&scan, text[at++]);
    while (at < length && is_space(text[at]))
        at++;
    return result == CHAT_SCAN_DONE && at == length;
}

static void read_name(struct reading *reading, struct chat_call *call)
{
    if (call->name_length != 0)
        fail(reading);
    call->name_length = read_string(reading, call->name, sizeof call->name);
    if (call->name_length == 0)
        fail(reading);
}

/* True where the arguments begin and can be handed on as they come. */
static bool read_arguments(struct reading *reading, char *scratch, struct chat_call *call)
{
    const char c = peek(reading);
    const size_t begin = reading->at;
    if (c == '{' && call->name_length != 0 && call->arguments == NULL)
        return true;
    if (call->arguments != NULL || (c != '{' && c != '"' && c != 'n')) {
        fail(reading);
        return false;
    }
    call->arguments = reading->text + begin;
    if (c == '"') {
        call->arguments_length = read_string(reading, scratch, CHAT_CALL_BYTES);
        call->arguments = scratch;
        if (going(reading) && !is_object(scratch, call->arguments_length))
            fail(reading);
        return false;
    }
    skip_value(reading);
    call->arguments_length = reading->at - begin;
    if (c == 'n')
        call->arguments = NULL;
    return false;
}

/* One member; true as read_arguments. */
static bool read_member(struct reading *reading, char *scratch, struct chat_call *call)
{
    static const char *const names[] = {"name", "tool_name", NULL};
    static const char *const arguments[] = {"arguments", "parameters", NULL};
    static const char *const others[] = {"id", "type", "tool_call_id", "index", NULL};
    static const char *const functions[] = {"function", NULL};
    char key[KEY_BYTES];
    const size_t length = read_string(reading, key, sizeof key);
    skip_space(reading);
    expect(reading, ':');
    skip_space(reading);
    const char c = peek(reading);
    if (!going(reading))
        return false;
    const bool function = is_one_of(key, length, functions);
    if (function && c == '{' && !call->nested) {
        call->nested = true;
        reading->at++;
        return false;
    }
    if (is_one_of(key, length, arguments))
        return read_arguments(reading, scratch, call);
    if (is_one_of(key, length, names) || function)
        read_name(reading, call);
    else if (is_one_of(key, length, others))
        skip_value(reading);
    else
        fail(reading);
    return false;
}

/* Up to the arguments, or, where they can't be handed on as they come, to the object's end. */
static void read_object(struct reading *reading, char *scratch, struct chat_call *call)
{
    bool comma = false, inside = false; /* a comma is wanted; in the nested object */
    expect(reading, '{');
    while (going(reading)) {
        skip_space(reading);
        const char c = peek(reading);
        if (c == '}' && inside) {
            inside = false;
            reading->at++;
            comma = true;
            continue;
        }
        if (c == '}')
            break;
        if (comma)
            expect(reading, ',');
        skip_space(reading);
        const bool nested = call->nested;
        if (read_member(reading, scratch, call)) {
            call->nested = inside;
            call->length = reading->at;
            return;
        }
        inside = inside || call->nested != nested;
        comma = call->nested == nested;
    }
    reading->at += going(reading);
    call->whole = true;
    call->nested = false;
    if (call->name_length == 0)
        fail(reading);
    if (call->arguments == NULL) {
        call->arguments = "{}";
        call->arguments_length = 2;
    }
    call->length = reading->at;
}

/* ---- a name and arguments -------------------------------------------------------------------- */

static bool is_name(char c)
{
    return (unsigned char)c > 0x20 && strchr("<>{}[]()\"'`,;", c) == NULL;
}

/* The name that means text for the reader. */
static bool means_text(const struct chat_style *style, const char *name, size_t length)
{
    return style->everyone != NULL && strlen(style->everyone) == length &&
           memcmp(style->everyone, name, length) == 0;
}

const char *chat_call_misread(const struct chat_style *style, const char *name, size_t length)
{
    _Static_assert(CHAT_CALL_NAME == 256, "what is said below");
    if (length > CHAT_CALL_NAME)
        return "a name of at most 256 bytes is read";
    if (style->name_key != NULL) /* JSON text, in which any name can stand */
        return NULL;
    if (means_text(style, name, length))
        return "in the format this name means text for the reader";
    for (size_t i = 0; i < length; i++)
        if (!is_name(name[i]))
            return "the format writes names as plain words";
    return NULL;
}

static void read_named(struct reading *reading, const struct chat_style *style,
                       struct chat_call *call)
{
    const size_t begin = reading->at;
    while (is_name(peek(reading)))
        reading->at++;
    if (!going(reading) && reading->at - begin <= sizeof call->name)
        return;
    call->name_length = reading->at - begin;
    if (call->name_length == 0 || call->name_length > sizeof call->name) {
        reading->result = CHAT_CALL_BAD;
        return;
    }
    memcpy(call->name, reading->text + begin, call->name_length);
    if (means_text(style, call->name, call->name_length)) {
        expect(reading, *style->name_end);
        call->length = reading->at;
        if (going(reading))
            reading->result = CHAT_CALL_TEXT;
        return;
    }
    expect_pattern(reading, style->name_end);
    skip_space(reading);
    if (peek(reading) != '{')
        fail(reading);
    call->length = reading->at;
}

/* ---- the whole ------------------------------------------------------------------------------- */

/* A mark before a call. One that is a word of some language is none by itself: "functools". */
static void read_mark(struct reading *reading, const char *mark, struct chat_call *call)
{
    const size_t length = mark == NULL ? 0 : strlen(mark);
    expect_pattern(reading, mark);
    call->opened = call->opened || (going(reading) && length > 0 &&
                                    (mark[length - 1] < 'a' || mark[length - 1] > 'z'));
}

static void read_opening(struct reading *reading, const struct chat_style *style,
                         enum chat_call_place place, struct chat_call *call)
{
    const char *const other = style->other_open;
    if (place == CHAT_CALL_BEGUN)
        return;
    call->opened = place == CHAT_CALL_ANOTHER;
    if (place == CHAT_CALL_FIRST && other != NULL && peek(reading) == *other)
        read_mark(reading, other, call);
    if (place == CHAT_CALL_FIRST && style->section_open != NULL)
        read_mark(reading, style->section_open, call);
    skip_space(reading);
    if (style->list)
        expect(reading, place == CHAT_CALL_FIRST ? '[' : ',');
    call->opened = call->opened || (style->list && going(reading));
    skip_space(reading);
    read_mark(reading, style->call_open, call);
    skip_space(reading);
}

enum chat_call_result chat_call_head(const struct chat_style *style, enum chat_call_place place,
                                     const char *text, size_t length, char *scratch,
                                     struct chat_call *call)
{
    struct reading reading = {text, length, 0, CHAT_CALL_READY};
    *call = (struct chat_call){.name_length = 0};
    read_opening(&reading, style, place, call);
    if (!going(&reading))
        return reading.result;
    if (style->name_key != NULL)
        read_object(&reading, scratch, call);
    else
        read_named(&reading, style, call);
    return reading.result;
}

/* A closing mark that may be left out. */
static void read_closing(struct reading *reading, const char *pattern)
{
    struct reading ahead = *reading;
    expect_pattern(&ahead, pattern);
    if (going(reading) && ahead.result != CHAT_CALL_BAD)
        *reading = ahead;
}

/* The first byte of a mark that is no white space. */
static char first_of(const char *pattern)
{
    while (pattern != NULL && is_space(*pattern))
        pattern++;
    return pattern == NULL ? '\0' : *pattern;
}

/* The rest of the object, whose closing brace may be left out before a closing mark. */
static void read_rest(struct reading *reading, const struct chat_style *style, size_t open)
{
    while (open > 0 && going(reading)) {
        skip_space(reading);
        const char c = peek(reading);
        if (c == '}') {
            reading->at++;
            open--;
        } else if (c == ',') {
            reading->at++;
            skip_space(reading);
            skip_string(reading);
            skip_space(reading);
            expect(reading, ':');
            skip_space(reading);
            skip_value(reading);
        } else if (c != '\0' && c == first_of(style->call_close)) {
            return;
        } else {
            fail(reading);
        }
    }
}

enum chat_call_result chat_call_tail(const struct chat_style *style, const struct chat_call *call,
                                     const char *text, size_t length, size_t *used)
{
    struct reading reading = {text, length, 0, CHAT_CALL_READY};
    if (style->name_key != NULL && !call->whole)
        read_rest(&reading, style, call->nested ? 2 : 1);
    read_closing(&reading, style->call_close);
    *used = reading.at;
    return reading.result;
}

enum chat_call_result chat_call_section_end(const struct chat_style *style, const char *text,
                                            size_t length, size_t *used)
{
    struct reading reading = {text, length, 0, CHAT_CALL_READY};
    skip_space(&reading);
    if (style->list) {
        expect(&reading, ']');
        read_closing(&reading, style->section_close);
    } else {
        expect_pattern(&reading, style->section_close);
    }
    *used = reading.at;
    return reading.result;
}
