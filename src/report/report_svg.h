/* report_svg.h - the pieces of a picture: its frame, texts, colours, and how wide a text is.
 *
 * Widths are estimated without a font, by classes of characters after the widest of the usual
 * sans-serif fonts (Verdana, DejaVu Sans): what has room by them has room with any.
 */
#ifndef REPORT_REPORT_SVG_H
#define REPORT_REPORT_SVG_H

#include <stdbool.h>
#include <stddef.h>
#include "base/buffer.h"

#define REPORT_SVG_LARGE  18.0 /* font sizes in pixels */
#define REPORT_SVG_MIDDLE 14.0
#define REPORT_SVG_SMALL  13.0

#define REPORT_SVG_INK   "#222222"
#define REPORT_SVG_GREY  "#595959"
#define REPORT_SVG_GRID  "#dddddd"
#define REPORT_SVG_FAINT "#f0f0f0"

const char *report_svg_color(size_t index); /* again from the first after the last */
const char *report_svg_dash(size_t index);  /* stroke-dasharray; "": solid */

/* Pixels. */
double report_svg_text_width(const char *text, double size);
/* `text` as XML text: markup escaped, what XML or UTF-8 forbids as U+FFFD. */
primer_status report_svg_escape(struct buffer *out, const char *text, primer_error *error);

/* The root element with a white ground and a title for screen readers. */
primer_status report_svg_begin(struct buffer *out, double width, double height, const char *title,
                               primer_error *error);
primer_status report_svg_end(struct buffer *out, primer_error *error);

struct report_svg_text {
    double x, y, size;  /* of the baseline, pixels */
    const char *anchor; /* "start", "middle", "end" */
    const char *color;
    double room;        /* cut, with "...", to this many pixels; 0: not cut */
    bool bold, upwards; /* upwards: turned to be read from below */
};
primer_status report_svg_text(struct buffer *out, const struct report_svg_text *style,
                              const char *text, primer_error *error);
primer_status report_svg_line(struct buffer *out, double x1, double y1, double x2, double y2,
                              const char *color, double width, primer_error *error);

#endif
