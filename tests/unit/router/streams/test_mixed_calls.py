"""Parallel calls of tools whose pieces a provider sends mixed: every dialect tells them as if each had come whole."""

import json
from collections.abc import Callable, Iterable
from itertools import pairwise
from typing import Any, NamedTuple

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.router.dialects.anthropic.stream import MessageOutlet
from services.router.dialects.calls_in_turn import CallPlaces
from services.router.dialects.gemini.stream import CandidatesOutlet
from services.router.dialects.outlet import Outlet
from services.router.dialects.responses.stream import ResponseOutlet
from shared.usage import Usage
from tests.dialect_files import as_stream, events_in


class Told(NamedTuple):
    """What a client has of a stream: all text, and (id, name, arguments) of each call, in order."""

    text: str
    calls: list[tuple[str, str, Any]]


def _of_responses(events: list[dict[str, Any]]) -> Told:
    """Each item is added in order, has deltas while it is open, and is done once, in order, with all of them."""
    begun: dict[str, dict[str, Any]] = {}
    deltas: dict[str, str] = {}
    closed: list[str] = []
    argued: set[str] = set()
    for place, event in enumerate(events):
        assert event["sequence_number"] == place
        kind, item = event["type"], event.get("item", {})
        item_id = event.get("item_id") or item.get("id")
        if kind == "response.output_item.added":
            assert event["output_index"] == len(begun)
            begun[item_id], deltas[item_id] = event, ""
        elif kind.endswith(".delta"):
            assert item_id not in {*closed, *argued}
            deltas[item_id] += event["delta"]
        elif kind == "response.function_call_arguments.done":
            assert item_id not in argued
            assert event["arguments"] == deltas[item_id]
            argued.add(item_id)
        elif kind == "response.output_item.done":
            assert event["output_index"] == len(closed) == begun[item_id]["output_index"]
            assert item["type"] != "function_call" or (item_id in argued and item["arguments"] == deltas[item_id])
            closed.append(item_id)
        if item_id:
            assert event["output_index"] == begun[item_id]["output_index"]
    output = events[-1]["response"]["output"]
    assert closed == [item["id"] for item in output] == list(begun)
    texts = [part["text"] for item in output if item["type"] == "message" for part in item["content"]]
    calls = [item for item in output if item["type"] == "function_call"]
    return Told("".join(texts), [(call["call_id"], call["name"], call["arguments"]) for call in calls])


def _of_messages(events: list[dict[str, Any]]) -> Told:
    """One block is open at a time, and blocks are numbered as they come."""
    blocks: list[dict[str, Any]] = []
    is_open = False
    for event in events:
        kind = event["type"]
        if kind == "content_block_start":
            assert not is_open
            assert event["index"] == len(blocks)
            blocks.append({**event["content_block"], "said": ""})
        elif kind in ("content_block_delta", "content_block_stop"):
            assert is_open
            assert event["index"] == len(blocks) - 1
        if kind == "content_block_delta":
            blocks[-1]["said"] += event["delta"].get("text") or event["delta"].get("partial_json") or ""
        is_open = kind.startswith("content_block") and kind != "content_block_stop"
    calls = [block for block in blocks if block["type"] == "tool_use"]
    return Told(
        "".join(block["said"] for block in blocks if block["type"] == "text"),
        [(call["id"], call["name"], call["said"]) for call in calls],
    )


def _of_candidates(events: list[dict[str, Any]]) -> Told:
    parts = [part for event in events for part in event["candidates"][0]["content"]["parts"]]
    calls = [part["functionCall"] for part in parts if "functionCall" in part]
    return Told(
        "".join(part.get("text", "") for part in parts), [(call["id"], call["name"], call["args"]) for call in calls]
    )


def _gemini_events(written: bytes) -> list[dict[str, Any]]:
    return [json.loads(event.removeprefix(b"data: ")) for event in written.split(b"\r\n\r\n") if event]


class Dialect(NamedTuple):
    outlet: Callable[[], Outlet]
    events: Callable[[bytes], list[dict[str, Any]]]
    told: Callable[[list[dict[str, Any]]], Told]


DIALECTS = {
    "responses": Dialect(
        lambda: ResponseOutlet({}, model="m", request_id="req_1", created=1), events_in, _of_responses
    ),
    "messages": Dialect(lambda: MessageOutlet("m"), events_in, _of_messages),
    "generateContent": Dialect(lambda: CandidatesOutlet("m"), _gemini_events, _of_candidates),
}
every_dialect = pytest.mark.parametrize("dialect", DIALECTS.values(), ids=DIALECTS)


def told(dialect: Dialect, deltas: Iterable[dict[str, Any]]) -> Told:
    outlet = dialect.outlet()
    chunks = [{"id": "c", "choices": [{"index": 0, "delta": delta}]} for delta in deltas]
    chunks.append({"id": "c", "choices": [{"index": 0, "delta": {}, "finish_reason": "tool_calls"}]})
    written = b"".join(outlet.feed(as_stream([chunk])) for chunk in chunks)
    return dialect.told(dialect.events(written + outlet.closing(Usage())))


Piece = dict[str, Any]
ARGUMENTS = st.dictionaries(
    st.text(max_size=3), st.text(max_size=4) | st.dictionaries(st.text(max_size=2), st.integers(0, 99))
)


def _piece(index: int, arguments: str, *, begins: bool = False) -> Piece:
    if not begins:
        return {"index": index, "function": {"arguments": arguments}}
    return {
        "index": index,
        "id": f"call_{index}",
        "type": "function",
        "function": {"name": f"f{index}", "arguments": arguments},
    }


@st.composite
def _calls(draw: st.DrawFn) -> list[list[Piece]]:
    """The pieces of up to four calls, the first of each with its id and name, perhaps with arguments, too."""
    calls = []
    for index in range(draw(st.integers(1, 4))):
        text = orjson.dumps(draw(ARGUMENTS)).decode()
        cuts = sorted(draw(st.lists(st.integers(0, len(text)), max_size=4)))
        ends = [0, *cuts, len(text)]
        texts = [text[start:end] for start, end in pairwise(ends)]
        calls.append([_piece(index, piece, begins=place == 0) for place, piece in enumerate(texts)])
    return calls


@st.composite
def _mixed(draw: st.DrawFn) -> tuple[list[Piece], list[Piece]]:
    """Pieces in a mixed order, and the same call by call; calls begin in the same order in both."""
    calls = draw(_calls())
    order = draw(st.permutations([place for place, call in enumerate(calls) for _ in call]))
    left = [iter(call) for call in calls]
    by_beginning = [piece for place in dict.fromkeys(order) for piece in calls[place]]
    return [next(left[place]) for place in order], by_beginning


@every_dialect
@given(pieces=_mixed(), together=st.booleans())
def test_pieces_of_calls_that_come_mixed_are_told_as_if_call_by_call(
    dialect: Dialect, pieces: tuple[list[Piece], list[Piece]], together: bool
) -> None:
    mixed, in_order = pieces
    deltas = [{"tool_calls": mixed}] if together else [{"tool_calls": [piece]} for piece in mixed]
    assert told(dialect, deltas) == told(dialect, [{"tool_calls": [piece]} for piece in in_order])


@every_dialect
@given(pieces=_mixed(), data=st.data())
def test_text_among_the_pieces_of_calls_is_all_told_in_order(
    dialect: Dialect, pieces: tuple[list[Piece], list[Piece]], data: st.DataObject
) -> None:
    mixed, in_order = pieces
    deltas: list[dict[str, Any]] = [{"tool_calls": [piece]} for piece in mixed]
    for word in ("one ", "two ", "three"):
        deltas.insert(data.draw(st.integers(0, len(deltas))), {"content": word})
    text = "".join(delta.get("content", "") for delta in deltas)
    assert told(dialect, deltas) == Told(text, told(dialect, [{"tool_calls": in_order}]).calls)


@every_dialect
def test_a_call_without_arguments_keeps_none_of_the_others_from_being_told(dialect: Dialect) -> None:
    pieces = [_piece(0, "", begins=True), _piece(1, '{"a":', begins=True), _piece(1, "1}")]
    deltas = [*({"tool_calls": [piece]} for piece in pieces), {"content": "so"}]
    text, (first, second) = told(dialect, deltas)
    assert text == "so"
    assert first in [("call_0", "f0", ""), ("call_0", "f0", {})]
    assert second in [("call_1", "f1", '{"a":1}'), ("call_1", "f1", {"a": 1})]


def test_calls_that_follow_one_another_are_told_while_they_come() -> None:
    deltas = [_piece(0, "{}", begins=True), _piece(1, '{"a":', begins=True)]
    for name, closes in (("messages", "content_block_stop"), ("responses", "response.output_item.done")):
        outlet = DIALECTS[name].outlet()
        said = [outlet.feed(as_stream([{"choices": [{"delta": {"tool_calls": [piece]}}]}])) for piece in deltas]
        assert closes in [event["type"] for event in events_in(said[1])]
        assert '{"a":' in json.dumps(events_in(said[1])).replace('\\"', '"')


CALL_0 = {"id": "call_0", "type": "function", "function": {"name": "f0", "arguments": '{"a":1}'}}
CALL_1 = {"id": "call_1", "type": "function", "function": {"name": "f1", "arguments": '{"b":2}'}}


@every_dialect
@pytest.mark.parametrize(
    "pieces",
    [
        pytest.param([CALL_0, CALL_1], id="without an index"),
        pytest.param([{"index": 0, **CALL_0}, {"index": 0, **CALL_1}], id="all with the same index"),
        pytest.param([{"index": 4, **CALL_0}, {"index": 7, **CALL_1}], id="indices with gaps"),
        pytest.param(
            [
                {**CALL_0, "function": {"name": "f0", "arguments": ""}},
                {"function": {"arguments": '{"a":1}'}},
                {**CALL_1, "function": {"name": "f1"}},
                {"id": "call_1", "function": {"arguments": '{"b":2}'}},
            ],
            id="in pieces without an index",
        ),
        pytest.param(
            [
                {"index": 0, **CALL_0, "function": {"name": "f0", "arguments": '{"a"'}},
                {"index": 0, "id": "another", "function": {"arguments": ":1}"}},
                {"index": 1, **CALL_1},
                {"index": 1, "id": "one more", "function": {"name": None, "arguments": " "}},
            ],
            id="a new id with each piece",
        ),
        pytest.param(
            [
                {"index": 0, **CALL_0, "function": {"name": "f0", "arguments": '{"a"'}},
                {"index": 0, "id": "call_0", "function": {"name": "f0", "arguments": ":1}"}},
                {"index": 1, **CALL_1},
            ],
            id="id and name with each piece",
        ),
    ],
)
def test_calls_are_told_apart_however_their_server_numbers_them(dialect: Dialect, pieces: list[Piece]) -> None:
    _, calls = told(dialect, [{"tool_calls": [piece]} for piece in pieces])
    read = [(call_id, name, said if isinstance(said, dict) else json.loads(said)) for call_id, name, said in calls]
    assert read == [("call_0", "f0", {"a": 1}), ("call_1", "f1", {"b": 2})]


def test_a_piece_that_names_nothing_is_of_the_call_before() -> None:
    places = CallPlaces()
    assert [places.of(piece) for piece in ({}, {"id": "x"}, {"function": {"name": "f"}}, {})] == [0, 0, 1, 1]
