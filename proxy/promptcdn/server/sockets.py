"""The socket that the service listens on. Nothing heavy is imported here: it is open before the rest of the service is.

Whoever connects meanwhile is answered as soon as the service is ready, and not refused.
"""

import errno
import socket
import sys

from promptcdn.problems import BadSettings
from promptcdn.server.timings import TIMINGS, Timings

_BACKLOG = 2048
# How much of an answer the kernel takes ahead of the client. By default it is megabytes for each that reads nothing.
_UNSENT_MAX = 256 * 1024


def bound_socket(host: str, port: int, timings: Timings = TIMINGS) -> socket.socket:
    """A socket that listens. Raises `BadSettings` where the address cannot be had."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    bound = socket.socket(family, socket.SOCK_STREAM)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if sys.platform == "linux":
        # Connections inherit these from the socket that listens.
        bound.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, int(1000 * timings.read))
        bound.setsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, _UNSENT_MAX)
    try:
        bound.bind((host, port))
        # Listening now, not when the application is ready: two servers can bind one address, only one can listen.
        bound.listen(_BACKLOG)
    except OSError as error:
        bound.close()
        busy = (
            "the port is in use: choose another with --port or PORT"
            if error.errno == errno.EADDRINUSE
            else error.strerror
        )
        raise BadSettings(f"{host}:{port}: {busy}") from error
    return bound
