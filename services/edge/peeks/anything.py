"""The body of a call that goes to a provider as it is: what can be told of it, whatever its API."""

from typing import Any

import msgspec

from services.edge.peeks.audio import LEAST_MS
from services.edge.peeks.form import count_of, is_true, text_of, texts_bytes
from services.edge.peeks.media import READ_PIXELS_MAX, media_in_any_form
from services.edge.peeks.message_threads import refuse_thread
from services.edge.peeks.peek import Ours, Peek, Units, peek_of
from services.edge.peeks.provider_tools import live_search_units, plugin_units, tool_units
from services.edge.peeks.rerank import search_units
from shared.errors import InvalidRequest
from shared.payloads.audio import duration_bound_ms
from shared.payloads.forms import Field
from shared.payloads.picture_sizes import MOST, pixels_of

ROUTE = "pass-through"
PAGES_MAX = 1_000
"""Of a document that Mistral reads. https://docs.mistral.ai/capabilities/document_ai/basic_ocr/"""


class _Nested(msgspec.Struct, rename="camel"):
    max_output_tokens: int | None = None
    max_tokens: int | None = None


class _Within(msgspec.Struct):
    """Of Gemini's interactions, and of Mistral's conversations."""

    max_output_tokens: int | None = None
    max_tokens: int | None = None


class _Anything(msgspec.Struct):
    """Maxima of OpenAI, Anthropic, OpenAI's responses, Gemini, Bedrock. Fields of other types say nothing."""

    model: str | None = None
    stream: bool | None = None
    n: int | None = None
    max_tokens: int | None = None
    max_completion_tokens: int | None = None
    max_output_tokens: int | None = None
    generation_config: _Nested | None = msgspec.field(default=None, name="generationConfig")
    completion_args: _Within | None = None
    config: _Within | None = msgspec.field(default=None, name="generation_config")
    inference_config: _Nested | None = msgspec.field(default=None, name="inferenceConfig")
    user: str | None = None
    tools: Any = None
    max_tool_calls: Any = None
    web_search_options: Any = None
    search_parameters: Any = None
    plugins: Any = None
    service_tier: Any = None
    serviceTier: Any = None
    speed: Any = None
    size: Any = None
    document: Any = None  # of Mistral's OCR
    documents: Any = None  # of a reranker
    query: Any = None
    thread: Any = None  # of Anthropic's messages; OpenAI's runs have another


_decode = msgspec.json.Decoder(_Anything).decode


def peek_anything(body: bytes, *, streams: bool = False) -> Peek:
    """Return what can be told: of a body that is no JSON object, its size alone.

    `streams`: a stream is what such a call asks for unless its body says otherwise.

    Raises:
        InvalidRequest: a number that makes no sense.
    """
    try:
        asked = _decode(body) if body.lstrip().startswith(b"{") else _Anything()
    except msgspec.DecodeError as error:
        raise InvalidRequest(f"{ROUTE}: the body cannot be read: {error}", param="request_body") from error
    refuse_thread(asked.thread, ROUTE, of_any_api=True)
    ours = Ours(model=asked.model, user=asked.user, service_tier=_tier(asked), speed=asked.speed)
    n = 1 if asked.n is None else asked.n
    images = media_in_any_form(body)
    pixels = max(n * (pixels_of(asked.size) or MOST), images * READ_PIXELS_MAX)
    return peek_of(
        ours,
        ROUTE,
        len(body),
        stream=streams if asked.stream is None else asked.stream,
        max_tokens=_most(asked),
        max_tokens_field="max_tokens",
        n=n,
        has_tools=bool(asked.tools),
        images=images,
        units=(*_units(asked, body), ("images", n), ("pixels", pixels)),
    )


def peek_any_form(fields: tuple[Field, ...], _: int, *, streams: bool = False) -> Peek:
    files = sum(field.filename is not None for field in fields)
    ours = Ours(model=text_of(fields, "model"), user=text_of(fields, "user"))
    sent = b"".join(field.value for field in fields if field.filename is not None)
    return peek_of(
        ours,
        ROUTE,
        texts_bytes(fields),
        stream=streams or is_true(fields, "stream"),
        images=files,
        units=(
            ("audio_input_ms", max(LEAST_MS, duration_bound_ms(sent))),
            ("images", count_of(fields, "n", ROUTE) or 1),
        ),
    )


def _tier(asked: _Anything) -> Any:
    """Bedrock's is an object."""
    said = asked.service_tier if asked.serviceTier is None else asked.serviceTier
    return said.get("type") if isinstance(said, dict) else said


def _units(asked: _Anything, body: bytes) -> Units:
    """Return what any API bills by other units than tokens; a unit that the model has no price for costs nothing."""
    searches = asked.web_search_options is not None
    units = tool_units(asked.tools, len(body), runs_max=asked.max_tool_calls, searches=searches)
    units += plugin_units(asked.plugins, asked.model or "", len(body))
    if asked.search_parameters is not None:
        units += live_search_units(asked.search_parameters)
    if asked.document is not None:
        units += (("pages", PAGES_MAX), ("annotated_pages", PAGES_MAX))
    if isinstance(asked.documents, list) and isinstance(asked.query, str):
        units += (("search_units", search_units(asked.query, asked.documents, len(body))),)
    return (*units, ("input_characters", len(body)))


def _most(asked: _Anything) -> int | None:
    found = [asked.max_tokens, asked.max_completion_tokens, asked.max_output_tokens]
    for nested in (asked.generation_config, asked.inference_config, asked.config, asked.completion_args):
        if nested is not None:
            found += [nested.max_output_tokens, nested.max_tokens]
    return max((most for most in found if most is not None), default=None)
