"""Replicate's predictions. Sources: https://replicate.com/docs/reference/http,
https://replicate.com/docs/topics/predictions/streaming
"""

import asyncio
import re
from collections.abc import Sequence
from typing import Any

from tests.provider_servers.http_server import Behaviour, HttpServer, Received

_MADE = re.compile(r"/v1/(?:models/[\w.-]+/[\w.-]+/predictions|deployments/[\w.-]+/[\w.-]+/predictions|predictions)")
_ONE = re.compile(r"/v1/predictions/(?P<id>p-\d+)")
_CANCEL = re.compile(r"/v1/predictions/(?P<id>p-\d+)/cancel")
_STREAM = re.compile(r"/stream/(?P<id>p-\d+)")


class ReplicateServer(HttpServer):
    """A prediction needs `polls` looks at it until it is over, whether or not the first call waits."""

    def __init__(self, *, key: str = "r8_provider", polls: int = 0, has_streams: bool = True) -> None:
        super().__init__()
        self.key = key
        self.polls = polls
        self.has_streams = has_streams
        self.end = "succeeded"
        self.cancelled: list[str] = []
        self._asked: dict[str, Behaviour] = {}
        self._looks: dict[str, int] = {}

    def refusal(self, request: Received) -> tuple[int, Any] | None:
        if _STREAM.fullmatch(request.path):
            return None  # its address is secret
        if request.headers.get("authorization") != f"Bearer {self.key}":
            return 401, {
                "title": "Unauthenticated",
                "detail": "You did not pass a valid authentication token",
                "status": 401,
            }
        if request.method == "GET" and (found := _ONE.fullmatch(request.path)) and found["id"] in self._asked:
            return None
        if request.method == "POST" and (found := _CANCEL.fullmatch(request.path)) and found["id"] in self._asked:
            return None
        if request.method != "POST" or not _MADE.fullmatch(request.path):
            return 404, {"detail": "The requested resource could not be found.", "status": 404}
        if not request.body.get("input", {}).get("prompt"):
            return 422, {"title": "Input validation failed", "detail": "- input: prompt is required", "status": 422}
        return None

    def error(self, status: int) -> Any:
        return {"title": "Error", "detail": f"The server says {status}.", "status": status}

    def streams(self, request: Received) -> bool:
        return _STREAM.fullmatch(request.path) is not None

    def answer(self, request: Received, behaviour: Behaviour) -> Any:
        found = _ONE.fullmatch(request.path)
        if found is not None:
            return self._prediction(found["id"])
        if (left := _CANCEL.fullmatch(request.path)) is not None:
            self.cancelled.append(left["id"])
            return {**self._prediction(left["id"]), "status": "canceled", "output": None}
        prediction = f"p-{len(self.received)}"
        self._asked[prediction], self._looks[prediction] = behaviour, 0
        return self._prediction(prediction, streams=bool(request.body.get("stream")) and self.has_streams)

    def events(self, request: Received, behaviour: Behaviour) -> Sequence[bytes]:
        words = behaviour.text.split(" ")
        events = [_event("output", word if not index else f" {word}", index) for index, word in enumerate(words)]
        return [*events, _event("done", "{}", len(words))]

    def error_event(self) -> bytes:
        return _event("error", "the model crashed", 9)

    async def _stream(self, writer: asyncio.StreamWriter, behaviour: Behaviour, request: Received) -> bool:
        found = _STREAM.fullmatch(request.path)
        assert found is not None
        return await super()._stream(writer, self._asked[found["id"]], request)

    def _prediction(self, prediction: str, *, streams: bool = False) -> dict[str, Any]:
        behaviour = self._asked[prediction]
        self._looks[prediction] += 1
        over = self._looks[prediction] > self.polls and not streams
        urls = {"get": f"{self.origin}/v1/predictions/{prediction}", "cancel": f"{self.origin}/v1/predictions/x/cancel"}
        if streams:
            urls["stream"] = f"{self.origin}/stream/{prediction}"
        words = behaviour.text.split(" ")
        output = [word if not index else f" {word}" for index, word in enumerate(words)]
        made: dict[str, Any] = {"id": prediction, "model": "meta/meta-llama-3-8b-instruct", "urls": urls, "error": None}
        made |= {"version": "hidden", "input": {"prompt": "hi"}, "logs": "", "created_at": "2026-11-20T12:00:00.000Z"}
        if not over:
            return {**made, "status": "starting", "output": None}
        if self.end != "succeeded":
            return {**made, "status": self.end, "output": None, "error": "CUDA out of memory"}
        metrics = {"predict_time": 1.5, "input_token_count": 20, "output_token_count": 10}
        return {**made, "status": "succeeded", "output": output, "metrics": {} if behaviour.no_usage else metrics}


def _event(name: str, text: str, number: int) -> bytes:
    lines = "".join(f"data: {line}\n" for line in text.split("\n"))
    return f"event: {name}\nid: 1690212292:{number}\n{lines}\n".encode()
