/* network.h - a grammar compiled: automata over bytes that call each other (recursive transition
 * networks; Woods 1970), prepared so that following one needs no look-ahead and never loops.
 *
 *   rule   an automaton; start state -> ... -> final states
 *   state  its edges:  byte range -> state      call of a rule, and the state to return to
 *                      mark -> state            (a control token of that text)
 *
 *   value ::= "[" value "]" | digit        start --'['--> s1 ==value==> s2 --']'--> s3 (final)
 *                                          start --0..9--------------------> s3
 * Promises:
 *   - no edge is empty, no rule matches the empty text (whoever may go without has both edges), and
 *     no rule calls itself before a byte (left recursion is rewritten): so what can come next is
 *     found in as many steps as there are rules at most;
 *   - from every state the end can be reached: what is alive can be completed;
 *   - a rule may be a counted one: matched least..most times in a row per call. Only rules that
 *     aren't counted themselves call counted ones, and each such call has a state to return to.
 * States are numbered from 1; 0 is nobody.
 *
 * Made in steps, each a file:
 *   grammar -> draft with empty edges            network_fragment.c, _class.c, _without.c
 *           -> draft without them                network_empty.c
 *           -> without left recursion            network_left.c
 *           -> network                           network.c
 */
#ifndef CONSTRAINT_NETWORK_H
#define CONSTRAINT_NETWORK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/error.h"

struct grammar;

#define NETWORK_ENDLESS    UINT32_MAX
#define NETWORK_COUNT_MOST ((size_t)1 << 29) /* of a counted repetition */

struct network_byte_edge {
    uint32_t target;
    uint8_t first, last; /* classes of bytes */
};

struct network_call_edge {
    uint32_t rule, target;
    bool tail; /* the caller has nothing left to do: returning there is returning from it */
};

struct network_mark_edge {
    uint32_t mark, target;
};

/* The edges of state s: [states[s].bytes, states[s + 1].bytes), and so on. */
struct network_state {
    uint32_t rule, bytes, calls, marks;
    bool final;
};

struct network_rule {
    uint32_t start, least, most; /* NETWORK_ENDLESS: no upper limit */
    uint64_t follow[4];          /* bytes that may come behind it, perhaps more */
};

struct network {
    struct network_state *states; /* [state_count + 1] */
    size_t state_count;           /* with nobody */
    struct network_byte_edge *bytes;
    struct network_call_edge *calls;
    struct network_mark_edge *marks;
    struct network_rule *rules;
    size_t rule_count;
    char **mark_texts;
    size_t mark_count;
    uint8_t class_of[256]; /* bytes that no edge tells apart are one class; ascending */
    size_t class_count;
    uint16_t first_byte[257]; /* of a class; of class_count: 256 */
    uint32_t root;            /* a rule */
    bool empty;               /* the empty text is a sentence too */
};

primer_status network_create(const struct grammar *grammar, size_t root, struct network **network,
                             primer_error *error);
void network_free(struct network *network);

static inline bool network_counted(const struct network *network, uint32_t state)
{
    return network->rules[network->states[state].rule].most != 1;
}

#endif
