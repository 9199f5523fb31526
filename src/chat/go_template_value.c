/* go_template_value.c - values of a running Go template: the records that it sees, members,
 * truth, JSON.
 *
 * The records are Go's structs of a request: a member that is none of theirs is an error, and one
 * that the request leaves out is empty in the way of its kind ("" for a text, nil for anything at
 * all).
 */
#include "chat/go_template_value.h"

#include <stdlib.h>
#include <string.h>

/* ---- records --------------------------------------------------------------------------------- */

const struct go_record_type go_template_message = {
    "message",
    GO_PLAIN,
    {{"Role", "role", .kind = GO_TEXT_VALUE},
     {"Content", "content", .kind = GO_TEXT_VALUE},
     {"Thinking", "thinking", .omitted = true, .kind = GO_TEXT_VALUE},
     {"Images", "images", .omitted = true, .kind = GO_LIST},
     {"ToolCalls", "tool_calls", .omitted = true, .kind = GO_LIST},
     {"ToolName", "tool_name", .omitted = true, .kind = GO_TEXT_VALUE},
     {"ToolCallID", "tool_call_id", .omitted = true, .kind = GO_TEXT_VALUE}}};

const struct go_record_type go_template_call_function = {
    "function of a call",
    GO_PLAIN,
    {{"Index", "index", .kind = GO_INTEGER},
     {"Name", "name", .kind = GO_TEXT_VALUE},
     {"Arguments", "arguments", .kind = GO_MAP, .style = GO_AS_JSON}}};

const struct go_record_type go_template_call = {
    "call",
    GO_PLAIN,
    {{"ID", "id", .omitted = true, .kind = GO_TEXT_VALUE},
     {"Function", "function", .kind = GO_RECORD, .of = &go_template_call_function}}};

const struct go_record_type go_template_property = {
    "property",
    GO_PLAIN,
    {{"AnyOf", "anyOf", .omitted = true, .kind = GO_LIST},
     {"Type", "type", .omitted = true, .kind = GO_LIST, .style = GO_AS_TYPE},
     {"Items", "items", .omitted = true, .kind = GO_NIL},
     {"Description", "description", .omitted = true, .kind = GO_TEXT_VALUE},
     {"Enum", "enum", .omitted = true, .kind = GO_LIST},
     {"Properties", "properties", .omitted = true, .kind = GO_NIL},
     {"Required", "required", .omitted = true, .kind = GO_LIST}}};

const struct go_record_type go_template_parameters = {
    "parameters",
    GO_AS_JSON,
    {{"Type", "type", .kind = GO_TEXT_VALUE},
     {"Defs", "$defs", .omitted = true, .kind = GO_NIL},
     {"Items", "items", .omitted = true, .kind = GO_NIL},
     {"Required", "required", .omitted = true, .kind = GO_LIST},
     {"Properties", "properties", .kind = GO_MAP, .style = GO_AS_JSON,
      .of = &go_template_property}}};

const struct go_record_type go_template_tool_function = {
    "function of a tool",
    GO_AS_JSON,
    {{"Name", "name", .kind = GO_TEXT_VALUE},
     {"Description", "description", .kind = GO_TEXT_VALUE},
     {"Parameters", "parameters", .kind = GO_RECORD, .of = &go_template_parameters}}};

const struct go_record_type go_template_tool = {
    "tool",
    GO_AS_JSON,
    {{"Type", "type", .kind = GO_TEXT_VALUE},
     {"Items", "items", .omitted = true, .kind = GO_NIL},
     {"Function", "function", .kind = GO_RECORD, .of = &go_template_tool_function}}};

/* What a member is that the request leaves out. */
static primer_status empty_field(struct go_run *run, const struct go_field *field,
                                 struct go_value *out)
{
    *out = (struct go_value){.kind = field->kind};
    switch (field->kind) {
    case GO_TEXT_VALUE:
        out->text = jinja_text_of("", 0);
        return PRIMER_OK;
    case GO_LIST:
        FORWARD(go_template_list(run, 0, field->style, out));
        out->list->nil = true;
        return PRIMER_OK;
    case GO_MAP:
        FORWARD(go_template_map(run, 0, field->style, out));
        out->map->nil = true;
        out->map->of = field->of;
        return PRIMER_OK;
    case GO_RECORD:
        return go_template_record(run, field->of, out);
    default:
        return PRIMER_OK;
    }
}

primer_status go_template_record(struct go_run *run, const struct go_record_type *type,
                                 struct go_value *out)
{
    struct go_record *record;
    FORWARD(jinja_run_take(&run->base, 1, sizeof *record, &record));
    record->type = type;
    for (size_t i = 0; i < GO_RECORD_FIELDS && type->fields[i].name != NULL; i++)
        FORWARD(empty_field(run, &type->fields[i], &record->fields[i]));
    *out = (struct go_value){GO_RECORD, {.record = record}};
    return PRIMER_OK;
}

primer_status go_template_list(struct go_run *run, size_t count, enum go_style style,
                               struct go_value *out)
{
    struct go_list *list;
    FORWARD(jinja_run_take(&run->base, 1, sizeof *list, &list));
    FORWARD(jinja_run_take(&run->base, count, sizeof *list->items, &list->items));
    list->count = count;
    list->style = style;
    *out = (struct go_value){GO_LIST, {.list = list}};
    return PRIMER_OK;
}

primer_status go_template_map(struct go_run *run, size_t count, enum go_style style,
                              struct go_value *out)
{
    struct go_map *map;
    FORWARD(jinja_run_take(&run->base, 1, sizeof *map, &map));
    FORWARD(jinja_run_take(&run->base, count, sizeof *map->entries, &map->entries));
    map->count = count;
    map->style = style;
    *out = (struct go_value){GO_MAP, {.map = map}};
    return PRIMER_OK;
}

/* ---- asking ---------------------------------------------------------------------------------- */

const char *go_template_type(const struct go_value *value)
{
    switch (value->kind) {
    case GO_BOOLEAN:
        return "bool";
    case GO_INTEGER:
        return "int";
    case GO_REAL:
        return "float64";
    case GO_TEXT_VALUE:
        return "string";
    case GO_LIST:
        return "[]interface {}";
    case GO_MAP:
        return "map[string]interface {}";
    case GO_RECORD:
        return value->record->type->name;
    default:
        return "nil";
    }
}

bool go_template_true(const struct go_value *value)
{
    switch (value->kind) {
    case GO_BOOLEAN:
        return value->truth;
    case GO_INTEGER:
        return value->integer != 0;
    case GO_REAL:
        return value->real < 0.0 || value->real > 0.0;
    case GO_TEXT_VALUE:
        return value->text.length > 0;
    case GO_LIST:
        return value->list->count > 0;
    case GO_MAP:
        return value->map->count > 0;
    default:
        return value->kind == GO_RECORD;
    }
}

int go_template_order(struct jinja_text a, struct jinja_text b)
{
    const size_t both = a.length < b.length ? a.length : b.length;
    const int order = both == 0 ? 0 : memcmp(a.bytes, b.bytes, both);
    return order != 0 ? order : (a.length > b.length) - (a.length < b.length);
}

static int by_key(const void *a, const void *b)
{
    return go_template_order(((const struct go_entry *)a)->key, ((const struct go_entry *)b)->key);
}

void go_template_sort(struct go_map *map)
{
    if (map->count > 1)
        qsort(map->entries, map->count, sizeof *map->entries, by_key);
}

primer_status go_template_member(struct go_run *run, const struct go_map *map,
                                 struct jinja_text key, struct go_value *out)
{
    FORWARD(jinja_run_step(&run->base, map->count / 16));
    *out = (struct go_value){.kind = GO_NIL};
    for (size_t i = 0; i < map->count; i++)
        if (jinja_text_same(map->entries[i].key, key)) {
            *out = map->entries[i].value;
            return PRIMER_OK;
        }
    return map->of == NULL ? PRIMER_OK : go_template_record(run, map->of, out);
}

/* .String and .ToTypeScriptType, the methods that a template may call. */
static primer_status method(struct go_run *run, const struct go_value *of, struct jinja_text name,
                            bool *found, struct go_value *out)
{
    const bool styled = (of->kind == GO_LIST && of->list->style != GO_PLAIN) ||
                        (of->kind == GO_MAP && of->map->style != GO_PLAIN) ||
                        (of->kind == GO_RECORD && of->record->type->style != GO_PLAIN);
    struct jinja_writer writer = {0};
    *found = true;
    if (of->kind == GO_RECORD && of->record->type == &go_template_property &&
        jinja_text_is(name, "ToTypeScriptType"))
        return go_template_typescript(run, of, out);
    *found = styled && jinja_text_is(name, "String");
    if (!*found)
        return PRIMER_OK;
    FORWARD(go_template_print(run, &writer, of));
    *out = go_value_text(jinja_written(&writer));
    return PRIMER_OK;
}

primer_status go_template_field(struct go_run *run, const struct go_value *of,
                                struct jinja_text name, struct go_value *out)
{
    char shown[48];
    bool found;
    const struct go_value from = *of;
    FORWARD(jinja_run_step(&run->base, 1));
    FORWARD(method(run, &from, name, &found, out));
    if (found)
        return PRIMER_OK;
    if (from.kind == GO_MAP)
        return go_template_member(run, from.map, name, out);
    for (size_t i = 0; from.kind == GO_RECORD && i < GO_RECORD_FIELDS; i++) {
        const struct go_field *const field = &from.record->type->fields[i];
        if (field->name != NULL && jinja_text_is(name, field->name)) {
            *out = from.record->fields[i];
            return PRIMER_OK;
        }
    }
    *out = from;
    if (from.kind == GO_NOTHING)
        return PRIMER_OK;
    error_printable(name.bytes, name.length, shown, sizeof shown);
    if (from.kind == GO_NIL)
        return jinja_run_failure(&run->base, "nil pointer evaluating interface {}.%s", shown);
    return jinja_run_failure(&run->base, "can't evaluate field %s in type %s", shown,
                             go_template_type(&from));
}

/* ---- TypeScript ------------------------------------------------------------------------------ */

static const char *typescript_name(struct jinja_text type)
{
    static const char *const names[][2] = {{"string", "string"},
                                           {"number", "number"},
                                           {"integer", "number"},
                                           {"null", "null"},
                                           {"boolean", "boolean"},
                                           {"array", "any[]"},
                                           {"object", "Record<string, any>"}};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (jinja_text_is(type, names[i][0]))
            return names[i][1];
    return "any";
}

static primer_status write_typescript(struct go_run *run, struct jinja_writer *writer,
                                      const struct go_record *property)
{
    const struct go_list *const any_of = property->fields[0].list;
    const struct go_list *const types = property->fields[1].list;
    FORWARD(jinja_run_step(&run->base, 1));
    if (any_of->count == 0 && types->count == 0)
        return jinja_write_plain(&run->base, writer, "any");
    for (size_t i = 0; i < (any_of->count > 0 ? any_of->count : types->count); i++) {
        if (i > 0)
            FORWARD(jinja_write_plain(&run->base, writer, " | "));
        FORWARD(any_of->count > 0
                    ? write_typescript(run, writer, any_of->items[i].record)
                    : jinja_write_plain(&run->base, writer, typescript_name(types->items[i].text)));
    }
    return PRIMER_OK;
}

primer_status go_template_typescript(struct go_run *run, const struct go_value *value,
                                     struct go_value *out)
{
    struct jinja_writer writer = {0};
    const bool property = value->kind == GO_RECORD && value->record->type == &go_template_property;
    FORWARD(property ? write_typescript(run, &writer, value->record)
                     : jinja_write_plain(&run->base, &writer, "any"));
    *out = go_value_text(jinja_written(&writer));
    return PRIMER_OK;
}

/* ---- from JSON ------------------------------------------------------------------------------- */

primer_status go_template_of_text(struct go_run *run, const char *bytes, size_t length,
                                  struct go_value *out)
{
    out->kind = GO_TEXT_VALUE;
    return jinja_text_copy(&run->base, bytes, length, true, &out->text);
}

static primer_status list_of_json(struct go_run *run, const json_t *json, struct go_value *out)
{
    FORWARD(go_template_list(run, json_array_size(json), GO_PLAIN, out));
    for (size_t i = 0; i < out->list->count; i++)
        FORWARD(go_template_of_json(run, json_array_get(json, i), &out->list->items[i]));
    return PRIMER_OK;
}

static primer_status map_of_json(struct go_run *run, const json_t *json, struct go_value *out)
{
    json_t *const object = (json_t *)(uintptr_t)json; /* jansson's iterators want it so */
    size_t i = 0;
    FORWARD(go_template_map(run, json_object_size(json), GO_PLAIN, out));
    for (void *at = json_object_iter(object); at != NULL; at = json_object_iter_next(object, at)) {
        struct go_entry *const entry = &out->map->entries[i++];
        const char *const name = json_object_iter_key(at);
        FORWARD(jinja_text_copy(&run->base, name, strlen(name), true, &entry->key));
        FORWARD(go_template_of_json(run, json_object_iter_value(at), &entry->value));
    }
    go_template_sort(out->map);
    return PRIMER_OK;
}

primer_status go_template_of_json(struct go_run *run, const json_t *json, struct go_value *out)
{
    FORWARD(jinja_run_step(&run->base, 1));
    if (json_is_object(json) || json_is_array(json)) {
        if (++run->base.depth > JINJA_DEPTH)
            return jinja_run_failure(&run->base, "values nested more than %d levels deep",
                                     JINJA_DEPTH);
        FORWARD(json_is_array(json) ? list_of_json(run, json, out) : map_of_json(run, json, out));
        run->base.depth--;
        return PRIMER_OK;
    }
    if (json_is_string(json))
        return go_template_of_text(run, json_string_value(json), json_string_length(json), out);
    if (json_is_number(json))
        *out = (struct go_value){GO_REAL, {.real = json_number_value(json)}};
    else if (json_is_boolean(json))
        *out = go_value_boolean(json_is_true(json));
    else
        *out = (struct go_value){.kind = GO_NIL};
    return PRIMER_OK;
}
