"""HTTP/1.1 towards the providers, for the hot path: one pool of kept connections an origin.

Measured beside it, the same POST costs 80 µs of CPU through aiohttp and 200 µs and more through httpx's client; here it
costs 10 to 20. It does what calls to providers need and no more: POST with a body, TLS, keep-alive, streamed answers.
Proxies go through aiohttp (proxies.py).
"""

import asyncio
import ssl
from collections import deque
from collections.abc import Iterable

import httpx

from services.router.transport.http1_connection import Connection, HttpAnswer

CONNECT_TIMEOUT_S = 10.0
KEEP_ALIVE_S = 30.0
STALE_S = 1.0
"""A kept connection that breaks sooner than this, and says nothing, was closed before the request was read."""


class Origin:
    """Where to connect to, and the connections that are open and idle there."""

    def __init__(self, host: str, port: int, tls: ssl.SSLContext | None) -> None:
        self._host = host
        self._port = port
        self._tls = tls
        self._idle: deque[Connection] = deque()

    async def post(self, head: bytes, body: bytes, read_timeout_s: float) -> HttpAnswer:
        """Send a request whose `head` is complete but for its content-length; return its answer, the body unread.

        Raises:
            httpx.TransportError: no connection, it broke, or nothing came within `read_timeout_s`.
        """
        connection = self._take_idle()
        if connection is not None:
            loop = asyncio.get_running_loop()
            began = loop.time()
            try:
                return await connection.post(head, body, read_timeout_s)
            except httpx.ReadError:
                if connection.heard or loop.time() - began > STALE_S:
                    raise
        connection = await self._connect(read_timeout_s)
        return await connection.post(head, body, read_timeout_s)

    async def send(self, head: bytes, size: int, parts: Iterable[bytes], read_timeout_s: float) -> HttpAnswer:
        """As `post`, with a body of `size` bytes that is written piece by piece, on a connection of its own.

        Raises:
            httpx.TransportError
        """
        connection = await self._connect(read_timeout_s)
        return await connection.send(head, size, parts, read_timeout_s)

    def close(self) -> None:
        while self._idle:
            self._idle.pop().close()

    def keep(self, connection: "Connection") -> None:
        connection.idle_since = asyncio.get_running_loop().time()
        self._idle.append(connection)

    def forget(self, connection: "Connection") -> None:
        try:
            self._idle.remove(connection)
        except ValueError:
            return

    def _take_idle(self) -> "Connection | None":
        oldest_allowed = asyncio.get_running_loop().time() - KEEP_ALIVE_S
        while self._idle:
            connection = self._idle.pop()  # the newest: the others can grow old and be closed
            if connection.usable and connection.idle_since > oldest_allowed:
                while self._idle and self._idle[0].idle_since <= oldest_allowed:
                    self._idle.popleft().close()
                return connection
            connection.close()
        return None

    async def _connect(self, timeout_s: float) -> "Connection":
        loop = asyncio.get_running_loop()
        server_hostname = self._host if self._tls is not None else None
        connection = Connection(self)
        try:
            async with asyncio.timeout(min(CONNECT_TIMEOUT_S, timeout_s)):
                await loop.create_connection(
                    lambda: connection, self._host, self._port, ssl=self._tls, server_hostname=server_hostname
                )
        except asyncio.CancelledError:
            connection.close()  # it may have been made in the moment of the cancellation
            raise
        except TimeoutError as error:
            connection.close()
            raise httpx.ConnectTimeout(f"no connection to {self._host}:{self._port} in time") from error
        except ssl.SSLError as error:
            raise httpx.ConnectError(f"TLS with {self._host} failed: {_reason(error)}") from error
        except (OSError, UnicodeError) as error:  # UnicodeError: a name that no DNS can have
            raise httpx.ConnectError(f"no connection to {self._host}:{self._port}: {_reason(error)}") from error
        return connection


def _reason(error: Exception) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"{error.reason}: {error.verify_message}"
    strerror = error.strerror if isinstance(error, OSError) else None
    return strerror or str(error) or type(error).__name__
