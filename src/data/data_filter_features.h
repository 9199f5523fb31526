/* data_filter_features.h - what can be counted in a text of code, beside its embedding: lengths,
 * shares of kinds of lines and characters, how varied its names are. Cheap, and of no language in
 * particular but for the words that are looked for (Python's).
 */
#ifndef DATA_DATA_FILTER_FEATURES_H
#define DATA_DATA_FILTER_FEATURES_H

#include <stddef.h>

#define DATA_FILTER_FEATURES 20

/* To out [DATA_FILTER_FEATURES], all finite. */
void data_filter_features(const char *text, size_t length, float *out);
/* Their names, in this order. */
const char *data_filter_features_name(size_t index);

#endif
