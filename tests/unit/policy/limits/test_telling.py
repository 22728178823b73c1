"""What a client reads of its limits: refusals in LiteLLM's words, headers in its form and OpenAI's."""

from datetime import UTC, datetime

import pytest

from services.policy.limits.counters import Counters, Reservation, reserve
from services.policy.limits.headers import duration_text, limit_lines, merged_lines
from services.policy.limits.need import NO_TOKENS, Need
from services.policy.limits.refusals import over_limit_error
from services.policy.limits.room import Limit, over_limit
from shared.errors import GatewayError
from shared.header_lines import headers_in

NOW = int(datetime(2026, 11, 23, 0, 31, 37, 250_000, tzinfo=UTC).timestamp() * 1000)
HOUR_MS = 3_600_000
KEY = Limit("k", 0, "api_key", "3a9584", rpm=2, tpm=100, parallel=3)
TEAM = Limit("team:t", 0, "team", "t", rpm=10, tpm=60)


def used(*requests: tuple[int, int]) -> Counters:
    counters: Counters = {}
    for at, tokens in requests:
        reserve(counters, Reservation(at, tokens, ("k", "team:t")))
    return counters


def refusal(limit: Limit, counters: Counters, tokens: int = 10) -> GatewayError:
    over = over_limit(counters, [limit], Need(tokens), NOW)
    assert over is not None
    return GatewayError.from_dict(over_limit_error(over, NOW, (("x-ratelimit-api_key-limit-requests", "2"),)).to_dict())


def test_a_refusal_reads_as_litellms_and_tells_when_to_come_again() -> None:
    told = refusal(KEY, used((NOW - 20_000, 1), (NOW - 10_000, 1)))
    assert told.message == (
        "Rate limit exceeded for api_key: 3a9584. Limit type: requests. Current limit: 2, Remaining: 0. "
        "Limit resets at: 2026-11-23 00:32:18 UTC"
    )
    assert (told.status, told.type, told.param, told.retry_after_s) == (429, "throttling_error", None, 40)
    assert [tuple(header) for header in told.headers] == [
        ("rate_limit_type", "requests"),
        ("reset_at", "2026-11-23 00:32:18 UTC"),
        ("x-ratelimit-api_key-limit-requests", "2"),
    ]
    assert told.fields == {"limit": 2, "remaining": 0, "reset_at": "2026-11-23 00:32:18 UTC"}


def test_tokens_tell_how_many_are_left() -> None:
    told = refusal(TEAM, used((NOW - 20_000, 55)))
    assert "for team: t. Limit type: tokens. Current limit: 60, Remaining: 5. Limit resets at" in told.message
    assert told.retry_after_s == 40


def test_a_slot_is_worth_asking_for_soon() -> None:
    told = refusal(Limit("k", 0, "api_key", "3a9584", parallel=1), used((NOW, 5)))
    assert "Limit type: max_parallel_requests. Current limit: 1, Remaining: 0." in told.message
    assert told.retry_after_s == 1


@pytest.mark.parametrize("limit", [Limit("k", 0, "api_key", "a", rpm=0), Limit("k", 0, "api_key", "a", tpm=5)])
def test_what_never_fits_is_not_to_be_tried_again(limit: Limit) -> None:
    told = refusal(limit, {})
    assert told.retry_after_s is None
    assert [name for name, _ in told.headers] == ["rate_limit_type", "x-ratelimit-api_key-limit-requests"]
    assert ("lower max_tokens" in told.message) == (limit.tpm is not None)


def test_the_tokens_of_a_day_are_named_so() -> None:
    told = refusal(Limit("k", 0, "api_key", "a", tpd=5), {})
    assert (told.fields or {})["window"] == "1d"


def test_a_refusal_of_a_day_says_when_enough_of_it_has_left() -> None:
    counters: Counters = {}
    reserve(counters, Reservation(NOW - 23 * HOUR_MS, 3, ("k",), ("k",)))
    reserve(counters, Reservation(NOW - 2 * HOUR_MS, 2, ("k",), ("k",)))
    told = refusal(Limit("k", 0, "api_key", "a", tpd=8), counters, tokens=5)
    assert told.retry_after_s == 3_600
    assert told.message.endswith("Current limit: 8, Remaining: 3. Limit resets at: 2026-11-23 01:31:38 UTC")
    assert refusal(Limit("k", 0, "api_key", "a", tpd=8), counters, tokens=7).retry_after_s == 22 * 3_600


def test_the_tokens_of_a_day_are_told_and_are_openais_where_they_are_tighter() -> None:
    counters: Counters = {}
    reserve(counters, Reservation(NOW - 1_500_000, 70, ("k",), ("k",)))
    reserve(counters, Reservation(NOW - 500, 10, ("k",), ("k",)))
    for tpm, tightest in ((100, ("100", "20", "23h59m59.5s")), (25, ("25", "15", "59.5s"))):
        limit = Limit("k", 0, "api_key", "a", tpm=tpm, tpd=100)
        over_limit(counters, [limit], NO_TOKENS, NOW)
        headers = dict(headers_in(limit_lines(counters, [limit], NOW)))
        assert (headers["x-ratelimit-api_key-limit-tokens-day"], headers["x-ratelimit-api_key-limit-tokens"]) == (
            "100",
            str(tpm),
        )
        assert headers["x-ratelimit-api_key-remaining-tokens-day"] == "20"
        assert tuple(headers[f"x-ratelimit-{what}-tokens"] for what in ("limit", "remaining", "reset")) == tightest
    headers = dict(headers_in(limit_lines({}, [Limit("k", 0, "api_key", "a", tpd=100)], NOW)))
    assert headers["x-ratelimit-remaining-tokens"] == "100"
    assert headers["x-ratelimit-reset-tokens"] == "0ms"


def test_every_limit_has_litellms_headers_and_the_tightest_openais() -> None:
    counters = used((NOW - 20_000, 30), (NOW - 500, 10))
    assert dict(headers_in(limit_lines(counters, [KEY, TEAM], NOW))) == {
        "x-ratelimit-api_key-remaining-requests": "0",
        "x-ratelimit-api_key-limit-requests": "2",
        "x-ratelimit-api_key-remaining-tokens": "60",
        "x-ratelimit-api_key-limit-tokens": "100",
        "x-ratelimit-api_key-remaining-max_parallel_requests": "1",
        "x-ratelimit-api_key-limit-max_parallel_requests": "3",
        "x-ratelimit-team-remaining-requests": "8",
        "x-ratelimit-team-limit-requests": "10",
        "x-ratelimit-team-remaining-tokens": "20",
        "x-ratelimit-team-limit-tokens": "60",
        "x-litellm-key-tpm-limit": "100",
        "x-litellm-key-rpm-limit": "2",
        "x-ratelimit-limit-requests": "2",
        "x-ratelimit-remaining-requests": "0",
        "x-ratelimit-reset-requests": "59.5s",
        "x-ratelimit-limit-tokens": "60",
        "x-ratelimit-remaining-tokens": "20",
        "x-ratelimit-reset-tokens": "59.5s",
    }


def test_of_several_tags_the_one_that_leaves_less_is_told_each_name_once() -> None:
    tags = [Limit(f"tag:{name}", 0, "tag", name, rpm=rpm, tpm=tpm) for name, rpm, tpm in (("a", 9, 50), ("b", 5, 90))]
    counters: Counters = {}
    reserve(counters, Reservation(NOW, 10, ("tag:a", "tag:b")))
    for limits in (tags, tags[::-1]):
        headers = headers_in(limit_lines(counters, [*limits, KEY], NOW))
        assert len(dict(headers)) == len(headers)
        told = {name: value for name, value in headers if name.startswith("x-ratelimit-tag")}
        assert told == {
            "x-ratelimit-tag-remaining-requests": "4",
            "x-ratelimit-tag-limit-requests": "5",
            "x-ratelimit-tag-remaining-tokens": "40",
            "x-ratelimit-tag-limit-tokens": "50",
        }
    one, other = (limit_lines(counters, [tag], NOW) for tag in tags)
    assert set(headers_in(merged_lines(one, other))) == set(headers_in(limit_lines(counters, tags, NOW)))


def test_slots_alone_have_no_header_of_openais() -> None:
    headers = dict(headers_in(limit_lines({}, [Limit("k", 0, "api_key", "a", parallel=4)], NOW)))
    assert headers == {
        "x-ratelimit-api_key-remaining-max_parallel_requests": "4",
        "x-ratelimit-api_key-limit-max_parallel_requests": "4",
    }


@pytest.mark.parametrize(
    ("ms", "text"),
    [
        *[(0, "0ms"), (120, "120ms"), (1_000, "1s"), (7_660, "7.66s"), (60_000, "1m0s"), (61_500, "1m1.5s")],
        *[(3_600_000, "1h0m0s"), (86_399_000, "23h59m59s")],
    ],
)
def test_times_are_written_as_openai_writes_them(ms: int, text: str) -> None:
    assert duration_text(ms) == text


def test_of_two_partitions_headers_openais_are_those_of_the_tighter_limit() -> None:
    here = limit_lines(used((NOW, 30)), [KEY], NOW)
    there = limit_lines(used((NOW, 30)), [TEAM], NOW)
    merged = dict(headers_in(merged_lines(here, there)))
    assert merged == dict(headers_in(merged_lines(there, here)))
    assert merged == dict(headers_in(limit_lines(used((NOW, 30)), [KEY, TEAM], NOW)))
    assert (merged["x-ratelimit-remaining-requests"], merged["x-ratelimit-remaining-tokens"]) == ("1", "30")
    assert merged_lines("", here) == merged_lines(here, "") == here
