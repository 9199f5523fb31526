/* microhttpd_late.h - libmicrohttpd, loaded when a server begins. */
#ifndef SERVER_MICROHTTPD_LATE_H
#define SERVER_MICROHTTPD_LATE_H

#include "base/error.h"

/* Loads it, the first time; PRIMER_EIO, with the reason, where it isn't there. No function of libmicrohttpd's may be
 * called before. Any thread may call this. */
primer_status microhttpd_late_load(primer_error *error);

#endif
