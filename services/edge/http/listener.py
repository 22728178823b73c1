"""The socket edge listens on."""

import socket

STALLED_CLIENT_S = 120
"""A client that takes not a single byte for so long is gone: its answer would wait in memory for ever."""


def listen(host: str, port: int) -> socket.socket:
    """Return a bound socket; its connections are closed by the system when their client has stalled.

    Raises:
        OSError: the address is in use, or none of this machine.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if hasattr(socket, "TCP_USER_TIMEOUT"):  # Linux
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, STALLED_CLIENT_S * 1_000)
    try:
        listener.bind((host, port))
    except OSError:
        listener.close()
        raise
    return listener
