/* data_review_table.c - verdicts side by side. Declared in data_review_table.h. */
#include "data/data_review_table.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

#define DEVIATIONS 1.959963984540054 /* of the normal distribution, that 95 % lie within */

void data_review_table_free(struct data_review_table *table)
{
    memory_free(table->entries);
    memory_free(table->marks);
    *table = (struct data_review_table){0};
}

/* By id; a lesson's rows stay in their order. */
static int compare_rows(const void *a, const void *b)
{
    const struct data_review_row *const x = *(const struct data_review_row *const *)a;
    const struct data_review_row *const y = *(const struct data_review_row *const *)b;
    return x->id != y->id ? (x->id > y->id) - (x->id < y->id) : (x > y) - (x < y);
}

static int compare_ids(const void *a, const void *b)
{
    const uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

static int compare_entries(const void *a, const void *b)
{
    const struct data_review_entry *const x = a, *const y = b;
    return x->index != y->index ? (x->index > y->index) - (x->index < y->index)
                                : (x->id > y->id) - (x->id < y->id);
}

/* The rows [count] of one lesson become the next entry, where a verdict is left of them. */
static void add_entry(struct data_review_table *table, const struct data_review_row **rows,
                      size_t count, bool wanted)
{
    struct data_review_entry *const entry = &table->entries[table->count];
    uint64_t left = 0;
    *entry = (struct data_review_entry){.id = rows[0]->id,
                                        .index = rows[0]->index,
                                        .kind = rows[0]->kind,
                                        .title = rows[0]->title,
                                        .marks = table->marks + table->count * table->judges};
    memset(entry->marks, DATA_REVIEW_NONE, table->judges);
    for (size_t i = 0; i < count; i++)
        entry->marks[rows[i]->judge] =
            rows[i]->mark == DATA_REVIEW_UNDONE ? DATA_REVIEW_NONE : (unsigned char)rows[i]->mark;
    for (size_t i = 0; i < table->judges; i++)
        left += entry->marks[i] != DATA_REVIEW_NONE;
    if (!wanted)
        table->other += left;
    else if (left > 0)
        table->count++;
}

primer_status data_review_table_make(struct data_review_table *table,
                                     const struct data_review_file *file, const uint64_t *only,
                                     size_t only_count, primer_error *error)
{
    primer_status status = PRIMER_OK;
    const struct data_review_row **const rows =
        memory_allocate(file->count, sizeof(struct data_review_row *));
    *table = (struct data_review_table){.judges = file->judge_count};
    table->entries = memory_allocate(file->count, sizeof *table->entries);
    table->marks = memory_allocate(file->count, file->judge_count == 0 ? 1 : file->judge_count);
    if (rows == NULL || table->entries == NULL || table->marks == NULL) {
        status = memory_failure(error, "verdicts", file->count * sizeof *table->entries);
        goto cleanup;
    }
    for (size_t i = 0; i < file->count; i++)
        rows[i] = &file->rows[i];
    if (file->count > 0)
        qsort(rows, file->count, sizeof(struct data_review_row *), compare_rows);
    for (size_t i = 0, end = 0; i < file->count; i = end) {
        for (end = i + 1; end < file->count && rows[end]->id == rows[i]->id;)
            end++;
        const bool wanted =
            only == NULL ||
            (only_count > 0 && bsearch(&rows[i]->id, only, only_count, sizeof *only, compare_ids));
        add_entry(table, rows + i, end - i, wanted);
    }
    if (table->count > 0)
        qsort(table->entries, table->count, sizeof *table->entries, compare_entries);
cleanup:
    memory_free(rows);
    if (status != PRIMER_OK)
        data_review_table_free(table);
    return status;
}

/* ---- what they say --------------------------------------------------------------------------- */

void data_review_table_interval(uint64_t hits, uint64_t count, double *low, double *high)
{
    const double n = (double)count, share = (double)hits / n, square = DEVIATIONS * DEVIATIONS;
    const double middle = (share + square / (2 * n)) / (1 + square / n);
    const double half =
        DEVIATIONS / (1 + square / n) * sqrt(share * (1 - share) / n + square / (4 * n * n));
    *low = hits == 0 ? 0 : middle - half;
    *high = hits == count ? 1 : middle + half;
}

void data_review_table_agree(struct data_review_agreement *agreement)
{
    uint64_t all = 0, same = 0;
    double chance = 0;
    for (size_t a = 0; a < DATA_REVIEW_MARKS; a++)
        for (size_t b = 0; b < DATA_REVIEW_MARKS; b++)
            all += agreement->counts[a][b];
    for (size_t mark = 0; mark < DATA_REVIEW_MARKS; mark++) {
        uint64_t by_a = 0, by_b = 0;
        for (size_t i = 0; i < DATA_REVIEW_MARKS; i++) {
            by_a += agreement->counts[mark][i];
            by_b += agreement->counts[i][mark];
        }
        same += agreement->counts[mark][mark];
        chance += (double)by_a * (double)by_b;
    }
    agreement->count = all;
    agreement->raw = all == 0 ? NAN : (double)same / (double)all;
    agreement->chance = all == 0 ? NAN : chance / ((double)all * (double)all);
    agreement->kappa = all == 0 || agreement->chance >= 1
                           ? NAN
                           : (agreement->raw - agreement->chance) / (1 - agreement->chance);
}
