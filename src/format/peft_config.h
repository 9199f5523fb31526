/* peft_config.h - adapter_config.json, which Hugging Face's PEFT writes beside an adapter's tensors.
 *
 *   {"peft_type": "LORA", "r": 16, "lora_alpha": 32, "use_rslora": false,
 *    "rank_pattern": {"fc1": 8}, "alpha_pattern": {}, "target_modules": ["q_proj", ...],
 *    "bias": "none", "modules_to_save": null, "use_dora": false, ...}
 *
 * What changes more than B A is refused by name: DoRA, biases, whole modules that were trained
 * besides, transposed weights, layers that were repeated, starting points that altered the base.
 */
#ifndef FORMAT_PEFT_CONFIG_H
#define FORMAT_PEFT_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include "base/error.h"

struct peft_config; /* as read */

primer_status peft_config_read(struct peft_config **config, const char *path, primer_error *error);
primer_status peft_config_read_text(struct peft_config **config, const char *text, size_t length,
                                    const char *name, primer_error *error);
void peft_config_free(struct peft_config *config);
/* What B (A x) of a module ("model.layers.0.mlp.fc1") is multiplied by: alpha / rank, or
 * alpha / sqrt(rank) with use_rslora. `rank` is what the tensors have, and must be the file's. */
primer_status peft_config_factor(const struct peft_config *config, const char *module, size_t rank,
                                 double *factor, primer_error *error);

/* A module that is written: its full name, its rank and alpha. */
struct peft_config_module {
    const char *name;
    size_t rank;
    double alpha;
};
/* The first module's rank and alpha are the file's; those of others that differ are patterns.
 * `base`: base_model_name_or_path, or NULL. */
primer_status peft_config_write(const char *path, const struct peft_config_module *modules,
                                size_t count, const char *base, primer_error *error);

#endif
