"""A small HTTP/1.1 server whose every answer can be slow, wrong or broken off. One request at a time a connection."""

import asyncio
import gzip
import socket
import ssl
import struct
import zlib
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple, Self

import orjson

_REASONS = {200: "OK", 307: "Temporary Redirect", 400: "Bad Request", 401: "Unauthorized", 404: "Not Found"}


class Received(NamedTuple):
    """A request as it came. Header names are in lower case."""

    method: str
    path: str
    query: str
    headers: dict[str, str]
    raw: bytes
    connection: int  # which of the server's connections it came on

    @property
    def body(self) -> dict[str, Any]:
        decoded: dict[str, Any] = orjson.loads(self.raw)
        return decoded


@dataclass
class Behaviour:
    """How to answer one request; the first fields say what, the others how well."""

    status: int = 200
    error: Any = None  # the body of an answer with status >= 400, else the provider's own form
    text: str = "Hello there!"
    usage: dict[str, Any] | None = None  # None: the provider's own counting
    no_usage: bool = False
    tool_calls: bool = False  # call each tool of the request once
    finish: str = ""
    body: bytes | None = None  # exactly this, with the status
    headers: dict[str, str] = field(default_factory=dict)

    delay_s: float = 0.0  # before the head of the answer
    chunk_delay_s: float = 0.0  # between the events of a stream
    hang_up: Literal["", "unread", "unanswered", "after head", "in body"] = ""
    break_after: int | None = None  # events of a stream, and the connection is gone
    stall_after: int | None = None  # events of a stream, and nothing more comes
    end_after: int | None = None  # events of a stream, and it ends as if it were whole
    error_after: int | None = None  # events of a stream, and then the report of an error
    open_after_end: bool = False  # the stream's last event is sent, the end of the body is not
    compressed: bool = False
    until_close: bool = False  # neither a length nor chunks: the end of the connection is the end
    answer_early: bool = False  # before the body was read, which never is
    raw: bytes = b""  # these bytes alone, and the connection is closed
    raw_stays: bool = False  # but not at once: it waits for more requests
    reset: bool = False  # the connection does not end, it is torn down


class HttpServer(ABC):
    """Use it as an async context. `next` queues behaviours for the requests to come; `always` holds for all others."""

    answer_type = "application/json"
    stream_type = "text/event-stream; charset=utf-8"

    def __init__(self, *, tls: ssl.SSLContext | None = None) -> None:
        self._tls = tls
        self.received: list[Received] = []
        self.always = Behaviour()
        self.connections = 0  # made since the start
        self.open = 0  # of them, still open
        self.broken_off = 0  # answers whose reader left before their end
        self._queue: deque[Behaviour] = deque()
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._port = 0

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(
            self._serve, "127.0.0.1", self._port, limit=64 * 1024 * 1024, ssl=self._tls
        )
        self._port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._server is not None
        self._server.close()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    @property
    def origin(self) -> str:
        return f"{'https' if self._tls else 'http'}://127.0.0.1:{self._port}"

    def next(self, *behaviours: Behaviour) -> None:
        self._queue.extend(behaviours)

    @abstractmethod
    def refusal(self, request: Received) -> tuple[int, Any] | None:
        """Return status and body where the provider itself refuses: for a wrong key, address or body."""

    @abstractmethod
    def error(self, status: int) -> Any:
        """Return the body of an error with that status in the provider's form."""

    @abstractmethod
    def answer(self, request: Received, behaviour: Behaviour) -> Any:
        """Return the body of a whole answer."""

    @abstractmethod
    def events(self, request: Received, behaviour: Behaviour) -> Iterable[bytes]:
        """Return the events of a streamed answer."""

    @abstractmethod
    def error_event(self) -> bytes:
        """Return the report of an error in mid-stream."""

    async def before(self, request: Received, event: bytes) -> None:
        """Return when the event, or the whole answer, may go out."""
        return

    def stream_type_of(self, request: Received) -> str:
        return self.stream_type

    def error_headers(self, status: int, error: Any) -> dict[str, str]:
        """Return the headers that tell of an error besides its body."""
        return {}

    def answer_headers(self, request: Received, behaviour: Behaviour) -> dict[str, str]:
        """Return the headers that tell of a whole answer besides its body."""
        return {}

    def streams(self, request: Received) -> bool:
        """Return whether the request asks for a stream."""
        return bool(request.body.get("stream"))

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        self.connections += 1
        self.open += 1
        number = self.connections
        try:
            while await self._one(reader, writer, number):
                pass
        except (ConnectionError, asyncio.IncompleteReadError):
            self.broken_off += 1
        except asyncio.CancelledError:
            return  # the server is being closed
        finally:
            self.open -= 1
            self._tasks.discard(task)
            writer.transport.abort()

    async def _one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, number: int) -> bool:
        """Answer one request; return whether the connection stays."""
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        except asyncio.IncompleteReadError:
            return False  # the client has closed an idle connection
        request_line, *lines = head.split("\r\n")
        method, target, _ = request_line.split(" ")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines if line)}
        behaviour = self._queue.popleft() if self._queue else self.always
        if behaviour.hang_up == "unread":
            return False
        early = behaviour.answer_early
        raw = b"" if early else await reader.readexactly(int(headers.get("content-length", "0")))
        path, _, query = target.removeprefix(self.origin).partition("?")  # a proxy may pass on the whole address
        request = Received(method, path, query, headers, raw, number)
        self.received.append(request)
        await asyncio.sleep(behaviour.delay_s)
        if behaviour.hang_up == "unanswered":
            return False
        if behaviour.raw:
            writer.write(behaviour.raw)
            await writer.drain()
            return behaviour.raw_stays
        refusal = None if early or behaviour.body is not None else self.refusal(request)
        status, refused = refusal or (behaviour.status, behaviour.error)
        if behaviour.body is not None:
            return await self._write(writer, behaviour, status, "application/json", behaviour.body)
        if status >= 300:
            told = refused if refused is not None else self.error(status)
            body = told if isinstance(told, bytes) else orjson.dumps(told)
            more = self.error_headers(status, told)
            return await self._write(writer, behaviour, status, self.answer_type, body, more)
        if self.streams(request):
            return await self._stream(writer, behaviour, request)
        answer = self.answer(request, behaviour)
        body = answer if isinstance(answer, bytes) else orjson.dumps(answer)
        await self.before(request, body)
        more = self.answer_headers(request, behaviour)
        return await self._write(writer, behaviour, status, self.answer_type, body, more)

    async def _write(
        self,
        writer: asyncio.StreamWriter,
        behaviour: Behaviour,
        status: int,
        kind: str,
        body: bytes,
        more: dict[str, str] | None = None,
    ) -> bool:
        headers = {"content-type": kind, **(more or {}), **behaviour.headers}
        if behaviour.compressed:
            body, headers["content-encoding"] = gzip.compress(body), "gzip"
        if not behaviour.until_close:
            headers["content-length"] = str(len(body))
        writer.write(_head(status, headers))
        if behaviour.hang_up == "after head":
            await writer.drain()
            return False
        if behaviour.hang_up == "in body":
            writer.write(body[: len(body) // 2])
            await writer.drain()
            return False
        writer.write(body)
        await writer.drain()
        if behaviour.until_close:
            writer.write_eof()
            return False
        return True

    async def _stream(self, writer: asyncio.StreamWriter, behaviour: Behaviour, request: Received) -> bool:
        headers = {"content-type": self.stream_type_of(request), **behaviour.headers}
        if not behaviour.until_close:
            headers["transfer-encoding"] = "chunked"
        if behaviour.compressed:
            headers["content-encoding"] = "gzip"
        writer.write(_head(200, headers))
        if behaviour.hang_up == "after head":
            await writer.drain()
            return False
        packer = zlib.compressobj(wbits=31) if behaviour.compressed else None  # 31: gzip
        for index, event in enumerate(self.events(request, behaviour)):
            if behaviour.stall_after == index:
                await writer.drain()
                await asyncio.sleep(3_600)
            if behaviour.break_after == index:
                await writer.drain()
                await asyncio.sleep(0.02)  # what was sent arrives before the connection breaks
                if behaviour.reset:
                    linger = struct.pack("ii", 1, 0)
                    writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
                return False
            if behaviour.end_after == index:
                break
            if behaviour.error_after == index:
                self._part(writer, self.error_event(), behaviour, packer)
                break
            await self.before(request, event)
            self._part(writer, event, behaviour, packer)
            await writer.drain()
            if behaviour.chunk_delay_s:
                await asyncio.sleep(behaviour.chunk_delay_s)
        if behaviour.open_after_end:
            await asyncio.sleep(3_600)
        if behaviour.until_close:
            writer.write_eof()
            await writer.drain()
            await asyncio.sleep(0.02)
            return False
        writer.write(b"0\r\n\r\n")
        await writer.drain()
        return True

    def _part(self, writer: asyncio.StreamWriter, data: bytes, behaviour: Behaviour, packer: Any) -> None:
        if packer is not None:
            data = packer.compress(data) + packer.flush(zlib.Z_SYNC_FLUSH)
        writer.write(data if behaviour.until_close else b"%x\r\n%b\r\n" % (len(data), data))


def _head(status: int, headers: dict[str, str]) -> bytes:
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    return f"HTTP/1.1 {status} {_REASONS.get(status, 'Status')}\r\n{lines}\r\n".encode("latin-1")
