"""Commands and frames: what one process writes, another reads as it was."""

import struct
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared import frames
from shared.calls import (
    BODY_INLINE_MAX,
    BODY_PART_BYTES,
    Admit,
    BodyPart,
    Caller,
    Cancel,
    Complete,
    decode_body_part,
    decode_cancel,
    encode_header,
    pack,
    unpack_admit,
    unpack_complete,
)
from shared.errors import BudgetExceeded, GatewayError

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)
INTEGERS = st.integers(-(2**63), 2**63)
CALLERS = st.builds(
    Caller, *[TEXT] * 7, st.lists(TEXT, max_size=3).map(tuple), TEXT, TEXT, TEXT, st.binary(max_size=40)
)
ADMITS = st.builds(
    Admit,
    request_id=TEXT,
    edge=TEXT,
    caller=CALLERS,
    route=TEXT,
    call_type=TEXT,
    model=TEXT,
    group=TEXT,
    stream=st.booleans(),
    include_usage=st.booleans(),
    max_tokens=st.none() | st.integers(1, 2**31 - 1),
    max_tokens_field=TEXT,
    n=st.integers(1, 100),
    input_bytes=st.integers(0, 2**40),
    images=st.integers(0, 1_000),
    has_tools=st.booleans(),
    received_ms=st.integers(0, 2**50),
    deadline_ms=st.integers(0, 2**50),
    body_bytes=st.integers(0, 2**40),
    body_ref=TEXT,
    guardrails=st.lists(TEXT, max_size=3).map(tuple),
    num_retries=st.none() | st.integers(0, 100),
    timeout_s=st.none() | st.floats(0.001, 1e6),
    disable_fallbacks=st.booleans(),
)
COMPLETES = st.builds(
    Complete,
    request=ADMITS,
    partition=st.integers(0, 63),
    admitted_ms=st.integers(0, 2**50),
    hold_pico=st.none() | st.integers(0, 2**63),
    max_tokens=st.none() | st.integers(1, 2**31 - 1),
    applied_guardrails=st.lists(TEXT, max_size=3).map(tuple),
    body_ref=TEXT,
    body_changed=st.booleans(),
)


@given(ADMITS, st.binary(max_size=200))
def test_a_question_for_admission_arrives_as_it_was_sent(request: Admit, body: bytes) -> None:
    assert unpack_admit(pack(request, body)) == (request, body)


@given(COMPLETES, st.binary(max_size=200))
def test_a_command_to_complete_arrives_as_it_was_sent(call: Complete, body: bytes) -> None:
    assert unpack_complete(pack(call, body)) == (call, body)


def test_small_commands_arrive_as_they_were_sent() -> None:
    assert decode_cancel(encode_header(Cancel("req_1"))) == Cancel("req_1")
    assert decode_body_part(encode_header(BodyPart(2**40))) == BodyPart(2**40)


@pytest.mark.parametrize(
    "data", [b"", b"\x00", b"\xff\xff\xff\xff", b"\x00\x00\x00\x01\xff", struct.pack("!I", 4) + b"abcd"]
)
def test_what_is_no_command_is_refused(data: bytes) -> None:
    for unpack in (unpack_admit, unpack_complete):
        with pytest.raises((struct.error, msgspec.DecodeError)):
            unpack(data)


def test_what_travels_along_or_in_parts_fits_into_a_message() -> None:
    default_limit = 1_048_576
    assert default_limit > BODY_INLINE_MAX + 200_000  # the largest header beside it
    assert default_limit > BODY_PART_BYTES
    assert len(frames.data_frame(2**32 - 1, b"x" * frames.DATA_MAX)) < default_limit


HEADS = st.builds(
    frames.Head,
    st.integers(100, 599),
    st.lists(st.tuples(TEXT, TEXT), max_size=4).map(tuple),
    st.booleans(),
    TEXT,
    st.integers(0, 2**40),
)


@given(st.integers(0, 2**32 - 1), HEADS, st.binary(max_size=200), st.sampled_from([0, frames.LAST]))
def test_a_head_arrives_as_it_was_sent(number: int, head: frames.Head, data: bytes, flags: int) -> None:
    frame = frames.unpack(frames.head_frame(number, head, data, flags))
    assert (frame.flags, frame.number, frame.data) == (frames.HEAD | flags, number, data)
    assert frames.decode_head(frame.header) == head


@given(st.integers(0, 2**32 - 1), st.binary(max_size=200), st.sampled_from([0, frames.LAST]))
def test_data_arrive_as_they_were_sent(number: int, data: bytes, flags: int) -> None:
    assert frames.unpack(frames.data_frame(number, data, flags)) == (flags, number, b"", data)


@given(TEXT, st.booleans())
def test_a_word_of_progress_arrives_as_it_was_sent(process: str, is_router: bool) -> None:
    frame = frames.unpack(frames.progress_frame(process, is_router=is_router))
    assert frame.flags == frames.PROGRESS
    assert frames.decode_progress(frame.header) == frames.Progress(process, is_router)


def test_a_failure_arrives_as_it_was_sent() -> None:
    fields: dict[str, Any] = {"spend": 1.5, "max_budget": 1, "budget_reset_at": None}
    failure = BudgetExceeded("over", param="x", retry_after_s=3, fields=fields)
    frame = frames.unpack(frames.failure_frame(7, failure.to_dict()))
    assert (frame.flags, frame.number) == (frames.FAILURE | frames.LAST, 7)
    again = GatewayError.from_dict(frames.decode_failure(frame.header))
    assert again.to_dict() == failure.to_dict()
    assert (again.status, again.type, str(again)) == (422, "budget_exceeded", "over")


@pytest.mark.parametrize("data", [b"", b"\x01", b"\x01\x00\x00\x00"])
def test_what_is_no_frame_is_refused(data: bytes) -> None:
    with pytest.raises(struct.error):
        frames.unpack(data)


def test_the_flags_are_different_bits() -> None:
    flags = [frames.HEAD, frames.LAST, frames.FAILURE, frames.PROGRESS]
    assert sum(flags) == 15


@given(st.integers(0, 2**20), st.integers(0, 3), st.integers(-2, 2))
def test_a_message_of_a_session_is_as_many_frames_as_it_needs(number: int, whole: int, more: int) -> None:
    message = b"m" * max(0, whole * frames.DATA_MAX + more)
    packed = [frames.unpack(frame) for frame in frames.message_frames(number, message)]
    assert [frame.number for frame in packed] == list(range(number, number + len(packed)))
    assert [frame.flags for frame in packed] == [frames.PART] * (len(packed) - 1) + [0]
    assert b"".join(frame.data for frame in packed) == message


def test_how_a_session_ends_and_what_was_taken_of_it_crosses_the_bus() -> None:
    ended = frames.unpack(frames.close_frame(7, frames.Close(1012, "service restart")))
    assert (ended.flags, ended.number) == (frames.LAST, 7)
    assert frames.decode_close(ended.header) == frames.Close(1012, "service restart")
    taken = frames.unpack(frames.credit_frame(2**40))
    assert (taken.flags, frames.decode_credit(taken.header)) == (frames.CREDIT, 2**40)
