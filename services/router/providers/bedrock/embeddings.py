"""Embeddings on Bedrock: Titan's, one text a call, and Cohere's.

Sources: https://docs.aws.amazon.com/bedrock/latest/userguide/model-parameters-titan-embed-text.html,
https://docs.aws.amazon.com/bedrock/latest/userguide/model-parameters-embed.html. Cohere's body tells no counts, a
header does.
"""

from typing import Any

from services.router.providers.answers.headers import Header, ReadsHeaders
from services.router.providers.answers.rejection import InvalidField
from services.router.providers.bedrock.counts import usage_in
from services.router.providers.bedrock.model_id import ModelId
from services.router.providers.embeddings import (
    EmbeddingAnswer,
    ReadVectors,
    Vectors,
    dimensions_of,
    foreign_fields,
    inputs_of,
    one_input,
    refuse_dimensions,
)
from shared.usage import Usage

_COHERE_INPUT_TYPE = "search_document"
"""LiteLLM's, where the client names none: Cohere demands one."""


def embedding_request(body: dict[str, Any], model: ModelId, *, drop_params: bool) -> tuple[dict[str, Any], ReadVectors]:
    """Return the body for the model, and what reads its answer.

    Raises:
        Rejected: it cannot be put in the model's form.
    """
    texts, own = inputs_of(body), foreign_fields(body)
    if model.family == "cohere":
        if (length := dimensions_of(body)) is not None:
            own["output_dimension"] = length
        return {"texts": texts, "input_type": _COHERE_INPUT_TYPE, **own}, _cohere
    if model.family == "amazon" and model.name.startswith("titan"):
        request = {"inputText": one_input(texts, model.id), **own}
        if model.name.startswith("titan-embed-text-v1"):
            refuse_dimensions(body, model.id, drop_params=drop_params)
        elif (length := dimensions_of(body)) is not None:
            request["dimensions"] = length
        return request, _titan
    raise InvalidField("model", f"is served by {model.id}, which Bedrock has no embeddings of")


class HeaderCounted(EmbeddingAnswer, ReadsHeaders):
    """Tells what the headers tell where the body tells no counts."""

    _told: Usage | None = None

    def read_headers(self, header: Header) -> None:
        self._told = usage_in(header)

    def used(self, told: Usage | None) -> Usage | None:
        return told or self._told


def serves_embeddings(model: ModelId) -> bool:
    return "embed" in model.name


def _titan(answer: dict[str, Any]) -> Vectors:
    count = answer.get("inputTextTokenCount")
    return [answer["embedding"]], Usage(input=count) if isinstance(count, int) else None


def _cohere(answer: dict[str, Any]) -> Vectors:
    found = answer["embeddings"]
    return found["float"] if isinstance(found, dict) else found, None
