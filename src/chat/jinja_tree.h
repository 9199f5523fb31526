/* jinja_tree.h - a template as tokens and as a tree, between lexer, parser and evaluation. */
#ifndef CHAT_JINJA_TREE_H
#define CHAT_JINJA_TREE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/error.h"
#include "base/scratch.h"

#define JINJA_DEPTH  128  /* of parentheses and blocks in each other, and of calls */
#define JINJA_NESTED 1000 /* expressions in each other, long sums included */

/* Bytes, and a byte for each that says whether it comes from outside (jinja.h); NULL: none does.
 * Not NUL-terminated. */
struct jinja_text {
    const char *bytes;
    const unsigned char *outside;
    size_t length;
};

static inline struct jinja_text jinja_text_of(const char *bytes, size_t length)
{
    return (struct jinja_text){bytes, NULL, length};
}

bool jinja_text_is(struct jinja_text text, const char *other);
bool jinja_text_same(struct jinja_text a, struct jinja_text b);

enum jinja_token_kind {
    JINJA_TEXT,    /* between tags */
    JINJA_BEGIN,   /* {% */
    JINJA_END,     /* %} */
    JINJA_OPEN,    /* {{ */
    JINJA_CLOSE,   /* }} */
    JINJA_NAME,    /* a word */
    JINJA_STRING,  /* without quotes, escapes resolved */
    JINJA_NUMBER,  /* digits, a sign where it is no operator, a fraction */
    JINJA_SIGN,    /* punctuation and operators, as written */
    JINJA_FINISHED /* behind the last token */
};

struct jinja_token {
    enum jinja_token_kind kind;
    struct jinja_text text;
    size_t line; /* from 1 */
};

struct jinja_tokens {
    struct jinja_token *items; /* ends with JINJA_FINISHED */
    size_t count;
};

enum jinja_node_kind {
    /* Statements. */
    JINJA_NODE_TEXT,     /* text */
    JINJA_NODE_OUTPUT,   /* a: {{ a }} */
    JINJA_NODE_IF,       /* a: condition; body, other */
    JINJA_NODE_FOR,      /* a: name or tuple; b: what; c: condition or NULL; body, other */
    JINJA_NODE_SET,      /* a: name, tuple or member; b: value, or NULL: the body's text */
    JINJA_NODE_MACRO,    /* text: name; list: parameters; body */
    JINJA_NODE_CALLING,  /* {% call %}: a: call; list: parameters; body */
    JINJA_NODE_FILTERED, /* {% filter %}: a: filter, whose operand is NULL; body */
    JINJA_NODE_BREAK,
    JINJA_NODE_CONTINUE,
    /* Expressions. */
    JINJA_NODE_STRING,  /* text */
    JINJA_NODE_INTEGER, /* integer */
    JINJA_NODE_FLOAT,   /* real */
    JINJA_NODE_NAME,    /* text */
    JINJA_NODE_LIST,    /* list */
    JINJA_NODE_TUPLE,   /* list */
    JINJA_NODE_DICT,    /* list: key, value, key, value .. */
    JINJA_NODE_UNARY,   /* text: operator; a */
    JINJA_NODE_BINARY,  /* text: operator; a, b */
    JINJA_NODE_CHOICE,  /* a if b else c; c may be NULL */
    JINJA_NODE_MEMBER,  /* a: object; text: name, or b: index */
    JINJA_NODE_SLICE,   /* a: object; list: start, stop, step, each may be NULL */
    JINJA_NODE_CALL,    /* a: function; list: arguments */
    JINJA_NODE_FILTER,  /* a: operand; text: name; list: arguments */
    JINJA_NODE_TEST,    /* a: operand; text: name; list: arguments; negated */
    JINJA_NODE_KEYWORD, /* as an argument or parameter: text: name; a: value */
    JINJA_NODE_SPREAD   /* as an argument: *a, or **a if negated */
};

struct jinja_node_list {
    struct jinja_node **items;
    size_t count;
};

struct jinja_node {
    enum jinja_node_kind kind;
    size_t line;
    struct jinja_text text;
    int64_t integer;
    double real;
    bool negated;
    struct jinja_node *a, *b, *c;
    struct jinja_node_list list, body, other;
};

/* "chat template, line N: ..." */
primer_status jinja_failure(primer_error *error, size_t line, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Tokens, and the tree's root as a list of statements; all of it is of `memory`. */
primer_status jinja_lexer(const char *text, size_t length, struct scratch *memory,
                          struct jinja_tokens *tokens, primer_error *error);
primer_status jinja_parser(const struct jinja_tokens *tokens, struct scratch *memory,
                           struct jinja_node_list *root, primer_error *error);

#endif
