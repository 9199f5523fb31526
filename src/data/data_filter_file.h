/* data_filter_file.h - a filter that was learned, as a file to be used again.
 *
 *   {"format": "primer filter", "version": 1, "model": 16 hexadecimal digits, the embedding model's
 *    identity, "dimensions", "tokens", "lines", "features": counts that stand behind the embedding,
 *    "from", "width": which of these numbers are looked at, "threshold", "cut",
 *    "method": "forest" or "linear",
 *    "trees": [{"feature": [], "left": [], "right": [], "value": []}, ...]      a forest's
 *    "weights": [], "constant", "lambda"}                                       a regression's
 */
#ifndef DATA_DATA_FILTER_FILE_H
#define DATA_DATA_FILTER_FILE_H

#include "data/data_filter_learn.h"

struct data_filter_file {
    struct data_filter_fit fit;
    uint64_t identity;
    size_t dimensions, features, tokens, lines;
    double threshold;
};

/* The file appears whole or not at all. */
primer_status data_filter_file_save(const struct data_filter_file *file, const char *path,
                                    primer_error *error);
/* PRIMER_EFORMAT names the file, the field, what was found and expected. */
primer_status data_filter_file_load(struct data_filter_file *file, const char *path,
                                    primer_error *error);
void data_filter_file_free(struct data_filter_file *file);

#endif
