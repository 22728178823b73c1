"""Money: exact in every direction."""

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.money import PICO_PER_USD, number_text, pico_to_usd, usd_text, usd_to_pico

PICO = st.integers(-(10**24), 10**24)


@given(PICO)
def test_an_amount_is_the_same_after_every_way_there_and_back(pico: int) -> None:
    assert usd_to_pico(pico_to_usd(pico)) == pico
    assert usd_to_pico(usd_text(pico)) == pico
    assert Decimal(usd_text(pico)) == pico_to_usd(pico)


@given(PICO)
def test_an_amount_is_written_without_exponent_or_needless_zeros(pico: int) -> None:
    text = usd_text(pico)
    assert "e" not in text.lower()
    assert not ("." in text and text.endswith(("0", ".")))
    assert text != "-0"


@given(PICO)
def test_a_number_of_json_has_a_point_and_no_exponent(pico: int) -> None:
    text = number_text(pico_to_usd(pico))
    assert "." in text
    assert "e" not in text.lower()
    assert Decimal(text) == pico_to_usd(pico)


@pytest.mark.parametrize(("amount", "text"), [("0E-12", "0.0"), ("1E+2", "100.0"), ("3.2E-14", "0.000000000000032")])
def test_what_python_writes_with_an_exponent_is_written_out(amount: str, text: str) -> None:
    assert number_text(Decimal(amount)) == text


@given(st.integers(-(10**12), 10**12), st.integers(0, 6))
def test_a_float_means_the_decimal_number_it_prints_as(units: int, digits: int) -> None:
    number = units / 10**digits
    assert usd_to_pico(number) == Decimal(repr(number)) * PICO_PER_USD


@given(PICO, PICO)
def test_sums_are_exact(one: int, other: int) -> None:
    assert usd_to_pico(pico_to_usd(one) + pico_to_usd(other)) == one + other


@pytest.mark.parametrize(
    ("usd", "pico"),
    [
        (0, 0),
        (0.1, 10**11),
        (0.1 + 0.2, 300_000_000_000),  # prints as 0.30000000000000004: below a pico-dollar
        ("1e-12", 1),
        ("0.0000000000005", 0),  # half a pico-dollar: to the even one
        ("0.0000000000015", 2),
        ("0.0000000000025", 2),
        (50, 50 * 10**12),
        (Decimal("12.345678901234"), 12_345_678_901_234),
        (-1, -(10**12)),
        ("1E+3", 10**15),
    ],
)
def test_dollars_are_rounded_to_the_nearest_pico_dollar(usd: Any, pico: int) -> None:
    assert usd_to_pico(usd) == pico


@pytest.mark.parametrize(
    ("pico", "text"), [(0, "0"), (7_500_000, "0.0000075"), (12_500_000_000_000, "12.5"), (-1, "-0.000000000001")]
)
def test_amounts_as_they_are_read(pico: int, text: str) -> None:
    assert usd_text(pico) == text


@pytest.mark.parametrize(
    "usd", ["", "ten", "nan", "inf", "-inf", float("nan"), float("inf"), Decimal("NaN"), "1e30", 1e300, "0x10"]
)
def test_what_is_no_amount_is_refused(usd: Any) -> None:
    with pytest.raises(ValueError, match="money"):
        usd_to_pico(usd)
