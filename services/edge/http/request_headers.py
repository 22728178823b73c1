"""What a client may wish by headers, as LiteLLM names them."""

import math
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

import orjson

from services.edge.peeks.peek import RETRIES_MAX
from shared.errors import InvalidRequest

ID_MAX = 200
USER_AGENT_MAX = 1_000
NAME_MAX = 2_000
TAGS_MAX = 16_000
METADATA_MAX = 64 * 1024
"""Bytes. What a client names stands in every fact of its request, and a fact must fit into one message."""


class Wishes(NamedTuple):
    request_id: bytes
    user_agent: str
    session_id: str
    end_user: str
    tags: tuple[str, ...]
    num_retries: int | None
    timeout_s: float | None
    metadata: bytes  # JSON object or b""

    def metadata_json(self, in_body: dict[str, Any] | None) -> bytes:
        """Return the client's spend_logs_metadata: the header's, else the body's.

        Raises:
            InvalidRequest: it cannot be kept.
        """
        if self.metadata:
            return self.metadata
        return _as_json(in_body, "metadata.spend_logs_metadata") if in_body else b""


END_USER_HEADERS = (b"x-litellm-end-user-id", b"x-litellm-customer-id")


def wishes_in(headers: Mapping[bytes, bytes], end_user_headers: Iterable[bytes] = END_USER_HEADERS) -> Wishes:
    """Return the wishes. Of the headers that may name an end user the first one counts that does.

    Raises:
        InvalidRequest: one of them cannot be read.
    """
    get = headers.get
    tags, metadata = get(b"x-litellm-tags"), get(b"x-litellm-spend-logs-metadata")
    retries, timeout = get(b"x-litellm-num-retries"), get(b"x-litellm-timeout")
    session = get(b"x-litellm-session-id") or get(b"x-litellm-trace-id")
    named = next((name for name in end_user_headers if get(name, b"").strip()), None)
    return Wishes(
        get(b"x-request-id", b"")[:ID_MAX],
        get(b"user-agent", b"")[:USER_AGENT_MAX].decode("latin-1"),
        _text(session, NAME_MAX, "x-litellm-session-id") if session else "",
        _text(headers[named].strip(), NAME_MAX, named.decode()) if named is not None else "",
        _tags(tags) if tags else (),
        _retries(retries, "x-litellm-num-retries") if retries is not None else None,
        _positive(timeout, "x-litellm-timeout") if timeout is not None else None,
        _object(metadata, "x-litellm-spend-logs-metadata") if metadata else b"",
    )


def _text(value: bytes, most: int, name: str) -> str:
    if len(value) > most:
        raise InvalidRequest(f"The header {name} must have at most {most} bytes.", param=name)
    try:
        return value.decode()
    except UnicodeDecodeError:
        return value.decode("latin-1")


def _tags(value: bytes) -> tuple[str, ...]:
    return tuple(tag.strip() for tag in _text(value, TAGS_MAX, "x-litellm-tags").split(",") if tag.strip())


def _retries(value: bytes, name: str) -> int:
    must = f"a whole number from 0 to {RETRIES_MAX}"
    number = _number(value, name, must, least=0)
    if number != int(number) or number > RETRIES_MAX:
        raise InvalidRequest(f"The header {name} must be {must}.", param=name)
    return int(number)


def _positive(value: bytes, name: str) -> float:
    return _number(value, name, "a number of more than 0 seconds", least=math.nextafter(0, 1))


def _number(value: bytes, name: str, must: str, *, least: float) -> float:
    try:
        number = float(value)
    except ValueError:
        number = math.nan
    if not least <= number < math.inf:
        raise InvalidRequest(f"The header {name} must be {must}.", param=name)
    return number


def _object(value: bytes, name: str) -> bytes:
    try:
        found = orjson.loads(value)
    except orjson.JSONDecodeError:
        found = None
    if not isinstance(found, dict):
        raise InvalidRequest(f"The header {name} must be a JSON object.", param=name)
    return _as_json(found, name)


def _as_json(fields: dict[str, Any], name: str) -> bytes:
    try:
        written = orjson.dumps(fields)
    except TypeError as error:  # nested too deeply, or an integer of more than 64 bits
        raise InvalidRequest(f"{name} cannot be kept: {error}", param=name) from None
    if len(written) > METADATA_MAX:
        raise InvalidRequest(f"{name} must have at most {METADATA_MAX} bytes as JSON.", param=name)
    return written
