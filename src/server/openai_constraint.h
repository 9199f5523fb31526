/* openai_constraint.h - what a request says its answer may be.
 *
 *   response_format  text · json_object[, schema] · json_schema{schema} · json_schema, schema
 *   json_schema, grammar, regex, choice    extensions; guided_json and the like are taken too
 *   tools, tool_choice, parallel_tool_calls
 */
#ifndef SERVER_OPENAI_CONSTRAINT_H
#define SERVER_OPENAI_CONSTRAINT_H

#include "server/openai_request.h"

/* One at most of the first two lines. */
primer_status openai_constraint_format(struct openai_request *request, primer_error *error);
/* `tools`: what goes into the conversation, borrowed; NULL: none are to be used. */
primer_status openai_constraint_tools(struct openai_request *request, json_t **tools,
                                      primer_error *error);

#endif
