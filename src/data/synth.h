/* synth.h - a lesson in the making: what its names are bound to, and how texts and code are said.
 *
 *   synth            one lesson's state: random numbers, draws, the function it is about
 *     function       an idea, or a shape and the parts in its slots
 *       bindings     name -> number, argument, part        (those of a part are seen in its fields)
 *       arguments    the function's own, with the names they have in code
 *   draws            name -> number, row of a table, text  (of a talk, a problem, a frame)
 *
 * All is made from a curriculum (curriculum.h; docs/curricula.md). Numbers that only Python knows
 * stand in a text as holes, "\1" NUMBER "\2": the check fills them. Texts of the lesson live in its
 * arena until the next one begins.
 */
#ifndef DATA_SYNTH_H
#define DATA_SYNTH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/buffer.h"
#include "base/memory.h"
#include "base/random.h"
#include "data/curriculum.h"

enum {
    SYNTH_BINDINGS = 40,
    SYNTH_ARGUMENTS = 6,
    SYNTH_SLOTS = 6,
    SYNTH_HOLES = 48,
    SYNTH_CHOICES = 64 /* alternatives of one text */
};

#define SYNTH_HOLE_BEGIN '\1'
#define SYNTH_HOLE_END   '\2'

/* Whether something could be said: SYNTH_MISSING where a name means nothing here, so that another
 * alternative is to be tried; SYNTH_FAILED with an error. */
enum synth_said { SYNTH_SAID, SYNTH_MISSING, SYNTH_FAILED };

enum synth_kind {
    SYNTH_NUMBER,   /* number */
    SYNTH_ROW,      /* a row of a table: block, row */
    SYNTH_TEXT,     /* text, said as it is */
    SYNTH_ARGUMENT, /* number: which */
    SYNTH_PART,     /* block */
    SYNTH_PYTHON    /* a name that the check works out */
};

struct synth_binding {
    const char *name;
    const struct curriculum_block
        *owner; /* the part in whose fields it is seen; NULL: everywhere */
    enum synth_kind kind;
    long long number;
    const struct curriculum_block *block;
    size_t row;
    const char *text;
    bool in_code; /* a text that the function's code holds */
};

struct synth_argument {
    const char *key;
    const struct curriculum_block *type;
    const struct curriculum_block *owner;
    const char *name;  /* in code */
    const char *usual; /* the name where nobody asked for another */
    const char *make;  /* Python */
    bool told;         /* the name was said, so it holds */
    bool mentioned;    /* in the turn that is being said */
};

struct synth_function {
    const struct curriculum_block *block; /* idea or shape; NULL: there is none */
    struct synth_binding bindings[SYNTH_BINDINGS];
    size_t binding_count;
    struct synth_argument arguments[SYNTH_ARGUMENTS];
    size_t argument_count;
    const char *slots[SYNTH_SLOTS]; /* of a shape: "keep", and what is in it */
    const struct curriculum_block *parts[SYNTH_SLOTS];
    size_t slot_count;
    const char *name, *usual_name;
    bool name_told;
    const char *renamed;                  /* to this, later in the lesson; NULL */
    const char *changed;                  /* of a variation: the slot that differs; NULL */
    bool added;                           /* that slot is new */
    const struct curriculum_block *twist; /* what else it has to heed; NULL */
    size_t targets[2], target_count;      /* of the arguments, those that the twist is about */
};

struct synth {
    const struct curriculum *curriculum;
    struct random random;
    struct arena arena;
    const struct curriculum_block *lesson;
    struct synth_binding draws[SYNTH_BINDINGS];
    size_t draw_count;
    struct synth_function functions[2];   /* what the lesson is about, and one that differs */
    struct synth_function *function;      /* of these, the one that names mean now */
    const struct curriculum_block *owner; /* the part whose field is being said */
    struct synth_argument *argument;      /* the one being mentioned */
    bool known;                           /* arguments are spoken of as known: "the list" */
    bool usual;                           /* no dice: the first alternative that can be said */
    double spelled;                       /* how often small numbers are words */
    const char *holes[SYNTH_HOLES];       /* Python expressions */
    size_t hole_count, depth;
    size_t choices;    /* made so far for this lesson */
    uint64_t wording;  /* a hash of the alternatives that were taken, whatever was drawn */
    const char *where; /* for messages: "file:line" of what is being said; or NULL */
    const struct curriculum_block *saying; /* the block and the line of its field that is said */
    size_t line;
    primer_error *error;
};

/* ---- synth_text.c: texts --------------------------------------------------------------------- */

/* Appends a text with its alternatives, names and holes. */
enum synth_said synth_text_say(struct synth *synth, const char *text, size_t length,
                               struct buffer *out);
/* Appends one of the block's fields of that key. */
enum synth_said synth_text_field(struct synth *synth, const struct curriculum_block *block,
                                 const char *key, size_t length, struct buffer *out);
/* Appends as it is. */
enum synth_said synth_text_raw(struct synth *synth, const char *text, size_t length,
                               struct buffer *out);
enum synth_said synth_text_number(struct synth *synth, long long number, struct buffer *out);
enum synth_said synth_text_hole(struct synth *synth, const char *expression, size_t length,
                                struct buffer *out);
/* A copy that lives as long as the lesson; NULL: out of memory, and the error is set. */
const char *synth_text_keep(struct synth *synth, const char *text, size_t length);
/* What a name is bound to where `owner` (or NULL) is being said; NULL: nothing. */
const struct synth_binding *synth_text_binding(const struct synth *synth, const char *name,
                                               size_t length);
/* Alternatives "a | b | c" cut at their bars, without blanks around; at most `most`. */
struct synth_piece {
    const char *text;
    size_t length;
};
size_t synth_text_split(const char *text, size_t length, struct synth_piece *pieces, size_t most);

/* ---- synth_word.c: forms of words ------------------------------------------------------------ */

/* "reverse a list" -> "reverses a list", "reversing a list"; writes to `out`, which is appended to. */
primer_status synth_word_third(const char *text, size_t length, struct buffer *out,
                               primer_error *error);
primer_status synth_word_gerund(const char *text, size_t length, struct buffer *out,
                                primer_error *error);
/* "seven"; NULL above twelve and below zero. */
const char *synth_word_number(long long number);

/* ---- synth_code.c: code ---------------------------------------------------------------------- */

/* Appends code, every line behind `indent` blanks. */
enum synth_said synth_code_write(struct synth *synth, const char *code, size_t indent,
                                 struct buffer *out);
/* The body of the function in the variant of that label; NULL: the first that can be written. */
enum synth_said synth_code_body(struct synth *synth, const char *label, size_t indent,
                                struct buffer *out);
/* "def name(a, b):". */
enum synth_said synth_code_signature(struct synth *synth, bool hints, struct buffer *out);

/* ---- synth_twist.c: what else a function has to heed ------------------------------------------ */

/* Gives the function, of an idea, a twist that fits; SYNTH_MISSING: there is none. */
enum synth_said synth_twist_choose(struct synth *synth);
/* A variant's code as synth_code_write, with the function's twist if it has one. */
enum synth_said synth_twist_write(struct synth *synth, const char *code, size_t indent,
                                  struct buffer *out);

/* ---- synth_function.c: ideas, shapes and parts ------------------------------------------------ */

/* Makes a function of this idea, or of this shape and parts that fit. */
enum synth_said synth_function_make(struct synth *synth, const struct curriculum_block *block);
/* Chooses an idea or a shape with parts (`kind`: "idea", "shape", "shape NAME", "twist" for an idea
 * with a twist, or NULL for idea or shape). */
enum synth_said synth_function_choose(struct synth *synth, const char *kind);
/* functions[1] becomes functions[0] with one part exchanged or added. */
enum synth_said synth_function_vary(struct synth *synth);
/* functions[1] becomes functions[0], an idea without one, with a twist. */
enum synth_said synth_function_vary_twist(struct synth *synth);
/* Does the code of the block use the word as a name of its own? */
bool synth_function_uses(const struct curriculum_block *block, const char *word);
/* One more binding of the function; false: no room, and the error is set. */
bool synth_function_bind(struct synth *synth, struct synth_binding binding);
/* The arguments and numbers that a block asks for, seen in `owner`'s fields. */
enum synth_said synth_function_bind_block(struct synth *synth, const struct curriculum_block *block,
                                          const struct curriculum_block *owner);
/* A name that fits, kept: the usual one, or any. */
enum synth_said synth_function_name(struct synth *synth, bool usual, const char **name);
/* Names that nobody was told become the usual ones. */
void synth_function_settle(struct synth_function *function);
/* A variation has the names of what it varies. */
void synth_function_follow(struct synth_function *function, const struct synth_function *from);
/* Binds NAME = TABLE | PHRASE | A..B | a|b of a line "draw" or "local". */
enum synth_said synth_function_draw(struct synth *synth, const char *line,
                                    const struct curriculum_block *owner,
                                    struct synth_binding *bindings, size_t *count);

/* ---- synth_say.c: what frames say of a function ----------------------------------------------- */

/* {name}, {code}, {signature}, ... of the function. SYNTH_MISSING: no such thing. */
enum synth_said synth_function_say(struct synth *synth, struct synth_piece name,
                                   struct synth_piece field, struct buffer *out);

#endif
