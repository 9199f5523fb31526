/* data_verb_shard.c - primer data shard: texts and conversations to token shards. */
#include "command/command.h"

#include <inttypes.h>
#include <string.h>

#include "base/buffer.h"
#include "command/data_work.h"
#include "data/data.h"
#include "terminal/output.h"
#include "terminal/render.h"

static primer_status shard_json(const char *path, const struct data_shard_summary *summary,
                                double seconds, struct buffer *out, primer_error *error)
{
    FORWARD(buffer_text(out, "{\"path\":", error));
    FORWARD(buffer_json_string(out, path, strlen(path), error));
    FORWARD(buffer_format(
        out, error,
        ",\"documents\":%" PRIu64 ",\"tokens\":%" PRIu64 ",\"asked\":%" PRIu64
        ",\"input_bytes\":%" PRIu64 ",\"text_bytes\":%" PRIu64
        ",\"bytes_per_token\":%.4f,\"empty\":%" PRIu64 ",\"bad\":%" PRIu64 ",\"first_bad\":",
        summary->documents, summary->tokens, summary->asked, summary->input_bytes,
        summary->text_bytes, data_work_ratio(summary->text_bytes, summary->tokens), summary->empty,
        summary->bad));
    FORWARD(data_work_first_bad(out, summary->bad, summary->first_bad, error));
    return buffer_format(out, error, ",\"seconds\":%.3f}\n", seconds);
}

static primer_status shard_text(const char *path, const struct data_shard_summary *summary,
                                double seconds, struct buffer *out, primer_error *error)
{
    char documents[RENDER_TEXT], tokens[RENDER_TEXT], asked[RENDER_TEXT], time[RENDER_TEXT];
    FORWARD(buffer_format(
        out, error,
        "%s: %s documents, %s tokens, %s of which the loss asks for; %.2f bytes "
        "a token; in %s\n",
        path, render_count(summary->documents, documents), render_count(summary->tokens, tokens),
        render_count(summary->asked, asked), data_work_ratio(summary->text_bytes, summary->tokens),
        render_duration(seconds, time)));
    if (summary->empty > 0)
        FORWARD(buffer_format(out, error, "  left out: %s without a text\n",
                              render_count(summary->empty, documents)));
    if (summary->bad > 0)
        FORWARD(buffer_format(out, error, "  left out: %s that can't be read; the first: %s\n",
                              render_count(summary->bad, documents), summary->first_bad));
    return PRIMER_OK;
}

static int run(struct settings *settings)
{
    if (settings->tokenizer == NULL || settings->output == NULL)
        return command_misused(settings->command, "data shard needs --tokenizer and -o");
    primer_status status = PRIMER_OK;
    primer_error problem = {0}, *error = &problem;
    struct data_shard_summary summary = {0};
    struct buffer out = {0};
    struct data_work work = data_work_begin("tokenizing", "B");
    const struct data_shard_options options = {.tokenizer = settings->tokenizer,
                                               .template_name = settings->template_name,
                                               .field = settings->field,
                                               .separator = settings->separator,
                                               .skip_bad = settings->skip_bad,
                                               .threads = settings->model.threads,
                                               .progress = data_work_report,
                                               .tell = data_work_tell,
                                               .context = &work.progress};
    status = data_shard_make(settings->arguments, settings->argument_count, settings->output,
                             &options, &summary, error);
    if (summary.rank == 0)
        data_work_say_stopped(&work, error);
    data_work_end(&work, status);
    if (status != PRIMER_OK || summary.rank != 0)
        goto cleanup;
    TRY(settings->json ? shard_json(settings->output, &summary, work.seconds, &out, error)
                       : shard_text(settings->output, &summary, work.seconds, &out, error));
    TRY(output_write(out.bytes, out.length, error));

cleanup:
    buffer_free(&out);
    return status == PRIMER_OK ? EXIT_CODE_OK : command_failed(error);
}

const struct command data_verb_shard = {
    .name = "data shard",
    .arguments = "INPUT...",
    .summary = "texts and conversations as tokens for the trainer",
    .teaching =
        "Examples\n"
        "  primer data shard --tokenizer phi-2.gguf -o stories.shard stories.txt\n"
        "  primer data shard --tokenizer tokenizer.json --template chatml -o talk.shard "
        "talk.jsonl\n\n"
        "Inputs: .txt, .text and .md are documents between lines that are <|endoftext|> (or "
        "another\n"
        "--separator), or one document. .jsonl and .ndjson have an object a line: \"text\"; or "
        "\"prompt\"\n"
        "and \"completion\", where the loss asks for the completion alone; or \"messages\" of role "
        "and\n"
        "content, where it asks for what the assistant says. Each document ends with the "
        "end-of-text\n"
        "token. TOKENIZER is a GGUF (one with the vocabulary alone will do) or a tokenizer.json. "
        "The shard\n"
        "appears only when it is complete; docs/shards.md has its format.\n",
    .bit = DATA_SHARD,
    .least = 1,
    .most = SETTINGS_ARGUMENTS,
    .run = run,
};
