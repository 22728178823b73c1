"""Cohere's v2 API. Sources: https://docs.cohere.com/reference/chat, https://docs.cohere.com/v2/docs/streaming,
https://docs.cohere.com/docs/tool-use-streaming, https://docs.cohere.com/reference/errors
"""

from collections.abc import Sequence
from typing import Any

import orjson

from tests.provider_servers.http_server import Behaviour, HttpServer, Received

FIELDS = {
    "model", "messages", "stream", "tools", "strict_tools", "documents", "citation_options", "response_format",
    "safety_mode", "max_tokens", "stop_sequences", "temperature", "seed", "frequency_penalty", "presence_penalty",
    "k", "p", "logprobs", "tool_choice", "thinking", "priority", "raw_prompting",
}  # fmt: skip


class CohereServer(HttpServer):
    """Serves any model but `no-such-model`, to whoever has `key`. With tools it plans before it calls."""

    def __init__(self, *, key: str = "co-provider") -> None:
        super().__init__()
        self.key = key

    def refusal(self, request: Received) -> tuple[int, Any] | None:
        if request.headers.get("authorization") != f"Bearer {self.key}":
            return 401, {"id": "e-1", "message": "invalid api token"}
        if request.path != "/v2/chat":
            return 404, {"id": "e-1", "message": f"page not found: {request.path}"}
        body = request.body
        if body.get("model") == "no-such-model":
            return 404, {"id": "e-1", "message": "model 'no-such-model' not found"}
        for name in body.keys() - FIELDS:
            return 400, {
                "id": "e-1",
                "message": f"invalid request: unknown field: parameter '{name}' is not a valid field",
            }
        if body.get("tool_choice") not in (None, "REQUIRED", "NONE"):
            return 400, {"id": "e-1", "message": "invalid request: tool_choice must be REQUIRED or NONE"}
        if body.get("response_format", {}).get("type") not in (None, "text", "json_object"):
            return 400, {
                "id": "e-1",
                "message": "invalid request: response_format.type must be one of text, json_object",
            }
        for message in body.get("messages") or ():
            if message.get("role") not in ("system", "user", "assistant", "tool"):
                return 400, {"id": "e-1", "message": "invalid request: invalid role provided"}
        return (
            None if body.get("messages") else (400, {"id": "e-1", "message": "invalid request: messages must be set"})
        )

    def error(self, status: int) -> Any:
        return {"id": "e-1", "message": f"The server says {status}."}

    def answer(self, request: Received, behaviour: Behaviour) -> Any:
        message: dict[str, Any] = {"role": "assistant"}
        if behaviour.tool_calls:
            message |= {"tool_plan": "I will look.", "tool_calls": self._calls(request)}
        else:
            message["content"] = [*self._thoughts(request), {"type": "text", "text": behaviour.text}]
            if request.body.get("documents"):
                message["citations"] = [self._citation(behaviour)]
        answer = {"id": f"c-{len(self.received)}", "finish_reason": self._finish(behaviour), "message": message}
        return answer if behaviour.no_usage else {**answer, "usage": self._usage(behaviour)}

    def events(self, request: Received, behaviour: Behaviour) -> Sequence[bytes]:
        begun = {"role": "assistant", "content": [], "tool_plan": "", "tool_calls": [], "citations": []}
        events: list[dict[str, Any]] = [
            {"type": "message-start", "id": f"c-{len(self.received)}", "delta": {"message": begun}}
        ]
        if behaviour.tool_calls:
            events += [
                {"type": "tool-plan-delta", "delta": {"message": {"tool_plan": part}}} for part in ("I will", " look.")
            ]
            for index, call in enumerate(self._calls(request)):
                start = {**call, "function": {**call["function"], "arguments": ""}}
                events.append(_delta("tool-call-start", index, "tool_calls", start))
                for piece in ('{"city":', '"Oslo"}'):
                    events.append(_delta("tool-call-delta", index, "tool_calls", {"function": {"arguments": piece}}))
                events.append({"type": "tool-call-end", "index": index})
        else:
            events += self._texts(request, behaviour)
        end: dict[str, Any] = {"finish_reason": self._finish(behaviour)}
        if not behaviour.no_usage:
            end["usage"] = self._usage(behaviour)
        return [_event(event) for event in [*events, {"type": "message-end", "delta": end}]]

    def error_event(self) -> bytes:
        delta = {"finish_reason": "ERROR", "error": "internal server error"}
        return _event({"type": "message-end", "delta": delta})

    def _texts(self, request: Received, behaviour: Behaviour) -> list[dict[str, Any]]:
        events: list[dict[str, Any]] = []
        blocks = [*self._thoughts(request), {"type": "text", "text": behaviour.text}]
        for index, block in enumerate(blocks):
            field = "thinking" if block["type"] == "thinking" else "text"
            events.append(_delta("content-start", index, "content", {"type": block["type"], field: ""}))
            for number, word in enumerate(block[field].split(" ")):
                events.append(_delta("content-delta", index, "content", {field: word if not number else f" {word}"}))
            events.append({"type": "content-end", "index": index})
        if request.body.get("documents"):
            events.append(_delta("citation-start", 0, "citations", self._citation(behaviour)))
            events.append({"type": "citation-end", "index": 0})
        return events

    def _thoughts(self, request: Received) -> list[dict[str, Any]]:
        on = (request.body.get("thinking") or {}).get("type") == "enabled"
        return [{"type": "thinking", "thinking": "Let me think."}] if on else []

    def _citation(self, behaviour: Behaviour) -> dict[str, Any]:
        source = {"type": "document", "id": "doc:0", "document": {"id": "doc:0", "text": "Hello"}}
        return {"start": 0, "end": 5, "text": behaviour.text[:5], "sources": [source], "type": "TEXT_CONTENT"}

    def _finish(self, behaviour: Behaviour) -> str:
        return behaviour.finish or ("TOOL_CALL" if behaviour.tool_calls else "COMPLETE")

    def _calls(self, request: Received) -> list[dict[str, Any]]:
        names = [tool["function"]["name"] for tool in request.body.get("tools") or ()]
        return [
            {"id": f"{name}_{index}", "type": "function", "function": {"name": name, "arguments": '{"city":"Oslo"}'}}
            for index, name in enumerate(names)
        ]

    def _usage(self, behaviour: Behaviour) -> dict[str, Any]:
        return behaviour.usage or {
            "billed_units": {"input_tokens": 20, "output_tokens": 10},
            "tokens": {"input_tokens": 86, "output_tokens": 14},
        }


def _delta(kind: str, index: int, field: str, value: Any) -> dict[str, Any]:
    return {"type": kind, "index": index, "delta": {"message": {field: value}}}


def _event(data: dict[str, Any]) -> bytes:
    return f"event: {data['type']}\n".encode() + b"data: " + orjson.dumps(data) + b"\n\n"
