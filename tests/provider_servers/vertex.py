"""Vertex AI: Gemini, Claude by rawPredict, Mistral by rawPredict, and what it serves by OpenAI's API.

Sources: https://cloud.google.com/vertex-ai/generative-ai/docs/model-reference/inference,
https://docs.claude.com/en/api/claude-on-vertex-ai,
https://cloud.google.com/vertex-ai/generative-ai/docs/maas/call-open-model-apis
"""

import re
from collections.abc import Sequence
from typing import Any

import orjson

from tests.provider_servers.anthropic import VERSIONS, AnthropicServer
from tests.provider_servers.gemini import VECTOR, GeminiServer, error_of
from tests.provider_servers.google_token import GoogleTokenServer
from tests.provider_servers.http_server import Behaviour, Received
from tests.provider_servers.openai import OpenAIServer

_PLACE = r"/v1(?:beta1)?/projects/(?P<project>[\w-]+)/locations/(?P<location>[\w-]+)"
_CLAUDE = re.compile(_PLACE + r"/publishers/anthropic/models/(?P<model>claude[\w.@-]+):(?P<method>r|streamR)awPredict")
_COUNT = re.compile(_PLACE + r"/publishers/anthropic/models/count-tokens:rawPredict")
_MISTRAL = re.compile(_PLACE + r"/publishers/mistralai/models/(?P<model>[\w.@-]+):(?P<method>r|streamR)awPredict")
_OPENAPI = re.compile(_PLACE + r"/endpoints/openapi/chat/completions")


class VertexServer(GeminiServer):
    """Takes the tokens that `tokens` has given out, for its project."""

    path = re.compile(_PLACE + r"/publishers/google/models/(?P<model>[\w.-]+):(?P<method>\w+)")

    def __init__(self, tokens: GoogleTokenServer) -> None:
        super().__init__()
        self._tokens = tokens
        self._claude, self._openai = AnthropicServer(), OpenAIServer(model="as-it-names-itself")

    def refusal(self, request: Received) -> tuple[int, Any] | None:
        for pattern in (_CLAUDE, _COUNT, _MISTRAL, _OPENAPI):
            if (found := pattern.fullmatch(request.path)) is not None:
                return self.refusal_of_key(request) or self._refusal_of_hosted(request, found)
        return super().refusal(request)

    def refusal_of_key(self, request: Received) -> tuple[int, Any] | None:
        token = request.headers.get("authorization", "").removeprefix("Bearer ")
        if token not in self._tokens.given:
            return 401, error_of(401, "Request had invalid authentication credentials.")
        if f"/projects/{self._tokens.service_account['project_id']}/" not in request.path:
            return 403, error_of(403, "Permission 'aiplatform.endpoints.predict' denied on resource.")
        return None

    def _refusal_of_hosted(self, request: Received, found: re.Match[str]) -> tuple[int, Any] | None:
        body = request.body
        if found.re is _CLAUDE:
            if body.get("anthropic_version") not in {"vertex-2023-10-16", *VERSIONS} or "model" in body:
                return 400, error_of(400, "anthropic_version: Field required; model: Extra inputs are not permitted")
            headers = {"x-api-key": self._claude.key, "anthropic-version": "2023-06-01"}
            raw = orjson.dumps({**body, "model": found["model"]})
            return self._claude.refusal(request._replace(path="/v1/messages", headers=headers, raw=raw))
        if found.re is _COUNT:
            fine = str(body.get("model")).startswith("claude") and "messages" in body
            return None if fine else (400, error_of(400, "model: Field required"))
        if found.re is _OPENAPI and "/" not in str(body.get("model")):
            return 400, error_of(400, "The model must be PUBLISHER/MODEL.")
        if found.re is _MISTRAL and "stream_options" in body:
            return 400, error_of(400, "Extra inputs are not permitted: stream_options")
        return self._openai.refusal_of(body)

    def refusal_of_count(self, body: dict[str, Any]) -> tuple[int, Any] | None:
        fine = body.keys() <= {"contents", "systemInstruction", "tools", "generationConfig"}
        return None if fine else (400, error_of(400, "Invalid JSON payload received."))

    def refusal_of_embedding(self, body: dict[str, Any], model: str) -> tuple[int, Any] | None:
        if model.startswith("gemini-embedding") and len(body["instances"]) > 1:
            return 400, error_of(400, "Only one instance is allowed in a request.")
        fine = all(each.keys() <= {"content", "task_type", "title"} for each in body["instances"])
        return None if fine else (400, error_of(400, "Invalid instance."))

    def streams(self, request: Received) -> bool:
        return ":streamRawPredict" in request.path or bool(request.body.get("stream")) or super().streams(request)

    def answer(self, request: Received, behaviour: Behaviour) -> Any:
        if request.path.endswith(":predict"):
            counted = {"values": VECTOR, "statistics": {"truncated": False, "token_count": 6}}
            return {"predictions": [{"embeddings": counted} for _ in request.body["instances"]]}
        if _COUNT.fullmatch(request.path):
            return {"input_tokens": 17}
        hosted, request = self._hosted(request)
        return hosted.answer(request, behaviour) if hosted is not None else super().answer(request, behaviour)

    def events(self, request: Received, behaviour: Behaviour) -> Sequence[bytes]:
        hosted, request = self._hosted(request)
        return hosted.events(request, behaviour) if hosted is not None else super().events(request, behaviour)

    def _hosted(self, request: Received) -> tuple[AnthropicServer | OpenAIServer | None, Received]:
        if (found := _CLAUDE.fullmatch(request.path)) is not None:
            return self._claude, request._replace(raw=orjson.dumps({**request.body, "model": found["model"]}))
        if _MISTRAL.fullmatch(request.path):  # it always reports usage in the last chunk
            body = {**request.body, "stream_options": {"include_usage": True}}
            return self._openai, request._replace(raw=orjson.dumps(body))
        return (self._openai, request) if _OPENAPI.fullmatch(request.path) else (None, request)
