"""A request through edge, top to bottom: identify, read, peek, ask policy, announce, write the answer."""

import time
from collections.abc import Awaitable, Callable, Mapping

import msgspec
import structlog

from services.edge import watch
from services.edge.calls.door import Door
from services.edge.calls.endpoint import Endpoint, ObjectRequest
from services.edge.calls.pass_through import Target
from services.edge.calls.request import admit_of, body_type
from services.edge.exchange import Exchange, Exchanges
from services.edge.http.asgi import Event, Receive, Scope, Send
from services.edge.http.cors import with_origin_allowed
from services.edge.http.error_response import error_event, id_headers, send_error
from services.edge.http.event_array import as_array
from services.edge.http.http_protocol import LINES
from services.edge.http.request_body import ClientLeft, read_request_body
from services.edge.http.request_headers import END_USER_HEADERS, ID_MAX, Wishes, wishes_in
from services.edge.identify import Identities, key_in, with_key_of_query
from services.edge.metrics import Metrics
from services.edge.model_details.model_names import ModelNames
from services.edge.objects.named import may_name
from services.edge.objects.reach import NamedObjects
from services.edge.peeks.peek import Peek
from shared import frames
from shared.bus import Bus
from shared.calls import Admit
from shared.errors import GatewayError, InvalidRequest, Unavailable
from shared.identity.keys import Key
from shared.ids import new_id
from shared.kept.object_calls import FILE_CONTENT, ObjectCall
from shared.payloads.bodies import BodyHolder
from shared.payloads.forms import BadForm, read_form
from shared.payloads.spool import Spool
from shared.serving.pass_through import group_name

log = structlog.get_logger()

Reads = Callable[[Key | None, Mapping[bytes, bytes], Receive], Awaitable[ObjectRequest]]


class Journey:
    """Answers requests. One instance serves all, of all endpoints."""

    def __init__(
        self,
        bus: Bus,
        door: Door,
        exchanges: Exchanges,
        bodies: BodyHolder,
        identities: Identities,
        names: ModelNames,
        metrics: Metrics,
        named: NamedObjects,
        *,
        body_limit: int,
        timeout_s: float,
        key_header: bytes | None,
        end_user_headers: tuple[bytes, ...] = END_USER_HEADERS,
    ) -> None:
        self._bus = bus
        self._door = door
        self._exchanges = exchanges
        self._bodies = bodies
        self._identities = identities
        self._names = names
        self._metrics = metrics
        self._named = named
        self._body_limit = body_limit
        self._timeout_s = timeout_s
        self._key_header = key_header
        self._end_user_headers = end_user_headers

    async def answer(
        self,
        endpoint: Endpoint,
        scope: Scope,
        receive: Receive,
        send: Send,
        model_in_path: str | None,
        target: Target | None = None,
        reads: Reads | None = None,
    ) -> None:
        """Handle one HTTP request to `endpoint`; `target` is where it goes as it is; `reads` reads its body, and knows
        what it concerns, where that is an object that a provider keeps.
        """
        began = time.perf_counter_ns()
        request_id = new_id("req")
        headers = dict(scope["headers"])
        if b"origin" in headers:
            send = with_origin_allowed(send)
        if endpoint.array_unless and endpoint.array_unless not in scope["query_string"].split(b"&"):
            send = as_array(send)
        status, model = 500, ""
        exchange: Exchange | None = None
        body: bytes | Spool = b""
        self._metrics.in_flight += 1
        try:
            if endpoint.key_in_query:
                headers = with_key_of_query(headers, scope["query_string"])
            key, access = self._identities.of(key_in(headers, self._key_header)), self._names.access
            wishes = wishes_in(headers, self._end_user_headers)
            pinned = ""
            kept: ObjectCall | None = None
            held: tuple[str, ...] = ()
            if reads is not None:
                body, peek, model, group, pinned, kept, held = await reads(key, headers, receive)
                content_type = ""
            else:
                whole = await read_request_body(receive, self._body_limit, headers)
                content_type = body_type(endpoint, headers)
                if endpoint.resolve is not None:
                    whole, pinned, before, model, units = await endpoint.resolve(self._bus, whole, key)
                    peek = _peek(endpoint, whole, content_type)
                    units = (*peek.units, *units)
                    peek = msgspec.structs.replace(peek, text_bytes=peek.text_bytes + before, units=units)
                else:
                    peek = _peek(endpoint, whole, content_type)
                body = whole
                model = model_in_path or peek.model or model
                if target is None:
                    group = self._names.group_of(model, access.aliases_of(key))
                else:
                    model = target.model or model
                    group = group_name(target.provider, model)
            request = admit_of(
                endpoint,
                scope["path"],
                headers,
                request_id,
                key,
                peek,
                wishes,
                edge=self._bus.process,
                model=model,
                group=group,
                tags=access.tags_of(key),
                content_type=content_type,
                body_bytes=len(body),
                ip=client[0] if (client := scope.get("client")) else "",
                timeout_max_s=self._timeout_s,
                passed=("", "") if target is None else (scope["method"], target.url),
                pinned=pinned,
                object_call=kept,
                spooled=isinstance(body, Spool),
            )
            self._door.check(key, request, endpoint)
            if endpoint.refers and isinstance(body, bytes) and may_name(body, endpoint.refers):
                held = await self._named.holding(body, content_type, key, group)
            if held:
                request = msgspec.structs.replace(request, holding=held)
            exchange = self._exchanges.open(
                request_id,
                (request.deadline_ms - request.received_ms) / 1000,
                spools=request.call_type == FILE_CONTENT,
            )
            self._door.ask(request, body)
            status = await self._write(request, exchange, receive, send, began, wishes)
        except GatewayError as failure:
            status = failure.status
            await _send_error(send, request_id, headers, failure, endpoint.dialect)
        except ClientLeft:
            status = 499
        except ConnectionAbortedError:
            raise  # the server closes the connection: no half answer looks whole
        except Exception as error:
            if exchange is not None and exchange.begun:
                raise
            log.exception("a request failed inside edge", request=request_id)
            broken = GatewayError(f"the gateway failed: {type(error).__name__}")
            await _send_error(send, request_id, headers, broken, endpoint.dialect)
        finally:
            if exchange is not None:
                self._exchanges.close(exchange)
                self._bodies.drop(request_id)
            if isinstance(body, Spool):
                body.close()
            self._metrics.in_flight -= 1
            self._metrics.count(model, status, (time.perf_counter_ns() - began) / 1e9)

    async def _write(
        self, request: Admit, exchange: Exchange, receive: Receive, send: Send, began: int, wishes: Wishes
    ) -> int:
        """Write the frames out as they come; return the status the client got."""
        exchange.watch = watch.starter(exchange, receive)
        try:
            frame = await exchange.next()
            if frame is None:
                if exchange.client_left:
                    self._exchanges.cancel(exchange)
                    return 499
                raise exchange.failure or Unavailable("no answer")
            if frame.flags & frames.FAILURE:
                raise GatewayError.from_dict(frames.decode_failure(frame.header))
            head = frames.decode_head(frame.header)
            start = _start(head, request, wishes, began)
            exchange.begun = True
            await send(start)
            while True:
                last = bool(frame.flags & frames.LAST)
                if frame.data or last:
                    await send({"type": "http.response.body", "body": frame.data, "more_body": not last})
                if last:
                    return head.status
                following = await exchange.next()
                if following is None or following.flags & frames.FAILURE:
                    return await self._break_off(request, exchange, following, head, send)
                frame = following
        finally:
            exchange.watch = None

    async def _break_off(
        self, request: Admit, exchange: Exchange, frame: frames.Frame | None, head: frames.Head, send: Send
    ) -> int:
        """End an answer that has begun and cannot be completed."""
        if exchange.client_left:
            self._exchanges.cancel(exchange)
            return 499
        failure = exchange.failure or Unavailable("no answer")
        if frame is not None:
            failure = GatewayError.from_dict(frames.decode_failure(frame.header))
        if not head.stream:
            raise ConnectionAbortedError(failure.message)
        await send({"type": "http.response.body", "body": error_event(failure, request.dialect), "more_body": False})
        return failure.status


def _peek(endpoint: Endpoint, body: bytes, content_type: str) -> Peek:
    if content_type and endpoint.peek_form is not None:
        try:
            fields = read_form(body, content_type)
        except BadForm as error:
            raise InvalidRequest(f"{endpoint.name}: the form cannot be read: {error}", param="request_body") from error
        return endpoint.peek_form(fields, len(body))
    if endpoint.peek is None:
        raise InvalidRequest(f"{endpoint.name}: the body must be multipart/form-data.", param="request_body")
    return endpoint.peek(body)


def _start(head: frames.Head, request: Admit, wishes: Wishes, began: int) -> Event:
    """Return the message that starts the client's answer."""
    headers = [(name.encode(), value.encode("latin-1", "replace")) for name, value in head.headers]
    headers += id_headers(request.request_id, wishes.request_id, request.dialect)
    overhead_ms = max(0.0, (time.perf_counter_ns() - began) / 1e6 - head.provider_us / 1e3)
    lines = b"%bx-litellm-overhead-duration-ms: %.3f\r\n" % (head.lines, overhead_ms)
    if head.stream:
        lines += b"cache-control: no-cache\r\nx-accel-buffering: no\r\n"
    return {"type": "http.response.start", "status": head.status, "headers": headers, LINES: lines}


async def _send_error(
    send: Send, request_id: str, headers: Mapping[bytes, bytes], failure: GatewayError, dialect: str
) -> None:
    ids = id_headers(request_id, headers.get(b"x-request-id", b"")[:ID_MAX], dialect)
    await send_error(send, failure, *ids, dialect=dialect)
