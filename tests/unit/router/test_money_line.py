"""What a hold pays for, and where a stream has to end because of it."""

from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.router.streaming.money_line import UNBOUND, MoneyLine, Rates, rates_of, room_for, with_units
from shared import tokens
from shared.calls import Bound
from shared.prices import PriceRow, Rate
from shared.usage import Usage

RATES = Rates(input_pico=10, output_pico=20, call_pico=0)
BOUND = Bound(input_tokens=100, output_tokens=50, n=1)
WHOLE = 100 * 10 + 50 * 20


def event(content: str | None = None, *, index: int = 0, finish: str | None = None, **delta: Any) -> bytes:
    said = {**delta, **({} if content is None else {"content": content})}
    choice = {"index": index, "delta": said, "logprobs": None, "finish_reason": finish}
    chunk = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 5, "model": "m", "choices": [choice]}
    return b"data: " + orjson.dumps(chunk) + b"\n\n"


def line_of(output_tokens: int, left_pico: int = 10**9) -> MoneyLine:
    room = room_for(left_pico, RATES, Bound((left_pico - output_tokens * 20) // 10, output_tokens, 1))
    assert room is not None
    assert room.line is not None
    return room.line


def streamed(line: MoneyLine, *pieces: bytes, usage: Usage | None = None, said_all: bool = False) -> tuple[bytes, bool]:
    out = b""
    for piece in pieces:
        if not line.may_be_reached(piece, usage, said_all=said_all):
            out += piece
            continue
        paid, reached = line.take(piece)
        out += paid
        if reached:
            return out, True
    return out, False


def _end(line: MoneyLine, *, shows_usage: bool = False) -> bytes:
    return line.ending("x", "m", Usage(input=7, output=2), shows_usage=shows_usage).events


def texts(out: bytes) -> str:
    chunks = [orjson.loads(line[5:]) for line in out.split(b"\n") if line.startswith(b"data: {")]
    return "".join(choice["delta"].get("content") or "" for chunk in chunks for choice in chunk["choices"])


# room


@pytest.mark.parametrize(
    ("left", "max_tokens"),
    [(WHOLE, None), (WHOLE + 5_000, None), (WHOLE - 1, 49), (WHOLE - 20, 49), (WHOLE - 21, 48), (1_020, 1)],
)
def test_a_try_gets_the_answer_that_is_still_paid_for(left: int, max_tokens: int | None) -> None:
    room = room_for(left, RATES, BOUND)
    assert room is not None
    assert room.max_tokens == max_tokens
    assert room.line is not None


@pytest.mark.parametrize("left", [1_019, 1_000, 0, -5])
def test_there_is_no_room_for_a_try_that_cannot_answer_with_one_token(left: int) -> None:
    assert room_for(left, RATES, BOUND) is None


def test_several_answers_share_what_is_left() -> None:
    three = Bound(100, 50, 3)
    room = room_for(1_000 + 3 * 20 * 7 + 59, RATES, three)
    assert room is not None
    assert room.max_tokens == 7
    assert room_for(1_000 + 59, RATES, three) is None


def test_where_answers_cost_nothing_only_the_input_must_fit() -> None:
    free = Rates(10, 0, 0)
    assert room_for(1_000, free, BOUND) == UNBOUND
    assert room_for(999, free, BOUND) is None


def test_a_call_that_is_paid_for_as_such_counts() -> None:
    assert room_for(500, Rates(0, 0, 501), BOUND) is None
    assert room_for(501, Rates(0, 0, 501), BOUND) == UNBOUND


def test_rates_are_the_dearest_of_a_row() -> None:
    row = PriceRow("r", "s", {"input": Rate(3, ((1_000, 7),)), "cached_input": Rate(1), "output": Rate(9)})
    assert rates_of([row]) == Rates(7, 9, 0)


# the line


def test_a_stream_within_its_hold_goes_through_untouched() -> None:
    pieces = [event("", role="assistant"), *[event(" word") for _ in range(50)], event(finish="stop")]
    assert streamed(line_of(50), *pieces) == (b"".join(pieces), False)


def test_a_stream_ends_with_the_last_token_that_is_paid_for() -> None:
    line = line_of(50)
    out, reached = streamed(line, *[event(" word") for _ in range(500)])
    assert reached
    assert texts(out) == " word" * 50
    assert line.tokens == 50


@pytest.mark.parametrize("size", [1, 7, 50, 500])
def test_it_makes_no_difference_how_the_events_arrive(size: int) -> None:
    events = [event(" word") for _ in range(500)]
    pieces = [b"".join(events[start : start + size]) for start in range(0, 500, size)]
    out, reached = streamed(line_of(123), *pieces)
    assert reached
    assert texts(out) == " word" * 123


def test_an_answer_that_comes_in_one_event_is_cut_inside_of_it() -> None:
    line = line_of(50)
    out, reached = streamed(line, event(" word" * 500))
    assert reached
    assert texts(out) == " word" * 50
    assert line.tokens == 50


def test_letters_that_come_one_by_one_count_as_the_words_they_make() -> None:
    text = "The quarterly report shows that revenue grew " * 3
    out, reached = streamed(line_of(tokens.count(text)), *[event(letter) for letter in text])
    assert not reached
    assert texts(out) == text


def test_tool_calls_and_thoughts_count() -> None:
    calling = event(tool_calls=[{"index": 0, "function": {"arguments": ' "word"'}}])
    thinking = event(reasoning_content=" word")
    for piece in (calling, thinking):
        out, reached = streamed(line_of(20), *[piece] * 100)
        assert reached
        assert 5 <= out.count(b"data: ") <= 20


def test_several_answers_count_together_and_each_is_ended() -> None:
    line = line_of(20)
    out, reached = streamed(line, *[event(" word", index=number % 2) for number in range(100)])
    assert reached
    assert out.count(b"data: ") == 20
    end = orjson.loads(_end(line)[5:])
    assert [(choice["index"], choice["finish_reason"]) for choice in end["choices"]] == [(0, "length"), (1, "length")]


def test_the_end_looks_like_the_rest_of_the_stream_and_tells_usage_where_it_was_asked_for() -> None:
    line = line_of(2)
    streamed(line, *[event(" word")] * 9)
    last, usage = [orjson.loads(part[5:]) for part in _end(line, shows_usage=True).split(b"\n\n")[:2]]
    assert last == {
        "id": "chatcmpl-1",
        "object": "chat.completion.chunk",
        "created": 5,
        "model": "m",
        "choices": [{"index": 0, "delta": {}, "finish_reason": "length"}],
    }
    assert usage["usage"] == {"prompt_tokens": 7, "completion_tokens": 2, "total_tokens": 9}
    assert usage["choices"] == []
    nothing = orjson.loads(line_of(2).ending("answer", "shown", Usage(), shows_usage=False).events[5:])
    assert (nothing["id"], nothing["model"]) == ("answer", "shown")


def test_input_that_the_provider_added_leaves_less_for_the_answer() -> None:
    line = line_of(50, left_pico=2_000)
    out, reached = streamed(line, *[event(" word")] * 100, usage=Usage(input=150, output=1))
    assert reached
    assert texts(out) == " word" * 25
    out, reached = streamed(line_of(50, left_pico=2_000), event(" word"), usage=Usage(input=10_000, output=1))
    assert (texts(out), reached) == ("", True)


def test_an_answer_whose_cost_is_known_and_paid_is_not_cut_for_our_counting() -> None:
    pieces = [event(" word")] * 60
    paid, unpaid = Usage(input=1, output=50), Usage(input=1, output=10**9)
    assert streamed(line_of(50), *pieces, usage=paid, said_all=True) == (b"".join(pieces), False)
    for reported, said_all in ((paid, False), (unpaid, True), (None, True)):
        out, reached = streamed(line_of(50), *pieces, usage=reported, said_all=said_all)
        assert (texts(out), reached) == (" word" * 50, True)


def test_what_came_as_paid_for_counts_where_the_provider_goes_on() -> None:
    line = line_of(50)
    assert streamed(line, *[event(" word")] * 40, usage=Usage(input=1, output=40), said_all=True)[1] is False
    out, reached = streamed(line, *[event(" word")] * 40, usage=Usage(input=1, output=10**9), said_all=True)
    assert (texts(out), reached) == (" word" * 10, True)


def test_a_stream_that_cannot_reach_the_line_is_not_looked_into() -> None:
    line = line_of(4_096)
    pieces = [event("", role="assistant"), *[event(" word")] * 700]
    assert not any(line.may_be_reached(piece, None, said_all=False) for piece in pieces)


@pytest.mark.parametrize("piece", [b": ping\n\n", b"data: [DONE]\n\n", b"data: {broken\n\n", b"data: [1]\n\n", b"\n\n"])
def test_what_is_no_chunk_passes(piece: bytes) -> None:
    line = line_of(1)
    out, reached = streamed(line, *[piece] * 300)
    assert not reached
    assert out.replace(b"\n", b"") == (piece * 300).replace(b"\n", b"")


words = st.lists(st.text(min_size=1, max_size=12), min_size=1, max_size=60)


@given(words, st.integers(1, 80), st.integers(1, 9))
def test_never_more_is_let_through_than_is_paid_for_and_nothing_paid_is_held_back(
    said: list[str], paid: int, joined: int
) -> None:
    line = line_of(paid)
    events = [event(word) for word in said]
    pieces = [b"".join(events[start : start + joined]) for start in range(0, len(events), joined)]
    out, reached = streamed(line, *pieces)
    if reached:
        assert line.tokens <= paid
        assert tokens.count(texts(out)) <= paid + 2  # counted word by word, a text has a token or two more at most
    else:
        assert texts(out) == "".join(said)
    assert "".join(said).startswith(texts(out))


def test_a_call_that_writes_nothing_is_paid_by_its_input() -> None:
    rates = Rates(input_pico=10, output_pico=1_000, call_pico=5)
    assert room_for(105, rates, Bound(10, 1, 1), writes=False) == UNBOUND
    assert room_for(104, rates, Bound(10, 1, 1), writes=False) is None


def test_units_are_paid_at_their_dearest_price() -> None:
    row = PriceRow("r", "test", {"images": Rate(7, ((100, 9),)), "input": Rate(1)})
    units = (("images", 2), ("audio_input_ms", 50), ("image_input", 3))
    assert with_units(100, Bound(10, 5, 1), [row], units) == (100 - 2 * 9 - 3, Bound(10, 5, 1))


def test_what_a_providers_tools_read_is_input_like_any() -> None:
    row = PriceRow("r", "test", {"input": Rate(1), "output": Rate(2)})
    assert with_units(100, Bound(10, 5, 1), [row], (("input", 40),)) == (100, Bound(50, 5, 1))
