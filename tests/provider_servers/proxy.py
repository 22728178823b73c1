"""An HTTP proxy on loopback: it tunnels for https, and forwards requests whose target is a whole address for http."""

import asyncio
import base64
from typing import Self


class ProxyServer:
    """`asked` holds the first line of each request; `sends_back` are bytes to answer with in place of doing it."""

    def __init__(self, *, user: str = "") -> None:
        self.asked: list[str] = []
        self.sends_back: bytes | None = None
        self._credentials = base64.b64encode(user.encode()).decode() if user else ""
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._server is not None
        self._server.close()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    @property
    def address(self) -> str:
        assert self._server is not None
        return f"127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            await self._one(reader, writer)
        except (OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass
        finally:
            self._tasks.discard(task)
            writer.transport.abort()

    async def _one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        first, rest = head.split("\r\n", 1)
        self.asked.append(first)
        if self.sends_back is not None:
            writer.write(self.sends_back)
            await writer.drain()
            return
        if self._credentials and f"proxy-authorization: basic {self._credentials}".lower() not in rest.lower():
            writer.write(b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n")
            await writer.drain()
            return
        method, target, version = first.split(" ")
        place = target if method == "CONNECT" else target.split("/")[2]
        host, _, port = place.rpartition(":")
        there, out = await asyncio.open_connection(host, int(port))
        if method == "CONNECT":
            writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
        else:
            path = "/" + target.split("/", 3)[3]
            out.write(f"{method} {path} {version}\r\n{rest}".encode("latin-1"))
        try:
            await asyncio.gather(_copy(reader, out), _copy(there, writer))
        finally:
            out.transport.abort()


async def _copy(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
    while data := await source.read(65_536):
        sink.write(data)
        await sink.drain()
    if sink.can_write_eof():
        sink.write_eof()
