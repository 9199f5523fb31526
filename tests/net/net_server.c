/* net_server.c - the server of these tests, a program beside them that ends with them. */
#include "net_server.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

static pid_t child;
static int to_child = -1, port;
static const char *scheme;

int net_server_start(const char *certificate)
{
    int in[2], out[2];
    char text[32] = "";
    if (pipe(in) != 0 || pipe(out) != 0)
        return -1;
    child = fork();
    if (child == 0) {
        dup2(in[0], 0);
        dup2(out[1], 1);
        for (int i = 3; i < 64; i++)
            close(i);
        execlp("python3", "python3", "tests/net/server.py", certificate, (char *)NULL);
        _exit(1);
    }
    close(in[0]);
    close(out[1]);
    to_child = in[1];
    for (size_t length = 0; length < sizeof text - 1 && read(out[0], text + length, 1) == 1;
         length++)
        if (text[length] == '\n')
            break;
    close(out[0]);
    port = atoi(text);
    scheme = certificate == NULL ? "http" : "https";
    return port > 0 ? 0 : -1;
}

void net_server_stop(void)
{
    close(to_child);
    waitpid(child, NULL, 0);
}

const char *net_server_url(const char *path)
{
    static char urls[4][512];
    static int next;
    char *const url = urls[next++ % 4];
    snprintf(url, sizeof urls[0], "%s://127.0.0.1:%d%s", scheme, port, path);
    return url;
}

int net_server_port(void)
{
    return port;
}
