/* engine_adapter.h - what is behind primer_adapter, and the list of them that a session holds. */
#ifndef ENGINE_ENGINE_ADAPTER_H
#define ENGINE_ENGINE_ADAPTER_H

#include "engine/engine.h"

struct primer_adapter {
    primer_model *model;      /* one reference */
    struct adapter adapter;   /* constant */
    atomic_size_t references; /* the owner and each session */
    char *path;
    primer_adapter_information information;
};

/* A list for sessions of this model: references to those whose scale isn't 0, and memory for them
 * in the model's pass. */
primer_status engine_adapter_attach(primer_model *model, const primer_adapter_use *uses,
                                    size_t count, struct engine_adapters *adapters,
                                    primer_error *error);
void engine_adapter_release(struct engine_adapters *adapters);

#endif
