/* chat_scan.c - JSON, byte by byte: a state, and a stack of the containers one is in. */
#include "chat/chat_scan.h"

#include <string.h>

enum state {
    BEFORE_VALUE,
    BEFORE_FIRST_ITEM, /* behind [ */
    BEFORE_FIRST_KEY,  /* behind { */
    BEFORE_KEY,        /* behind a comma */
    BEFORE_COLON,
    BEHIND_VALUE,
    IN_STRING,
    IN_ESCAPE,
    IN_HEXADECIMAL,
    IN_LITERAL,
    /* Numbers, by what was read last. */
    NUMBER_SIGN,
    NUMBER_ZERO,
    NUMBER_DIGITS,
    NUMBER_POINT,
    NUMBER_FRACTION,
    NUMBER_E,
    NUMBER_E_SIGN,
    NUMBER_EXPONENT
};

static bool is_space(char c)
{
    return c == ' ' || c == '\n' || c == '\t' || c == '\r';
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_hexadecimal(char c)
{
    return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

static enum chat_scan_result to(struct chat_scan *scan, enum state state)
{
    scan->state = (int)state;
    return CHAT_SCAN_MORE;
}

static enum chat_scan_result open(struct chat_scan *scan, bool object)
{
    if (scan->depth == CHAT_SCAN_DEPTH)
        return CHAT_SCAN_BAD;
    scan->object[scan->depth++] = object;
    return to(scan, object ? BEFORE_FIRST_KEY : BEFORE_FIRST_ITEM);
}

static enum chat_scan_result close(struct chat_scan *scan, bool object)
{
    if (scan->depth == 0 || scan->object[scan->depth - 1] != object)
        return CHAT_SCAN_BAD;
    scan->depth--;
    to(scan, BEHIND_VALUE);
    return scan->depth == 0 ? CHAT_SCAN_DONE : CHAT_SCAN_MORE;
}

static enum chat_scan_result literal(struct chat_scan *scan, const char *rest)
{
    scan->rest = rest;
    return to(scan, IN_LITERAL);
}

static enum chat_scan_result string(struct chat_scan *scan, bool key)
{
    scan->key = key;
    return to(scan, IN_STRING);
}

static enum chat_scan_result value(struct chat_scan *scan, char c)
{
    if (c == '{' || c == '[')
        return open(scan, c == '{');
    if (scan->depth == 0)
        return CHAT_SCAN_BAD;
    switch (c) {
    case '"':
        return string(scan, false);
    case 't':
        return literal(scan, "rue");
    case 'f':
        return literal(scan, "alse");
    case 'n':
        return literal(scan, "ull");
    case '-':
        return to(scan, NUMBER_SIGN);
    case '0':
        return to(scan, NUMBER_ZERO);
    default:
        return is_digit(c) ? to(scan, NUMBER_DIGITS) : CHAT_SCAN_BAD;
    }
}

static enum chat_scan_result behind_value(struct chat_scan *scan, char c)
{
    if (is_space(c))
        return to(scan, BEHIND_VALUE);
    if (c == ',' && scan->depth > 0)
        return to(scan, scan->object[scan->depth - 1] ? BEFORE_KEY : BEFORE_VALUE);
    return c == '}' || c == ']' ? close(scan, c == '}') : CHAT_SCAN_BAD;
}

static enum chat_scan_result number(struct chat_scan *scan, char c)
{
    const bool exponent = c == 'e' || c == 'E';
    switch ((enum state)scan->state) {
    case NUMBER_SIGN:
        return c == '0'      ? to(scan, NUMBER_ZERO)
               : is_digit(c) ? to(scan, NUMBER_DIGITS)
                             : CHAT_SCAN_BAD;
    case NUMBER_ZERO:
    case NUMBER_DIGITS:
        if (is_digit(c))
            return scan->state == NUMBER_ZERO ? CHAT_SCAN_BAD : CHAT_SCAN_MORE;
        if (c == '.')
            return to(scan, NUMBER_POINT);
        return exponent ? to(scan, NUMBER_E) : behind_value(scan, c);
    case NUMBER_POINT:
        return is_digit(c) ? to(scan, NUMBER_FRACTION) : CHAT_SCAN_BAD;
    case NUMBER_FRACTION:
        if (is_digit(c))
            return CHAT_SCAN_MORE;
        return exponent ? to(scan, NUMBER_E) : behind_value(scan, c);
    case NUMBER_E:
        if (c == '+' || c == '-')
            return to(scan, NUMBER_E_SIGN);
        return is_digit(c) ? to(scan, NUMBER_EXPONENT) : CHAT_SCAN_BAD;
    case NUMBER_E_SIGN:
        return is_digit(c) ? to(scan, NUMBER_EXPONENT) : CHAT_SCAN_BAD;
    default:
        return is_digit(c) ? CHAT_SCAN_MORE : behind_value(scan, c);
    }
}

static enum chat_scan_result in_string(struct chat_scan *scan, char c)
{
    if (scan->state == IN_HEXADECIMAL) {
        if (!is_hexadecimal(c))
            return CHAT_SCAN_BAD;
        return --scan->left == 0 ? to(scan, IN_STRING) : CHAT_SCAN_MORE;
    }
    if (scan->state == IN_ESCAPE) {
        scan->left = 4;
        if (c == 'u')
            return to(scan, IN_HEXADECIMAL);
        return c != '\0' && strchr("\"\\/bfnrt", c) != NULL ? to(scan, IN_STRING) : CHAT_SCAN_BAD;
    }
    if (c == '"')
        return to(scan, scan->key ? BEFORE_COLON : BEHIND_VALUE);
    if (c == '\\')
        return to(scan, IN_ESCAPE);
    return (unsigned char)c < 0x20 ? CHAT_SCAN_BAD : CHAT_SCAN_MORE;
}

static enum chat_scan_result in_literal(struct chat_scan *scan, char c)
{
    if (c != *scan->rest)
        return CHAT_SCAN_BAD;
    return *++scan->rest == '\0' ? to(scan, BEHIND_VALUE) : CHAT_SCAN_MORE;
}

enum chat_scan_result chat_scan_push(struct chat_scan *scan, char byte)
{
    const enum state state = (enum state)scan->state;
    if (state >= NUMBER_SIGN)
        return number(scan, byte);
    if (state == IN_LITERAL)
        return in_literal(scan, byte);
    if (state >= IN_STRING)
        return in_string(scan, byte);
    if (is_space(byte))
        return CHAT_SCAN_MORE;
    switch (state) {
    case BEFORE_FIRST_ITEM:
        return byte == ']' ? close(scan, false) : value(scan, byte);
    case BEFORE_FIRST_KEY:
        return byte == '}' ? close(scan, true) : byte == '"' ? string(scan, true) : CHAT_SCAN_BAD;
    case BEFORE_KEY:
        return byte == '"' ? string(scan, true) : CHAT_SCAN_BAD;
    case BEFORE_COLON:
        return byte == ':' ? to(scan, BEFORE_VALUE) : CHAT_SCAN_BAD;
    case BEHIND_VALUE:
        return behind_value(scan, byte);
    default:
        return value(scan, byte);
    }
}
