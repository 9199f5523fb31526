/*
 * The reference as a program: what a model thinks comes after each token of a text.
 *
 *     reference MODEL.gguf --ids 1,2,3|- [--top K] [--self-extend G,W]
 *         a line of JSON per token, {"id":1,"top":[[id,logprob],...]}: the K (default 20) most
 *         probable next tokens, natural logarithms, 17 significant digits
 *     reference MODEL.gguf --ids 1,2,3|- --all --out FILE [--self-extend G,W]
 *         all of them as binary doubles [tokens][vocabulary]
 *
 * Ids are numbers with anything between them; - reads them from stdin.
 */
#include "reference.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct {
    const char *model;
    const char *ids;
    const char *out;
    size_t top;
    bool all;
    reference_self_extend extend;
} arguments;

typedef struct {
    double log_probability;
    uint32_t id;
} candidate;

static const char usage[] =
    "usage: reference MODEL.gguf --ids 1,2,3|- [--top K | --all --out FILE] [--self-extend G,W]\n";

static bool parse_size(const char *text, const char **end, size_t *value)
{
    char *after;
    errno = 0;
    const unsigned long long parsed = strtoull(text, &after, 10);
    if (after == text || text[0] == '-' || errno != 0) {
        return false;
    }
    *value = (size_t)parsed;
    *end = after;
    return true;
}

static bool parse_value(const char *name, const char *value, arguments *a)
{
    const char *end = value;
    if (strcmp(name, "--ids") == 0) {
        a->ids = value;
        return true;
    }
    if (strcmp(name, "--out") == 0) {
        a->out = value;
        return true;
    }
    if (strcmp(name, "--top") == 0) {
        return parse_size(value, &end, &a->top) && *end == '\0' && a->top > 0;
    }
    return strcmp(name, "--self-extend") == 0 && parse_size(value, &end, &a->extend.group) &&
           *end == ',' && parse_size(end + 1, &end, &a->extend.window) && *end == '\0' &&
           a->extend.group > 0 && a->extend.window > 0;
}

static bool parse(int count, char **values, arguments *a)
{
    for (int i = 1; i < count; i++) {
        if (strcmp(values[i], "--all") == 0) {
            a->all = true;
        } else if (strncmp(values[i], "--", 2) != 0 && a->model == NULL) {
            a->model = values[i];
        } else if (i + 1 == count || !parse_value(values[i], values[i + 1], a)) {
            return false;
        } else {
            i++;
        }
    }
    return a->model != NULL && a->ids != NULL && a->all == (a->out != NULL);
}

/* All of stdin as a text; NULL when there is no memory. */
static char *read_stdin(void)
{
    size_t length = 0;
    size_t capacity = 1 << 16;
    char *text = malloc(capacity);
    while (text != NULL) {
        const size_t got = fread(text + length, 1, capacity - length - 1, stdin);
        length += got;
        if (got == 0) {
            text[length] = '\0';
            return text;
        }
        if (capacity - length < 2) {
            capacity *= 2;
            char *larger = realloc(text, capacity);
            if (larger == NULL) {
                free(text);
            }
            text = larger;
        }
    }
    return NULL;
}

/* The numbers in a text, in order; *ids is the caller's. */
static bool parse_ids(const char *text, uint32_t **ids, size_t *n)
{
    const char *digits = "0123456789";
    uint32_t *found = malloc((strlen(text) / 2 + 1) * sizeof *found);
    size_t count = 0;
    for (text = strpbrk(text, digits); found != NULL && text != NULL;
         text = strpbrk(text, digits)) {
        size_t id;
        if (!parse_size(text, &text, &id) || id > UINT32_MAX) {
            free(found);
            return false;
        }
        found[count++] = (uint32_t)id;
    }
    *ids = found;
    *n = count;
    return found != NULL;
}

static int compare(const void *a, const void *b)
{
    const candidate *x = a;
    const candidate *y = b;
    if (x->log_probability != y->log_probability) {
        return x->log_probability > y->log_probability ? -1 : 1;
    }
    return (x->id > y->id) - (x->id < y->id);
}

static bool print_lines(const uint32_t *ids, const double *rows, size_t n, size_t vocabulary,
                        size_t top)
{
    candidate *candidates = malloc(vocabulary * sizeof *candidates);
    for (size_t t = 0; candidates != NULL && t < n; t++) {
        for (size_t v = 0; v < vocabulary; v++) {
            candidates[v] = (candidate){rows[t * vocabulary + v], (uint32_t)v};
        }
        qsort(candidates, vocabulary, sizeof *candidates, compare);
        printf("{\"id\":%u,\"top\":[", (unsigned)ids[t]);
        for (size_t i = 0; i < top && i < vocabulary; i++) {
            printf("%s[%u,%.17g]", i == 0 ? "" : ",", (unsigned)candidates[i].id,
                   candidates[i].log_probability);
        }
        puts("]}");
    }
    const bool ok = candidates != NULL;
    free(candidates);
    return ok && fflush(stdout) == 0;
}

static bool write_all(const char *path, const double *rows, size_t count)
{
    FILE *out = fopen(path, "wb");
    if (out == NULL) {
        return false;
    }
    const bool written = fwrite(rows, sizeof *rows, count, out) == count;
    return fclose(out) == 0 && written;
}

static bool evaluate(const arguments *a, reference_model *model, const uint32_t *ids, size_t n,
                     reference_error *error)
{
    const size_t vocabulary = reference_vocabulary(model);
    double *rows = calloc(n + 1, vocabulary * sizeof *rows);
    bool ok = false;
    if (rows == NULL) {
        snprintf(error->message, sizeof error->message, "out of memory for %zu x %zu results", n,
                 vocabulary);
        goto cleanup;
    }
    if (!reference_evaluate(model, &a->extend, ids, n, rows, error)) {
        goto cleanup;
    }
    reference_log_softmax(rows, n, vocabulary);
    ok = a->all ? write_all(a->out, rows, n * vocabulary)
                : print_lines(ids, rows, n, vocabulary, a->top);
    if (!ok) {
        snprintf(error->message, sizeof error->message, "%s: can't be written",
                 a->all ? a->out : "stdout");
    }
cleanup:
    free(rows);
    return ok;
}

int main(int count, char **values)
{
    arguments a = {.top = 20};
    reference_error error = {"the ids can't be read"};
    reference_model *model = NULL;
    uint32_t *ids = NULL;
    size_t n = 0;
    if (!parse(count, values, &a)) {
        fputs(usage, stderr);
        return 2;
    }
    char *input = strcmp(a.ids, "-") == 0 ? read_stdin() : NULL;
    const char *text = strcmp(a.ids, "-") == 0 ? input : a.ids;
    const bool ok = text != NULL && parse_ids(text, &ids, &n) &&
                    reference_open(a.model, &model, &error) && evaluate(&a, model, ids, n, &error);
    if (!ok) {
        fprintf(stderr, "reference: %s\n", error.message);
    }
    reference_free(model);
    free(ids);
    free(input);
    return ok ? 0 : 1;
}
