"""What a client says comes in order and whole, or its session ends."""

from typing import cast

import pytest

from services.router.realtime import inbox as inbox_module
from services.router.realtime.inbox import GONE, LOST, TELL_AFTER_BYTES, Inbox
from shared import frames
from shared.bus import Bus, NotConnected


class Said:
    """Stands where the bus is: notes what is published."""

    def __init__(self) -> None:
        self.published: list[tuple[str, bytes]] = []
        self.connected = True

    def publish(self, subject: str, payload: bytes) -> None:
        if not self.connected:
            raise NotConnected("away")
        self.published.append((subject, payload))


def inbox() -> tuple[Inbox, Said]:
    said = Said()
    return Inbox(cast("Bus", said), "edge-1", "req_1"), said


def give(to: Inbox, *packed: bytes) -> None:
    for frame in packed:
        to.on_frame(frames.unpack(frame))


async def test_messages_come_as_they_were_said_whole_or_in_parts() -> None:
    box, _ = inbox()
    long = b"l" * (frames.DATA_MAX * 2 + 5)
    give(box, *frames.message_frames(0, b"one"), *frames.message_frames(1, long), *frames.message_frames(4, b""))
    assert [await box.next(), await box.next(), await box.next()] == [b"one", long, b""]


async def test_a_frame_that_was_lost_ends_the_session() -> None:
    box, _ = inbox()
    give(box, frames.data_frame(0, b"one"), frames.data_frame(2, b"three"))
    assert await box.next() == b"one"
    assert await box.next() is None
    assert (box.ended, box.client_left) == (LOST, False)


async def test_a_sign_of_life_tells_of_a_frame_that_was_lost_and_else_nothing() -> None:
    box, _ = inbox()
    give(box, frames.data_frame(0, b"one"), frames.data_frame(1, b"", frames.PROGRESS))
    assert box.ended is None
    give(box, frames.data_frame(2, b"", frames.PROGRESS))
    assert box.ended == LOST


async def test_a_client_that_leaves_has_said_all_that_came_before() -> None:
    box, _ = inbox()
    give(box, frames.data_frame(0, b"one"), frames.close_frame(1, frames.Close(1001, "gone")))
    assert await box.next() == b"one"
    assert await box.next() is None
    assert (box.ended, box.client_left) == (frames.Close(1001, "gone"), True)


async def test_an_edge_that_is_silent_is_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inbox_module, "SILENCE_S", 0.05)
    box, _ = inbox()
    assert await box.next() is None
    assert box.ended == GONE


async def test_an_edge_hears_how_much_was_taken_when_it_is_worth_it() -> None:
    box, said = inbox()
    box.done_with(b"a" * (TELL_AFTER_BYTES - 1))
    assert said.published == []
    box.done_with(b"a" * 2)
    (subject, frame) = said.published[0]
    told = frames.unpack(frame)
    assert (subject, told.flags) == ("chunk.edge-1.req_1", frames.CREDIT)
    assert frames.decode_credit(told.header) == TELL_AFTER_BYTES + 1
    said.connected = False
    box.done_with(b"a" * TELL_AFTER_BYTES)
    assert box.ended == LOST


async def test_an_edge_that_does_not_keep_to_its_window_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inbox_module, "_WAITING_MAX_BYTES", 10)
    box, _ = inbox()
    give(box, frames.data_frame(0, b"a" * 8), frames.data_frame(1, b"a" * 8))
    assert box.ended is not None
    assert box.ended.code == 1011
