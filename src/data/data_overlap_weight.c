/* data_overlap_weight.c - weights of features. Declared in data_overlap_weight.h. */
#include "data/data_overlap_weight.h"

#include "base/memory.h"
#include "base/real.h"

#define UNSEEN 1000.0 /* documents */

primer_status data_overlap_weight_create(struct data_overlap_frequency *frequency, size_t count,
                                         primer_error *error)
{
    *frequency = (struct data_overlap_frequency){.count = count};
    frequency->documents = memory_allocate(count, sizeof *frequency->documents);
    frequency->items = memory_allocate(count, sizeof *frequency->items);
    frequency->weights = memory_allocate(count, sizeof *frequency->weights);
    if (frequency->documents == NULL || frequency->items == NULL || frequency->weights == NULL) {
        data_overlap_weight_free(frequency);
        return memory_failure(error, "frequencies", count * sizeof *frequency->weights);
    }
    return PRIMER_OK;
}

void data_overlap_weight_finish(struct data_overlap_frequency *frequency)
{
    const double items = (double)frequency->item_count;
    const double all = (double)frequency->document_count + items + UNSEEN;
    for (size_t i = 0; i < frequency->count; i++) {
        const double of_all = ((double)frequency->documents[i] + frequency->items[i]) / all;
        const double of_items = (frequency->items[i] - 1.0) / items;
        const double p = of_all > of_items ? of_all : of_items;
        frequency->weights[i] = p > 0 ? (float)-real_log(p) : 0;
    }
}

void data_overlap_weight_free(struct data_overlap_frequency *frequency)
{
    memory_free(frequency->documents);
    memory_free(frequency->items);
    memory_free(frequency->weights);
    *frequency = (struct data_overlap_frequency){0};
}
