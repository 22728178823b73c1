"""A failure as HTTP: status, headers and JSON in the caller's dialect. The only place that makes HTTP of one."""

from typing import Any

import orjson

from services.edge.asgi import Send
from shared.errors import GatewayError

Header = tuple[bytes, bytes]


def openai_error(failure: GatewayError) -> dict[str, Any]:
    """Return the body LiteLLM and OpenAI clients understand; `code` is text, as LiteLLM has it."""
    param: str | None = failure.param
    if param is None and failure.type == "auth_error":
        param = "None"  # LiteLLM's own quirk, which clients compare with
    error: dict[str, Any] = {
        "message": failure.message,
        "type": failure.type,
        "param": param,
        "code": str(failure.status),
    }
    if failure.fields:
        error |= failure.fields
    return {"error": error}


def error_body(failure: GatewayError) -> bytes:
    return orjson.dumps(openai_error(failure), default=str)


def error_headers(failure: GatewayError) -> list[Header]:
    if failure.retry_after_s is None:
        return []
    return [(b"retry-after", str(failure.retry_after_s).encode())]


def error_event(failure: GatewayError) -> bytes:
    """Return the event that ends a stream that cannot go on; no [DONE] follows it."""
    return b"data: " + error_body(failure) + b"\n\n"


async def send_error(send: Send, failure: GatewayError, *headers: Header) -> None:
    body = error_body(failure)
    start = [
        (b"content-type", b"application/json"),
        (b"content-length", str(len(body)).encode()),
        *headers,
        *error_headers(failure),
    ]
    await send({"type": "http.response.start", "status": failure.status, "headers": start})
    await send({"type": "http.response.body", "body": body})
