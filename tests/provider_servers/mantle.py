"""Bedrock's endpoint in the forms of OpenAI and Anthropic, for whoever bears the key or signs for bedrock-mantle.

Source: https://docs.aws.amazon.com/bedrock/latest/userguide/bedrock-mantle.html
"""

from collections.abc import Sequence
from typing import Any

from tests.provider_servers.anthropic import AnthropicServer
from tests.provider_servers.aws_signature import why_refused
from tests.provider_servers.http_server import Behaviour, Received
from tests.provider_servers.openai import OpenAIServer

MESSAGES = "/anthropic/v1/messages"
_PATHS = ("/v1/chat/completions", "/openai/v1/chat/completions", MESSAGES, f"{MESSAGES}/count_tokens")


class MantleServer(OpenAIServer):
    def __init__(self, *, secret: str = "s3cr3t/+x", region: str = "us-east-1") -> None:
        super().__init__(key="bedrock-api-key-x", model="openai.gpt-5.5")
        self.access_key, self.secret, self.region = "AKIAPROVIDER", secret, region
        self._claude = AnthropicServer()

    def refusal(self, request: Received) -> tuple[int, Any] | None:
        if request.path not in _PATHS:
            return 404, {"error": {"code": "not_found", "message": "Resource not found"}}
        if request.headers.get("authorization") != f"Bearer {self.key}":
            why = why_refused(
                request,
                key=self.access_key,
                secret=self.secret,
                token=None,
                service="bedrock-mantle",
                region=self.region,
            )
            if why is not None:
                return 401, {"error": {"code": "invalid_signature", "message": f"Not signed as it should be: {why}."}}
        if request.path.startswith(MESSAGES):
            headers = {**request.headers, "x-api-key": self._claude.key}
            return self._claude.refusal(request._replace(path=request.path.removeprefix("/anthropic"), headers=headers))
        return self.refusal_of(request.body)

    def answer(self, request: Received, behaviour: Behaviour) -> Any:
        if request.path.startswith(MESSAGES):
            return self._claude.answer(request._replace(path=request.path.removeprefix("/anthropic")), behaviour)
        return super().answer(request, behaviour)

    def events(self, request: Received, behaviour: Behaviour) -> Sequence[bytes]:
        if request.path == MESSAGES:
            return self._claude.events(request, behaviour)
        return super().events(request, behaviour)
