"""A failure as HTTP: status, headers and JSON in the caller's dialect. The only place that makes HTTP of one."""

from collections.abc import Callable
from typing import Any, NamedTuple

import orjson

from services.edge.http.asgi import Send
from services.edge.http.error_dialects import anthropic_error, gemini_error, openai_error
from shared.errors import GatewayError

Header = tuple[bytes, bytes]


class _Dialect(NamedTuple):
    """`before_event` stands before the JSON in a stream's last event; `id_header` is where clients look for an id."""

    body: Callable[[GatewayError], dict[str, Any]]
    before_event: bytes
    id_header: bytes | None


_DIALECTS = {
    "openai": _Dialect(openai_error, b"data: ", None),
    "anthropic": _Dialect(anthropic_error, b"event: error\ndata: ", b"request-id"),
    "gemini": _Dialect(gemini_error, b"data: ", None),
}


def error_body(failure: GatewayError, dialect: str = "openai") -> bytes:
    return orjson.dumps(_DIALECTS[dialect].body(failure), default=str)


def error_headers(failure: GatewayError) -> list[Header]:
    headers = [(name.encode(), value.encode("latin-1", "replace")) for name, value in failure.headers]
    if failure.retry_after_s is not None:
        headers.append((b"retry-after", str(failure.retry_after_s).encode()))
    return headers


def id_headers(request_id: str, clients: bytes, dialect: str) -> list[Header]:
    """Return the headers that name a request; `clients` is the id that the client gave it, or b""."""
    ours = request_id.encode()
    headers = [(b"x-request-id", clients or ours), (b"x-litellm-call-id", ours)]
    own = _DIALECTS[dialect].id_header
    return [*headers, (own, ours)] if own is not None else headers


def error_event(failure: GatewayError, dialect: str = "openai") -> bytes:
    """Return the event that ends a stream that cannot go on; nothing that stands for its good end follows it."""
    return _DIALECTS[dialect].before_event + error_body(failure, dialect) + b"\n\n"


async def send_error(send: Send, failure: GatewayError, *headers: Header, dialect: str = "openai") -> None:
    body = error_body(failure, dialect)
    start = [
        (b"content-type", b"application/json"),
        (b"content-length", str(len(body)).encode()),
        *headers,
        *error_headers(failure),
    ]
    await send({"type": "http.response.start", "status": failure.status, "headers": start})
    await send({"type": "http.response.body", "body": body})
