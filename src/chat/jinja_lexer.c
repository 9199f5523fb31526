/* jinja_lexer.c - a template's text to tokens.
 *
 * First the text is prepared, as if these settings were applied to it by replacing:
 *
 *   one newline at the very end goes
 *   lstrip_blocks   blanks between the begin of a line and {% {# {- go
 *   trim_blocks     a newline right behind %} #} -} goes
 *   {% generation %} and {% endgeneration %}, marks for training, go
 *
 * Then it is cut. {%- {{- {#- take white space before them away, -%} -}} -#} behind them. Inside a
 * dict }} is two closing braces.
 */
#include "chat/jinja_tree.h"

#include <string.h>

#include "base/hex.h"
#include "base/utf8.h"

struct lexer {
    struct scratch *memory;
    primer_error *error;
    char *text; /* prepared */
    size_t length, at, line;
    struct jinja_token *items;
    size_t count, capacity;
    size_t braces; /* open { in the current tag */
};

bool jinja_text_is(struct jinja_text text, const char *other)
{
    return text.length == strlen(other) && memcmp(text.bytes, other, text.length) == 0;
}

bool jinja_text_same(struct jinja_text a, struct jinja_text b)
{
    return a.length == b.length && (a.length == 0 || memcmp(a.bytes, b.bytes, a.length) == 0);
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

static bool is_space(char c)
{
    return is_blank(c) || c == '\n' || c == '\r' || c == '\v' || c == '\f';
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_word(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || is_digit(c) || c == '_';
}

/* ---- preparing ------------------------------------------------------------------------------- */

/* Blanks at a line's begin that a tag follows: how many. */
static size_t blanks_before_tag(const char *text, size_t length)
{
    size_t n = 0;
    while (n < length && is_blank(text[n]))
        n++;
    const bool tag = n + 1 < length && text[n] == '{' && strchr("#%-", text[n + 1]) != NULL;
    return tag && text[n + 1] != '\0' ? n : 0;
}

static size_t strip_lines(const char *text, size_t length, char *out)
{
    size_t used = 0;
    bool begin = true;
    for (size_t i = 0; i < length; i++) {
        if (begin)
            i += blanks_before_tag(text + i, length - i);
        out[used++] = text[i];
        begin = text[i] == '\n' || text[i] == '\r';
    }
    return used;
}

static size_t trim_newlines(char *text, size_t length)
{
    size_t used = 0;
    for (size_t i = 0; i < length; i++) {
        const bool behind = i >= 2 && text[i] == '\n' && used >= 2 && text[used - 1] == '}' &&
                            strchr("#%-", text[used - 2]) != NULL && text[used - 2] != '\0' &&
                            text[i - 1] == '}';
        if (!behind)
            text[used++] = text[i];
    }
    return used;
}

/* The length of a mark for training at `text`, 0 where there is none; whether it takes white space
 * before and behind it away. */
static size_t generation_tag(const char *text, size_t length, bool *before, bool *behind)
{
    static const char *const names[] = {"endgeneration", "generation"};
    size_t i = 2;
    if (length < 4 || text[0] != '{' || text[1] != '%')
        return 0;
    *before = text[i] == '-';
    i += *before;
    while (i < length && is_space(text[i]))
        i++;
    size_t name = 0;
    for (size_t n = 0; n < 2 && name == 0; n++)
        if (length - i >= strlen(names[n]) && memcmp(text + i, names[n], strlen(names[n])) == 0)
            name = strlen(names[n]);
    if (name == 0)
        return 0;
    for (i += name; i < length && is_space(text[i]);)
        i++;
    *behind = i < length && text[i] == '-';
    i += *behind;
    return length - i >= 2 && text[i] == '%' && text[i + 1] == '}' ? i + 2 : 0;
}

static size_t drop_generation(char *text, size_t length)
{
    size_t used = 0;
    for (size_t i = 0; i < length;) {
        bool before = false, behind = false;
        const size_t tag = generation_tag(text + i, length - i, &before, &behind);
        if (tag == 0) {
            text[used++] = text[i++];
            continue;
        }
        while (before && used > 0 && is_space(text[used - 1]))
            used--;
        for (i += tag; behind && i < length && is_space(text[i]);)
            i++;
    }
    return used;
}

static primer_status prepare(struct lexer *lexer, const char *text, size_t length)
{
    lexer->text = scratch_take(lexer->memory, length + 1, 1);
    if (lexer->text == NULL)
        return jinja_failure(lexer->error, 1, "no memory for %zu bytes of text", length);
    if (length > 0 && text[length - 1] == '\n')
        length--;
    lexer->length = strip_lines(text, length, lexer->text);
    lexer->length = trim_newlines(lexer->text, lexer->length);
    lexer->length = drop_generation(lexer->text, lexer->length);
    return PRIMER_OK;
}

/* ---- cutting --------------------------------------------------------------------------------- */

static bool starts(const struct lexer *lexer, const char *with)
{
    const size_t n = strlen(with);
    return lexer->length - lexer->at >= n && memcmp(lexer->text + lexer->at, with, n) == 0;
}

static char peek(const struct lexer *lexer, size_t ahead)
{
    return lexer->at + ahead < lexer->length ? lexer->text[lexer->at + ahead] : '\0';
}

static void forward(struct lexer *lexer, size_t bytes)
{
    for (; bytes > 0 && lexer->at < lexer->length; bytes--)
        lexer->line += lexer->text[lexer->at++] == '\n';
}

static primer_status put(struct lexer *lexer, enum jinja_token_kind kind, const char *bytes,
                         size_t length)
{
    if (lexer->count == lexer->capacity) {
        const size_t capacity = lexer->capacity == 0 ? 64 : 2 * lexer->capacity;
        struct jinja_token *const items = scratch_take(lexer->memory, capacity, sizeof *items);
        if (items == NULL)
            return jinja_failure(lexer->error, lexer->line, "too many tokens");
        if (lexer->count > 0)
            memcpy(items, lexer->items, lexer->count * sizeof *items);
        lexer->items = items;
        lexer->capacity = capacity;
    }
    lexer->items[lexer->count++] =
        (struct jinja_token){kind, jinja_text_of(bytes, length), lexer->line};
    return PRIMER_OK;
}

static enum jinja_token_kind last_kind(const struct lexer *lexer)
{
    return lexer->count == 0 ? JINJA_FINISHED : lexer->items[lexer->count - 1].kind;
}

/* The length of the white space character at `text`, as JavaScript and Python have it. */
static size_t space_at(const char *text, size_t length)
{
    static const uint32_t spaces[] = {0xa0, 0x1680, 0x2028, 0x2029, 0x202f, 0x205f, 0x3000, 0xfeff};
    uint32_t c = 0;
    if (length > 0 && is_space(*text))
        return 1;
    const size_t n = utf8_decode(text, length, &c);
    if (n < 2)
        return 0;
    for (size_t i = 0; i < sizeof spaces / sizeof spaces[0]; i++)
        if (c == spaces[i])
            return n;
    return c >= 0x2000 && c <= 0x200a ? n : 0;
}

static void skip_space(struct lexer *lexer)
{
    for (size_t n; (n = space_at(lexer->text + lexer->at, lexer->length - lexer->at)) > 0;)
        forward(lexer, n);
}

/* Takes white space off the end of the text token before a tag, and the token if nothing is left. */
static void strip_last(struct lexer *lexer)
{
    if (last_kind(lexer) != JINJA_TEXT)
        return;
    struct jinja_text *const text = &lexer->items[lexer->count - 1].text;
    for (size_t n = 1; text->length > 0 && n > 0;) {
        size_t at = text->length - 1;
        while (at > 0 && ((unsigned char)text->bytes[at] & 0xc0) == 0x80)
            at--;
        n = space_at(text->bytes + at, text->length - at);
        text->length -= at + n == text->length ? n : 0;
        n = at + n > text->length ? n : 0;
    }
    if (text->length == 0)
        lexer->count--;
}

static primer_status cut_text(struct lexer *lexer)
{
    const size_t begin = lexer->at, line = lexer->line;
    while (lexer->at < lexer->length && !starts(lexer, "{%") && !starts(lexer, "{{") &&
           !starts(lexer, "{#"))
        forward(lexer, 1);
    if (lexer->at == begin)
        return PRIMER_OK;
    FORWARD(put(lexer, JINJA_TEXT, lexer->text + begin, lexer->at - begin));
    lexer->items[lexer->count - 1].line = line;
    return PRIMER_OK;
}

static primer_status skip_comment(struct lexer *lexer)
{
    const size_t line = lexer->line;
    forward(lexer, 2);
    if (peek(lexer, 0) == '-')
        strip_last(lexer);
    while (!starts(lexer, "#}")) {
        if (lexer->at >= lexer->length)
            return jinja_failure(lexer->error, line, "a comment {# without its end #}");
        forward(lexer, 1);
    }
    const bool strip = lexer->text[lexer->at - 1] == '-';
    forward(lexer, 2);
    if (strip)
        skip_space(lexer);
    return PRIMER_OK;
}

/* Digits, and a fraction unless it is a member's index (a.0.1). */
static primer_status cut_number(struct lexer *lexer, size_t sign)
{
    const size_t begin = lexer->at;
    const bool member = lexer->count > 0 && last_kind(lexer) == JINJA_SIGN &&
                        jinja_text_is(lexer->items[lexer->count - 1].text, ".");
    forward(lexer, sign);
    while (is_digit(peek(lexer, 0)))
        forward(lexer, 1);
    if (!member && peek(lexer, 0) == '.' && is_digit(peek(lexer, 1))) {
        forward(lexer, 1);
        while (is_digit(peek(lexer, 0)))
            forward(lexer, 1);
    }
    return put(lexer, JINJA_NUMBER, lexer->text + begin, lexer->at - begin);
}

/* \xHH or \uHHHH, of which a pair of surrogates is one character. */
static primer_status unescape_code(struct lexer *lexer, size_t digits, uint32_t *code)
{
    *code = 0;
    for (size_t i = 0; i < digits; i++) {
        const int digit = hex_digit(peek(lexer, i));
        if (digit < 0)
            return jinja_failure(lexer->error, lexer->line, "an escape without its %zu hex digits",
                                 digits);
        *code = *code * 16 + (uint32_t)digit;
    }
    forward(lexer, digits);
    return PRIMER_OK;
}

/* The escape behind a backslash, to `out`; at most as many bytes as it has. */
static primer_status unescape(struct lexer *lexer, char *out, size_t *used)
{
    static const char from[] = "ntrbfv'\"\\", to[] = "\n\t\r\b\f\v'\"\\";
    const char c = peek(lexer, 0);
    const char *const known = c == '\0' ? NULL : strchr(from, c);
    if (known != NULL) {
        out[(*used)++] = to[known - from];
        forward(lexer, 1);
        return PRIMER_OK;
    }
    if (c != 'x' && c != 'u')
        return jinja_failure(lexer->error, lexer->line, "an unknown escape \\%c in a string",
                             c >= ' ' && c <= '~' ? c : '?');
    uint32_t code, low;
    forward(lexer, 1);
    FORWARD(unescape_code(lexer, c == 'x' ? 2 : 4, &code));
    if (code >= 0xd800 && code < 0xdc00 && starts(lexer, "\\u")) {
        forward(lexer, 2);
        FORWARD(unescape_code(lexer, 4, &low));
        code = low >= 0xdc00 && low < 0xe000 ? 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00)
                                             : 0xfffd;
    }
    *used += utf8_encode(code, out + *used);
    return PRIMER_OK;
}

static primer_status cut_string(struct lexer *lexer)
{
    const char quote = peek(lexer, 0);
    const size_t line = lexer->line, begin = lexer->at + 1;
    size_t end = begin, used = 0;
    while (end < lexer->length && lexer->text[end] != quote)
        end += lexer->text[end] == '\\' ? 2 : 1;
    if (end >= lexer->length)
        return jinja_failure(lexer->error, line, "a string without its closing quote");
    char *const out = scratch_take(lexer->memory, end - begin + 4, 1);
    if (out == NULL)
        return jinja_failure(lexer->error, line, "no memory for a string");
    forward(lexer, 1);
    while (lexer->at < end) {
        if (peek(lexer, 0) != '\\') {
            out[used++] = peek(lexer, 0);
            forward(lexer, 1);
            continue;
        }
        forward(lexer, 1);
        FORWARD(unescape(lexer, out, &used));
    }
    forward(lexer, 1);
    FORWARD(put(lexer, JINJA_STRING, out, used));
    lexer->items[lexer->count - 1].line = line;
    return PRIMER_OK;
}

/* Whether a sign here is of a number or of what follows, and not between two operands. */
static bool is_unary(const struct lexer *lexer)
{
    const struct jinja_token *const last = &lexer->items[lexer->count - 1];
    switch (last->kind) {
    case JINJA_NAME:
    case JINJA_NUMBER:
    case JINJA_STRING:
        return false;
    default:
        return !(last->kind == JINJA_SIGN &&
                 (jinja_text_is(last->text, ")") || jinja_text_is(last->text, "]")));
    }
}

static primer_status cut_sign(struct lexer *lexer)
{
    static const char *const signs[] = {"<=", ">=", "==", "!=", "**", "//", "(", ")", "{",
                                        "}",  "[",  "]",  ",",  ".",  ":",  "|", "<", ">",
                                        "+",  "-",  "~",  "*",  "/",  "%",  "="};
    const char c = peek(lexer, 0);
    if ((c == '-' || c == '+') && is_unary(lexer) && is_digit(peek(lexer, 1)))
        return cut_number(lexer, 1);
    for (size_t i = 0; i < sizeof signs / sizeof signs[0]; i++) {
        if (!starts(lexer, signs[i]))
            continue;
        lexer->braces += c == '{';
        lexer->braces -= c == '}' && lexer->braces > 0;
        FORWARD(put(lexer, JINJA_SIGN, signs[i], strlen(signs[i])));
        forward(lexer, strlen(signs[i]));
        return PRIMER_OK;
    }
    if (c >= ' ' && c <= '~')
        return jinja_failure(lexer->error, lexer->line, "unexpected character '%c'", c);
    return jinja_failure(lexer->error, lexer->line, "unexpected byte %u",
                         (unsigned)(unsigned char)c);
}

/* A tag's end at the current place, if there is one: its length and kind, and whether it takes the
 * white space behind it away. */
static size_t tag_end(const struct lexer *lexer, enum jinja_token_kind *kind, bool *strip)
{
    *strip = peek(lexer, 0) == '-';
    const char c = peek(lexer, *strip);
    if (peek(lexer, *strip + 1) != '}' || (c != '%' && c != '}'))
        return 0;
    if (c == '}' && lexer->braces > 0 && !*strip)
        return 0;
    *kind = c == '%' ? JINJA_END : JINJA_CLOSE;
    return 2 + *strip;
}

/* Inside a tag: one token. */
static primer_status cut_token(struct lexer *lexer)
{
    enum jinja_token_kind kind;
    bool strip;
    skip_space(lexer);
    const size_t end = tag_end(lexer, &kind, &strip);
    const char c = peek(lexer, 0);
    if (end > 0) {
        FORWARD(put(lexer, kind, lexer->text + lexer->at, end));
        forward(lexer, end);
        if (strip)
            skip_space(lexer);
        return PRIMER_OK;
    }
    if (lexer->at >= lexer->length)
        return jinja_failure(lexer->error, lexer->line, "a tag without its end");
    if (c == '\'' || c == '"')
        return cut_string(lexer);
    if (is_digit(c))
        return cut_number(lexer, 0);
    if (!is_word(c))
        return cut_sign(lexer);
    const size_t begin = lexer->at;
    while (is_word(peek(lexer, 0)))
        forward(lexer, 1);
    return put(lexer, JINJA_NAME, lexer->text + begin, lexer->at - begin);
}

/* Between tags: text, a comment, or the begin of a tag. */
static primer_status cut_outside(struct lexer *lexer, bool *inside)
{
    if (starts(lexer, "{#"))
        return skip_comment(lexer);
    if (!starts(lexer, "{%") && !starts(lexer, "{{"))
        return cut_text(lexer);
    const bool statement = peek(lexer, 1) == '%', strip = peek(lexer, 2) == '-';
    if (strip)
        strip_last(lexer);
    FORWARD(put(lexer, statement ? JINJA_BEGIN : JINJA_OPEN, lexer->text + lexer->at, 2));
    forward(lexer, 2 + strip);
    lexer->braces = 0;
    *inside = true;
    return PRIMER_OK;
}

primer_status jinja_lexer(const char *text, size_t length, struct scratch *memory,
                          struct jinja_tokens *tokens, primer_error *error)
{
    struct lexer lexer = {.memory = memory, .error = error, .line = 1};
    bool inside = false;
    FORWARD(prepare(&lexer, text, length));
    while (lexer.at < lexer.length) {
        if (!inside) {
            FORWARD(cut_outside(&lexer, &inside));
            continue;
        }
        FORWARD(cut_token(&lexer));
        inside = last_kind(&lexer) != JINJA_END && last_kind(&lexer) != JINJA_CLOSE;
    }
    if (inside)
        return jinja_failure(error, lexer.line, "a tag without its end");
    FORWARD(put(&lexer, JINJA_FINISHED, "", 0));
    *tokens = (struct jinja_tokens){lexer.items, lexer.count};
    return PRIMER_OK;
}
