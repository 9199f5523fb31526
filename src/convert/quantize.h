/* quantize.h - a GGUF's weights in other block formats: whatever the file has in, a target out.
 *
 * Metadata is copied, general.file_type and general.quantization_version are set. Which tensor gets
 * which format is the target's row in mixes.h. The output appears under its name only when it is
 * complete.
 */
#ifndef CONVERT_QUANTIZE_H
#define CONVERT_QUANTIZE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/error.h"

/* Called now and then from the calling thread with bytes of source weights done and in all. False:
 * stop (PRIMER_ECANCELED, and no file is left). */
typedef bool quantize_progress(void *context, uint64_t done, uint64_t total);

/* Changes weights of a tensor before they are encoded: those from `start` on, counted in the order
 * of the file, `count` of them. From several threads at once. */
typedef void quantize_change(void *context, size_t tensor, size_t start, float *weights,
                             size_t count);
/* Whether it changes the tensor of this number in the file. */
typedef bool quantize_changes(void *context, size_t tensor);

struct quantize_options {
    const char *target;          /* a name of mixes.h: "Q4_K_M", "Q8_0" */
    size_t threads;              /* 0: as many as the machine has */
    quantize_progress *progress; /* may be NULL */
    void *context;
    quantize_changes *changes; /* NULL: nothing is changed; with `change` and change_context */
    quantize_change *change;
    void *change_context;
};

struct quantize_summary {
    uint64_t bytes_in, bytes_out; /* of tensor data */
    size_t tensors;               /* in the file */
    size_t encoded;               /* of them, written in another format than they had */
    size_t requantized; /* of those, had lost precision already: the source was quantized */
    size_t fallbacks;   /* got another format than the target's, for the length of their rows */
};

/* `summary` may be NULL. The same file as input and output is refused (PRIMER_EINVAL). A weight
 * that is NaN or infinite is PRIMER_ENUMERIC and named by tensor and index. */
primer_status quantize_file(const char *in, const char *out, const struct quantize_options *options,
                            struct quantize_summary *summary, primer_error *error);

#endif
