"""Budgets and limits, from LiteLLM's fields to what admission keeps."""

from datetime import UTC, datetime
from typing import Any

import pytest

from services.policy.control.holders import terms as holder_terms
from services.policy.control.keys.key_terms import changes_of, terms_of
from services.policy.control.terms.budgets import increase_of, windows_of
from services.policy.control.terms.limits import limits_of
from shared.errors import InvalidRequest
from shared.identity.holders import Limits, Window

NOW = datetime(2026, 11, 23, 12, 30, tzinfo=UTC).timestamp()
USD = 10**12


def generated(**fields: Any) -> dict[str, Any]:
    return terms_of(fields, now=NOW, defaults={}, bounds={})


def updated(current: dict[str, Any], *, now: float = NOW + 60, **fields: Any) -> dict[str, Any]:
    return {**current, **changes_of(fields, current, now=now)}


def test_every_hard_budget_is_a_window_that_of_max_budget_first() -> None:
    terms = generated(
        max_budget=5,
        budget_duration="30d",
        budget_limits=[{"budget_duration": "1h", "max_budget": 0.5}, {"budget_duration": "24h", "max_budget": 2}],
        model_max_budget={
            "gpt-4": {"budget_limit": 1, "time_period": "1d"},
            "claude": {"max_budget": 3, "budget_duration": "1mo"},
            "whole": 7,
        },
    )
    assert windows_of(terms) == (
        Window(5 * USD, "30d", NOW),
        Window(USD // 2, "1h", NOW, listed=True),
        Window(2 * USD, "24h", NOW, listed=True),
        Window(USD, "1d", NOW, "gpt-4"),
        Window(3 * USD, "1mo", NOW, "claude"),
        Window(7 * USD, "", 0.0, "whole"),
    )


def test_a_budget_of_nothing_is_a_window_and_none_is_not() -> None:
    assert windows_of(generated(max_budget=0)) == (Window(0),)
    assert windows_of(generated(budget_duration="1d")) == ()
    assert windows_of({}) == ()


def test_time_zone_and_rolling_hold_for_every_window_of_a_holder() -> None:
    terms = generated(
        max_budget=1,
        budget_duration="1d",
        budget_limits=[{"budget_duration": "1h", "max_budget": 1}],
        budget_timezone="Europe/Berlin",
        budget_rolling=True,
    )
    assert {(window.timezone, window.rolling) for window in windows_of(terms)} == {("Europe/Berlin", True)}


def test_a_window_set_again_as_it_is_keeps_its_anchor_and_another_one_begins_now() -> None:
    limits = [{"budget_duration": "7d", "max_budget": 1}]
    terms = generated(max_budget=1, budget_duration="10d", budget_limits=limits, model_max_budget={"m": 1})
    again = updated(terms, budget_duration="10d", budget_limits=limits, model_max_budget={"m": 1})
    assert again == terms
    other = updated(terms, budget_duration="11d", budget_limits=[{"budget_duration": "7d", "max_budget": 2}])
    assert [(window.duration, window.anchor) for window in windows_of(other)][:2] == [
        ("11d", NOW + 60),
        ("7d", NOW + 60),
    ]


def test_null_clears_a_budget_and_its_anchor() -> None:
    terms = generated(max_budget=1, budget_duration="1d", model_max_budget={"m": 1})
    cleared = updated(terms, max_budget=None, budget_duration=None, model_max_budget=None)
    assert windows_of(cleared) == ()
    assert cleared["budget_anchor"] is cleared["model_budget_anchor"] is None


def test_limits_come_from_their_fields_from_metadata_and_from_model_budgets() -> None:
    terms = generated(
        rpm_limit=1,
        tpm_limit=2,
        tpd_limit=3,
        max_parallel_requests=0,
        model_rpm_limit={"gpt-4": 5},
        model_tpm_limit={"gpt-4": 6},
        model_max_budget={"claude": {"rpm_limit": 7, "tpm_limit": 8}, "gpt-4": {"rpm_limit": 99}},
    )
    assert limits_of(terms) == Limits(
        rpm=1, tpm=2, tpd=3, parallel=0, model_rpm={"gpt-4": 5, "claude": 7}, model_tpm={"gpt-4": 6, "claude": 8}
    )
    assert windows_of(terms) == ()


def test_an_increase_lasts_until_its_date_in_utc_unless_it_says_otherwise() -> None:
    until = datetime(2026, 12, 31, tzinfo=UTC).timestamp()
    assert increase_of({"temp_budget_increase": 2.5, "temp_budget_expiry": "2026-12-31"}) == (5 * USD // 2, until)
    assert increase_of({"temp_budget_increase": 1, "temp_budget_expiry": "2026-12-31T01:00:00+01:00"}) == (USD, until)
    assert increase_of(None) == increase_of({}) == (0, 0.0)


def test_an_increase_that_is_over_can_be_left_or_cleared_but_not_changed_without_another_end() -> None:
    terms = generated(temp_budget_increase=1, temp_budget_expiry="2026-11-24")
    later = NOW + 3 * 86_400
    assert updated(terms, now=later, max_budget=2)["metadata"] == terms["metadata"]
    assert updated(terms, now=later, metadata=terms["metadata"])["metadata"] == terms["metadata"]
    assert updated(terms, now=later, temp_budget_increase=None, temp_budget_expiry=None)["metadata"] == {}
    with pytest.raises(InvalidRequest, match=r"has passed: 2026-11-24\. Set temp_budget_increase together") as refused:
        updated(terms, now=later, temp_budget_increase=2)
    assert refused.value.param == "temp_budget_expiry"
    renewed = updated(terms, now=later, temp_budget_increase=2, temp_budget_expiry="2026-12-24")
    assert increase_of(renewed["metadata"]).pico == 2 * USD


def test_holders_keep_to_the_same_dates_of_increases() -> None:
    gone = {"temp_budget_increase": 1, "temp_budget_expiry": "2026-11-23T12:30:00Z"}
    for kind in ("team", "user", "organization", "end_user", "tag", "member", "budget"):
        with pytest.raises(InvalidRequest, match="in the future"):
            holder_terms.terms_of(kind, gone, now=NOW)
        with pytest.raises(InvalidRequest, match="in the future"):
            holder_terms.changes_of(kind, gone, {}, now=NOW)


@pytest.mark.parametrize(
    ("fields", "param", "words"),
    [
        ({"model_max_budget": {"m": {"budget_limit": -1}}}, "model_max_budget", "non-negative"),
        ({"model_max_budget": {"m": {"budget_limit": 1, "time_period": "x"}}}, "model_max_budget", "'x'"),
        ({"max_budget": 1e30}, "max_budget", "at most 1,000,000,000,000,000 USD"),
        ({"max_budget": 1e-15}, "max_budget", "must be 0, or at least 0.000000000001 USD"),
        ({"model_max_budget": {"m": "much"}}, "model_max_budget", "non-negative"),
        ({"model_max_budget": {"m": True}}, "model_max_budget", "non-negative"),
        ({"model_max_budget": ["m"]}, "model_max_budget", "{model name:"),
        ({"model_max_budget": {"m": {"rpm_limit": -1}}}, "model_max_budget", "not be negative"),
        ({"budget_limits": {"a": 1}}, "budget_limits", "a list of"),
        ({"budget_limits": [{"budget_duration": "1h", "max_budget": 1}] * 2}, "budget_limits", "two budgets for 1h"),
        ({"budget_limits": [{}]}, "budget_limits", "'None'"),
        ({"budget_timezone": "Mars/Olympus"}, "budget_timezone", "Europe/Berlin"),
        ({"budget_timezone": "../etc/passwd"}, "budget_timezone", "Europe/Berlin"),
        ({"temp_budget_increase": 1}, "temp_budget_expiry", "is missing"),
        ({"temp_budget_expiry": "2026-12-31"}, "temp_budget_increase", "is missing"),
        ({"temp_budget_increase": 1, "temp_budget_expiry": "soon"}, "temp_budget_expiry", "'2026-12-31'"),
        ({"temp_budget_increase": 1, "temp_budget_expiry": "2026-11-23"}, "temp_budget_expiry", "in the future"),
        ({"temp_budget_increase": -1, "temp_budget_expiry": "2026-12-31"}, "temp_budget_increase", "non-negative"),
        ({"metadata": {"model_rpm_limit": 5}}, "model_rpm_limit", "{model name: number}"),
        ({"model_tpm_limit": {"m": "5"}}, "model_tpm_limit", "whole numbers"),
        ({"model_tpm_limit": {"m": -5}}, "model_tpm_limit", "not be negative"),
        ({"tpd_limit": -1}, "tpd_limit", "not be negative"),
        ({"max_wait_s": -1}, "max_wait_s", "between 0 and 600"),
        ({"max_wait_s": 601}, "max_wait_s", "between 0 and 600"),
    ],
)
def test_what_cannot_be_meant_is_refused_by_name_when_made_and_when_changed(
    fields: dict[str, Any], param: str, words: str
) -> None:
    for attempt in (lambda: generated(**fields), lambda: updated({"max_budget_pico": 1}, **fields)):
        with pytest.raises(InvalidRequest) as refused:
            attempt()
        assert (refused.value.status, refused.value.type, refused.value.param) == (400, "bad_request_error", param)
        assert words in refused.value.message


def test_what_becomes_of_interrupted_streams_stands_in_the_keys_metadata() -> None:
    terms = generated(interrupted_stream={"mode": "drain_capped", "seconds": 5})
    assert terms["metadata"] == {"interrupted_stream": {"mode": "drain_capped", "seconds": 5}}
    assert updated(terms, interrupted_stream="cancel")["metadata"] == {"interrupted_stream": "cancel"}


@pytest.mark.parametrize("fields", [{"interrupted_stream": "stop"}, {"metadata": {"interrupted_stream": {"mode": 1}}}])
def test_an_interrupted_stream_that_cannot_be_meant_is_refused(fields: dict[str, Any]) -> None:
    with pytest.raises(InvalidRequest, match="must be one of drain, cancel, drain_capped") as refused:
        generated(**fields)
    assert refused.value.param == "metadata.interrupted_stream"
