"""Embeddings where a provider has a form of its own: the inputs asked for, and the vectors as OpenAI gives them.

Source: https://platform.openai.com/docs/api-reference/embeddings
"""

import base64
import struct
from collections.abc import Callable
from typing import Any

import orjson

from services.router.providers.answers.broken_answer import UnreadableAnswer
from services.router.providers.answers.rejection import InvalidField, UnsupportedParameter
from services.router.providers.answers.whole_only import WholeOnly
from services.router.providers.base import ProviderCall, Whole, json_object
from services.router.providers.json_call import json_call
from shared.serving.deployments import Deployment
from shared.usage import Usage

EMBEDDING = "aembedding"

Vectors = tuple[list[list[float]], Usage | None]
ReadVectors = Callable[[dict[str, Any]], Vectors]


def embedding_body(call: ProviderCall, deployment: Deployment) -> dict[str, Any]:
    """Return the client's fields over the deployment's, without those that speak to the gateway.

    Raises:
        InvalidField: it is not JSON that can be translated, or brings credentials.
    """
    fields = json_call(call, deployment, defaults=("dimensions", "encoding_format", "input_type"))
    if fields.get("encoding_format") not in (None, "float", "base64"):
        raise InvalidField("encoding_format", "must be float or base64.")
    return fields


def inputs_of(body: dict[str, Any]) -> list[str]:
    """Return the texts to embed.

    Raises:
        InvalidField: there are none, or they are given as tokens.
    """
    given = body.get("input")
    texts = [given] if isinstance(given, str) else given
    if not isinstance(texts, list) or not texts:
        raise InvalidField("input", "must be a string or a list of strings.")
    for index, text in enumerate(texts):
        if not isinstance(text, str):
            raise InvalidField(f"input[{index}]", "must be a string: this provider takes no tokens.")
    return texts


def dimensions_of(body: dict[str, Any]) -> int | None:
    """Return how long the vectors are to be.

    Raises:
        InvalidField: it is no whole number.
    """
    value = body.get("dimensions")
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise InvalidField("dimensions", "must be a whole number.")
    return value


def refuse_dimensions(body: dict[str, Any], model: str, *, drop_params: bool) -> None:
    """Refuse `dimensions`, for models whose vectors have one length.

    Raises:
        UnsupportedParameter
    """
    if dimensions_of(body) is not None and not drop_params:
        raise UnsupportedParameter(["dimensions"], provider=model)


def foreign_fields(body: dict[str, Any]) -> dict[str, Any]:
    """Return the fields that are not OpenAI's: task types and the like, for the provider."""
    own = {"model", "input", "dimensions", "encoding_format", "user"}
    return {name: value for name, value in body.items() if name not in own and value is not None}


class EmbeddingAnswer(WholeOnly):
    """An `AnswerReader` for vectors; `read` takes them out of the provider's answer."""

    def __init__(self, model: str, read: ReadVectors, *, as_base64: bool) -> None:
        """`model` is shown to the client."""
        self.usage: Usage | None = None
        self.response_id = ""
        self.finish_reason = ""
        self.done = False
        self._model = model
        self._read = read
        self._as_base64 = as_base64

    def whole(self, body: bytes) -> Whole:
        answer = json_object(body)
        try:
            vectors, told = self._read(answer)
            data = [
                {"object": "embedding", "index": index, "embedding": self._shown(vector)}
                for index, vector in enumerate(vectors)
            ]
        except (KeyError, TypeError, AttributeError, ValueError, IndexError, struct.error) as error:
            raise UnreadableAnswer(f"not an answer with embeddings: {error!r}") from error
        if not data:
            raise UnreadableAnswer("an answer without embeddings")
        self.usage = self.used(told)
        tokens = self.usage.prompt_tokens if self.usage is not None else 0
        shown = {
            "object": "list",
            "data": data,
            "model": self._model,
            "usage": {"prompt_tokens": tokens, "total_tokens": tokens},
        }
        return Whole(orjson.dumps(shown), self.usage, self.response_id, self.finish_reason)

    def used(self, told: Usage | None) -> Usage | None:
        """Return what was used; `told` is what the body says of it."""
        return told

    def _shown(self, vector: list[float]) -> list[float] | str:
        """Return the vector as the client wants it: numbers, or base64 of little-endian 32-bit floats."""
        if not self._as_base64:
            return [float(value) for value in vector]
        return base64.b64encode(struct.pack(f"<{len(vector)}f", *vector)).decode()
