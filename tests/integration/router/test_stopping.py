"""A router that is told to stop, and one that is killed. As a process of its own, the way it runs."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from tests.integration.router.conftest import Start, at
from tests.integration.router.rig import Caller, heard, until, write_config
from tests.nats_server import NatsServer
from tests.provider_servers import Behaviour, OpenAIServer

WORDS = " ".join(f"word{number}" for number in range(40))

Launch = Callable[..., Awaitable[asyncio.subprocess.Process]]


@pytest.fixture
async def launch(
    nats: NatsServer, caller: Caller, tmp_path: Path, openai_server: OpenAIServer
) -> AsyncIterator[Launch]:
    """Return what starts a router process that serves `gpt`; each is gone at the end."""
    started: list[asyncio.subprocess.Process] = []
    signs: set[bytes] = set()

    async def launch(**environ: str) -> asyncio.subprocess.Process:
        config = write_config(tmp_path, [("gpt", at(openai_server))], router_settings={"num_retries": 0})
        known = {**os.environ, "METERHOUSE_NATS_URL": nats.url, "METERHOUSE_CONFIG": str(config)}
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "services.router", env={**known, **environ}, stderr=asyncio.subprocess.PIPE
        )
        started.append(process)
        signs.add(await heard(caller.bus, known=signs))
        return process

    yield launch
    for process in started:
        if process.returncode is None:
            process.kill()
        await process.communicate()


def streamed(caller: Caller) -> Any:
    return caller.send({"model": "gpt", "stream": True, "messages": [{"role": "user", "content": "hi"}]})


async def test_a_router_that_is_told_to_stop_finishes_what_it_began(
    launch: Launch, caller: Caller, openai_server: OpenAIServer
) -> None:
    router = await launch()
    openai_server.always = Behaviour(text=WORDS, chunk_delay_s=0.02)
    answers = [streamed(caller) for _ in range(3)] + [caller.send({"model": "gpt", "messages": []})]
    for answer in answers[:3]:
        await asyncio.wait_for(answer.begun.wait(), 10)
    router.send_signal(signal.SIGTERM)
    for answer in answers:
        await answer.whole()
        assert answer.text == WORDS
        assert (await caller.fact(answer)).outcome == "success"
    _, errors = await asyncio.wait_for(router.communicate(), 10)
    assert router.returncode == 0
    assert b"Unclosed" not in errors
    assert b"Traceback" not in errors, errors.decode()


async def test_what_is_not_done_in_time_ends_with_a_failure_and_a_fact(
    launch: Launch, caller: Caller, openai_server: OpenAIServer
) -> None:
    router = await launch(METERHOUSE_DRAIN_S="0.3")
    openai_server.always = Behaviour(text=WORDS * 50, chunk_delay_s=0.05)
    begun = streamed(caller)
    await asyncio.wait_for(begun.begun.wait(), 10)
    openai_server.next(Behaviour(delay_s=60))
    waiting = caller.send({"model": "gpt", "messages": []})
    await until(lambda: len(openai_server.received) == 2)
    router.send_signal(signal.SIGTERM)
    for answer in (begun, waiting):
        await answer.whole()
        assert answer.failure is not None
        assert (answer.failure["status"], answer.failure["retry_after_s"]) == (503, 1)
    fact = await caller.fact(begun)
    assert (fact.outcome, fact.usage_source) == ("failure", "counted")
    assert fact.usage["output"] > 0
    assert (await caller.fact(waiting)).usage_source == "none"
    _, errors = await asyncio.wait_for(router.communicate(), 10)
    assert router.returncode == 0
    assert b"Traceback" not in errors, errors.decode()


async def test_no_command_is_lost_while_one_of_two_routers_stops(
    launch: Launch, caller: Caller, openai_server: OpenAIServer
) -> None:
    first = await launch()
    await launch()
    answers = []
    for number in range(300):
        answers.append(caller.send({"model": "gpt", "messages": []}))
        if number == 100:
            first.send_signal(signal.SIGTERM)
        if number % 3 == 0:
            await asyncio.sleep(0.002)
    for answer in answers:
        assert (await answer.whole()).text == "Hello there!"
    assert len(await caller.facts()) == len(answers)
    await asyncio.wait_for(first.wait(), 10)


async def test_a_killed_router_leaves_the_work_to_the_next_one(
    launch: Launch, caller: Caller, openai_server: OpenAIServer
) -> None:
    """What it had begun ends without a word: edge notices by its missing signs of life."""
    router = await launch()
    openai_server.next(Behaviour(text=WORDS, chunk_delay_s=0.05))
    lost = streamed(caller)
    await asyncio.wait_for(lost.begun.wait(), 10)
    router.kill()
    await router.wait()
    await launch()
    assert (await caller.ask("gpt")).text == "Hello there!"
    assert not lost.done.is_set()
    assert await caller.facts(lost) == []


async def test_an_answer_outlives_a_break_of_nats(
    start: Start, caller: Caller, openai_server: OpenAIServer, nats: NatsServer
) -> None:
    """The provider is read on, the fact is stored when NATS is back, and only then does the answer end."""
    await start()
    openai_server.next(Behaviour(delay_s=0.6))
    answer = caller.send({"model": "gpt", "messages": []})
    await until(lambda: bool(openai_server.received))
    nats.kill()
    await asyncio.sleep(1.0)
    nats.start()
    fact = await caller.fact_to_come(answer, 15)
    assert (fact.outcome, fact.usage_source) == ("success", "provider")
    assert len(openai_server.received) == 1


async def test_a_router_with_a_broken_configuration_says_so_and_ends(nats: NatsServer, tmp_path: Path) -> None:
    config = tmp_path / "config.yaml"
    config.write_text("model_list: 3\n", encoding="utf-8")
    environ = {**os.environ, "METERHOUSE_NATS_URL": nats.url, "METERHOUSE_CONFIG": str(config)}
    for more, said in ({}, b"model_list"), ({"METERHOUSE_CONFIG": "/nowhere.yaml"}, b"/nowhere.yaml"):
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "services.router", env={**environ, **more}, stderr=asyncio.subprocess.PIPE
        )
        _, errors = await asyncio.wait_for(process.communicate(), 20)
        assert process.returncode == 2
        assert said in errors
        assert b"Traceback" not in errors
