"""Databricks' serving endpoints and its tokens for service principals. Sources:
https://docs.databricks.com/aws/en/machine-learning/model-serving/query-chat-models,
https://docs.databricks.com/aws/en/machine-learning/model-serving/query-reason-models,
https://docs.databricks.com/aws/en/dev-tools/auth/oauth-m2m
"""

import base64
from collections.abc import Sequence
from typing import Any
from urllib.parse import parse_qs

from tests.provider_servers.http_server import Behaviour, Received
from tests.provider_servers.openai import OpenAIServer

TOKEN_PATH = "/oidc/v1/token"
HOST_PATH = "/.well-known/databricks-config"
PLACES_PATH = "/oidc/.well-known/oauth-authorization-server"
"""Where its own SDK learns where tokens are given out."""


class DatabricksServer(OpenAIServer):
    """Serves who has `key`, or a token got with `client` (id and secret)."""

    def __init__(self, *, key: str = "dapi-provider", client: tuple[str, str] = ("app-1", "dose-secret")) -> None:
        super().__init__(key=key, model="meta-llama-3-3-70b-instruct")
        self.client = client
        self.tokens: list[str] = []

    @property
    def base(self) -> str:
        return f"{self.origin}/serving-endpoints"

    def refusal(self, request: Received) -> tuple[int, Any] | None:
        if request.path == TOKEN_PATH:
            basic = "Basic " + base64.b64encode(":".join(self.client).encode()).decode()
            form = parse_qs(request.raw.decode())
            if request.headers.get("authorization") != basic or form.get("scope") != ["all-apis"]:
                return 401, {"error": "invalid_client", "error_description": "Client authentication failed"}
            return None
        if request.path in (HOST_PATH, PLACES_PATH):
            return None
        token = request.headers.get("authorization", "").removeprefix("Bearer ")
        if token != self.key and token not in self.tokens:
            return 401, {"error_code": "401", "message": "Credential was not sent or was of an unsupported type"}
        if request.path != "/serving-endpoints/chat/completions":
            return 404, {"error_code": "ENDPOINT_NOT_FOUND", "message": "Path must be of form /serving-endpoints"}
        return self.refusal_of(request.body)

    def error(self, status: int) -> Any:
        return {"error_code": "ERROR", "message": f"The server says {status}."}

    def events(self, request: Received, behaviour: Behaviour) -> Sequence[bytes]:
        events = list(super().events(request, behaviour))
        if "claude" in request.body["model"]:
            delta = {"role": "assistant", "content": [_reasoning("Let me think.")]}
            events.insert(0, self._chunk([self._choice(delta, None)], {}))
        return events

    def streams(self, request: Received) -> bool:
        return request.path.startswith("/serving-endpoints/") and super().streams(request)

    def answer(self, request: Received, behaviour: Behaviour) -> Any:
        if request.path == HOST_PATH:
            return {"oidc_endpoint": f"{self.origin}/oidc", "workspace_id": "1"}
        if request.path == PLACES_PATH:
            authorize = f"{self.origin}/oidc/v1/authorize"
            return {"authorization_endpoint": authorize, "token_endpoint": f"{self.origin}{TOKEN_PATH}"}
        if request.path != TOKEN_PATH:
            answer = super().answer(request, behaviour)
            if "claude" in request.body["model"] and not behaviour.tool_calls:
                message = answer["choices"][0]["message"]
                message["content"] = [_reasoning("Let me think."), {"type": "text", "text": message["content"]}]
            return answer
        self.tokens.append(f"token-{len(self.tokens)}")
        return {"access_token": self.tokens[-1], "scope": "all-apis", "token_type": "Bearer", "expires_in": 3600}


def _reasoning(text: str) -> dict[str, Any]:
    return {"type": "reasoning", "summary": [{"type": "summary_text", "text": text, "signature": "EqoB"}]}
