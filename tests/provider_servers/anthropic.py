"""Anthropic's Messages API. Source: https://platform.claude.com/docs/en/api/messages and .../streaming"""

from collections.abc import Sequence
from typing import Any

import orjson

from tests.provider_servers.http_server import Behaviour, HttpServer, Received

VERSIONS = {"2023-06-01", "2026-10-21"}

_TYPES = {
    400: "invalid_request_error",
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    413: "request_too_large",
    429: "rate_limit_error",
    500: "api_error",
    529: "overloaded_error",
}


class AnthropicServer(HttpServer):
    def __init__(self, *, key: str = "sk-ant-provider") -> None:
        super().__init__()
        self.key = key

    def refusal(self, request: Received) -> tuple[int, Any] | None:
        body = request.body
        if request.path != "/v1/messages":
            return 404, _error(404, "Not found")
        bearer = request.headers.get("authorization", "").removeprefix("Bearer ")  # the SDK's newer way
        if self.key not in (request.headers.get("x-api-key"), bearer):
            return 401, _error(401, "invalid x-api-key")
        if request.headers.get("anthropic-version") not in VERSIONS:
            return 400, _error(400, "anthropic-version: header is required")
        for name in ("model", "messages", "max_tokens"):
            if name not in body:
                return 400, _error(400, f"{name}: Field required")
        if any(message.get("role") not in ("user", "assistant") for message in body["messages"]):
            return 400, _error(400, 'messages: Unexpected role "system".')
        return None

    def error(self, status: int) -> Any:
        return _error(status, f"The server says {status}.")

    def answer(self, request: Received, behaviour: Behaviour) -> Any:
        content: list[dict[str, Any]] = [{"type": "text", "text": behaviour.text}]
        if behaviour.tool_calls:
            content += [{"type": "tool_use", **call} for call in self._calls(request)]
        usage = self._usage(behaviour)
        return {**self._message(request), "content": content, "stop_reason": self._stop(behaviour), "usage": usage}

    def events(self, request: Received, behaviour: Behaviour) -> Sequence[bytes]:
        usage = self._usage(behaviour)
        begun = {**usage, "output_tokens": 1}
        events: list[dict[str, Any]] = [
            {"type": "message_start", "message": {**self._message(request), "content": [], "usage": begun}},
            {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
            {"type": "ping"},
        ]
        words = behaviour.text.split(" ")
        for index, word in enumerate(words):
            delta = {"type": "text_delta", "text": word if not index else f" {word}"}
            events.append({"type": "content_block_delta", "index": 0, "delta": delta})
        events.append({"type": "content_block_stop", "index": 0})
        for index, call in enumerate(self._calls(request) if behaviour.tool_calls else (), start=1):
            block = {"type": "tool_use", **call, "input": {}}
            events.append({"type": "content_block_start", "index": index, "content_block": block})
            for piece in ("", '{"city":', '"Oslo"}'):
                delta = {"type": "input_json_delta", "partial_json": piece}
                events.append({"type": "content_block_delta", "index": index, "delta": delta})
            events.append({"type": "content_block_stop", "index": index})
        end = {"stop_reason": self._stop(behaviour), "stop_sequence": None}
        events += [
            {"type": "message_delta", "delta": end, "usage": {"output_tokens": usage["output_tokens"]}},
            {"type": "message_stop"},
        ]
        return [_event(event) for event in events]

    def error_event(self) -> bytes:
        return _event(_error(529, "Overloaded"))

    def _message(self, request: Received) -> dict[str, Any]:
        return {
            "id": f"msg_{len(self.received)}",
            "type": "message",
            "role": "assistant",
            "model": request.body["model"],
            "stop_reason": None,
            "stop_sequence": None,
        }

    def _stop(self, behaviour: Behaviour) -> str:
        return behaviour.finish or ("tool_use" if behaviour.tool_calls else "end_turn")

    def _calls(self, request: Received) -> list[dict[str, Any]]:
        tools = request.body.get("tools") or ()
        return [
            {"id": f"toolu_{index}", "name": tool["name"], "input": {"city": "Oslo"}}
            for index, tool in enumerate(tools)
        ]

    def _usage(self, behaviour: Behaviour) -> dict[str, Any]:
        return behaviour.usage or {
            "input_tokens": 12,
            "cache_creation_input_tokens": 0,
            "cache_read_input_tokens": 8,
            "output_tokens": 10,
        }


def _error(status: int, message: str) -> dict[str, Any]:
    return {"type": "error", "error": {"type": _TYPES.get(status, "api_error"), "message": message}}


def _event(data: dict[str, Any]) -> bytes:
    return f"event: {data['type']}\n".encode() + b"data: " + orjson.dumps(data) + b"\n\n"
