"""One HTTP/1.1 connection to a provider: a request out, its answer in as it comes, parsed by httptools."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Iterable
from typing import Any, Protocol

import httptools
import httpx

HIGH_WATER_BYTES = 1024 * 1024
"""What may be read ahead of a slow reader before the connection is paused."""

HEAD_BYTES_MAX = 256 * 1024


class HttpAnswer:
    """A `ProviderAnswer`."""

    __slots__ = ("_raw_headers", "_stream", "status_code")

    def __init__(self, status_code: int, raw_headers: list[tuple[bytes, bytes]], stream: "BodyStream") -> None:
        self.status_code = status_code
        self._raw_headers = raw_headers
        self._stream = stream

    def header(self, name: str) -> str | None:
        wanted = name.encode()
        for key, value in self._raw_headers:
            if key.lower() == wanted:
                return value.decode("latin-1")
        return None

    def parts(self) -> AsyncIterator[bytes]:
        if self.header("content-encoding") in (None, "identity"):
            return self._stream
        # We ask for no compression, but a provider may not listen: httpx knows how to undo it.
        return httpx.Response(self.status_code, headers=self._raw_headers, stream=self._stream).aiter_bytes()

    async def aclose(self) -> None:
        await self._stream.aclose()


class BodyStream(httpx.AsyncByteStream):
    """The body's bytes as they come. Iterate once."""

    def __init__(self, connection: "Connection") -> None:
        self._connection: Connection | None = connection

    def __aiter__(self) -> "BodyStream":
        return self

    async def __anext__(self) -> bytes:
        connection = self._connection
        if connection is None:
            raise StopAsyncIteration
        data = await connection.next_data()
        if not data:
            self._connection = None
            raise StopAsyncIteration
        return data

    async def aclose(self) -> None:
        """A connection whose body was read to its end is kept already; another one is closed."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.abandon()


class Pool(Protocol):
    """Where connections wait for the next request."""

    def keep(self, connection: "Connection") -> None: ...

    def forget(self, connection: "Connection") -> None: ...


class Connection(asyncio.Protocol):
    """One connection, one request at a time."""

    def __init__(self, pool: Pool) -> None:
        self.idle_since = 0.0
        self.heard = False  # anything has come since the request was sent
        self._head_bytes = 0
        self._pool = pool
        self._transport: Any = None
        self._parser: Any = None
        self._status = 0
        self._headers: list[tuple[bytes, bytes]] = []
        self._headers_done = False
        self._complete = True
        self._keep_alive = True
        self._data: deque[bytes] = deque()
        self._buffered = 0
        self._paused = False
        self._writing_paused = False
        self._error: Exception | None = None
        self._waiter: asyncio.Future[None] | None = None
        self._read_timeout_s = 0.0
        self._lost = False

    @property
    def usable(self) -> bool:
        return not self._lost and self._complete and not self._transport.is_closing()

    async def post(self, head: bytes, body: bytes, read_timeout_s: float) -> HttpAnswer:
        self._begin(read_timeout_s)
        self._transport.write(b"".join((head, b"content-length: %d\r\n\r\n" % len(body), body)))
        return await self._answer()

    async def send(self, head: bytes, size: int, parts: Iterable[bytes], read_timeout_s: float) -> HttpAnswer:
        """As `post`, never ahead of what the provider takes. An answer that comes early ends the sending."""
        self._begin(read_timeout_s)
        self._transport.write(head + b"content-length: %d\r\n\r\n" % size)
        sent = 0
        for part in parts:
            if self._headers_done or self._error is not None:
                break
            self._transport.write(part)
            sent += len(part)
            while self._writing_paused and not self._headers_done and self._error is None:
                await self._wait()
            await asyncio.sleep(0)  # what has come is heard
        answer = await self._answer()
        if sent < size:
            self._keep_alive = False
        return answer

    def _begin(self, read_timeout_s: float) -> None:
        self._parser = httptools.HttpResponseParser(self)
        self._headers = []
        self._headers_done = self._complete = False
        self._keep_alive = True
        self._error = None
        self.heard = False
        self._head_bytes = 0
        self._read_timeout_s = read_timeout_s

    async def _answer(self) -> HttpAnswer:
        while not self._headers_done:
            await self._wait()
        return HttpAnswer(self._status, self._headers, BodyStream(self))

    async def next_data(self) -> bytes:
        """Return what has come of the body since the last call, b"" at its end."""
        while not self._data:
            if self._complete:
                self._finish()
                return b""
            await self._wait()
        data = self._data[0] if len(self._data) == 1 else b"".join(self._data)
        self._data.clear()
        self._buffered = 0
        if self._paused and not self._lost:
            self._paused = False
            self._transport.resume_reading()
        return data

    def abandon(self) -> None:
        """Nobody reads on: keep the connection if the answer was complete, else close it."""
        if self._complete and not self._lost and not self._paused:
            self._data.clear()
            self._buffered = 0
            self._finish()
        else:
            self.close()

    def close(self) -> None:
        self._keep_alive = False
        self._lost = True
        if self._transport is not None:
            self._transport.abort()

    async def _wait(self) -> None:
        """Wait until something came. A failure, or the caller's own cancellation, ends the connection."""
        if self._error is not None:
            self.close()
            raise self._error
        loop = asyncio.get_running_loop()
        self._waiter = loop.create_future()
        timer = loop.call_later(self._read_timeout_s, self._on_timeout)
        try:
            await self._waiter
        except asyncio.CancelledError:
            self.close()
            raise
        finally:
            timer.cancel()
            self._waiter = None

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def _on_timeout(self) -> None:
        self._error = httpx.ReadTimeout(f"nothing came within {self._read_timeout_s:g} s")
        self._wake()

    def _finish(self) -> None:
        """The answer is whole: the next request may use the connection, if both sides keep it.

        Not so where the answer came before all of the request was taken, as a 413 does.
        """
        if (
            self._keep_alive
            and not self._lost
            and not self._transport.is_closing()
            and not self._transport.get_write_buffer_size()
        ):
            self._keep_alive = False  # until the next request, so that it is kept only once
            self._pool.keep(self)
        elif not self._lost:
            self.close()

    # asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        if self._complete:
            self.close()  # bytes that belong to no request
            return
        self.heard = True
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade) as error:
            self._error = httpx.RemoteProtocolError(f"not HTTP: {error}")
            self.close()
        if not self._headers_done:
            self._head_bytes += len(data)
            if self._head_bytes > HEAD_BYTES_MAX:
                self._error = httpx.RemoteProtocolError(f"headers of more than {HEAD_BYTES_MAX} bytes")
                self.close()
        self._wake()

    def pause_writing(self) -> None:
        self._writing_paused = True

    def resume_writing(self) -> None:
        self._writing_paused = False
        self._wake()

    def eof_received(self) -> bool:
        return False

    def connection_lost(self, error: Exception | None) -> None:
        self._lost = True
        self._pool.forget(self)
        if not self._complete and self._error is None:
            if error is None and self._headers_done and self._ends_with_connection():
                self._complete = True
            else:
                self._error = httpx.ReadError(f"the connection broke: {error or 'closed by the provider'}")
        self._wake()

    def _ends_with_connection(self) -> bool:
        """Whether the answer has neither a length nor chunks: then the end of the connection is its end."""
        names = {name.lower() for name, _ in self._headers}
        return b"content-length" not in names and b"transfer-encoding" not in names

    # httptools

    def on_message_begin(self) -> None:
        if self._complete:
            self._keep_alive = False  # a second answer behind the first belongs to no request

    def on_header(self, name: bytes, value: bytes) -> None:
        self._headers.append((name, value))

    def on_headers_complete(self) -> None:
        if self._complete:
            return
        status = self._parser.get_status_code()
        if status < 200:  # 100 Continue, 103 Early Hints: the answer follows
            self._headers = []
            return
        self._status = status
        self._headers_done = True

    def on_body(self, body: bytes) -> None:
        if self._complete:
            return
        self._data.append(body)
        self._buffered += len(body)
        if self._buffered > HIGH_WATER_BYTES and not self._paused:
            self._paused = True
            self._transport.pause_reading()

    def on_message_complete(self) -> None:
        if not self._headers_done:
            return
        self._keep_alive = self._keep_alive and self._parser.should_keep_alive()
        self._complete = True
