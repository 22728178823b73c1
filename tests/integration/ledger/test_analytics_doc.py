"""docs/analytics.md: each of its queries answers what it says, over facts of every kind."""

import re
import time
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from services.ledger.settings import LedgerSettings
from services.ledger.store import Store
from shared.bus import Bus
from shared.facts.completion import Attempt
from tests.integration.ledger.facts import KEY, OTHER_KEY, denied, finished, lost, publish, received, request_id
from tests.integration.ledger.running import running_ledger, written

PAGE = (Path(__file__).parents[3] / "docs" / "analytics.md").read_text(encoding="utf-8")
QUERIES: list[str] = re.findall(r"```sql\n(.*?)```", PAGE, re.DOTALL)


def usd(pico: int) -> Decimal:
    return Decimal(pico).scaleb(-12)


def _attempt(provider: str, status: int, error: str = "") -> Attempt:
    return Attempt(
        deployment="d-1", provider=provider, model="m", started_ms=1, duration_ms=5, status=status, error=error
    )


@pytest.fixture
async def dearest(bus: Bus, store: Store, settings: LedgerSettings) -> str:
    """Requests of every kind, made now; gives the id of the dearest one."""
    now = int(time.time() * 1000)
    times: dict[str, Any] = {
        "received_ms": now,
        "admitted_ms": now + 1,
        "started_ms": now + 2,
        "first_token_ms": now + 102,
        "finished_ms": now + 502,
    }
    dear = request_id(now)
    tries = (_attempt("azure", 500, "provider_error"), _attempt("openai", 200))
    await publish(
        bus,
        received(dear),
        finished(dear, 50_000_000, key=KEY, attempts=tries, fallbacks=1, **times),
        finished(request_id(now), 7_000_000, key=OTHER_KEY, user_id="bob", tags=("prod", "test"), **times),
        finished(request_id(now), 0, provider_model="homemade", price=None, **times),
        denied(request_id(now), received_ms=now),
        lost(request_id(now), 3_000_000, admitted_ms=now + 1),
    )
    async with running_ledger(settings):
        await written(bus)
    return dear


EXPECTED: dict[str, Any] = {
    "GROUP BY day, key": lambda rows: sum(row[-1] for row in rows) == usd(60_000_000) and len(rows) == 2,
    "GROUP BY provider, provider_model\nORDER BY usd": lambda rows: (
        rows[0] == ("openai", "gpt-4-0613", 2, 24, 24, usd(57_000_000)) and len(rows) == 2
    ),
    "WITH ROLLUP": lambda rows: ("team-1", "bob", usd(7_000_000)) in rows and ("", "", usd(60_000_000)) in rows,
    "GROUP BY tag": lambda rows: ("test", 1, usd(7_000_000)) in rows,
    "AS percent": lambda rows: ("gpt-4-0613", 6, 24, 25.0) in rows,
    "quantiles": lambda rows: [(row[1], row[2][0], row[3][0]) for row in rows] == [(3, 502.0, 100.0)],
    "AS made_good": lambda rows: rows == [("azure", 500, 1, 1, "provider_error")],
    "AS usd_each": lambda rows: rows == [("gpt-4", "/v1/chat/completions", 3, usd(19_000_000), usd(50_000_000))],
    "price_row = ''": lambda rows: rows == [("openai", "homemade", 1, 24)],
    "outcome = 'denied'": lambda rows: (
        [row[:6] for row in rows] == [("guardrail", "guardrail_blocked", "deny-list", 400, 1, 1)]
    ),
    "outcome = 'lost'": lambda rows: [row[1:] for row in rows] == [("gpt-4", 1, usd(3_000_000))],
    "FROM facts FINAL": lambda rows: [row[1] for row in rows] == ["request.received", "completion.finished"],
}


async def test_every_query_of_the_page_answers_what_it_says(store: Store, dearest: str) -> None:
    assert len(QUERIES) == len(EXPECTED)
    for query in QUERIES:
        [holds] = [check for mark, check in EXPECTED.items() if mark in query]
        rows = await store.query(query)
        assert holds(rows), f"{query}\n{rows}"
    traced = next(query for query in QUERIES if "FROM facts FINAL" in query)
    assert all(dearest in row[2] for row in await store.query(traced))


async def test_every_column_is_on_the_page(store: Store) -> None:
    columns = await store.query(
        "SELECT table, name FROM system.columns WHERE database = currentDatabase() AND table IN ('requests', 'facts')"
    )
    missing = [(table, name) for table, name in columns if f"`{name}`" not in PAGE]
    assert missing == []
