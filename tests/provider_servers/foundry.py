"""Azure AI Foundry: the models API of a resource, and Claude's Messages.

Sources: https://learn.microsoft.com/azure/ai-foundry/foundry-models/how-to/inference,
https://learn.microsoft.com/azure/ai-foundry/foundry-models/how-to/use-foundry-models-claude
"""

from collections.abc import Collection, Sequence
from typing import Any
from urllib.parse import parse_qs

from tests.provider_servers.anthropic import VERSIONS, AnthropicServer
from tests.provider_servers.http_server import Behaviour, Received
from tests.provider_servers.openai import OpenAIServer

_PATHS = ("/models/chat/completions", "/openai/v1/chat/completions", "/anthropic/v1/messages")


class FoundryServer(OpenAIServer):
    """Takes its key or one of Entra ID's `tokens`."""

    tokens: Collection[str] = ()

    def __init__(self) -> None:
        super().__init__(key="foundry-key", model="Phi-4")
        self._claude = AnthropicServer(key=self.key)

    def refusal(self, request: Received) -> tuple[int, Any] | None:
        if request.path not in _PATHS:
            return 404, {"error": {"code": "404", "message": "Resource not found"}}
        claude = request.path == _PATHS[2]
        known = request.headers.get("x-api-key" if claude else "api-key") == self.key
        if not known and request.headers.get("authorization", "").removeprefix("Bearer ") not in self.tokens:
            return 401, {"error": {"code": "401", "message": "Access denied due to invalid subscription key."}}
        if claude:
            known_version = request.headers.get("anthropic-version") in VERSIONS
            return (
                self._claude.refusal(
                    request._replace(path="/v1/messages", headers={**request.headers, "x-api-key": self.key})
                )
                if known_version
                else (400, {"error": {"message": "anthropic-version: header is required"}})
            )
        if request.path == _PATHS[0] and "api-version" not in parse_qs(request.query):
            return 404, {"error": {"code": "404", "message": "Resource not found"}}
        return self.refusal_of(request.body)

    def answer(self, request: Received, behaviour: Behaviour) -> Any:
        if request.path == _PATHS[2]:
            return self._claude.answer(request, behaviour)
        return super().answer(request, behaviour)

    def events(self, request: Received, behaviour: Behaviour) -> Sequence[bytes]:
        if request.path == _PATHS[2]:
            return self._claude.events(request, behaviour)
        return super().events(request, behaviour)
