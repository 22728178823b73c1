"""What the embedded ClickHouse keeps when it is killed, and that a batch sent again counts once."""

import contextlib
import threading
import time
from collections.abc import Iterator
from http.client import HTTPException
from pathlib import Path

import clickhouse_connect
import pytest
from clickhouse_connect.driver.client import Client

from tests.integration.embedded.embedded_process import (
    INSERT_SETTINGS,
    PASSWORD,
    USER,
    EmbeddedClickHouse,
    free_port,
    launch,
    start,
)

ROWS = 200_000
# many blocks, so that a kill finds some of them written and others not, or written to the table but not to the view
IN_MANY_BLOCKS: dict[str, str | int] = {
    "input_format_parallel_parsing": 0,
    "max_insert_block_size": 10_000,
    "min_insert_block_size_rows": 10_000,
    "min_insert_block_size_bytes": 0,
}
SCHEMA = (
    "CREATE DATABASE gw ENGINE = Atomic",
    "CREATE TABLE gw.facts (n UInt64, team String, cost Decimal(38, 12)) ENGINE = MergeTree ORDER BY n"
    " SETTINGS non_replicated_deduplication_window = 100",
    "CREATE TABLE gw.spend (team String, requests UInt64, cost Decimal(38, 12)) ENGINE = SummingMergeTree ORDER BY team"
    " SETTINGS non_replicated_deduplication_window = 100",
    "CREATE MATERIALIZED VIEW gw.to_spend TO gw.spend AS"
    " SELECT team, count() AS requests, sum(facts.cost) AS cost FROM gw.facts GROUP BY team",
)


def settings(token: str) -> dict[str, str | int]:
    return INSERT_SETTINGS | {"insert_deduplication_token": token}


def batch(first: int, count: int) -> bytes:
    lines = (b'{"n":%d,"team":"t%d","cost":"0.000000000001"}\n' % (n, n % 7) for n in range(first, first + count))
    return b"".join(lines)


@contextlib.contextmanager
def client_of(running: EmbeddedClickHouse) -> Iterator[Client]:
    client = clickhouse_connect.get_client(
        host="127.0.0.1", port=running.port, username=USER, password=PASSWORD, query_retries=0
    )
    try:
        yield client
    finally:
        client.close()


def totals(client: Client) -> tuple[int, int, int]:
    """Rows in the table, and what the view's target counts as rows and pico-dollars."""
    (rows,) = client.query("SELECT count() FROM gw.facts").first_row
    requests, cost = client.query("SELECT sum(requests), sum(cost) FROM gw.spend").first_row
    return rows, requests, int(cost * 10**12)


@pytest.fixture
def clickhouse(tmp_path: Path) -> Iterator[EmbeddedClickHouse]:
    running = start(tmp_path)
    for statement in SCHEMA:
        reply = running.ask(statement)
        assert reply.status == 200, reply.text
    yield running
    if running.process.poll() is None:
        running.kill()


def test_a_token_sent_again_counts_once_in_table_and_view(clickhouse: EmbeddedClickHouse, tmp_path: Path) -> None:
    rows = batch(0, 1000)
    with client_of(clickhouse) as client:
        for _ in range(3):
            client.raw_insert("gw.facts", insert_block=rows, fmt="JSONEachRow", settings=settings("s:0:1-1000"))
        assert totals(client) == (1000, 1000, 1000)
    assert clickhouse.stop() == 0
    again = start(tmp_path, clickhouse.port)
    with client_of(again) as client:
        client.raw_insert("gw.facts", insert_block=rows, fmt="JSONEachRow", settings=settings("s:0:1-1000"))
        client.raw_insert("gw.facts", insert_block=rows, fmt="JSONEachRow", settings=settings("s:0:1001-2000"))
        assert totals(client) == (2000, 2000, 2000)
    assert again.stop() == 0


@pytest.mark.parametrize("killed_after_s", [0.05, 0.2])
def test_a_batch_cut_by_a_kill_and_sent_again_counts_once(
    clickhouse: EmbeddedClickHouse, tmp_path: Path, killed_after_s: float
) -> None:
    rows = batch(0, ROWS)
    batch_settings = settings("s:0:1-200000") | IN_MANY_BLOCKS
    answered = threading.Event()

    def insert() -> None:
        fields = {name: str(value) for name, value in batch_settings.items()}
        with contextlib.suppress(OSError, HTTPException):
            reply = clickhouse.ask(rows, query="INSERT INTO gw.facts FORMAT JSONEachRow", **fields)
            assert reply.status == 200, reply.text
            answered.set()

    inserting = threading.Thread(target=insert)
    inserting.start()
    time.sleep(killed_after_s)
    clickhouse.kill()
    inserting.join(10)

    again = start(tmp_path, clickhouse.port)
    with client_of(again) as client:
        kept, _, _ = totals(client)
        assert kept == ROWS or not answered.is_set()
        client.raw_insert("gw.facts", insert_block=rows, fmt="JSONEachRow", settings=batch_settings)
        assert totals(client) == (ROWS, ROWS, ROWS)
    assert again.stop() == 0


def test_a_running_query_is_finished_before_the_process_ends(clickhouse: EmbeddedClickHouse) -> None:
    replies = []
    asking = threading.Thread(target=lambda: replies.append(clickhouse.ask("SELECT sleep(1), 'done'")))
    asking.start()
    time.sleep(0.3)
    assert clickhouse.stop() == 0
    asking.join(10)
    assert [reply.text for reply in replies] == ["0\tdone\n"]


def test_a_query_that_does_not_end_is_cancelled_after_a_while(clickhouse: EmbeddedClickHouse, tmp_path: Path) -> None:
    assert clickhouse.stop() == 0
    hasty = start(tmp_path, clickhouse.port, METERHOUSE_CLICKHOUSE_DRAIN_S="0.3")
    replies = []
    endless = "SELECT count() FROM system.numbers WHERE NOT ignore(sipHash64(number))"
    asking = threading.Thread(target=lambda: replies.append(hasty.ask(endless)))
    asking.start()
    time.sleep(0.3)
    assert hasty.stop() == 0
    asking.join(10)
    assert [reply.headers["x-clickhouse-exception-code"] for reply in replies] == ["394"]


def test_synced_inserts_are_a_switch(clickhouse: EmbeddedClickHouse, tmp_path: Path) -> None:
    asked = "SELECT value FROM system.merge_tree_settings WHERE name IN ('fsync_after_insert', 'fsync_part_directory')"
    assert clickhouse.ask(asked).text == "0\n0\n"
    assert clickhouse.stop() == 0
    synced = start(tmp_path, clickhouse.port, METERHOUSE_CLICKHOUSE_FSYNC="1")
    assert synced.ask(asked).text == "1\n1\n"
    assert synced.stop() == 0


def test_backups_go_to_the_data_directory_only(clickhouse: EmbeddedClickHouse, tmp_path: Path) -> None:
    assert clickhouse.ask("INSERT INTO gw.facts (n) VALUES (1), (2)").status == 200
    backup = f"File('{tmp_path}/backups/today')"
    assert "BACKUP_CREATED" in clickhouse.ask(f"BACKUP DATABASE gw TO {backup}").text
    assert "RESTORED" in clickhouse.ask(f"RESTORE DATABASE gw AS restored FROM {backup}").text
    assert clickhouse.ask("SELECT count() FROM restored.facts").text == "2\n"
    elsewhere = clickhouse.ask(f"BACKUP DATABASE gw TO File('{tmp_path}/elsewhere')")
    assert elsewhere.headers["x-clickhouse-exception-code"] == "36"


def test_an_incomplete_environment_is_named(tmp_path: Path) -> None:
    broken = launch(tmp_path, free_port(), METERHOUSE_CLICKHOUSE_PASSWORD="", METERHOUSE_CLICKHOUSE_PORT="x")
    _, said = broken.process.communicate(timeout=20)
    assert broken.process.returncode == 2
    assert "METERHOUSE_CLICKHOUSE_PASSWORD" in said
    assert "METERHOUSE_CLICKHOUSE_PORT" in said
    assert "Traceback" not in said


def test_idle_it_takes_next_to_no_cpu(clickhouse: EmbeddedClickHouse) -> None:
    time.sleep(0.5)
    before = cpu_s(clickhouse.process.pid)
    time.sleep(2)
    assert cpu_s(clickhouse.process.pid) - before <= 0.1


def cpu_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / 100
