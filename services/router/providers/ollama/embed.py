"""Ollama's embeddings. Source: https://docs.ollama.com/api/embed"""

from typing import Any

import orjson

from services.router.providers.answers.translated_json import TranslatedJson
from services.router.providers.base import AnswerReader, HttpCall, ProviderCall
from services.router.providers.json_call import json_call, refuse_others, texts_of, whole_number
from services.router.providers.vectors.embeddings import DEFAULTS, embeddings_reader, wants_base64
from shared.serving.deployments import Deployment
from shared.usage import Usage, usage_from_ollama

_OWN = ("truncate", "keep_alive", "options")


def embed_call(
    call: ProviderCall, deployment: Deployment, base: str, headers: dict[str, str]
) -> tuple[HttpCall, AnswerReader]:
    """Raises: Rejected."""
    body = json_call(call, deployment, defaults=(*DEFAULTS, "keep_alive"))
    refuse_others(body, ("input", *_OWN, *DEFAULTS), drop_params=call.drop_params, provider="Ollama")
    sent: dict[str, Any] = {"model": deployment.model, "input": texts_of(body, "input")}
    sent |= {name: body[name] for name in _OWN if name in body}
    if (dimensions := whole_number(body, "dimensions")) is not None:
        sent["dimensions"] = dimensions
    read = embeddings_reader(call.model, _vectors, _usage, as_base64=wants_base64(body))
    request = HttpCall(f"{base}/api/embed", headers, orjson.dumps(sent | dict(deployment.extra_body)))
    return request, TranslatedJson(read)


def _vectors(answer: Any) -> list[list[float]]:
    vectors: list[list[float]] = answer["embeddings"]
    return vectors


def _usage(answer: Any) -> Usage | None:
    return usage_from_ollama(answer)
