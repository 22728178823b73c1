"""watsonx.ai and IBM Cloud's IAM. Sources: https://cloud.ibm.com/apidocs/watsonx-ai#text-chat, #text-chat-stream,
https://cloud.ibm.com/docs/account?topic=account-iamtoken_from_apikey
"""

import base64
import ssl
import time
from collections.abc import Sequence
from typing import Any
from urllib.parse import parse_qs

import orjson

from tests.provider_servers.http_server import Behaviour, HttpServer, Received

FIELDS = {
    "model_id", "project_id", "space_id", "messages", "tools", "tool_choice_option", "tool_choice", "frequency_penalty",
    "logprobs", "top_logprobs", "max_tokens", "n", "presence_penalty", "response_format", "seed", "stop", "temperature",
    "top_p", "time_limit", "logit_bias", "reasoning_effort", "include_reasoning", "chat_template_kwargs",
}  # fmt: skip
VECTOR_FIELDS = {
    "/ml/v1/text/embeddings": {"model_id", "project_id", "space_id", "inputs", "parameters"},
    "/ml/v1/text/rerank": {"model_id", "project_id", "space_id", "inputs", "query", "parameters"},
}
TOKEN_PATH = "/identity/token"
PROJECT = "63dc4cf1-252f-424b-b52d-5cdd9814987f"


class WatsonxServer(HttpServer):
    """Gives a token for `key`, and chats with whoever has one that was not revoked."""

    def __init__(self, *, key: str = "ibm-provider", tls: ssl.SSLContext | None = None) -> None:
        super().__init__(tls=tls)
        self.key = key
        self.tokens: list[str] = []
        self.revoked: set[str] = set()

    @property
    def chats(self) -> list[Received]:
        return [request for request in self.received if request.path != TOKEN_PATH]

    def refusal(self, request: Received) -> tuple[int, Any] | None:
        if request.path == TOKEN_PATH:
            form = parse_qs(request.raw.decode())
            if form.get("grant_type") != ["urn:ibm:params:oauth:grant-type:apikey"] or form.get("apikey") != [self.key]:
                return 400, {"errorCode": "BXNIM0415E", "errorMessage": "Provided API key could not be found."}
            return None
        token = request.headers.get("authorization", "").removeprefix("Bearer ")
        if token not in self.tokens or token in self.revoked:
            return 401, _error(401, "authentication_token_not_valid", "Failed to authenticate the request")
        if request.path in VECTOR_FIELDS and "version=" in request.query:
            extra = request.body.keys() - VECTOR_FIELDS[request.path]
            return (400, _error(400, "json_validation_error", f"{sorted(extra)} is not allowed")) if extra else None
        if request.path not in ("/ml/v1/text/chat", "/ml/v1/text/chat_stream") or "version=" not in request.query:
            return 404, _error(404, "not_found", "No such path")
        body = request.body
        for name in body.keys() - FIELDS:
            return 400, _error(400, "json_validation_error", f"Json document validation error: {name} is not allowed")
        if not body.get("project_id"):
            return 400, _error(400, "bad_request", "either a project_id or a space_id is required")
        for message in body["messages"]:
            if message["role"] == "user" and not isinstance(message["content"], list):
                return 400, _error(400, "json_type_error", "content of a user's message must be a list")
        return None

    def error(self, status: int) -> Any:
        return _error(status, "service_error", f"The server says {status}.")

    def streams(self, request: Received) -> bool:
        return request.path.endswith("chat_stream")

    def answer(self, request: Received, behaviour: Behaviour) -> Any:
        if request.path == TOKEN_PATH:
            ends = {"expires_in": 3600, "expiration": int(time.time()) + 3600}
            self.tokens.append(_jwt({"jti": str(len(self.tokens)), "exp": ends["expiration"]}))
            return {"access_token": self.tokens[-1], "refresh_token": "not_supported", "token_type": "Bearer", **ends}
        if request.path in VECTOR_FIELDS:
            return _vectors(request)
        message: dict[str, Any] = {"role": "assistant", "content": behaviour.text}
        if behaviour.tool_calls:
            message = {"role": "assistant", "tool_calls": self._calls(request)}
        choice = {"index": 0, "message": message, "finish_reason": self._finish(behaviour)}
        answer = {**self._head(request), "choices": [choice]}
        return answer if behaviour.no_usage else {**answer, "usage": behaviour.usage or _USAGE}

    def events(self, request: Received, behaviour: Behaviour) -> Sequence[bytes]:
        words = behaviour.text.split(" ")
        deltas: list[dict[str, Any]] = [{"role": "assistant", "content": ""}]
        if behaviour.tool_calls:
            deltas += [{"tool_calls": [{"index": n, **call}]} for n, call in enumerate(self._calls(request))]
        else:
            deltas += [{"content": word if not index else f" {word}"} for index, word in enumerate(words)]
        chunks = [{"choices": [{"index": 0, "finish_reason": None, "delta": delta}]} for delta in deltas]
        chunks.append({"choices": [{"index": 0, "finish_reason": self._finish(behaviour), "delta": {"content": ""}}]})
        if not behaviour.no_usage:
            chunks.append({"choices": [], "usage": behaviour.usage or _USAGE})  # type: ignore[dict-item]
        return [_event(number, {**self._head(request), **chunk}) for number, chunk in enumerate(chunks, start=1)]

    def error_event(self) -> bytes:
        return (
            b"id: 9\nevent: error\ndata: " + orjson.dumps(_error(500, "downstream_request_failed", "broken")) + b"\n\n"
        )

    def _head(self, request: Received) -> dict[str, Any]:
        made = {"created": 1_700_000_000, "created_at": "2026-11-20T12:00:00.000Z"}
        return {"id": f"chat-{len(self.received)}", "model_id": request.body.get("model_id"), **made}

    def _finish(self, behaviour: Behaviour) -> str:
        return behaviour.finish or ("tool_calls" if behaviour.tool_calls else "stop")

    def _calls(self, request: Received) -> list[dict[str, Any]]:
        names = [tool["function"]["name"] for tool in request.body.get("tools") or ()]
        return [
            {"id": f"chatcmpl-tool-{n}", "type": "function", "function": {"name": name, "arguments": '{"city":"Oslo"}'}}
            for n, name in enumerate(names)
        ]


_USAGE = {"completion_tokens": 10, "prompt_tokens": 20, "total_tokens": 30}


def _vectors(request: Received) -> dict[str, Any]:
    places = range(len(request.body["inputs"]))
    head = {"model_id": request.body["model_id"], "created_at": "2026-11-20T12:00:00.000Z", "input_token_count": 10}
    if request.path.endswith("rerank"):
        return {**head, "results": [{"index": place, "score": 0.25 * place} for place in reversed(places)]}
    return {**head, "results": [{"embedding": [0.5, float(place)]} for place in places]}


def _error(status: int, code: str, message: str) -> dict[str, Any]:
    return {"errors": [{"code": code, "message": message}], "trace": "3fd543d2", "status_code": status}


def _jwt(claims: dict[str, Any]) -> str:
    """As IAM's tokens are, but for the signature, which nobody but watsonx.ai checks. Its SDK reads when it ends."""
    parts = [orjson.dumps({"alg": "RS256", "typ": "JWT"}), orjson.dumps(claims), b"unsigned"]
    return ".".join(base64.urlsafe_b64encode(part).decode().rstrip("=") for part in parts)


def _event(number: int, data: dict[str, Any]) -> bytes:
    return f"id: {number}\nevent: message\n".encode() + b"data: " + orjson.dumps(data) + b"\n\n"
