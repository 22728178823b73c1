"""uvicorn's HTTP/1.1, with its upgrade to a WebSocket; and with two things that it does not have.

Clients may offer an upgrade to HTTP/2 beside their request, as Java's do. An offer that is not taken must be ignored
(RFC 9110, 7.8), but the parser takes it for the end of the request: what follows, the body, would be lost.

Headers that are lines already are written as they are: uvicorn searches each name and each value for what must not be
there, which is half of what the head of an answer costs.
"""

import asyncio
from typing import Any

import httptools
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

LINES = "meterhouse.header_lines"
"""Of a message that starts an answer: further headers, bytes of lines, each with its CRLF (shared/header_lines.py)."""

_BODY_HEADERS = (b"content-length", b"transfer-encoding")


class Protocol(HttpToolsProtocol):
    _rest_of_body: "_BodyOnly | None" = None

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:
        # uvicorn names the class of its cycles where it makes them, behind all it does with a request's headers.
        cycle.__class__ = _Cycle
        super()._start_asgi_task(cycle, app)

    def data_received(self, data: bytes) -> None:
        self._unset_keepalive_if_required()
        try:
            self.parser.feed_data(data)
            if self._rest_of_body is not None and self._rest_of_body.is_over:
                self._begin_anew()
        except httptools.HttpParserError:
            self.send_400_response("Invalid HTTP request received.")
        except httptools.HttpParserUpgrade as upgrade:
            if self._should_upgrade():
                self.handle_websocket_upgrade()
                return
            self._read_on(data[upgrade.args[0] :])

    def _read_on(self, rest: bytes) -> None:
        """Go on as if no upgrade had been offered: `rest` is what follows the request's headers."""
        told = [(name, value) for name, value in self.headers if name in _BODY_HEADERS]
        if not told:
            self._begin_anew()
            if rest:
                self.data_received(rest)
            return
        self.cycle.more_body = True
        self._rest_of_body = _BodyOnly(self)
        self.parser = httptools.HttpRequestParser(self._rest_of_body)
        head = b"".join(b"%s: %s\r\n" % header for header in told)
        self.data_received(b"POST / HTTP/1.1\r\n" + head + b"\r\n" + rest)

    def _begin_anew(self) -> None:
        self._rest_of_body = None
        self.parser = httptools.HttpRequestParser(self)


class _Cycle(RequestResponseCycle):
    async def send(self, message: Any) -> None:
        lines = message.get(LINES)
        if not lines or self.response_started:
            await super().send(message)
            return
        transport = self.transport
        self.transport = _HeadWriter(transport, lines)  # type: ignore[assignment]  # a head is all it gets
        try:
            await super().send(message)
        finally:
            self.transport = transport


class _HeadWriter:
    """Takes an answer's head, and writes it with more lines before the empty one that ends it."""

    __slots__ = ("_lines", "_transport")

    def __init__(self, transport: asyncio.Transport, lines: bytes) -> None:
        self._transport = transport
        self._lines = lines

    def write(self, head: bytes) -> None:
        self._transport.write(b"".join((head[:-2], self._lines, b"\r\n")))


class _BodyOnly:
    """What a parser tells of the one request whose headers are known already."""

    def __init__(self, protocol: Protocol) -> None:
        self._protocol = protocol
        self.is_over = False

    def on_body(self, body: bytes) -> None:
        self._protocol.on_body(body)

    def on_message_complete(self) -> None:
        self._protocol.on_message_complete()
        self.is_over = True
