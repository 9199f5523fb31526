/* model_architectures.h - one declaration per architecture; the table is in model.c. */
#ifndef MODEL_MODEL_ARCHITECTURES_H
#define MODEL_MODEL_ARCHITECTURES_H

#include "model/model.h"

const struct model_architecture *phi2_architecture(void);
const struct model_architecture *llama_architecture(void);

#endif
