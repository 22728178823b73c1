"""The lines of Ollama's /api/chat and /api/generate.

Sources: https://docs.ollama.com/api/chat, https://docs.ollama.com/api/generate
"""

from typing import Any

import orjson

from services.router.cuts.cut import Ending
from services.router.cuts.wire import Told, Wire
from shared.usage import Usage

_TEXTS = ("content", "response", "thinking")


class JsonLines:
    """A `Wire`: an object each line."""

    def split(self, data: bytes) -> tuple[list[bytes], bytes]:
        *lines, rest = data.split(b"\n")
        return [line + b"\n" for line in lines], rest

    def read(self, event: bytes) -> Told | None:
        try:
            fields = orjson.loads(event)
        except orjson.JSONDecodeError:  # an empty line, or what no client could read either
            return None
        return Told("", fields) if isinstance(fields, dict) else None

    def write(self, name: str, fields: dict[str, Any], *, in_place_of: bytes = b"") -> bytes:
        return orjson.dumps(fields) + b"\n"

    def opened(self) -> None:
        return None

    def end(self) -> bytes:
        return b""


class OllamaCut:
    """A `Cut`."""

    reason = "length"

    def __init__(self, *, generates: bool = False) -> None:
        """`generates`: lines of /api/generate, whose text is no message."""
        self.wire: Wire = JsonLines()
        self._generates = generates
        self._head: dict[str, Any] = {}

    def alike(self, event: bytes) -> tuple[bytes, bytes]:
        return b"", b""  # each line has a time of its own

    def texts(self, told: Told) -> list[tuple[int, str]]:
        said = self._said(told)
        found = [said[name] for name in _TEXTS if isinstance(said.get(name), str)]
        calls = said.get("tool_calls")
        for call in calls if isinstance(calls, list) else ():
            function = call.get("function") if isinstance(call, dict) else None
            if isinstance(function, dict):
                found.append(f"{function.get('name')}{orjson.dumps(function.get('arguments')).decode()}")
        return [(0, text) for text in found if text]

    def note(self, told: Told) -> None:
        self._head |= {name: told.fields[name] for name in ("model", "created_at") if name in told.fields}

    def shortened(self, event: bytes, told: Told, text: str) -> bytes | None:
        said = self._said(told)
        name = next((name for name in _TEXTS if said.get(name)), "")
        if not name:
            return None
        short = {**said, name: text}
        fields = {**told.fields, **(short if self._generates else {"message": short}), "done": False}
        for late in ("done_reason", "context", "logprobs"):
            fields.pop(late, None)
        return self.wire.write("", fields, in_place_of=event)

    def ending(self, answer_id: str, model: str, usage: Usage, *, shows_usage: bool) -> Ending:
        said: dict[str, Any] = {"message": {"role": "assistant", "content": ""}}
        last = {
            **(self._head or {"model": model}),
            **({"response": ""} if self._generates else said),
            "done": True,
            "done_reason": self.reason,
            "prompt_eval_count": usage.prompt_tokens,
            "eval_count": usage.completion_tokens,
        }
        return Ending(b"", self.wire.write("", last))

    def _said(self, told: Told) -> dict[str, Any]:
        said = told.fields if self._generates else told.fields.get("message")
        return said if isinstance(said, dict) else {}
