"""A request's body out of ASGI, bounded."""

from collections.abc import Mapping

from services.edge.http.asgi import Receive
from shared.errors import InvalidRequest, TooLarge


class ClientLeft(Exception):
    """The client went away before its request was complete."""


SETTING = "general_settings.max_request_size_mb"


async def read_request_body(
    receive: Receive, limit: int, headers: Mapping[bytes, bytes], *, setting: str = SETTING
) -> bytes:
    """Return the whole body; `setting` is what raises the limit, "" for nothing.

    Raises:
        TooLarge: more than `limit` bytes, or `headers` announce more: then nothing of it is kept.
        InvalidRequest: it is compressed.
        ClientLeft
    """
    if b"content-encoding" in headers and headers[b"content-encoding"].strip().lower() not in (b"", b"identity"):
        raise _compressed(headers[b"content-encoding"])
    message = await receive()
    if message["type"] == "http.request" and not message.get("more_body"):
        body: bytes = message.get("body", b"")
        if len(body) > limit:
            raise _too_large(limit, setting)
        return body
    announced = headers.get(b"content-length", b"")
    if announced.isdigit() and int(announced[:20]) > limit:
        raise _too_large(limit, setting)
    parts: list[bytes] = []
    size = 0
    while True:
        if message["type"] == "http.disconnect":
            raise ClientLeft
        part = message.get("body", b"")
        size += len(part)
        if size > limit:
            raise _too_large(limit, setting)
        parts.append(part)
        if not message.get("more_body"):
            return b"".join(parts)
        message = await receive()


def _compressed(encoding: bytes) -> InvalidRequest:
    return InvalidRequest(
        f"The request's body is compressed (content-encoding: {encoding.decode('latin-1')[:40]}). Send it as it is.",
        status=415,
        param="content-encoding",
    )


def _too_large(limit: int, setting: str) -> TooLarge:
    size = f"{limit / 1024:g} KB" if limit < 1_048_576 else f"{limit / 1_048_576:g} MB"
    remedy = f"Send less, or raise {setting}" if setting else "Send less"
    return TooLarge(f"The request's body is larger than {size}. {remedy}", param="request_body")
