/* fixture.h - small random models in temporary files, and texts of random ids, for the engine's
 * tests. */
#ifndef TESTS_ENGINE_FIXTURE_H
#define TESTS_ENGINE_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "primer.h"
#include "tools/model_maker.h"

#define must(call)                                                                                 \
    do {                                                                                           \
        primer_error must_error_ = {0};                                                            \
        primer_error *const error = &must_error_;                                                  \
        if ((call) != PRIMER_OK)                                                                   \
            fail_msg("%s: %s", #call, must_error_.message);                                        \
    } while (0)

/* Writes a model to a new temporary file; returns its path (static until the next call with this
 * slot). */
const char *fixture_model(const struct model_maker_options *options, int slot);
void fixture_remove(void); /* all of them */
/* Without a prefix cache: every session computes for itself. */
primer_model *fixture_open(const struct model_maker_options *options, size_t threads);
primer_model *fixture_open_as(const struct model_maker_options *options,
                              const primer_model_options *how);
/* ids [count] below `vocabulary`, the same for the same seed. */
void fixture_ids(int32_t *ids, size_t count, size_t vocabulary, unsigned seed);
/* A path in the temporary folder. */
const char *fixture_path(const char *name);

#endif
