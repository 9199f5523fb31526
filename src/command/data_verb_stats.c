/* data_verb_stats.c - primer data stats: what a shard holds, verified whole. */
#include "command/command.h"

#include <inttypes.h>
#include <string.h>

#include "base/buffer.h"
#include "command/data_work.h"
#include "data/data.h"
#include "terminal/output.h"
#include "terminal/render.h"

#define SAMPLES 3 /* documents that are shown, where no number was given */

static primer_status stats_text(const char *path, const struct data_stats *stats,
                                struct buffer *out, primer_error *error)
{
    char a[RENDER_TEXT], b[RENDER_TEXT];
    FORWARD(buffer_format(out, error, "%s: %s, whole and as it was written\n", path,
                          render_bytes(stats->file_bytes, a)));
    FORWARD(buffer_format(out, error, "  documents   %s, of %.1f tokens on average, at most %s\n",
                          render_count(stats->documents, a),
                          data_work_ratio(stats->tokens, stats->documents),
                          render_count(stats->longest, b)));
    FORWARD(buffer_format(out, error, "  tokens      %s\n", render_count(stats->tokens, a)));
    FORWARD(buffer_format(out, error, "  asked for   %s (%.1f %%), %.2f bytes of text each\n",
                          render_count(stats->asked, a),
                          100 * data_work_ratio(stats->asked, stats->tokens),
                          data_work_ratio(stats->text_bytes, stats->asked)));
    return buffer_format(out, error, "  vocabulary  %s, hash %016" PRIx64 "\n",
                         render_count(stats->vocabulary, a), stats->tokenizer);
}

static primer_status stats_json(const char *path, const struct data_stats *stats,
                                struct buffer *out, primer_error *error)
{
    FORWARD(buffer_text(out, "{\"path\":", error));
    FORWARD(buffer_json_string(out, path, strlen(path), error));
    return buffer_format(out, error,
                         ",\"file_bytes\":%" PRIu64 ",\"documents\":%" PRIu64 ",\"tokens\":%" PRIu64
                         ",\"asked\":%" PRIu64 ",\"text_bytes\":%" PRIu64 ",\"longest\":%" PRIu64
                         ",\"vocabulary\":%zu,\"tokenizer\":\"%016" PRIx64 "\"",
                         stats->file_bytes, stats->documents, stats->tokens, stats->asked,
                         stats->text_bytes, stats->longest, stats->vocabulary, stats->tokenizer);
}

/* The samples, a line each, as members of a list. */
static primer_status samples_json(const struct buffer *samples, struct buffer *out,
                                  primer_error *error)
{
    const char *at = samples->bytes;
    FORWARD(buffer_text(out, ",\"samples\":[", error));
    for (size_t i = 0; at != NULL && *at != '\0'; i++) {
        const size_t length = strcspn(at, "\n");
        FORWARD(buffer_text(out, i > 0 ? "," : "", error));
        FORWARD(buffer_append(out, at, length, error));
        at += length + 1;
    }
    return buffer_text(out, "]}\n", error);
}

static int run(struct settings *settings)
{
    primer_status status = PRIMER_OK;
    primer_error problem = {0}, *error = &problem;
    struct data_stats stats;
    struct buffer out = {0}, samples = {0};
    const char *const path = settings->arguments[0];
    if (settings->samples > 0 && settings->tokenizer == NULL)
        return command_misused(settings->command, "--samples has no effect without --tokenizer");
    TRY(data_stats_read(path, settings->tokenizer,
                        settings->samples > 0 ? settings->samples : SAMPLES, &stats, &samples,
                        error));
    if (stats.rank != 0)
        goto cleanup;
    if (settings->json) {
        TRY(stats_json(path, &stats, &out, error));
        TRY(samples_json(&samples, &out, error));
    } else {
        TRY(stats_text(path, &stats, &out, error));
        TRY(buffer_append(&out, samples.bytes, samples.length, error));
    }
    TRY(output_write(out.bytes, out.length, error));

cleanup:
    buffer_free(&out);
    buffer_free(&samples);
    return status == PRIMER_OK ? EXIT_CODE_OK : command_failed(error);
}

const struct command data_verb_stats = {
    .name = "data stats",
    .arguments = "SHARD",
    .summary = "what a shard holds, verified whole, with samples to read",
    .teaching = "Examples\n"
                "  primer data stats stories.shard --tokenizer phi-2.gguf\n",
    .bit = DATA_STATS,
    .least = 1,
    .most = 1,
    .run = run,
};
