"""POST /chat/completions."""

from typing import Any

import msgspec

from services.edge.peeks.json_body import decoded
from services.edge.peeks.media import text_and_media
from services.edge.peeks.peek import Ours, Peek, Units, peek_of
from services.edge.peeks.provider_tools import live_search_units, plugin_units, tool_units
from shared.errors import InvalidRequest
from shared.payloads.audio import LEAST_BYTES_PER_S

ROUTE = "/chat/completions"


class _Message(msgspec.Struct):
    role: str


class StreamOptions(msgspec.Struct):
    include_usage: bool | None = None


class _Chat(Ours, kw_only=True):
    messages: list[_Message]
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    max_tokens: int | None = None
    max_completion_tokens: int | None = None
    n: int | None = None
    tools: list[Any] | None = None
    web_search_options: Any = None
    search_parameters: Any = None  # xAI's
    plugins: Any = None  # OpenRouter's


_decode = msgspec.json.Decoder(_Chat).decode


def peek_chat(body: bytes) -> Peek:
    """Return what the request asks for.

    Raises:
        InvalidRequest: not JSON (naming the position), a wrong type (naming the field), a number that makes no sense.
    """
    chat = decoded(_decode, body, ROUTE)
    if not chat.messages:
        raise InvalidRequest(f"{ROUTE}: 'messages' must hold at least one message.", param="messages")
    field, max_tokens = "", None
    if chat.max_completion_tokens is not None:
        field, max_tokens = "max_completion_tokens", chat.max_completion_tokens
    elif chat.max_tokens is not None:
        field, max_tokens = "max_tokens", chat.max_tokens
    text_bytes, images = text_and_media(body)
    return peek_of(
        chat,
        ROUTE,
        text_bytes,
        stream=bool(chat.stream),
        include_usage=bool(chat.stream_options and chat.stream_options.include_usage),
        max_tokens=max_tokens,
        max_tokens_field=field,
        n=1 if chat.n is None else chat.n,
        has_tools=bool(chat.tools),
        images=images,
        units=_units(chat, text_bytes) + _recordings(body),
    )


def _recordings(body: bytes) -> Units:
    """Some bill a recording by its seconds, and not by its tokens."""
    return (("audio_input_ms", -(-len(body) * 1000 // LEAST_BYTES_PER_S)),) if b'"input_audio"' in body else ()


def _units(chat: _Chat, text_bytes: int) -> Units:
    live, model = chat.search_parameters, chat.model or ""
    searching = chat.web_search_options is not None
    if not chat.tools and not searching and live is None and chat.plugins is None and not model.endswith(":online"):
        return ()
    units = tool_units(chat.tools, text_bytes, searches=searching) + plugin_units(chat.plugins, model, text_bytes)
    return units if live is None else units + live_search_units(live)
