"""watsonx.ai's embeddings and rankings.

Sources: https://cloud.ibm.com/apidocs/watsonx-ai#text-embeddings, https://cloud.ibm.com/apidocs/watsonx-ai#text-rerank
"""

from collections.abc import Callable
from typing import Any

from services.router.providers.answers.rejection import InvalidField
from services.router.providers.answers.translated_json import Read
from services.router.providers.base import ProviderCall
from services.router.providers.json_call import json_call, refuse_others, texts_of, whole_number
from services.router.providers.vectors.embeddings import embeddings_reader, wants_base64
from services.router.providers.vectors.rankings import FIELDS, document_texts, ranking
from shared.serving.deployments import Deployment
from shared.usage import Usage

PATHS = {"aembedding": "/embeddings", "arerank": "/rerank"}
_OWN = ("truncate_input_tokens", "parameters")

Vectors = tuple[dict[str, Any], Callable[[Any], Read]]


def vectors_call(call: ProviderCall, deployment: Deployment) -> Vectors:
    """Return the body, without what says which model and project it is for, and what reads the answer.

    Raises:
        Rejected
    """
    return _embed(call, deployment) if call.call_type == "aembedding" else _rank(call, deployment)


def _embed(call: ProviderCall, deployment: Deployment) -> Vectors:
    body = json_call(call, deployment, defaults=("encoding_format",))
    known = ("input", "encoding_format", *_OWN)
    refuse_others(body, known, drop_params=call.drop_params, provider="watsonx.ai")
    parameters = _parameters(body)
    sent: dict[str, Any] = {"inputs": texts_of(body, "input")} | ({"parameters": parameters} if parameters else {})
    return sent, embeddings_reader(call.model, _vectors, _usage, as_base64=wants_base64(body))


def _rank(call: ProviderCall, deployment: Deployment) -> Vectors:
    body = json_call(call, deployment)
    refuse_others(body, (*FIELDS, *_OWN), drop_params=call.drop_params, provider="watsonx.ai")
    documents = document_texts(body)
    options = {} if (top := whole_number(body, "top_n")) is None else {"return_options": {"top_n": top}}
    parameters = {**options, **_parameters(body)}
    sent: dict[str, Any] = {"query": body["query"], "inputs": [{"text": text} for text in documents]}
    returned = documents if body.get("return_documents") else None

    def read(answer: Any) -> Read:
        results = [{"index": each["index"], "relevance_score": each["score"]} for each in answer["results"]]
        return ranking(results, model=call.model, usage=_usage(answer), documents=returned)

    return sent | ({"parameters": parameters} if parameters else {}), read


def _parameters(body: dict[str, Any]) -> dict[str, Any]:
    given = body.get("parameters", {})
    if not isinstance(given, dict):
        raise InvalidField("parameters", "must be an object.")
    limit = whole_number(body, "truncate_input_tokens")
    return given if limit is None else {"truncate_input_tokens": limit, **given}


def _vectors(answer: Any) -> list[list[float]]:
    return [each["embedding"] for each in answer["results"]]


def _usage(answer: Any) -> Usage | None:
    count = answer.get("input_token_count")
    return Usage(input=count) if isinstance(count, int) else None
