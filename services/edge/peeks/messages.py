"""POST /v1/messages and /v1/messages/count_tokens, Anthropic's API."""

from collections.abc import Callable
from typing import Any

import msgspec

from services.edge.peeks.json_body import decoded
from services.edge.peeks.media import ESCAPED_ASCII
from services.edge.peeks.message_threads import refuse_thread
from services.edge.peeks.peek import Ours, Peek, Units, peek_of
from services.edge.peeks.provider_tools import tool_units
from shared.errors import InvalidRequest

ROUTE = "/v1/messages"
COUNT_ROUTE = f"{ROUTE}/count_tokens"
SUMMARY_TOKENS = 20_000
"""Of a compaction: no bound is published, the documented example has 3,500.
https://platform.claude.com/docs/en/build-with-claude/compaction"""


class _Message(msgspec.Struct):
    role: str


class _Counted(Ours, kw_only=True):
    messages: list[_Message]
    tools: list[Any] | None = None
    context_management: Any = None
    thread: Any = None


class _Messages(_Counted, kw_only=True):
    max_tokens: int
    stream: bool | None = None


class _Turn(msgspec.Struct):
    content: msgspec.Raw = msgspec.Raw()


class _Conversation(msgspec.Struct):
    messages: list[_Turn]


_decode = msgspec.json.Decoder(_Messages).decode
_decode_counted = msgspec.json.Decoder(_Counted).decode
_turns = msgspec.json.Decoder(_Conversation).decode
_blocks = msgspec.json.Decoder(list[dict[str, msgspec.Raw]]).decode
_word: Callable[[msgspec.Raw], Any] = msgspec.json.Decoder().decode


def peek_messages(body: bytes) -> Peek:
    """Return what the request asks for.

    Raises:
        InvalidRequest
    """
    asked = decoded(_decode, body, ROUTE)
    return _peek(
        asked, body, ROUTE, stream=bool(asked.stream), max_tokens=asked.max_tokens, max_tokens_field="max_tokens"
    )


def peek_count_tokens(body: bytes) -> Peek:
    """The same without a maximum: nothing is written.

    Raises:
        InvalidRequest
    """
    return _peek(decoded(_decode_counted, body, COUNT_ROUTE), body, COUNT_ROUTE)


def _peek(
    asked: _Counted,
    body: bytes,
    route: str,
    *,
    stream: bool = False,
    max_tokens: int | None = None,
    max_tokens_field: str = "",
) -> Peek:
    refuse_thread(asked.thread, route)
    if not asked.messages:
        raise InvalidRequest(f"{route}: 'messages' must hold at least one message.", param="messages")
    user = (asked.metadata or {}).get("user_id")
    text_bytes, images = _text_and_images(body)
    return peek_of(
        asked,
        route,
        text_bytes,
        stream=stream,
        max_tokens=max_tokens,
        max_tokens_field=max_tokens_field,
        user=user if isinstance(user, str) else None,
        has_tools=bool(asked.tools),
        images=images,
        units=_units(asked, text_bytes) if asked.tools or asked.context_management is not None else (),
    )


def _units(asked: _Counted, text_bytes: int) -> Units:
    """A compaction reads the conversation once more and writes a summary, beside the answer."""
    units = tool_units(asked.tools, text_bytes)
    if asked.context_management is None:
        return units
    return (*units, ("input", text_bytes), ("output", SUMMARY_TOKENS))


def _text_and_images(body: bytes) -> tuple[int, int]:
    """Return how many bytes can be text, and how many blocks are images or documents.

    The bytes of an image say nothing of its tokens and are taken out; a document's stay, its tokens grow with them.
    """
    plain = b'"image"' not in body and b'"document"' not in body
    if plain and (b"\\u00" not in body or not ESCAPED_ASCII.search(body)):
        return len(body), 0
    taken = pieces = 0
    waiting = [turn.content for turn in _turns(body).messages]
    while waiting:
        content = waiting.pop()
        if bytes(memoryview(content)[:1]) != b"[":
            continue
        try:
            blocks = _blocks(content)
        except msgspec.ValidationError:
            continue  # no list of blocks: it counts as text, and its provider will refuse it
        for block in blocks:
            kind = _word(block["type"]) if "type" in block else None
            if kind in ("image", "document"):
                pieces += 1
                taken += len(block.get("source", b"")) if kind == "image" else 0
            elif kind == "tool_result" and "content" in block:
                waiting.append(block["content"])
    return len(body) - taken, pieces
