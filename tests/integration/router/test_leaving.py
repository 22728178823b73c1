"""A client that leaves: what was begun is counted, and nothing new begins."""

import asyncio

import pytest

from services.router.choice import plan
from shared.interrupted import Interrupted
from tests.integration.router.conftest import Start
from tests.integration.router.rig import Answer, Caller, until
from tests.provider_servers import AnthropicServer, Behaviour, OpenAIServer

CANCEL = {"meterhouse": {"client_disconnect": "cancel"}}
WORDS = " ".join(f"word{number}" for number in range(60))


async def begun(caller: Caller, model: str) -> Answer:
    """Return a stream that has begun."""
    body = {"model": model, "stream": True, "messages": [{"role": "user", "content": "hi"}]}
    answer = caller.send(body)
    await asyncio.wait_for(answer.begun.wait(), 5)
    return answer


async def quiet(answer: Answer) -> int:
    """Return how many frames had come when no more did."""
    while True:
        before = answer.frames
        await asyncio.sleep(0.15)
        if answer.frames == before:
            return before


async def test_a_stream_is_read_to_its_end_and_its_usage_published(
    start: Start, caller: Caller, openai_server: OpenAIServer
) -> None:
    await start()
    openai_server.next(Behaviour(text=WORDS, chunk_delay_s=0.01))
    answer = await begun(caller, "gpt")
    caller.leave(answer)
    frames = await quiet(answer)
    fact = await caller.fact_to_come(answer)
    assert (fact.client_left, fact.outcome, fact.usage_source) == (True, "success", "provider")
    assert fact.usage["output"] == 6
    assert fact.finish_reason == "stop"
    assert openai_server.broken_off == 0
    assert not answer.done.is_set()
    assert answer.frames == frames < 30, "nobody hears it: nothing is sent"


async def test_a_stream_is_cancelled_where_the_configuration_says_so_and_counted(
    start: Start, caller: Caller, openai_server: OpenAIServer
) -> None:
    await start(general_settings=CANCEL)
    openai_server.next(Behaviour(text=" ".join([WORDS] * 50), chunk_delay_s=0.02))  # a minute, if it were read on
    answer = await begun(caller, "gpt")
    await asyncio.sleep(0.1)
    caller.leave(answer)
    fact = await caller.fact_to_come(answer)
    assert (fact.client_left, fact.outcome, fact.usage_source) == (True, "success", "counted")
    assert fact.interrupted == "cancelled"
    assert 1 < fact.usage["output"] < 100
    assert fact.cost_pico > 0
    await until(lambda: openai_server.broken_off == 1)  # the provider sees that nobody reads on


async def test_what_anthropic_has_told_is_taken_when_its_stream_is_cancelled(
    start: Start, caller: Caller, anthropic_server: AnthropicServer
) -> None:
    await start(general_settings=CANCEL)
    anthropic_server.next(Behaviour(text=WORDS, chunk_delay_s=0.02))
    answer = await begun(caller, "claude")
    caller.leave(answer)
    fact = await caller.fact_to_come(answer)
    assert fact.usage["input"] == 12
    assert fact.interrupted == "cancelled"


async def test_what_anthropic_has_written_is_counted_where_only_its_end_would_tell(
    start: Start, caller: Caller, anthropic_server: AnthropicServer
) -> None:
    await start(general_settings=CANCEL)
    anthropic_server.next(Behaviour(text=WORDS, chunk_delay_s=0.02))
    answer = await begun(caller, "claude")
    await until(lambda: answer.frames > 15)
    caller.leave(answer)
    fact = await caller.fact_to_come(answer)
    assert (fact.usage_source, fact.usage["input"]) == ("counted", 12)
    assert 10 < fact.usage["output"] < 200


@pytest.mark.parametrize(
    ("how", "interrupted", "source"),
    [
        (Interrupted("cancel"), "cancelled", "counted"),
        (Interrupted("drain"), "drained", "provider"),
        (Interrupted("drain_capped", 0.3), "capped", "counted"),
        (Interrupted("drain_capped", 30.0, 20), "capped", "counted"),
        (Interrupted("drain_capped", 30.0, 100_000), "drained", "provider"),
    ],
)
async def test_a_key_says_what_becomes_of_its_streams_whatever_is_configured(
    start: Start, caller: Caller, openai_server: OpenAIServer, how: Interrupted, interrupted: str, source: str
) -> None:
    configured = "drain" if how.mode == "cancel" else "cancel"
    await start(general_settings={"meterhouse": {"client_disconnect": configured}})
    openai_server.next(Behaviour(text=WORDS, chunk_delay_s=0.02))
    body = {"model": "gpt", "stream": True, "messages": [{"role": "user", "content": "hi"}]}
    answer = caller.send(body, interrupted=how)
    await until(lambda: answer.frames > 10)
    caller.leave(answer)
    fact = await caller.fact_to_come(answer)
    assert (fact.client_left, fact.outcome) == (True, "success")
    assert (fact.interrupted, fact.usage_source) == (interrupted, source)
    if interrupted == "drained":
        assert openai_server.broken_off == 0
    else:
        await until(lambda: openai_server.broken_off == 1)
        assert 5 < fact.usage["output"] < 150
        assert fact.cost_pico > 0


async def test_a_capped_stream_is_the_usual_where_it_is_configured(
    start: Start, caller: Caller, openai_server: OpenAIServer
) -> None:
    await start(
        general_settings={"meterhouse": {"interrupted_stream": "drain_capped", "interrupted_stream_cap_s": 0.2}}
    )
    openai_server.next(Behaviour(text=WORDS, chunk_delay_s=0.02))
    answer = await begun(caller, "gpt")
    caller.leave(answer)
    fact = await caller.fact_to_come(answer)
    assert (fact.interrupted, fact.usage_source) == ("capped", "counted")


@pytest.mark.parametrize("settings", [{}, CANCEL])
async def test_an_answer_that_is_not_streamed_is_always_read(
    start: Start, caller: Caller, openai_server: OpenAIServer, settings: dict[str, object]
) -> None:
    await start(general_settings=settings)
    openai_server.next(Behaviour(delay_s=0.4))
    answer = caller.send({"model": "gpt", "messages": []})
    await until(lambda: bool(answer.router))
    caller.leave(answer)
    fact = await caller.fact_to_come(answer)
    assert (fact.client_left, fact.outcome, fact.usage_source) == (True, "success", "provider")
    assert not answer.done.is_set()


@pytest.mark.parametrize(("settings", "source"), [({}, "provider"), (CANCEL, "counted")])
async def test_a_client_that_leaves_before_the_first_byte(
    start: Start, caller: Caller, openai_server: OpenAIServer, settings: dict[str, object], source: str
) -> None:
    await start(general_settings=settings)
    openai_server.next(Behaviour(delay_s=0.5))
    answer = caller.send({"model": "gpt", "messages": [{"role": "user", "content": "hello"}], "stream": True})
    await until(lambda: bool(answer.router))
    caller.leave(answer)
    fact = await caller.fact_to_come(answer)
    assert (fact.client_left, fact.usage_source) == (True, source)
    assert fact.usage["input"] > 0, "the provider has read the prompt, and may bill it"
    assert answer.frames == 0


@pytest.mark.parametrize("settings", [{}, CANCEL])
async def test_nothing_new_begins_for_a_client_that_left(
    start: Start,
    caller: Caller,
    openai_server: OpenAIServer,
    settings: dict[str, object],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(plan, "BACKOFF_FIRST_S", 0.5)
    await start(general_settings=settings, router_settings={"num_retries": 5, "fallbacks": [{"gpt": ["groq"]}]})
    openai_server.always = Behaviour(status=500)
    answer = caller.send({"model": "gpt", "messages": [], "stream": True})
    await until(lambda: bool(answer.router))
    caller.leave(answer)
    fact = await caller.fact_to_come(answer)
    assert len(openai_server.received) == len(fact.attempts) == 1
    assert (fact.client_left, fact.outcome, fact.usage_source) == (True, "failure", "none")


async def test_a_stream_that_goes_on_for_ever_is_left_in_the_end(
    start: Start, caller: Caller, openai_server: OpenAIServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.router.job.DRAIN_MAX_S", 0.3)
    await start()
    openai_server.next(Behaviour(text=WORDS * 50, chunk_delay_s=0.02))
    answer = await begun(caller, "gpt")
    caller.leave(answer)
    fact = await caller.fact_to_come(answer)
    assert (fact.client_left, fact.usage_source) == (True, "counted")
    assert fact.outcome == "failure"


async def test_leaving_twice_or_too_late_changes_nothing(start: Start, caller: Caller) -> None:
    await start(general_settings=CANCEL)
    answer = await caller.stream("gpt")
    caller.leave(answer)
    caller.leave(answer)
    await asyncio.sleep(0.05)
    assert (await caller.fact(answer)).client_left is False
    assert (await caller.ask("gpt")).text == "Hello there!"


async def test_no_connection_and_no_task_is_left_behind(
    start: Start, caller: Caller, openai_server: OpenAIServer
) -> None:
    await start(general_settings=CANCEL, router_settings={"num_retries": 0})
    tasks = len(asyncio.all_tasks())
    for behaviour in (
        Behaviour(),
        Behaviour(status=500),
        Behaviour(break_after=1),
        Behaviour(error_after=2),
        Behaviour(hang_up="unanswered"),
        Behaviour(body=b"x" * 3_000_000, status=502),
        Behaviour(raw=b"nonsense\r\n\r\n"),
    ):
        openai_server.next(behaviour)
        await caller.stream("gpt")
    openai_server.next(Behaviour(text=WORDS, chunk_delay_s=0.05))
    answer = await begun(caller, "gpt")
    caller.leave(answer)
    await caller.fact_to_come(answer)
    await until(lambda: openai_server.open <= 1)  # one may be kept for the next call
    await asyncio.sleep(0.1)
    assert len(asyncio.all_tasks()) <= tasks + 1, asyncio.all_tasks()
