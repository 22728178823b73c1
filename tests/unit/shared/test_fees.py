"""The rows of fees.toml: each has its source, and says whether that page was read."""

import tomllib
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from services.router.providers.registry import load_providers
from shared.prices import fees
from shared.usage.classes import UNIT_CLASSES, Usage

TABLE = tomllib.loads(Path(fees.__file__).with_name("fees.toml").read_text(encoding="utf-8"))
ROWS = [row for kind in ("fee", "tier", "ended_long_price", "least") for row in TABLE[kind]]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row['providers'][0]}-{row.get('class', row.get('tier'))}")
def test_a_row_says_where_it_is_from_and_whether_that_was_read(row: dict[str, Any]) -> None:
    assert row["source"].startswith("https://")
    assert row["read"] in ("primary", "secondary", "bill")
    assert set(row["providers"]) <= load_providers({}).keys()


@pytest.mark.parametrize("row", TABLE["fee"], ids=lambda row: f"{row['providers'][0]}-{row['class']}")
def test_a_fee_is_of_a_class_that_usage_has_and_dated(row: dict[str, Any]) -> None:
    assert row["class"].removesuffix("_preview").removesuffix("_low") in Usage.__struct_fields__
    assert row["per"] == 1 or row["per"] % 1000 == 0
    assert row["from"] <= date(2026, 11, 26)


def test_a_tier_has_one_row_for_a_provider() -> None:
    pairs = [(provider, row["tier"]) for row in TABLE["tier"] for provider in row["providers"]]
    assert len(set(pairs)) == len(pairs)


@pytest.mark.parametrize(
    ("provider", "model", "day", "holds"),
    [
        ("anthropic", "claude-sonnet-4-5-20250929", date(2026, 4, 29), True),
        ("anthropic", "claude-sonnet-4-5-20250929", date(2026, 4, 30), False),
        ("vertex_ai", "claude-sonnet-4-5@20250929", date(2026, 4, 30), True),
        ("anthropic", "claude-sonnet-4-6", date(2026, 4, 30), True),
    ],
)
def test_a_price_of_long_prompts_holds_until_there_are_none(provider: str, model: str, day: date, holds: bool) -> None:
    assert fees.has_long_price(provider, model, day) is holds


def test_a_batch_of_gemini_has_no_price_of_its_own_before_there_were_batches() -> None:
    assert fees.tier_factor("gemini", "gemini-2.5-pro", "batch", date(2025, 7, 6)) is None
    assert fees.tier_factor("gemini", "gemini-2.5-pro", "batch", date(2025, 7, 7)) == fees.tier_factor(
        "anthropic", "claude-sonnet-4-5", "batch", date(2025, 7, 7)
    )


def test_searches_of_documents_are_a_unit() -> None:
    assert "document_searches" in UNIT_CLASSES
