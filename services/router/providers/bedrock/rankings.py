"""Rerankers on Bedrock: Cohere's by InvokeModel, in Cohere's form; Amazon's by the Rerank API, which stands elsewhere.

Sources: https://docs.aws.amazon.com/bedrock/latest/APIReference/API_agent-runtime_Rerank.html,
https://docs.cohere.com/docs/amazon-bedrock. Neither tells what is billed: queries, each of up to 100 pieces of
documents of up to 512 tokens with the query (https://aws.amazon.com/bedrock/pricing/).
"""

from collections.abc import Callable
from typing import Any

from services.router.providers.answers.rejection import InvalidField
from services.router.providers.answers.translated_json import Read
from services.router.providers.base import ProviderCall
from services.router.providers.bedrock.model_id import ModelId
from services.router.providers.json_call import json_call, refuse_others, whole_number
from services.router.providers.vectors.rankings import FIELDS, document_texts, ranking
from shared.serving.deployments import Deployment
from shared.usage import Usage

RERANK = "arerank"
_COHERE_API = 2
_PIECE_CHARACTERS = 512 * 4
"""Of a document and the query: four to a token, as in English."""

_PIECES_A_QUERY = 100


def serves_rankings(model: ModelId) -> bool:
    return model.name.startswith("rerank")


def by_invoke(model: ModelId) -> bool:
    return model.family == "cohere"


def rerank_request(
    call: ProviderCall, deployment: Deployment, model: ModelId, arn: str
) -> tuple[dict[str, Any], Callable[[Any], Read]]:
    """Return the body for InvokeModel (`by_invoke`) or for Rerank, where `arn` names the model, and what reads it.

    Raises:
        Rejected
    """
    body = json_call(call, deployment)
    refuse_others(body, FIELDS, drop_params=call.drop_params, provider=f"Bedrock ({model.id})")
    query, documents, top = body.get("query"), document_texts(body), whole_number(body, "top_n")
    if not isinstance(query, str):
        raise InvalidField("query", "must be a string.")
    returned = documents if body.get("return_documents") else None
    used = Usage(search_units=_queries(query, documents))

    def read(answer: Any) -> Read:
        results = [
            {"index": each["index"], "relevance_score": each.get("relevanceScore", each.get("relevance_score"))}
            for each in answer["results"]
        ]
        return ranking(results, model=call.model, usage=used, documents=returned)

    if by_invoke(model):
        sent: dict[str, Any] = {"query": query, "documents": documents, "api_version": _COHERE_API}
        sent |= {name: body[name] for name in ("max_tokens_per_doc",) if name in body}
        return sent | ({"top_n": top} if top is not None else {}), read
    of_model = {"modelConfiguration": {"modelArn": arn}, "numberOfResults": min(top or len(documents), len(documents))}
    return {
        "queries": [{"type": "TEXT", "textQuery": {"text": query}}],
        "sources": [
            {"type": "INLINE", "inlineDocumentSource": {"type": "TEXT", "textDocument": {"text": text}}}
            for text in documents
        ],
        "rerankingConfiguration": {
            "type": "BEDROCK_RERANKING_MODEL",
            "bedrockRerankingConfiguration": of_model,
        },
    }, read


def _queries(query: str, documents: list[str]) -> int:
    pieces = sum(-(-(len(query) + len(text)) // _PIECE_CHARACTERS) or 1 for text in documents)
    return -(-pieces // _PIECES_A_QUERY) or 1


def model_arn(asked_for: str, region: str) -> str:
    """Return the ARN of a model that is asked for by its id or ARN."""
    if asked_for.startswith("arn:"):
        return asked_for
    partition = "aws-cn" if region.startswith("cn-") else "aws-us-gov" if region.startswith("us-gov-") else "aws"
    return f"arn:{partition}:bedrock:{region}::foundation-model/{asked_for}"
