from typing import Any

import pytest

from services.router.job import Job
from services.router.streaming.answer import AnswerWriter
from services.router.streaming.answer_headers import cost_lines, served_by_lines
from shared import frames
from shared.bus import NotConnected
from shared.errors import ProviderFailed
from shared.frames import DATA_MAX, FAILURE, HEAD, LAST, PROGRESS, Head
from shared.header_lines import headers_in
from shared.prices import Cost
from shared.prices.price_call import NOT_PRICED, Priced
from tests.router_calls import complete, deployment


class _Bus:
    """Where frames go; `away` makes it a bus without a connection."""

    process = "router-1"

    def __init__(self) -> None:
        self.away = False
        self.sent: list[frames.Frame] = []

    def publish(self, subject: str, payload: bytes, reply: str = "", headers: bytes = b"") -> None:
        assert subject == "chunk.edge-1.req_1"
        if self.away:
            raise NotConnected("away")
        assert len(payload) < 1_000_000, "NATS takes no message of more than 1 MB"
        self.sent.append(frames.unpack(payload))


@pytest.fixture
def bus() -> _Bus:
    return _Bus()


def writer(bus: _Bus) -> AnswerWriter:
    return AnswerWriter(bus, "edge-1", "req_1")  # type: ignore[arg-type]


HEAD_200 = Head(200, (("a", "b"),), False, "router-1", 5)


@pytest.mark.parametrize("size", [0, 1, DATA_MAX - 1, DATA_MAX, DATA_MAX + 1, 2 * DATA_MAX, 5 * DATA_MAX + 3])
def test_a_whole_answer_of_any_size_is_split_into_frames_that_fit(bus: _Bus, size: int) -> None:
    data = bytes(range(256)) * (size // 256 + 1)
    writer(bus).head(HEAD_200, data[:size], last=True)
    assert b"".join(frame.data for frame in bus.sent) == data[:size]
    assert [frame.number for frame in bus.sent] == list(range(len(bus.sent)))
    assert [bool(frame.flags & LAST) for frame in bus.sent] == [False] * (len(bus.sent) - 1) + [True]
    assert [bool(frame.flags & HEAD) for frame in bus.sent] == [True] + [False] * (len(bus.sent) - 1)
    assert frames.decode_head(bus.sent[0].header) == HEAD_200


@pytest.mark.parametrize("size", [0, 3, DATA_MAX, DATA_MAX + 1])
def test_data_of_any_size_goes_out_in_frames_that_follow_each_other(bus: _Bus, size: int) -> None:
    of = writer(bus)
    of.head(HEAD_200, b"first")
    of.data(b"x" * size)
    of.data(b"end", last=True)
    assert b"".join(frame.data for frame in bus.sent) == b"first" + b"x" * size + b"end"
    assert [frame.number for frame in bus.sent] == list(range(len(bus.sent)))
    assert bus.sent[-1].flags == LAST


def test_a_failure_is_the_last_frame(bus: _Bus) -> None:
    of = writer(bus)
    of.head(HEAD_200, b"x")
    of.failure(ProviderFailed("no", status=503))
    assert bus.sent[-1].flags == FAILURE | LAST
    assert bus.sent[-1].number == 1
    assert frames.decode_failure(bus.sent[-1].header)["status"] == 503


def test_progress_has_no_number(bus: _Bus) -> None:
    of = writer(bus)
    of.progress()
    of.head(HEAD_200, b"x")
    assert bus.sent[0].flags == PROGRESS
    assert bus.sent[1].number == 0


def test_a_frame_that_was_lost_leaves_a_gap(bus: _Bus) -> None:
    of = writer(bus)
    of.head(HEAD_200, b"x")
    bus.away = True
    of.data(b"y")
    bus.away = False
    of.data(b"z", last=True)
    assert [frame.number for frame in bus.sent] == [0, 2]


def test_nothing_is_written_to_a_client_that_left_but_the_answer_has_begun(bus: _Bus) -> None:
    of = writer(bus)
    of.muted = True
    of.head(HEAD_200, b"x")
    of.data(b"y", last=True)
    assert bus.sent == []
    assert of.begun


def job(bus: _Bus, **fields: Any) -> Job:
    body = b'{"model":"m"}'
    return Job(complete("req_1", "edge-1", body, **fields), body, writer(bus), retries=1, fallbacks=2)


PARTS = {"cached_input": 1_000_000, "cache_write_1h": 2_000_000, "reasoning": 3_000_000, "web_searches": 1_000_000}
PRICED = Priced(7_500_000, "computed", Cost(7_000_000, PARTS, ()), None, 500_000, 1_000_000)


def test_the_headers_tell_who_served_it_and_what_it_cost(bus: _Bus) -> None:
    of = job(bus, applied_guardrails=("pii", "words"))
    lines = served_by_lines(of, deployment(id="id\n1", model="é")) + cost_lines(PRICED)
    assert dict(headers_in(lines.decode())) == {
        "x-litellm-model-id": "id?1",
        "x-litellm-model-group": "m",
        "x-litellm-model-name": "openai/?",
        "x-litellm-attempted-retries": "1",
        "x-litellm-attempted-fallbacks": "2",
        "x-litellm-applied-guardrails": "pii,words",
        "x-litellm-response-cost": "0.0000075",
        "x-litellm-response-cost-original": "0.000007",
        "x-litellm-response-cost-discount-amount": "0.0000005",
        "x-litellm-response-cost-margin-amount": "0.000001",
        "x-litellm-response-cost-input": "0.000003",
        "x-litellm-response-cost-output": "0.000003",
        "x-litellm-response-cost-tool-usage": "0.000001",
        "x-litellm-response-cost-cache-read": "0.000001",
        "x-litellm-response-cost-cache-creation": "0.000002",
        "x-litellm-response-cost-reasoning": "0.000003",
    }


def test_a_cost_that_is_not_known_is_not_told(bus: _Bus) -> None:
    assert cost_lines(None) == cost_lines(NOT_PRICED) == b""
    assert b"x-litellm-response-cost: 0\r\n" in cost_lines(Priced(0, "computed", Cost(0, {}, ()), None))
