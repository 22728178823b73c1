"""OpenAI's embeddings as the adapters of other protocols ask for and answer them."""

import base64
from array import array
from collections.abc import Callable
from typing import Any

from services.router.providers.answers.completions import shown_usage
from services.router.providers.answers.rejection import InvalidField
from services.router.providers.answers.translated_json import Read
from shared.usage import Usage

DEFAULTS = ("dimensions", "encoding_format")
"""The parameters of a deployment that hold for embeddings."""


def wants_base64(body: dict[str, Any]) -> bool:
    """Raises: InvalidField."""
    form = body.get("encoding_format", "float")
    if form not in ("float", "base64"):
        raise InvalidField("encoding_format", "must be float or base64.")
    return bool(form == "base64")


def embeddings_reader(
    model: str, vectors: Callable[[Any], list[list[float]]], usage: Callable[[Any], Usage | None], *, as_base64: bool
) -> Callable[[Any], Read]:
    """Return what reads an answer: `vectors` and `usage` are where the provider has them; `model` is shown."""

    def read(answer: Any) -> Read:
        used = usage(answer)
        data = [
            {"object": "embedding", "index": index, "embedding": _base64(vector) if as_base64 else vector}
            for index, vector in enumerate(vectors(answer))
        ]
        shown: dict[str, Any] = {"object": "list", "data": data, "model": model}
        if used is not None:
            counts = shown_usage(used)
            shown["usage"] = {name: counts[name] for name in ("prompt_tokens", "total_tokens")}
        answer_id = answer.get("id") if isinstance(answer, dict) else None
        return Read(shown, used, answer_id if isinstance(answer_id, str) else "")

    return read


def _base64(vector: list[float]) -> str:
    """OpenAI's form: 32 bit floats, little endian."""
    floats = array("f", vector)
    assert floats.itemsize == 4
    if array("H", [1]).tobytes() != b"\x01\x00":
        floats.byteswap()
    return base64.b64encode(floats.tobytes()).decode()
