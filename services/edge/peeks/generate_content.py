"""POST /v1beta/models/{model}:generateContent, streamGenerateContent and countTokens, Google's API."""

from typing import Any

import msgspec

from services.edge.peeks.json_body import decoded
from services.edge.peeks.media import ESCAPED_ASCII
from services.edge.peeks.peek import Ours, Peek, peek_of, within
from services.edge.peeks.provider_tools import tool_units
from shared.errors import InvalidRequest

ROUTE, STREAM_ROUTE, COUNT_ROUTE = "generateContent", "streamGenerateContent", "countTokens"


class _Config(msgspec.Struct):
    maxOutputTokens: int | None = None
    max_output_tokens: int | None = None
    candidateCount: int | None = None
    candidate_count: int | None = None


class _Generate(Ours, kw_only=True):
    contents: str | dict[str, Any] | list[Any] | None = None
    generationConfig: _Config | None = None
    generation_config: _Config | None = None
    tools: Any = None
    serviceTier: Any = None
    generateContentRequest: dict[str, Any] | None = None
    generate_content_request: dict[str, Any] | None = None


_decode = msgspec.json.Decoder(_Generate).decode
_decode_raw = msgspec.json.Decoder(msgspec.Raw).decode
_object = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_list = msgspec.json.Decoder(list[msgspec.Raw]).decode
_MEDIA = (b'"inlineData"', b'"inline_data"', b'"fileData"', b'"file_data"')


def peek_generate(body: bytes) -> Peek:
    """Return what the request asks for.

    Raises:
        InvalidRequest
    """
    return _peek(body, ROUTE)


def peek_stream_generate(body: bytes) -> Peek:
    """The same, streamed: the path says so.

    Raises:
        InvalidRequest
    """
    return _peek(body, STREAM_ROUTE, stream=True)


def peek_count_contents(body: bytes) -> Peek:
    """The same; nothing is written.

    Raises:
        InvalidRequest
    """
    return _peek(body, COUNT_ROUTE)


def _peek(body: bytes, route: str, *, stream: bool = False) -> Peek:
    asked = decoded(_decode, body, route)
    if not asked.contents and not asked.generateContentRequest and not asked.generate_content_request:
        raise InvalidRequest(f"{route}: Missing required parameter: 'contents'.", param="contents")
    config = asked.generationConfig or asked.generation_config or _Config()
    most = config.maxOutputTokens if config.maxOutputTokens is not None else config.max_output_tokens
    count = config.candidateCount if config.candidateCount is not None else config.candidate_count
    if count is not None:
        within(1, count, "candidateCount", route)
    text_bytes, images = _text_and_media(body)
    if asked.service_tier is None:
        asked.service_tier = asked.serviceTier
    return peek_of(
        asked,
        route,
        text_bytes,
        stream=stream,
        max_tokens=most,
        max_tokens_field="" if most is None else "maxOutputTokens",
        n=1 if count is None else count,
        has_tools=bool(asked.tools),
        images=images,
        units=tool_units(asked.tools, text_bytes) if asked.tools else (),
    )


def _text_and_media(body: bytes) -> tuple[int, int]:
    """Return how many bytes can be text, and how many parts are media; the bytes of an image are taken out."""
    if not any(name in body for name in _MEDIA) and (b"\\u00" not in body or not ESCAPED_ASCII.search(body)):
        return len(body), 0
    taken = pieces = 0
    for part in _parts_in(body):
        for name in ("inlineData", "inline_data", "fileData", "file_data"):
            if name not in part:
                continue
            pieces += 1
            media = _fields(part[name])
            kind = bytes(media.get("mimeType") or media.get("mime_type") or b"")
            taken += len(media.get("data", b"")) if kind.startswith((b'"image/', b'"audio/')) else 0
    return len(body) - taken, pieces


def _parts_in(body: bytes) -> list[dict[str, msgspec.Raw]]:
    found = []
    for content in _each(_fields(_decode_raw(body)).get("contents")):
        found += [_fields(part) for part in _each(_fields(content).get("parts"))]
    return found


def _each(raw: msgspec.Raw | None) -> list[msgspec.Raw]:
    """Return the values of a list; Google takes a single one for a list."""
    if raw is None:
        return []
    return _list(raw) if bytes(memoryview(raw)[:1]) == b"[" else [raw]


def _fields(raw: msgspec.Raw) -> dict[str, msgspec.Raw]:
    return _object(raw) if bytes(memoryview(raw)[:1]) == b"{" else {}
