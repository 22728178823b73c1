"""Cohere's embeddings and rankings. Sources: https://docs.cohere.com/reference/embed, https://docs.cohere.com/reference/rerank"""

from typing import Any

import orjson

from services.router.providers.answers.rejection import InvalidField
from services.router.providers.answers.translated_json import Read, TranslatedJson
from services.router.providers.base import AnswerReader, HttpCall, ProviderCall
from services.router.providers.json_call import json_call, refuse_others, texts_of, whole_number
from services.router.providers.vectors.embeddings import DEFAULTS, embeddings_reader, wants_base64
from services.router.providers.vectors.pictures import picture_in
from services.router.providers.vectors.rankings import FIELDS, document_texts, ranking
from shared.serving.deployments import Deployment
from shared.usage import Usage, usage_from_cohere

INPUT_TYPE = "search_document"
"""Cohere wants to know what a text is for; this is what LiteLLM says where the client does not."""


def embed_call(
    call: ProviderCall, deployment: Deployment, base: str, headers: dict[str, str]
) -> tuple[HttpCall, AnswerReader]:
    """Raises: Rejected."""
    body = json_call(call, deployment, defaults=(*DEFAULTS, "input_type"))
    known = ("input", "input_type", "truncate", "max_tokens", *DEFAULTS)
    refuse_others(body, known, drop_params=call.drop_params, provider="Cohere")
    sent: dict[str, Any] = {
        "model": deployment.model,
        **_inputs(texts_of(body, "input"), body.get("input_type", INPUT_TYPE), deployment.model),
        "embedding_types": ["float"],
        **{name: body[name] for name in ("truncate", "max_tokens") if name in body},
    }
    if (dimensions := whole_number(body, "dimensions")) is not None:
        sent["output_dimension"] = dimensions
    read = embeddings_reader(call.model, _vectors, _usage, as_base64=wants_base64(body))
    request = HttpCall(f"{base}/v2/embed", headers, orjson.dumps(sent | dict(deployment.extra_body)))
    return request, TranslatedJson(read)


def rerank_call(
    call: ProviderCall, deployment: Deployment, base: str, headers: dict[str, str]
) -> tuple[HttpCall, AnswerReader]:
    """Raises: Rejected."""
    body = json_call(call, deployment)
    refuse_others(body, (*FIELDS, "priority"), drop_params=call.drop_params, provider="Cohere")
    documents = document_texts(body)
    sent: dict[str, Any] = {"model": deployment.model, "query": body["query"], "documents": documents}
    sent |= {name: body[name] for name in ("max_tokens_per_doc", "priority") if name in body}
    if (top := whole_number(body, "top_n")) is not None:
        sent["top_n"] = top
    returned = documents if body.get("return_documents") else None

    def read(answer: Any) -> Read:
        return ranking(
            answer["results"],
            model=call.model,
            usage=_usage(answer),
            documents=returned,
            answer_id=str(answer.get("id") or ""),
        )

    request = HttpCall(f"{base}/v2/rerank", headers, orjson.dumps(sent | dict(deployment.extra_body)))
    return request, TranslatedJson(read)


def _inputs(given: list[str], input_type: Any, model: str) -> dict[str, Any]:
    """Return the inputs, pictures among them; version 4 takes both together, those before it either."""
    pictures = [picture_in(each) is not None for each in given]
    if not any(pictures):
        return {"texts": given, "input_type": input_type}
    if "embed-v4" in model:
        parts = [
            {"type": "image_url", "image_url": {"url": each}} if is_picture else {"type": "text", "text": each}
            for each, is_picture in zip(given, pictures, strict=True)
        ]
        return {"inputs": [{"content": [part]} for part in parts], "input_type": input_type}
    if not all(pictures):
        raise InvalidField("input", f"must be texts or pictures: {model} takes no call with both.")
    return {"images": given, "input_type": "image"}


def _vectors(answer: Any) -> list[list[float]]:
    vectors: list[list[float]] = answer["embeddings"]["float"]
    return vectors


def _usage(answer: Any) -> Usage | None:
    return usage_from_cohere(answer.get("meta"))
