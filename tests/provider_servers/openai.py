"""OpenAI's chat completions. Source: https://platform.openai.com/docs/api-reference/chat"""

import ssl
from collections.abc import Sequence
from typing import Any

import orjson

from tests.provider_servers.http_server import Behaviour, HttpServer, Received

CREATED = 1_700_000_000
KINDS = {400: "invalid_request_error", 401: "invalid_request_error", 429: "requests", 500: "server_error"}


class OpenAIServer(HttpServer):
    """Serves any model but `no-such-model`, to whoever has `key`."""

    def __init__(
        self, *, key: str = "sk-provider", model: str = "gpt-4o-2024-08-06", tls: ssl.SSLContext | None = None
    ) -> None:
        super().__init__(tls=tls)
        self.key = key
        self.model = model  # as it names itself, whatever it was asked for

    @property
    def url(self) -> str:
        return f"{self.origin}/v1"

    def refusal(self, request: Received) -> tuple[int, Any] | None:
        if request.path != "/v1/chat/completions":
            return 404, _error(f"Invalid URL (POST {request.path})", "invalid_request_error")
        if request.headers.get("authorization") != f"Bearer {self.key}":
            return 401, _error(
                "Incorrect API key provided: sk-w***ng.", "invalid_request_error", code="invalid_api_key"
            )
        return self.refusal_of(request.body)

    def refusal_of(self, body: dict[str, Any]) -> tuple[int, Any] | None:
        if not isinstance(body.get("messages"), list):
            return 400, _error("Missing required parameter: 'messages'.", "invalid_request_error", param="messages")
        if body.get("model") == "no-such-model":
            return 404, _error("The model does not exist.", "invalid_request_error", code="model_not_found")
        if body.get("stream_options") is not None and not body.get("stream"):
            message = "The 'stream_options' parameter is only allowed when 'stream' is enabled."
            return 400, _error(message, "invalid_request_error", param="stream_options")
        return None

    def error(self, status: int) -> Any:
        code = {429: "rate_limit_exceeded"}.get(status)
        return _error(f"The server says {status}.", KINDS.get(status, "server_error"), code=code)

    def answer(self, request: Received, behaviour: Behaviour) -> Any:
        message: dict[str, Any] = {"role": "assistant", "content": behaviour.text, "refusal": None, "annotations": []}
        finish = behaviour.finish or "stop"
        if behaviour.tool_calls:
            message |= {"content": None, "tool_calls": self._calls(request)}
            finish = behaviour.finish or "tool_calls"
        choices = [
            {"index": index, "message": message, "logprobs": None, "finish_reason": finish}
            for index in range(request.body.get("n") or 1)
        ]
        answer = {**self._envelope("chat.completion"), "choices": choices, "service_tier": "default"}
        return answer if behaviour.no_usage else {**answer, "usage": self._usage(behaviour)}

    def events(self, request: Received, behaviour: Behaviour) -> Sequence[bytes]:
        wants_usage = bool((request.body.get("stream_options") or {}).get("include_usage")) and not behaviour.no_usage
        deltas: list[dict[str, Any]] = [{"role": "assistant", "content": "", "refusal": None}]
        finish = behaviour.finish or "stop"
        if behaviour.tool_calls:
            finish = behaviour.finish or "tool_calls"
            deltas = [{"role": "assistant", "content": None}]
            for index, call in enumerate(self._calls(request)):
                function = call["function"]
                arguments = function["arguments"]
                deltas.append({"tool_calls": [{"index": index, **call, "function": {**function, "arguments": ""}}]})
                half = len(arguments) // 2
                for piece in (arguments[:half], arguments[half:]):
                    deltas.append({"tool_calls": [{"index": index, "function": {"arguments": piece}}]})
        else:
            words = behaviour.text.split(" ")
            deltas += [{"content": word if not index else f" {word}"} for index, word in enumerate(words)]
        more: dict[str, Any] = {"usage": None} if wants_usage else {}
        chunks = [self._chunk([self._choice(delta, None)], more) for delta in deltas]
        chunks.append(self._chunk([self._choice({}, finish)], more))
        if wants_usage:
            chunks.append(self._chunk([], {"usage": self._usage(behaviour)}))
        return [*chunks, b"data: [DONE]\n\n"]

    def error_event(self) -> bytes:
        return b"data: " + orjson.dumps(_error("The server had an error.", "server_error")) + b"\n\n"

    def _choice(self, delta: dict[str, Any], finish: str | None) -> dict[str, Any]:
        return {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}

    def _chunk(self, choices: list[dict[str, Any]], more: dict[str, Any]) -> bytes:
        return (
            b"data: " + orjson.dumps({**self._envelope("chat.completion.chunk"), "choices": choices, **more}) + b"\n\n"
        )

    def _envelope(self, kind: str) -> dict[str, Any]:
        return {
            "id": f"chatcmpl-{len(self.received)}",
            "object": kind,
            "created": CREATED,
            "model": self.model,
            "system_fingerprint": "fp_1",
        }

    def _calls(self, request: Received) -> list[dict[str, Any]]:
        names = [tool["function"]["name"] for tool in request.body.get("tools") or ()]
        return [
            {"id": f"call_{index}", "type": "function", "function": {"name": name, "arguments": '{"city":"Oslo"}'}}
            for index, name in enumerate(names)
        ]

    def _usage(self, behaviour: Behaviour) -> dict[str, Any]:
        return behaviour.usage or {
            "prompt_tokens": 20,
            "completion_tokens": 10,
            "total_tokens": 30,
            "prompt_tokens_details": {"cached_tokens": 8, "audio_tokens": 0},
            "completion_tokens_details": {"reasoning_tokens": 4, "audio_tokens": 0},
        }


def _error(message: str, kind: str, *, param: str | None = None, code: str | None = None) -> dict[str, Any]:
    return {"error": {"message": message, "type": kind, "param": param, "code": code}}
