/* microhttpd_late.c - the functions of libmicrohttpd that the server calls, handed on to the library that is loaded
 * when a server begins: with the libraries of TLS that it brings it is no part of other commands' start.
 * net/curl_late.c does the same, and says more. Declared in microhttpd_late.h and microhttpd.h.
 */
#include "server/microhttpd_late.h"

#include <microhttpd.h>
#include <stdarg.h>

#include "base/late.h"

#define FUNCTIONS(each)                                                                            \
    each(MHD_start_daemon_va) each(MHD_stop_daemon) each(MHD_quiesce_daemon)                       \
        each(MHD_suspend_connection) each(MHD_resume_connection) each(MHD_get_connection_info)     \
            each(MHD_get_connection_values) each(MHD_create_response_from_buffer)                  \
                each(MHD_create_response_from_callback) each(MHD_add_response_header)              \
                    each(MHD_queue_response) each(MHD_destroy_response)

#define MEMBER(name) __typeof__(name) *name;
static struct libmicrohttpd {
    FUNCTIONS(MEMBER)
} libmicrohttpd;

#define ROW(name) LATE_FUNCTION(libmicrohttpd, name),
static const struct late_function functions[] = {FUNCTIONS(ROW)};

static struct late_library late = LATE_LIBRARY(LIBMICROHTTPD, functions, libmicrohttpd);

primer_status microhttpd_late_load(primer_error *error)
{
    return late_load(&late, error);
}

struct MHD_Daemon *MHD_start_daemon(unsigned flags, uint16_t port, MHD_AcceptPolicyCallback accept,
                                    void *accept_context, MHD_AccessHandlerCallback handle,
                                    void *handle_context, ...)
{
    va_list options;
    va_start(options, handle_context);
    struct MHD_Daemon *const daemon = libmicrohttpd.MHD_start_daemon_va(
        flags, port, accept, accept_context, handle, handle_context, options);
    va_end(options);
    return daemon;
}

void MHD_stop_daemon(struct MHD_Daemon *daemon)
{
    libmicrohttpd.MHD_stop_daemon(daemon);
}

MHD_socket MHD_quiesce_daemon(struct MHD_Daemon *daemon)
{
    return libmicrohttpd.MHD_quiesce_daemon(daemon);
}

void MHD_suspend_connection(struct MHD_Connection *connection)
{
    libmicrohttpd.MHD_suspend_connection(connection);
}

void MHD_resume_connection(struct MHD_Connection *connection)
{
    libmicrohttpd.MHD_resume_connection(connection);
}

/* None of the kinds that are asked for has an argument. */
const union MHD_ConnectionInfo *MHD_get_connection_info(struct MHD_Connection *connection,
                                                        enum MHD_ConnectionInfoType kind, ...)
{
    return libmicrohttpd.MHD_get_connection_info(connection, kind);
}

int MHD_get_connection_values(struct MHD_Connection *connection, enum MHD_ValueKind kind,
                              MHD_KeyValueIterator iterator, void *context)
{
    return libmicrohttpd.MHD_get_connection_values(connection, kind, iterator, context);
}

struct MHD_Response *MHD_create_response_from_buffer(size_t size, void *buffer,
                                                     enum MHD_ResponseMemoryMode mode)
{
    return libmicrohttpd.MHD_create_response_from_buffer(size, buffer, mode);
}

struct MHD_Response *MHD_create_response_from_callback(uint64_t size, size_t block,
                                                       MHD_ContentReaderCallback read,
                                                       void *context,
                                                       MHD_ContentReaderFreeCallback free_context)
{
    return libmicrohttpd.MHD_create_response_from_callback(size, block, read, context,
                                                           free_context);
}

enum MHD_Result MHD_add_response_header(struct MHD_Response *response, const char *name,
                                        const char *value)
{
    return libmicrohttpd.MHD_add_response_header(response, name, value);
}

enum MHD_Result MHD_queue_response(struct MHD_Connection *connection, unsigned status,
                                   struct MHD_Response *response)
{
    return libmicrohttpd.MHD_queue_response(connection, status, response);
}

void MHD_destroy_response(struct MHD_Response *response)
{
    libmicrohttpd.MHD_destroy_response(response);
}
