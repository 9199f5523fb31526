/* masks_analysis.h - what is allowed in a state as long as its rule isn't left (masks.h). */
#ifndef CONSTRAINT_MASKS_ANALYSIS_H
#define CONSTRAINT_MASKS_ANALYSIS_H

#include "constraint/masks.h"

/* The analysis of a state that is at a node of the tree; `back`: where its rule, a counted one,
 * will return to, else 0. Made when it is first asked for. NULL: places.stacks.failure says why. */
const struct analysis *masks_analysis(struct masks *masks, uint32_t state, uint32_t back,
                                      uint32_t node);
/* The ids in `words`, few or many; false: no memory. */
bool masks_ids(struct masks *masks, const uint64_t *words, struct mask_ids *ids);
void masks_ids_free(struct mask_ids *ids);
void masks_analysis_free(struct analysis *analysis);

#endif
