"""POST /v1/responses, OpenAI's API."""

from typing import Any

import msgspec

from services.edge.peeks.json_body import decoded
from services.edge.peeks.media import ESCAPED_ASCII
from services.edge.peeks.peek import Ours, Peek, peek_of
from services.edge.peeks.provider_tools import tool_units
from shared.errors import InvalidRequest

ROUTE, COUNT_ROUTE = "/responses", "/responses/input_tokens"


class _Responses(Ours, kw_only=True):
    input: str | list[Any] | None = None
    instructions: str | None = None
    prompt: dict[str, Any] | None = None
    stream: bool | None = None
    max_output_tokens: int | None = None
    max_tool_calls: int | None = None
    tools: list[Any] | None = None
    conversation: Any = None
    previous_response_id: str | None = None
    store: bool | None = None


class _Item(msgspec.Struct):
    content: msgspec.Raw = msgspec.Raw()
    output: msgspec.Raw = msgspec.Raw()


class _Items(msgspec.Struct):
    input: msgspec.Raw = msgspec.Raw()


_decode = msgspec.json.Decoder(_Responses).decode
_decode_input = msgspec.json.Decoder(_Items).decode
_items = msgspec.json.Decoder(list[_Item]).decode
_parts = msgspec.json.Decoder(list[dict[str, msgspec.Raw]]).decode


def peek_responses(body: bytes) -> Peek:
    """Return what the request asks for.

    Raises:
        InvalidRequest
    """
    return _peek(body, ROUTE)


def peek_input_tokens(body: bytes) -> Peek:
    """The same where only the input's tokens are asked for: nothing is written, and no tool runs.

    Raises:
        InvalidRequest
    """
    peek = _peek(body, COUNT_ROUTE)
    return msgspec.structs.replace(peek, stream=False, max_tokens=None, max_tokens_field="", units=())


def _peek(body: bytes, route: str) -> Peek:
    asked = decoded(_decode, body, route)
    if asked.conversation is not None:
        raise InvalidRequest(
            f"{route}: 'conversation' is not served: go on from a response by 'previous_response_id'.",
            param="conversation",
        )
    if not asked.input and not asked.prompt and not asked.previous_response_id:
        raise InvalidRequest(f"{route}: Missing required parameter: 'input'.", param="input")
    text_bytes, images = _text_and_images(body)
    return peek_of(
        asked,
        route,
        text_bytes,
        stream=bool(asked.stream),
        max_tokens=asked.max_output_tokens,
        max_tokens_field="" if asked.max_output_tokens is None else "max_output_tokens",
        has_tools=bool(asked.tools),
        images=images,
        units=tool_units(asked.tools, text_bytes, runs_max=asked.max_tool_calls) if asked.tools else (),
    )


def _text_and_images(body: bytes) -> tuple[int, int]:
    """Return how many bytes can be text, and how many parts are images or files; an image's bytes are taken out."""
    if (
        b'"input_image"' not in body
        and b'"input_file"' not in body
        and b'"image_url"' not in body
        and (b"\\u00" not in body or not ESCAPED_ASCII.search(body))
    ):
        return len(body), 0
    given = _decode_input(body).input
    if bytes(memoryview(given)[:1]) != b"[":
        return len(body), 0
    taken = pieces = 0
    try:
        items = _items(given)
    except msgspec.ValidationError:
        return len(body), 0  # items nobody expects: their provider will refuse them
    for item in items:
        for content in (item.content, item.output):
            if bytes(memoryview(content)[:1]) != b"[":
                continue
            try:
                parts = _parts(content)
            except msgspec.ValidationError:
                continue
            for part in parts:
                pieces += bool(part.keys() & {"image_url", "file_id", "file_url", "file_data"})
                taken += len(part.get("image_url", b""))
    return len(body) - taken, pieces
