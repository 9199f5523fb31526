/* constraint.c - constraints as objects, and the simplest of them: one of some texts. */
#include "constraint/constraint_internal.h"

#include "base/memory.h"
#include "constraint/grammar.h"

#ifdef PRIMER_STRESS
#define BYTES_MOST ((size_t)1 << 12)
#define WALK_NODES 2
#else
#define BYTES_MOST ((size_t)32 << 20)
#define WALK_NODES 1024
#endif
#define STEPS_MOST ((size_t)1 << 24)

primer_status constraint_create(struct network *network, primer_constraint **constraint,
                                primer_error *error)
{
    primer_constraint *const made = memory_allocate(1, sizeof *made);
    if (made == NULL) {
        network_free(network);
        return memory_failure(error, "a constraint", sizeof *made);
    }
    made->network = network;
    made->bytes_most = BYTES_MOST;
    made->walk_nodes = WALK_NODES;
    made->steps_most = STEPS_MOST;
    pthread_mutex_init(&made->lock, NULL);
    *constraint = made;
    return PRIMER_OK;
}

void constraint_free(primer_constraint *constraint)
{
    if (constraint == NULL)
        return;
    while (constraint->masks != NULL) {
        struct masks *const masks = constraint->masks;
        constraint->masks = masks->next;
        masks_free(masks);
    }
    network_free(constraint->network);
    pthread_mutex_destroy(&constraint->lock);
    memory_free(constraint);
}

primer_status constraint_choice(const char *const *choices, size_t count,
                                primer_constraint **constraint, primer_error *error)
{
    if (count == 0)
        return error_set(error, PRIMER_EINVAL, "a choice of nothing; expected a text or more");
    size_t *const nodes = memory_allocate(count, sizeof *nodes);
    if (nodes == NULL)
        return memory_failure(error, "a choice", count * sizeof *nodes);
    struct grammar *const grammar = grammar_create();
    for (size_t i = 0; i < count; i++)
        nodes[i] = grammar_text(grammar, choices[i]);
    const size_t root = grammar_choice(grammar, nodes, count);
    memory_free(nodes);
    return grammar_finish(grammar, root, constraint, error);
}
