/* net_server.h - starts tests/net/server.py and asks it. */
#ifndef TESTS_NET_SERVER_H
#define TESTS_NET_SERVER_H

#include "net/net_http.h"

/* `certificate`: NULL: plain HTTP; a .pem with a key: https. -1 where there is no port to be read. */
int net_server_start(const char *certificate);
void net_server_stop(void);
/* "http://127.0.0.1:PORT/path"; static until the fourth call from now. */
const char *net_server_url(const char *path);
int net_server_port(void);

#endif
