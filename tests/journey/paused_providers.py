"""Providers on loopback that stop in mid-stream until a test lets them go on: what a client had heard is exact.

Every request says in its text which one it is ("mark 117"). Its answer is `WORDS` times " apple", a token each, and
stops for a test after SEEN of them, after MORE of them, and after MOST of them; one that is not streamed, at its START.
"""

import asyncio
import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import orjson

from tests.provider_servers.anthropic import AnthropicServer
from tests.provider_servers.gemini import GeminiServer
from tests.provider_servers.http_server import Behaviour, Received
from tests.provider_servers.in_thread import served_in_thread
from tests.provider_servers.openai import OpenAIServer

WORD = " apple"
START, SEEN, MORE, MOST, WORDS = 0, 12, 17, 100, 110
READ, WROTE = 40, 150
"""What the providers say that a whole answer has used: other numbers than a count of its text could give."""

_USAGE = {"prompt_tokens": READ, "completion_tokens": WROTE, "total_tokens": READ + WROTE}
_MARK = re.compile(rb"mark (\d+)")


class Gates:
    """Which requests may go on behind how many words. The loop is the servers'."""

    def __init__(self) -> None:
        self.loop: asyncio.AbstractEventLoop | None = None
        self._open: defaultdict[tuple[int, int], asyncio.Event] = defaultdict(asyncio.Event)
        self._sent: dict[int, int] = {}

    def open(self, mark: int, *words: int) -> None:
        """Let a request go on behind that many words; from any thread."""
        assert self.loop is not None
        for count in words:
            self.loop.call_soon_threadsafe(lambda count=count: self._open[mark, count].set())

    def sent(self, mark: int) -> int:
        """Return how many words of a request's answer were sent, or begun to be."""
        return self._sent.get(mark, 0)

    def is_asked(self, mark: int) -> bool:
        """Return whether a request came whose answer is under way."""
        return mark in self._sent

    async def before(self, request: Received, event: bytes) -> None:
        found = _MARK.search(request.raw)
        if found is None or WORD.encode() not in event:
            return
        mark = int(found[1])
        if event.startswith(b"{"):
            self._sent[mark] = START
            await self._open[mark, START].wait()
            return
        sent = self._sent.get(mark, 0)
        self._sent[mark] = sent + 1
        if sent in (SEEN, MORE, MOST):
            await self._open[mark, sent].wait()


class PausedOpenAI(OpenAIServer):
    """Chats, older completions, and responses at Azure's address."""

    def __init__(self, gates: Gates) -> None:
        super().__init__()
        self.before = gates.before  # type: ignore[method-assign]
        self.always = _BEHAVIOUR

    def refusal(self, request: Received) -> tuple[int, Any] | None:
        if request.path == "/v1/completions" or request.path == "/openai/v1/responses":
            return None
        return super().refusal(request)

    def answer(self, request: Received, behaviour: Behaviour) -> Any:
        return super().answer(request, Behaviour(text=behaviour.text, usage=_USAGE))

    def events(self, request: Received, behaviour: Behaviour) -> Sequence[bytes]:
        if request.path == "/v1/completions":
            return _texts(_USAGE)
        if request.path == "/openai/v1/responses":
            return _response(self.model)
        behaviour.usage = _USAGE
        return super().events(request, behaviour)


class PausedAnthropic(AnthropicServer):
    def __init__(self, gates: Gates) -> None:
        super().__init__()
        self.before = gates.before  # type: ignore[method-assign]
        self.always = Behaviour(**{**vars(_BEHAVIOUR), "usage": {"input_tokens": READ, "output_tokens": WROTE}})


class PausedGemini(GeminiServer):
    """Tells in every event what was written until then, as Google does."""

    def __init__(self, gates: Gates) -> None:
        super().__init__()
        self.before = gates.before  # type: ignore[method-assign]
        self.always = _BEHAVIOUR

    def events(self, request: Received, behaviour: Behaviour) -> Sequence[bytes]:
        written = [*range(1, WORDS + 1), WROTE]
        parts = [*[(WORD, "")] * WORDS, ("", "STOP")]
        events = []
        for count, (text, finish) in zip(written, parts, strict=True):
            usage = {"promptTokenCount": READ, "candidatesTokenCount": count, "totalTokenCount": READ + count}
            said = Behaviour(usage=usage)
            events.append(self._response(request, [{"text": text}], finish or None, said))
        return [b"data: " + orjson.dumps(event) + b"\r\n\r\n" for event in events]


class PausedProviders:
    def __init__(self) -> None:
        self.gates = Gates()
        self.openai = PausedOpenAI(self.gates)
        self.anthropic = PausedAnthropic(self.gates)
        self.gemini = PausedGemini(self.gates)

    @contextmanager
    def running(self) -> Iterator["PausedProviders"]:
        servers = [self.openai, self.anthropic, self.gemini]
        with served_in_thread(servers) as loop:
            self.gates.loop = loop
            yield self

    @property
    def broken_off(self) -> int:
        """How many answers were left before their end."""
        return self.openai.broken_off + self.anthropic.broken_off + self.gemini.broken_off

    def deployments(self, prices: dict[str, float]) -> list[dict[str, Any]]:
        """Return the rows of `model_list` that call them."""
        openai = {"api_base": self.openai.url, "api_key": self.openai.key}
        azure = {"api_base": f"{self.openai.origin}/openai/v1", "api_key": self.openai.key}
        claude = {"api_base": self.anthropic.origin, "api_key": self.anthropic.key}
        gemini = {"api_base": self.gemini.origin, "api_key": self.gemini.key}
        rows = {
            "paused-gpt": {"model": "openai/gpt-4o", **openai},
            "paused-groq": {"model": "groq/llama-paused", **openai},
            "paused-responses": {"model": "azure/gpt-4.1", **azure},
            "paused-claude": {"model": "anthropic/claude-sonnet-4-5", **claude},
            "paused-gemini": {"model": "gemini/gemini-2.5-flash", **gemini},
        }
        return [{"model_name": name, "litellm_params": {**fields, **prices}} for name, fields in rows.items()]


_BEHAVIOUR = Behaviour(text=" ".join(["", *["apple"] * WORDS]), chunk_delay_s=0.01)


def _texts(usage: dict[str, int]) -> list[bytes]:
    envelope = {"id": "cmpl-1", "object": "text_completion", "created": 1_700_000_000, "model": "gpt-4o"}
    choice = {"index": 0, "logprobs": None, "finish_reason": None}
    chunks: list[dict[str, Any]] = [{**envelope, "choices": [{**choice, "text": WORD}]}] * WORDS
    chunks.append({**envelope, "choices": [{**choice, "text": "", "finish_reason": "stop"}]})
    chunks.append({**envelope, "choices": [], "usage": usage})
    return [*[b"data: " + orjson.dumps(chunk) + b"\n\n" for chunk in chunks], b"data: [DONE]\n\n"]


def _response(model: str) -> list[bytes]:
    response: dict[str, Any] = {"id": "resp_1", "object": "response", "model": model, "output": []}
    usage = {"input_tokens": READ, "output_tokens": WROTE, "total_tokens": READ + WROTE}
    delta = {"type": "response.output_text.delta", "item_id": "msg_1", "output_index": 0, "content_index": 0}
    events: list[dict[str, Any]] = [{"type": "response.created", "response": {**response, "status": "in_progress"}}]
    events += [{**delta, "delta": WORD}] * WORDS
    events.append({"type": "response.completed", "response": {**response, "status": "completed", "usage": usage}})
    return [
        f"event: {event['type']}\n".encode() + b"data: " + orjson.dumps({**event, "sequence_number": number}) + b"\n\n"
        for number, event in enumerate(events)
    ]
