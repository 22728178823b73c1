"""Free TCP ports.

They are taken from a range below the one that Linux and macOS hand out to outgoing connections (32768 and up): a
port from that range can be lost to any connection while its server restarts.
"""

import errno
import random
import socket
from collections.abc import Collection

from services.local.failures import CannotStart

FIRST, LAST = 20_000, 29_999
LOOPBACK = "127.0.0.1"
_ATTEMPTS = 200


def is_free(port: int, host: str = LOOPBACK) -> bool:
    """Return whether a server could listen there now.

    Raises:
        OSError: `host` is no address of this machine, or the port is not ours to take (below 1024).
    """
    family, kind, protocol, _, address = socket.getaddrinfo(
        host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
    )[0]
    with socket.socket(family, kind, protocol) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as servers do: TIME_WAIT does not count
        try:
            probe.bind(address)
            probe.listen(1)
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                return False
            raise
    return True


def free_port(preferred: int | None = None, *, taken: Collection[int] = ()) -> int:
    """Return `preferred` if it is free on loopback, else a free port that is not in `taken`.

    Raises:
        CannotStart: none was found.
    """
    if preferred is not None and preferred not in taken and is_free(preferred):
        return preferred
    for _ in range(_ATTEMPTS):
        port = random.randint(FIRST, LAST)
        if port not in taken and is_free(port):
            return port
    raise CannotStart(f"No free port was found between {FIRST} and {LAST} on {LOOPBACK}.")
