/* code_fence.c - fences of code in Markdown, line by line. */
#include "base/code_fence.h"

#include <string.h>
#include <strings.h>

struct line {
    const char *bytes;
    size_t length; /* the line's end not counted */
    size_t next;   /* where the line behind it begins */
};

static struct line line_at(const char *text, size_t length, size_t at)
{
    const char *const end = memchr(text + at, '\n', length - at);
    const size_t stop = end == NULL ? length : (size_t)(end - text);
    return (struct line){text + at, stop - at, end == NULL ? length : stop + 1};
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r';
}

static size_t blanks(const char *bytes, size_t length)
{
    size_t count = 0;
    while (count < length && is_blank(bytes[count]))
        count++;
    return count;
}

/* How many backticks a line has behind its blanks; 0: fewer than three. */
static size_t backticks(const struct line *line, size_t *indent)
{
    size_t count = 0;
    *indent = blanks(line->bytes, line->length);
    while (*indent + count < line->length && line->bytes[*indent + count] == '`')
        count++;
    return count < 3 ? 0 : count;
}

/* False where a backtick follows: that is code inside a line. */
static bool read_opening(const struct line *line, struct code_fence *fence, size_t *ticks)
{
    *ticks = backticks(line, &fence->indent);
    const size_t behind = fence->indent + *ticks;
    if (*ticks == 0 || memchr(line->bytes + behind, '`', line->length - behind) != NULL)
        return false;
    const size_t begin = behind + blanks(line->bytes + behind, line->length - behind);
    size_t end = begin;
    while (end < line->length && !is_blank(line->bytes[end]))
        end++;
    fence->language = line->bytes + begin;
    fence->language_length = end - begin;
    return true;
}

static bool closes(const struct line *line, size_t ticks)
{
    size_t indent;
    const size_t found = backticks(line, &indent), behind = indent + found;
    return found >= ticks &&
           blanks(line->bytes + behind, line->length - behind) == line->length - behind;
}

bool code_fence_next(const char *text, size_t length, size_t *at, struct code_fence *fence)
{
    size_t ticks = 0;
    bool open = false;
    while (*at < length) {
        const struct line line = line_at(text, length, *at);
        *at = line.next;
        if (open && closes(&line, ticks)) {
            fence->closed = true;
            fence->length = (size_t)(line.bytes - fence->code);
            return true;
        }
        if (!open && read_opening(&line, fence, &ticks)) {
            open = true;
            fence->code = text + line.next;
        }
    }
    if (!open)
        return false;
    fence->closed = false;
    fence->length = (size_t)(text + length - fence->code);
    return true;
}

static bool is_python(const struct code_fence *fence)
{
    static const char *const names[] = {"python", "py", "python3"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (fence->language_length == strlen(names[i]) &&
            strncasecmp(fence->language, names[i], fence->language_length) == 0)
            return true;
    return false;
}

static bool is_empty(const struct code_fence *fence)
{
    for (size_t i = 0; i < fence->length; i++)
        if (fence->code[i] != '\n' && !is_blank(fence->code[i]))
            return false;
    return true;
}

bool code_fence_python(const char *text, size_t length, struct code_fence *fence)
{
    struct code_fence next;
    bool found = false, named = false;
    for (size_t at = 0; code_fence_next(text, length, &at, &next);) {
        const bool python = is_python(&next);
        if (is_empty(&next) || (!python && (named || next.language_length > 0)))
            continue;
        *fence = next;
        found = true;
        named = python;
    }
    return found;
}

primer_status code_fence_extract(const char *text, size_t length, struct buffer *code,
                                 primer_error *error)
{
    struct code_fence fence;
    if (!code_fence_python(text, length, &fence)) {
        size_t begin = 0;
        while (begin < length && (is_blank(text[begin]) || text[begin] == '\n'))
            begin++;
        return buffer_append(code, text + begin, length - begin, error);
    }
    for (size_t at = 0; at < fence.length;) {
        const struct line line = line_at(fence.code, fence.length, at);
        const size_t before = blanks(line.bytes, line.length);
        const size_t cut = before < fence.indent ? before : fence.indent;
        FORWARD(buffer_append(code, line.bytes + cut, line.next - at - cut, error));
        at = line.next;
    }
    return PRIMER_OK;
}
