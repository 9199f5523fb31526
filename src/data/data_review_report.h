/* data_review_report.h - a table of verdicts as text or JSON. */
#ifndef DATA_DATA_REVIEW_REPORT_H
#define DATA_DATA_REVIEW_REPORT_H

#include "data/data_review_table.h"

/* Appends to `out`. The text ends with a line's end, the JSON, an object, with its brace. Control
 * characters of names and titles don't come through. */
primer_status data_review_report_write(const struct data_review_table *table,
                                       const struct data_review_file *file, bool json,
                                       struct buffer *out, primer_error *error);

#endif
