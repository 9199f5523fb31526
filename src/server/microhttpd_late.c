/* microhttpd_late.c - the functions of libmicrohttpd that the server calls, handed on to the library that is loaded
 * when a server begins: with the libraries of TLS that it brings it is no part of other commands' start.
 * net/curl_late.c does the same, and says more. Declared in microhttpd_late.h and microhttpd.h.
 */
#include "server/microhttpd_late.h"

#include <microhttpd.h>
#include <pthread.h>
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
} library;

#define ROW(name) LATE_FUNCTION(libmicrohttpd, name),
static const struct late_function functions[] = {FUNCTIONS(ROW)};

static primer_error problem; /* of loading; constant afterwards, as the table is */

static void load(void)
{
    late_open(LIBMICROHTTPD, functions, sizeof functions / sizeof functions[0], &library, &problem);
}

primer_status microhttpd_late_load(primer_error *error)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, load);
    return problem.status == PRIMER_OK ? PRIMER_OK
                                       : error_set(error, problem.status, "%s", problem.message);
}

struct MHD_Daemon *MHD_start_daemon(unsigned flags, uint16_t port, MHD_AcceptPolicyCallback accept,
                                    void *accept_context, MHD_AccessHandlerCallback handle,
                                    void *handle_context, ...)
{
    va_list options;
    va_start(options, handle_context);
    struct MHD_Daemon *const daemon = library.MHD_start_daemon_va(
        flags, port, accept, accept_context, handle, handle_context, options);
    va_end(options);
    return daemon;
}

void MHD_stop_daemon(struct MHD_Daemon *daemon)
{
    library.MHD_stop_daemon(daemon);
}

MHD_socket MHD_quiesce_daemon(struct MHD_Daemon *daemon)
{
    return library.MHD_quiesce_daemon(daemon);
}

void MHD_suspend_connection(struct MHD_Connection *connection)
{
    library.MHD_suspend_connection(connection);
}

void MHD_resume_connection(struct MHD_Connection *connection)
{
    library.MHD_resume_connection(connection);
}

/* None of the kinds that are asked for has an argument. */
const union MHD_ConnectionInfo *MHD_get_connection_info(struct MHD_Connection *connection,
                                                        enum MHD_ConnectionInfoType kind, ...)
{
    return library.MHD_get_connection_info(connection, kind);
}

int MHD_get_connection_values(struct MHD_Connection *connection, enum MHD_ValueKind kind,
                              MHD_KeyValueIterator iterator, void *context)
{
    return library.MHD_get_connection_values(connection, kind, iterator, context);
}

struct MHD_Response *MHD_create_response_from_buffer(size_t size, void *buffer,
                                                     enum MHD_ResponseMemoryMode mode)
{
    return library.MHD_create_response_from_buffer(size, buffer, mode);
}

struct MHD_Response *MHD_create_response_from_callback(uint64_t size, size_t block,
                                                       MHD_ContentReaderCallback read,
                                                       void *context,
                                                       MHD_ContentReaderFreeCallback free_context)
{
    return library.MHD_create_response_from_callback(size, block, read, context, free_context);
}

enum MHD_Result MHD_add_response_header(struct MHD_Response *response, const char *name,
                                        const char *value)
{
    return library.MHD_add_response_header(response, name, value);
}

enum MHD_Result MHD_queue_response(struct MHD_Connection *connection, unsigned status,
                                   struct MHD_Response *response)
{
    return library.MHD_queue_response(connection, status, response);
}

void MHD_destroy_response(struct MHD_Response *response)
{
    library.MHD_destroy_response(response);
}
