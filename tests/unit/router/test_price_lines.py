"""What the lines of a batch's output cost, each by itself and all together."""

import json
from decimal import Decimal
from typing import Any

import pytest

from services.router.objects.price_lines import CUSTOM_ID_MAX, LinePrices
from shared.prices import PriceBook, Terms
from tests.router_calls import deployment

PRICES = {
    "input_cost_per_token": 2e-6,
    "output_cost_per_token": 8e-6,
    "input_cost_per_token_batches": 1e-6,
    "output_cost_per_token_batches": 4e-6,
}
NOW = 1_795_000_000.0


def prices(call_type: str = "acompletion", *, assumed_pico: int = 0, **fields: Any) -> LinePrices:
    return LinePrices(PriceBook(), deployment(**{"prices": PRICES, **fields}), call_type, assumed_pico)


def line(custom_id: str = "c", status: int = 200, **body: Any) -> bytes:
    return json.dumps({"custom_id": custom_id, "response": {"status_code": status, "body": body}}).encode()


USAGE = {"prompt_tokens": 10, "completion_tokens": 3, "total_tokens": 13}


def test_each_line_is_priced_as_a_batchs_and_they_are_summed() -> None:
    priced = prices()
    one = priced.add(line("a", id="chatcmpl-1", usage=USAGE), NOW)
    priced.add(line("b", usage={**USAGE, "completion_tokens": 5, "total_tokens": 15}), NOW)
    assert (one.custom_id, one.response_id, one.cost_pico) == ("a", "chatcmpl-1", 10 * 10**6 + 3 * 4 * 10**6)
    assert one.usage == {"input": 10, "output": 3, "requests": 1}
    assert one.row.partition("@")[0].endswith("#batch")
    total = priced.priced()
    assert (total.pico, total.source) == (20 * 10**6 + 8 * 4 * 10**6, "computed")
    assert total.computed.parts == {"input": 20 * 10**6, "output": 32 * 10**6}
    usage = priced.usage()
    assert (usage.counts(), usage.tier) == ({"input": 20, "output": 8, "requests": 2}, "batch")


@pytest.mark.parametrize(
    "text",
    [
        line(status=400, error={"message": "no"}),
        line(status=429, usage=USAGE),
        b'{"custom_id": "c", "response": null, "error": {"code": "batch_expired"}}',
    ],
)
def test_a_line_that_was_not_answered_costs_nothing(text: bytes) -> None:
    priced = prices()
    assert priced.add(text, NOW).cost_pico == 0
    assert (priced.priced().pico, priced.usage().requests, priced.unread) == (0, 0, 0)


def test_a_line_without_usage_is_charged_its_share_and_told_of() -> None:
    priced = prices(assumed_pico=77)
    assert priced.add(line(choices=[]), NOW).cost_pico == 77
    assert (priced.priced().pico, priced.unread) == (77, 1)
    assert "1 lines do not say" in priced.problem()


def test_discounts_and_margins_hold_for_each_line() -> None:
    terms = Terms(Decimal("0.5"), Decimal(0), 5)
    priced = prices(terms=terms)
    for name in ("a", "b"):
        assert priced.add(line(name, usage=USAGE), NOW).cost_pico == 11 * 10**6 + 5
    total = priced.priced()
    assert (total.pico, total.discount_pico, total.margin_pico) == (22 * 10**6 + 10, 22 * 10**6, 10)


def test_responses_and_embeddings_are_read_in_their_own_form() -> None:
    responses = prices("aresponses")
    usage = {"input_tokens": 10, "output_tokens": 3, "total_tokens": 13}
    assert responses.add(line(usage=usage), NOW).usage == {"input": 10, "output": 3, "requests": 1}
    embeddings = prices("aembedding")
    assert embeddings.add(line(usage={"prompt_tokens": 4, "total_tokens": 4}), NOW).cost_pico == 4 * 10**6


def test_without_a_batchs_price_the_usual_one_holds() -> None:
    priced = prices(prices={"input_cost_per_token": 2e-6, "output_cost_per_token": 8e-6})
    assert priced.add(line(usage=USAGE), NOW).cost_pico == 20 * 10**6 + 24 * 10**6


def test_a_model_without_a_price_has_no_known_cost() -> None:
    priced = prices(prices={}, provider="openai", model="nobody-knows-it", priced_as="nobody-knows-it")
    assert priced.add(line(usage=USAGE), NOW).cost_pico == 0
    assert (priced.priced().source, priced.usage().counts()["input"]) == ("none", 10)


def test_a_name_that_a_client_made_long_is_cut() -> None:
    assert len(prices().add(line("x" * 5_000, usage=USAGE), NOW).custom_id) == CUSTOM_ID_MAX
