/* regex_set.c - sets of code points as ascending ranges.
 *
 *   |--------|        |---|    |-------------|
 *   first    last     never touching, never a surrogate
 *
 * Properties are the general categories of Unicode, as utf8proc knows them: runs of code points of
 * one category, which are looked up once for the process. A negated property leaves out code points
 * that aren't assigned: a later Unicode may give them the property.
 */
#include "constraint/regex.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <utf8proc.h>

#define LAST_CODE_POINT 0x10FFFFu
#define RUNS_MOST       8192 /* Unicode 15 has half of them */

static const struct grammar_range all_ranges[] = {{0, 0xD7FF}, {0xE000, LAST_CODE_POINT}};

struct regex_set regex_set_all(void)
{
    return (struct regex_set){all_ranges, 2};
}

static int by_first(const void *a, const void *b)
{
    const uint32_t x = ((const struct grammar_range *)a)->first;
    const uint32_t y = ((const struct grammar_range *)b)->first;
    return (x > y) - (x < y);
}

/* Sorts and joins in place; the new count. */
static size_t join(struct grammar_range *ranges, size_t count)
{
    size_t used = 0;
    if (count > 1)
        qsort(ranges, count, sizeof *ranges, by_first);
    for (size_t i = 0; i < count; i++) {
        if (used > 0 && ranges[i].first <= ranges[used - 1].last + 1) {
            if (ranges[i].last > ranges[used - 1].last)
                ranges[used - 1].last = ranges[i].last;
        } else {
            ranges[used++] = ranges[i];
        }
    }
    return used;
}

struct regex_set regex_set_of(struct scratch *scratch, const struct grammar_range *ranges,
                              size_t count)
{
    struct grammar_range *const copy = scratch_take(scratch, count + 1, sizeof *copy);
    if (copy == NULL)
        return REGEX_NO_SET;
    if (count > 0)
        memcpy(copy, ranges, count * sizeof *copy);
    const struct regex_set joined = {copy, join(copy, count)};
    return regex_set_both(scratch, joined, regex_set_all());
}

struct regex_set regex_set_both(struct scratch *scratch, struct regex_set a, struct regex_set b)
{
    if (a.count == SIZE_MAX || b.count == SIZE_MAX)
        return REGEX_NO_SET;
    struct grammar_range *const out = scratch_take(scratch, a.count + b.count + 1, sizeof *out);
    if (out == NULL)
        return REGEX_NO_SET;
    size_t used = 0;
    for (size_t i = 0, j = 0; i < a.count && j < b.count;) {
        const struct grammar_range x = a.ranges[i], y = b.ranges[j];
        const uint32_t first = x.first > y.first ? x.first : y.first;
        const uint32_t last = x.last < y.last ? x.last : y.last;
        if (first <= last)
            out[used++] = (struct grammar_range){first, last};
        if (x.last <= y.last)
            i++;
        else
            j++;
    }
    return (struct regex_set){out, used};
}

struct regex_set regex_set_except(struct scratch *scratch, struct regex_set set)
{
    if (set.count == SIZE_MAX)
        return REGEX_NO_SET;
    struct grammar_range *const out = scratch_take(scratch, set.count + 1, sizeof *out);
    if (out == NULL)
        return REGEX_NO_SET;
    size_t used = 0;
    uint32_t from = 0;
    for (size_t i = 0; i < set.count; i++) {
        if (set.ranges[i].first > from)
            out[used++] = (struct grammar_range){from, set.ranges[i].first - 1};
        from = set.ranges[i].last + 1;
    }
    if (from <= LAST_CODE_POINT)
        out[used++] = (struct grammar_range){from, LAST_CODE_POINT};
    return regex_set_both(scratch, (struct regex_set){out, used}, regex_set_all());
}

bool regex_set_has(struct regex_set set, uint32_t code_point)
{
    size_t low = 0, high = set.count;
    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        if (code_point < set.ranges[middle].first)
            high = middle;
        else if (code_point > set.ranges[middle].last)
            low = middle + 1;
        else
            return true;
    }
    return false;
}

bool regex_set_equal(struct regex_set a, struct regex_set b)
{
    return a.count == b.count &&
           (a.count == 0 || memcmp(a.ranges, b.ranges, a.count * sizeof *a.ranges) == 0);
}

/* ---- properties ------------------------------------------------------------------------------ */

static const struct {
    const char *brief, *name;
    uint32_t categories; /* a bit per utf8proc_category_t */
} properties[] = {
    {"L", "Letter", 0x3E},
    {"LC", "Cased_Letter", 0x0E},
    {"Lu", "Uppercase_Letter", 1u << UTF8PROC_CATEGORY_LU},
    {"Ll", "Lowercase_Letter", 1u << UTF8PROC_CATEGORY_LL},
    {"Lt", "Titlecase_Letter", 1u << UTF8PROC_CATEGORY_LT},
    {"Lm", "Modifier_Letter", 1u << UTF8PROC_CATEGORY_LM},
    {"Lo", "Other_Letter", 1u << UTF8PROC_CATEGORY_LO},
    {"M", "Mark", 0x1C0},
    {"Mn", "Nonspacing_Mark", 1u << UTF8PROC_CATEGORY_MN},
    {"Mc", "Spacing_Mark", 1u << UTF8PROC_CATEGORY_MC},
    {"Me", "Enclosing_Mark", 1u << UTF8PROC_CATEGORY_ME},
    {"N", "Number", 0xE00},
    {"Nd", "Decimal_Number", 1u << UTF8PROC_CATEGORY_ND},
    {"Nl", "Letter_Number", 1u << UTF8PROC_CATEGORY_NL},
    {"No", "Other_Number", 1u << UTF8PROC_CATEGORY_NO},
    {"P", "Punctuation", 0x7F000},
    {"Pc", "Connector_Punctuation", 1u << UTF8PROC_CATEGORY_PC},
    {"Pd", "Dash_Punctuation", 1u << UTF8PROC_CATEGORY_PD},
    {"Ps", "Open_Punctuation", 1u << UTF8PROC_CATEGORY_PS},
    {"Pe", "Close_Punctuation", 1u << UTF8PROC_CATEGORY_PE},
    {"Pi", "Initial_Punctuation", 1u << UTF8PROC_CATEGORY_PI},
    {"Pf", "Final_Punctuation", 1u << UTF8PROC_CATEGORY_PF},
    {"Po", "Other_Punctuation", 1u << UTF8PROC_CATEGORY_PO},
    {"S", "Symbol", 0x780000},
    {"Sm", "Math_Symbol", 1u << UTF8PROC_CATEGORY_SM},
    {"Sc", "Currency_Symbol", 1u << UTF8PROC_CATEGORY_SC},
    {"Sk", "Modifier_Symbol", 1u << UTF8PROC_CATEGORY_SK},
    {"So", "Other_Symbol", 1u << UTF8PROC_CATEGORY_SO},
    {"Z", "Separator", 0x3800000},
    {"Zs", "Space_Separator", 1u << UTF8PROC_CATEGORY_ZS},
    {"Zl", "Line_Separator", 1u << UTF8PROC_CATEGORY_ZL},
    {"Zp", "Paragraph_Separator", 1u << UTF8PROC_CATEGORY_ZP},
    {"Cc", "Control", 1u << UTF8PROC_CATEGORY_CC},
    {"Cf", "Format", 1u << UTF8PROC_CATEGORY_CF},
};

static bool is_name(const char *name, const char *text, size_t length)
{
    return strlen(name) == length && memcmp(name, text, length) == 0;
}

static uint32_t categories_named(const char *name, size_t length)
{
    for (size_t i = 0; i < sizeof properties / sizeof *properties; i++)
        if (is_name(properties[i].brief, name, length) || is_name(properties[i].name, name, length))
            return properties[i].categories;
    return 0;
}

/* Filled once, under the lock of pthread_once; then only read. No runs at all: there are more than
 * fit. */
static struct {
    struct grammar_range range;
    utf8proc_category_t category;
} runs[RUNS_MOST];
static size_t run_count;
static pthread_once_t runs_once = PTHREAD_ONCE_INIT;

static void find_runs(void)
{
    size_t count = 0;
    for (uint32_t c = 0; c <= LAST_CODE_POINT; c++) {
        const utf8proc_category_t category = utf8proc_category((utf8proc_int32_t)c);
        if (count == 0 || runs[count - 1].category != category) {
            if (count == RUNS_MOST)
                return;
            runs[count].range.first = c;
            runs[count++].category = category;
        }
        runs[count - 1].range.last = c;
    }
    run_count = count;
}

static struct regex_set set_of_categories(struct scratch *scratch, uint32_t categories)
{
    size_t count = 0;
    for (size_t i = 0; i < run_count; i++)
        count += categories >> runs[i].category & 1;
    struct grammar_range *const ranges = scratch_take(scratch, count + 1, sizeof *ranges);
    if (ranges == NULL)
        return REGEX_NO_SET;
    count = 0;
    for (size_t i = 0; i < run_count; i++)
        if ((categories >> runs[i].category & 1) != 0)
            ranges[count++] = runs[i].range;
    return regex_set_of(scratch, ranges, count);
}

bool regex_set_property(struct scratch *scratch, const char *name, size_t length, bool negated,
                        struct regex_set *set)
{
    static const struct grammar_range ascii = {0, 0x7F};
    const char *const equals = memchr(name, '=', length);
    if (equals != NULL) {
        const size_t before = (size_t)(equals - name);
        if (!is_name("gc", name, before) && !is_name("General_Category", name, before))
            return false;
        length -= before + 1;
        name = equals + 1;
    }
    if (equals == NULL && is_name("Any", name, length)) {
        *set = negated ? (struct regex_set){NULL, 0} : regex_set_all();
        return true;
    }
    if (equals == NULL && is_name("ASCII", name, length)) {
        *set = (struct regex_set){&ascii, 1};
        *set = negated ? regex_set_except(scratch, *set) : *set;
        return true;
    }
    uint32_t categories = categories_named(name, length);
    pthread_once(&runs_once, find_runs);
    if (categories == 0 || run_count == 0)
        return false;
    if (negated)
        categories = ~categories & ~(1u << UTF8PROC_CATEGORY_CN);
    *set = set_of_categories(scratch, categories);
    return true;
}
