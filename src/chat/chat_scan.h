/* chat_scan.h - JSON, byte by byte: whether what was read may still become one value (RFC 8259).
 *
 * Nothing is kept but where in the value one is; depth is limited. */
#ifndef CHAT_CHAT_SCAN_H
#define CHAT_CHAT_SCAN_H

#include <stdbool.h>
#include <stddef.h>

#define CHAT_SCAN_DEPTH 64 /* arrays and objects in each other */

enum chat_scan_result {
    CHAT_SCAN_MORE,
    CHAT_SCAN_DONE, /* the value ends with this byte */
    CHAT_SCAN_BAD
};

/* Zero-initialise: before a value, which has to be an array or an object. */
struct chat_scan {
    int state;
    size_t depth;
    bool object[CHAT_SCAN_DEPTH]; /* which of them are objects */
    bool key;                     /* the string is a member's name */
    int left;                     /* hexadecimal digits to come */
    const char *rest;             /* of true, false, null */
};

enum chat_scan_result chat_scan_push(struct chat_scan *scan, char byte);

#endif
