/* train_fixture.h - small models and batches whose numbers follow from a rule, and comparisons, for
 * the trainer's tests. golden/make_gradients.py has the same rule. */
#ifndef TESTS_TRAIN_TRAIN_FIXTURE_H
#define TESTS_TRAIN_TRAIN_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "base/error.h"
#include "train/train_model.h"
#include "train/train_pass.h"

#define must(call)                                                                                 \
    do {                                                                                           \
        primer_error must_error_ = {0};                                                            \
        primer_error *const error = &must_error_;                                                  \
        if ((call) != PRIMER_OK)                                                                   \
            fail_msg("%s: %s", #call, must_error_.message);                                        \
    } while (0)

/* [-0.5, 0.5), the same for the same index. */
double train_fixture_mixed(uint64_t index);
const struct model_architecture *train_fixture_architecture(const char *name);
/* "phi2" or "llama", 2 layers, 32 wide, 4 heads, a vocabulary of 48; llama has 2 key heads. */
struct train_shape train_fixture_shape(const char *architecture);
/* Weight `element` of tensor number `tensor`. */
float train_fixture_weight(size_t tensor, const char *name, size_t element);
/* A model of the shape, its weights by the rule; in the order of `names` [model->count], NULL: in
 * its own. */
void train_fixture_model(struct train_model *model, const struct train_shape *shape,
                         const char (*names)[64]);

/* A batch with documents, and weights of which some are 0; its arrays are its own. */
struct train_fixture_batch {
    struct train_batch batch;
    int32_t *inputs, *targets;
    float *weights;
    uint32_t *starts;
};
void train_fixture_batch(struct train_fixture_batch *batch, size_t vocabulary, size_t rows,
                         size_t length);
void train_fixture_batch_free(struct train_fixture_batch *batch);

/* Norm of a - b through norm of b. */
double train_fixture_distance(const float *a, const float *b, size_t count);

#endif
