"""Facts made without validation say what validated ones say."""

from shared.facts import CompletionLost, encode_fact
from shared.facts.header import unchecked
from shared.facts.registry import by_kind, decode_fact

FIELDS = {
    "id": "lost_req_1",
    "ts_ms": 1,
    "tenant": "t",
    "request_id": "req_1",
    "key": "k",
    "partition": 0,
    "cost_pico": 5,
    "admitted_ms": 1,
}


def test_an_unchecked_fact_equals_the_checked_one_and_reads_back() -> None:
    made = unchecked(CompletionLost)(**FIELDS)
    assert made == CompletionLost(**FIELDS)
    assert decode_fact(encode_fact(made), by_kind(CompletionLost)) == made
    assert made.subject == CompletionLost(**FIELDS).subject


def test_an_amount_past_64_bits_is_written_exactly() -> None:
    made = CompletionLost(**{**FIELDS, "cost_pico": 2**70})
    assert b'"cost_pico":1180591620717411303424' in encode_fact(made)
