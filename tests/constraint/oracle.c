/* oracle.c - tables of [node][place], filled round by round. */
#include "oracle.h"

#include <stdio.h>
#include <string.h>

#include "base/utf8.h"

struct judgement {
    const struct oracle *oracle;
    const char *bytes;
    size_t length;
    uint64_t ends[ORACLE_NODES][ORACLE_TEXT + 1]; /* bit j: a match ends before byte j */
    bool begun[ORACLE_NODES][ORACLE_TEXT + 1];    /* the rest is the beginning of a match */
    bool possible[ORACLE_NODES];                  /* there is a match of some text */
};

/* ---- leaves ---------------------------------------------------------------------------------- */

static void judge_text(struct judgement *judgement, const char *text, size_t at, uint64_t *ends,
                       bool *begun)
{
    const size_t length = strlen(text), left = judgement->length - at;
    const size_t common = length < left ? length : left;
    if (memcmp(judgement->bytes + at, text, common) != 0)
        return;
    if (common == length)
        *ends |= (uint64_t)1 << (at + length);
    if (common == left)
        *begun = true;
}

static bool in_ranges(const struct oracle_node *node, uint32_t first, uint32_t last)
{
    for (size_t i = 0; i < node->count; i++)
        for (uint32_t c = node->ranges[i].first; c <= node->ranges[i].last; c++)
            if (c >= first && c <= last && (c < 0xD800 || c > 0xDFFF))
                return true;
    return false;
}

static void judge_class(struct judgement *judgement, const struct oracle_node *node, size_t at,
                        uint64_t *ends, bool *begun)
{
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    const unsigned char *const bytes = (const unsigned char *)judgement->bytes + at;
    const size_t left = judgement->length - at;
    uint32_t c;
    if (left == 0) {
        *begun = in_ranges(node, 0, 0x10FFFF);
        return;
    }
    const size_t whole = utf8_decode(judgement->bytes + at, left, &c);
    if (whole > 0) {
        if (in_ranges(node, c, c)) {
            *ends |= (uint64_t)1 << (at + whole);
            *begun = whole == left;
        }
        return;
    }
    const size_t length = bytes[0] >= 0xF0 ? 4 : bytes[0] >= 0xE0 ? 3 : bytes[0] >= 0xC2 ? 2 : 0;
    if (length <= left)
        return;
    c = bytes[0] & (0xFFu >> (length + 1));
    for (size_t i = 1; i < left; i++) {
        if ((bytes[i] & 0xC0) != 0x80)
            return;
        c = c << 6 | (bytes[i] & 0x3Fu);
    }
    const unsigned bits = 6 * (unsigned)(length - left);
    const uint32_t first = c << bits, last = first | (((uint32_t)1 << bits) - 1);
    *begun = last >= least[length] &&
             in_ranges(node, first > least[length] ? first : least[length], last);
}

static bool has_text(const struct oracle_node *node, const char *bytes, size_t length)
{
    for (size_t t = 0; t < node->count; t++)
        for (size_t i = 0, n = strlen(node->texts[t]); i + n <= length; i++)
            if (memcmp(bytes + i, node->texts[t], n) == 0)
                return true;
    return false;
}

/* Whether up to 3 bytes more make it whole characters with none of the texts. */
static bool completable(const struct oracle_node *node, char *bytes, size_t length, size_t more)
{
    if (has_text(node, bytes, length))
        return false;
    if (utf8_valid(bytes, length))
        return true;
    for (int byte = 0x80; byte < 0xC0 && more > 0; byte++) {
        bytes[length] = (char)byte;
        if (completable(node, bytes, length + 1, more - 1))
            return true;
    }
    return false;
}

static void judge_without(struct judgement *judgement, const struct oracle_node *node, size_t at,
                          uint64_t *ends, bool *begun)
{
    char copy[ORACLE_TEXT + 4];
    const size_t left = judgement->length - at;
    for (size_t n = 0; n <= left; n++)
        if (utf8_valid(judgement->bytes + at, n) && !has_text(node, judgement->bytes + at, n))
            *ends |= (uint64_t)1 << (at + n);
    memcpy(copy, judgement->bytes + at, left);
    const size_t whole = utf8_complete(copy, left);
    *begun = completable(node, copy, left, utf8_valid(copy, whole) ? 3 : 0);
}

/* ---- what is made of others ------------------------------------------------------------------ */

static uint64_t step(const struct judgement *judgement, size_t node, uint64_t places, bool *begun)
{
    uint64_t ends = 0;
    for (size_t at = 0; at <= judgement->length; at++)
        if ((places >> at & 1) != 0) {
            ends |= judgement->ends[node][at];
            *begun |= judgement->begun[node][at];
        }
    return ends;
}

static void judge_sequence(struct judgement *judgement, const struct oracle_node *node, size_t at,
                           uint64_t *ends, bool *begun)
{
    uint64_t places = (uint64_t)1 << at;
    for (size_t i = 0; i < node->count; i++) {
        bool here = false, rest = true;
        places = step(judgement, node->children[i], places, &here);
        for (size_t k = i + 1; k < node->count; k++)
            rest = rest && judgement->possible[node->children[k]];
        *begun |= here && rest;
    }
    *ends |= places;
    if (node->count == 0)
        *begun = at == judgement->length;
}

static void judge_repeat(struct judgement *judgement, const struct oracle_node *node, size_t at,
                         uint64_t *ends, bool *begun)
{
    const size_t child = node->children[0];
    const uint64_t last = (uint64_t)1 << judgement->length;
    uint64_t places = (uint64_t)1 << at, seen = 0;
    const size_t rounds = node->least + judgement->length + 2;
    for (size_t k = 0; k <= node->most && k <= rounds; k++) {
        if (k >= node->least)
            seen |= places;
        if ((places & last) != 0 && k >= node->least)
            *begun = true;
        if (k < node->most)
            places = step(judgement, child, places, begun);
    }
    *ends |= seen;
}

static void judge_node(struct judgement *judgement, size_t number, size_t at, uint64_t *ends,
                       bool *begun)
{
    const struct oracle_node *const node = &judgement->oracle->nodes[number];
    switch (node->kind) {
    case ORACLE_BYTES:
        judge_text(judgement, node->texts[0], at, ends, begun);
        break;
    case ORACLE_CLASS:
        judge_class(judgement, node, at, ends, begun);
        break;
    case ORACLE_WITHOUT:
        judge_without(judgement, node, at, ends, begun);
        break;
    case ORACLE_SEQUENCE:
        judge_sequence(judgement, node, at, ends, begun);
        break;
    case ORACLE_REPEAT:
        judge_repeat(judgement, node, at, ends, begun);
        break;
    default:
        for (size_t i = 0; i < node->count; i++)
            *ends |= step(judgement, node->children[i], (uint64_t)1 << at, begun);
    }
}

static bool possible_of(const struct judgement *judgement, const struct oracle_node *node)
{
    bool all = true, any = false;
    switch (node->kind) {
    case ORACLE_BYTES:
    case ORACLE_WITHOUT:
        return true;
    case ORACLE_CLASS:
        return in_ranges(node, 0, 0x10FFFF);
    case ORACLE_REPEAT:
        return node->least == 0 || judgement->possible[node->children[0]];
    default:
        for (size_t i = 0; i < node->count; i++) {
            all = all && judgement->possible[node->children[i]];
            any = any || judgement->possible[node->children[i]];
        }
        return node->kind == ORACLE_SEQUENCE ? all : any;
    }
}

static void find_possible(struct judgement *judgement)
{
    for (bool changed = true; changed;) {
        changed = false;
        for (size_t i = 0; i < judgement->oracle->count; i++)
            if (!judgement->possible[i] && possible_of(judgement, &judgement->oracle->nodes[i]))
                judgement->possible[i] = changed = true;
    }
}

bool oracle_possible(const struct oracle *oracle)
{
    static struct judgement judgement;
    judgement = (struct judgement){.oracle = oracle};
    find_possible(&judgement);
    return judgement.possible[oracle->root];
}

int oracle_judge(const struct oracle *oracle, const char *bytes, size_t length)
{
    static struct judgement judgement;
    memset(&judgement, 0, sizeof judgement);
    judgement.oracle = oracle;
    judgement.bytes = bytes;
    judgement.length = length;
    find_possible(&judgement);
    for (bool changed = true; changed;) {
        changed = false;
        for (size_t i = 0; i < oracle->count; i++)
            for (size_t at = 0; at <= length; at++) {
                uint64_t ends = judgement.ends[i][at];
                bool begun = judgement.begun[i][at];
                judge_node(&judgement, i, at, &ends, &begun);
                changed |= ends != judgement.ends[i][at] || begun != judgement.begun[i][at];
                judgement.ends[i][at] = ends;
                judgement.begun[i][at] = begun;
            }
    }
    if ((judgement.ends[oracle->root][0] >> length & 1) != 0)
        return 1;
    return judgement.begun[oracle->root][0] ? 0 : -1;
}

/* ---- grammars at random ---------------------------------------------------------------------- */

static const char *const texts[] = {"a",  "b",   "c",  "ab", "ba",       "abc", "\"",
                                    " ",  "aab", "\n", "bb", "\xC3\xA9", "",    "\xE2\x82\xAC",
                                    "ca", "c\""};
enum { TEXTS = sizeof texts / sizeof texts[0] };

static const struct grammar_range ranges[] = {
    {'a', 'c'},    {'b', 'b'},   {'c', 'c'},       {'a', 'a'},     {' ', '"'},
    {0x80, 0x17F}, {0xE9, 0xE9}, {0x20AC, 0x20AC}, {0x7D0, 0x820}, {0xFFF0, 0x10010}};
enum { RANGES = sizeof ranges / sizeof ranges[0] };

static size_t below(struct random *random, size_t limit)
{
    return (size_t)random_below(random, limit);
}

static void random_leaf(struct oracle_node *node, struct random *random)
{
    node->count = 1 + below(random, 3);
    switch (below(random, 6)) {
    case 0:
    case 1:
        node->kind = ORACLE_CLASS;
        for (size_t i = 0; i < node->count; i++)
            node->ranges[i] = ranges[below(random, RANGES)];
        break;
    case 2:
        node->kind = ORACLE_WITHOUT;
        for (size_t i = 0; i < node->count; i++)
            do
                node->texts[i] = texts[below(random, TEXTS)];
            while (node->texts[i][0] == '\0');
        break;
    default:
        node->kind = ORACLE_BYTES;
        node->count = 1;
        node->texts[0] = texts[below(random, TEXTS)];
    }
}

static void random_repeat(struct oracle_node *node, struct random *random)
{
    node->kind = ORACLE_REPEAT;
    node->count = 1;
    node->least = below(random, 4) == 0 ? below(random, 4) : below(random, 2);
    node->most = node->least + below(random, 4);
    switch (below(random, 4)) {
    case 0:
    case 1:
        node->most = GRAMMAR_ENDLESS;
        break;
    case 2: /* too often to be written out, the latter if it is no small part */
        if (below(random, 2) == 0)
            node->most = node->least + 33 + below(random, 8);
        else
            node->most = (node->least = 3 + below(random, 4)) + below(random, 4);
        break;
    default:
        node->most += node->most == 0;
    }
}

/* A choice of what begins with a rule and of what is there already. */
static size_t left_recursive(struct oracle *oracle, struct random *random, size_t rule,
                             size_t rules)
{
    const size_t begin = below(random, 3) == 0 ? below(random, rules) : rule;
    const size_t count = oracle->count, one = rules + below(random, count - rules);
    oracle->nodes[count] =
        (struct oracle_node){.kind = ORACLE_SEQUENCE, .children = {begin, one}, .count = 2};
    oracle->nodes[count + 1] = (struct oracle_node){
        .kind = ORACLE_CHOICE, .children = {count, oracle->nodes[rule].children[0]}, .count = 2};
    oracle->count += 2;
    return count + 1;
}

/* Rules first, so that any node may name them; each is then defined as one of the last nodes. */
void oracle_random(struct oracle *oracle, struct random *random, size_t size)
{
    memset(oracle, 0, sizeof *oracle);
    const size_t rules = below(random, 4);
    for (; oracle->count < rules; oracle->count++)
        oracle->nodes[oracle->count].kind = ORACLE_RULE;
    while (oracle->count < size) {
        struct oracle_node *const node = &oracle->nodes[oracle->count];
        const size_t choice = below(random, 10);
        if (choice < 4 || oracle->count < rules + 2) {
            random_leaf(node, random);
        } else if (choice < 6) {
            random_repeat(node, random);
        } else {
            node->kind = choice < 8 ? ORACLE_SEQUENCE : ORACLE_CHOICE;
            node->count = 1 + below(random, ORACLE_CHILDREN);
        }
        const bool parent = node->kind == ORACLE_REPEAT || node->kind == ORACLE_SEQUENCE ||
                            node->kind == ORACLE_CHOICE;
        for (size_t i = 0; parent && i < node->count; i++) {
            const size_t far = below(random, oracle->count), near = below(random, 5);
            const bool close = below(random, 3) > 0 && near < oracle->count;
            node->children[i] = close ? oracle->count - 1 - near : far;
        }
        oracle->count++;
    }
    for (size_t i = 0; i < rules; i++) {
        oracle->nodes[i].count = 1;
        oracle->nodes[i].children[0] = oracle->count - 1 - below(random, oracle->count - rules);
        if (below(random, 2) == 0)
            oracle->nodes[i].children[0] = left_recursive(oracle, random, i, rules);
    }
    oracle->root = oracle->count - 1;
}

size_t oracle_build(const struct oracle *oracle, struct grammar *grammar)
{
    size_t built[ORACLE_NODES] = {0};
    for (size_t i = 0; i < oracle->count; i++) {
        const struct oracle_node *const node = &oracle->nodes[i];
        size_t children[ORACLE_CHILDREN] = {0};
        const bool parent = node->kind == ORACLE_SEQUENCE || node->kind == ORACLE_CHOICE ||
                            node->kind == ORACLE_REPEAT;
        for (size_t k = 0; parent && k < node->count; k++)
            children[k] = built[node->children[k]];
        switch (node->kind) {
        case ORACLE_BYTES:
            built[i] = grammar_text(grammar, node->texts[0]);
            break;
        case ORACLE_CLASS:
            built[i] = grammar_class(grammar, node->ranges, node->count, false);
            break;
        case ORACLE_WITHOUT:
            built[i] = grammar_without(grammar, node->texts, node->count);
            break;
        case ORACLE_SEQUENCE:
            built[i] = grammar_sequence(grammar, children, node->count);
            break;
        case ORACLE_CHOICE:
            built[i] = grammar_choice(grammar, children, node->count);
            break;
        case ORACLE_REPEAT:
            built[i] = grammar_repeat(grammar, children[0], node->least, node->most);
            break;
        case ORACLE_RULE:
            built[i] = grammar_rule(grammar);
            break;
        }
    }
    for (size_t i = 0; i < oracle->count; i++)
        if (oracle->nodes[i].kind == ORACLE_RULE)
            grammar_define(grammar, built[i], built[oracle->nodes[i].children[0]]);
    return built[oracle->root];
}

const char *oracle_show(const struct oracle *oracle)
{
    static const char *const kinds[] = {"bytes",  "class", "sequence", "choice",
                                        "repeat", "rule",  "without"};
    static char text[8192];
    size_t used = 0;
    for (size_t i = 0; i < oracle->count && used < sizeof text - 400; i++) {
        const struct oracle_node *const node = &oracle->nodes[i];
        used += (size_t)snprintf(text + used, sizeof text - used, "%zu: %s", i, kinds[node->kind]);
        if (node->kind == ORACLE_REPEAT)
            used += (size_t)snprintf(text + used, sizeof text - used, " {%zu,%zu}", node->least,
                                     node->most);
        for (size_t k = 0; k < node->count; k++) {
            if (node->kind == ORACLE_BYTES || node->kind == ORACLE_WITHOUT)
                used += (size_t)snprintf(text + used, sizeof text - used, " '%s'", node->texts[k]);
            else if (node->kind == ORACLE_CLASS)
                used += (size_t)snprintf(text + used, sizeof text - used, " %X-%X",
                                         (unsigned)node->ranges[k].first,
                                         (unsigned)node->ranges[k].last);
            else
                used +=
                    (size_t)snprintf(text + used, sizeof text - used, " %zu", node->children[k]);
        }
        used += (size_t)snprintf(text + used, sizeof text - used, "\n");
    }
    return text;
}
