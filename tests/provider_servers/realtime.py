"""OpenAI's Realtime API over a WebSocket, at OpenAI's address and at both of Azure's: who may open sessions.

Sources: https://platform.openai.com/docs/guides/realtime-websocket,
https://learn.microsoft.com/azure/ai-foundry/openai/how-to/realtime-audio-websockets
"""

import asyncio
import json
import ssl
import threading
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from http import HTTPStatus
from typing import Any, Self
from urllib.parse import parse_qs, urlsplit

from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.datastructures import Headers
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response

from tests.provider_servers.realtime_session import RealtimeSession

AZURES_V1, AZURES_DATED = "/openai/v1/realtime", "/openai/realtime"


class RealtimeServer:
    """`words`: how long answers are, a token each. `holds`: an answer does not end before it is cancelled."""

    tokens: Collection[str] = ()
    """Entra ID's that Azure takes besides the key."""

    def __init__(self, *, key: str = "sk-provider", tls: ssl.SSLContext | None = None) -> None:
        self.key = key
        self._tls = tls
        self.words = 5
        self.holds = False
        self.stubborn = False  # answers turns by itself, whatever it was told
        self.says_usage = True
        self.handshakes: list[Request] = []
        self.received: list[dict[str, Any]] = []  # of all sessions
        self.closed = 0
        self.port = 0
        self.hears = asyncio.Event()  # what clients say: else it is left unread
        self._connections: set[ServerConnection] = set()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._server: Server | None = None

    @property
    def origin(self) -> str:
        return f"{'https' if self._tls else 'http'}://127.0.0.1:{self.port}"

    @property
    def url(self) -> str:
        return f"{self.origin}/v1"

    @contextmanager
    def running(self) -> Iterator[Self]:
        """Serve in a thread of its own."""
        loop = self._loop = asyncio.new_event_loop()
        thread = threading.Thread(target=loop.run_forever, daemon=True)
        thread.start()
        asyncio.run_coroutine_threadsafe(self.start(), loop).result(10)
        try:
            yield self
        finally:
            asyncio.run_coroutine_threadsafe(self.stop(), loop).result(10)
            loop.call_soon_threadsafe(loop.stop)
            thread.join(10)
            loop.close()

    async def start(self) -> None:
        self.hears.set()
        self._server = await serve(
            self._session,
            "127.0.0.1",
            0,
            process_request=self._handshake,
            max_size=None,
            max_queue=1,  # what is not read yet stays where it comes from
            compression=None,
            ssl=self._tls,
        )
        self.port = next(iter(self._server.sockets)).getsockname()[1]

    async def stop(self) -> None:
        assert self._server is not None
        self._server.close()
        await self._server.wait_closed()

    def hear(self, hears: bool) -> None:
        """Go on to read what clients say, or read no more of it; from any thread."""
        assert self._loop is not None
        self._loop.call_soon_threadsafe(self.hears.set if hears else self.hears.clear)

    def break_off(self) -> None:
        """Drop all connections without a word."""
        assert self._loop is not None

        def drop() -> None:
            for connection in self._connections:
                connection.transport.abort()

        self._loop.call_soon_threadsafe(drop)

    def events(self, kind: str) -> list[dict[str, Any]]:
        """Return what clients sent of that type."""
        return [event for event in self.received if event["type"] == kind]

    def _handshake(self, connection: ServerConnection, request: Request) -> Response | None:
        self.handshakes.append(request)
        address = urlsplit(request.path)
        query = parse_qs(address.query)
        if not self._knows(request, azure=address.path.startswith("/openai/")):
            return _refused(401, "Incorrect API key provided.", "invalid_api_key")
        if address.path in ("/v1/realtime", AZURES_V1) and "api-version" not in query:
            model = query.get("model")
        elif address.path == AZURES_DATED and "api-version" in query:
            model = query.get("deployment")
        else:
            return _refused(404, f"Invalid URL (GET {address.path})", None)
        if not model or model == ["no-such-model"]:
            return _refused(404, "The model does not exist.", "model_not_found")
        return None

    def _knows(self, request: Request, *, azure: bool) -> bool:
        """Azure takes a key in a header of its own, and tokens where OpenAI takes keys."""
        bearer = request.headers.get("authorization", "").removeprefix("Bearer ")
        if azure:
            return request.headers.get("api-key") == self.key or bearer in self.tokens
        return bearer == self.key

    async def _session(self, connection: ServerConnection) -> None:
        self._connections.add(connection)
        assert connection.request is not None
        address = urlsplit(connection.request.path)
        query = parse_qs(address.query)
        model = (query.get("model") or query["deployment"])[0]
        try:
            await RealtimeSession(self, connection, model, first_form=address.path == AZURES_DATED).run()
        except ConnectionClosed:
            return
        finally:
            self._connections.discard(connection)
            self.closed += 1


def _refused(status: int, message: str, code: str | None) -> Response:
    error = {"message": message, "type": "invalid_request_error", "param": None, "code": code}
    body = json.dumps({"error": error}).encode()
    headers = Headers({"content-type": "application/json", "content-length": str(len(body))})
    return Response(status, HTTPStatus(status).phrase, headers, body)
