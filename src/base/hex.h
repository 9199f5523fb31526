/* hex.h - the digits of escapes: \u00e9, %20. */
#ifndef BASE_HEX_H
#define BASE_HEX_H

/* -1: it is none. */
static inline int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

#endif
