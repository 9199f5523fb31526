/* suggest.h - "did you mean": the nearest of several words by edit distance.
 *
 *   struct suggest nearest = suggest_for("--tmep");
 *   suggest_consider(&nearest, "--temp"); ...
 *   nearest.best   the nearest word, or NULL where none is near enough
 */
#ifndef BASE_SUGGEST_H
#define BASE_SUGGEST_H

#include <stddef.h>

struct suggest {
    const char *word, *best; /* borrowed */
    size_t distance;         /* of best; only smaller ones replace it */
};

struct suggest suggest_for(const char *word);
void suggest_consider(struct suggest *suggest, const char *candidate);

#endif
