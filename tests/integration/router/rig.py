"""A router under test: the real service on a real nats-server, and whoever plays edge and policy towards it."""

import asyncio
import itertools
import time
from collections.abc import AsyncIterator, Callable, Container
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson
import yaml

from services.router.__main__ import work
from services.router.settings import RouterSettings
from shared import frames, subjects
from shared.bus import Bus, BusError, Message, read
from shared.calls import Cancel, encode_header, pack
from shared.facts import CompletionFinished
from shared.facts.registry import REQUEST_FACTS, by_kind, decode_fact
from shared.frames import FAILURE, HEAD, LAST, PROGRESS, Head
from shared.header_lines import headers_in
from shared.payloads.bodies import BodyHolder
from tests.router_calls import complete

_numbers = itertools.count(1)


@dataclass
class Answer:
    """What came for one request. `done` is set by the last frame."""

    request_id: str
    head: Head | None = None
    data: bytes = b""
    failure: dict[str, Any] | None = None
    router: str = ""
    frames: int = 0
    progress: int = 0
    largest: int = 0
    done: asyncio.Event = field(default_factory=asyncio.Event)
    begun: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def headers(self) -> dict[str, str]:
        assert self.head is not None, self.failure
        return dict((*self.head.headers, *headers_in(self.head.lines.decode())))

    @property
    def body(self) -> dict[str, Any]:
        assert self.failure is None, self.failure
        decoded: dict[str, Any] = orjson.loads(self.data)
        return decoded

    @property
    def chunks(self) -> list[dict[str, Any]]:
        return [orjson.loads(line[6:]) for line in self.data.split(b"\n") if line.startswith(b"data: {")]

    @property
    def text(self) -> str:
        if self.head is not None and self.head.stream:
            deltas = [chunk["choices"][0]["delta"] for chunk in self.chunks if chunk["choices"]]
            return "".join(delta.get("content") or "" for delta in deltas)
        text: str = self.body["choices"][0]["message"]["content"]
        return text

    async def whole(self, timeout_s: float = 10.0) -> "Answer":
        await asyncio.wait_for(self.done.wait(), timeout_s)
        return self


class Caller:
    """Plays edge and policy."""

    def __init__(self, bus: Bus) -> None:
        self.bus = bus
        self.bodies = BodyHolder(bus)
        self.open: dict[str, Answer] = {}
        self.gaps: list[str] = []

    async def start(self) -> None:
        await self.bodies.start()
        await self.bus.subscribe(subjects.frames_of_edge(self.bus.process), self._on_frame)

    def expect(self, request_id: str) -> Answer:
        """Return the answer of a request that somebody else sends."""
        answer = self.open[request_id] = Answer(request_id)
        return answer

    def send(self, body: dict[str, Any] | bytes, **fields: Any) -> Answer:
        """Publish the command; the answer fills as frames come."""
        request_id = f"req_{next(_numbers)}"
        raw = body if isinstance(body, bytes) else orjson.dumps(body)
        answer = self.expect(request_id)
        if fields.pop("held", False):
            fields["body_ref"] = self.bodies.hold(request_id, raw)
        travels = b"" if fields.get("body_ref") else raw
        call = complete(request_id, self.bus.process, raw, **fields)
        self.bus.publish(subjects.COMPLETE, pack(call, travels), reply="_nobody")
        return answer

    async def ask(self, model: str, content: str = "hello", **fields: Any) -> Answer:
        """Ask `model` and wait for the whole answer; fields of the body go in `more`."""
        more = fields.pop("more", {})
        body = {"model": model, "messages": [{"role": "user", "content": content}], **more}
        return await self.send(body, **fields).whole()

    async def stream(self, model: str, content: str = "hello", **fields: Any) -> Answer:
        more = {"stream": True, **fields.pop("more", {})}
        return await self.ask(model, content, more=more, **fields)

    def leave(self, answer: Answer) -> None:
        """The client of that request is gone."""
        self.bus.publish(subjects.cancel(answer.router), encode_header(Cancel(answer.request_id)))

    async def facts(self, answer: Answer | None = None) -> list[CompletionFinished]:
        found = await read(self.bus, subjects.FACTS, subject="evt.completion.finished.>", at_most=None)
        facts = [decode_fact(message.data, by_kind(*REQUEST_FACTS)) for message in found]
        finished = [fact for fact in facts if isinstance(fact, CompletionFinished)]
        return [fact for fact in finished if answer is None or fact.request_id == answer.request_id]

    async def fact(self, answer: Answer) -> CompletionFinished:
        """Return the one fact of a request whose answer is whole: it must be there by now."""
        facts = await self.facts(answer)
        assert len(facts) == 1, facts
        return facts[0]

    async def fact_to_come(self, answer: Answer, timeout_s: float = 10.0) -> CompletionFinished:
        """Return the one fact of a request that nobody hears the end of."""
        deadline = time.monotonic() + timeout_s
        while time.monotonic() < deadline:
            try:
                if await self.facts(answer):
                    break
            except BusError:
                pass  # NATS is away
            await asyncio.sleep(0.02)
        return await self.fact(answer)

    def _on_frame(self, message: Message) -> None:
        if message.headers:
            return
        answer = self.open[message.subject.rsplit(".", 1)[1]]
        frame = frames.unpack(message.data)
        if frame.flags & PROGRESS:
            answer.progress += 1
            answer.router = frames.decode_progress(frame.header).process
            return
        if frame.number != answer.frames or answer.done.is_set():
            self.gaps.append(f"{answer.request_id}: frame {frame.number} after {answer.frames}")
        answer.frames += 1
        answer.largest = max(answer.largest, len(message.data))
        answer.data += frame.data
        if frame.flags & HEAD:
            answer.head = frames.decode_head(frame.header)
            answer.router = answer.head.router
            answer.begun.set()
        if frame.flags & FAILURE:
            answer.failure = frames.decode_failure(frame.header)
        if frame.flags & LAST:
            answer.done.set()


@asynccontextmanager
async def running_router(nats_url: str, config: Path, **settings: Any) -> AsyncIterator[asyncio.Event]:
    """The service as a task of this loop; yields the event that stops it."""
    stopping = asyncio.Event()
    bus = await Bus.connect(nats_url, name="probe")
    task = asyncio.create_task(work(stopping, RouterSettings(nats_url=nats_url, config=config, **settings)))
    try:
        await heard(bus, task)
        yield stopping
    finally:
        stopping.set()
        assert await asyncio.wait_for(task, 60) == 0
        await bus.close()


async def heard(bus: Bus, task: "asyncio.Task[int] | None" = None, *, known: Container[bytes] = ()) -> bytes:
    """Wait for a sign of life of a router that is not among the known ones; return it."""
    sign: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()

    def on_beat(message: Message) -> None:
        if not sign.done() and message.data not in known:
            sign.set_result(message.data)

    subscription = await bus.subscribe(subjects.heartbeat("router"), on_beat)
    waits: set[asyncio.Future[Any]] = {sign, *({task} if task else ())}
    await asyncio.wait(waits, timeout=15, return_when="FIRST_COMPLETED")
    await bus.unsubscribe(subscription)
    assert sign.done(), "the router did not start"
    return sign.result()


def write_config(directory: Path, models: list[tuple[str, dict[str, Any]]], **sections: Any) -> Path:
    """Write a config.yaml of (model name, litellm_params) and other sections."""
    entries = [{"model_name": name, "litellm_params": params} for name, params in models]
    path = directory / "config.yaml"
    path.write_text(yaml.safe_dump({"model_list": entries, **sections}), encoding="utf-8")
    return path


async def until(condition: Callable[[], bool], timeout_s: float = 5.0) -> None:
    """Wait for something another process, or the other side of a socket, does."""
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        await asyncio.sleep(0.01)
