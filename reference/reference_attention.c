/*
 * Causal self-attention with rotary positions (Vaswani et al., arXiv 1706.03762, section 3.2; Su
 * et al., RoFormer, arXiv 2104.09864), with heads that share keys (Ainslie et al., arXiv
 * 2305.13245), a sliding window (Mistral 7B, arXiv 2310.06825) and Self-Extend (Jin et al., arXiv
 * 2401.01325, section 3), all in one loop over pairs of a query i and a key j:
 *
 *         j ->  0 1 2 3 4 5 6 7 8 9
 *     i = 9     g g g g g g n n n n      W = 4: the four nearest keep their positions (near),
 *     i = 8     g g g g g n n n n        the others are seen in groups of G (far):
 *     i = 3     n n n n                  query at i / G + W - W / G, key at j / G
 *
 * score(i, j) = q_i . k_j / sqrt(head size), both turned to the positions that the pair asks for;
 * one softmax over all the keys of a query; then the values' mean under it. All divisions of
 * positions round down. The shift W - W / G makes the far distance continue at W where the near
 * ones end. While a text is no longer than W every pair is near, and this is plain attention.
 */
#include "reference_attention.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "reference_math.h"

/* One head's vectors [n][head size], turned to near and to far positions; scores [n]. */
typedef struct {
    double *near_query;
    double *near_key;
    double *far_query;
    double *far_key;
    double *score;
} turned;

static bool create_turned(size_t n, size_t size, turned *head)
{
    head->near_query = calloc(n, size * sizeof(double));
    head->near_key = calloc(n, size * sizeof(double));
    head->far_query = calloc(n, size * sizeof(double));
    head->far_key = calloc(n, size * sizeof(double));
    head->score = calloc(n, sizeof(double));
    return head->near_query != NULL && head->near_key != NULL && head->far_query != NULL &&
           head->far_key != NULL && head->score != NULL;
}

static void free_turned(turned *head)
{
    free(head->near_query);
    free(head->near_key);
    free(head->far_query);
    free(head->far_key);
    free(head->score);
}

/*
 * Turns `from` [head size] to a position: every pair (a, b) of the rotary dimensions is a point in
 * the plane, rotated by position * frequency. Which dimensions pair up is the family's custom. The
 * dimensions after the rotary ones carry no position.
 */
static void rotate(const reference_model *model, size_t position, const double *from, double *to)
{
    const size_t pairs = model->rotary / 2;
    for (size_t i = 0; i < pairs; i++) {
        const size_t a = model->family->rotates_halves ? i : 2 * i;
        const size_t b = model->family->rotates_halves ? i + pairs : 2 * i + 1;
        const double angle = (double)position * model->frequency[i];
        to[a] = from[a] * cos(angle) - from[b] * sin(angle);
        to[b] = from[a] * sin(angle) + from[b] * cos(angle);
    }
    for (size_t i = model->rotary; i < model->head_size; i++) {
        to[i] = from[i];
    }
}

/* Turns one head's queries and keys to all positions they are needed at. */
static void turn(const reference_model *model, const reference_self_extend *extend, size_t n,
                 const double *query, const double *key, turned *head)
{
    const size_t size = model->head_size;
    const size_t query_width = model->heads * size;
    const size_t key_width = model->key_heads * size;
    for (size_t t = 0; t < n; t++) {
        rotate(model, t, query + t * query_width, head->near_query + t * size);
        rotate(model, t, key + t * key_width, head->near_key + t * size);
        if (extend != NULL) {
            const size_t group = extend->group;
            const size_t shift = extend->window - extend->window / group;
            rotate(model, t / group + shift, query + t * query_width, head->far_query + t * size);
            rotate(model, t / group, key + t * key_width, head->far_key + t * size);
        }
    }
}

/* One query's view of the past: writes out [head size]. */
static void look_back(const reference_model *model, const reference_self_extend *extend, size_t i,
                      const double *value, turned *head, double *out)
{
    const size_t size = model->head_size;
    const size_t key_width = model->key_heads * size;
    const size_t first = model->window != 0 && i >= model->window ? i - model->window + 1 : 0;
    for (size_t j = first; j <= i; j++) {
        const bool far = extend != NULL && i - j >= extend->window;
        const double *q = (far ? head->far_query : head->near_query) + i * size;
        const double *k = (far ? head->far_key : head->near_key) + j * size;
        head->score[j] = reference_math_dot(q, k, size) / sqrt((double)size);
    }
    reference_math_softmax(head->score + first, i + 1 - first);
    for (size_t d = 0; d < size; d++) {
        out[d] = 0;
    }
    for (size_t j = first; j <= i; j++) {
        for (size_t d = 0; d < size; d++) {
            out[d] += head->score[j] * value[j * key_width + d];
        }
    }
}

bool reference_attention(const reference_model *model, const reference_self_extend *extend,
                         size_t n, reference_buffers *buffers, reference_error *error)
{
    const size_t size = model->head_size;
    turned head;
    const bool ok = create_turned(n, size, &head);
    if (!ok) {
        snprintf(error->message, sizeof error->message, "out of memory");
        goto cleanup;
    }
    for (size_t h = 0; h < model->heads; h++) {
        const size_t shared = h / (model->heads / model->key_heads);
        turn(model, extend, n, buffers->query + h * size, buffers->key + shared * size, &head);
        for (size_t i = 0; i < n; i++) {
            look_back(model, extend, i, buffers->value + shared * size, &head,
                      buffers->attention + (i * model->heads + h) * size);
        }
    }
cleanup:
    free_turned(&head);
    return ok;
}
