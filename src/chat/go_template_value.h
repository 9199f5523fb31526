/* go_template_value.h - what a running Go template holds: values, variables, the limits of the
 * run. All of it is of the run's memory and given back at once; texts, limits and errors are
 * those of Jinja's runs.
 *
 *   nothing   what was never there: prints as <no value>, has no members
 *   nil       a member that is empty or missing: becomes nothing at the end of a pipeline
 *   record    a struct of Go's: its members are known, another one is an error
 */
#ifndef CHAT_GO_TEMPLATE_VALUE_H
#define CHAT_GO_TEMPLATE_VALUE_H

#include "chat/go_template_tree.h"
#include "chat/jinja_value.h"

enum go_kind {
    GO_NOTHING,
    GO_NIL,
    GO_BOOLEAN,
    GO_INTEGER,
    GO_REAL,
    GO_TEXT_VALUE,
    GO_LIST,
    GO_MAP,
    GO_RECORD
};

/* How a list, map or record prints, where not member by member. */
enum go_style { GO_PLAIN, GO_AS_JSON, GO_AS_TYPE /* a single name without brackets */ };

struct go_value {
    enum go_kind kind;
    union {
        bool truth;
        int64_t integer;
        double real;
        struct jinja_text text;
        struct go_list *list;
        struct go_map *map;
        struct go_record *record;
    };
};

struct go_list {
    struct go_value *items;
    size_t count;
    enum go_style style;
    bool nil; /* null as JSON */
};

struct go_entry {
    struct jinja_text key;
    struct go_value value;
};

struct go_map {
    struct go_entry *entries; /* ordered by their keys, but for properties of properties */
    size_t count;
    enum go_style style;
    bool nil;
    const struct go_record_type *of; /* what a missing key gives: an empty record, or NULL: nil */
};

#define GO_RECORD_FIELDS 7

struct go_field {
    const char *name, *json;
    bool omitted;                    /* from JSON where it is empty */
    enum go_kind kind;               /* of an empty one: GO_NIL, GO_TEXT_VALUE, .. */
    enum go_style style;             /* of an empty list or map */
    const struct go_record_type *of; /* of a record, or of a map's values */
};

struct go_record_type {
    const char *name;
    enum go_style style;
    struct go_field fields[GO_RECORD_FIELDS]; /* up to the first without a name */
};

struct go_record {
    const struct go_record_type *type;
    struct go_value fields[GO_RECORD_FIELDS];
};

extern const struct go_record_type go_template_message, go_template_call, go_template_call_function,
    go_template_tool, go_template_tool_function, go_template_parameters, go_template_property;

struct go_variable {
    struct jinja_text name;
    struct go_value value;
};

/* One rendering. */
struct go_run {
    struct jinja_run base; /* memory, steps, depth, line, error, now, leaving */
    const struct go_tree *tree;
    struct go_variable *variables; /* of the template that runs, the innermost last */
    size_t variable_count, variable_capacity;
    bool last_turn; /* what is cut isn't written */
};

/* What a function is called with. */
struct go_arguments {
    struct go_value *items;
    size_t count;
};

typedef primer_status go_native(struct go_run *run, const struct go_arguments *arguments,
                                struct go_value *out);

struct go_function {
    const char *name;
    size_t least, most; /* arguments; most is SIZE_MAX where there is no end */
    go_native *native;  /* NULL: and, or, whose arguments are evaluated only as far as needed */
    bool until;         /* of and, or: the truth that ends them */
};

/* ---- values ---------------------------------------------------------------------------------- */

static inline struct go_value go_value_text(struct jinja_text text)
{
    return (struct go_value){GO_TEXT_VALUE, {.text = text}};
}

static inline struct go_value go_value_integer(int64_t integer)
{
    return (struct go_value){GO_INTEGER, {.integer = integer}};
}

static inline struct go_value go_value_boolean(bool truth)
{
    return (struct go_value){GO_BOOLEAN, {.truth = truth}};
}

static inline bool go_value_absent(const struct go_value *value)
{
    return value->kind == GO_NOTHING || value->kind == GO_NIL;
}

/* Go's name of the value's type. */
const char *go_template_type(const struct go_value *value);
bool go_template_true(const struct go_value *value);
/* -1, 0, 1 by bytes. */
int go_template_order(struct jinja_text a, struct jinja_text b);
primer_status go_template_field(struct go_run *run, const struct go_value *of,
                                struct jinja_text name, struct go_value *out);
/* A map's value, or what it has for a missing key. */
primer_status go_template_member(struct go_run *run, const struct go_map *map,
                                 struct jinja_text key, struct go_value *out);
/* Empty ones. */
primer_status go_template_list(struct go_run *run, size_t count, enum go_style style,
                               struct go_value *out);
primer_status go_template_map(struct go_run *run, size_t count, enum go_style style,
                              struct go_value *out);
primer_status go_template_record(struct go_run *run, const struct go_record_type *type,
                                 struct go_value *out);
/* Orders a map's entries by their keys. */
void go_template_sort(struct go_map *map);
/* Any JSON, its texts from outside; numbers are real. */
primer_status go_template_of_json(struct go_run *run, const json_t *json, struct go_value *out);
primer_status go_template_of_text(struct go_run *run, const char *bytes, size_t length,
                                  struct go_value *out);
/* The type of a property as TypeScript has it. */
primer_status go_template_typescript(struct go_run *run, const struct go_value *value,
                                     struct go_value *out);

/* ---- text ------------------------------------------------------------------------------------ */

/* How fmt's %v, %s .. write a value. */
struct go_verb {
    char letter;
    bool minus, plus, zero, space, sharp;
    int width, precision; /* -1: none */
};

primer_status go_template_write(struct go_run *run, struct jinja_writer *writer,
                                const struct go_value *value, const struct go_verb *verb);
primer_status go_template_print(struct go_run *run, struct jinja_writer *writer,
                                const struct go_value *value);
primer_status go_template_json(struct go_run *run, struct jinja_writer *writer,
                               const struct go_value *value);
primer_status go_template_printf(struct go_run *run, struct jinja_writer *writer,
                                 struct jinja_text format, const struct go_arguments *arguments);

/* ---- evaluation ------------------------------------------------------------------------------ */

/* A pipeline's value; its variables are declared or assigned. */
primer_status go_template_pipeline(struct go_run *run, const struct go_value *dot,
                                   const struct go_pipe *pipe, struct go_value *out);
primer_status go_template_declare(struct go_run *run, struct jinja_text name,
                                  const struct go_value *value);
/* The innermost variable of that name, or NULL. */
struct go_variable *go_template_variable(struct go_run *run, struct jinja_text name);
/* The whole tree, on one dot. */
primer_status go_template_execute(struct go_run *run, const struct go_value *dot,
                                  struct jinja_writer *writer);

/* ---- the conversation ------------------------------------------------------------------------ */

struct go_conversation {
    struct go_value messages; /* a list of records, those of one role put together */
    struct go_value tools;
    struct go_value system;         /* the text of all system messages */
    struct go_value prompt, suffix; /* texts; nothing where there is no gap to fill */
    struct go_value think, think_level, think_set;
};

primer_status go_template_conversation(struct go_run *run, const json_t *conversation,
                                       struct go_conversation *out);

#endif
