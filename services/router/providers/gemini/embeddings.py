"""Embeddings of Gemini: batchEmbedContents at AI Studio, predict at Vertex AI.

Sources: https://ai.google.dev/api/embeddings,
https://cloud.google.com/vertex-ai/generative-ai/docs/model-reference/text-embeddings-api
"""

from typing import Any

from services.router.providers.embeddings import Vectors, dimensions_of, foreign_fields, inputs_of
from services.router.providers.one_by_one import each_answer
from services.router.providers.vectors.pictures import picture_in
from shared.usage import Usage, usage_from_gemini

_SPELLINGS = {"task_type": "taskType", "output_dimensionality": "outputDimensionality", "auto_truncate": "autoTruncate"}


def batch_request(body: dict[str, Any], model: str) -> dict[str, Any]:
    """Return the body of batchEmbedContents for `model`, as in models/gemini-embedding-001."""
    more = _own_fields(body)
    return {"requests": [{"model": model, "content": {"parts": [{"text": text}]}, **more} for text in inputs_of(body)]}


def batch_vectors(answer: dict[str, Any]) -> Vectors:
    return [each["values"] for each in answer["embeddings"]], usage_from_gemini(answer.get("usageMetadata"))


def predict_request(body: dict[str, Any]) -> dict[str, Any]:
    """Return the body of predict. Its task type and title stand with each text, all else with the parameters."""
    more = _own_fields(body)
    each = {"task_type": more.pop("taskType", None), "title": more.pop("title", None)}
    told = {name: value for name, value in each.items() if value is not None}
    request: dict[str, Any] = {"instances": [{"content": text, **told} for text in inputs_of(body)]}
    return {**request, "parameters": more} if more else request


def takes_one(model: str) -> bool:
    """Return whether predict takes one text a call for `model`."""
    return model.startswith(("gemini-embedding", "multimodalembedding"))


def one_each(request: dict[str, Any]) -> list[dict[str, Any]]:
    """Return a request with several instances as one for each."""
    return [{**request, "instances": [instance]} for instance in request["instances"]]


def multimodal_request(body: dict[str, Any]) -> dict[str, Any]:
    """Return the body of predict for multimodalembedding, whose inputs are texts, or pictures (`data:`, `gs://`).

    Source: https://cloud.google.com/vertex-ai/generative-ai/docs/model-reference/multimodal-embeddings-api
    """
    request: dict[str, Any] = {"instances": [_multimodal(given) for given in inputs_of(body)]}
    length = dimensions_of(body)
    return request if length is None else {**request, "parameters": {"dimension": length}}


def multimodal_vectors(answer: dict[str, Any]) -> Vectors:
    predictions = [each["predictions"][0] for each in each_answer(answer)]
    return [each["textEmbedding"] if "textEmbedding" in each else each["imageEmbedding"] for each in predictions], None


def _multimodal(given: str) -> dict[str, Any]:
    if given.startswith("gs://"):
        return {"image": {"gcsUri": given}}
    picture = picture_in(given)
    return {"text": given} if picture is None else {"image": {"bytesBase64Encoded": picture[1]}}


def predicted_vectors(answer: dict[str, Any]) -> Vectors:
    embeddings = [prediction["embeddings"] for each in each_answer(answer) for prediction in each["predictions"]]
    counts = [(each.get("statistics") or {}).get("token_count") for each in embeddings]
    told = [int(count) for count in counts if isinstance(count, int | float)]
    usage = Usage(input=sum(told)) if len(told) == len(embeddings) else None
    return [each["values"] for each in embeddings], usage


def _own_fields(body: dict[str, Any]) -> dict[str, Any]:
    own = {_SPELLINGS.get(name, name): value for name, value in foreign_fields(body).items()}
    if (length := dimensions_of(body)) is not None:
        own["outputDimensionality"] = length
    return own
