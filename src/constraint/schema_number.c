/* schema_number.c - numbers within limits, digit by digit, exactly.
 *
 * Without limits: the forms of grammar_json.h. With them a number is written without an exponent,
 * and followed by an automaton that knows, for each limit, how the digits so far compare with its
 * own:
 *
 *   limit 12.5     int digits "12", fraction "5"
 *   written 1      shorter so far: less, should it end here
 *           12     equal in the integer part; "12." then compares with the fraction
 *           130    longer than the limit: greater, whatever follows
 *
 * and for multipleOf the remainder. Digits are at most 15, or as many as the limits have: so many
 * decimals are different binary64 numbers, so a reader that rounds comes to the same verdict.
 * multipleOf is meant as in arithmetic: 0.07 is a multiple of 0.01.
 */
#include "constraint/schema.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "constraint/grammar_json.h"

enum { DIGITS = 64, LIMITS = 12, MULTIPLES = 3, USUAL_DIGITS = 15, USUAL_FRACTION = 6 };

#define MULTIPLE_MOST 10000  /* a multipleOf's digits as an integer */
#define STATES_MOST   100000 /* of an automaton before it is reduced */

enum relation { AT_LEAST, AT_MOST, ABOVE, BELOW, UNEQUAL };
enum { LESS, EQUAL, GREATER };

struct decimal {
    bool negative;
    char whole[DIGITS]; /* no leading zeros; of zero: none */
    size_t whole_count;
    char fraction[DIGITS]; /* no trailing zeros */
    size_t fraction_count;
};

struct limits {
    struct decimal bounds[LIMITS];
    enum relation relations[LIMITS];
    size_t count;
    unsigned multiples[MULTIPLES], scales[MULTIPLES]; /* multiple / 10^scale */
    size_t multiple_count;
    size_t whole_most, fraction_most, digits_most;
};

/* ---- decimals -------------------------------------------------------------------------------- */

/* digits * 10^exponent, digits "12345" with the point behind the first. */
static bool place_digits(struct decimal *decimal, const char *digits, size_t count, int exponent)
{
    while (count > 0 && digits[count - 1] == '0')
        count--;
    for (size_t i = 0; i < count; i++) {
        const int place = exponent - (int)i; /* 0: ones */
        if (place >= 0)
            decimal->whole[decimal->whole_count++] = digits[i];
        else
            decimal->fraction[-place - 1] = digits[i];
        if (place < 0)
            decimal->fraction_count = (size_t)-place;
    }
    for (int place = exponent - (int)count; count > 0 && place >= 0; place--)
        decimal->whole[decimal->whole_count++] = '0';
    return true;
}

/* False: too large or too small a number for digits. */
static bool decimal_of(const json_t *value, struct decimal *decimal)
{
    char text[64], digits[32];
    size_t count = 0;
    const double real = json_number_value(value);
    *decimal = (struct decimal){.negative = real < 0};
    memset(decimal->fraction, '0', sizeof decimal->fraction);
    if (json_is_integer(value))
        (void)snprintf(text, sizeof text, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
    for (int precision = 0; json_is_real(value) && precision <= 16; precision++) {
        (void)snprintf(text, sizeof text, "%.*e", precision, real);
        if (strtod(text, NULL) == real)
            break;
    }
    const char *at = text + (text[0] == '-');
    for (; *at != '\0' && *at != 'e'; at++)
        if (*at != '.')
            digits[count++] = *at;
    if (digits[0] == '0')
        return true;
    const int exponent = *at == 'e' ? atoi(at + 1) : (int)count - 1;
    if (exponent > 30 || exponent < -30)
        return false;
    return place_digits(decimal, digits, count, exponent);
}

/* ---- limits ---------------------------------------------------------------------------------- */

static void add_limit(struct schema *schema, struct limits *limits, const json_t *where,
                      const char *keyword, const json_t *value, enum relation relation)
{
    struct decimal decimal;
    if (limits->count == LIMITS) {
        schema_failure(schema, PRIMER_ELIMIT, where, keyword, "more than %d limits of one number",
                       LIMITS);
        return;
    }
    if (!decimal_of(value, &decimal)) {
        const double real = json_number_value(value);
        const bool far = fabs(real) > 1;
        const bool outward = relation == UNEQUAL ||
                             ((relation == AT_LEAST || relation == ABOVE) ? real < 0 : real > 0);
        if (far && outward)
            return; /* beyond whatever is written */
        schema_failure(schema, PRIMER_EUNSUPPORTED, where, keyword,
                       "a limit of more than 30 digits is not supported");
        return;
    }
    limits->bounds[limits->count] = decimal;
    limits->relations[limits->count++] = relation;
}

static void add_multiple(struct schema *schema, struct limits *limits, const json_t *where,
                         const json_t *value)
{
    struct decimal decimal;
    unsigned long long digits = 0;
    if (json_number_value(value) <= 0) {
        schema_failure(schema, PRIMER_EFORMAT, where, "multipleOf", "expected a number above 0");
        return;
    }
    const bool good = decimal_of(value, &decimal) && limits->multiple_count < MULTIPLES;
    for (size_t i = 0; good && i < decimal.whole_count && digits <= MULTIPLE_MOST; i++)
        digits = digits * 10 + (unsigned)(decimal.whole[i] - '0');
    for (size_t i = 0; good && i < decimal.fraction_count && digits <= MULTIPLE_MOST; i++)
        digits = digits * 10 + (unsigned)(decimal.fraction[i] - '0');
    if (!good || digits > MULTIPLE_MOST || decimal.fraction_count > 6) {
        schema_failure(schema, PRIMER_EUNSUPPORTED, where, "multipleOf",
                       "more than %d as digits, six decimals or three of them: not supported",
                       MULTIPLE_MOST);
        return;
    }
    limits->multiples[limits->multiple_count] = (unsigned)digits;
    limits->scales[limits->multiple_count++] = (unsigned)decimal.fraction_count;
}

static void add_format(struct schema *schema, struct limits *limits, const json_t *object)
{
    const json_t *const format = json_object_get(object, "format");
    const bool narrow = format != NULL && strcmp(json_string_value(format), "int32") == 0;
    const bool wide = format != NULL && strcmp(json_string_value(format), "int64") == 0;
    if (!narrow && !wide)
        return;
    json_t *const low = json_integer(narrow ? INT32_MIN : INT64_MIN);
    json_t *const high = json_integer(narrow ? INT32_MAX : INT64_MAX);
    if (low != NULL && high != NULL) {
        add_limit(schema, limits, object, "format", low, AT_LEAST);
        add_limit(schema, limits, object, "format", high, AT_MOST);
    }
    json_decref(low);
    json_decref(high);
}

static void add_plain(struct schema *schema, struct limits *limits, const json_t *object)
{
    const json_t *const least = json_object_get(object, "minimum");
    const json_t *const most = json_object_get(object, "maximum");
    const json_t *const above = json_object_get(object, "exclusiveMinimum");
    const json_t *const below = json_object_get(object, "exclusiveMaximum");
    const json_t *const multiple = json_object_get(object, "multipleOf");
    if (least != NULL)
        add_limit(schema, limits, object, "minimum", least, json_is_true(above) ? ABOVE : AT_LEAST);
    if (most != NULL)
        add_limit(schema, limits, object, "maximum", most, json_is_true(below) ? BELOW : AT_MOST);
    if (json_is_number(above))
        add_limit(schema, limits, object, "exclusiveMinimum", above, ABOVE);
    if (json_is_number(below))
        add_limit(schema, limits, object, "exclusiveMaximum", below, BELOW);
    if (multiple != NULL)
        add_multiple(schema, limits, object, multiple);
    add_format(schema, limits, object);
}

static void add_negated(struct schema *schema, struct limits *limits, const json_t *negated)
{
    const json_t *const given = json_object_get(negated, "const");
    const json_t *const list = json_object_get(negated, "enum");
    size_t i;
    json_t *item;
    if (json_is_number(given))
        add_limit(schema, limits, negated, "const", given, UNEQUAL);
    json_array_foreach(list, i, item)
    {
        if (json_is_number(item))
            add_limit(schema, limits, negated, "enum", item, UNEQUAL);
    }
}

/* How many digits are written: as many as the limits have, and no more than readers tell apart. */
static void choose_digits(struct limits *limits, unsigned types)
{
    size_t whole = 0, fraction = 0;
    bool exact = true;
    for (size_t i = 0; i < limits->count; i++) {
        whole = limits->bounds[i].whole_count > whole ? limits->bounds[i].whole_count : whole;
        fraction = limits->bounds[i].fraction_count > fraction ? limits->bounds[i].fraction_count
                                                               : fraction;
        exact = exact && limits->relations[i] <= AT_MOST;
    }
    const size_t given = whole + fraction;
    limits->digits_most = exact && given > USUAL_DIGITS ? given : USUAL_DIGITS;
    limits->whole_most = limits->digits_most;
    limits->fraction_most = fraction + 1 > USUAL_FRACTION ? fraction + 1 : USUAL_FRACTION;
    for (size_t i = 0; i < limits->multiple_count; i++)
        if (limits->scales[i] < limits->fraction_most)
            limits->fraction_most = limits->scales[i];
    if ((types & SCHEMA_FRACTION) == 0)
        limits->fraction_most = 0;
}

/* ---- the automaton --------------------------------------------------------------------------- */

enum phase { BEGIN, MINUS, ZERO, WHOLE, POINT, FRACTION };

/* Compared as bytes: no holes. */
struct state {
    uint32_t phase, negative, nonzero;
    uint32_t count; /* of integer digits, in FRACTION of fraction digits as far as they matter */
    uint32_t room;  /* fraction digits that may follow */
    uint32_t compared[LIMITS];
    uint32_t remainders[MULTIPLES];
};

struct search {
    struct schema *schema;
    const struct limits *limits;
    struct state *states;
    size_t count, capacity;
    uint32_t *table; /* hashed states, + 1 */
    size_t table_size;
};

static uint32_t compared(char digit, char other)
{
    return digit < other ? LESS : digit > other ? GREATER : EQUAL;
}

static void count_digit(const struct limits *limits, struct state *state, unsigned digit)
{
    state->nonzero |= digit != 0;
    for (size_t i = 0; i < limits->multiple_count; i++)
        state->remainders[i] = (state->remainders[i] * 10 + digit) % limits->multiples[i];
}

static void step_whole(const struct limits *limits, struct state *state, char digit)
{
    for (size_t i = 0; i < limits->count; i++) {
        const struct decimal *const bound = &limits->bounds[i];
        if (state->count >= bound->whole_count)
            state->compared[i] = GREATER;
        else if (state->compared[i] == EQUAL)
            state->compared[i] = compared(digit, bound->whole[state->count]);
    }
    state->count++;
    count_digit(limits, state, (unsigned)(digit - '0'));
}

/* The integer part is over: a shorter one is less. */
static void end_whole(const struct limits *limits, struct state *state)
{
    for (size_t i = 0; i < limits->count; i++)
        if (state->count < limits->bounds[i].whole_count)
            state->compared[i] = LESS;
    const size_t written = state->count == 0 ? 1 : state->count;
    const size_t left = limits->digits_most > written ? limits->digits_most - written : 0;
    state->room = (uint32_t)(left < limits->fraction_most ? left : limits->fraction_most);
    state->count = 0;
}

static void step_fraction(const struct limits *limits, struct state *state, char digit)
{
    bool matters = limits->multiple_count > 0;
    for (size_t i = 0; i < limits->count; i++) {
        const struct decimal *const bound = &limits->bounds[i];
        const char other =
            state->count < bound->fraction_count ? bound->fraction[state->count] : '0';
        if (state->compared[i] == EQUAL)
            state->compared[i] = compared(digit, other);
        matters = matters || state->compared[i] == EQUAL;
    }
    count_digit(limits, state, (unsigned)(digit - '0'));
    state->count = matters ? state->count + 1 : 0;
    state->room--;
}

/* Symbols: 0-9 the digits, 10 the minus, 11 the point. False: nowhere. */
static bool step(const struct limits *limits, struct state *state, size_t symbol)
{
    const char digit = (char)('0' + symbol);
    if (symbol == 10) {
        const bool first = state->phase == BEGIN;
        state->phase = MINUS;
        state->negative = 1;
        return first;
    }
    if (symbol == 11) {
        if (state->phase != ZERO && state->phase != WHOLE)
            return false;
        end_whole(limits, state);
        state->phase = POINT;
        return state->room > 0;
    }
    if (state->phase == BEGIN || state->phase == MINUS) {
        state->phase = symbol == 0 ? ZERO : WHOLE;
        if (symbol != 0)
            step_whole(limits, state, digit);
        return true;
    }
    if (state->phase == WHOLE && state->count < limits->whole_most) {
        step_whole(limits, state, digit);
        return true;
    }
    if ((state->phase != POINT && state->phase != FRACTION) || state->room == 0)
        return false;
    state->phase = FRACTION;
    step_fraction(limits, state, digit);
    return true;
}

/* The value compared with a bound, signs and all. */
static int final_comparison(const struct decimal *bound, const struct state *state, uint32_t sized)
{
    const bool zero = bound->whole_count == 0 && bound->fraction_count == 0;
    if (zero)
        return state->nonzero == 0 ? EQUAL : state->negative != 0 ? LESS : GREATER;
    if (state->negative != 0 && bound->negative)
        return sized == LESS ? GREATER : sized == GREATER ? LESS : EQUAL;
    if (state->negative != 0)
        return LESS;
    return bound->negative ? GREATER : (int)sized;
}

static bool keeps(enum relation relation, int comparison)
{
    switch (relation) {
    case AT_LEAST:
        return comparison != LESS;
    case AT_MOST:
        return comparison != GREATER;
    case ABOVE:
        return comparison == GREATER;
    case BELOW:
        return comparison == LESS;
    case UNEQUAL:
        return comparison != EQUAL;
    }
    return false;
}

static bool accepts(const struct limits *limits, struct state state)
{
    if (state.phase != ZERO && state.phase != WHOLE && state.phase != FRACTION)
        return false;
    if (state.negative != 0 && state.nonzero == 0)
        return false;
    const bool whole = state.phase != FRACTION;
    if (whole)
        end_whole(limits, &state);
    for (size_t i = 0; i < limits->count; i++) {
        const struct decimal *const bound = &limits->bounds[i];
        uint32_t sized = state.compared[i];
        if (sized == EQUAL && state.count < bound->fraction_count)
            sized = LESS; /* the bound has a digit that isn't 0 yet to come */
        if (!keeps(limits->relations[i], final_comparison(bound, &state, sized)))
            return false;
    }
    for (size_t i = 0; i < limits->multiple_count; i++) {
        uint64_t remainder = state.remainders[i];
        for (size_t s = whole ? 0 : state.count; s < limits->scales[i]; s++)
            remainder = remainder * 10 % limits->multiples[i];
        if (remainder != 0)
            return false;
    }
    return true;
}

static bool grow_table(struct search *search)
{
    const size_t size = search->table_size == 0 ? 1024 : search->table_size * 2;
    uint32_t *const table = scratch_take(&search->schema->scratch, size, sizeof *table);
    for (size_t i = 0; table != NULL && i < search->count; i++) {
        size_t at = hash_bytes(&search->states[i], sizeof *search->states, 0) & (size - 1);
        while (table[at] != 0)
            at = (at + 1) & (size - 1);
        table[at] = (uint32_t)i + 1;
    }
    search->table = table;
    search->table_size = size;
    return table != NULL;
}

/* The state's number, new or not; REGEX_DEAD: a failure. */
static uint32_t number_state(struct search *search, const struct state *state)
{
    if (search->count * 2 >= search->table_size && !grow_table(search)) {
        schema_no_memory(search->schema);
        return REGEX_DEAD;
    }
    size_t at = hash_bytes(state, sizeof *state, 0) & (search->table_size - 1);
    for (; search->table[at] != 0; at = (at + 1) & (search->table_size - 1))
        if (memcmp(&search->states[search->table[at] - 1], state, sizeof *state) == 0)
            return search->table[at] - 1;
    if (search->count == STATES_MOST) {
        schema_failure(search->schema, PRIMER_ELIMIT, NULL, NULL,
                       "limits of a number that together take more than %d states", STATES_MOST);
        return REGEX_DEAD;
    }
    search->states = scratch_grow(&search->schema->scratch, search->states, search->count,
                                  &search->capacity, sizeof *state);
    if (search->states == NULL) {
        schema_no_memory(search->schema);
        return REGEX_DEAD;
    }
    search->states[search->count] = *state;
    search->table[at] = (uint32_t)search->count + 1;
    return (uint32_t)search->count++;
}

static bool name_symbols(struct schema *schema, struct regex_automaton *automaton)
{
    static const char symbols[] = "0123456789-.";
    automaton->symbols = sizeof symbols - 1;
    automaton->means = scratch_take(&schema->scratch, automaton->symbols, sizeof *automaton->means);
    for (size_t i = 0; automaton->means != NULL && i < automaton->symbols; i++) {
        const struct grammar_range one = {(unsigned char)symbols[i], (unsigned char)symbols[i]};
        automaton->means[i] = regex_set_of(&schema->scratch, &one, 1);
        if (automaton->means[i].count == SIZE_MAX)
            return false;
    }
    return automaton->means != NULL;
}

static bool explore(struct schema *schema, const struct limits *limits,
                    struct regex_automaton *automaton)
{
    struct search search = {.schema = schema, .limits = limits};
    struct state state = {0};
    size_t next_capacity = 0, accepts_capacity = 0;
    for (size_t i = 0; i < limits->count; i++)
        state.compared[i] = EQUAL;
    if (!name_symbols(schema, automaton)) {
        schema_no_memory(schema);
        return false;
    }
    (void)number_state(&search, &state);
    for (size_t n = 0; n < search.count && !schema_failed(schema); n++) {
        automaton->next = scratch_grow(&schema->scratch, automaton->next, n, &next_capacity,
                                       automaton->symbols * sizeof(uint32_t));
        automaton->accepts =
            scratch_grow(&schema->scratch, automaton->accepts, n, &accepts_capacity, 1);
        if (automaton->next == NULL || automaton->accepts == NULL) {
            schema_no_memory(schema);
            return false;
        }
        automaton->accepts[n] = accepts(limits, search.states[n]);
        for (size_t s = 0; s < automaton->symbols && !schema_failed(schema); s++) {
            state = search.states[n];
            automaton->next[n * automaton->symbols + s] =
                step(limits, &state, s) ? number_state(&search, &state) : REGEX_DEAD;
        }
    }
    automaton->states = search.count;
    return !schema_failed(schema);
}

size_t schema_number(struct schema *schema, const struct schema_set *set, unsigned types)
{
    struct limits limits = {0};
    struct regex_automaton automaton = {0};
    primer_error error;
    for (size_t i = 0; i < set->count; i++) {
        if (set->parts[i].kind == SCHEMA_PLAIN)
            add_plain(schema, &limits, set->parts[i].schema);
        if (set->parts[i].kind == SCHEMA_NOT)
            add_negated(schema, &limits, json_object_get(set->parts[i].schema, "not"));
    }
    if (schema_failed(schema))
        return SCHEMA_NOTHING;
    if (limits.count == 0 && limits.multiple_count == 0)
        return (types & SCHEMA_FRACTION) != 0 ? grammar_json_number(schema->grammar)
                                              : grammar_json_integer(schema->grammar);
    choose_digits(&limits, types);
    if (!explore(schema, &limits, &automaton))
        return SCHEMA_NOTHING;
    if (regex_automaton_reduce(&schema->scratch, &automaton, &error) != PRIMER_OK)
        return schema_failed_at(schema, NULL, NULL, &error);
    if (automaton.states == 0)
        return SCHEMA_NOTHING;
    return regex_automaton_grammar(schema->grammar, &schema->scratch, &automaton, false);
}

/* ---- given numbers --------------------------------------------------------------------------- */

/* The lowest and highest number that the object's limits leave; exclusive ends as bits 1 and 2. */
static unsigned interval(const json_t *object, double *low, double *high)
{
    const json_t *const least = json_object_get(object, "minimum");
    const json_t *const most = json_object_get(object, "maximum");
    const json_t *const above = json_object_get(object, "exclusiveMinimum");
    const json_t *const below = json_object_get(object, "exclusiveMaximum");
    unsigned open = 0;
    *low = least != NULL ? json_number_value(least) : -INFINITY;
    *high = most != NULL ? json_number_value(most) : INFINITY;
    if (json_is_true(above) || (json_is_number(above) && json_number_value(above) >= *low)) {
        *low = json_is_number(above) ? json_number_value(above) : *low;
        open |= 1;
    }
    if (json_is_true(below) || (json_is_number(below) && json_number_value(below) <= *high)) {
        *high = json_is_number(below) ? json_number_value(below) : *high;
        open |= 2;
    }
    return open;
}

bool schema_number_valid(struct schema *schema, const json_t *value, const json_t *object)
{
    double low, high;
    const double real = json_number_value(value);
    const unsigned open = interval(object, &low, &high);
    const json_t *const multiple = json_object_get(object, "multipleOf");
    const json_t *const format = json_object_get(object, "format");
    (void)schema;
    if (real < low || real > high || (real == low && (open & 1) != 0) ||
        (real == high && (open & 2) != 0))
        return false;
    if (format != NULL && strcmp(json_string_value(format), "int32") == 0 &&
        (real < INT32_MIN || real > INT32_MAX))
        return false;
    if (multiple == NULL)
        return true;
    const double times = real / json_number_value(multiple);
    return fabs(times - nearbyint(times)) <= 1e-9 * fmax(1, fabs(times));
}

bool schema_numbers_apart(struct schema *schema, const json_t *a, const json_t *b)
{
    double a_low, a_high, b_low, b_high;
    const unsigned a_open = interval(a, &a_low, &a_high), b_open = interval(b, &b_low, &b_high);
    (void)schema;
    return a_high < b_low || b_high < a_low ||
           (a_high == b_low && ((a_open & 2) != 0 || (b_open & 1) != 0)) ||
           (b_high == a_low && ((b_open & 2) != 0 || (a_open & 1) != 0));
}
