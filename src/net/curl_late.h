/* curl_late.h - libcurl, loaded when it is first needed. */
#ifndef NET_CURL_LATE_H
#define NET_CURL_LATE_H

#include "base/error.h"

/* Loads it, the first time; PRIMER_EIO, with the reason, where it isn't there. No function of libcurl's may be called
 * before, except curl_getdate, which then loads it or fails. Any thread may call this. */
primer_status curl_late_load(primer_error *error);

#endif
