"""Cloudflare Workers AI. Sources: https://developers.cloudflare.com/workers-ai/configuration/open-ai-compatibility/,
https://developers.cloudflare.com/api/resources/ai/methods/run/,
https://developers.cloudflare.com/workers-ai/models/bge-base-en-v1.5/, https://developers.cloudflare.com/api/ (envelope)
"""

import re
from collections.abc import Sequence
from typing import Any
from urllib.parse import unquote

import orjson

from tests.provider_servers.http_server import Behaviour, Received
from tests.provider_servers.openai import OpenAIServer

ACCOUNT = "023e105f4ecef8ad9ca31a8372d0c353"
_RUN = re.compile(rf"/client/v4/accounts/{ACCOUNT}/ai/run/(@cf/[\w.-]+/[\w.-]+)")


class CloudflareServer(OpenAIServer):
    """Serves one account, by both endpoints."""

    def __init__(self, *, key: str = "cf-provider") -> None:
        super().__init__(key=key, model="@cf/meta/llama-3.1-8b-instruct")

    @property
    def base(self) -> str:
        return f"{self.origin}/client/v4/accounts/{ACCOUNT}/ai"

    def refusal(self, request: Received) -> tuple[int, Any] | None:
        if request.headers.get("authorization") != f"Bearer {self.key}":
            return 401, _envelope(10000, "Authentication error")
        if request.path == f"/client/v4/accounts/{ACCOUNT}/ai/v1/chat/completions":
            return self.refusal_of(request.body)
        if not _runs(request):
            return 404, _envelope(
                7003, f"Could not route to {request.path}, perhaps your object identifier is invalid?"
            )
        if not request.body.keys() & {"prompt", "text"} and not request.body.get("messages"):
            return 400, _envelope(
                5006, "Error: oneOf at '/' not met, 0 matches: required properties at '/' are 'prompt'"
            )
        return None

    def error(self, status: int) -> Any:
        return _envelope(5000 + status, f"The server says {status}.")

    def answer(self, request: Received, behaviour: Behaviour) -> Any:
        if not _runs(request):
            return super().answer(request, behaviour)
        if "text" in request.body:
            return _enclosed(_vectors(request.body["text"]))
        result: dict[str, Any] = {"response": behaviour.text}
        if behaviour.tool_calls:
            result = {"response": None, "tool_calls": self._run_calls(request)}
        if not behaviour.no_usage:
            result["usage"] = behaviour.usage or _USAGE
        return _enclosed(result)

    def events(self, request: Received, behaviour: Behaviour) -> Sequence[bytes]:
        if not _runs(request):
            return super().events(request, behaviour)
        words = behaviour.text.split(" ")
        events: list[dict[str, Any]] = [
            {"response": word if not index else f" {word}", "p": "abdefgh"} for index, word in enumerate(words)
        ]
        if behaviour.tool_calls:
            events = [{"response": "", "tool_calls": self._run_calls(request)}]
        if not behaviour.no_usage:
            events.append({"response": "", "usage": behaviour.usage or _USAGE})
        return [*[b"data: " + orjson.dumps(event) + b"\n\n" for event in events], b"data: [DONE]\n\n"]

    def _run_calls(self, request: Received) -> list[dict[str, Any]]:
        names = [tool.get("function", tool)["name"] for tool in request.body.get("tools") or ()]
        return [{"name": name, "arguments": {"city": "Oslo"}} for name in names]


def _runs(request: Received) -> bool:
    """The official SDK sends a model's name with its slashes encoded, others as they are."""
    return _RUN.fullmatch(unquote(request.path)) is not None


_USAGE = {"prompt_tokens": 20, "completion_tokens": 10, "total_tokens": 30}


def _vectors(text: str | list[str]) -> dict[str, Any]:
    data = [[0.5, float(index)] for index, _ in enumerate([text] if isinstance(text, str) else text)]
    return {"shape": [len(data), 2], "data": data, "pooling": "mean"}


def _enclosed(result: dict[str, Any]) -> dict[str, Any]:
    return {"result": result, "success": True, "errors": [], "messages": []}


def _envelope(code: int, message: str) -> dict[str, Any]:
    return {"result": None, "success": False, "errors": [{"code": code, "message": message}], "messages": []}
