"""embedContent and batchEmbedContents as a request for embeddings in OpenAI's form, and its vectors in Google's.

Source: https://ai.google.dev/api/embeddings
"""

import base64
import struct
from typing import Any

import orjson

from services.router.dialects.gemini.fields import camel, field, list_in, object_in
from services.router.dialects.outlet import Outlet
from services.router.providers.answers.broken_answer import UnreadableAnswer
from services.router.providers.answers.rejection import InvalidField, UnsupportedParameter
from services.router.providers.base import ProviderCall
from services.router.providers.json_body import json_body
from shared.usage import Usage

_TRANSLATED = ("model", "content", "outputDimensionality")
_OF_ONE = frozenset(
    (*_TRANSLATED, "output_dimensionality", "taskType", "task_type", "title", "autoTruncate", "auto_truncate")
) | {"embedContentConfig", "embed_content_config"}


def translate_embed(call: ProviderCall) -> tuple[dict[str, Any], Outlet]:
    """Implements dialects.outlet.Translate, but that the request is one for embeddings.

    Raises:
        UnsupportedParameter, InvalidField
    """
    body = json_body(call.body)
    is_batch = "requests" in body
    asked = list_in(body, "requests", "") if is_batch else [{name: body[name] for name in body.keys() & _OF_ONE}]
    paths = [f"requests[{at}]." if is_batch else "" for at in range(len(asked))]
    more = {name: value for name, value in body.items() if name not in _OF_ONE}
    unsupported = {
        f"{path}{camel(name)}": ""
        for path, one in zip(paths, asked, strict=True)
        for name, value in one.items()
        if camel(name) not in _TRANSLATED and value is not None
    }
    if unsupported and not call.drop_params:
        raise UnsupportedParameter(unsupported)
    more.pop("requests", None)
    request = more | {"model": call.model, "input": [_text(one, path) for one, path in zip(asked, paths, strict=True)]}
    lengths = [field(one, "outputDimensionality") for one in asked]
    if any(length != lengths[0] for length in lengths):
        raise InvalidField("requests", "must ask for vectors of one length: send the others apart.")
    if lengths[0] is not None:
        request["dimensions"] = lengths[0]
    return request, VectorsOutlet(is_batch=is_batch)


def _text(one: dict[str, Any], path: str) -> str:
    """Return the text of a content; of several parts, one vector is made."""
    where = f"{path}content"
    parts = list_in(object_in(one, "content", path.rstrip(".")), "parts", where)
    texts = [part.get("text") for part in parts]
    if not texts or not all(isinstance(text, str) and text for text in texts):
        raise InvalidField(f"{where}.parts", "must have text, and nothing else: this model embeds text alone.")
    return "\n".join(map(str, texts))


class VectorsOutlet:
    """Implements dialects.outlet.Outlet, of answers that are never streamed."""

    stream_type = "application/json"

    def __init__(self, *, is_batch: bool) -> None:
        self._is_batch = is_batch

    def whole(self, completion: dict[str, Any], usage: Usage) -> bytes:
        embeddings = [{"values": _values(each.get("embedding"))} for each in completion["data"]]
        told = {"usageMetadata": {"promptTokenCount": usage.prompt_tokens}}
        return orjson.dumps(
            {**({"embeddings": embeddings} if self._is_batch else {"embedding": embeddings[0]}), **told}
        )

    def feed(self, events: bytes) -> bytes:
        raise UnreadableAnswer("a stream where vectors were asked for")

    def closing(self, usage: Usage) -> bytes:
        return b""


def _values(embedding: Any) -> list[float]:
    """Return the numbers; some providers always answer in base64."""
    if isinstance(embedding, str):
        raw = base64.b64decode(embedding)
        return list(struct.unpack(f"<{len(raw) // 4}f", raw))
    return [float(value) for value in embedding]
