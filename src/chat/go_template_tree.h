/* go_template_tree.h - a Go template as tokens and as a tree, between lexer, parser and
 * evaluation. */
#ifndef CHAT_GO_TEMPLATE_TREE_H
#define CHAT_GO_TEMPLATE_TREE_H

#include "chat/jinja_tree.h"

enum go_token_kind {
    GO_TEXT,     /* between actions, trimmed as their marks ask for */
    GO_OPEN,     /* {{ */
    GO_CLOSE,    /* }} */
    GO_SPACE,    /* a run of blanks and newlines inside an action */
    GO_WORD,     /* a keyword, a constant's or a function's name */
    GO_FIELD,    /* .name, without the dot */
    GO_VARIABLE, /* $ or $name, with the $ */
    GO_DOT,
    GO_STRING,  /* without quotes, escapes resolved */
    GO_NUMBER,  /* as written */
    GO_RUNE,    /* 'c', resolved to the character */
    GO_SIGN,    /* ( ) | , = := and other characters */
    GO_FINISHED /* behind the last token */
};

struct go_token {
    enum go_token_kind kind;
    struct jinja_text text;
    size_t line; /* from 1 */
};

struct go_tokens {
    struct go_token *items; /* ends with GO_FINISHED */
    size_t count;
};

enum go_node_kind {
    /* Statements. */
    GO_NODE_TEXT,     /* text */
    GO_NODE_ACTION,   /* pipe */
    GO_NODE_IF,       /* pipe; body, other */
    GO_NODE_WITH,     /* pipe; body, other */
    GO_NODE_RANGE,    /* pipe; body, other */
    GO_NODE_TEMPLATE, /* text: name; pipe, or NULL */
    GO_NODE_BREAK,
    GO_NODE_CONTINUE,
    /* Operands. */
    GO_NODE_DOT,
    GO_NODE_NIL,
    GO_NODE_BOOLEAN,  /* integer: 0 or 1 */
    GO_NODE_INTEGER,  /* integer */
    GO_NODE_REAL,     /* real */
    GO_NODE_STRING,   /* text */
    GO_NODE_FIELD,    /* path, of the dot */
    GO_NODE_VARIABLE, /* text: name with its $; path */
    GO_NODE_FUNCTION, /* text: name; function */
    GO_NODE_PIPE,     /* pipe; path: (..).name */
};

struct go_node_list {
    struct go_node **items;
    size_t count;
};

/* Names after one another, as in .Function.Name. */
struct go_path {
    struct jinja_text *names;
    size_t count;
};

/* $variables := command | command | ..; a command is a list of operands. */
struct go_pipe {
    size_t line;
    struct jinja_text variables[2];
    size_t variable_count;
    bool assigns; /* = rather than := */
    struct go_node_list *commands;
    size_t count;
};

struct go_function;

struct go_node {
    enum go_node_kind kind;
    size_t line;
    bool cut; /* of the root: not in the last turn (go_template.h) */
    struct jinja_text text;
    int64_t integer;
    double real;
    const struct go_function *function;
    struct go_path path;
    struct go_pipe *pipe;
    struct go_node_list body, other;
};

/* {{define}} and {{block}}. */
struct go_definition {
    struct jinja_text name;
    struct go_node_list body;
    struct go_definition *next;
};

struct go_tree {
    struct go_node_list root;
    struct go_definition *definitions;
    unsigned uses; /* GO_TEMPLATE_MESSAGES .. */
};

/* Tokens, and the tree; all of it is of `memory`. */
primer_status go_template_lexer(const char *text, size_t length, struct scratch *memory,
                                struct go_tokens *tokens, primer_error *error);
primer_status go_template_parser(const struct go_tokens *tokens, struct scratch *memory,
                                 struct go_tree *tree, primer_error *error);
/* A function's row in the table; NULL where there is none. `refused`: Go has it, templates here
 * don't. */
const struct go_function *go_template_function(struct jinja_text name, bool *refused);

#endif
