"""Large bodies, held by one process and read in parts by another."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from shared.bus import Bus
from shared.calls import BODY_PART_BYTES
from shared.payloads import bodies
from shared.payloads.bodies import BodyGone, BodyHolder, read_body
from tests.nats_server import NatsServer


@pytest.fixture
async def reader(nats: NatsServer) -> AsyncIterator[Bus]:
    reader = await Bus.connect(nats.url, name="reader")
    yield reader
    await reader.close()


@pytest.fixture
async def holder(bus: Bus) -> BodyHolder:
    holder = BodyHolder(bus)
    await holder.start()
    await bus.api("INFO", None)
    return holder


@pytest.mark.parametrize(
    "size", [0, 1, BODY_PART_BYTES - 1, BODY_PART_BYTES, BODY_PART_BYTES + 1, 3 * BODY_PART_BYTES + 7, 20_000_000]
)
async def test_a_body_of_any_size_is_read_as_it_is_held(reader: Bus, holder: BodyHolder, size: int) -> None:
    body = bytes(range(256)) * (size // 256 + 1)
    ref = holder.hold("req_1", body[:size])
    assert await read_body(reader, ref, size) == body[:size]


async def test_several_readers_read_several_bodies_at_once(reader: Bus, holder: BodyHolder) -> None:
    refs = [(holder.hold(f"req_{number}", bytes([number]) * 1_500_000), number) for number in range(8)]
    found = await asyncio.gather(*[read_body(reader, ref, 1_500_000) for ref, _ in refs])
    assert [body[:1] * 1_500_000 for body in found] == found
    assert [body[0] for body in found] == list(range(8))


async def test_a_body_that_was_dropped_is_gone(reader: Bus, holder: BodyHolder) -> None:
    ref = holder.hold("req_1", b"x" * 10)
    holder.drop("req_1")
    holder.drop("req_1")
    with pytest.raises(BodyGone, match="not held any more"):
        await read_body(reader, ref, 10)


async def test_a_body_whose_holder_is_not_there_is_gone(reader: Bus) -> None:
    with pytest.raises(BodyGone, match="could not be read"):
        await read_body(reader, "body.nobody.req_1", 10)


async def test_a_body_whose_holder_died_is_gone_in_time(bus: Bus, reader: Bus, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bodies, "PART_TIMEOUT_S", 0.2)
    await bus.subscribe("body.hung.*", lambda message: None)
    await bus.api("INFO", None)
    with pytest.raises(BodyGone):
        await read_body(reader, "body.hung.req_1", 10)


async def test_a_body_shorter_than_was_said_is_gone_not_taken_for_whole(reader: Bus, holder: BodyHolder) -> None:
    ref = holder.hold("req_1", b"x" * 10)
    with pytest.raises(BodyGone):
        await read_body(reader, ref, 11)


@pytest.mark.parametrize(
    "size", [1, BODY_PART_BYTES - 1, BODY_PART_BYTES, 2 * BODY_PART_BYTES, 2 * BODY_PART_BYTES + 9]
)
async def test_a_body_whose_size_nobody_knows_is_read_to_its_end(reader: Bus, holder: BodyHolder, size: int) -> None:
    body = bytes(range(256)) * (size // 256 + 1)
    assert await read_body(reader, holder.hold("req_1", body[:size]), None) == body[:size]


async def test_a_dropped_body_whose_size_nobody_knows_is_gone_too(reader: Bus, holder: BodyHolder) -> None:
    with pytest.raises(BodyGone):
        await read_body(reader, "body." + reader.process + ".req_1", None)
    ref = holder.hold("req_2", b"x")
    holder.drop("req_2")
    with pytest.raises(BodyGone):
        await read_body(reader, ref, None)
