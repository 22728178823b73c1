"""What a refused client reads: LiteLLM's words, exact figures, and when to come again."""

from datetime import UTC, datetime
from typing import Any

import pytest

from services.policy.budgets.admission import Standing
from services.policy.budgets.charges import Charge
from services.policy.budgets.refusals import over_budget, unpriced_models
from shared.errors import GatewayError

USD = 10**12
NOW = datetime(2026, 11, 23, 23, 59, 58, 500_000, tzinfo=UTC).timestamp()
MIDNIGHT_MS = int(datetime(2026, 11, 24, tzinfo=UTC).timestamp() * 1000)


def charge(kind: str = "key", holder: str = "Key=key (sk-...abcd)", **fields: Any) -> Charge:
    return Charge("t", 1, 0, kind, holder, **fields)


def refusal(spent: int, held: int, limit: int, *, ends_ms: int = 0, only_holds: bool = False) -> GatewayError:
    return over_budget(charge(), Standing(spent, held, limit, ends_ms, only_holds), 422, NOW)


def test_a_spent_budget_is_told_as_litellm_tells_it() -> None:
    told = over_budget(charge(holder="Key=frontend (sk-...abcd)"), Standing(50 * USD, 0, 50 * USD, 0, False), 422, NOW)
    assert told.message == ("Budget has been exceeded! Key=frontend (sk-...abcd) Current cost: 50, Max budget: 50")
    assert (told.status, told.type, told.param, told.retry_after_s) == (422, "budget_exceeded", None, None)
    assert told.fields == {"spend": "50", "max_budget": "50", "budget_reset_at": None, "budget": "key"}


@pytest.mark.parametrize(
    ("told", "words"),
    [
        (charge("team", "Team=core"), "Budget has been exceeded! Team=core Current cost: 1, Max budget: 2"),
        (charge("key", "Key=hash:1h"), "Budget has been exceeded! Key=hash:1h Current cost: 1, Max budget: 2"),
        (charge("global", ""), "Budget has been exceeded! Current cost: 1, Max budget: 2"),
        (charge("user", "ann"), "ExceededBudget: User=ann over budget. Spend=1, Budget=2"),
        (charge("end_user", "ann"), "ExceededBudget: End User=ann over budget. Spend=1, Budget=2"),
        (
            charge("key", "LiteLLM Virtual Key: hash, key_alias: a", model="gpt-4o"),
            "LiteLLM Virtual Key: hash, key_alias: a, exceeded budget for model=gpt-4o. Current cost: 1, Max budget: 2",
        ),
        (
            charge("provider", "openai"),
            "No deployments available - crossed budget: openai. Current cost: 1, Max budget: 2",
        ),
    ],
)
def test_each_holder_is_told_in_litellms_words(told: Charge, words: str) -> None:
    refused = over_budget(told, Standing(USD, 0, 2 * USD, 0, False), 422, NOW)
    assert refused.message.startswith(words)
    assert refused.status == (429 if told.kind == "provider" else 422)
    assert refused.type == "budget_exceeded"


@pytest.mark.parametrize("status", [400, 422, 429])
def test_the_status_is_the_one_that_is_set(status: int) -> None:
    assert over_budget(charge(), Standing(1, 0, 1, 0, False), status, NOW).status == status


@pytest.mark.parametrize(
    ("pico", "text"),
    [
        (1, "0.000000000001"),
        (7_500_000, "0.0000075"),
        (USD, "1"),
        (USD + 1, "1.000000000001"),
        (123_456_789_012_345_678_901_234, "123456789012.345678901234"),
    ],
)
def test_figures_are_exact(pico: int, text: str) -> None:
    told = refusal(pico, 0, pico)
    assert f"Current cost: {text}, Max budget: {text}" in told.message
    assert told.fields is not None
    assert (told.fields["spend"], told.fields["max_budget"]) == (text, text)


def test_money_that_is_only_held_is_told_and_worth_coming_again_for() -> None:
    told = refusal(USD, 3 * USD, 4 * USD, only_holds=True, ends_ms=MIDNIGHT_MS)
    assert "Current cost: 1, Max budget: 4, held by requests in flight: 3" in told.message
    assert told.retry_after_s == 1


def test_a_rest_that_is_too_small_is_told() -> None:
    told = refusal(3 * USD, 0, 4 * USD)
    assert told.message.endswith("What is left does not cover this request's input and one token of answer")


def test_a_request_that_cannot_be_made_shorter_is_told_what_it_may_cost() -> None:
    told = over_budget(charge(), Standing(3 * USD, 0, 4 * USD, 0, False), 422, NOW, 2 * USD)
    assert "does not cover the 2 that this request may cost at most" in told.message
    assert told.message.endswith("set a lower maximum for what it writes")


def test_a_call_without_a_model_is_not_told_to_set_the_models_price() -> None:
    told = unpriced_models("", ("anthropic/-",))
    assert (told.status, told.type, told.param) == (400, "model_without_price", "model")
    assert told.message.startswith("The request names no model")
    assert "input_cost_per_token" not in told.message


def test_the_end_of_the_window_is_told_and_nobody_comes_before_it() -> None:
    told = refusal(USD, 0, USD, ends_ms=MIDNIGHT_MS)
    assert told.message.endswith("Resets at 2026-11-24 00:00:00 UTC")
    assert told.retry_after_s == 2, "one and a half second is left"
    assert told.fields is not None
    assert told.fields["budget_reset_at"] == "2026-11-24T00:00:00+00:00"


def test_a_window_that_has_just_ended_is_worth_coming_again_for_at_once() -> None:
    assert refusal(USD, 0, USD, ends_ms=int(NOW * 1000) - 5_000).retry_after_s == 1


@pytest.mark.parametrize(
    ("unpriced", "words"), [(("openai/x",), "openai/x has no price"), (("a/x", "b/y"), "a/x, b/y have no price")]
)
def test_a_model_without_a_price_is_named_with_the_remedy(unpriced: tuple[str, ...], words: str) -> None:
    told = unpriced_models("fast", unpriced)
    assert "The model 'fast' cannot be called where a budget counts" in told.message
    assert words in told.message
    assert "input_cost_per_token" in told.message
    assert "allow_unpriced_models_on_budgets" in told.message
    assert (told.status, told.type, told.param) == (400, "model_without_price", "model")


def test_a_refusal_crosses_the_bus_unchanged() -> None:
    told = refusal(USD, 0, USD, ends_ms=MIDNIGHT_MS)
    again = GatewayError.from_dict(told.to_dict())
    assert again.to_dict() == told.to_dict()
