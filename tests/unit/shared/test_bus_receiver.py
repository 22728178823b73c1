"""NATS' protocol as it comes in: in whatever pieces the network cuts it."""

import asyncio
from collections.abc import Coroutine
from typing import Any, NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.bus.client import FastClient, _Receiver


class Got(NamedTuple):
    subject: str
    reply: str
    data: bytes
    headers: bytes


class Recorder(FastClient):
    """Notes what it is told to send, and which control lines reached it."""

    def __init__(self) -> None:
        super().__init__()
        self.sent: list[bytes] = []
        self.controls: list[str] = []

    def send(self, command: bytes) -> None:
        self.sent.append(command)

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        self.controls.append(getattr(work, "__name__"))  # noqa: B009  the type does not have it
        work.close()


class Replaced(asyncio.Protocol):
    def __init__(self) -> None:
        self.lost: list[Exception | None] = []

    def connection_lost(self, exc: Exception | None) -> None:
        self.lost.append(exc)


def receive(*pieces: bytes) -> tuple[list[Got], Recorder]:
    """Feed `pieces`; return what subscription 7 was given."""
    client, got = Recorder(), list[Got]()
    client.direct[7] = lambda *message: got.append(Got(*message))
    receiver = _Receiver(client, Replaced(), asyncio.Future(loop=asyncio.new_event_loop()))
    for piece in pieces:
        receiver.data_received(piece)
    receiver._lost.get_loop().close()
    return got, client


def wire(message: Got, number: int = 7) -> bytes:
    reply = f"{message.reply} " if message.reply else ""
    if message.headers:
        total = len(message.headers) + len(message.data)
        line = f"HMSG {message.subject} {number} {reply}{len(message.headers)} {total}\r\n"
    else:
        line = f"MSG {message.subject} {number} {reply}{len(message.data)}\r\n"
    return line.encode() + message.headers + message.data + b"\r\n"


TOKENS = st.text("abcdefghijklmnopqrstuvwxyz0123456789_-$~", min_size=1, max_size=12)
SUBJECTS = st.lists(TOKENS, min_size=1, max_size=4).map(".".join)
HEADERS = st.one_of(
    st.just(b""),
    st.binary(max_size=40).map(lambda value: b"NATS/1.0\r\nA: " + value.hex().encode() + b"\r\n\r\n"),
    st.just(b"NATS/1.0 503\r\n\r\n"),
)
PAYLOADS = st.one_of(
    st.binary(max_size=60), st.sampled_from([b"", b"\r\n", b"PING\r\n", b"MSG a 7 3\r\nabc\r\n", b"\r\n" * 20])
)
MESSAGES = st.builds(Got, SUBJECTS, st.one_of(st.just(""), SUBJECTS), PAYLOADS, HEADERS)


@given(st.lists(MESSAGES, max_size=8), st.data())
def test_messages_come_out_whole_wherever_they_were_cut(messages: list[Got], data: st.DataObject) -> None:
    whole = b"PING\r\n".join(wire(message) for message in messages) + b"PONG\r\n"
    cuts = sorted(data.draw(st.lists(st.integers(0, len(whole)), max_size=12)))
    pieces = [whole[start:end] for start, end in zip([0, *cuts], [*cuts, len(whole)], strict=True)]
    got, client = receive(*pieces)
    assert got == messages
    assert client.sent == [b"PONG\r\n"] * max(0, len(messages) - 1)
    assert client.controls == ["_process_pong"]


def test_messages_come_out_whole_when_every_byte_comes_alone() -> None:
    messages = [
        Got("a.b", "", b"", b""),
        Got("a", "r.1", b"\r\nx", b"NATS/1.0\r\nA: b\r\n\r\n"),
        Got("c", "", b"hello", b""),
    ]
    whole = b"".join(map(wire, messages))
    got, _ = receive(*[whole[at : at + 1] for at in range(len(whole))])
    assert got == messages


def test_a_megabyte_in_many_pieces_is_one_message() -> None:
    message = Got("a", "r", bytes(range(256)) * 4_096, b"")
    whole = wire(message)
    got, _ = receive(*[whole[at : at + 65_536] for at in range(0, len(whole), 65_536)])
    assert got == [message]


def test_a_hundred_thousand_messages_in_one_piece_all_come_out() -> None:
    got, _ = receive(wire(Got("a", "", b"x", b"")) * 100_000)
    assert len(got) == 100_000


def test_messages_of_a_subscription_that_ended_are_dropped() -> None:
    got, _ = receive(wire(Got("a", "", b"late", b""), number=8) + wire(Got("a", "", b"mine", b"")))
    assert [message.data for message in got] == [b"mine"]


def test_the_servers_ping_is_answered_and_the_rest_of_its_lines_are_handed_on() -> None:
    _, client = receive(b"PING\r\nPONG\r\n+OK\r\n-ERR 'Stale Connection'\r\n", b'INFO {"max_payload":', b"1}\r\n")
    assert client.sent == [b"PONG\r\n"]
    assert client.controls == ["_process_pong", "_process_err", "_process_info"]


@pytest.mark.parametrize("error", [None, OSError("gone")])
async def test_a_lost_connection_is_told_once_with_its_reason(error: Exception | None) -> None:
    replaced, lost = Replaced(), asyncio.get_running_loop().create_future()
    receiver = _Receiver(Recorder(), replaced, lost)
    receiver.connection_lost(error)
    receiver.connection_lost(error)
    assert replaced.lost == [error, error]
    assert isinstance(lost.result(), OSError if error else EOFError | Exception)
    assert receiver.eof_received() is False
