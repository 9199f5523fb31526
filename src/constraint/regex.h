/* regex.h - regular expressions as JSON Schema has them: ECMA 262 with the flag u, over code
 * points.
 *
 *   text --regex_parse--> tree --+-- regex_node_grammar ------------------------------> grammar
 *                                |                                                       ^
 *                                +-- regex_automaton_make --> deterministic automaton ---+
 *
 * A tree becomes a grammar piece by piece, counts and all, where its anchors stand at its ends.
 * What needs more goes by way of an automaton: products of several expressions, of an expression
 * and limits of length, complements, word edges, look-ahead at the begin.
 *
 * Not there: look-behind, look-ahead elsewhere, back references, properties of scripts; each is
 * refused by its name.
 */
#ifndef CONSTRAINT_REGEX_H
#define CONSTRAINT_REGEX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "constraint/grammar.h"
#include "constraint/constraint_memory.h"

#define REGEX_LENGTH  ((size_t)64 << 10) /* bytes of an expression */
#define REGEX_DEPTH   200                /* groups in groups */
#define REGEX_COUNT   100000             /* of a quantifier */
#define REGEX_STATES  20000              /* of an automaton */
#define REGEX_ENTRIES ((size_t)4 << 20)  /* states times symbols */
#define REGEX_TERMS   16                 /* expressions that must hold at once */
#define REGEX_SETS    2000               /* different sets of characters in an automaton's terms */
#define REGEX_WORK    (1 << 23)          /* places looked at while a term's automaton is made */

/* Ascending, neither touching nor overlapping, without surrogates. */
struct regex_set {
    const struct grammar_range *ranges;
    size_t count;
};

enum regex_kind {
    REGEX_SET,      /* one character */
    REGEX_SEQUENCE, /* of no children: the empty text */
    REGEX_CHOICE,
    REGEX_REPEAT, /* of the one child */
    REGEX_START,  /* ^ */
    REGEX_END,    /* $ */
    REGEX_EDGE,   /* \b */
    REGEX_INNER,  /* \B */
    REGEX_AHEAD   /* (?= of the one child; least is 1 for (?! */
};

struct regex_node {
    enum regex_kind kind;
    bool anchored;          /* an anchor, an edge or a look-ahead is in it */
    bool hopeless;          /* a set without characters is in it */
    struct regex_set set;   /* REGEX_SET */
    size_t least, most;     /* REGEX_REPEAT */
    size_t count, capacity; /* children */
    const struct regex_node **children;
};

/* What a text must do: match somewhere, or as a whole; or not. */
struct regex_term {
    const struct regex_node *root;
    bool whole, negated;
};

/* ---- sets (regex_set.c); count SIZE_MAX: no memory ---------------------------------------------- */

#define REGEX_NO_SET ((struct regex_set){NULL, SIZE_MAX})
struct regex_set regex_set_of(struct scratch *scratch, const struct grammar_range *ranges,
                              size_t count); /* in any order, overlapping or not */
struct regex_set regex_set_all(void);
struct regex_set regex_set_except(struct scratch *scratch, struct regex_set set);
struct regex_set regex_set_both(struct scratch *scratch, struct regex_set a, struct regex_set b);
bool regex_set_has(struct regex_set set, uint32_t code_point);
bool regex_set_equal(struct regex_set a, struct regex_set b);
/* \p{name} or \p{name=value}; false: no such property here. */
bool regex_set_property(struct scratch *scratch, const char *name, size_t length, bool negated,
                        struct regex_set *set);

/* ---- trees (regex_parse.c) ------------------------------------------------------------------- */

/* Look-aheads at the begin become terms of their own, before the rest: terms[*count] and on. */
primer_status regex_parse(struct scratch *scratch, const char *pattern, size_t length, bool whole,
                          struct regex_term terms[REGEX_TERMS], size_t *count, primer_error *error);
/* One of some texts, in UTF-8; NULL: no memory. */
const struct regex_node *regex_texts(struct scratch *scratch, const char *const *texts,
                                     const size_t *lengths, size_t count);
const struct regex_node *regex_any_text(struct scratch *scratch, size_t least, size_t most);
/* How many characters a match has, at least and at most (GRAMMAR_ENDLESS). */
void regex_lengths(struct regex_term term, size_t *least, size_t *most);

/* ---- grammars (regex_grammar.c) -------------------------------------------------------------- */

/* One character of the set; `json`: as it is written inside a JSON string. */
size_t regex_set_grammar(struct grammar *grammar, struct regex_set set, bool json);
/* False where it takes an automaton. */
bool regex_node_grammar(struct grammar *grammar, struct regex_term term, bool json, size_t *node);

/* ---- automata (regex_automaton.c) ------------------------------------------------------------ */

#define REGEX_DEAD UINT32_MAX /* a transition that leads nowhere */

struct regex_automaton {
    size_t states, symbols;  /* the start is 0; no states: nothing matches */
    uint32_t *next;          /* [states][symbols] */
    unsigned char *accepts;  /* [states] */
    struct regex_set *means; /* [symbols]; of disjoint sets of characters */
    size_t work;             /* steps that it took to make it */
};

/* Texts of least..most characters for which all of the terms hold. */
primer_status regex_automaton_make(struct scratch *scratch, const struct regex_term *terms,
                                   size_t count, size_t least, size_t most,
                                   struct regex_automaton *automaton, primer_error *error);
/* Drops what can't be reached or leads nowhere, and joins what is alike. */
primer_status regex_automaton_reduce(struct scratch *scratch, struct regex_automaton *automaton,
                                     primer_error *error);
bool regex_automaton_matches(const struct regex_automaton *automaton, const char *text,
                             size_t length);
size_t regex_automaton_grammar(struct grammar *grammar, struct scratch *scratch,
                               const struct regex_automaton *automaton, bool json);

#endif
