"""What edge must know of a chat request, read without building the body: it travels on as the bytes that came."""

import re
from typing import Any, NamedTuple

import msgspec
import orjson

from services.edge.media import text_and_media
from shared.errors import InvalidRequest

_ROUTE = "/chat/completions"
NUMBER_MAX = 2_147_483_647
RETRIES_MAX = 100
NAME_MAX = 2_000
"""Characters of a model's or user's name: it stands in every fact of the request."""
NAMES_MAX = 16_000
"""Characters of all tags, and of all guardrails' names."""


class _Message(msgspec.Struct):
    role: str


class _StreamOptions(msgspec.Struct):
    include_usage: bool | None = None


class _Chat(msgspec.Struct):
    messages: list[_Message]
    model: str | None = None
    stream: bool | None = None
    stream_options: _StreamOptions | None = None
    max_tokens: int | None = None
    max_completion_tokens: int | None = None
    n: int | None = None
    user: str | None = None
    tools: list[Any] | None = None
    tags: list[str] | None = None
    metadata: dict[str, Any] | None = None
    guardrails: list[Any] | None = None
    num_retries: int | None = None
    timeout: float | None = None
    disable_fallbacks: bool | None = None


class Peek(NamedTuple):
    """`text_bytes` bounds the tokens of the text; `images` counts images and other media."""

    model: str | None
    stream: bool
    include_usage: bool
    max_tokens: int | None
    max_tokens_field: str
    n: int
    user: str
    has_tools: bool
    tags: tuple[str, ...]
    guardrails: tuple[str, ...]
    metadata: dict[str, Any] | None
    num_retries: int | None
    timeout_s: float | None
    disable_fallbacks: bool
    text_bytes: int
    images: int


_decode = msgspec.json.Decoder(_Chat).decode
_AT = re.compile(r"^(?P<problem>.*) - at `\$(?P<path>.*)`$")
_MISSING = re.compile(r"Object missing required field `(?P<field>\w+)`(?: - at `\$(?P<path>.*)`)?")


def peek_chat(body: bytes) -> Peek:
    """Return what the request asks for.

    Raises:
        InvalidRequest: not JSON (naming the position), a wrong type (naming the field), a number that makes no sense.
    """
    chat = _decoded(body)
    if not chat.messages:
        raise InvalidRequest(f"{_ROUTE}: 'messages' must hold at least one message.", param="messages")
    field, max_tokens = "", None
    if chat.max_completion_tokens is not None:
        field, max_tokens = "max_completion_tokens", chat.max_completion_tokens
    elif chat.max_tokens is not None:
        field, max_tokens = "max_tokens", chat.max_tokens
    if max_tokens is not None:
        _within(1, max_tokens, field)
    if chat.n is not None:
        _within(1, chat.n, "n")
    if chat.num_retries is not None:
        _within(0, chat.num_retries, "num_retries", RETRIES_MAX)
    if chat.timeout is not None and chat.timeout <= 0:
        raise InvalidRequest(f"{_ROUTE}: 'timeout' must be more than 0 seconds.", param="timeout")
    model, user = chat.model, chat.user or ""
    if model is not None and len(model) > NAME_MAX:
        raise _too_long("model", NAME_MAX)
    if len(user) > NAME_MAX:
        raise _too_long("user", NAME_MAX)
    text_bytes, images = text_and_media(body)
    metadata = chat.metadata or {}
    return Peek(
        model,
        bool(chat.stream),
        bool(chat.stream_options and chat.stream_options.include_usage),
        max_tokens,
        field,
        chat.n or 1,
        user,
        bool(chat.tools),
        _tags(chat.tags, metadata) if chat.tags or metadata else (),
        _guardrail_names(chat.guardrails) if chat.guardrails else (),
        _logged_metadata(metadata),
        chat.num_retries,
        chat.timeout,
        bool(chat.disable_fallbacks),
        text_bytes,
        images,
    )


def _decoded(body: bytes) -> _Chat:
    try:
        chat = _decode(body)
        if not body.isascii():
            body.decode()  # the decoder looks into no text that it skips, but whoever reads the body next does
        return chat
    except msgspec.ValidationError as error:
        raise _wrong_field(str(error)) from error
    except msgspec.DecodeError as error:
        raise InvalidRequest(f"Invalid JSON payload: {_position(body, str(error))}", param="request_body") from error
    except UnicodeDecodeError:
        raise InvalidRequest(f"Invalid JSON payload: {_not_utf8(body)}", param="request_body") from None
    except RecursionError:
        raise InvalidRequest("Invalid JSON payload: it is nested too deeply", param="request_body") from None


def _position(body: bytes, problem: str) -> str:
    """Say what is wrong and where: the decoder does not say where a body ends too early."""
    if not body:
        return "the body is empty"
    try:
        orjson.loads(body)
    except orjson.JSONDecodeError as error:
        return str(error)
    return problem


def _not_utf8(body: bytes) -> str:
    try:
        body.decode()
    except UnicodeDecodeError as error:
        return f"it is not UTF-8: {error.reason} (byte {error.start})"
    return "it is not UTF-8"


def _within(least: int, value: int, field: str, most: int = NUMBER_MAX) -> None:
    if not least <= value <= most:
        bound = f"at least {least}" if value < least else f"at most {most}"
        raise InvalidRequest(f"{_ROUTE}: '{field}' must be {bound}.", param=field)


def _too_long(field: str, most: int) -> InvalidRequest:
    return InvalidRequest(f"{_ROUTE}: '{field}' must have at most {most} characters.", param=field)


def _tags(tags: list[str] | None, metadata: dict[str, Any]) -> tuple[str, ...]:
    """Return what stands in LiteLLM's two places for tags; what is no text in `metadata` is none."""
    more = metadata.get("tags")
    found = (*(tags or ()), *(tag for tag in (more if isinstance(more, list) else ()) if isinstance(tag, str)))
    if sum(map(len, found)) > NAMES_MAX:
        raise _too_long("tags", NAMES_MAX)
    return found


def _guardrail_names(guardrails: list[Any]) -> tuple[str, ...]:
    names = []
    for entry in guardrails:
        names.extend([entry] if isinstance(entry, str) else list(entry) if isinstance(entry, dict) else [])
    if sum(map(len, names)) > NAMES_MAX:
        raise _too_long("guardrails", NAMES_MAX)
    return tuple(names)


def _logged_metadata(metadata: dict[str, Any]) -> dict[str, Any] | None:
    logged = metadata.get("spend_logs_metadata")
    return logged if isinstance(logged, dict) else None


def _wrong_field(problem: str) -> InvalidRequest:
    missing = _MISSING.match(problem)
    if missing:
        field = _path(missing["path"] or "", missing["field"])
        return InvalidRequest(f"{_ROUTE}: Missing required parameter: '{field}'.", param=field)
    at = _AT.match(problem)
    if at:
        field = _path(at["path"], "")
        return InvalidRequest(f"{_ROUTE}: '{field}': {at['problem']}.", param=field)
    return InvalidRequest(f"{_ROUTE}: the body must be a JSON object: {problem}.", param="request_body")


def _path(path: str, field: str) -> str:
    return ".".join(part for part in (path.lstrip("."), field) if part)
