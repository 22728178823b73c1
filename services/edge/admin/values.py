"""Amounts and times as LiteLLM's JSON has them, and answers that are written with them. Pure."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import msgspec
from fastapi import Response

from shared.money import number_text, pico_to_usd

Row = dict[str, Any]


def usd(pico: int | None) -> msgspec.Raw | None:
    """Return the amount as a JSON number with all its digits, and a point as LiteLLM's floats have one."""
    if pico is None:
        return None
    return number(pico_to_usd(pico))


def number(amount: Decimal) -> msgspec.Raw:
    """Return the same of an amount in USD, which may be smaller than a pico-dollar."""
    return msgspec.Raw(number_text(amount).encode())


def iso(seconds: float | None, utc: str = "Z") -> str | None:
    """Return the moment as text; `utc` is how it says that it is UTC: LiteLLM has two forms."""
    if seconds is None:
        return None
    return datetime.fromtimestamp(seconds, UTC).isoformat().removesuffix("+00:00") + utc


def as_json(body: Any, status: int = 200) -> Response:
    return Response(msgspec.json.encode(body), status, media_type="application/json")


def as_detail(message: str, status: int) -> Response:
    """Return a refusal in the other shape LiteLLM has for one."""
    return as_json({"detail": {"error": message}}, status)
