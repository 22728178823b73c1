"""Money is an integer number of pico-dollars (1e-12 USD): exact in Python, in facts and in journals.

The smallest listed price is 1 pico-dollar a token; 64 bits would overflow at 9.2 million USD, so ClickHouse stores
`Decimal(38, 12)` and Python's integers have no bound.
"""

from decimal import ROUND_HALF_EVEN, Decimal, InvalidOperation

PICO_PER_USD = 10**12
_ONE = Decimal(1)


def usd_to_pico(usd: Decimal | int | float | str) -> int:
    """Return `usd` in pico-dollars, rounded half-even.

    A float is read as the decimal number it prints as: 0.1 means 0.1, not 0.1000000000000000055.

    Raises:
        ValueError: the amount is not a finite number.
    """
    try:
        amount = Decimal(repr(usd)) if isinstance(usd, float) else Decimal(usd)
        if not amount.is_finite():
            raise ValueError(f"not a finite amount of money: {usd!r}")
        return int((amount * PICO_PER_USD).quantize(_ONE, rounding=ROUND_HALF_EVEN))
    except InvalidOperation as error:
        raise ValueError(f"not an amount of money: {usd!r}") from error


def pico_to_usd(pico: int) -> Decimal:
    """Return `pico` in USD, exactly."""
    return Decimal(pico).scaleb(-12)


def usd_text(pico: int) -> str:
    """Return `pico` as plain decimal USD without exponent or trailing zeros: '0.0000075', '0', '12.5'."""
    sign, digits = ("-", -pico) if pico < 0 else ("", pico)
    whole, part = divmod(digits, PICO_PER_USD)
    if not part:
        return f"{sign}{whole}"
    return f"{sign}{whole}.{part:012d}".rstrip("0")


def number_text(amount: Decimal) -> str:
    """Return any amount as a JSON number with all its digits and a point, as LiteLLM's have one: 0.0000075, 0.0."""
    text = f"{amount:f}"
    if "." not in text:
        return f"{text}.0"
    text = text.rstrip("0")
    return f"{text}0" if text.endswith(".") else text
