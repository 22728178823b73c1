"""Bodies and answers larger than a message of NATS may be."""

import asyncio

import orjson
import pytest

from shared import subjects
from shared.bus import Message
from shared.calls import BODY_PART_BYTES, decode_body_part
from shared.frames import DATA_MAX
from tests.integration.router.conftest import Start
from tests.integration.router.rig import Caller
from tests.provider_servers import AnthropicServer, Behaviour, OpenAIServer


def asked(size: int, model: str = "gpt", **more: object) -> bytes:
    """A request with an image of `size` bytes."""
    image = {"type": "image_url", "image_url": {"url": "data:image/png;base64," + "iVBO" * (size // 4)}}
    content = [{"type": "text", "text": "what?"}, image]
    return orjson.dumps({"model": model, "messages": [{"role": "user", "content": content}], **more})


@pytest.mark.parametrize("size", [DATA_MAX, 1_100_000, 5_000_000])
async def test_a_large_answer_comes_in_several_frames(
    start: Start, caller: Caller, openai_server: OpenAIServer, size: int
) -> None:
    await start()
    openai_server.always = Behaviour(text="x" * size)
    whole = await caller.ask("gpt")
    assert len(whole.text) == size
    assert whole.frames == len(whole.data) // DATA_MAX + 1
    assert whole.largest < 1_000_000
    assert whole.headers["content-length"] == str(len(whole.data))
    streamed = await caller.stream("gpt")
    assert len(streamed.text) == size
    assert streamed.largest < 1_000_000


async def test_a_long_stream_is_cheap_to_hold(start: Start, caller: Caller, openai_server: OpenAIServer) -> None:
    await start()
    openai_server.next(Behaviour(text=" ".join(["word"] * 20_000), no_usage=True))
    answer = await caller.stream("gpt")
    assert answer.text.count("word") == 20_000
    fact = await caller.fact(answer)
    assert abs(fact.usage["output"] - 20_000) < 200


@pytest.mark.parametrize("size", [300_000, BODY_PART_BYTES * 2, 20_000_000])
async def test_a_large_body_is_read_in_parts_from_whoever_holds_it(
    start: Start, caller: Caller, openai_server: OpenAIServer, size: int
) -> None:
    await start()
    body = asked(size)
    answer = await caller.send(body, held=True).whole()
    assert answer.text == "Hello there!"
    assert openai_server.received[0].body["messages"] == orjson.loads(body)["messages"]


async def test_a_large_body_is_translated_too(start: Start, caller: Caller, anthropic_server: AnthropicServer) -> None:
    await start()
    answer = await caller.send(asked(20_000_000, model="claude"), held=True).whole()
    assert answer.text == "Hello there!"
    source = anthropic_server.received[0].body["messages"][0]["content"][1]["source"]
    assert (source["type"], len(source["data"])) == ("base64", 20_000_000)


@pytest.mark.parametrize("length", [BODY_PART_BYTES - 1, BODY_PART_BYTES, BODY_PART_BYTES + 1, 3 * BODY_PART_BYTES])
async def test_a_body_that_a_guardrail_has_changed_may_have_another_size(
    start: Start, caller: Caller, openai_server: OpenAIServer, length: int
) -> None:
    """The command tells the size of the body as the client sent it."""
    await start()
    body = asked(4)
    body = body[:-1] + b',"pad":"' + b"x" * (length - len(body) - 9) + b'"}'
    assert len(body) == length
    for said in (10, length, 50_000_000):
        answer = await caller.send(body, held=True, body_changed=True, body_bytes=said).whole()
        assert answer.text == "Hello there!"
        assert openai_server.received[-1].body["pad"] == orjson.loads(body)["pad"]


@pytest.mark.parametrize("changed", [False, True])
async def test_a_body_that_is_gone_is_told_and_nothing_is_called(
    start: Start, caller: Caller, openai_server: OpenAIServer, changed: bool
) -> None:
    await start()
    body = asked(2_000_000)
    gone = await caller.send(body, body_ref=f"body.{caller.bus.process}.nothing", body_changed=changed).whole()
    dead = await caller.send(body, body_ref="body.edge-dead.x", body_changed=changed).whole()
    for answer in (gone, dead):
        assert answer.failure is not None
        assert (answer.failure["status"], answer.failure["retry_after_s"]) == (503, 1)
        fact = await caller.fact(answer)
        assert (fact.outcome, fact.attempts, fact.cost_pico) == ("failure", (), 0)
    assert openai_server.received == []


async def test_a_large_request_on_its_way_does_not_hold_up_the_small_ones(
    start: Start, caller: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shared.payloads.bodies.PART_TIMEOUT_S", 60.0)
    await start()
    body, may_go = asked(10_000_000), asyncio.Event()

    async def part(message: Message) -> bytes:
        await may_go.wait()
        offset = decode_body_part(message.data).offset
        return body[offset : offset + BODY_PART_BYTES]

    await caller.bus.serve(subjects.bodies_of("slow"), part)
    large = [caller.send(body, body_ref=subjects.body("slow", f"body_{number}")) for number in range(3)]
    for _ in range(5):
        assert (await caller.ask("gpt")).text == "Hello there!"
    assert not any(answer.done.is_set() for answer in large)
    may_go.set()
    assert [(await answer.whole(30)).text for answer in large] == ["Hello there!"] * 3


async def test_an_error_of_many_megabytes_is_cut(start: Start, caller: Caller, openai_server: OpenAIServer) -> None:
    await start()
    openai_server.next(Behaviour(status=400, body=b"x" * 20_000_000))
    answer = await caller.ask("gpt")
    assert answer.failure is not None
    assert len(answer.failure["message"]) < 5_000
    assert len((await caller.fact(answer)).error_message) <= 2_000
