"""Ollama's own API.

Sources: https://docs.ollama.com/api/chat, https://docs.ollama.com/api/generate, https://docs.ollama.com/api/errors
"""

from collections.abc import Sequence
from typing import Any

import orjson

from tests.provider_servers.http_server import Behaviour, HttpServer, Received


class OllamaServer(HttpServer):
    """Serves any model but `no-such-model`; to whoever has `key`, where one is set."""

    stream_type = "application/x-ndjson"

    def __init__(self, *, key: str = "") -> None:
        super().__init__()
        self.key = key

    def refusal(self, request: Received) -> tuple[int, Any] | None:
        if self.key and request.headers.get("authorization") != f"Bearer {self.key}":
            return 401, {"error": "unauthorized"}
        if request.path not in ("/api/chat", "/api/generate", "/api/embed"):
            return 404, {"error": "404 page not found"}
        body = request.body
        if body.get("model") == "no-such-model":
            return 404, {"error": "model 'no-such-model' not found"}
        for message in body.get("messages") or ():
            if not isinstance(message.get("content", ""), str):
                return 400, {"error": "json: cannot unmarshal array into Go struct field ChatRequest.messages.content"}
            for call in message.get("tool_calls") or ():
                if not isinstance(call["function"]["arguments"], dict):
                    return 400, {
                        "error": "json: cannot unmarshal string into Go struct field ToolCallFunction.arguments"
                    }
        return None

    def error(self, status: int) -> Any:
        return {"error": f"The server says {status}."}

    def streams(self, request: Received) -> bool:
        return request.path in ("/api/chat", "/api/generate") and request.body.get("stream") is not False

    def answer(self, request: Received, behaviour: Behaviour) -> Any:
        if request.path == "/api/embed":
            given = request.body["input"]
            texts = [given] if isinstance(given, str) else given
            embeddings = [[0.5, float(index)] for index, _ in enumerate(texts)]
            return {
                "model": request.body["model"],
                "embeddings": embeddings,
                "total_duration": 14,
                "prompt_eval_count": 8,
            }
        if request.path == "/api/generate":
            return {**self._head(request), "response": behaviour.text, **self._end(behaviour)}
        message: dict[str, Any] = {"role": "assistant", "content": "" if behaviour.tool_calls else behaviour.text}
        if request.body.get("think"):
            message["thinking"] = "Let me think."
        if behaviour.tool_calls:
            message["tool_calls"] = self._calls(request)
        return {**self._head(request), "message": message, **self._end(behaviour)}

    def events(self, request: Received, behaviour: Behaviour) -> Sequence[bytes]:
        messages: list[dict[str, Any]] = []
        if request.path == "/api/generate":
            said = [word if not index else f" {word}" for index, word in enumerate(behaviour.text.split(" "))]
            lines = [{**self._head(request), "response": word, "done": False} for word in said]
            lines.append({**self._head(request), "response": "", **self._end(behaviour)})
            return [orjson.dumps(line) + b"\n" for line in lines]
        if request.body.get("think"):
            messages += [{"content": "", "thinking": word} for word in ("Let", " me think.")]
        if behaviour.tool_calls:
            messages += [{"content": "", "tool_calls": [call]} for call in self._calls(request)]
        else:
            words = behaviour.text.split(" ")
            messages += [{"content": word if not index else f" {word}"} for index, word in enumerate(words)]
        lines = [
            {**self._head(request), "message": {"role": "assistant", **message}, "done": False} for message in messages
        ]
        lines.append({**self._head(request), "message": {"role": "assistant", "content": ""}, **self._end(behaviour)})
        return [orjson.dumps(line) + b"\n" for line in lines]

    def error_event(self) -> bytes:
        return orjson.dumps({"error": "an error was encountered while running the model"}) + b"\n"

    def _head(self, request: Received) -> dict[str, Any]:
        return {"model": request.body["model"], "created_at": "2026-11-20T12:00:00.000000Z"}

    def _end(self, behaviour: Behaviour) -> dict[str, Any]:
        end = {"done": True, "done_reason": behaviour.finish or "stop", "total_duration": 4883583458}
        if behaviour.no_usage:
            return end
        return {**end, **(behaviour.usage or {"prompt_eval_count": 20, "eval_count": 10, "eval_duration": 4799921000})}

    def _calls(self, request: Received) -> list[dict[str, Any]]:
        return [
            {"function": {"name": tool["function"]["name"], "arguments": {"city": "Oslo"}}}
            for tool in request.body.get("tools") or ()
        ]
