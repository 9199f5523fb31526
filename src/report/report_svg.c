/* report_svg.c - the pieces of a picture. */
#include "report/report_svg.h"

#include <math.h>
#include <string.h>

#include "base/utf8.h"

static const char family[] = "Helvetica, Arial, 'DejaVu Sans', sans-serif";

/* Okabe and Ito's, without the yellow that a white ground swallows; the most different first. */
static const char *const colors[] = {"#0072b2", "#d55e00", "#009e73", "#cc79a7",
                                     "#000000", "#e69f00", "#56b4e9"};
/* As many as have no common divisor with the colours: 28 pairs before one comes again. */
static const char *const dashes[] = {"", "9 4", "2 3", "10 3 2 3"};

const char *report_svg_color(size_t index)
{
    return colors[index % (sizeof colors / sizeof *colors)];
}

const char *report_svg_dash(size_t index)
{
    return dashes[index % (sizeof dashes / sizeof *dashes)];
}

/* ---- texts ----------------------------------------------------------------------------------- */

/* Parts of the font's size. */
static double character_width(uint32_t c, const char *bytes, size_t length)
{
    if (c < 0x80 && strchr("iIjlft.,:;'|!()[]/\\ r-", (int)c) != NULL)
        return 0.45;
    if (c < 0x80 && strchr("mwMW@%&+=<>#~^", (int)c) != NULL)
        return 1;
    if (c >= '0' && c <= '9')
        return 0.64;
    if (c >= 'A' && c <= 'Z')
        return 0.79;
    if (c < 0x80)
        return 0.65;
    if ((c >= 0x2070 && c <= 0x207B) || c == 0xB9 || c == 0xB2 || c == 0xB3)
        return 0.47; /* raised digits and minus */
    const size_t columns = utf8_width(bytes, length);
    return columns == 0 ? 0 : columns == 1 ? 0.85 : 1.05;
}

/* Decodes the character at *text and moves on; U+FFFD for what is none. */
static uint32_t next_character(const char **text, const char *end)
{
    uint32_t c;
    size_t length = utf8_decode(*text, (size_t)(end - *text), &c);
    if (length == 0) {
        length = utf8_invalid_length(*text, (size_t)(end - *text));
        c = 0xFFFD;
    }
    *text += length;
    return c;
}

/* Bytes of the text that have room, and how wide they are. */
static size_t fitting(const char *text, double size, double room, double *width)
{
    const char *const begin = text, *const end = text + strlen(text);
    *width = 0;
    while (text < end) {
        const char *const at = text;
        const uint32_t c = next_character(&text, end);
        const double more = character_width(c, at, (size_t)(text - at)) * size;
        if (*width + more > room)
            return (size_t)(at - begin);
        *width += more;
    }
    return (size_t)(end - begin);
}

double report_svg_text_width(const char *text, double size)
{
    double width;
    fitting(text, size, HUGE_VAL, &width);
    return width;
}

static primer_status escape(struct buffer *out, const char *text, size_t length,
                            primer_error *error)
{
    const char *const end = text + length;
    while (text < end) {
        const char *const at = text;
        uint32_t c = next_character(&text, end);
        const char *named = c == '<'   ? "&lt;"
                            : c == '>' ? "&gt;"
                            : c == '&' ? "&amp;"
                            : c == '"' ? "&quot;"
                                       : NULL;
        if (c == '\t' || c == '\n' || c == '\r')
            named = " ";
        else if (c < 0x20 || c == 0x7F || c == 0xFFFD || c == 0xFFFE || c == 0xFFFF)
            named = "\xEF\xBF\xBD";
        FORWARD(named != NULL ? buffer_text(out, named, error)
                              : buffer_append(out, at, (size_t)(text - at), error));
    }
    return PRIMER_OK;
}

primer_status report_svg_escape(struct buffer *out, const char *text, primer_error *error)
{
    return escape(out, text, strlen(text), error);
}

primer_status report_svg_text(struct buffer *out, const struct report_svg_text *style,
                              const char *text, primer_error *error)
{
    static const char dots[] = "\xe2\x80\xa6";
    double width;
    size_t length = strlen(text);
    const double size = style->size * (style->bold ? 1.1 : 1); /* bold is wider */
    const bool cut = style->room > 0 && fitting(text, size, style->room, &width) < length;
    if (cut)
        length = fitting(text, size, style->room - size, &width);
    FORWARD(buffer_format(out, error, "<text x=\"%.1f\" y=\"%.1f\" font-size=\"%.0f\" fill=\"%s\"",
                          style->x, style->y, style->size, style->color));
    if (strcmp(style->anchor, "start") != 0)
        FORWARD(buffer_format(out, error, " text-anchor=\"%s\"", style->anchor));
    if (style->bold)
        FORWARD(buffer_text(out, " font-weight=\"bold\"", error));
    if (style->upwards)
        FORWARD(
            buffer_format(out, error, " transform=\"rotate(-90 %.1f %.1f)\"", style->x, style->y));
    FORWARD(buffer_text(out, ">", error));
    FORWARD(escape(out, text, length, error));
    return buffer_format(out, error, "%s</text>\n", cut ? dots : "");
}

/* ---- frame and lines ------------------------------------------------------------------------- */

primer_status report_svg_begin(struct buffer *out, double width, double height, const char *title,
                               primer_error *error)
{
    FORWARD(
        buffer_format(out, error,
                      "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%.0f\" height=\"%.0f\" "
                      "viewBox=\"0 0 %.0f %.0f\" font-family=\"%s\" role=\"img\">\n<title>",
                      width, height, width, height, family));
    FORWARD(report_svg_escape(out, title != NULL ? title : "", error));
    return buffer_format(out, error,
                         "</title>\n<rect width=\"%.0f\" height=\"%.0f\" fill=\"#ffffff\"/>\n",
                         width, height);
}

primer_status report_svg_end(struct buffer *out, primer_error *error)
{
    return buffer_text(out, "</svg>\n", error);
}

primer_status report_svg_line(struct buffer *out, double x1, double y1, double x2, double y2,
                              const char *color, double width, primer_error *error)
{
    return buffer_format(out, error,
                         "<line x1=\"%.1f\" y1=\"%.1f\" x2=\"%.1f\" y2=\"%.1f\" stroke=\"%s\" "
                         "stroke-width=\"%.1f\"/>\n",
                         x1, y1, x2, y2, color, width);
}
