"""Azure OpenAI. Source: https://learn.microsoft.com/azure/ai-foundry/openai/reference"""

from collections.abc import Collection, Sequence
from typing import Any
from urllib.parse import parse_qs

import orjson

from tests.provider_servers.http_server import Behaviour, Received
from tests.provider_servers.openai import OpenAIServer

_SAFE = {name: {"filtered": False, "severity": "safe"} for name in ("hate", "self_harm", "sexual", "violence")}


class AzureServer(OpenAIServer):
    """Has the deployment `gpt-4`, at the dated API and at v1."""

    deployment = "gpt-4"
    tokens: Collection[str] = ()
    """Entra ID's that are taken besides the key."""

    def refusal(self, request: Received) -> tuple[int, Any] | None:
        token = request.headers.get("authorization", "").removeprefix("Bearer ")
        if request.headers.get("api-key") != self.key and token not in self.tokens:
            message = "Access denied due to invalid subscription key or wrong API endpoint."
            return 401, {"error": {"code": "401", "message": message}}
        if request.path == "/openai/v1/chat/completions":
            found = request.body.get("model") == self.deployment
        elif "api-version" not in parse_qs(request.query):
            return 404, {"error": {"code": "404", "message": "Resource not found"}}
        else:
            found = request.path == f"/openai/deployments/{self.deployment}/chat/completions"
        if not found:
            message = "The API deployment for this resource does not exist."
            return 404, {"error": {"code": "DeploymentNotFound", "message": message}}
        return self.refusal_of(request.body)

    def error(self, status: int) -> Any:
        return {"error": {"code": str(status), "message": f"The server says {status}."}}

    def answer(self, request: Received, behaviour: Behaviour) -> Any:
        answer = super().answer(request, behaviour)
        choices = [{**choice, "content_filter_results": _SAFE} for choice in answer["choices"]]
        filtered = [{"prompt_index": 0, "content_filter_results": _SAFE}]
        return {**answer, "choices": choices, "prompt_filter_results": filtered}

    def events(self, request: Received, behaviour: Behaviour) -> Sequence[bytes]:
        """The first chunk has no choice, no id and no model: only what the filter thinks of the prompt."""
        first = {
            "choices": [],
            "created": 0,
            "id": "",
            "model": "",
            "object": "",
            "prompt_filter_results": [{"prompt_index": 0, "content_filter_results": _SAFE}],
        }
        return [b"data: " + orjson.dumps(first) + b"\n\n", *super().events(request, behaviour)]
