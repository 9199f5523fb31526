/* data_review_report.c - a table of verdicts as text or JSON. Declared in data_review_report.h, and
 * data_review_report in data_review.h.
 *
 *   for each judge     counts, shares that are wrong with their intervals, the same by kind
 *   for each two       agreement on the lessons that both judged, and the first disagreements
 */
#include "data/data_review_report.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/utf8.h"

enum { DISAGREEMENTS = 10, KINDS_SHOWN = 40, TITLE_SHOWN = 70 };

static const char *const words[] = {"right", "wrong", "doubtful"};

struct report {
    const struct data_review_table *table;
    const struct data_review_file *file;
    const struct data_review_entry **by_kind; /* [table->count] by kind, then as in the table */
    struct buffer *out;
    primer_error *error;
};

struct counts {
    uint64_t marks[DATA_REVIEW_MARKS], all;
};

static int compare_kinds(const void *a, const void *b)
{
    const struct data_review_entry *const x = *(const struct data_review_entry *const *)a;
    const struct data_review_entry *const y = *(const struct data_review_entry *const *)b;
    const int order = strcmp(x->kind, y->kind);
    return order != 0 ? order : (x > y) - (x < y);
}

static struct counts count_marks(const struct data_review_entry *const *entries, size_t count,
                                 size_t judge)
{
    struct counts counts = {0};
    for (size_t i = 0; i < count; i++)
        if (entries[i]->marks[judge] != DATA_REVIEW_NONE) {
            counts.marks[entries[i]->marks[judge]]++;
            counts.all++;
        }
    return counts;
}

static bool has_judged(const struct report *report, size_t judge)
{
    return count_marks(report->by_kind, report->table->count, judge).all > 0;
}

/* Where the kind that begins at `begin` ends. */
static size_t kind_end(const struct report *report, size_t begin)
{
    size_t end = begin + 1;
    while (end < report->table->count &&
           strcmp(report->by_kind[end]->kind, report->by_kind[begin]->kind) == 0)
        end++;
    return end;
}

/* ---- JSON ------------------------------------------------------------------------------------ */

static primer_status json_text(const struct report *report, const char *text)
{
    return buffer_json_string(report->out, text, strlen(text), report->error);
}

static primer_status json_share(const struct report *report, const char *name, uint64_t hits,
                                uint64_t count)
{
    double low, high;
    if (count == 0)
        return buffer_format(report->out, report->error, ",\"%s\":null", name);
    data_review_table_interval(hits, count, &low, &high);
    return buffer_format(report->out, report->error,
                         ",\"%s\":{\"wrong\":%" PRIu64 ",\"of\":%" PRIu64
                         ",\"rate\":%.6f,\"low\":%.6f,\"high\":%.6f}",
                         name, hits, count, (double)hits / (double)count, low, high);
}

static primer_status json_counts(const struct report *report, const struct counts *counts)
{
    const uint64_t wrong = counts->marks[DATA_REVIEW_WRONG];
    const uint64_t doubtful = counts->marks[DATA_REVIEW_DOUBTFUL];
    FORWARD(buffer_format(report->out, report->error,
                          ",\"count\":%" PRIu64 ",\"right\":%" PRIu64 ",\"wrong\":%" PRIu64
                          ",\"doubtful\":%" PRIu64,
                          counts->all, counts->marks[DATA_REVIEW_RIGHT], wrong, doubtful));
    FORWARD(json_share(report, "doubtful_apart", wrong, counts->all - doubtful));
    return json_share(report, "doubtful_wrong", wrong + doubtful, counts->all);
}

static primer_status json_judge(const struct report *report, size_t judge)
{
    const struct counts all = count_marks(report->by_kind, report->table->count, judge);
    bool first = true;
    FORWARD(buffer_text(report->out, "{\"by\":", report->error));
    FORWARD(json_text(report, report->file->judges[judge]));
    FORWARD(json_counts(report, &all));
    FORWARD(buffer_text(report->out, ",\"kinds\":[", report->error));
    for (size_t begin = 0, end = 0; begin < report->table->count; begin = end) {
        end = kind_end(report, begin);
        const struct counts counts = count_marks(report->by_kind + begin, end - begin, judge);
        if (counts.all == 0)
            continue;
        FORWARD(buffer_text(report->out, first ? "{\"kind\":" : ",{\"kind\":", report->error));
        FORWARD(json_text(report, report->by_kind[begin]->kind));
        FORWARD(json_counts(report, &counts));
        FORWARD(buffer_text(report->out, "}", report->error));
        first = false;
    }
    return buffer_text(report->out, "]}", report->error);
}

static primer_status json_number(const struct report *report, const char *name, double number)
{
    return isnan(number) ? buffer_format(report->out, report->error, ",\"%s\":null", name)
                         : buffer_format(report->out, report->error, ",\"%s\":%.6f", name, number);
}

/* ---- text ------------------------------------------------------------------------------------ */

/* What could move the cursor becomes '?'; at most `most` bytes. */
static primer_status clean_text(const struct report *report, const char *text, size_t most)
{
    size_t length = strlen(text);
    if (length > most)
        length = utf8_complete(text, most);
    for (size_t i = 0; i < length;) {
        uint32_t point = 0;
        const size_t bytes = utf8_decode(text + i, length - i, &point);
        const bool shown = bytes > 0 && point >= ' ' && (point < 0x7F || point > 0x9F);
        FORWARD(
            buffer_append(report->out, shown ? text + i : "?", shown ? bytes : 1, report->error));
        i += bytes == 0 ? 1 : bytes;
    }
    return PRIMER_OK;
}

static primer_status text_share(const struct report *report, const char *before, uint64_t hits,
                                uint64_t count)
{
    double low, high;
    if (count == 0)
        return buffer_format(report->out, report->error, "%s none to judge by", before);
    data_review_table_interval(hits, count, &low, &high);
    return buffer_format(report->out, report->error,
                         "%s %" PRIu64 " of %" PRIu64 ", %.1f %% (95 %%: %.1f to %.1f)", before,
                         hits, count, 100 * (double)hits / (double)count, 100 * low, 100 * high);
}

static primer_status text_shares(const struct report *report, const struct counts *counts)
{
    const uint64_t wrong = counts->marks[DATA_REVIEW_WRONG];
    const uint64_t doubtful = counts->marks[DATA_REVIEW_DOUBTFUL];
    const bool one = doubtful == 0; /* both shares are the same */
    FORWARD(text_share(report, one ? "wrong:" : "wrong, doubtful ones apart:", wrong,
                       counts->all - doubtful));
    if (!one)
        FORWARD(text_share(report, "; doubtful ones as wrong:", wrong + doubtful, counts->all));
    return buffer_text(report->out, "\n", report->error);
}

static primer_status text_kinds(const struct report *report, size_t judge)
{
    size_t shown = 0, left = 0;
    if (report->table->count == 0 || kind_end(report, 0) == report->table->count)
        return PRIMER_OK; /* all of one kind */
    for (size_t begin = 0, end = 0; begin < report->table->count; begin = end) {
        end = kind_end(report, begin);
        const struct counts counts = count_marks(report->by_kind + begin, end - begin, judge);
        const char *const kind = report->by_kind[begin]->kind;
        if (counts.all == 0)
            continue;
        if (shown++ >= KINDS_SHOWN) {
            left++;
            continue;
        }
        FORWARD(buffer_text(report->out, "    ", report->error));
        FORWARD(clean_text(report, *kind == '\0' ? "(no kind)" : kind, TITLE_SHOWN));
        FORWARD(buffer_text(report->out, ": ", report->error));
        FORWARD(text_shares(report, &counts));
    }
    return left == 0 ? PRIMER_OK
                     : buffer_format(report->out, report->error,
                                     "    and %zu kinds more (--json has all)\n", left);
}

static primer_status text_judge(const struct report *report, size_t judge)
{
    const struct counts all = count_marks(report->by_kind, report->table->count, judge);
    FORWARD(clean_text(report, report->file->judges[judge], TITLE_SHOWN));
    FORWARD(buffer_format(report->out, report->error,
                          ": %" PRIu64 " verdicts: %" PRIu64 " right, %" PRIu64 " wrong, %" PRIu64
                          " doubtful\n  ",
                          all.all, all.marks[DATA_REVIEW_RIGHT], all.marks[DATA_REVIEW_WRONG],
                          all.marks[DATA_REVIEW_DOUBTFUL]));
    FORWARD(text_shares(report, &all));
    return text_kinds(report, judge);
}

/* ---- two judges ------------------------------------------------------------------------------ */

static primer_status text_agreement(const struct report *report,
                                    const struct data_review_agreement *agreement, size_t a,
                                    size_t b)
{
    const uint64_t same =
        agreement->counts[0][0] + agreement->counts[1][1] + agreement->counts[2][2];
    FORWARD(clean_text(report, report->file->judges[a], TITLE_SHOWN));
    FORWARD(buffer_text(report->out, " and ", report->error));
    FORWARD(clean_text(report, report->file->judges[b], TITLE_SHOWN));
    FORWARD(buffer_format(report->out, report->error,
                          ": of %" PRIu64 " lessons that both judged the same on %" PRIu64
                          " (%.1f %%); ",
                          agreement->count, same, 100 * agreement->raw));
    if (isnan(agreement->kappa))
        return buffer_text(report->out,
                           "Cohen's kappa: none, since both say the same of all lessons\n",
                           report->error);
    return buffer_format(report->out, report->error, "Cohen's kappa %.3f (n = %" PRIu64 ")\n",
                         agreement->kappa, agreement->count);
}

static primer_status json_agreement(const struct report *report,
                                    const struct data_review_agreement *agreement, size_t a,
                                    size_t b)
{
    FORWARD(buffer_text(report->out, "{\"judges\":[", report->error));
    FORWARD(json_text(report, report->file->judges[a]));
    FORWARD(buffer_text(report->out, ",", report->error));
    FORWARD(json_text(report, report->file->judges[b]));
    FORWARD(buffer_format(report->out, report->error, "],\"count\":%" PRIu64, agreement->count));
    FORWARD(json_number(report, "raw", agreement->raw));
    FORWARD(json_number(report, "kappa", agreement->kappa));
    for (size_t i = 0; i < DATA_REVIEW_MARKS; i++)
        FORWARD(buffer_format(report->out, report->error, "%s[%" PRIu64 ",%" PRIu64 ",%" PRIu64 "]",
                              i == 0 ? ",\"table\":[" : ",", agreement->counts[i][0],
                              agreement->counts[i][1], agreement->counts[i][2]));
    return buffer_text(report->out, "],\"disagreements\":[", report->error);
}

static primer_status write_disagreement(const struct report *report,
                                        const struct data_review_entry *entry, size_t a, size_t b,
                                        bool json, bool first)
{
    const char *const of_a = words[entry->marks[a]], *const of_b = words[entry->marks[b]];
    if (json) {
        FORWARD(buffer_format(report->out, report->error,
                              "%s{\"id\":\"%016" PRIx64 "\",\"index\":%" PRIu64
                              ",\"verdicts\":[\"%s\",\"%s\"],\"text\":",
                              first ? "" : ",", entry->id, entry->index, of_a, of_b));
        FORWARD(json_text(report, entry->title));
        return buffer_text(report->out, "}", report->error);
    }
    FORWARD(buffer_format(report->out, report->error,
                          "  lesson %" PRIu64 ": %s, %s: ", entry->index, of_a, of_b));
    FORWARD(clean_text(report, entry->title, TITLE_SHOWN));
    return buffer_text(report->out, "\n", report->error);
}

static primer_status write_disagreements(const struct report *report, size_t a, size_t b, bool json)
{
    uint64_t found = 0;
    for (size_t i = 0; i < report->table->count; i++) {
        const struct data_review_entry *const entry = &report->table->entries[i];
        if (entry->marks[a] == DATA_REVIEW_NONE || entry->marks[b] == DATA_REVIEW_NONE ||
            entry->marks[a] == entry->marks[b])
            continue;
        if (found++ < DISAGREEMENTS)
            FORWARD(write_disagreement(report, entry, a, b, json, found == 1));
    }
    if (json)
        return buffer_text(report->out, "]}", report->error);
    return found <= DISAGREEMENTS
               ? PRIMER_OK
               : buffer_format(report->out, report->error, "  and %" PRIu64 " disagreements more\n",
                               found - DISAGREEMENTS);
}

/* *written: there are lessons that both judged. */
static primer_status write_pair(const struct report *report, size_t a, size_t b, bool json,
                                bool *written)
{
    struct data_review_agreement agreement = {0};
    for (size_t i = 0; i < report->table->count; i++) {
        const unsigned char *const marks = report->table->entries[i].marks;
        if (marks[a] != DATA_REVIEW_NONE && marks[b] != DATA_REVIEW_NONE)
            agreement.counts[marks[a]][marks[b]]++;
    }
    data_review_table_agree(&agreement);
    if (agreement.count == 0)
        return PRIMER_OK;
    if (json && *written)
        FORWARD(buffer_text(report->out, ",", report->error));
    *written = true;
    FORWARD(json ? json_agreement(report, &agreement, a, b)
                 : text_agreement(report, &agreement, a, b));
    return write_disagreements(report, a, b, json);
}

/* ---- the whole ------------------------------------------------------------------------------- */

static primer_status write_judges(const struct report *report, bool json)
{
    bool any = false;
    for (size_t i = 0; i < report->table->judges; i++) {
        if (!has_judged(report, i))
            continue;
        if (json && any)
            FORWARD(buffer_text(report->out, ",", report->error));
        FORWARD(json ? json_judge(report, i) : text_judge(report, i));
        any = true;
    }
    return any || json ? PRIMER_OK : buffer_text(report->out, "no verdicts\n", report->error);
}

static primer_status write_pairs(const struct report *report, bool json)
{
    bool any = false;
    for (size_t a = 0; a < report->table->judges; a++)
        for (size_t b = a + 1; b < report->table->judges; b++)
            FORWARD(write_pair(report, a, b, json, &any));
    return PRIMER_OK;
}

static primer_status write_left_out(const struct report *report, bool json)
{
    const struct data_review_file *const file = report->file;
    if (json) {
        FORWARD(buffer_format(report->out, report->error,
                              "],\"other_lessons\":%" PRIu64 ",\"torn\":%" PRIu64
                              ",\"bad\":%" PRIu64 ",\"first_bad\":",
                              report->table->other, file->torn, file->bad));
        FORWARD(file->bad == 0 ? buffer_text(report->out, "null", report->error)
                               : json_text(report, file->first_bad));
        return buffer_text(report->out, "}", report->error);
    }
    if (report->table->other > 0)
        FORWARD(buffer_format(report->out, report->error,
                              "left out: %" PRIu64 " verdicts of lessons outside the sample\n",
                              report->table->other));
    if (file->torn > 0)
        FORWARD(buffer_format(report->out, report->error,
                              "left out: %" PRIu64 " half lines at the end of a file\n",
                              file->torn));
    if (file->bad > 0)
        FORWARD(buffer_format(report->out, report->error,
                              "left out: %" PRIu64 " lines that can't be read; the first: %s\n",
                              file->bad, file->first_bad));
    return PRIMER_OK;
}

primer_status data_review_report_write(const struct data_review_table *table,
                                       const struct data_review_file *file, bool json,
                                       struct buffer *out, primer_error *error)
{
    primer_status status = PRIMER_OK;
    struct report report = {.table = table, .file = file, .out = out, .error = error};
    report.by_kind = memory_allocate(table->count, sizeof(struct data_review_entry *));
    if (report.by_kind == NULL)
        return memory_failure(error, "kinds", table->count * sizeof(struct data_review_entry *));
    for (size_t i = 0; i < table->count; i++)
        report.by_kind[i] = &table->entries[i];
    if (table->count > 0)
        qsort(report.by_kind, table->count, sizeof(struct data_review_entry *), compare_kinds);
    if (json)
        TRY(buffer_format(out, error, "{\"lessons\":%zu,\"judges\":[", table->count));
    TRY(write_judges(&report, json));
    if (json)
        TRY(buffer_text(out, "],\"pairs\":[", error));
    TRY(write_pairs(&report, json));
    TRY(write_left_out(&report, json));
cleanup:
    memory_free(report.by_kind);
    return status;
}

primer_status data_review_report(const char *const *paths, size_t count, bool json, bool skip_bad,
                                 struct buffer *report, primer_error *error)
{
    primer_status status = PRIMER_OK;
    struct data_review_file file = {0};
    struct data_review_table table = {0};
    for (size_t i = 0; i < count; i++)
        TRY(data_review_file_read(&file, paths[i], false, skip_bad, error));
    TRY(data_review_table_make(&table, &file, NULL, 0, error));
    TRY(data_review_report_write(&table, &file, json, report, error));
cleanup:
    data_review_table_free(&table);
    data_review_file_free(&file);
    return status;
}
