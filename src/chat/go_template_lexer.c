/* go_template_lexer.c - a Go template's text to tokens.
 *
 *   text {{- /+ remark +/ -}} text {{ if .A }} ..        (/+ +/: with stars)
 *
 * "{{- " takes white space before it away, " -}}" white space behind it; the blank belongs to the
 * mark. A remark fills its action. White space separates operands, so that it is a token; inside
 * an action it may hold newlines.
 */
#include "chat/go_template_tree.h"

#include <string.h>
#include <utf8proc.h>

#include "base/utf8.h"

struct lexer {
    struct scratch *memory;
    primer_error *error;
    const char *text;
    size_t length, at, line;
    size_t parentheses; /* open ones in the current action */
    struct go_token *items;
    size_t count, capacity;
};

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static char peek(const struct lexer *lexer, size_t ahead)
{
    return ahead < lexer->length - lexer->at ? lexer->text[lexer->at + ahead] : '\0';
}

static bool starts(const struct lexer *lexer, size_t ahead, const char *with)
{
    const size_t n = strlen(with), left = lexer->length - lexer->at;
    return ahead <= left && left - ahead >= n &&
           memcmp(lexer->text + lexer->at + ahead, with, n) == 0;
}

static void forward(struct lexer *lexer, size_t bytes)
{
    for (; bytes > 0 && lexer->at < lexer->length; bytes--)
        lexer->line += lexer->text[lexer->at++] == '\n';
}

static primer_status put(struct lexer *lexer, enum go_token_kind kind, struct jinja_text text,
                         size_t line)
{
    if (lexer->count == lexer->capacity) {
        const size_t capacity = lexer->capacity == 0 ? 64 : 2 * lexer->capacity;
        struct go_token *const items = scratch_take(lexer->memory, capacity, sizeof *items);
        if (items == NULL)
            return jinja_failure(lexer->error, line, "too many tokens");
        if (lexer->count > 0)
            memcpy(items, lexer->items, lexer->count * sizeof *items);
        lexer->items = items;
        lexer->capacity = capacity;
    }
    lexer->items[lexer->count++] = (struct go_token){kind, text, line};
    return PRIMER_OK;
}

/* The `length` bytes from here on. */
static primer_status put_bytes(struct lexer *lexer, enum go_token_kind kind, size_t length)
{
    const char *const bytes = lexer->text + lexer->at;
    const size_t line = lexer->line;
    forward(lexer, length);
    return put(lexer, kind, jinja_text_of(bytes, length), line);
}

/* A character for a message. */
static const char *shown(const struct lexer *lexer, char out[8])
{
    uint32_t code;
    const size_t n = utf8_decode(lexer->text + lexer->at, lexer->length - lexer->at, &code);
    if (lexer->at == lexer->length)
        return "the end";
    return error_printable(lexer->text + lexer->at, n == 0 ? 1 : n, out, 8);
}

/* ---- words ----------------------------------------------------------------------------------- */

/* Bytes of the letter, digit or underscore here; 0 where there is none. */
static size_t word_character(const struct lexer *lexer)
{
    const char c = peek(lexer, 0);
    if (lexer->at == lexer->length)
        return 0;
    if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || is_digit(c) || c == '_')
        return 1;
    uint32_t code;
    const size_t n = utf8_decode(lexer->text + lexer->at, lexer->length - lexer->at, &code);
    if (n < 2)
        return 0;
    const utf8proc_category_t kind = utf8proc_category((utf8proc_int32_t)code);
    return (kind >= UTF8PROC_CATEGORY_LU && kind <= UTF8PROC_CATEGORY_LO) ||
                   kind == UTF8PROC_CATEGORY_ND
               ? n
               : 0;
}

/* Whether a name may end here. */
static bool at_border(const struct lexer *lexer)
{
    const char c = peek(lexer, 0);
    return lexer->at == lexer->length || is_space(c) ||
           (c != '\0' && strchr(".,|:()", c) != NULL) || starts(lexer, 0, "}}");
}

/* A name from here on, after `skip` bytes that belong to the token's text if `kept`. */
static primer_status cut_word(struct lexer *lexer, enum go_token_kind kind, size_t skip, bool kept)
{
    const size_t begin = lexer->at + (kept ? 0 : skip), line = lexer->line;
    char bytes[8];
    forward(lexer, skip);
    for (size_t n; (n = word_character(lexer)) > 0;)
        forward(lexer, n);
    if (!at_border(lexer))
        return jinja_failure(lexer->error, lexer->line, "unexpected bad character \"%s\"",
                             shown(lexer, bytes));
    return put(lexer, kind, jinja_text_of(lexer->text + begin, lexer->at - begin), line);
}

static primer_status cut_dot(struct lexer *lexer)
{
    const char next = peek(lexer, 1);
    if (next == '.' || lexer->length - lexer->at < 2 || is_space(next) ||
        (next != '\0' && strchr(",|:()", next) != NULL) || starts(lexer, 1, "}}"))
        return put_bytes(lexer, GO_DOT, 1);
    return cut_word(lexer, GO_FIELD, 1, false);
}

/* Digits, letters of a base or an exponent, a sign behind an exponent; the parser reads it. */
static primer_status cut_number(struct lexer *lexer)
{
    const char *const text = lexer->text + lexer->at;
    size_t n = *text == '+' || *text == '-';
    const bool hexadecimal = (text[0] == '0' || n == 1) && lexer->length - lexer->at > n + 1 &&
                             text[n] == '0' && (text[n + 1] == 'x' || text[n + 1] == 'X');
    for (; n < lexer->length - lexer->at; n++) {
        const char c = text[n];
        const char before = n > 0 ? (char)(text[n - 1] | 0x20) : '\0';
        const bool sign =
            (c == '+' || c == '-') && n > 0 && (hexadecimal ? before == 'p' : before == 'e');
        if (!sign && !is_digit(c) && c != '.' && c != '_' &&
            !((c | 0x20) >= 'a' && (c | 0x20) <= 'z'))
            break;
    }
    return put_bytes(lexer, GO_NUMBER, n);
}

/* ---- strings --------------------------------------------------------------------------------- */

static int digit_value(char c)
{
    return is_digit(c)            ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : 99;
}

/* `count` digits of a base. */
static primer_status cut_code(struct lexer *lexer, size_t count, unsigned base, uint32_t *code)
{
    *code = 0;
    for (size_t i = 0; i < count; i++) {
        const int digit = digit_value(peek(lexer, i));
        if (digit >= (int)base)
            return jinja_failure(lexer->error, lexer->line, "an escape without its %zu digits",
                                 count);
        *code = *code * base + (uint32_t)digit;
    }
    forward(lexer, count);
    return PRIMER_OK;
}

/* The escape behind a backslash, to `out`, whose room its own bytes are enough for. */
static primer_status unescape(struct lexer *lexer, char quote, char *out, size_t *used)
{
    static const char from[] = "abfnrtv\\", to[] = "\a\b\f\n\r\t\v\\";
    const char c = peek(lexer, 0);
    const char *const known = c == '\0' ? NULL : strchr(from, c);
    uint32_t code = 0;
    if (known != NULL || c == quote) {
        out[(*used)++] = known != NULL ? to[known - from] : quote;
        forward(lexer, 1);
        return PRIMER_OK;
    }
    if (c >= '0' && c <= '7') {
        FORWARD(cut_code(lexer, 3, 8, &code));
    } else if (c == 'x' || c == 'u' || c == 'U') {
        forward(lexer, 1);
        FORWARD(cut_code(lexer, c == 'x' ? 2 : c == 'u' ? 4 : 8, 16, &code));
    } else {
        return jinja_failure(lexer->error, lexer->line, "an unknown escape in a string");
    }
    const bool byte = c != 'u' && c != 'U';
    if (byte ? code > 0xff : code > 0x10ffff || (code >= 0xd800 && code < 0xe000))
        return jinja_failure(lexer->error, lexer->line, "an escape of no character");
    if (byte)
        out[(*used)++] = (char)(unsigned char)code;
    else
        *used += utf8_encode(code, out + *used);
    return PRIMER_OK;
}

/* "text" or 'c'. */
static primer_status cut_quoted(struct lexer *lexer, char quote)
{
    const size_t line = lexer->line;
    size_t end = 1, used = 0;
    while (end < lexer->length - lexer->at && peek(lexer, end) != quote && peek(lexer, end) != '\n')
        end += peek(lexer, end) == '\\' ? 2 : 1;
    if (end >= lexer->length - lexer->at || peek(lexer, end) != quote)
        return jinja_failure(lexer->error, line, "unterminated %s",
                             quote == '"' ? "quoted string" : "character constant");
    char *const out = scratch_take(lexer->memory, end + 4, 1);
    if (out == NULL)
        return jinja_failure(lexer->error, line, "a string of %zu bytes is too long", end);
    const size_t stop = lexer->at + end;
    for (forward(lexer, 1); lexer->at < stop;) {
        const char c = peek(lexer, 0);
        forward(lexer, 1);
        if (c == '\\')
            FORWARD(unescape(lexer, quote, out, &used));
        else
            out[used++] = c;
    }
    forward(lexer, 1);
    return put(lexer, quote == '"' ? GO_STRING : GO_RUNE, jinja_text_of(out, used), line);
}

/* Between backquotes, as it stands but for carriage returns. */
static primer_status cut_raw(struct lexer *lexer)
{
    const size_t line = lexer->line;
    const char *const begin = lexer->text + lexer->at + 1;
    const char *const end = memchr(begin, '`', lexer->length - lexer->at - 1);
    if (end == NULL)
        return jinja_failure(lexer->error, line, "unterminated raw quoted string");
    const size_t length = (size_t)(end - begin);
    size_t used = 0;
    char *const out = scratch_take(lexer->memory, length + 1, 1);
    if (out == NULL)
        return jinja_failure(lexer->error, line, "a string of %zu bytes is too long", length);
    for (size_t i = 0; i < length; i++)
        if (begin[i] != '\r')
            out[used++] = begin[i];
    forward(lexer, length + 2);
    return put(lexer, GO_STRING, jinja_text_of(out, used), line);
}

/* ---- actions --------------------------------------------------------------------------------- */

static primer_status cut_sign(struct lexer *lexer)
{
    const char c = peek(lexer, 0);
    char bytes[8];
    if (c == ':' && peek(lexer, 1) != '=')
        return jinja_failure(lexer->error, lexer->line, "expected :=");
    if (c < '!' || c > '~')
        return jinja_failure(lexer->error, lexer->line, "unrecognized character in action: \"%s\"",
                             shown(lexer, bytes));
    if (c == ')' && lexer->parentheses == 0)
        return jinja_failure(lexer->error, lexer->line, "unexpected right paren");
    lexer->parentheses += c == '(';
    lexer->parentheses -= c == ')';
    return put_bytes(lexer, GO_SIGN, c == ':' ? 2 : 1);
}

/* A run of white space, without the blank that " -}}" begins with. */
static primer_status cut_space(struct lexer *lexer)
{
    size_t n = 0;
    while (n < lexer->length - lexer->at && is_space(peek(lexer, n)))
        n++;
    if (starts(lexer, n, "-}}"))
        n--;
    return n == 0 ? PRIMER_OK : put_bytes(lexer, GO_SPACE, n);
}

static primer_status cut_inside(struct lexer *lexer)
{
    const char c = peek(lexer, 0);
    if (is_space(c))
        return cut_space(lexer);
    if (c == '.' && !is_digit(peek(lexer, 1)))
        return cut_dot(lexer);
    if (c == '$')
        return cut_word(lexer, GO_VARIABLE, 1, true);
    if (c == '"' || c == '\'')
        return cut_quoted(lexer, c);
    if (c == '`')
        return cut_raw(lexer);
    if (c == '+' || c == '-' || c == '.' || is_digit(c))
        return cut_number(lexer);
    return word_character(lexer) > 0 ? cut_word(lexer, GO_WORD, 0, true) : cut_sign(lexer);
}

/* Whether an action ends here; how many bytes its end has, 0: it doesn't. */
static size_t closing(const struct lexer *lexer, bool *trims)
{
    *trims = is_space(peek(lexer, 0)) && starts(lexer, 1, "-}}");
    return *trims ? 4 : starts(lexer, 0, "}}") ? 2 : 0;
}

static void skip_space(struct lexer *lexer)
{
    while (lexer->at < lexer->length && is_space(peek(lexer, 0)))
        forward(lexer, 1);
}

/* Behind {{ and its mark. */
static primer_status skip_remark(struct lexer *lexer)
{
    const size_t line = lexer->line;
    bool trims;
    for (forward(lexer, 2); !starts(lexer, 0, "*/"); forward(lexer, 1))
        if (lexer->at == lexer->length)
            return jinja_failure(lexer->error, line, "unclosed comment");
    forward(lexer, 2);
    const size_t end = closing(lexer, &trims);
    if (end == 0)
        return jinja_failure(lexer->error, lexer->line, "comment ends before closing delimiter");
    forward(lexer, end);
    if (trims)
        skip_space(lexer);
    return PRIMER_OK;
}

static primer_status cut_action(struct lexer *lexer)
{
    const size_t line = lexer->line;
    size_t end;
    bool trims;
    FORWARD(put_bytes(lexer, GO_OPEN, 2));
    if (peek(lexer, 0) == '-' && is_space(peek(lexer, 1)))
        forward(lexer, 2);
    if (starts(lexer, 0, "/*")) {
        lexer->count--;
        return skip_remark(lexer);
    }
    lexer->parentheses = 0;
    while ((end = closing(lexer, &trims)) == 0) {
        if (lexer->at == lexer->length)
            return jinja_failure(lexer->error, line, "unclosed action");
        FORWARD(cut_inside(lexer));
    }
    if (lexer->parentheses > 0)
        return jinja_failure(lexer->error, lexer->line, "unclosed left paren");
    FORWARD(put_bytes(lexer, GO_CLOSE, end));
    if (trims)
        skip_space(lexer);
    return PRIMER_OK;
}

static primer_status cut_text(struct lexer *lexer)
{
    const char *const begin = lexer->text + lexer->at;
    const size_t left = lexer->length - lexer->at, line = lexer->line;
    const char *const found = memmem(begin, left, "{{", 2);
    const size_t whole = found == NULL ? left : (size_t)(found - begin);
    size_t length = whole;
    forward(lexer, whole);
    if (found != NULL && peek(lexer, 2) == '-' && is_space(peek(lexer, 3)))
        while (length > 0 && is_space(begin[length - 1]))
            length--;
    return length == 0 ? PRIMER_OK : put(lexer, GO_TEXT, jinja_text_of(begin, length), line);
}

primer_status go_template_lexer(const char *text, size_t length, struct scratch *memory,
                                struct go_tokens *tokens, primer_error *error)
{
    char *const copy = scratch_take(memory, length + 1, 1);
    if (copy == NULL)
        return jinja_failure(error, 1, "no memory for %zu bytes of text", length);
    if (length > 0)
        memcpy(copy, text, length);
    struct lexer lexer = {
        .memory = memory, .error = error, .text = copy, .length = length, .line = 1};
    while (lexer.at < length) {
        FORWARD(cut_text(&lexer));
        if (lexer.at < length)
            FORWARD(cut_action(&lexer));
    }
    FORWARD(put(&lexer, GO_FINISHED, jinja_text_of("", 0), lexer.line));
    *tokens = (struct go_tokens){lexer.items, lexer.count};
    return PRIMER_OK;
}
