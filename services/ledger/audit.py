"""`python -m services.ledger.audit`: prove the figures.

From the stored payloads up: every batch's payloads against the hash its manifest has, the manifests against each other,
the archive's costs against the payloads, and the sum of all requests against the archive. Reads only.
"""

import asyncio
import sys
from collections.abc import Sequence
from decimal import Decimal
from typing import Any, NamedTuple

from services.ledger.fact_rows import ENDS_OF_REQUESTS, cost_of
from services.ledger.failures import CannotGoOn
from services.ledger.manifest import START_OF_CHAIN, chain_hash
from services.ledger.manifests import Batch, batches, newest_batch
from services.ledger.settings import LedgerSettings
from services.ledger.spend_sums import usd
from services.ledger.store import Address, Store, StoreError
from shared.bus import Bus, BusError
from shared.observe import set_up_logging

_MANIFESTS_AT_ONCE = 500
_FACTS_AT_ONCE = 20_000
_TRIES = 3  # the ledger may write between two of our questions
_WRITTEN = "SELECT max(batch) FROM facts"
_PAYLOADS = """
SELECT seq, payload, cost, kind, v FROM facts FINAL
WHERE epoch = {epoch:UInt32} AND seq BETWEEN {first:UInt64} AND {last:UInt64} ORDER BY seq
"""
_RANK = "multiIf(kind = 'completion.finished', 3, kind = 'completion.lost', 2, 1)"
# what the view of requests does, done differently: from the archive, without the table of requests
_SUMS = f"""
SELECT
    (SELECT count() FROM facts FINAL),
    (SELECT (count(), sum(cost)) FROM requests),
    (SELECT (count(), sum(cost)) FROM (
        SELECT argMax(cost, ({_RANK}, -toInt64(seq))) AS cost
        FROM facts FINAL WHERE v = 1 AND kind IN ({", ".join(f"'{kind}'" for kind in sorted(ENDS_OF_REQUESTS))})
        GROUP BY request_id
    ))
"""


class Report(NamedTuple):
    """What was found. `faults` are sentences; none means that every figure follows from the stored facts."""

    batches: int
    facts: int
    requests: int
    spend: Decimal
    head: str  # the hash of the newest batch: it stands for all facts up to there
    faults: tuple[str, ...]

    def lines(self) -> list[str]:
        spend = bytes(usd(self.spend)).decode()
        return [
            f"{self.batches} batches, {self.facts} facts, {self.requests} requests, {spend} USD.",
            f"Hash of the newest batch: {self.head}",
            *(f"FAULT: {fault}" for fault in self.faults),
            "Every figure follows from the stored facts." if not self.faults else f"{len(self.faults)} faults.",
        ]


async def audit(bus: Bus, store: Store) -> Report:
    """Check everything that is written by now. Reads the whole archive once, in pieces.

    Raises:
        CannotGoOn: manifests are missing or do not follow from each other.
        StoreError: the database cannot be asked.
    """
    newest = await newest_batch(bus)
    [(written,)] = await store.query(_WRITTEN)
    last = min(written, newest.number if newest else 0)
    faults: list[str] = []
    if written > last:
        faults.append(f"batch {written} is in the archive and has no manifest")
    head, facts = START_OF_CHAIN, 0
    for first in range(1, last + 1, _MANIFESTS_AT_ONCE):
        some = await batches(bus, first, min(first + _MANIFESTS_AT_ONCE - 1, last))
        if some[0].manifest.prev_hash != head:
            faults.append(f"manifest {first} does not follow from the one before")
        head = some[-1].manifest.hash
        for group in _grouped(some):
            faults += await _check_batches(store, group)
        facts += sum(batch.manifest.count for batch in some)
    requests, spend, sums_fault = await _check_sums(store, facts)
    return Report(last, facts, requests, spend, head, (*faults, *sums_fault))


def _grouped(found: Sequence[Batch]) -> list[list[Batch]]:
    """Return runs of one epoch, each with as many facts as are read at once."""
    groups: list[list[Batch]] = []
    size = _FACTS_AT_ONCE
    for batch in found:
        size += batch.manifest.count
        if size > _FACTS_AT_ONCE or groups[-1][0].manifest.epoch != batch.manifest.epoch:
            groups.append([])
            size = batch.manifest.count
        groups[-1].append(batch)
    return groups


async def _check_batches(store: Store, group: Sequence[Batch]) -> list[str]:
    first, last = group[0].manifest, group[-1].manifest
    bounds = {"epoch": first.epoch, "first": first.first, "last": last.last}
    rows = {row[0]: row for row in await store.query(_PAYLOADS, bounds, as_bytes=("payload",))}
    return [fault for batch in group for fault in await asyncio.to_thread(_faults_of, batch, rows)]


def _faults_of(batch: Batch, rows: dict[int, tuple[Any, ...]]) -> list[str]:
    number, manifest = batch
    found = [rows[seq] for seq in range(manifest.first, manifest.last + 1) if seq in rows]
    if len(found) != manifest.count or manifest.count != manifest.last - manifest.first + 1:
        return [f"batch {number} has {len(found)} of its {manifest.count} facts"]
    if chain_hash(manifest.prev_hash, [row[1] for row in found]) != manifest.hash:
        return [f"batch {number}: the stored payloads are not those the manifest was made of"]
    told = sum(cost_of(payload) for _, payload, _, kind, v in found if v == 1 and kind in ENDS_OF_REQUESTS)
    kept = sum(int(cost.scaleb(12)) for _, _, cost, kind, v in found if v == 1 and kind in ENDS_OF_REQUESTS)
    if told != kept:
        return [f"batch {number}: its payloads say {told} pico-dollars, its column of costs says {kept}"]
    return []


async def _check_sums(store: Store, facts: int) -> tuple[int, Decimal, list[str]]:
    for _ in range(_TRIES):
        [(archived, shown, folded)] = await store.query(_SUMS)
        if shown == folded:
            break
    faults = []
    if archived < facts:
        faults.append(f"the archive has {archived} facts, the manifests {facts}")
    if shown != folded:
        faults.append(f"requests show {shown[0]} and {shown[1]} USD, the archive has {folded[0]} and {folded[1]} USD")
    return shown[0], shown[1], faults


async def _main(settings: LedgerSettings) -> int:
    store = Store(Address.parse(settings.clickhouse_url.get_secret_value()), cluster=settings.clickhouse_cluster)
    bus = await Bus.connect(settings.nats_url, name="audit")
    try:
        await store.open()
        report = await audit(bus, store)
    finally:
        await bus.close()
        await store.close()
    sys.stdout.write("\n".join(report.lines()) + "\n")
    return 1 if report.faults else 0


def main() -> int:
    settings = LedgerSettings()
    set_up_logging("audit", level="warning", as_json=settings.log_json)
    try:
        return asyncio.run(_main(settings))
    except (CannotGoOn, StoreError, BusError, ValueError) as failure:
        sys.stdout.write(f"{failure}.\n")
        return 2


if __name__ == "__main__":
    sys.exit(main())
