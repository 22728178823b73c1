"""What Bedrock's models give beside text: pictures, vectors of pictures, and rankings; and the Rerank API.

Sources: https://docs.aws.amazon.com/bedrock/latest/userguide/model-parameters.html, its pages of the models,
https://docs.aws.amazon.com/bedrock/latest/APIReference/API_agent-runtime_Rerank.html
"""

from typing import Any

from tests.provider_servers.http_server import Behaviour

PICTURE = "iVBORw0KGgo="
VECTOR = [0.5, -0.25, 1.0]
NEEDED = {
    "nova-canvas": "taskType",
    "stable-image": "prompt",
    "nova-2-multimodal": "singleEmbeddingParams",
    "titan-embed-image": "embeddingConfig",
    "cohere.rerank": "api_version",
}
KNOWN = {
    "nova-canvas": {"taskType", "textToImageParams", "colorGuidedGenerationParams", "imageGenerationConfig"},
    "stable-image": {"prompt", "aspect_ratio", "output_format", "seed", "negative_prompt"},
    "nova-2-multimodal": {"schemaVersion", "taskType", "singleEmbeddingParams"},
    "titan-embed-image": {"inputText", "inputImage", "embeddingConfig"},
    "cohere.rerank": {"api_version", "query", "documents", "top_n", "max_tokens_per_doc"},
}


def answer(family: str, body: dict[str, Any], behaviour: Behaviour) -> Any:
    if family == "nova-canvas":
        return {"images": [PICTURE] * body["imageGenerationConfig"]["numberOfImages"], "error": None}
    if family == "stable-image":
        if behaviour.finish:
            return {"finish_reasons": [behaviour.finish]}
        return {"seeds": [7], "finish_reasons": [None], "images": [PICTURE]}
    if family == "nova-2-multimodal":
        return {"embeddings": [{"embeddingType": "TEXT", "embedding": VECTOR}]}
    if family == "titan-embed-image":
        return {"embedding": VECTOR, "inputTextTokenCount": 7, "message": None}
    ranked = ranks(len(body["documents"]), body.get("top_n"))
    return {"id": "r", "results": [{"index": index, "relevance_score": score} for index, score in ranked]}


def rerank_refusal(body: dict[str, Any]) -> tuple[int, Any] | None:
    if body["queries"][0]["type"] != "TEXT" or not body["queries"][0]["textQuery"]["text"]:
        return 400, {"message": "1 validation error detected: queries"}
    model = body["rerankingConfiguration"]["bedrockRerankingConfiguration"]["modelConfiguration"]["modelArn"]
    if not model.startswith("arn:aws:bedrock:"):
        return 400, {"message": f"1 validation error detected: modelArn {model}"}
    return None


def rerank_answer(body: dict[str, Any]) -> Any:
    wanted = body["rerankingConfiguration"]["bedrockRerankingConfiguration"].get("numberOfResults")
    ranked = ranks(len(body["sources"]), wanted)
    return {"results": [{"index": index, "relevanceScore": score} for index, score in ranked]}


def ranks(documents: int, wanted: int | None) -> list[tuple[int, float]]:
    """Return the last document first."""
    found = [(index, 0.75 - 0.25 * place) for place, index in enumerate(reversed(range(documents)))]
    return found[:wanted]
