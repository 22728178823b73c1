"""The audit finds what does not follow from the stored facts, whoever changed it."""

import asyncio
import os
import sys

import pytest

from services.ledger.audit import audit
from services.ledger.settings import LedgerSettings
from services.ledger.store import Store
from shared.bus import Bus
from tests.integration.ledger.facts import denied, finished, lost, publish, publish_again, received, request_id
from tests.integration.ledger.running import running_ledger, written


@pytest.fixture
async def ledger(bus: Bus, store: Store, settings: LedgerSettings) -> None:
    """Two batches with a correction, a repetition, a refusal and a message that is no fact."""
    late, again = request_id(), finished(request_id(), 2_000_000)
    async with running_ledger(settings):
        await publish(bus, received(late), lost(late, 9_000_000), again, denied(request_id()))
        await bus.store("evt.completion.finished.v1.team-1", b"nonsense")
        await written(bus)
        await publish(bus, finished(late, 1_500_000))
        await publish_again(bus, again)
        await written(bus)


async def changed(store: Store, sql: str) -> None:
    assert store._writer is not None
    await store._writer.command(sql, settings={"mutations_sync": "1"})


@pytest.mark.usefixtures("ledger")
async def test_figures_that_follow_from_the_facts_are_said_to(bus: Bus, store: Store) -> None:
    report = await audit(bus, store)
    assert report.faults == ()
    assert (report.facts, report.requests, int(report.spend.scaleb(12))) == (7, 3, 3_500_000)
    assert report.lines()[0].endswith("7 facts, 3 requests, 0.0000035 USD.")


@pytest.mark.usefixtures("ledger")
async def test_a_changed_payload_is_found(bus: Bus, store: Store) -> None:
    await changed(
        store,
        "ALTER TABLE facts UPDATE payload = replace(payload, '9000000', '8000000') WHERE kind = 'completion.lost'",
    )
    [fault] = (await audit(bus, store)).faults
    assert "the stored payloads are not those the manifest was made of" in fault


@pytest.mark.usefixtures("ledger")
async def test_a_changed_cost_is_found(bus: Bus, store: Store) -> None:
    await changed(store, "ALTER TABLE facts UPDATE cost = cost * 2 WHERE kind = 'completion.lost'")
    [fault] = (await audit(bus, store)).faults
    assert "its payloads say 11000000 pico-dollars, its column of costs says 20000000" in fault


@pytest.mark.usefixtures("ledger")
async def test_a_missing_fact_is_found(bus: Bus, store: Store) -> None:
    await changed(store, "ALTER TABLE facts DELETE WHERE seq = 1")
    faults = (await audit(bus, store)).faults
    assert "has" in faults[0]
    assert "of its" in faults[0]
    assert faults[1] == "the archive has 6 facts, the manifests 7"


@pytest.mark.usefixtures("ledger")
async def test_a_request_that_no_fact_tells_of_is_found(bus: Bus, store: Store) -> None:
    await changed(store, "INSERT INTO request_rows (at, request_id, cost) VALUES (now64(3), 'req_invented', 1)")
    [fault] = (await audit(bus, store)).faults
    assert "requests show 4 and 1.0000035" in fault


@pytest.mark.usefixtures("ledger")
async def test_the_command_prints_a_report_and_says_by_its_exit_code_whether_all_is_well(
    bus: Bus, store: Store, settings: LedgerSettings
) -> None:
    assert await run(settings) == (0, "Every figure follows from the stored facts.")
    await changed(store, "ALTER TABLE facts DELETE WHERE seq = 1")
    assert await run(settings) == (1, "2 faults.")
    code, said = await run(settings.model_copy(update={"clickhouse_url": type(settings.clickhouse_url)("nowhere")}))
    assert (code, said) == (2, "the ClickHouse URL must look like http://user:password@host:8123/database.")


async def run(settings: LedgerSettings) -> tuple[int, str]:
    """Return the exit code and the last line."""
    environment = {
        **os.environ,
        "METERHOUSE_NATS_URL": settings.nats_url,
        "METERHOUSE_CLICKHOUSE_URL": settings.clickhouse_url.get_secret_value(),
    }
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "services.ledger.audit"), env=environment, stdout=asyncio.subprocess.PIPE
    )
    out, _ = await asyncio.wait_for(process.communicate(), 30)
    assert process.returncode is not None
    return process.returncode, out.decode().splitlines()[-1]
