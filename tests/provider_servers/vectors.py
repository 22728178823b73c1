"""Embeddings and rankings. Sources: https://docs.voyageai.com/reference/embeddings-api,
https://docs.voyageai.com/reference/reranker-api, https://api.jina.ai/redoc, https://docs.cohere.com/reference/embed,
https://docs.cohere.com/reference/rerank, https://huggingface.co/docs/inference-providers/tasks/feature-extraction
"""

import base64
import struct
from collections.abc import Sequence
from typing import Any

from tests.provider_servers.http_server import Behaviour, HttpServer, Received


class VectorServer(HttpServer):
    """A provider of vectors to whoever has `key`. `fields` are those it knows, by path; others it refuses."""

    fields: dict[str, set[str]] = {}

    def __init__(self, *, key: str = "vec-provider") -> None:
        super().__init__()
        self.key = key

    def refusal(self, request: Received) -> tuple[int, Any] | None:
        if request.headers.get("authorization") != f"Bearer {self.key}":
            return 401, self.error(401)
        known = self.fields.get(request.path)
        if known is None:
            return 404, self.error(404)
        return (400, self.error(400)) if request.body.keys() - known else None

    def error(self, status: int) -> Any:
        return {"detail": f"The server says {status}."}

    def streams(self, request: Received) -> bool:
        return False

    def events(self, request: Received, behaviour: Behaviour) -> Sequence[bytes]:
        raise NotImplementedError

    def error_event(self) -> bytes:
        raise NotImplementedError


class VoyageServer(VectorServer):
    fields = {
        "/v1/embeddings": {
            "input", "model", "input_type", "truncation", "output_dimension", "output_dtype", "encoding_format",
        },
        "/v1/rerank": {"query", "documents", "model", "top_k", "return_documents", "truncation"},
    }  # fmt: skip

    def answer(self, request: Received, behaviour: Behaviour) -> Any:
        body, usage = request.body, {"total_tokens": 20}
        head = {"object": "list", "model": body["model"], "usage": usage}
        if request.path.endswith("rerank"):
            found = [{"relevance_score": 0.4375, "index": 1}, {"relevance_score": 0.25, "index": 0}]
            return {**head, "data": found[: body.get("top_k")]}
        listed = _listed(body["input"])
        if body.get("encoding_format") == "base64":
            listed = [{**item, "embedding": _base64_of(item["embedding"])} for item in listed]
        return {**head, "data": listed}


class JinaServer(VectorServer):
    fields = {
        "/v1/embeddings": {"input", "model", "task", "dimensions", "late_chunking", "truncate", "normalized"},
        "/v1/rerank": {"query", "documents", "model", "top_n", "return_documents"},
    }

    def answer(self, request: Received, behaviour: Behaviour) -> Any:
        body, usage = request.body, {"total_tokens": 20, "prompt_tokens": 20}
        if request.path.endswith("rerank"):
            found = [{"index": 1, "relevance_score": 0.4375}, {"index": 0, "relevance_score": 0.25}]
            return {"model": body["model"], "usage": usage, "results": found[: body.get("top_n")]}
        return {"object": "list", "model": body["model"], "usage": usage, "data": _listed(body["input"])[::-1]}


class CohereVectorServer(VectorServer):
    fields = {
        "/v2/embed": {
            "model", "texts", "images", "inputs", "input_type", "embedding_types", "output_dimension", "truncate",
            "max_tokens",
        },
        "/v2/rerank": {"model", "query", "documents", "top_n", "max_tokens_per_doc", "priority"},
    }  # fmt: skip

    def error(self, status: int) -> Any:
        return {"id": "e-1", "message": f"The server says {status}."}

    def answer(self, request: Received, behaviour: Behaviour) -> Any:
        body, version = request.body, {"version": "2"}
        if request.path.endswith("rerank"):
            found = [{"index": 1, "relevance_score": 0.4375}, {"index": 0, "relevance_score": 0.25}]
            meta = {"api_version": version, "billed_units": {"search_units": 1}}
            return {"id": "rank-1", "results": found[: body.get("top_n")], "meta": meta}
        assert body["embedding_types"] == ["float"]
        (given,) = [body[name] for name in ("texts", "images", "inputs") if name in body]
        vectors = {"float": [item["embedding"] for item in _listed(given)]}
        meta = {"api_version": version, "billed_units": {"input_tokens": 20}}
        return {"id": "embed-1", "embeddings": vectors, "texts": body.get("texts", []), "meta": meta}


class FeatureServer(VectorServer):
    fields = {
        "/hf-inference/models/BAAI/bge-small/pipeline/feature-extraction": {
            "inputs", "normalize", "prompt_name", "truncate", "truncation_direction",
        }
    }  # fmt: skip

    def error(self, status: int) -> Any:
        return {"error": f"The server says {status}."}

    def answer(self, request: Received, behaviour: Behaviour) -> Any:
        given = request.body["inputs"]
        return [item["embedding"] for item in _listed([given] if isinstance(given, str) else given)]


def _listed(texts: list[str]) -> list[dict[str, Any]]:
    return [{"object": "embedding", "embedding": [0.5, float(index)], "index": index} for index, _ in enumerate(texts)]


def _base64_of(vector: list[float]) -> str:
    return base64.b64encode(struct.pack(f"<{len(vector)}f", *vector)).decode()
