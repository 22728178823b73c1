"""Single requests: the newest ones that a filter lets through, each out of its own fact."""

import asyncio
from collections.abc import Sequence
from typing import Any, NamedTuple

import msgspec
import orjson

from services.ledger.fact_rows import known_of
from services.ledger.selection import condition
from services.ledger.spend_rows import spend_row
from services.ledger.store import Store
from shared.queries import LOGS_MAX, SpendFilter

encode = msgspec.json.Encoder(decimal_format="number").encode

_SELECT = """
SELECT payload, toUnixTimestamp64Milli(at), toUnixTimestamp64Milli(stored_at), seq FROM facts
WHERE (epoch, seq) IN (
    SELECT epoch, seq FROM requests WHERE {condition}
    ORDER BY at DESC, request_id DESC LIMIT {{limit:UInt32}}
)
ORDER BY at DESC, request_id DESC
"""


class Logs(NamedTuple):
    """Rows as a JSON array, newest first, and whether older ones were left out."""

    body: bytes
    truncated: bool


async def spend_logs(store: Store, wanted: SpendFilter) -> Logs:
    """Return at most `wanted.limit` rows, LOGS_MAX by default."""
    limit = min(wanted.limit or LOGS_MAX, LOGS_MAX)
    found = await _find(store, wanted, "request_id", limit)
    if not found and wanted.request_id:
        found = await _find(store, wanted, "response_id", limit)
    # ten thousand rows take half a second to write
    body = await asyncio.to_thread(_rows, found[:limit])
    return Logs(body, len(found) > limit)


async def _find(store: Store, wanted: SpendFilter, id_column: str, limit: int) -> list[tuple[Any, ...]]:
    """Return up to one more than `limit`. A fact archived twice is taken once."""
    selected = condition(wanted, id_column=id_column)
    values = {**selected.parameters, "limit": limit + 1}
    found = await store.query(_SELECT.format(condition=selected.sql), values, as_bytes=("payload",))
    return list({row[3]: row for row in found}.values())


def _rows(found: Sequence[tuple[Any, ...]]) -> bytes:
    return encode(
        [
            spend_row(_fact(payload), at_ms=at_ms, stored_ms=stored_ms, seq=seq)
            for payload, at_ms, stored_ms, seq in found
        ]
    )


def _fact(payload: bytes) -> dict[str, Any]:
    """Return the whole fact; of one with a number or a text that JSON has and Python has not, what is known of it."""
    try:
        fact: dict[str, Any] = orjson.loads(payload)
    except orjson.JSONDecodeError:
        return known_of(payload)
    return fact
