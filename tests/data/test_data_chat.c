/* test_data_chat.c - conversations: exactly what the assistant says is asked for, its end token
 * included, with templates that trim, that leave thoughts out of earlier turns, that mark no ends.
 *
 * The vocabulary has a token a byte, so that what is asked for can be read (data_helper.h).
 */
#include "data/data.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "data_helper.h"

#define TALK                                                                                       \
    "{\"messages\":[{\"role\":\"user\",\"content\":\"Hi\"},"                                       \
    "{\"role\":\"assistant\",\"content\":\" Yes.\\n\"},"                                           \
    "{\"role\":\"user\",\"content\":\"Why?\"},"                                                    \
    "{\"role\":\"assistant\",\"content\":\"No\"}]}\n"

static const char chatml[] =
    "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}";
static const char trims[] =
    "{% for m in messages %}<|{{ m.role }}|>{{ m.content | trim }}<|end|>{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>{% endif %}";
/* Thoughts of earlier turns are left out; an answer's turn is opened with one. */
static const char thinks[] =
    "{% for m in messages %}{% set c = m.content %}"
    "{% if m.role == 'assistant' and not loop.last and '</think>' in c %}"
    "{% set c = c.split('</think>')[-1] %}{% endif %}"
    "<|im_start|>{{ m.role }}\n{{ c }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n<think>\n{% endif %}";
/* The same without a token at the answer's end. */
static const char forgets[] =
    "{% for m in messages %}{% set c = m.content %}"
    "{% if m.role == 'assistant' and not loop.last %}{% set c = c.split('#')[-1] %}{% endif %}"
    "{{ m.role }}: {{ c }}\n{% endfor %}";
static const char ends_itself[] =
    "{% for m in messages %}{% if m.role == 'user' %}<s>Q {{ m.content }} A{% else %} "
    "{{ m.content | trim }}</s>{% endif %}{% endfor %}";

static primer_status make(const char *json, const char *template, const char *name,
                          primer_error *error)
{
    const char *const input = helper_write("talk.jsonl", json, strlen(json));
    const char *const tokenizer = helper_gguf("vocabulary.gguf", template);
    const struct data_shard_options options = {
        .tokenizer = tokenizer, .template_name = name, .threads = 1};
    struct data_shard_summary summary;
    return data_shard_make(&input, 1, helper_path("talk.shard"), &options, &summary, error);
}

static void expect(const char *json, const char *template, const char *name, const char *expected)
{
    primer_error error = {0};
    if (make(json, template, name, &error) != PRIMER_OK)
        fail_msg("%s", error.message);
    assert_string_equal(helper_shown(helper_path("talk.shard"), helper_path("vocabulary.gguf")),
                        expected);
}

static void refuse(const char *json, const char *template, const char *name, const char *message)
{
    primer_error error = {0};
    assert_int_not_equal(make(json, template, name, &error), PRIMER_OK);
    if (strstr(error.message, message) == NULL)
        fail_msg("found: %s", error.message);
}

static void answers_are_asked_for(void **state)
{
    (void)state;
    expect(TALK, chatml, NULL,
           "<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\n[ Yes.\n<|im_end|>]\n"
           "<|im_start|>user\nWhy?<|im_end|>\n<|im_start|>assistant\n[No<|im_end|>]\n"
           "<|endoftext|>\n");
    expect(TALK, NULL, "chatml",
           "<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\n[ Yes.\n<|im_end|>]\n"
           "<|im_start|>user\nWhy?<|im_end|>\n<|im_start|>assistant\n[No<|im_end|>]\n"
           "<|endoftext|>\n");
    expect(TALK, trims, NULL,
           "<|user|>Hi<|end|><|assistant|>[Yes.<|end|>]<|user|>Why?<|end|>"
           "<|assistant|>[No<|end|>]<|endoftext|>\n");
    /* An answer without an end of its own is ended by the end-of-text token. */
    expect(TALK, NULL, "phi-qa",
           "Instruct: Hi\nOutput: [Yes.\n]Instruct: Why?\nOutput: [No\n<|endoftext|>]\n");
    /* The template's own end is not the end-of-text token here: that one follows. */
    expect(TALK, ends_itself, NULL, "<s>Q Hi A [Yes.</s>]<s>Q Why? A [No</s>]<|endoftext|>\n");
}

/* Answers that begin or end like the marks around them, or are empty. */
static void borders_are_exact(void **state)
{
    (void)state;
    static const char *const answers[] = {"a",    "b",       "axa",      "bxb", "x",      "A",
                                          "4",    "7x4",     "*x*",      "##",  "\n",     "",
                                          "user", "<|end|>", "\xC3\xA9", "[",   "Yes\n\n"};
    for (size_t i = 0; i < sizeof answers / sizeof answers[0]; i++) {
        char json[512], text[64], expected[512];
        size_t at = 0;
        for (const char *c = answers[i]; *c != '\0'; c++)
            at += (size_t)snprintf(text + at, sizeof text - at, *c == '\n' ? "\\n" : "%c", *c);
        text[at] = '\0';
        snprintf(json, sizeof json,
                 "{\"messages\":[{\"role\":\"user\",\"content\":\"axa\"},"
                 "{\"role\":\"assistant\",\"content\":\"%s\"},"
                 "{\"role\":\"user\",\"content\":\"axa\"}]}\n",
                 text);
        snprintf(expected, sizeof expected,
                 "<|im_start|>user\naxa<|im_end|>\n<|im_start|>assistant\n[%s<|im_end|>]\n"
                 "<|im_start|>user\naxa<|im_end|>\n<|endoftext|>\n",
                 answers[i]);
        expect(json, chatml, NULL, expected);
    }
}

static void left_out_thoughts_are_not_missed(void **state)
{
    (void)state;
    expect("{\"messages\":[{\"role\":\"user\",\"content\":\"1\"},"
           "{\"role\":\"assistant\",\"content\":\"<think>hm</think>Yes\"},"
           "{\"role\":\"user\",\"content\":\"2\"},"
           "{\"role\":\"assistant\",\"content\":\"<think>so</think>No\"}]}\n",
           thinks, NULL,
           "<|im_start|>user\n1<|im_end|>\n<|im_start|>assistant\n[Yes<|im_end|>]\n"
           "<|im_start|>user\n2<|im_end|>\n<|im_start|>assistant\n[<think>so</think>No<|im_end|>]\n"
           "<|endoftext|>\n");
    refuse("{\"messages\":[{\"role\":\"user\",\"content\":\"1\"},"
           "{\"role\":\"assistant\",\"content\":\"hm#Yes\"},"
           "{\"role\":\"user\",\"content\":\"2\"}]}\n",
           forgets, NULL, "talk.jsonl:1: messages[1]: the template writes this answer otherwise");
}

static void some_answers_are_not_asked_for(void **state)
{
    (void)state;
    expect("{\"messages\":[{\"role\":\"user\",\"content\":\"1\"},"
           "{\"role\":\"assistant\",\"content\":\"A\",\"weight\":0},"
           "{\"role\":\"user\",\"content\":\"2\"},"
           "{\"role\":\"assistant\",\"content\":\"B\",\"weight\":1}]}\n",
           trims, NULL,
           "<|user|>1<|end|><|assistant|>A<|end|><|user|>2<|end|><|assistant|>[B<|end|>]"
           "<|endoftext|>\n");
    refuse("{\"messages\":[{\"role\":\"user\",\"content\":\"1\"}]}\n", trims, NULL,
           "talk.jsonl:1: \"messages\": none that counts is the assistant's");
}

/* What people wrote is no special token, and system texts are written, not asked for. */
static void marks_in_texts_are_texts(void **state)
{
    (void)state;
    primer_error error = {0};
    const char *const json = "{\"messages\":[{\"role\":\"system\",\"content\":\"<|end|>\"},"
                             "{\"role\":\"user\",\"content\":\"<s>\"},"
                             "{\"role\":\"assistant\",\"content\":\"</s>\"}]}\n";
    expect(json, trims, NULL,
           "<|system|><|end|><|end|><|user|><s><|end|><|assistant|>[</s><|end|>]<|endoftext|>\n");
    assert_int_equal(make(json, trims, NULL, &error), PRIMER_OK);
    struct data_stats stats;
    struct buffer samples = {0};
    assert_int_equal(data_stats_read(helper_path("talk.shard"), NULL, 0, &stats, &samples, &error),
                     PRIMER_OK);
    assert_int_equal(stats.tokens, 7 + 3 + 4 + 3 + 4);
    assert_int_equal(stats.asked, 5);
    assert_int_equal(stats.text_bytes, 4); /* </s> as text */
}

static void templates_are_needed(void **state)
{
    (void)state;
    refuse(TALK, NULL, NULL, "talk.jsonl:1: ");
    refuse(TALK, NULL, NULL, "carries no chat template");
    refuse(TALK, NULL, "own", "carries no chat template");
    refuse(TALK, chatml, "chatmall", "template: found \"chatmall\", expected own, phi-qa");
    refuse(TALK, "{% for %}", NULL, "its chat template can't be run");
    refuse("{\"messages\":[{\"role\":\"user\"}]}\n", chatml, NULL, "talk.jsonl:1: ");
    refuse("{\"messages\":7}\n", chatml, NULL, "talk.jsonl:1: ");
    refuse("{\"messages\":[]}\n", chatml, NULL, "talk.jsonl:1: ");
}

static void calls_of_tools_are_asked_for(void **state)
{
    (void)state;
    static const char tools[] =
        "{% if tools %}<|system|>{{ tools | tojson }}<|end|>{% endif %}"
        "{% for m in messages %}<|{{ m.role }}|>{% if m.tool_calls %}{% for c in m.tool_calls %}"
        "<tool_call>\n{\"name\": \"{{ c.function.name }}\", \"arguments\": "
        "{{ c.function.arguments | tojson }}}\n</tool_call>{% endfor %}{% endif %}"
        "{{ m.content }}<|end|>{% endfor %}{% if add_generation_prompt %}<|assistant|>{% endif %}";
    primer_error error = {0};
    const char *const json = "{\"messages\":[{\"role\":\"user\",\"content\":\"1\"},"
                             "{\"role\":\"assistant\",\"content\":\"\",\"tool_calls\":[{\"id\":"
                             "\"a\",\"type\":\"function\","
                             "\"function\":{\"name\":\"f\",\"arguments\":\"{\\\"x\\\": 1}\"}}]},"
                             "{\"role\":\"tool\",\"tool_call_id\":\"a\",\"content\":\"R\"},"
                             "{\"role\":\"assistant\",\"content\":\"B\"}]}\n";
    if (make(json, tools, NULL, &error) != PRIMER_OK)
        fail_msg("%s", error.message);
    const char *const shown =
        helper_shown(helper_path("talk.shard"), helper_path("vocabulary.gguf"));
    const char *const call = "<|assistant|>[<tool_call>\n{\"name\": \"f\", \"arguments\": "
                             "{\"x\": 1}}\n</tool_call><|end|>]<|tool|>R<|end|>";
    if (strstr(shown, call) == NULL || strstr(shown, "<|assistant|>[B<|end|>]") == NULL)
        fail_msg("found: %s", shown);
}

/* Only what stands in brackets. */
static const char *asked_in(const char *shown)
{
    static char out[4096];
    size_t at = 0;
    bool inside = false;
    for (; *shown != '\0' && at + 2 < sizeof out; shown++) {
        inside = inside || *shown == '[';
        if (inside)
            out[at++] = *shown;
        inside = inside && *shown != ']';
    }
    out[at] = '\0';
    return out;
}

/* Templates of published models (their marks are special tokens of this vocabulary too). */
static void real_templates_are_understood(void **state)
{
    (void)state;
    static const struct {
        const char *name, *asked;
    } cases[] = {
        {"Qwen-Qwen2.5-7B-Instruct", "[ Yes.\n<|im_end|>][No<|im_end|>]"},
        {"meta-llama-Llama-3.1-8B-Instruct", "[Yes.<|eot_id|>][No<|eot_id|>]"},
        {"google-gemma-2-2b-it", "[Yes.<end_of_turn>][No<end_of_turn>]"},
        {"microsoft-Phi-3.5-mini-instruct", "[ Yes.\n<|end|>][No<|end|>]"},
        {"fireworks-ai-llama-3-firefunction-v2", "[Yes.<|eot_id|>][No<|eot_id|>]"},
        {"NousResearch-Hermes-3-Llama-3.1-8B-tool_use", "[ Yes.\n<|im_end|>][No<|im_end|>]"},
    };
    const char *const shared = getenv("PRIMER_SHARED");
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char path[512];
        struct buffer template = {0};
        primer_error error = {0};
        snprintf(path, sizeof path, "%s/data/chat-templates/%s.jinja",
                 shared == NULL ? "../shared" : shared, cases[i].name);
        if (!file_exists(path))
            skip();
        assert_int_equal(file_read(path, 1 << 20, &template, &error), PRIMER_OK);
        if (make(TALK, template.bytes, NULL, &error) != PRIMER_OK)
            fail_msg("%s: %s", cases[i].name, error.message);
        assert_string_equal(
            asked_in(strstr(helper_shown(helper_path("talk.shard"), helper_path("vocabulary.gguf")),
                            "Hi")),
            cases[i].asked);
        buffer_free(&template);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(answers_are_asked_for, helper_setup, helper_teardown),
        cmocka_unit_test_setup_teardown(borders_are_exact, helper_setup, helper_teardown),
        cmocka_unit_test_setup_teardown(left_out_thoughts_are_not_missed, helper_setup,
                                        helper_teardown),
        cmocka_unit_test_setup_teardown(some_answers_are_not_asked_for, helper_setup,
                                        helper_teardown),
        cmocka_unit_test_setup_teardown(marks_in_texts_are_texts, helper_setup, helper_teardown),
        cmocka_unit_test_setup_teardown(templates_are_needed, helper_setup, helper_teardown),
        cmocka_unit_test_setup_teardown(real_templates_are_understood, helper_setup,
                                        helper_teardown),
        cmocka_unit_test_setup_teardown(calls_of_tools_are_asked_for, helper_setup,
                                        helper_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
