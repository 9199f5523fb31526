/* render.h - how things look: colours, sizes, durations, the gauge of the context's fill.
 *
 * Colour only where the stream is a terminal that shows it: not with NO_COLOR, not with TERM=dumb,
 * unless asked for by name.
 */
#ifndef TERMINAL_RENDER_H
#define TERMINAL_RENDER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum render_color { RENDER_AUTO, RENDER_ALWAYS, RENDER_NEVER };
enum render_style {
    RENDER_PLAIN,
    RENDER_DIM,
    RENDER_BOLD,
    RENDER_PROMPT,
    RENDER_WARN,
    RENDER_FULL
};

#define RENDER_TEXT 128 /* bytes that the texts below need at most */

void render_setup(enum render_color color); /* once, before the others */
bool render_colored(int descriptor);
/* The escape sequence that begins a style on this stream; "" without colour. RENDER_PLAIN ends it.
 */
const char *render_style(int descriptor, enum render_style style);
bool render_unicode(void); /* the terminal's locale shows UTF-8 */
bool render_dumb(void);    /* no line editing, no overwriting of lines */
size_t render_columns(int descriptor);

/* "1.64 GB", decimal units. */
const char *render_bytes(uint64_t bytes, char out[RENDER_TEXT]);
/* "0.041 s", "12.3 s", "3 min 20 s", "2 h 5 min". */
const char *render_duration(double seconds, char out[RENDER_TEXT]);
/* "327,680" */
const char *render_count(uint64_t count, char out[RENDER_TEXT]);
/* A bar of `cells` cells and the share in percent. */
const char *render_gauge(size_t used, size_t total, size_t cells, char out[RENDER_TEXT]);

#endif
