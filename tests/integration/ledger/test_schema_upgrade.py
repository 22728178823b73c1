"""A database of an older release goes on with its rows, and what is told since has its own columns."""

from decimal import Decimal
from typing import Any

import pytest

import services.ledger.store as store_module
from services.ledger.schema import migrations
from services.ledger.settings import LedgerSettings
from services.ledger.store import Address, Store
from shared.bus import Bus
from tests.integration.ledger.facts import finished, publish, request_id
from tests.integration.ledger.running import running_ledger, written

_ROWS = """
SELECT request_id, cost, tokens_input, usage, usage_check, service_tier, cost_source, computed_cost, reported_cost,
    discount, margin, price_source, tokens_video_input
FROM requests ORDER BY at, cost
"""


async def test_rows_of_an_older_schema_stay_and_new_facts_tell_more(
    bus: Bus, database_url: str, settings: LedgerSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    old, new = request_id(), request_id()
    with monkeypatch.context() as as_before:
        as_before.setattr(store_module, "migrations", lambda *where: migrations(*where)[:2])
        await publish(bus, finished(old, 7_000_000))
        async with running_ledger(settings):
            await written(bus)
    told: dict[str, Any] = {
        "usage": {"input": 5, "video_input": 6, "pages": 7},
        "usage_check": "total_tokens is 1",
        "service_tier": "flex",
        "cost_source": "reported",
        "computed_pico": 8_000_000,
        "reported_pico": 9_000_000,
        "discount_pico": 1_000_000,
        "margin_pico": 2_000_000,
    }
    await publish(bus, finished(new, 10_000_000, **told))
    async with running_ledger(settings):
        await written(bus)
        store = Store(Address.parse(database_url))
        await store.open()
        try:
            found = await store.query(_ROWS, {})
        finally:
            await store.close()
    first, second = (list(row) for row in found)
    usd = Decimal("0.000001")
    assert first == [old, 7 * usd, 9, {}, "", "", "", None, None, 0, 0, "", 0]
    assert second == [
        new, 10 * usd, 5, told["usage"], told["usage_check"], "flex", "reported", 8 * usd, 9 * usd, usd, 2 * usd,
        "genai-prices", 6,
    ]  # fmt: skip
