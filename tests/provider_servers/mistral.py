"""Mistral's chat. Sources: https://docs.mistral.ai/api/#tag/chat, https://docs.mistral.ai/capabilities/reasoning/"""

import re
from collections.abc import Sequence
from typing import Any

import orjson

from tests.provider_servers.http_server import Behaviour, Received
from tests.provider_servers.openai import OpenAIServer

FIELDS = {
    "model", "messages", "temperature", "top_p", "max_tokens", "stream", "stop", "random_seed", "response_format",
    "tools", "tool_choice", "presence_penalty", "frequency_penalty", "n", "prediction", "parallel_tool_calls",
    "prompt_mode", "reasoning_effort", "safe_prompt", "metadata",
}  # fmt: skip
MESSAGE_FIELDS = {
    "system": {"role", "content"},
    "user": {"role", "content"},
    "assistant": {"role", "content", "tool_calls", "prefix"},
    "tool": {"role", "content", "tool_call_id", "name"},
}


class MistralServer(OpenAIServer):
    """Knows its own fields and no others. A magistral thinks."""

    def __init__(self, *, key: str = "mistral-provider") -> None:
        super().__init__(key=key, model="mistral-small-2506")

    def refusal_of(self, body: dict[str, Any]) -> tuple[int, Any] | None:
        extra = [("body", name) for name in body.keys() - FIELDS]
        for index, message in enumerate(body.get("messages") or ()):
            known = MESSAGE_FIELDS.get(message.get("role"), set())
            extra += [("body", "messages", index, message["role"], name) for name in message.keys() - known]
            for call in message.get("tool_calls") or ():
                if not re.fullmatch(r"[a-zA-Z0-9]{9}", call["id"]):
                    return 400, _error(
                        400, f"Tool call id was {call['id']} but must be a-z, A-Z, 0-9, with a length of 9."
                    )
        if extra:
            detail = [
                {"type": "extra_forbidden", "loc": list(loc), "msg": "Extra inputs are not permitted"} for loc in extra
            ]
            return 422, {"detail": detail}
        return super().refusal_of(body)

    def error(self, status: int) -> Any:
        return _error(status, f"The server says {status}.")

    def answer(self, request: Received, behaviour: Behaviour) -> Any:
        answer = super().answer(request, behaviour)
        if "magistral" in request.body["model"] and not behaviour.tool_calls:
            parts = [_thought("Let me think."), {"type": "text", "text": behaviour.text}]
            answer["choices"][0]["message"]["content"] = parts
        return self._with_usage(answer)

    def events(self, request: Received, behaviour: Behaviour) -> Sequence[bytes]:
        words = behaviour.text.split(" ")
        texts = [word if not index else f" {word}" for index, word in enumerate(words)]
        deltas: list[dict[str, Any]] = [{"role": "assistant", "content": ""}]
        if behaviour.tool_calls:
            deltas += [{"tool_calls": [{**call, "index": n} for n, call in enumerate(self._calls(request))]}]
        elif "magistral" in request.body["model"]:
            deltas += [{"content": [_thought(part)]} for part in ("Let me", " think.")]
            deltas += [{"content": [{"type": "text", "text": text}]} for text in texts]
        else:
            deltas += [{"content": text} for text in texts]
        chunks = [
            {**self._envelope("chat.completion.chunk"), "choices": [self._choice(delta, None)]} for delta in deltas
        ]
        finish = behaviour.finish or ("tool_calls" if behaviour.tool_calls else "stop")
        last = {**self._envelope("chat.completion.chunk"), "choices": [self._choice({"content": ""}, finish)]}
        chunks.append(self._with_usage({**last, "usage": self._usage(behaviour)}))
        return [*[b"data: " + orjson.dumps(chunk) + b"\n\n" for chunk in chunks], b"data: [DONE]\n\n"]

    def _with_usage(self, answer: dict[str, Any]) -> dict[str, Any]:
        return {**answer, "usage": {"prompt_tokens": 20, "completion_tokens": 10, "total_tokens": 30}}


def _thought(text: str) -> dict[str, Any]:
    return {"type": "thinking", "thinking": [{"type": "text", "text": text}]}


def _error(status: int, message: str) -> dict[str, Any]:
    return {"object": "error", "message": message, "type": "invalid_request_error", "param": None, "code": str(status)}
