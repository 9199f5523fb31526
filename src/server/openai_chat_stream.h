/* openai_chat_stream.h - a chat's answer as server-sent events. */
#ifndef SERVER_OPENAI_CHAT_STREAM_H
#define SERVER_OPENAI_CHAT_STREAM_H

#include "server/openai_request.h"

primer_status openai_chat_stream(struct openai_request *request, primer_error *error);

#endif
