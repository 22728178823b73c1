"""Voyage and Jina: embeddings almost in OpenAI's form and rankings, both billed by `usage.total_tokens`.

Sources: https://docs.voyageai.com/reference/embeddings-api, https://docs.voyageai.com/reference/reranker-api,
https://api.jina.ai/redoc
"""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import orjson

from services.router.providers.answers.failures import provider_failure
from services.router.providers.answers.translated_json import Read, TranslatedJson
from services.router.providers.base import AnswerReader, HttpCall, ProviderCall
from services.router.providers.credentials import address_or_none, call_headers, needed_key
from services.router.providers.json_call import json_call, refuse_others, texts_of, whole_number
from services.router.providers.prepared import Prepared
from services.router.providers.vectors.embeddings import DEFAULTS, embeddings_reader, wants_base64
from services.router.providers.vectors.pictures import picture_in
from services.router.providers.vectors.rankings import FIELDS, document_texts, ranking
from shared.errors import GatewayError
from shared.serving.deployments import Deployment
from shared.usage import Usage, usage_from_total


class Vectors(NamedTuple):
    """What differs between the two."""

    name: str
    base: str
    key_env: tuple[str, ...]
    base_env: str
    dimensions: str  # their name of it
    top: str  # of how many results to return
    results: str  # where the results of a ranking are
    own_fields: tuple[str, ...]  # of embeddings, beside OpenAI's
    own_rank_fields: tuple[str, ...]


VOYAGE = Vectors(
    "voyage", "https://api.voyageai.com/v1",
    ("VOYAGE_API_KEY", "VOYAGE_AI_API_KEY", "VOYAGE_AI_TOKEN"), "VOYAGE_API_BASE",
    "output_dimension", "top_k", "data", ("input_type", "truncation", "output_dtype"), ("truncation",),
)  # fmt: skip
JINA = Vectors(
    "jina_ai", "https://api.jina.ai/v1", ("JINA_AI_API_KEY", "JINA_API_KEY", "JINA_AI_TOKEN"), "JINA_AI_API_BASE",
    "dimensions", "top_n", "results", ("task", "late_chunking", "truncate", "normalized", "embedding_type"), (),
)  # fmt: skip


class TokenVectors:
    def __init__(self, kind: Vectors, environ: Mapping[str, str]) -> None:
        self.name = kind.name
        self._kind = kind
        self._environ = environ
        self._requests = Prepared(self._request)  # base URL and headers

    def serves(self, call_type: str, deployment: Deployment) -> bool:
        return call_type in ("aembedding", "arerank")

    def prepare(self, call: ProviderCall, deployment: Deployment) -> tuple[HttpCall, AnswerReader]:
        base, headers = self._requests.of(deployment)
        if call.call_type == "arerank":
            path, body, read = "/rerank", *self._rank(call, deployment)
        else:
            path, body, read = self._embed(call, deployment)
        sent = orjson.dumps({**body, "model": deployment.model, **deployment.extra_body})
        return HttpCall(base + path, headers, sent), TranslatedJson(read)

    def failure(self, status: int, body: bytes) -> GatewayError:
        return provider_failure(self.name, status, body)

    def _embed(self, call: ProviderCall, deployment: Deployment) -> tuple[str, dict[str, Any], Callable[[Any], Read]]:
        kind = self._kind
        body = json_call(call, deployment, defaults=(*DEFAULTS, *kind.own_fields))
        refuse_others(body, ("input", *DEFAULTS, *kind.own_fields), drop_params=call.drop_params, provider=kind.name)
        path, inputs = _inputs(kind, deployment.model, texts_of(body, "input"))
        sent = {**inputs, **{name: body[name] for name in kind.own_fields if name in body}}
        if (dimensions := whole_number(body, "dimensions")) is not None:
            sent[kind.dimensions] = dimensions
        read = embeddings_reader(call.model, _vectors, _usage, as_base64=wants_base64(body))
        return path, sent, read

    def _rank(self, call: ProviderCall, deployment: Deployment) -> tuple[dict[str, Any], Callable[[Any], Read]]:
        kind = self._kind
        body = json_call(call, deployment)
        refuse_others(body, (*FIELDS, *kind.own_rank_fields), drop_params=call.drop_params, provider=kind.name)
        documents = document_texts(body)
        sent = {"query": body["query"], "documents": documents, "return_documents": False}
        sent |= {name: body[name] for name in kind.own_rank_fields if name in body}
        if (top := whole_number(body, "top_n")) is not None:
            sent[kind.top] = top
        returned = documents if body.get("return_documents") else None

        def read(answer: Any) -> Read:
            return ranking(answer[kind.results], model=call.model, usage=_usage(answer), documents=returned)

        return sent, read

    def _request(self, deployment: Deployment) -> tuple[str, dict[str, str]]:
        kind = self._kind
        key = needed_key(deployment, self._environ, *kind.key_env)
        base = address_or_none(deployment, self._environ, kind.base_env) or kind.base
        return base, call_headers(deployment, {"authorization": f"Bearer {key}"})


def _inputs(kind: Vectors, model: str, given: list[str]) -> tuple[str, dict[str, Any]]:
    """Return the path and the inputs. Voyage has models of pages and of chunks elsewhere, Jina takes pictures apart.

    Sources: https://docs.voyageai.com/reference/multimodal-embeddings-api,
    https://docs.voyageai.com/reference/contextualized-embeddings-api
    """
    pictures = [picture_in(each) for each in given]
    if kind is VOYAGE and model.startswith("voyage-multimodal"):
        parts = [
            {"type": "text", "text": each} if picture is None else {"type": "image_base64", "image_base64": each}
            for each, picture in zip(given, pictures, strict=True)
        ]
        return "/multimodalembeddings", {"inputs": [{"content": [part]} for part in parts]}
    if kind is VOYAGE and model.startswith("voyage-context"):
        return "/contextualizedembeddings", {"inputs": [[each] for each in given]}
    if kind is JINA and any(pictures):
        inputs = [
            {"text": each} if picture is None else {"image": picture[1]}
            for each, picture in zip(given, pictures, strict=True)
        ]
        return "/embeddings", {"input": inputs}
    return "/embeddings", {"input": given}


def _vectors(answer: Any) -> list[list[float]]:
    """Return the vectors; those of chunks stand by document, of which each has one here."""
    items = sorted(answer["data"], key=lambda item: int(item["index"]))
    return [(item["data"][0] if "data" in item else item)["embedding"] for item in items]


def _usage(answer: Any) -> Usage | None:
    return usage_from_total(answer.get("usage"))
