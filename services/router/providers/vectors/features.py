"""Hugging Face's feature extraction, which its router has in place of embeddings.

Sources: https://huggingface.co/docs/inference-providers/tasks/feature-extraction,
https://github.com/huggingface/text-embeddings-inference (the header with the tokens)
"""

from typing import Any
from urllib.parse import quote

import orjson

from services.router.providers.answers.headers import Header, ReadsHeaders, count_in
from services.router.providers.answers.translated_json import Read, TranslatedJson
from services.router.providers.base import AnswerReader, HttpCall, ProviderCall
from services.router.providers.json_call import json_call, refuse_others, texts_of, whole_number
from services.router.providers.vectors.embeddings import embeddings_reader, wants_base64
from services.router.providers.vectors.rankings import FIELDS, document_texts, ranking
from shared.serving.deployments import Deployment
from shared.usage import Usage

_OWN = ("normalize", "prompt_name", "truncate", "truncation_direction")


def features_call(
    call: ProviderCall, deployment: Deployment, origin: str, headers: dict[str, str]
) -> tuple[HttpCall, AnswerReader]:
    """Raises: Rejected."""
    body = json_call(call, deployment, defaults=("encoding_format",))
    known = ("input", "encoding_format", *_OWN)
    refuse_others(body, known, drop_params=call.drop_params, provider="Hugging Face")
    sent = {"inputs": texts_of(body, "input"), **{name: body[name] for name in _OWN if name in body}}
    answer = FeatureAnswer(call.model, as_base64=wants_base64(body))
    url = f"{origin}/hf-inference/models/{quote(deployment.model, safe='/')}/pipeline/feature-extraction"
    return HttpCall(url, headers, orjson.dumps(sent | dict(deployment.extra_body))), answer


def texts_ranked(
    call: ProviderCall, deployment: Deployment, origin: str, headers: dict[str, str]
) -> tuple[HttpCall, AnswerReader]:
    """Return a ranking by a text embeddings server, which ranks all that it gets.

    Raises:
        Rejected
    """
    body = json_call(call, deployment)
    refuse_others(body, (*FIELDS, *_OWN), drop_params=call.drop_params, provider="Hugging Face")
    documents, top = document_texts(body), whole_number(body, "top_n")
    sent = {"query": body["query"], "texts": documents, **{name: body[name] for name in _OWN if name in body}}
    answer = RankAnswer(call.model, documents if body.get("return_documents") else None, top)
    return HttpCall(f"{origin}/rerank", headers, orjson.dumps(sent | dict(deployment.extra_body))), answer


def _vectors(answer: Any) -> list[list[float]]:
    if not isinstance(answer, list):
        raise TypeError("not a list of vectors")
    return answer


class FeatureAnswer(TranslatedJson, ReadsHeaders):
    """An `AnswerReader`. A text embeddings server tells in a header how many tokens it read; else they are counted."""

    def __init__(self, model: str, *, as_base64: bool) -> None:
        self._told: Usage | None = None
        super().__init__(embeddings_reader(model, _vectors, lambda _: self._told, as_base64=as_base64))

    def read_headers(self, header: Header) -> None:
        read = count_in(header, "x-compute-tokens")
        self._told = None if read is None else Usage(input=read)


class RankAnswer(TranslatedJson, ReadsHeaders):
    """An `AnswerReader`; the header tells the tokens here, too."""

    def __init__(self, model: str, documents: list[str] | None, top: int | None) -> None:
        self._told: Usage | None = None

        def read(answer: Any) -> Read:
            results = [{"index": each["index"], "relevance_score": each["score"]} for each in answer]
            return ranking(results[:top], model=model, usage=self._told, documents=documents)

        super().__init__(read)

    def read_headers(self, header: Header) -> None:
        count = count_in(header, "x-compute-tokens")
        self._told = None if count is None else Usage(input=count)
