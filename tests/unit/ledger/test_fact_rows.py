"""What the ledger reads in a payload: the header, the time inside a request's id, and whether it is a fact at all."""

import pytest

from services.ledger.fact_rows import COLUMNS, cost_of, made_ms, rows
from shared.bus import Stored
from shared.ids import new_id


def _stored(payload: bytes, seq: int = 1) -> Stored:
    return Stored(seq, "evt.x.v1.t", payload, b"", 1_795_415_243_968_123_456)


def test_the_time_of_a_request_is_the_one_inside_its_id(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shared.ids.time.time_ns", lambda: 1_795_415_243_968_999_999)
    assert made_ms(new_id("req"), admitted_ms=1, received_ms=2, ts_ms=3) == 1_795_415_243_968


@pytest.mark.parametrize("tail", ["", "1", "ünreadable", "u" * 26, "z" * 26, "0" * 26])
def test_a_foreign_id_has_the_time_of_admission_then_receipt_then_the_fact(tail: str) -> None:
    assert made_ms(f"req_{tail}", admitted_ms=1, received_ms=2, ts_ms=3) == 1
    assert made_ms(f"req_{tail}", admitted_ms=None, received_ms=2, ts_ms=3) == 2
    assert made_ms(f"req_{tail}", admitted_ms=None, received_ms=None, ts_ms=3) == 3


@pytest.mark.parametrize(
    ("payload", "why"),
    [
        (b"", "truncated"),
        (b"[]", "Expected `object`"),
        (b'{"kind":"x","v":1,"id":"i","tenant":"t"}', "ts_ms"),
        (b'{"kind":"x","v":-1,"id":"i","ts_ms":1,"tenant":"t"}', "$.v"),
        (b'{"kind":"x","v":1,"id":"i","ts_ms":99999999999999,"tenant":"t"}', "$.ts_ms"),
        (b'{"kind":"completion.lost","v":1,"id":"i","ts_ms":1,"tenant":"t","cost_pico":1}', "request_id is missing"),
        (b'{"kind":"completion.lost","v":1,"id":"i","ts_ms":1,"tenant":"t","request_id":"r"}', "cost_pico is missing"),
        (
            b'{"kind":"completion.lost","v":1,"id":"i","ts_ms":1,"tenant":"t","request_id":"r","cost_pico":1.5}',
            "$.cost_pico",
        ),
        (
            b'{"kind":"completion.lost","v":1,"id":"i","ts_ms":1,"tenant":"t","request_id":"r",'
            b'"cost_pico":9223372036854775808}',
            "$.cost_pico",
        ),
    ],
)
def test_a_payload_that_is_no_fact_is_kept_and_named(payload: bytes, why: str) -> None:
    body, unreadable = rows(0, 1, [_stored(payload, seq=42)])
    assert body.endswith(payload)
    assert b"\x0aunreadable" in body
    [one] = unreadable
    assert one.seq == 42
    assert why in one.why


def test_rows_are_written_in_the_order_of_the_columns() -> None:
    payload = (
        b'{"kind":"completion.lost","v":1,"id":"lost_r","ts_ms":3,"tenant":"t","request_id":"r","key":"k",'
        b'"cost_pico":258}'
    )
    body, unreadable = rows(5, 7, [_stored(payload, seq=6)])
    assert not unreadable
    expected = b"".join(
        (
            (5).to_bytes(4, "little"),
            (6).to_bytes(8, "little"),
            (7).to_bytes(8, "little"),
            (1_795_415_243_968).to_bytes(8, "little"),
            (3).to_bytes(8, "little"),
            (3).to_bytes(8, "little"),
            b"\x0fcompletion.lost",
            b"\x01\x00",
            b"\x06lost_r\x01r\x01t\x01k",
            (258).to_bytes(16, "little"),
            bytes([len(payload)]) + payload,
        )
    )
    assert body == expected
    assert len(COLUMNS) == 14
    assert cost_of(payload) == 258


def test_long_payloads_have_their_length_in_front() -> None:
    payload = b'{"kind":"x","v":1,"id":"i","ts_ms":1,"tenant":"t","text":"' + b"a" * 20_000 + b'"}'
    body, _ = rows(0, 1, [_stored(payload)])
    low, middle, high = len(payload) & 127 | 128, len(payload) >> 7 & 127 | 128, len(payload) >> 14
    assert body.endswith(bytes([low, middle, high]) + payload)
