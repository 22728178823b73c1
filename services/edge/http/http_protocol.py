"""uvicorn's HTTP/1.1, with its upgrade to a WebSocket; and with clients that offer one to HTTP/2 beside their request,
as Java's do.

An offer that is not taken must be ignored (RFC 9110, 7.8), but the parser takes it for the end of the request: what
follows, the body, would be lost.
"""

import httptools
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

_BODY_HEADERS = (b"content-length", b"transfer-encoding")


class Protocol(HttpToolsProtocol):
    _rest_of_body: "_BodyOnly | None" = None

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
