/* port_owner.h - which process listens at a port, where /proc tells. */
#ifndef SERVER_PORT_OWNER_H
#define SERVER_PORT_OWNER_H

enum { PORT_OWNER_BYTES = 96 };

/* " by ollama (process 123)", or "" where it can't be told; written to and returned as `out`. */
char *port_owner(unsigned port, char out[PORT_OWNER_BYTES]);

#endif
