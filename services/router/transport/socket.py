"""The way to a provider's WebSocket, and the only place that opens one."""

import ssl

import httpx
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidProxy, InvalidStatus, InvalidURI

from shared.realtime import MESSAGE_MAX_BYTES

CLOSE_S = 2.0
"""How long a provider may take to answer that a connection is closed."""

ABNORMAL = 1006
"""What RFC 6455 calls a connection that was not closed but lost."""


class SocketRefused(Exception):
    """The provider answered the handshake with another status than 101."""

    def __init__(self, status: int, body: bytes, retry_after: str | None, location: str | None) -> None:
        super().__init__(f"the handshake was answered with {status}")
        self.status = status
        self.body = body
        self.retry_after = retry_after
        self.location = location


class SocketClosed(Exception):
    """The connection is over; the code is RFC 6455's or the provider's own, ABNORMAL where it was lost."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(f"closed with {code} {reason}".rstrip())
        self.code = code
        self.reason = reason


class _Connect(connect):
    def process_redirect(self, exc: Exception) -> Exception | str:
        """Following one could hand the key to another host."""
        return exc


class Socket:
    """An open connection. Events are JSON in UTF-8."""

    def __init__(self, connection: ClientConnection) -> None:
        self._connection = connection

    async def send(self, event: bytes) -> None:
        """Send one event; waits where the provider reads slowly.

        Raises:
            SocketClosed
        """
        try:
            await self._connection.send(event, text=True)
        except ConnectionClosed as closed:
            raise _closed(closed) from closed

    async def receive(self) -> bytes:
        """Return the next event.

        Raises:
            SocketClosed
        """
        try:
            return await self._connection.recv(decode=False)
        except ConnectionClosed as closed:
            raise _closed(closed) from closed

    async def close(self) -> None:
        await self._connection.close()


async def open_socket(
    url: str, headers: dict[str, str], *, tls: ssl.SSLContext, proxy: str | None, timeout_s: float
) -> Socket:
    """Return the connection to a ws:// or wss:// address.

    Raises:
        SocketRefused
        httpx.TransportError: there is none, or not in time.
        httpx.InvalidURL: the address is none.
    """
    try:
        connection = await _Connect(
            url,
            additional_headers=headers,
            user_agent_header=None,
            compression=None,  # sound hardly gets smaller, and what does not is most of it
            proxy=proxy,
            open_timeout=timeout_s,
            close_timeout=CLOSE_S,
            max_size=MESSAGE_MAX_BYTES,
            ssl=tls if url.startswith("wss:") else None,
        )
    except InvalidStatus as refused:
        answer = refused.response
        headers_of = answer.headers
        raise SocketRefused(
            answer.status_code, bytes(answer.body or b""), headers_of.get("retry-after"), headers_of.get("location")
        ) from refused
    except (InvalidURI, InvalidProxy) as error:
        raise httpx.InvalidURL(str(error)) from error
    except TimeoutError as error:
        raise httpx.ConnectTimeout("the WebSocket was not opened in time") from error
    except (InvalidHandshake, OSError, EOFError) as error:
        raise httpx.ConnectError(str(error) or type(error).__name__) from error
    return Socket(connection)


def _closed(closed: ConnectionClosed) -> SocketClosed:
    told = closed.rcvd
    return SocketClosed(told.code, told.reason) if told is not None else SocketClosed(ABNORMAL, "")
