/* primer_error.h - how every fallible call of primer reports what went wrong.
 *
 * A call returns a status; where it is not PRIMER_OK and the caller passed an error, the error
 * holds the same status and one sentence that names the file, tensor or field, what was found and
 * what was expected. Outputs are written only on success. `error` may always be NULL.
 */
#ifndef PRIMER_ERROR_H
#define PRIMER_ERROR_H

#ifdef __cplusplus
extern "C" {
#endif

typedef enum primer_status {
    PRIMER_OK = 0,
    PRIMER_EINVAL,       /* an argument or option makes no sense */
    PRIMER_ENOMEM,       /* memory could not be had, or would not suffice */
    PRIMER_EIO,          /* the system refused to read or write */
    PRIMER_EFORMAT,      /* a file or text is not what its format says */
    PRIMER_EUNSUPPORTED, /* valid, but not something this build can do */
    PRIMER_ELIMIT,       /* an explicit limit was exceeded (context, depth, size) */
    PRIMER_ECANCELED,    /* stopped by primer_session_cancel */
    PRIMER_ENUMERIC,     /* a NaN or infinite value appeared; the message names the layer */
    PRIMER_EINTERNAL     /* a bug of primer's own */
} primer_status;

typedef struct primer_error {
    primer_status status;
    char message[1024]; /* UTF-8, NUL-terminated, no trailing newline */
} primer_error;

/* A short English name of a status ("out of memory"); static. */
const char *primer_status_name(primer_status status);

#ifdef __cplusplus
}
#endif
#endif
