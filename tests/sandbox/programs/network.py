# Connects to a port that the test listens on, to the world, to names and to the machine's other doors.
# end: finished
# > loopback ConnectionRefusedError
# > world OSError
# > datagram OSError
# > name gaierror
# > netlink OSError
# > vsock OSError
# > packet OSError
import socket


def attempt(name, action):
    try:
        print(name, "worked", action())
    except Exception as error:
        print(name, type(error).__name__)


port = int(input())
attempt("loopback", lambda: socket.create_connection(("127.0.0.1", port), 1))
attempt("world", lambda: socket.create_connection(("8.8.8.8", 53), 1))
attempt("datagram", lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b"x", ("8.8.8.8", 53)))
attempt("name", lambda: socket.getaddrinfo("example.com", 80))
attempt("netlink", lambda: socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0))
attempt("vsock", lambda: socket.socket(40, socket.SOCK_STREAM))
attempt("packet", lambda: socket.socket(17, socket.SOCK_RAW))
