"""Policy as its own process for tests, and a test that plays edge and router to it."""

import asyncio
import itertools
import os
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from multiprocessing import get_context
from pathlib import Path
from typing import Any, NamedTuple

from shared import frames, subjects
from shared.bus import Bus, Message, NotConnected, Outbox, kv
from shared.calls import Admit, Caller, Cancel, Complete, encode_header, pack, unpack_complete
from shared.facts import encode_fact
from shared.identity.keys import Key, encode_key
from tests.budgets import finished_fact, main_window

PARTITIONS = 4
CONFIG = f"""
model_list:
  - model_name: sim
    litellm_params: {{model: simulated/echo, input_cost_per_token: 0.000001, output_cost_per_token: 0.000002}}
  - model_name: free
    litellm_params: {{model: simulated/echo, input_cost_per_token: 0, output_cost_per_token: 0}}
  - model_name: rare
    litellm_params: {{model: simulated/echo, input_cost_per_token: 0, output_cost_per_token: 0}}
  - model_name: unpriced
    litellm_params: {{model: simulated/echo}}
general_settings:
  meterhouse: {{hold_grace_s: 1, partitions: {PARTITIONS}, model_limits: {{rare: {{rpm_limit: 3}}}}}}
guardrails:
  - guardrail_name: words
    litellm_params:
      guardrail: litellm_content_filter
      mode: pre_call
      blocked_words: [{{keyword: forbidden, action: BLOCK}}]
"""
INPUT_PICO, OUTPUT_PICO = 1_000_000, 2_000_000  # of the model `sim`, a token
USD = 10**12

_numbers = itertools.count(1)


USUAL = """
import sys
from services.policy.__main__ import main
sys.exit(main())
"""

OFTEN = """
import sys
from services.policy.__main__ import main
from services.policy.partitions.partition import Partition
Partition.__init__.__kwdefaults__["snapshot_every_groups"] = 40
sys.exit(main())
"""
"""A policy that writes a snapshot every other second."""

MUTE = """
import sys
from services.policy.__main__ import main
from services.policy.replies import Replies
def sent_on(*_):
    raise RuntimeError("nobody is told")
Replies.sent_on = sent_on
sys.exit(main())
"""
"""A policy that fails once a request is with a router."""

LONG_LEASES = """
import sys
from services.policy.__main__ import main
from services.policy.partitions.owning import ownership
ownership.LEASE_S = 3600.0
sys.exit(main())
"""
"""A policy whose partitions are another's by its leave, or an hour after its death."""


_loaded = get_context("forkserver")
_loaded.set_forkserver_preload(["services.policy.__main__"])
"""A process that has loaded the service once, and makes others of itself: to load it takes over a second each time."""


def _serve(code: str, log: str, environment: dict[str, str]) -> None:
    output = os.open(log, os.O_WRONLY)
    for number in (1, 2):
        os.dup2(output, number)
    os.environ.clear()
    os.environ.update(environment)
    exec(code, {})


class PolicyProcess:
    """The service in a process of its own, from its `main` on; what it logs is in `log`."""

    def __init__(
        self, directory: Path, url: str, name: str, config: str = CONFIG, *, code: str = "", **environment: str
    ) -> None:
        path = directory / "config.yaml"
        path.write_text(config)
        self.log = directory / f"{name}-{next(_numbers)}.log"
        self.log.touch()
        given = {
            "METERHOUSE_NATS_URL": url,
            "METERHOUSE_CONFIG": str(path),
            "METERHOUSE_POLICY_NAME": name,
            **environment,
        }
        self._process = _loaded.Process(target=_serve, args=(code or USUAL, str(self.log), {**os.environ, **given}))
        self._process.start()

    def kill(self) -> None:
        self._process.kill()
        self.wait(10)

    def signal(self, number: int) -> None:
        assert self._process.pid is not None
        os.kill(self._process.pid, number)

    def stop(self) -> int:
        self._process.terminate()
        return self.wait(20)

    def wait(self, within_s: float) -> int:
        self._process.join(within_s)
        code = self._process.exitcode
        if code is None:
            raise TimeoutError(f"it has not ended within {within_s:g} s")
        return code

    @property
    def runs(self) -> bool:
        return self._process.is_alive()

    def close(self) -> None:
        if self.runs:
            self.kill()


class Answered(NamedTuple):
    """What came of a request: the command a router got, or the failure the edge got."""

    command: Complete | None
    failure: dict[str, Any] | None


class Neighbours:
    """Edge and router at once. `finishes` says what a request costs that reached a router; None: it never ends."""

    def __init__(self, bus: Bus) -> None:
        self.bus = bus
        self.outbox = Outbox(bus)
        self.commands: list[Complete] = []
        self.told_to_wait: set[str] = set()
        self.worker: dict[str, str] = {}  # who said last to work on a request
        self.finishes: Callable[[Complete], Awaitable[int | None]] | None = None
        self._waiting: dict[str, asyncio.Future[Answered]] = {}
        self._router = 0
        self._tasks: set[asyncio.Task[None]] = set()

    async def start(self, *, router: bool = True) -> None:
        await self.bus.subscribe(subjects.frames_of_edge(self.bus.process), self._on_frame)
        if router:
            await self.start_router()

    async def start_router(self) -> None:
        self._router = await self.bus.subscribe(subjects.COMPLETE, self._on_complete, subjects.ROUTERS)

    async def stop_router(self) -> None:
        await self.bus.unsubscribe(self._router)

    def expect(self, request: Admit) -> asyncio.Future[Answered]:
        """What will come of a request that somebody else passes on."""
        future: asyncio.Future[Answered] = asyncio.get_running_loop().create_future()
        self._waiting[request.request_id] = future
        return future

    async def ask(self, request: Admit, body: bytes = b"{}", *, within_s: float = 15.0) -> Answered:
        """Send it to the owner of the caller's partition, as edge does; wait for what comes of it."""
        future = self.expect(request)
        partition = subjects.partition_of(request.caller.tenant, PARTITIONS)
        reply = subjects.frames(request.edge, request.request_id)
        try:
            self.bus.publish(subjects.admit(partition), pack(request, body), reply)
            async with asyncio.timeout(within_s):
                return await future
        except NotConnected:
            return Answered(None, {"status": 503, "message": "not connected"})
        finally:
            self._waiting.pop(request.request_id, None)

    def request(self, key: str = "key", model: str = "sim", **fields: Any) -> Admit:
        at = time.time_ns() // 1_000_000
        caller = Caller(key, "", fields.pop("tenant", key), "", "", "", "", (), "", "", "", b"")
        values: dict[str, Any] = {
            "request_id": f"req_{next(_numbers)}",
            "edge": self.bus.process,
            "caller": caller,
            "route": "/v1/chat/completions",
            "call_type": "acompletion",
            "model": model,
            "group": model,
            "stream": False,
            "include_usage": False,
            "max_tokens": 100,
            "max_tokens_field": "max_tokens",
            "n": 1,
            "input_bytes": 68,  # and 32 for the template: 100 tokens
            "images": 0,
            "has_tools": False,
            "received_ms": at,
            "deadline_ms": at + int(fields.pop("lasts_s", 30) * 1000),
            "body_bytes": 2,
            "body_ref": "",
            "guardrails": (),
            "num_retries": None,
            "timeout_s": None,
            "disable_fallbacks": False,
        }
        return Admit(**{**values, **fields})

    async def put_key(self, max_budget_pico: int | None = USD, *, token: str = "key", **fields: Any) -> Key:
        values: dict[str, Any] = {"version": 1, "tenant": token, "key_name": "sk-...abcd"}
        values["budgets"] = main_window(max_budget_pico, fields)
        key = Key(
            token=token,
            created_at=0.0,
            updated_at=0.0,
            max_budget_pico=max_budget_pico,
            **{**values, **fields},
        )
        await kv.put(self.bus, subjects.KEYS_BUCKET, token, encode_key(key))
        return key

    def finish(self, command: Complete, cost_pico: int) -> asyncio.Future[int]:
        """As a router's outbox does: the fact is stored, however long that takes."""
        request = command.request
        fact = finished_fact(
            request.request_id,
            cost_pico,
            key=request.caller.key,
            partition=command.partition,
            held=command.hold_pico is not None,
            admitted_ms=command.admitted_ms,
        )
        return self.outbox.put(fact.subject, encode_fact(fact), fact.id)

    def leave(self, request: Admit) -> None:
        """The client left: tell who works on its request, as edge does."""
        self.bus.publish(subjects.cancel(self.worker[request.request_id]), encode_header(Cancel(request.request_id)))

    def hear(self, command: Complete) -> None:
        """The router beside another edge has answered a request of this one."""
        self._answer(command.request.request_id, command, None)

    def _on_complete(self, message: Message) -> None:
        command, _ = unpack_complete(message.data)
        self.commands.append(command)
        self._answer(command.request.request_id, command, None)
        if self.finishes is not None:
            task = asyncio.get_running_loop().create_task(self._finish(command))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _finish(self, command: Complete) -> None:
        assert self.finishes is not None
        cost = await self.finishes(command)
        if cost is not None:
            self.finish(command, cost)

    def _on_frame(self, message: Message) -> None:
        request_id = message.subject.rsplit(".", 1)[1]
        if message.is_no_responders:
            self._answer(request_id, None, {"status": 503, "message": "no policy is running"})
            return
        frame = frames.unpack(message.data)
        if frame.flags & frames.PROGRESS:
            self.told_to_wait.add(request_id)
            self.worker[request_id] = frames.decode_progress(frame.header).process
        elif frame.flags & frames.FAILURE:
            self._answer(request_id, None, frames.decode_failure(frame.header))

    def _answer(self, request_id: str, command: Complete | None, failure: dict[str, Any] | None) -> None:
        waiting = self._waiting.get(request_id)
        if waiting is not None and not waiting.done():
            waiting.set_result(Answered(command, failure))


@asynccontextmanager
async def neighbours(url: str, *, router: bool = True) -> AsyncIterator[Neighbours]:
    bus = await Bus.connect(url, name="edge")
    made = Neighbours(bus)
    await made.start(router=router)
    await bus.flush(2)  # what others send from now on arrives
    yield made
    await made.outbox.drain(5)
    await bus.close()


async def until_served(bus: Bus, within_s: float = 20.0) -> None:
    """Wait until every partition has an owner that answers."""
    await until_partitions_served(bus, PARTITIONS, within_s)


async def until_partitions_served(bus: Bus, partitions: int, within_s: float) -> None:
    give_up = time.monotonic() + within_s
    for number in range(partitions):
        while True:
            try:
                await bus.request(subjects.account(number), b'{"accounts":[]}', timeout_s=1)
                break
            except Exception:  # noqa: BLE001  whatever it is, it is not served yet
                assert time.monotonic() < give_up, f"partition {number} is not served"
                await asyncio.sleep(0.05)
