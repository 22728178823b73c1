"""Usage as providers report it, and the cost worked out by hand: tests/contract/usage/README.md."""

import ast
import operator
from datetime import datetime
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest

import shared.usage as readers
from shared.money import pico_to_usd, usd_to_pico
from shared.prices import cost_of
from shared.prices.catalogue import catalogue_row
from shared.prices.row import of_search_size
from tests.contract.corpus import FILES, read, row_of

CASES = [
    pytest.param(case, id=f"{name}: {case['name']}") for name, document in FILES.items() for case in document["cases"]
]
every_case = pytest.mark.parametrize("case", CASES)

_OPERATORS: dict[type[ast.operator], Any] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
}


@every_case
def test_the_cost_is_what_the_bill_says(case: dict[str, Any]) -> None:
    usage, row = read(case), row_of(case["prices"])
    cost = cost_of(usage, of_search_size(row, usage.search_size) if usage.search_size else row)
    said = f"{case['name']} ({case['source']}): {usage.counts()}"
    assert pico_to_usd(cost.pico) == Decimal(case["usd"]), f"{said} came to {pico_to_usd(cost.pico)} USD"
    assert cost.unpriced == (), said


@every_case
def test_what_does_not_add_up_is_marked_and_nothing_else(case: dict[str, Any]) -> None:
    assert bool(read(case).mismatch) == case.get("mismatch", False), read(case).mismatch


@every_case
def test_what_else_the_provider_says_is_read(case: dict[str, Any]) -> None:
    usage, reported = read(case), case.get("reported_usd")
    assert usage.tier == case.get("tier", "")
    assert usage.reported_cost_pico == (None if reported is None else usd_to_pico(reported))


@every_case
def test_the_arithmetic_of_a_case_is_right(case: dict[str, Any]) -> None:
    usd = worked_out(ast.parse(case["working"], mode="eval").body)
    assert round(usd * 10**12) == usd_to_pico(case["usd"]), "rounded once, to a pico-dollar"


@every_case
def test_a_case_says_where_its_object_and_its_prices_are_from(case: dict[str, Any]) -> None:
    assert case["source"].startswith("https://")
    assert case["object"] in ("source", "part", "form")
    assert ("priced_as" in case) != ("prices_from" in case)
    assert case.get("prices_from", "ours") == "ours" or case["prices_from"].startswith("https://")


@pytest.mark.parametrize("case", [case for case in CASES if "priced_as" in case.values[0]])
def test_the_prices_are_the_published_ones(case: dict[str, Any]) -> None:
    provider, model, day, tier = case["priced_as"]
    published = catalogue_row(provider, model, datetime.fromisoformat(f"{day}T12:00:00+00:00"), tier)
    assert published is not None
    prompt = read(case).prompt_tokens
    for name, rate in row_of(case["prices"]).rates.items():
        theirs = published.rates.get(name) or published.rate_for(name)
        assert theirs is not None, name
        assert round(rate.at(prompt), 3) == round(theirs.at(prompt), 3), name


def test_most_prices_are_published_ones_and_the_rest_are_few() -> None:
    cases = [case for document in FILES.values() for case in document["cases"]]
    assert sum("priced_as" in case for case in cases) > len(cases) * 0.7
    assert sum(case["object"] == "source" for case in cases) >= 100


def test_there_are_enough_cases_and_no_two_have_one_name() -> None:
    names = [(name, case["name"]) for name, document in FILES.items() for case in document["cases"]]
    assert len(names) >= 100
    assert len(set(names)) == len(names)


def test_every_reader_has_a_case() -> None:
    used = {case["reader"] for document in FILES.values() for case in document["cases"]}
    assert used == {name for name in vars(readers) if name.startswith(("usage_from_", "usage_of_"))}


def worked_out(node: ast.expr) -> Fraction:
    match node:
        case ast.BinOp(left, op, right):
            return _OPERATORS[type(op)](worked_out(left), worked_out(right))  # type: ignore[no-any-return]
        case ast.Constant(value):
            return Fraction(str(value))
    raise AssertionError(f"not arithmetic: {ast.dump(node)}")
