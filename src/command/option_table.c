/* option_table.c - every option of every command. Help, the parser, completions and the tests of
 * the manual read this table.
 */
#include "command/options.h"

#include "data/data.h"

#define SETTING(field) offsetof(struct settings, field)
#define ANSWERS        COMMAND_RUN
#define WRITES         (COMMAND_RUN | COMMAND_EVAL)
#define SESSIONS                                                                                   \
    (COMMAND_RUN | COMMAND_SERVE | COMMAND_LOGPROBS | COMMAND_BENCH | COMMAND_PERPLEXITY |         \
     COMMAND_EVAL)
#define MODELS      (SESSIONS)
#define MOST        2147483647
#define DATA_INPUTS (DATA_SHARD | DATA_DEDUP | DATA_DECONTAMINATE | DATA_RATE | DATA_FILTER)

#define PARAMETER(names_, value_, parameter_, commands_, group_, meaning_)                         \
    {                                                                                              \
        .names = names_, .value = value_, .group = group_, .meaning = meaning_,                    \
        .commands = commands_, .kind = OPTION_PARAMETER, .parameter = parameter_                   \
    }
#define SWITCH(names_, parameter_, commands_, group_, meaning_)                                    \
    {                                                                                              \
        .names = names_, .group = group_, .meaning = meaning_, .commands = commands_,              \
        .kind = OPTION_SWITCH, .parameter = parameter_                                             \
    }
#define OFF(names_, parameter_, commands_, group_, meaning_)                                       \
    {                                                                                              \
        .names = names_, .group = group_, .meaning = meaning_, .commands = commands_,              \
        .kind = OPTION_OFF, .parameter = parameter_                                                \
    }
#define FLAG(names_, field_, commands_, group_, meaning_)                                          \
    {                                                                                              \
        .names = names_, .group = group_, .meaning = meaning_, .commands = commands_,              \
        .kind = OPTION_FLAG, .offset = SETTING(field_)                                             \
    }
#define TEXT(names_, value_, field_, commands_, group_, meaning_)                                  \
    {                                                                                              \
        .names = names_, .value = value_, .group = group_, .meaning = meaning_,                    \
        .commands = commands_, .kind = OPTION_TEXT, .offset = SETTING(field_)                      \
    }
#define LIST(names_, value_, field_, commands_, group_, meaning_)                                  \
    {                                                                                              \
        .names = names_, .value = value_, .group = group_, .meaning = meaning_,                    \
        .commands = commands_, .kind = OPTION_LIST, .offset = SETTING(field_)                      \
    }
#define SIZE(names_, field_, least_, commands_, group_, meaning_)                                  \
    {                                                                                              \
        .names = names_, .value = "N", .group = group_, .meaning = meaning_,                       \
        .commands = commands_, .kind = OPTION_SIZE, .offset = SETTING(field_), .least = least_,    \
        .most = MOST                                                                               \
    }
#define RANGE(names_, field_, least_, most_, commands_, group_, meaning_)                          \
    {                                                                                              \
        .names = names_, .value = "N", .group = group_, .meaning = meaning_,                       \
        .commands = commands_, .kind = OPTION_SIZE, .offset = SETTING(field_), .least = least_,    \
        .most = most_                                                                              \
    }
#define CHOICE(names_, value_, field_, choices_, commands_, group_, meaning_)                      \
    {                                                                                              \
        .names = names_, .value = value_, .group = group_, .meaning = meaning_,                    \
        .commands = commands_, .kind = OPTION_CHOICE, .offset = SETTING(field_),                   \
        .choices = choices_                                                                        \
    }

static const char prompt_group[] = "The prompt", form_group[] = "The answer's form",
                  sampling_group[] = "Sampling", length_group[] = "Length and end";
static const char context_group[] = "Context and memory", output_group[] = "Output",
                  speed_group[] = "Speed", work_group[] = "What to do";
static const char listen_group[] = "Who may ask", load_group[] = "How much at once";

static const struct option table[] = {
    TEXT("-p --prompt", "TEXT", prompt, COMMAND_RUN, prompt_group,
         "the prompt (the same as the argument)"),
    TEXT("-f --file", "FILE", file, COMMAND_RUN, prompt_group,
         "the prompt, or the text that it is about"),
    TEXT("--system -sys --system-prompt", "TEXT", system, COMMAND_RUN, prompt_group,
         "what the model is told before everything"),
    TEXT("--template --chat-template", "NAME", template_name,
         COMMAND_RUN | COMMAND_SERVE | COMMAND_EVAL | DATA_SHARD, prompt_group,
         "own (the file's, which is used by itself), phi-qa, phi-chat, llama2, mistral, chatml or "
         "plain"),
    FLAG("--raw", raw, COMMAND_RUN, prompt_group,
         "no template: the text goes on, and nothing else is printed"),
    FLAG("--special", special, COMMAND_RUN | COMMAND_TOKENS | COMMAND_PERPLEXITY, prompt_group,
         "special tokens written in the text are tokens"),

    TEXT("--json-schema", "FILE", json_schema, COMMAND_RUN, form_group,
         "the answer is JSON for this schema (a file, or the schema itself)"),
    TEXT("--grammar --grammar-file", "FILE", grammar, COMMAND_RUN, form_group,
         "the answer is a sentence of this grammar, in GBNF (a file, or the grammar itself)"),
    TEXT("--regex", "PATTERN", regex, COMMAND_RUN, form_group,
         "the whole answer matches this regular expression"),
    TEXT("--choice", "A,B", choice, COMMAND_RUN, form_group,
         "the answer is one of these texts, by commas"),

    PARAMETER("--temp --temperature", "X", "temperature", ANSWERS, sampling_group,
              "randomness (0.8); 0: always the most probable token"),
    PARAMETER("--top-k --top_k", "N", "top_k", WRITES, sampling_group,
              "only the N most probable (40); 0: all"),
    PARAMETER("--top-p --top_p", "X", "top_p", WRITES, sampling_group,
              "the most probable that together have X (0.95); 1: all"),
    PARAMETER("--min-p --min_p", "X", "min_p", WRITES, sampling_group,
              "at least X times as probable as the best (0.05); 0: all"),
    PARAMETER("--typical --typical-p --typical_p", "X", "typical_p", ANSWERS, sampling_group,
              "locally typical tokens that together have X; 1: off"),
    PARAMETER("--repeat-penalty --repeat_penalty", "X", "repeat_penalty", WRITES, sampling_group,
              "divides the logits of tokens seen; 1: off"),
    PARAMETER("--presence-penalty --presence_penalty", "X", "presence_penalty", ANSWERS,
              sampling_group, "subtracted once from the logits of tokens seen"),
    PARAMETER("--frequency-penalty --frequency_penalty", "X", "frequency_penalty", ANSWERS,
              sampling_group, "subtracted for every time a token was seen"),
    PARAMETER("--repeat-last-n --repeat_last_n", "N", "repeat_last_n", ANSWERS, sampling_group,
              "last tokens that count as seen (64); 0: none, -1: all"),
    PARAMETER("-s --seed", "N", "seed", WRITES, sampling_group,
              "the same seed gives the same text always"),
    PARAMETER("--logit-bias --logit_bias", "ID\xc2\xb1N", "logit_bias", ANSWERS, sampling_group,
              "makes a token likelier or rarer (15+2, 15-inf); repeatable"),
    PARAMETER("--samplers", "ORDER", "samplers", ANSWERS, sampling_group,
              "order of the steps, by commas: penalties,bias,top_k,..."),

    PARAMETER("-n --predict --n-predict --num-predict", "N", "num_predict", ANSWERS, length_group,
              "most tokens of the answer; -1: no limit"),
    PARAMETER("--stop -r --reverse-prompt", "TEXT", "stop", WRITES, length_group,
              "ends the answer where it appears; repeatable"),
    SWITCH("--ignore-eos", "ignore_eos", ANSWERS, length_group, "go on past the model's end token"),

    PARAMETER("-c --ctx-size --num-ctx", "N", "num_ctx", SESSIONS, context_group,
              "tokens of context; 0: what the model was trained with"),
    PARAMETER("--kv --kv-format -ctk --cache-type-k", "TYPE", "kv", SESSIONS, context_group,
              "how keys and values are kept: f16, f32, bf16, q8_0"),
    PARAMETER("--self-extend", "G,W", "self_extend", SESSIONS, context_group,
              "Self-Extend: groups of G beyond a window of W"),
    SIZE("--grp-attn-n -gan", parameters.session.self_extend_group, 1, SESSIONS, context_group,
         "the G of --self-extend"),
    SIZE("--grp-attn-w -gaw", parameters.session.self_extend_window, 0, SESSIONS, context_group,
         "the W of --self-extend"),
    PARAMETER("--rope-freq-base", "X", "rope_freq_base", SESSIONS, context_group,
              "base of the rotary positions; 0: the file's"),
    PARAMETER("--rope-scale", "X", "rope_scale", SESSIONS, context_group,
              "positions are divided by X; 0: the file's"),
    SWITCH("--drop-oldest --context-shift", "drop_oldest", ANSWERS, context_group,
           "when the context is full, drop its oldest quarter"),
    PARAMETER("--keep", "N", "num_keep", ANSWERS, context_group,
              "with --drop-oldest: first tokens that stay"),
    LIST("--adapter --lora", "FILE[=X]", adapters,
         COMMAND_RUN | COMMAND_SERVE | COMMAND_LOGPROBS | COMMAND_PERPLEXITY | COMMAND_EVAL,
         context_group, "a LoRA adapter (a GGUF, or PEFT's folder), times X (1); repeatable"),
    SIZE("-t --threads", model.threads, 1,
         MODELS | COMMAND_QUANTIZE | COMMAND_TOKENIZER | DATA_INPUTS | DATA_SYNTH | DATA_REVIEW |
             COMMAND_TRAIN | COMMAND_GROW | COMMAND_MERGE,
         context_group, "threads; without it as many as are worth using"),
    FLAG("--no-prefix-cache", model.no_prefix_cache, COMMAND_RUN | COMMAND_SERVE, context_group,
         "keep no prompt's beginning, in memory or on disk, and use none"),
    FLAG("--ignore-memory", model.ignore_memory, MODELS | COMMAND_TRAIN, context_group,
         "load even what memory doesn't seem to hold"),

    FLAG("--plan", plan, COMMAND_TRAIN, work_group,
         "say what the run would cost, from a few seconds of it, and end"),
    FLAG("--fresh", fresh, COMMAND_TRAIN, work_group,
         "begin anew, whatever the folder has; its checkpoints are removed"),
    LIST("--set", "NAME=VALUE", overrides, COMMAND_TRAIN, work_group,
         "this instead of the recipe's line; may be repeated"),

    TEXT("--host", "HOST", host, COMMAND_SERVE, listen_group,
         "where to listen: 127.0.0.1, a name, host:port; several by commas"),
    TEXT("--port", "N", port, COMMAND_SERVE, listen_group, "the port (11434); 0: one that is free"),
    TEXT("--api-key-file", "FILE", key_file, COMMAND_SERVE, listen_group,
         "only who has one of these keys, one a line, may ask"),
    FLAG("--insecure", insecure, COMMAND_SERVE, listen_group,
         "listen beyond this machine without keys"),
    TEXT("--origins", "LIST", origins, COMMAND_SERVE, listen_group,
         "pages from there may ask, by commas; *: from anywhere"),
    LIST("--alias", "NAME=FILE", aliases, COMMAND_SERVE, listen_group,
         "a name for a model; repeatable"),

    SIZE("--parallel -np", parallel, 1, COMMAND_SERVE, load_group, "answers at once (4)"),
    SIZE("--max-queue", max_queue, 1, COMMAND_SERVE, load_group,
         "requests that may wait for a place (512)"),
    SIZE("--max-loaded", max_loaded, 1, COMMAND_SERVE, load_group, "models loaded at once (3)"),
    TEXT("--keep-alive", "TIME", keep_alive, COMMAND_SERVE, load_group,
         "how long an unused model stays (5m); -1: for ever, 0: not at all"),
    SIZE("--max-body", max_body, 1, COMMAND_SERVE, load_group,
         "largest request in bytes (67108864)"),
    SIZE("--grace", grace, 0, COMMAND_SERVE, load_group,
         "seconds that running answers have when it is stopped (10)"),

    TEXT("--draft -md --model-draft", "MODEL", draft, COMMAND_RUN, speed_group,
         "a smaller model with the same vocabulary guesses ahead"),
    OFF("--no-speculation", "speculation", ANSWERS, speed_group,
        "guess no tokens ahead; the text is the same"),

    FLAG("-v --verbose", verbose, COMMAND_RUN, output_group,
         "after each answer: times, speeds, memory, why it ended"),
    PARAMETER("--think", "WHEN", "think", COMMAND_RUN, output_group,
              "what the model thinks: show, hide, auto (on a screen)"),
    TEXT("--access-log", "FILE", access_log, COMMAND_SERVE, output_group,
         "a line of JSON for each request; -: on standard error"),
    FLAG("--log-prompts", log_prompts, COMMAND_SERVE, output_group,
         "what was asked is in the log too"),
    FLAG("-j --json", json,
         COMMAND_INSPECT | COMMAND_EVAL | COMMAND_BENCH | COMMAND_PERPLEXITY | COMMAND_QUANTIZE |
             COMMAND_TOKENIZER | COMMAND_DATA | COMMAND_TRAIN | COMMAND_GROW | COMMAND_MERGE,
         output_group, "one JSON object; train: one a line"),
    CHOICE("--color --colour", "WHEN", color, "auto always never", COMMAND_ALL, output_group,
           "auto, always or never"),
    FLAG("-h --help", help, COMMAND_ALL, output_group, "what this command does"),

    FLAG("-d --decode", decode, COMMAND_TOKENS, work_group, "from ids (JSON or by commas) to text"),
    TEXT("--ids", "IDS", ids, COMMAND_LOGPROBS, work_group,
         "the tokens, by commas; -: from standard input"),
    SIZE("--top", top, 1, COMMAND_LOGPROBS, work_group,
         "how many of the most probable next tokens (20)"),
    FLAG("--tensors", tensors, COMMAND_INSPECT, work_group,
         "every tensor: name, shape, type, bytes"),
    FLAG("--all", whole, COMMAND_INSPECT, work_group, "long lists and texts in full"),
    FLAG("--knobs", knobs, COMMAND_INSPECT, work_group,
         "the environment's switches and their values"),
    SIZE("-p --prompt", prompt_tokens, 1, COMMAND_BENCH, work_group, "tokens of the prompt (512)"),
    SIZE("-n --predict", generated_tokens, 1, COMMAND_BENCH, work_group, "tokens generated (64)"),
    SIZE("-d --depth", depth, 1, COMMAND_BENCH, work_group,
         "generation after N tokens, which are read once"),
    SIZE("--clients", clients, 1, COMMAND_BENCH, work_group, "sessions that generate at once (1)"),
    SIZE("--runs", runs, 1, COMMAND_BENCH, work_group, "measured runs after one to warm up (5)"),
    FLAG("--speculate", speculate, COMMAND_BENCH, work_group,
         "a text of 300 tokens repeated but for one, with and without guesses"),
    FLAG("--prefix", prefix, COMMAND_BENCH, work_group,
         "a prompt read, against the same one kept on disk (2000)"),
    FLAG("--no-limits", no_limits, COMMAND_BENCH, work_group,
         "don't measure what the machine can do"),
    FLAG("--limits-only", limits_only, COMMAND_BENCH, work_group,
         "measure nothing but what the machine can do now"),
    TEXT("-m --model", "FILE", eval.model, COMMAND_EVAL, work_group,
         "who writes: a GGUF (the same as a first argument that ends with .gguf)"),
    PARAMETER("-n --max-tokens --predict --n-predict --num-predict", "N", "num_predict",
              COMMAND_EVAL, work_group, "most tokens of an answer (512)"),
    TEXT("--temp --temperature", "X", eval.temperature, COMMAND_EVAL, work_group,
         "randomness (0: always the most probable token)"),
    SIZE("--samples", samples, 1, COMMAND_EVAL, work_group, "answers to each item, for pass@k (1)"),
    SIZE("--parallel -np", parallel, 1, COMMAND_EVAL, work_group, "answers written at once (8)"),
    SIZE("--limit", eval.limit, 1, COMMAND_EVAL, work_group, "only the first N items of a file"),
    SIZE("--from", eval.from, 0, COMMAND_EVAL, work_group,
         "only tasks from this number on (of task_id; else of the line)"),
    SIZE("--to", eval.to, 1, COMMAND_EVAL, work_group, "only tasks up to this number"),
    FLAG("--raw", raw, COMMAND_EVAL, work_group, "MBPP: no chat, the head of a function goes on"),
    SIZE("--seconds", eval.seconds, 1, COMMAND_EVAL, work_group, "most time of a program (6)"),
    TEXT("--report", "FILE", eval.report, COMMAND_EVAL, work_group,
         "a line of JSON for each answer: prompt, answer, verdict, why; FILE.part, from which the "
         "same command goes on, until it is whole"),
    TEXT("--answers", "FILE", eval.answers, COMMAND_EVAL, work_group,
         "judge the answers of this report again; no model is used"),
    SIZE("--chunks", chunks, 1, COMMAND_PERPLEXITY, work_group, "only the first N windows"),
    TEXT("--tokenizer", "FILE", tokenizer, DATA_SHARD | DATA_STATS, work_group,
         "whose tokens: a GGUF or a tokenizer.json"),
    TEXT("-o --output", "FILE", output, COMMAND_MERGE, work_group, "the model to write"),
    TEXT("--type", "TYPE", merge_type, COMMAND_MERGE, work_group,
         "what the weights become: F16 (without it), F32, Q8_0, Q4_K_M, ... as primer quantize; "
         "or LORA, PEFT: an adapter alone"),
    TEXT("-o --output", "FILE", output, DATA_SHARD, work_group, "the shard to write"),
    TEXT("-o --output", "FILE", output, DATA_SYNTH, work_group, "the lessons to write (.jsonl)"),
    SIZE("-n --count", data.count, 1, DATA_SYNTH, work_group, "lessons to keep (10000)"),
    SIZE("-s --seed", data.seed, 0, DATA_SYNTH, work_group, "of what is random (0)"),
    CHOICE(
        "--split", "NAME", data.split, "train test pairs all", DATA_SYNTH, work_group,
        "train: nothing that is held out; test: functions, wordings and numbers held out; pairs: "
        "pairings of parts held out; all"),
    TEXT("--only", "NAME", data.only, DATA_SYNTH, work_group,
         "lessons of this kind or name alone (exercise, problem, ...)"),
    SIZE("--most-wrong", data.most_wrong, 1, DATA_SYNTH, work_group,
         "percent of the lessons that may fail their check (2); more stop the run"),
    FLAG("--tests", data.tests, DATA_SYNTH, work_group,
         "calls and answers beside each lesson, to judge by"),
    TEXT("--teacher", "WHO", teacher.name, DATA_SYNTH, work_group,
         "a model that writes lessons: a GGUF, or an endpoint of OpenAI's kind (https://host/v1)"),
    TEXT("--teacher-model", "NAME", teacher.model, DATA_SYNTH, work_group,
         "with an endpoint: what it calls its model"),
    TEXT("--key-file", "FILE", key_file, DATA_SYNTH, work_group,
         "with an endpoint: the key, on the file's first line"),
    SIZE("--parallel", parallel, 1, DATA_SYNTH, work_group,
         "with a teacher: questions at once (4; a GGUF: 1)"),
    SIZE("--max-tokens", teacher.max_tokens, 1, DATA_SYNTH, work_group,
         "with a teacher: tokens of an answer at most (1024)"),
    TEXT("--temp --temperature", "X", teacher.temperature, DATA_SYNTH, work_group,
         "with a teacher: randomness, 0 to 2 (0.8)"),
    SIZE("--tries", teacher.tries, 1, DATA_SYNTH, work_group,
         "with an endpoint: times that a question is asked before it counts as unanswered (6)"),
    SIZE("--timeout", teacher.seconds, 1, DATA_SYNTH, work_group,
         "with an endpoint: seconds without a byte before an answer counts as lost (300)"),
    SIZE("--most-refused", teacher.most_refused, 1, DATA_SYNTH, work_group,
         "with a teacher: refused answers in a row that stop the run (100)"),
    TEXT("--field", "NAME", field, DATA_INPUTS, work_group,
         "where the text is in a line of JSON (text)"),
    TEXT("--separator", "TEXT", separator, DATA_INPUTS, work_group,
         "the line between two documents of a text (<|endoftext|>)"),
    FLAG("--skip-bad", skip_bad, DATA_INPUTS | DATA_REVIEW, work_group,
         "leave out what can't be read, and count it"),
    TEXT("-o --output", "FILE", output, DATA_DEDUP | DATA_DECONTAMINATE, work_group,
         "the lines that are kept (.jsonl)"),
    TEXT("--report", "FILE", data.report, DATA_DEDUP | DATA_DECONTAMINATE, work_group,
         "a line of JSON for each document that is left out"),
    FLAG("--exact", data.exact, DATA_DEDUP, work_group,
         "only what is the same but for white space and capitals"),
    TEXT("--similarity", "X", data.similarity, DATA_DEDUP, work_group,
         "of near duplicates' shingles, 0.3 to 1 (0.8)"),
    RANGE("--words", data.words, 1, DATA_WORDS_MOST, DATA_DEDUP, work_group,
          "words of a shingle, 1 to 64 (5)"),
    LIST("--against", "FILE", data.against, DATA_DECONTAMINATE, work_group,
         "an evaluation's items (.jsonl, or .json with a list); repeatable"),
    LIST("--against-field", "NAME", data.against_fields, DATA_DECONTAMINATE, work_group,
         "where an item's text is, unless as HumanEval, MBPP or \"text\"; repeatable"),
    RANGE("--words", data.words, 1, DATA_WORDS_MOST, DATA_DECONTAMINATE, work_group,
          "words in a row that no document may share with an item, 1 to 64 (13)"),
    TEXT("--similarity", "X", data.similarity, DATA_DECONTAMINATE, work_group,
         "match rate of syntax trees that leaves a document out, 0.5 to 1 (0.6)"),
    TEXT("--model", "MODEL", data.model, DATA_DECONTAMINATE, work_group,
         "a GGUF whose embeddings judge programs that the trees alone don't decide"),
    TEXT("--distance", "X", data.distance, DATA_DECONTAMINATE, work_group,
         "with --model: of embeddings of length 1, from which down texts are copies (0.25)"),
    FLAG("--words-only", data.words_only, DATA_DECONTAMINATE, work_group,
         "compare no syntax trees"),
    SIZE("--samples", samples, 1, DATA_STATS, work_group,
         "documents shown as text, with --tokenizer (3)"),
    TEXT("-o --output", "FILE", output, DATA_RATE, work_group,
         "the ratings, a line of JSON each; those that are there stay"),
    TEXT("--rubric", "FILE", filter.rubric, DATA_RATE, work_group,
         "what a rating means, as a text for the rater"),
    TEXT("--by", "WHO", filter.by, DATA_RATE, work_group,
         "person, model, or a file of ratings given elsewhere (person)"),
    TEXT("--model", "FILE", filter.model, DATA_RATE | DATA_FILTER, work_group,
         "the model: rate, of --by model; filter, whose embeddings are looked at"),
    TEXT("-o --output", "FILE", output, DATA_FILTER, work_group, "what is kept, lines of JSON"),
    TEXT("--ratings", "FILE", filter.ratings, DATA_FILTER, work_group,
         "ratings to learn from (primer data rate)"),
    TEXT("--rejected", "FILE", filter.rejected, DATA_FILTER, work_group,
         "what isn't kept, lines of JSON"),
    TEXT("--report", "FILE", filter.report, DATA_FILTER, work_group,
         "counts, how good it is, scores and examples, in Markdown"),
    TEXT("--threshold", "X", filter.threshold, DATA_FILTER, work_group,
         "ratings from X on are worth keeping (3)"),
    CHOICE("--method", "NAME", filter.method, "forest linear", DATA_FILTER, work_group,
           "forest (without it) or linear: which one keeps; both are measured"),
    SIZE("--trees", filter.trees, 1, DATA_FILTER, work_group, "trees of the forest (300)"),
    SIZE("--folds", filter.folds, 2, DATA_FILTER, work_group,
         "parts of the ratings, each judged by what learned from the others (5)"),
    SIZE("--hold-out", filter.hold_out, 2, DATA_FILTER, work_group,
         "every Nth rating, by its hash, is only judged, once"),
    FLAG("--features", filter.features, DATA_FILTER, work_group,
         "counts of the text beside its embedding: lengths, shares, names"),
    SIZE("--tokens", filter.tokens, 1, DATA_FILTER, work_group,
         "tokens of a text's beginning that are embedded (512)"),
    TEXT("--save", "FILE", filter.save, DATA_FILTER, work_group, "the filter, to be used again"),
    TEXT("--load", "FILE", filter.load, DATA_FILTER, work_group,
         "a filter that was saved, instead of ratings"),
    SIZE("-n --count", filter.count, 1, DATA_RATE, work_group, "samples drawn (100)"),
    FLAG("--no-text", filter.no_text, DATA_RATE, work_group,
         "write where a text is and its hash, not the text"),
    SIZE("--lines", filter.lines, 1, DATA_RATE | DATA_FILTER, work_group,
         "pieces of at most N lines instead of whole documents"),
    SIZE("-s --seed", filter.seed, 0, DATA_RATE | DATA_FILTER, work_group, "of what is random (0)"),
    TEXT("-o --output", "FILE", output, DATA_REVIEW, work_group,
         "the verdicts, a line of JSON each; those that are there stay"),
    SIZE("-n --count", review.count, 1, DATA_REVIEW, work_group, "lessons drawn (200)"),
    SIZE("-s --seed", review.seed, 0, DATA_REVIEW, work_group, "of what is random (0)"),
    TEXT("--by", "WHO", review.by, DATA_REVIEW, work_group,
         "a person's name (person), or a GGUF: a model"),
    TEXT("--rubric", "FILE", review.rubric, DATA_REVIEW, work_group,
         "what right and wrong mean, as a text for the judge"),
    FLAG("--by-kind", review.by_kind, DATA_REVIEW, work_group,
         "of every kind its part of the sample, and one lesson at least"),
    FLAG("--report", review.report, DATA_REVIEW, work_group,
         "only say what is in the files, which are verdicts"),
    TEXT("-o --output", "FILE", output, COMMAND_PLOT, work_group,
         "the picture to write (SVG); -: on standard output"),
    CHOICE("--x", "AXIS", plot_x, "steps tokens hours operations", COMMAND_PLOT, work_group,
           "along the picture: steps, tokens, hours or operations"),
    CHOICE("--y", "WHAT", plot_y, "loss evaluation bits rate norm speed", COMMAND_PLOT, work_group,
           "what is drawn: loss, evaluation, bits, rate, norm or speed"),
    FLAG("--log-x", log_x, COMMAND_PLOT, work_group, "a logarithmic axis along the picture"),
    FLAG("--log-y", log_y, COMMAND_PLOT, work_group, "a logarithmic axis upwards"),
    SIZE("--smooth", smooth, 1, COMMAND_PLOT, work_group, "bold lines of means over N points"),
    TEXT("--title", "TEXT", title, COMMAND_PLOT, work_group, "the picture's title"),
    TEXT("--names", "A,B", names, COMMAND_PLOT, work_group,
         "names of the lines, by commas, in the order of the logs"),
    FLAG("--group", grouped, COMMAND_PLOT, work_group,
         "runs that differ in their last number are one line, a mean in a band"),
    FLAG("--bars", bars, COMMAND_PLOT, work_group,
         "bars instead of lines: the files are lines of name, value, low, high"),
    TEXT("-o --output", "FILE", output, COMMAND_GROW, work_group, "the model to write"),
    TEXT("--method", "NAME", grow.method, COMMAND_GROW, work_group,
         "tile (as Phi-2's), reuse, spread or clone (exact)"),
    SIZE("--layers", grow.layers, 1, COMMAND_GROW, work_group, "layers of the new model"),
    SIZE("--embedding", grow.embedding, 1, COMMAND_GROW, work_group,
         "its width: dimensions of a token"),
    SIZE("--heads", grow.heads, 1, COMMAND_GROW, work_group, "heads of the attention"),
    SIZE("--kv-heads", grow.kv_heads, 1, COMMAND_GROW, work_group, "heads of keys and values"),
    SIZE("--head-dimensions", grow.head_dimensions, 1, COMMAND_GROW, work_group,
         "of each head (embedding / heads; clone: the same)"),
    SIZE("--rotary", grow.rotary, 2, COMMAND_GROW, work_group,
         "dimensions of each head that RoPE turns"),
    SIZE("--feed-forward", grow.feed_forward, 1, COMMAND_GROW, work_group,
         "units of the feed-forward part"),
    TEXT("--noise", "X", grow.noise, COMMAND_GROW, work_group,
         "added to copies, as a part of a matrix's deviation (spread, clone: 0.1)"),
    SIZE("-s --seed", grow.seed, 0, COMMAND_GROW, work_group, "of what is random (0)"),
    TEXT("--type", "TYPE", grow.type, COMMAND_GROW, work_group, "F32, F16 or BF16 (F32)"),
    TEXT("-o --output", "FILE", output, COMMAND_TOKENIZER, work_group,
         "what to write: a .gguf or a tokenizer.json"),
    SIZE("--vocab --vocab-size", vocabulary, 1, COMMAND_TOKENIZER, work_group,
         "tokens in all, bytes and special ones included (8192)"),
    TEXT("--pattern --pre", "PATTERN", pattern, COMMAND_TOKENIZER, work_group,
         "what cuts texts into pieces: gpt-2, llama-bpe, ..., or an expression"),
    TEXT("--template --chat-template", "FILE", template_name, COMMAND_TOKENIZER, work_group,
         "the chat template (Jinja) that models with this vocabulary have; into a .gguf"),
    FLAG("--split-digits", split_digits, COMMAND_TOKENIZER, work_group,
         "each digit is a piece of its own"),
    LIST("--special", "TEXT", special_tokens, COMMAND_TOKENIZER, work_group,
         "a special token (<|endoftext|>); repeatable, the first ids first"),
    FLAG("--special-last", special_last, COMMAND_TOKENIZER, work_group,
         "special tokens have the last ids, not the first"),
    SIZE("--least-count", least_count, 1, COMMAND_TOKENIZER, work_group,
         "merge no pair that is rarer (2)"),
    FLAG("--fewer", fewer, COMMAND_TOKENIZER, work_group,
         "a smaller vocabulary will do where the texts give no more"),
    FLAG("--characters", characters, COMMAND_TOKENIZER, work_group,
         "a token for each character of the texts, and no others"),
    CHOICE("--completion", "SHELL", completion, "bash zsh fish", COMMAND_HELP, work_group,
           "print the completions of bash, zsh or fish"),
};

const struct option *option_table(size_t *count)
{
    *count = sizeof table / sizeof table[0];
    return table;
}
