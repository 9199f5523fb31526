/* report_table.c - a table in Markdown whose columns stand in line.
 *
 *   | run   |  loss |
 *   |:------|------:|
 *   | small | 1.234 |
 */
#include "report/report.h"

#include <string.h>

#include "base/memory.h"
#include "base/utf8.h"

static const char *cell_of(const struct report_table *table, size_t row, size_t column)
{
    const char *const text = table->cells[row * table->columns + column];
    return text != NULL ? text : "";
}

/* A bar would end the cell, a new line the row. */
static primer_status append_cell(struct buffer *out, const char *text, primer_error *error)
{
    for (; *text != '\0'; text++) {
        if (*text == '|')
            FORWARD(buffer_text(out, "\\|", error));
        else
            FORWARD(buffer_append(out, (unsigned char)*text < 0x20 ? " " : text, 1, error));
    }
    return PRIMER_OK;
}

/* Columns that append_cell's text takes. */
static size_t width_of(const char *text)
{
    size_t more = 0;
    for (const char *at = text; *at != '\0'; at++)
        more += *at == '|' || (unsigned char)*at < 0x20;
    return utf8_width(text, strlen(text)) + more;
}

static primer_status pad(struct buffer *out, const char *sign, size_t count, primer_error *error)
{
    while (count-- > 0)
        FORWARD(buffer_text(out, sign, error));
    return PRIMER_OK;
}

static bool is_right(const struct report_table *table, size_t column)
{
    return table->align != NULL && table->align[column] == 'r';
}

static primer_status write_row(const struct report_table *table, size_t row, const size_t *widths,
                               struct buffer *out, primer_error *error)
{
    for (size_t c = 0; c < table->columns; c++) {
        const char *const text = cell_of(table, row, c);
        const size_t width = width_of(text), gap = widths[c] > width ? widths[c] - width : 0;
        FORWARD(buffer_text(out, c == 0 ? "| " : " | ", error));
        FORWARD(pad(out, " ", is_right(table, c) ? gap : 0, error));
        FORWARD(append_cell(out, text, error));
        FORWARD(pad(out, " ", is_right(table, c) ? 0 : gap, error));
    }
    return buffer_text(out, " |\n", error);
}

static primer_status write_rule(const struct report_table *table, const size_t *widths,
                                struct buffer *out, primer_error *error)
{
    for (size_t c = 0; c < table->columns; c++) {
        FORWARD(buffer_text(out, is_right(table, c) ? "|-" : "|:", error));
        FORWARD(pad(out, "-", widths[c], error));
        FORWARD(buffer_text(out, is_right(table, c) ? ":" : "-", error));
    }
    return buffer_text(out, "|\n", error);
}

primer_status report_table_text(const struct report_table *table, struct buffer *out,
                                primer_error *error)
{
    primer_status status = PRIMER_OK;
    size_t *const widths = memory_allocate(table->columns, sizeof *widths);
    if (widths == NULL)
        return memory_failure(error, "a table", table->columns * sizeof *widths);
    for (size_t r = 0; r < table->rows; r++)
        for (size_t c = 0; c < table->columns; c++) {
            const size_t width = width_of(cell_of(table, r, c));
            widths[c] = width > widths[c] ? width : widths[c];
        }
    for (size_t r = 0; r < table->rows; r++) {
        TRY(write_row(table, r, widths, out, error));
        if (r == 0)
            TRY(write_rule(table, widths, out, error));
    }

cleanup:
    memory_free(widths);
    return status;
}
