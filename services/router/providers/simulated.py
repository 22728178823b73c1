"""The built-in provider that answers without a network: for a first try, demonstrations, tests and benchmarks.

It speaks OpenAI's wire format under the address scheme `simulated`, so that its answers take every step a real
provider's take: chat, completions and embeddings. What it does is deterministic: the model's name chooses a script,
and a `simulated` object in the request overrides it.

Models: `echo` (repeats the last message), `slow` (the same, after a second), `fail-STATUS` (that error).
"""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import httpx
import msgspec
import orjson

from services.router.providers.base import CHAT
from services.router.providers.openai.paths import PATHS
from shared.ids import new_id

SIMULATED_URL = "simulated://local/v1"
SIMULATED_PATHS = {name: PATHS[name] for name in (CHAT, "atext_completion", "aembedding")}
"""What it answers: a call of another type is refused as at any provider that has nothing of the kind."""

CREATED = 1_700_000_000


class Script(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What to do; times in milliseconds."""

    text: str | None = None  # None: the last message's text, echoed
    prompt_tokens: int | None = None  # None: its words
    completion_tokens: int | None = None
    delay_ms: int = 0  # before the first byte
    chunk_delay_ms: int = 0  # between chunks of a stream
    status: int = 200
    message: str = "simulated failure"
    fail_after_chunks: int | None = None  # a stream breaks off after so many
    no_usage: bool = False
    tool_calls: list[dict[str, Any]] | None = None


class SimulatedTransport(httpx.AsyncBaseTransport):
    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        body = orjson.loads(request.content)
        try:
            script = _script(body)
        except msgspec.ValidationError as error:
            return _json(400, {"error": {"message": f"simulated: {error}", "type": "invalid_request_error"}})
        if script.delay_ms:
            await asyncio.sleep(script.delay_ms / 1000)
        if script.status >= 400:
            return _json(
                script.status, {"error": {"message": script.message, "type": "simulated", "code": "simulated"}}
            )
        if request.url.path.endswith("/embeddings"):
            return _json(200, _embeddings(body, script))
        words, cut = _words(body, script)
        usage = _usage(body, script, words)
        if request.url.path.endswith("/completions") and "prompt" in body:
            return _completion(body, script, words, usage, cut=cut)
        if body.get("stream"):
            wants_usage = bool((body.get("stream_options") or {}).get("include_usage"))
            stream = _Stream(
                body["model"], script, words, None if script.no_usage or not wants_usage else usage, cut=cut
            )
            return httpx.Response(200, headers={"content-type": "text/event-stream"}, stream=stream)
        message: dict[str, Any] = {"role": "assistant", "content": " ".join(words) if words else None}
        if script.tool_calls:
            message["tool_calls"] = script.tool_calls
        finish = _finish(script, cut=cut)
        choice = {"index": 0, "message": message, "finish_reason": finish}
        answer: dict[str, Any] = {**_envelope("chat.completion", body["model"], _new_id()), "choices": [choice]}
        if not script.no_usage:
            answer["usage"] = usage
        return _json(200, answer)


def _completion(
    body: dict[str, Any], script: Script, words: list[str], usage: dict[str, Any], *, cut: bool
) -> httpx.Response:
    """The older endpoint: its stream comes at once."""
    envelope = _envelope("text_completion", body["model"], _new_id("cmpl-simulated"))
    end = {"index": 0, "logprobs": None, "finish_reason": _finish(script, cut=cut)}
    if not body.get("stream"):
        answer = {**envelope, "choices": [{**end, "text": " ".join(words)}]}
        return _json(200, answer if script.no_usage else {**answer, "usage": usage})
    texts = [word if index == 0 else f" {word}" for index, word in enumerate(words)]
    chunks = [{**envelope, "choices": [{**end, "text": text, "finish_reason": None}]} for text in texts]
    chunks.append({**envelope, "choices": [{**end, "text": ""}]})
    if (body.get("stream_options") or {}).get("include_usage") and not script.no_usage:
        chunks.append({**envelope, "choices": [], "usage": usage})
    events = b"".join(map(_event, chunks)) + b"data: [DONE]\n\n"
    return httpx.Response(200, headers={"content-type": "text/event-stream"}, content=events)


def _embeddings(body: dict[str, Any], script: Script) -> dict[str, Any]:
    """A vector for each text, made of its letters: the same text, the same vector."""
    given = body.get("input")
    texts = given if isinstance(given, list) and given and not isinstance(given[0], int) else [given]
    size = body.get("dimensions") or 8
    data = [
        {"object": "embedding", "index": index, "embedding": _vector(str(text), size)}
        for index, text in enumerate(texts)
    ]
    answer = {"object": "list", "data": data, "model": body["model"]}
    tokens = script.prompt_tokens
    if tokens is None:
        tokens = sum(len(text) if isinstance(text, list) else len(str(text).split()) for text in texts)
    return answer if script.no_usage else {**answer, "usage": {"prompt_tokens": tokens, "total_tokens": tokens}}


def _vector(text: str, size: int) -> list[float]:
    letters = text.encode() or b"\0"
    vector = [letters[place % len(letters)] / 256 + place / 1024 for place in range(size)]
    length = sum(value * value for value in vector) ** 0.5
    return [value / length for value in vector]


class _Stream(httpx.AsyncByteStream):
    def __init__(
        self, model: str, script: Script, words: list[str], usage: dict[str, Any] | None, *, cut: bool
    ) -> None:
        self._model = model
        self._cut = cut
        self._script = script
        self._words = words
        self._usage = usage
        self._id = _new_id()

    async def __aiter__(self) -> AsyncIterator[bytes]:
        script = self._script
        deltas: list[dict[str, Any]] = [{"role": "assistant", "content": ""}]
        deltas += [{"content": word if index == 0 else f" {word}"} for index, word in enumerate(self._words)]
        if script.tool_calls:
            deltas += [{"tool_calls": [{"index": i, **call}]} for i, call in enumerate(script.tool_calls)]
        for index, delta in enumerate(deltas):
            if script.fail_after_chunks is not None and index > script.fail_after_chunks:
                yield _event({"error": {"message": script.message, "type": "simulated", "code": "500"}})
                return
            yield self._chunk([{"index": 0, "delta": delta, "finish_reason": None}])
            if script.chunk_delay_ms:
                await asyncio.sleep(script.chunk_delay_ms / 1000)
        finish = _finish(script, cut=self._cut)
        yield self._chunk([{"index": 0, "delta": {}, "finish_reason": finish}])
        if self._usage is not None:
            yield self._chunk([], usage=self._usage)
        yield b"data: [DONE]\n\n"

    def _chunk(self, choices: list[dict[str, Any]], **more: Any) -> bytes:
        return _event({**_envelope("chat.completion.chunk", self._model, self._id), "choices": choices, **more})


def _script(body: dict[str, Any]) -> Script:
    own = body.get("simulated")
    if own is not None:
        return msgspec.convert(own, Script)
    model = body["model"]
    if model == "slow":
        return Script(delay_ms=1_000)
    if model.startswith("fail-") and model[5:].isdigit():
        return Script(status=int(model[5:]))
    return Script()


def _words(body: dict[str, Any], script: Script) -> tuple[list[str], bool]:
    """Return the words of the answer, and whether its maximum cut it."""
    text = script.text if script.text is not None else _last_text(body)
    words = text.split()
    limit = body.get("max_completion_tokens") or body.get("max_tokens")
    return (words[:limit], len(words) > limit) if isinstance(limit, int) else (words, False)


def _finish(script: Script, *, cut: bool) -> str:
    return "tool_calls" if script.tool_calls else "length" if cut else "stop"


def _usage(body: dict[str, Any], script: Script, words: list[str]) -> dict[str, Any]:
    prompt = script.prompt_tokens
    if prompt is None:
        prompt = sum(len(_text_of(message).split()) for message in _messages(body))
    completion = script.completion_tokens if script.completion_tokens is not None else len(words)
    return {"prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": prompt + completion}


def _last_text(body: dict[str, Any]) -> str:
    messages = _messages(body) or [{}]
    return _text_of(messages[-1])


def _messages(body: dict[str, Any]) -> list[dict[str, Any]]:
    prompts = body.get("prompt") or ()
    asked = [{"content": prompt} for prompt in ([prompts] if isinstance(prompts, str) else prompts)]
    return body.get("messages") or asked


def _text_of(message: dict[str, Any]) -> str:
    content = message.get("content")
    if isinstance(content, str):
        return content
    if isinstance(content, list):
        return " ".join(
            part["text"] for part in content if isinstance(part, dict) and isinstance(part.get("text"), str)
        )
    return ""


def _new_id(prefix: str = "chatcmpl-simulated") -> str:
    """What alone differs from call to call: spend is looked up by it."""
    return new_id(prefix)


def _envelope(kind: str, model: str, answer_id: str) -> dict[str, Any]:
    return {"id": answer_id, "object": kind, "created": CREATED, "model": model}


def _event(chunk: dict[str, Any]) -> bytes:
    return b"data: " + orjson.dumps(chunk) + b"\n\n"


def _json(status: int, answer: dict[str, Any]) -> httpx.Response:
    return httpx.Response(status, headers={"content-type": "application/json"}, content=orjson.dumps(answer))
