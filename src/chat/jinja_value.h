/* jinja_value.h - what a running template holds: values, scopes, the text it writes. All of it is
 * of the run's memory and given back at once. */
#ifndef CHAT_JINJA_VALUE_H
#define CHAT_JINJA_VALUE_H

#include <jansson.h>
#include "chat/jinja.h"
#include "chat/jinja_tree.h"

enum jinja_kind {
    JINJA_UNDEFINED,
    JINJA_NONE,
    JINJA_BOOLEAN,
    JINJA_INTEGER,
    JINJA_REAL,
    JINJA_TEXT_VALUE,
    JINJA_LIST,      /* and tuples */
    JINJA_DICT,      /* in the order of insertion */
    JINJA_NAMESPACE, /* a dict whose members may be set */
    JINJA_FUNCTION
};

struct jinja_value {
    enum jinja_kind kind;
    union {
        bool truth;
        int64_t integer;
        double real;
        struct jinja_text text;
        struct jinja_list *list;
        struct jinja_dict *dict;
        struct jinja_function *function;
    };
};

struct jinja_list {
    struct jinja_value *items;
    size_t count, capacity;
};

struct jinja_entry {
    struct jinja_text key;
    struct jinja_value value;
};

struct jinja_dict {
    struct jinja_entry *entries;
    size_t count, capacity;
};

struct jinja_scope {
    struct jinja_scope *parent;
    struct jinja_dict variables;
};

enum jinja_leaving { JINJA_STAYS, JINJA_BREAKS, JINJA_CONTINUES };

/* One rendering. */
struct jinja_run {
    struct scratch memory;
    primer_error *error;
    size_t steps;         /* left */
    size_t depth, nested; /* blocks and calls, expressions in each other */
    size_t line;          /* of what is being evaluated */
    int64_t now;
    struct jinja_scope *scope; /* of the call that a function is called from */
    enum jinja_leaving leaving;
};

/* What a function is called with. */
struct jinja_arguments {
    struct jinja_list positional;
    struct jinja_dict named;
};

/* A method, a filter or a global function; `self` is what a method or filter is of. */
typedef primer_status jinja_native(struct jinja_run *run, const struct jinja_value *self,
                                   const struct jinja_arguments *arguments,
                                   struct jinja_value *out);

struct jinja_function {
    jinja_native *native; /* or NULL: */
    const struct jinja_node *macro;
    struct jinja_scope *scope; /* of a {% call %} body; NULL: the caller's */
    struct jinja_value self;
};

/* Text that grows. */
struct jinja_writer {
    char *bytes;
    unsigned char *outside;
    size_t length, capacity;
};

/* ---- the run --------------------------------------------------------------------------------- */

primer_status jinja_run_failure(struct jinja_run *run, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* Counts `steps` steps. */
primer_status jinja_run_step(struct jinja_run *run, size_t steps);
/* Zeroed memory; stores the pointer in the pointer at `out`. */
primer_status jinja_run_take(struct jinja_run *run, size_t count, size_t size, void *out);
/* A new innermost scope; the caller sets run->scope back. */
primer_status jinja_run_scope(struct jinja_run *run, struct jinja_scope *parent);
/* Calls a function value. */
primer_status jinja_run_call(struct jinja_run *run, const struct jinja_value *function,
                             const struct jinja_arguments *arguments, struct jinja_value *out);

/* ---- values ---------------------------------------------------------------------------------- */

static inline struct jinja_value jinja_value_boolean(bool truth)
{
    return (struct jinja_value){JINJA_BOOLEAN, {.truth = truth}};
}

static inline struct jinja_value jinja_value_integer(int64_t integer)
{
    return (struct jinja_value){JINJA_INTEGER, {.integer = integer}};
}

static inline struct jinja_value jinja_value_real(double real)
{
    return (struct jinja_value){JINJA_REAL, {.real = real}};
}

static inline struct jinja_value jinja_value_text(struct jinja_text text)
{
    return (struct jinja_value){JINJA_TEXT_VALUE, {.text = text}};
}

const char *jinja_value_kind(const struct jinja_value *value); /* "a list" */
bool jinja_value_true(const struct jinja_value *value);
bool jinja_value_number(const struct jinja_value *value, double *number); /* booleans too */
primer_status jinja_value_equal(struct jinja_run *run, const struct jinja_value *a,
                                const struct jinja_value *b, bool *equal);
/* -1, 0, 1; an error where the kinds can't be compared. Texts by code points. */
primer_status jinja_value_compare(struct jinja_run *run, const struct jinja_value *a,
                                  const struct jinja_value *b, bool case_sensitive, int *order);
/* `outside`: its texts are marked so. */
primer_status jinja_value_of_json(struct jinja_run *run, const json_t *json, bool outside,
                                  struct jinja_value *out);

primer_status jinja_list_make(struct jinja_run *run, struct jinja_value *out);
primer_status jinja_list_add(struct jinja_run *run, struct jinja_list *list,
                             const struct jinja_value *value);
primer_status jinja_dict_make(struct jinja_run *run, enum jinja_kind kind, struct jinja_value *out);
/* The value of a key, or NULL. */
struct jinja_value *jinja_dict_find(const struct jinja_dict *dict, struct jinja_text key);
struct jinja_value *jinja_dict_get(const struct jinja_dict *dict, const char *key);
primer_status jinja_dict_set(struct jinja_run *run, struct jinja_dict *dict, struct jinja_text key,
                             const struct jinja_value *value);
/* [key, value] lists; keys; values. */
enum jinja_side { JINJA_ITEMS, JINJA_KEYS, JINJA_VALUES };
primer_status jinja_dict_list(struct jinja_run *run, const struct jinja_dict *dict,
                              enum jinja_side side, struct jinja_value *out);

/* ---- text ------------------------------------------------------------------------------------ */

primer_status jinja_write(struct jinja_run *run, struct jinja_writer *writer,
                          struct jinja_text text);
primer_status jinja_write_plain(struct jinja_run *run, struct jinja_writer *writer,
                                const char *text);
static inline struct jinja_text jinja_written(const struct jinja_writer *writer)
{
    return (struct jinja_text){writer->bytes == NULL ? "" : writer->bytes, writer->outside,
                               writer->length};
}

/* What was written, to buffers that outlive the run. */
primer_status jinja_deliver(const struct jinja_writer *writer, struct jinja_output *output,
                            primer_error *error);
/* A copy of the run's memory, all of whose bytes are from outside or none. */
primer_status jinja_text_copy(struct jinja_run *run, const char *bytes, size_t length, bool outside,
                              struct jinja_text *out);
/* The usual names of roles are words of templates, whoever names them: "<|" + role + "|>" may be a
 * special token. */
bool jinja_text_usual_role(struct jinja_text text);

/* As {{ value }} prints it: nothing for none and undefined. */
primer_status jinja_write_value(struct jinja_run *run, struct jinja_writer *writer,
                                const struct jinja_value *value);

/* As json.dumps of Python prints it. */
struct jinja_json {
    int64_t indent; /* 0: on one line */
    bool ascii, sorted;
    bool undefined;                   /* is written so, not as null */
    struct jinja_text between, colon; /* bytes NULL: the usual */
};
primer_status jinja_write_json(struct jinja_run *run, struct jinja_writer *writer,
                               const struct jinja_value *value, const struct jinja_json *json);

/* Bytes [at, at + length) of text. */
struct jinja_text jinja_text_part(struct jinja_text text, size_t at, size_t length);
/* The first place of `what` from `at` on; SIZE_MAX where there is none. */
size_t jinja_text_find(struct jinja_text text, size_t at, struct jinja_text what);
/* White space off the front, off the end. */
struct jinja_text jinja_text_strip(struct jinja_text text, bool front, bool end);
/* Length in bytes of the white space character at `at`; 0 where there is none. */
size_t jinja_text_space(struct jinja_text text, size_t at);
size_t jinja_text_characters(struct jinja_text text);
/* Bytes of the character at `at`: 1 where it is no valid one. */
size_t jinja_text_character(struct jinja_text text, size_t at);
primer_status jinja_text_upper(struct jinja_run *run, struct jinja_text text, bool upper,
                               struct jinja_text *out);

/* ---- tables (jinja_filter.c, jinja_method.c) ----------------------------------------------------- */

jinja_native jinja_method_replace, jinja_method_upper, jinja_method_lower, jinja_method_title,
    jinja_method_capitalize;
/* NULL where there is none. */
jinja_native *jinja_filter_named(struct jinja_text name);
jinja_native *jinja_method_named(const struct jinja_value *of, struct jinja_text name);
typedef primer_status jinja_test(struct jinja_run *run, const struct jinja_value *value,
                                 const struct jinja_value *other, bool *holds);
/* `wants`: whether it has an argument. */
jinja_test *jinja_test_named(struct jinja_text name, bool *wants);
/* namespace, range, raise_exception, strftime_now, dict; true, false, none. */
primer_status jinja_method_globals(struct jinja_run *run, struct jinja_dict *variables);

/* Argument `index`, or the one of that name; NULL where neither is given. */
const struct jinja_value *jinja_argument(const struct jinja_arguments *arguments, size_t index,
                                         const char *name);

/* The member of a value: of dicts and namespaces by key, of lists by index; undefined where there
 * is none. `path` may have dots. */
primer_status jinja_value_path(struct jinja_run *run, const struct jinja_value *value,
                               struct jinja_text path, struct jinja_value *out);

#endif
