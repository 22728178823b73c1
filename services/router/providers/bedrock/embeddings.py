"""Embeddings on Bedrock: Titan's and Nova's, one input a call, and Cohere's. An input is a text or a picture (`data:`).

Sources: https://docs.aws.amazon.com/bedrock/latest/userguide/model-parameters-titan-embed-text.html,
https://docs.aws.amazon.com/bedrock/latest/userguide/model-parameters-titan-embed-mm.html,
https://docs.aws.amazon.com/nova/latest/userguide/embeddings-schema.html,
https://docs.aws.amazon.com/bedrock/latest/userguide/model-parameters-embed.html. Cohere's and Nova's bodies tell no
counts, a header does.
"""

from typing import Any, NamedTuple

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
    refuse_dimensions,
)
from services.router.providers.one_by_one import each_answer
from services.router.providers.vectors.pictures import picture_in
from shared.usage import Usage

_COHERE_INPUT_TYPE = "search_document"
"""LiteLLM's, where the client names none: Cohere demands one."""

_NOVA_PURPOSE = "GENERIC_INDEX"
"""Nova demands one, too: the one for whatever is searched for later."""


class Asked(NamedTuple):
    """The body of each call that the inputs take, and what reads their answers."""

    bodies: list[dict[str, Any]]
    read: ReadVectors


def embedding_requests(body: dict[str, Any], model: ModelId, *, drop_params: bool) -> Asked:
    """Return what the model is asked.

    Raises:
        Rejected: it cannot be put in the model's form.
    """
    inputs, own = inputs_of(body), foreign_fields(body)
    length = dimensions_of(body)
    if model.family == "cohere":
        return Asked([_cohere_request(inputs, own, length)], _cohere)
    if model.family == "amazon" and model.name.startswith("nova"):
        return Asked([_nova_request(given, dict(own), length) for given in inputs], _nova)
    if model.family == "amazon" and model.name.startswith("titan-embed-image"):
        more = own if length is None else {**own, "embeddingConfig": {"outputEmbeddingLength": length}}
        return Asked([{**_titan_input(given), **more} for given in inputs], _titan)
    if model.family == "amazon" and model.name.startswith("titan"):
        if model.name.startswith(("titan-embed-text-v1", "titan-embed-g1")):
            refuse_dimensions(body, model.id, drop_params=drop_params)
        elif length is not None:
            own["dimensions"] = length
        return Asked([{"inputText": given, **own} for given in inputs], _titan)
    raise InvalidField("model", f"is served by {model.id}, which Bedrock has no embeddings of")


class HeaderCounted(EmbeddingAnswer, ReadsHeaders):
    """Tells what the headers tell where the body tells no counts: those of one call, and so of no more than one."""

    several = False
    _told: Usage | None = None

    def read_headers(self, header: Header) -> None:
        self._told = usage_in(header)

    def used(self, told: Usage | None) -> Usage | None:
        return told or (None if self.several else self._told)


def serves_embeddings(model: ModelId) -> bool:
    return "embed" in model.name


def _cohere_request(inputs: list[str], own: dict[str, Any], length: int | None) -> dict[str, Any]:
    if length is not None:
        own["output_dimension"] = length
    own.setdefault("input_type", _COHERE_INPUT_TYPE)
    pictures = [picture_in(given) is not None for given in inputs]
    if not any(pictures):
        return {"texts": inputs, **own}
    if all(pictures):
        return {"images": inputs, **own}
    parts = [
        {"type": "image_url", "image_url": given} if is_picture else {"type": "text", "text": given}
        for given, is_picture in zip(inputs, pictures, strict=True)
    ]
    return {"inputs": [{"content": [part]} for part in parts], **own}


def _nova_request(given: str, own: dict[str, Any], length: int | None) -> dict[str, Any]:
    params: dict[str, Any] = {"embeddingPurpose": own.pop("embeddingPurpose", _NOVA_PURPOSE)}
    if length is not None:
        params["embeddingDimension"] = length
    picture = picture_in(given)
    if picture is None:
        params["text"] = {"truncationMode": own.pop("truncationMode", "END"), "value": given}
    else:
        form, data = picture
        params["image"] = {"format": form, "source": {"bytes": data}}
    return {"taskType": "SINGLE_EMBEDDING", "singleEmbeddingParams": {**params, **own}}


def _titan_input(given: str) -> dict[str, str]:
    picture = picture_in(given)
    return {"inputText": given} if picture is None else {"inputImage": picture[1]}


def _titan(answer: dict[str, Any]) -> Vectors:
    each = each_answer(answer)
    counts = [one.get("inputTextTokenCount") for one in each]
    told = [count for count in counts if isinstance(count, int)]
    return [one["embedding"] for one in each], Usage(input=sum(told)) if len(told) == len(each) else None


def _nova(answer: dict[str, Any]) -> Vectors:
    return [one["embeddings"][0]["embedding"] for one in each_answer(answer)], None


def _cohere(answer: dict[str, Any]) -> Vectors:
    found = answer["embeddings"]
    return found["float"] if isinstance(found, dict) else found, None
