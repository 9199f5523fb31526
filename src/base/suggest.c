/* suggest.c - edit distance with swaps of neighbours (Damerau, optimal string alignment), three
 * rows of it.
 *
 *   row i   cost of turning the first i characters of the word into the first j of the candidate
 *
 * A candidate is near enough when at most a third of the longer word differs.
 */
#include "base/suggest.h"

#include <string.h>

enum { LONGEST = 64 };

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

static size_t distance(const char *a, size_t m, const char *b, size_t n)
{
    size_t rows[3][LONGEST + 1];
    for (size_t j = 0; j <= n; j++)
        rows[0][j] = j;
    for (size_t i = 1; i <= m; i++) {
        const size_t *above = rows[(i - 1) % 3], *before = rows[(i + 1) % 3];
        size_t *row = rows[i % 3];
        row[0] = i;
        for (size_t j = 1; j <= n; j++) {
            const size_t change = above[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1);
            row[j] = least(change, least(above[j], row[j - 1]) + 1);
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
                row[j] = least(row[j], before[j - 2] + 1);
        }
    }
    return rows[m % 3][n];
}

struct suggest suggest_for(const char *word)
{
    return (struct suggest){word, NULL, (size_t)-1};
}

void suggest_consider(struct suggest *suggest, const char *candidate)
{
    const size_t m = strlen(suggest->word), n = strlen(candidate);
    if (m > LONGEST || n > LONGEST)
        return;
    size_t cost = distance(suggest->word, m, candidate, n);
    if (cost > (m > n ? m : n) / 3 && !(m >= 4 && strncmp(candidate, suggest->word, m) == 0))
        return;
    if (cost < suggest->distance) {
        suggest->distance = cost;
        suggest->best = candidate;
    }
}
