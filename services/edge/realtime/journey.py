"""A realtime session through edge: identify, ask policy, accept the WebSocket, and carry what either side says."""

import time
from typing import NamedTuple

import msgspec
import structlog

from services.edge.calls.door import Door
from services.edge.calls.request import admit_of
from services.edge.exchange import Exchange, Exchanges
from services.edge.http.asgi import Receive, Scope, Send
from services.edge.http.error_response import error_body, error_headers, id_headers
from services.edge.http.request_headers import END_USER_HEADERS, ID_MAX, wishes_in
from services.edge.identify import Identities, key_in
from services.edge.metrics import Metrics
from services.edge.model_details.model_names import ModelNames
from services.edge.peeks.peek import Peek
from services.edge.realtime.carry import Carrier
from services.edge.realtime.endpoint import REALTIME
from services.edge.realtime.handshake import Opening, opening_of
from services.edge.realtime.secret import PREFIX, Secrets
from shared import frames
from shared.bus import Bus
from shared.calls import Admit
from shared.errors import GatewayError, InvalidRequest, NotFound, Unavailable
from shared.header_lines import headers_in
from shared.identity.keys import Key
from shared.ids import new_id
from shared.realtime import SESSION_S

log = structlog.get_logger()

_NO_BODY = b"{}"
_SWITCHING = 101


class _Caller(NamedTuple):
    """`begins_with` is an event that is said before all that the client says, b"" for none."""

    key: Key | None
    model: str
    begins_with: bytes


class RealtimeJourney:
    """Answers WebSockets. One instance serves all."""

    def __init__(
        self,
        bus: Bus,
        door: Door,
        exchanges: Exchanges,
        identities: Identities,
        secrets: Secrets,
        names: ModelNames,
        metrics: Metrics,
        *,
        key_header: bytes | None,
        end_user_headers: tuple[bytes, ...] = END_USER_HEADERS,
    ) -> None:
        self._bus = bus
        self._door = door
        self._exchanges = exchanges
        self._identities = identities
        self._secrets = secrets
        self._names = names
        self._metrics = metrics
        self._key_header = key_header
        self._end_user_headers = end_user_headers

    async def answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one WebSocket, from its handshake to its end."""
        began, request_id = time.perf_counter(), new_id("req")
        headers = dict(scope["headers"])
        status, model = 500, ""
        exchange: Exchange | None = None
        self._metrics.in_flight += 1
        try:
            await receive()  # websocket.connect
            if scope["path"].rstrip("/") not in REALTIME.paths:
                raise NotFound(f"{scope['path']}: there is no WebSocket; realtime sessions are at /v1/realtime")
            opening = opening_of(headers, scope["query_string"], scope["subprotocols"])
            caller = self._caller(opening)
            model = caller.model
            request = self._request(scope, opening, caller, request_id)
            exchange = self._exchanges.open(request_id, SESSION_S)
            self._door.ask(request, _NO_BODY)
            head = await self._head(exchange)
            status = _SWITCHING
            await send(
                {"type": "websocket.accept", "subprotocol": opening.subprotocol, "headers": _told(head, request)}
            )
            await Carrier(self._bus, exchange, request_id, receive, send).carry(caller.begins_with)
        except GatewayError as failure:
            status = failure.status
            await _refuse(send, failure, request_id, headers)
        except Exception as error:
            log.exception("a session failed inside edge", request=request_id)
            if status == _SWITCHING:
                raise
            broken = GatewayError(f"the gateway failed: {type(error).__name__}")
            await _refuse(send, broken, request_id, headers)
        finally:
            if exchange is not None:
                self._exchanges.close(exchange)
            self._metrics.in_flight -= 1
            self._metrics.count(model, status, time.perf_counter() - began)

    def _caller(self, opening: Opening) -> _Caller:
        """Return who opens a session, by a key or by a secret that a key has made.

        Raises:
            AuthenticationFailed: it is neither.
            InvalidRequest: no model, or another one than the secret is for.
        """
        given, model, begins_with = key_in(opening.headers, self._key_header), opening.model, b""
        if given.startswith(PREFIX):
            grant = self._secrets.unseal(given, time.time())
            key = self._identities.by_token(grant.key)
            if model not in ("", grant.model):
                raise InvalidRequest(f"/realtime: the client secret is for the model '{grant.model}'.", param="model")
            model = grant.model
            if grant.session:
                begins_with = b'{"type":"session.update","session":' + grant.session + b"}"
        else:
            key = self._identities.of(given)
        if not model:
            raise InvalidRequest("/realtime: add ?model= to the address.", param="model")
        return _Caller(key, model, begins_with)

    def _request(self, scope: Scope, opening: Opening, caller: _Caller, request_id: str) -> Admit:
        """Return what is asked of policy.

        Raises:
            GatewayError: it can be refused at once.
        """
        key, model, access = caller.key, caller.model, self._names.access
        request = admit_of(
            REALTIME,
            scope["path"].rstrip("/"),
            opening.headers,
            request_id,
            key,
            Peek(model, 0),
            wishes_in(opening.headers, self._end_user_headers),
            edge=self._bus.process,
            model=model,
            group=self._names.group_of(model, access.aliases_of(key)),
            tags=access.tags_of(key),
            content_type="",
            body_bytes=len(_NO_BODY),
            ip=client[0] if (client := scope.get("client")) else "",
            timeout_max_s=SESSION_S,
        )
        request = msgspec.structs.replace(request, deadline_ms=request.received_ms + SESSION_S * 1_000)
        self._door.check(key, request, REALTIME)
        return request

    async def _head(self, exchange: Exchange) -> frames.Head:
        """Wait until the session is open at a provider.

        Raises:
            GatewayError: it is not.
        """
        frame = await exchange.next()
        if frame is None:
            raise exchange.failure or Unavailable("no answer")
        if frame.flags & frames.FAILURE:
            raise GatewayError.from_dict(frames.decode_failure(frame.header))
        return frames.decode_head(frame.header)


def _told(head: frames.Head, request: Admit) -> list[tuple[bytes, bytes]]:
    headers = [(name.encode(), value.encode()) for name, value in headers_in(head.lines.decode("ascii"))]
    return [*headers, *id_headers(request.request_id, b"", request.dialect)]


async def _refuse(send: Send, failure: GatewayError, request_id: str, headers: dict[bytes, bytes]) -> None:
    """Answer the handshake as an HTTP request: clients show the status and the body."""
    body = error_body(failure)
    start = [
        (b"content-type", b"application/json"),
        *id_headers(request_id, headers.get(b"x-request-id", b"")[:ID_MAX], "openai"),
        *error_headers(failure),
    ]
    await send({"type": "websocket.http.response.start", "status": failure.status, "headers": start})
    await send({"type": "websocket.http.response.body", "body": body})
