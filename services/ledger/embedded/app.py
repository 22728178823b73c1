"""ClickHouse's HTTP interface as a bare ASGI application. Nothing here blocks: the engine is asked from threads."""

import asyncio
import contextlib
import functools
import time
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from concurrent.futures import Executor
from typing import Any

import orjson

from services.ledger.embedded.bodies import too_large
from services.ledger.embedded.credentials import Credentials
from services.ledger.embedded.engine import Engine
from services.ledger.embedded.execute import Answer, execute, prepare
from services.ledger.embedded.failure import QueryFailed
from services.ledger.embedded.form import is_form, read_form
from services.ledger.embedded.lanes import Lane
from services.ledger.embedded.request import Request, read_fields, read_request
from services.ledger.embedded.sessions import Sessions
from services.ledger.embedded.sizing import Sizing
from services.ledger.embedded.statement import Kind, Statement

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
_Headers = list[tuple[bytes, bytes]]

_PIECE_BYTES = 256 * 1024
_PREPARE_HERE_BYTES = 16 * 1024  # a larger or packed body is unpacked and read in a thread
_DISPLAY_NAME = b"meterhouse"


class _ClientGone(Exception):
    """The client closed the connection before it had sent everything."""


class App:
    """One instance for one engine."""

    def __init__(self, engine: Engine, credentials: Credentials, sizing: Sizing, threads: Executor) -> None:
        """`threads` needs as many workers as there are slots, and a few more to prepare and to cancel."""
        self._engine = engine
        self._credentials = credentials
        self._sizing = sizing
        self._threads = threads
        self._sessions = Sessions()
        lane = functools.partial(Lane, waiting=sizing.waiting, wait_s=sizing.wait_s)
        self._queries = lane("queries", slots=sizing.query_slots)
        self._inserts = lane("inserts", slots=sizing.insert_slots)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        method, path = scope["method"], scope["path"]
        fields = read_fields(scope["query_string"])
        if method not in ("GET", "HEAD", "POST"):
            await _send(send, 405, [(b"allow", b"GET, HEAD, POST")], b"Use GET or POST.\n")
        elif path in ("/ping", "/replicas_status") or (path == "/" and method != "POST" and "query" not in fields):
            await _send(send, 200, [], b"Ok.\n" if method != "HEAD" else b"")
        elif path != "/":
            await _send(send, 404, [], f"There is no handle {path}: queries go to /\n".encode())
        else:
            with contextlib.suppress(_ClientGone):
                await self._answer(method, fields, dict(scope["headers"]), receive, send)

    async def _answer(
        self, method: str, fields: dict[str, str], headers: Mapping[bytes, bytes], receive: Receive, send: Send
    ) -> None:
        common: _Headers = [
            (b"x-clickhouse-server-display-name", _DISPLAY_NAME),
            (b"x-clickhouse-timezone", self._engine.timezone.encode()),
        ]
        try:
            self._credentials.check(headers, fields)
            body = await self._body(headers, receive)
            content_type = headers.get(b"content-type", b"").decode("latin-1")
            if is_form(content_type):
                fields |= read_form(content_type, body)
                body = b""
            request = read_request(method, fields, headers)
            common.append((b"x-clickhouse-query-id", request.query_id.encode("utf-8", "replace")))
            answer = await self._run(request, body, headers, receive)
        except QueryFailed as failure:
            await self._send_failure(send, failure, common)
            return
        common.append((b"x-clickhouse-summary", orjson.dumps(answer.summary)))
        if answer.format:
            common.append((b"x-clickhouse-format", answer.format.encode()))
        if answer.encoding:
            common.append((b"content-encoding", answer.encoding.encode()))
        await _send(send, 200, common, answer.body)

    async def _body(self, headers: Mapping[bytes, bytes], receive: Receive) -> bytes:
        limit = self._sizing.body_bytes
        length = headers.get(b"content-length", b"")
        if length.isdigit() and int(length) > limit:
            raise too_large(limit)
        parts: list[bytes] = []
        size = 0
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                raise _ClientGone
            part: bytes = message.get("body", b"")
            size += len(part)
            if size > limit:
                raise too_large(limit)
            parts.append(part)
            if not message.get("more_body"):
                return parts[0] if len(parts) == 1 else b"".join(parts)

    async def _run(self, request: Request, body: bytes, headers: Mapping[bytes, bytes], receive: Receive) -> Answer:
        encoding = headers.get(b"content-encoding", b"").decode("latin-1").strip().lower()
        work = functools.partial(prepare, request, body, encoding, limit_bytes=self._sizing.body_bytes)
        here = len(body) <= _PREPARE_HERE_BYTES and encoding in ("", "identity")
        statement, text = work() if here else await self._in_thread(work)
        del body, work
        now = time.monotonic()
        session = self._sessions.statements(
            request.session_id, timeout_s=request.session_timeout_s, must_exist=request.session_check, now=now
        )
        lane = self._inserts if statement.kind is Kind.LOAD else self._queries
        async with lane.slot():
            running = self._in_thread(execute, self._engine, request, statement, text, session, self._sizing)
            if request.cancel_on_leave and statement.kind is Kind.SELECT:
                answer = await self._unless_gone(running, request.query_id, receive)
            else:
                answer = await running
        self._remember(request, statement)
        return answer

    def _in_thread(self, work: Callable[..., Any], *arguments: Any) -> asyncio.Future[Any]:
        return asyncio.get_running_loop().run_in_executor(self._threads, work, *arguments)

    async def _unless_gone(self, running: asyncio.Future[Answer], query_id: str, receive: Receive) -> Answer:
        """Wait for the answer; when the client leaves, stop the query. Its slot is free once it has stopped."""
        leaving = asyncio.ensure_future(receive())
        try:
            await asyncio.wait((running, leaving), return_when=asyncio.FIRST_COMPLETED)
            if not running.done():
                await self._in_thread(self._engine.cancel, query_id)
            return await running
        finally:
            leaving.cancel()

    def _remember(self, request: Request, statement: Statement) -> None:
        if request.session_id and statement.kind is Kind.SESSION:
            timeout_s = request.session_timeout_s
            self._sessions.remember(request.session_id, statement.sql, timeout_s=timeout_s, now=time.monotonic())

    async def _send_failure(self, send: Send, failure: QueryFailed, headers: _Headers) -> None:
        headers.append((b"x-clickhouse-exception-code", str(failure.code).encode()))
        if failure.status == 401:
            headers.append((b"www-authenticate", b'Basic realm="ClickHouse server HTTP API"'))
        if failure.status in (401, 403, 413):
            headers.append((b"connection", b"close"))  # the body may not have been read
        text = f"{failure.text} (version {self._engine.version})\n"
        await _send(send, failure.status, headers, text.encode("utf-8", "replace"))


async def _send(send: Send, status: int, headers: _Headers, body: bytes) -> None:
    kind = (b"content-type", b"text/plain; charset=UTF-8")
    length = (b"content-length", str(len(body)).encode())
    await send({"type": "http.response.start", "status": status, "headers": [kind, length, *headers]})
    for start in range(0, max(len(body), 1), _PIECE_BYTES):
        end = start + _PIECE_BYTES
        await send({"type": "http.response.body", "body": body[start:end], "more_body": end < len(body)})
