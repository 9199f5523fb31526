/* adapter_set.c - what a session adds, and adding it to the rows of its tokens in a pass.
 *
 *   rows of the pass   | session 1 (set X) | session 2 (set X) | session 3 (none) | session 4 (Y) |
 *   additions          | X's, one run                          |                  | Y's           |
 */
#include "model/adapter.h"

#include <math.h>
#include <string.h>

#include "base/hash.h"

primer_status adapter_set_add(struct adapter_set *set, const struct adapter *adapter, double scale,
                              primer_error *error)
{
    if (!isfinite(scale))
        return error_set(error, PRIMER_EINVAL, "an adapter's scale is %g, expected a finite number",
                         scale);
    if (scale == 0)
        return PRIMER_OK;
    if (set->count == ADAPTER_SET_MOST)
        return error_set(error, PRIMER_ELIMIT, "a session has at most %d adapters",
                         ADAPTER_SET_MOST);
    set->uses[set->count].adapter = adapter;
    set->uses[set->count].scale = scale;
    set->count++;
    set->rank += adapter->rank;
    for (size_t half = 0; half < 2; half++) {
        const uint64_t link[] = {set->count, adapter->identity[half]};
        set->identity[half] = hash_bytes(link, sizeof link, set->identity[half]);
        set->identity[half] = hash_bytes(&scale, sizeof scale, set->identity[half]);
    }
    return PRIMER_OK;
}

bool adapter_set_same(const struct adapter_set *a, const struct adapter_set *b)
{
    if (a->count != b->count)
        return false;
    for (size_t i = 0; i < a->count; i++)
        if (a->uses[i].adapter != b->uses[i].adapter || a->uses[i].scale != b->uses[i].scale)
            return false;
    return true;
}

/* How many sequences from `first` on add the same as it; their rows follow each other. */
static size_t run_of(const struct pass *pass, size_t first)
{
    const struct adapter_set *const set = pass->adapters[first];
    size_t end = first + 1;
    while (end < pass->sequence_count && pass->adapters[end] != NULL &&
           adapter_set_same(set, pass->adapters[end]))
        end++;
    return end - first;
}

/* Rows of a run of sequences. */
struct rows {
    size_t first, count;
};

/* Lists the additions of one set to one target; `used`: floats of each middle row in use. */
static size_t list_target(const struct pass *pass, const struct adapter_set *set,
                          const struct adapter_target *target, const struct rows *rows,
                          const float *in, size_t *used, struct tensor_low_rank *out)
{
    size_t count = 0;
    for (size_t i = 0; i < set->count; i++) {
        const struct adapter_pair *const pair =
            adapter_pair_of(set->uses[i].adapter, pass->layer, target->role);
        if (pair == NULL)
            continue;
        out[count++] = (struct tensor_low_rank){.x = in + rows->first * pair->columns,
                                                .x_stride = pair->columns,
                                                .tokens = rows->count,
                                                .columns = pair->columns,
                                                .a = pair->a,
                                                .b = pair->b,
                                                .rank = pair->rank,
                                                .rows = pair->rows,
                                                .scale = (float)(set->uses[i].scale * pair->factor),
                                                .middle = pass->middle +
                                                          rows->first * pass->middle_stride + *used,
                                                .middle_stride = pass->middle_stride,
                                                .out = target->out + rows->first * target->stride,
                                                .out_stride = target->stride};
        *used += pair->rank;
    }
    return count;
}

void adapter_apply(struct pass *pass, const float *in, const struct adapter_target *targets,
                   size_t count)
{
    size_t listed = 0, run = 1;
    if (pass->adapters == NULL)
        return;
    for (size_t s = 0; s < pass->sequence_count; s += run) {
        run = 1;
        if (pass->adapters[s] == NULL)
            continue;
        run = run_of(pass, s);
        const struct attention_sequence *const last = &pass->sequences[s + run - 1];
        const struct rows rows = {pass->sequences[s].first_row,
                                  last->first_row + last->tokens - pass->sequences[s].first_row};
        size_t used = 0;
        for (size_t t = 0; t < count; t++)
            listed += list_target(pass, pass->adapters[s], &targets[t], &rows, in, &used,
                                  pass->low_ranks + listed);
    }
    if (listed > 0)
        tensor_add_low_rank(&pass->workspace, pass->low_ranks, listed);
}

bool adapter_touches(const struct pass *pass, enum model_role role)
{
    for (size_t s = 0; pass->adapters != NULL && s < pass->sequence_count; s++) {
        const struct adapter_set *const set = pass->adapters[s];
        for (size_t i = 0; set != NULL && i < set->count; i++)
            if (adapter_pair_of(set->uses[i].adapter, pass->layer, role) != NULL)
                return true;
    }
    return false;
}
