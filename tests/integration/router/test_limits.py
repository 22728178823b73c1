"""What a router does for requests that take part of a limit."""

import asyncio

import msgspec
import pytest

from services.router import endpoints
from shared import subjects
from shared.bus import Bus, Message
from shared.header_lines import lines_of
from tests.integration.router.conftest import Start
from tests.integration.router.rig import Caller, until
from tests.provider_servers import Behaviour, OpenAIServer

HEADERS = (("x-ratelimit-api_key-limit-requests", "5"), ("x-ratelimit-limit-requests", "5"))


async def test_its_end_is_told_to_all_partitions_that_wait_for_it(start: Start, caller: Caller) -> None:
    await start()
    answer = await caller.ask("gpt", reserved=True, homes=(3, 1), answer_lines=lines_of(HEADERS))
    fact = await caller.fact(answer)
    assert (fact.held, fact.homes) == (False, (3, 1))
    assert dict(HEADERS).items() <= answer.headers.items()
    plain = await caller.fact(await caller.ask("gpt"))
    assert plain.homes == ()


async def test_a_stream_begins_with_the_headers_of_the_limits(start: Start, caller: Caller) -> None:
    await start()
    answer = await caller.stream("gpt", reserved=True, answer_lines=lines_of(HEADERS))
    assert dict(HEADERS).items() <= answer.headers.items()


async def test_owners_hear_every_few_seconds_what_is_still_worked_on(
    start: Start, caller: Caller, openai_server: OpenAIServer, bus: Bus, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(endpoints, "REPORT_EVERY_S", 0.05)
    heard: dict[int, list[list[str]]] = {0: [], 2: []}

    def on_working(number: int, message: Message) -> None:
        heard[number].append(msgspec.json.decode(message.data))

    for number in heard:
        await bus.subscribe(subjects.working(number), lambda message, number=number: on_working(number, message))
    await bus.flush(1)
    await start()
    openai_server.next(Behaviour(delay_s=0.6), Behaviour(delay_s=0.6))
    body = {"model": "gpt", "messages": [{"role": "user", "content": "hi"}]}
    reserved, plain = caller.send(body, reserved=True, homes=(2,)), caller.send(body)
    await until(lambda: len(heard[0]) > 1 and len(heard[2]) > 1)
    assert heard[0][-1] == heard[2][-1] == [reserved.request_id]
    await asyncio.gather(reserved.whole(), plain.whole())
