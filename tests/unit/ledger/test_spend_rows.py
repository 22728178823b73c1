"""Spend rows from facts with little in them: every field is there, and nothing is invented."""

from typing import Any

import pytest

from services.ledger.spend_rows import amount, iso, model_name, spend_row


@pytest.mark.parametrize(
    ("pico", "written"),
    [(0, "0.0"), (1, "0.000000000001"), (75_000, "0.000000075"), (10**12, "1.0"), (-5 * 10**11, "-0.5")],
)
def test_amounts_are_written_with_every_digit(pico: int, written: str) -> None:
    assert bytes(amount(pico)) == written.encode()


def test_times_are_written_as_litellm_does() -> None:
    assert iso(1_795_415_243_007) == "2026-11-23T06:27:23.007000Z"


@pytest.mark.parametrize(
    ("fact", "name"),
    [
        ({}, ""),
        ({"model": "gpt-4"}, "gpt-4"),
        ({"model": "gpt-4", "provider": "openai", "provider_model": "gpt-4-0613"}, "openai/gpt-4-0613"),
        ({"provider": "openai", "provider_model": "openai/gpt-4"}, "openai/gpt-4"),
        ({"provider": "", "provider_model": "gpt-4-0613"}, "gpt-4-0613"),
    ],
)
def test_a_model_is_named_with_its_provider(fact: dict[str, Any], name: str) -> None:
    assert model_name(fact) == name


def test_what_a_fact_does_not_say_is_empty_or_null() -> None:
    row = spend_row({"id": "x", "request_id": "req_1", "ts_ms": 1000}, at_ms=1000, stored_ms=2000, seq=3)
    assert (row["request_id"], row["litellm_call_id"], row["session_id"]) == ("req_1", "req_1", "req_1")
    assert (row["api_key"], row["user"], row["team_id"], row["model"]) == ("", "", "", "")
    assert (row["request_duration_ms"], row["total_tokens"], row["status"]) == (0, 0, "failure")
    assert row["metadata"]["cost_breakdown"] is None
    assert row["metadata"]["meterhouse"]["outcome"] == "unreadable"


def test_parts_of_the_cost_add_up() -> None:
    parts = {"input": 3, "cached_input": 4, "output": 5, "reasoning": 6, "web_searches": 7}
    fact = {"outcome": "failure", "cost_pico": 25, "cost_parts_pico": parts}
    breakdown = spend_row(fact, at_ms=0, stored_ms=0, seq=1)["metadata"]["cost_breakdown"]
    written = [bytes(breakdown[f"{part}_cost"])[-2:] for part in ("input", "output", "tool_usage", "total")]
    assert written == [b"07", b"11", b"07", b"25"]


def test_what_the_operator_takes_off_and_adds_is_told_apart() -> None:
    fact = {
        "outcome": "success", "cost_pico": 1_140, "discount_pico": 50, "margin_pico": 190, "service_tier": "priority",
        "geo": "eu", "cost_source": "reported", "computed_pico": 900, "reported_pico": 1_000, "usage_check": "odd",
        "price": {"row": "r", "source": "genai-prices 1"},
    }  # fmt: skip
    metadata = spend_row(fact, at_ms=0, stored_ms=0, seq=1)["metadata"]
    told = {name: value for name, value in metadata["cost_breakdown"].items() if value}
    assert told["original_cost"] == amount(1_000)
    assert (told["discount_amount"], told["discount_percent"]) == (amount(50), 0.05)
    assert (told["margin_total_amount"], told["total_cost"]) == (amount(190), amount(1_140))
    assert (told["service_tier"], told["data_residency"]) == ("priority", "eu")
    ours = metadata["meterhouse"]
    assert (ours["cost_source"], ours["usage_check"], ours["price_source"]) == ("reported", "odd", "genai-prices 1")
    assert (ours["computed_cost"], ours["reported_cost"]) == (amount(900), amount(1_000))


def test_units_that_are_no_tokens_stand_in_the_usage_object() -> None:
    usage = {"cached_input": 1, "cached_audio_input": 2, "video_input": 3, "pages": 4, "requests": 1}
    told = spend_row({"outcome": "success", "usage": usage}, at_ms=0, stored_ms=0, seq=1)["metadata"]["usage_object"]
    assert told["units"] == {"pages": 4}
    assert (told["prompt_tokens_details"]["cached_tokens"], told["prompt_tokens_details"]["video_tokens"]) == (3, 3)
