/* train_plan.c - see train_plan.h.
 *
 * What the same would cost on rented processors: peaks as NVIDIA's data sheets give them (dense
 * bf16), prices as pricegpu's survey of providers had them early in 2026, and 40 % of the peak
 * reached, which is good practice for models of billions of parameters and more than small ones
 * get. Only the order of magnitude is meant.
 */
#include "command/train_plan.h"

#include <inttypes.h>

#include "terminal/render.h"

#define REACHED 0.4

static const struct rented {
    const char *name;
    double peak;        /* operations a second */
    double least, most; /* dollars an hour */
} rented[] = {
    {"A100 80 GB", 312e12, 1.49, 2.49},
    {"H100 SXM", 989e12, 2.49, 3.99},
};
enum { RENTED = sizeof rented / sizeof rented[0] };

static double operations(const primer_train_plan *plan)
{
    return (double)plan->tokens * plan->operations_per_token;
}

static primer_status write_work(const primer_train_plan *plan, const primer_recipe *recipe,
                                struct buffer *out, primer_error *error)
{
    char a[RENDER_TEXT], b[RENDER_TEXT], c[RENDER_TEXT];
    FORWARD(
        buffer_format(out, error, "model      %s parameters\n", render_count(plan->parameters, a)));
    FORWARD(buffer_format(
        out, error, "data       %s tokens in %zu source%s; the run reads them %.3g times\n",
        render_count(plan->data_tokens, a), recipe->source_count,
        recipe->source_count == 1 ? "" : "s",
        plan->data_tokens == 0 ? 0.0 : (double)plan->tokens / (double)plan->data_tokens));
    FORWARD(buffer_format(out, error, "run        %s steps of %s tokens, %s tokens\n",
                          render_count(plan->steps, a), render_count(plan->tokens_per_step, b),
                          render_count(plan->tokens, c)));
    return buffer_format(out, error, "work       %.3g million operations a token, %.3g in all\n",
                         plan->operations_per_token * 1e-6, operations(plan));
}

static primer_status write_memory(const primer_train_plan *plan, struct buffer *out,
                                  primer_error *error)
{
    char all[RENDER_TEXT], there[RENDER_TEXT], weights[RENDER_TEXT], gradients[RENDER_TEXT],
        optimizer[RENDER_TEXT], activations[RENDER_TEXT];
    return buffer_format(
        out, error,
        "memory     %s of %s available: weights %s, gradients %s, optimizer %s, activations %s\n",
        render_bytes(plan->memory_bytes, all), render_bytes(plan->memory_available, there),
        render_bytes(plan->weight_bytes, weights), render_bytes(plan->gradient_bytes, gradients),
        render_bytes(plan->optimizer_bytes, optimizer),
        render_bytes(plan->activation_bytes, activations));
}

static primer_status write_time(const primer_train_plan *plan, double peak, struct buffer *out,
                                primer_error *error)
{
    char a[RENDER_TEXT];
    FORWARD(buffer_format(out, error, "speed      %.0f tokens/s measured, %.1f GFLOP/s",
                          plan->tokens_per_second, plan->operations_per_second * 1e-9));
    if (peak > 0.0)
        FORWARD(buffer_format(out, error, ", %.0f %% of this machine's f32 peak (%.0f)",
                              100.0 * plan->operations_per_second / peak, peak * 1e-9));
    return buffer_format(out, error, "\ntime       %s on this machine, without evaluations\n",
                         render_duration(plan->seconds, a));
}

primer_status train_plan_text(const primer_train_plan *plan, const primer_recipe *recipe,
                              double peak, struct buffer *out, primer_error *error)
{
    char a[RENDER_TEXT];
    FORWARD(write_work(plan, recipe, out, error));
    FORWARD(write_memory(plan, out, error));
    if (plan->tokens_per_second > 0.0)
        FORWARD(write_time(plan, peak, out, error));
    for (size_t i = 0; i < RENTED; i++) {
        const double seconds = operations(plan) / (rented[i].peak * REACHED);
        FORWARD(buffer_format(out, error, "%s%-10s  %s, %.2g to %.2g dollars\n",
                              i == 0 ? "elsewhere  " : "           ", rented[i].name,
                              render_duration(seconds, a), seconds / 3600.0 * rented[i].least,
                              seconds / 3600.0 * rented[i].most));
    }
    return buffer_text(
        out, "           (at 40 % of their bf16 peak, and list prices of early 2026)\n", error);
}

primer_status train_plan_json(const primer_train_plan *plan, double peak, struct buffer *out,
                              primer_error *error)
{
    FORWARD(buffer_format(
        out, error,
        "{\"parameters\":%" PRIu64 ",\"steps\":%" PRIu64 ",\"tokens_per_step\":%" PRIu64
        ",\"tokens\":%" PRIu64 ",\"data_tokens\":%" PRIu64 ",\"operations_per_token\":%.9g"
        ",\"operations\":%.9g,\"memory_bytes\":%" PRIu64 ",\"memory_available\":%" PRIu64
        ",\"weight_bytes\":%" PRIu64 ",\"gradient_bytes\":%" PRIu64 ",\"optimizer_bytes\":%" PRIu64
        ",\"activation_bytes\":%" PRIu64 ",\"tokens_per_second\":%.6g"
        ",\"operations_per_second\":%.9g,\"peak_operations_per_second\":%.9g,\"seconds\":%.6g"
        ",\"elsewhere\":[",
        plan->parameters, plan->steps, plan->tokens_per_step, plan->tokens, plan->data_tokens,
        plan->operations_per_token, operations(plan), plan->memory_bytes, plan->memory_available,
        plan->weight_bytes, plan->gradient_bytes, plan->optimizer_bytes, plan->activation_bytes,
        plan->tokens_per_second, plan->operations_per_second, peak, plan->seconds));
    for (size_t i = 0; i < RENTED; i++) {
        const double hours = operations(plan) / (rented[i].peak * REACHED) / 3600.0;
        FORWARD(buffer_format(out, error,
                              "%s{\"name\":\"%s\",\"hours\":%.6g,\"dollars\":[%.6g,%.6g]}",
                              i == 0 ? "" : ",", rented[i].name, hours, hours * rented[i].least,
                              hours * rented[i].most));
    }
    return buffer_text(out, "]}\n", error);
}
