/* train_plan.h - what a run of training will cost, as text or JSON. */
#ifndef COMMAND_TRAIN_PLAN_H
#define COMMAND_TRAIN_PLAN_H

#include "base/buffer.h"
#include "primer_train.h"

/* `peak`: f32 operations a second of this machine; 0: not known. */
primer_status train_plan_text(const primer_train_plan *plan, const primer_recipe *recipe,
                              double peak, struct buffer *out, primer_error *error);
primer_status train_plan_json(const primer_train_plan *plan, double peak, struct buffer *out,
                              primer_error *error);

#endif
