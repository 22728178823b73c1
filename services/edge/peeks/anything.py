"""The body of a call that goes to a provider as it is: what can be told of it, whatever its API."""

from typing import Any

import msgspec

from services.edge.peeks.form import text_of, texts_bytes
from services.edge.peeks.media import text_and_media
from services.edge.peeks.peek import Ours, Peek, peek_of
from shared.errors import InvalidRequest
from shared.forms import Field

ROUTE = "pass-through"


class _Nested(msgspec.Struct, rename="camel"):
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
    inference_config: _Nested | None = msgspec.field(default=None, name="inferenceConfig")
    user: str | None = None
    tools: list[Any] | None = None


_decode = msgspec.json.Decoder(_Anything).decode


def peek_anything(body: bytes) -> Peek:
    """Return what can be told: of a body that is no JSON object, its size alone.

    Raises:
        InvalidRequest: a number that makes no sense.
    """
    try:
        asked = _decode(body) if body.lstrip().startswith(b"{") else _Anything()
    except msgspec.DecodeError as error:
        raise InvalidRequest(f"{ROUTE}: the body cannot be read: {error}", param="request_body") from error
    ours = Ours(model=asked.model, user=asked.user)
    return peek_of(
        ours,
        ROUTE,
        len(body),
        stream=True,
        max_tokens=_most(asked),
        max_tokens_field="max_tokens",
        n=1 if asked.n is None else asked.n,
        has_tools=bool(asked.tools),
        images=_media_in(body),
    )


def peek_any_form(fields: tuple[Field, ...], _: int) -> Peek:
    files = sum(field.filename is not None for field in fields)
    ours = Ours(model=text_of(fields, "model"), user=text_of(fields, "user"))
    return peek_of(ours, ROUTE, texts_bytes(fields), stream=True, images=files)


def _most(asked: _Anything) -> int | None:
    found = [asked.max_tokens, asked.max_completion_tokens, asked.max_output_tokens]
    for nested in (asked.generation_config, asked.inference_config):
        if nested is not None:
            found += [nested.max_output_tokens, nested.max_tokens]
    return max((most for most in found if most is not None), default=None)


def _media_in(body: bytes) -> int:
    """Return how many pictures and other media a chat has in OpenAI's form; those of other forms count as text."""
    try:
        return text_and_media(body)[1]
    except msgspec.DecodeError:
        return 0
