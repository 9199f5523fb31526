/* chat_format.c - the table of named chat formats, and which of them fits a model.
 *
 * Sources: phi-qa, phi-chat - the model cards of Phi-1.5 and Phi-2 (base models without special
 * marks, so that the stop strings are what ends an answer); llama2, mistral - the reference code
 * published with those models; chatml - the OpenAI markup as instruction-tuned models adopted it.
 *
 * A file's own template is a program, which chat_own.c runs. Where it can't be run it is recognised by
 * marks that only one family writes, and whoever asks is told when it is none of them.
 */
#include "chat/chat_format.h"

#include <string.h>

#define END_OF_TEXT "<|endoftext|>"

static const primer_chat_format table[] = {
    {
        .name = "phi-qa",
        .summary = "Instruct: ... / Output: (Phi-1.5, Phi-2: questions and tasks)",
        .begin = "",
        .system_begin = "",
        .system_end = "\n\n",
        .user_begin = "Instruct: ",
        .user_end = "\n",
        .answer_begin = "Output:",
        .answer_space = " ",
        .answer_end = "\n",
        .strip = true,
        .stops = {"\nInstruct:", "\nInstruction:", "\nOutput:", "\nInput:", "\nExercise",
                  "\n## Exercise", "\n# Exercise",
                  "\nQuestion:", "\nUser:", "\nAlice:", END_OF_TEXT},
        .has = {"Instruct:", "Output:"},
        .architecture = "phi2",
    },
    {
        .name = "phi-chat",
        .summary = "Alice: ... / Bob: (Phi-1.5, Phi-2: conversation)",
        .begin = "",
        .system_begin = "",
        .system_end = "\n\n",
        .user_begin = "Alice: ",
        .user_end = "\n",
        .answer_begin = "Bob:",
        .answer_space = " ",
        .answer_end = "\n",
        .strip = true,
        .stops = {"\nAlice:", "\nBob:", "\nInstruct:", "\nExercise", "\n## Exercise",
                  "\n# Exercise", "\nQuestion:", END_OF_TEXT},
        .has = {"Alice:", "Bob:"},
    },
    {
        .name = "llama2",
        .summary = "[INST] <<SYS>> ... (Llama-2 chat)",
        .begin = "",
        .system_begin = "<<SYS>>\n",
        .system_end = "\n<</SYS>>\n\n",
        .user_begin = "<s>[INST] ",
        .user_end = " [/INST]",
        .answer_begin = "",
        .answer_space = " ",
        .answer_end = " </s>",
        .system_inside = true,
        .strip = true,
        .stops = {"[INST]", "<<SYS>>"},
        .has = {"[INST]", "<<SYS>>"},
        .likely = "<<SYS>>",
    },
    {
        .name = "mistral",
        .summary = "[INST] ... [/INST] (Mistral and Mixtral instruct)",
        .begin = "<s>",
        .system_begin = "",
        .system_end = "\n\n",
        .user_begin = "[INST] ",
        .user_end = " [/INST]",
        .answer_begin = "",
        .answer_space = " ",
        .answer_end = "</s>",
        .system_inside = true,
        .strip = true,
        .special = {"[INST]", "[/INST]"},
        .stops = {"[INST]"},
        .has = {"[INST] ", " [/INST]"},
        .lacks = {"<<SYS>>"},
        .likely = "[INST]",
    },
    {
        .name = "chatml",
        .summary = "<|im_start|>user ... <|im_end|> (Qwen, SmolLM, many fine-tunes)",
        .begin = "",
        .system_begin = "<|im_start|>system\n",
        .system_end = "<|im_end|>\n",
        .user_begin = "<|im_start|>user\n",
        .user_end = "<|im_end|>\n",
        .answer_begin = "<|im_start|>assistant\n",
        .answer_space = "",
        .answer_end = "<|im_end|>\n",
        .special = {"<|im_start|>", "<|im_end|>"},
        .stops = {"<|im_end|>", "<|im_start|>"},
        .has = {"<|im_start|>", "<|im_end|>"},
        .lacks = {"<|im_sep|>"},
        .likely = "<|im_start|>",
    },
    {
        .name = "plain",
        .summary = "no marks: the model writes on from the text (base models, stories)",
        .begin = "",
        .system_begin = "",
        .system_end = "\n",
        .user_begin = "",
        .user_end = "",
        .answer_begin = "",
        .answer_space = "",
        .answer_end = "\n",
    },
};
enum { FORMATS = sizeof table / sizeof table[0] };

static const primer_chat_format *const plain = &table[FORMATS - 1];

const primer_chat_format *primer_chat_format_named(const char *name)
{
    for (size_t i = 0; name != NULL && i < FORMATS; i++)
        if (strcmp(table[i].name, name) == 0)
            return &table[i];
    return NULL;
}

const primer_chat_format *primer_chat_format_at(size_t index)
{
    return index < FORMATS ? &table[index] : NULL;
}

const char *primer_chat_format_name(const primer_chat_format *format)
{
    return format->name;
}

const char *primer_chat_format_summary(const primer_chat_format *format)
{
    return format->summary;
}

const char *const *primer_chat_format_stops(const primer_chat_format *format, size_t *count)
{
    size_t stops = 0;
    while (stops < CHAT_FORMAT_STOPS && format->stops[stops] != NULL)
        stops++;
    *count = stops;
    return format->stops;
}

static bool is_written_in(const primer_chat_format *format, const char *template)
{
    if (format->has[0] == NULL)
        return false;
    for (size_t i = 0; i < CHAT_FORMAT_SIGNS && format->has[i] != NULL; i++)
        if (strstr(template, format->has[i]) == NULL)
            return false;
    for (size_t i = 0; i < CHAT_FORMAT_SIGNS && format->lacks[i] != NULL; i++)
        if (strstr(template, format->lacks[i]) != NULL)
            return false;
    return true;
}

const primer_chat_format *chat_format_recognise(const char *template)
{
    for (size_t i = 0; i < FORMATS; i++)
        if (is_written_in(&table[i], template))
            return &table[i];
    return NULL;
}

const primer_chat_format *chat_format_nearest(const char *template, const char *architecture)
{
    for (size_t i = 0; template != NULL && i < FORMATS; i++)
        if (table[i].likely != NULL && strstr(template, table[i].likely) != NULL)
            return &table[i];
    for (size_t i = 0; i < FORMATS; i++)
        if (table[i].architecture != NULL && strcmp(table[i].architecture, architecture) == 0)
            return &table[i];
    return plain;
}

const primer_chat_format *primer_chat_format_of(const primer_model *model, bool *understood)
{
    const primer_model_information *about = primer_model_info(model);
    const char *template = about->chat_template;
    const primer_chat_format *format = template == NULL ? NULL : chat_format_recognise(template);
    *understood = template == NULL || format != NULL;
    return format != NULL ? format : chat_format_nearest(template, about->architecture);
}
