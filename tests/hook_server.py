"""A hook on loopback: what it was sent, and whether it takes it."""

import asyncio
import json
from collections import deque
from typing import Any, NamedTuple, Self


class Delivery(NamedTuple):
    """One POST. Header names in lower case."""

    path: str
    headers: dict[str, str]
    body: dict[str, Any]


class HookServer:
    """Use it as an async context. `statuses` are the answers to the next calls, 200 afterwards; 0 hangs up."""

    def __init__(self) -> None:
        self.deliveries: list[Delivery] = []
        self.statuses: deque[int] = deque()
        self.url = ""

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
        except asyncio.IncompleteReadError:  # who wanted to say something has died
            writer.close()
            return
        request, *lines = head.split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines if line)}
        body = json.loads(await reader.readexactly(int(headers["content-length"])))
        self.deliveries.append(Delivery(request.split(" ")[1], headers, body))
        status = self.statuses.popleft() if self.statuses else 200
        if status:
            location = "location: http://127.0.0.1:1/elsewhere\r\n" if 300 <= status < 400 else ""
            writer.write(f"HTTP/1.1 {status} X\r\n{location}content-length: 2\r\nconnection: close\r\n\r\nok".encode())
            await writer.drain()
        writer.close()
