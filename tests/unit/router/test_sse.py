import pytest

from services.router.providers.answers import sse
from services.router.providers.answers.broken_answer import UnreadableAnswer
from services.router.providers.answers.sse import EventBlocks, SseParser

STREAM = b': hi\n\nevent: a\ndata: {"x":1}\n\ndata:two\ndata: lines\n\nid: 3\n\n\ndata: last\n\n'
EVENTS = [("a", b'{"x":1}'), ("", b"two\nlines"), ("", b"last")]


def parsed(*parts: bytes) -> list[tuple[str, bytes]]:
    parser = SseParser()
    return [event for part in parts for event in parser.feed(part)] + parser.end()


def test_events_have_a_name_and_the_data_of_all_their_lines() -> None:
    assert parsed(STREAM) == EVENTS


@pytest.mark.parametrize("line_end", [b"\n", b"\r\n", b"\r"])
def test_a_stream_cut_anywhere_has_the_same_events(line_end: bytes) -> None:
    stream = STREAM.replace(b"\n", line_end)
    for cut in range(len(stream) + 1):
        assert parsed(stream[:cut], stream[cut:]) == EVENTS
    assert parsed(*[bytes([byte]) for byte in stream]) == EVENTS


def test_the_last_event_may_lack_its_empty_line() -> None:
    assert parsed(b"data: one\n\ndata: two") == [("", b"one"), ("", b"two")]
    assert parsed(b"data: one\n\ndata: two\r") == [("", b"one"), ("", b"two")]


def test_blocks_end_where_an_event_ends() -> None:
    blocks = EventBlocks()
    assert blocks.feed(b"data: 1\n\ndata: 2\n\nda") == b"data: 1\n\ndata: 2\n\n"
    assert blocks.feed(b"ta: 3\n") == b""
    assert blocks.feed(b"\ndata") == b"data: 3\n\n"
    assert blocks.rest() == b"data"


def test_an_event_without_an_end_is_not_gathered_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sse, "EVENT_BYTES_MAX", 1_000)
    parser = SseParser()
    for _ in range(9):
        assert parser.feed(b"data: " + b"x" * 100) == []
    with pytest.raises(UnreadableAnswer, match="without an end"):
        parser.feed(b"data: " + b"x" * 100)
