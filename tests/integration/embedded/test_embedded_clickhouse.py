"""The embedded ClickHouse, asked by its real clients: clickhouse-connect, sync and async, and plain HTTP."""

import asyncio
import datetime as dt
import gzip
import json
import shutil
import subprocess
import time
from decimal import Decimal
from http.client import HTTPConnection
from urllib.parse import urlencode

import clickhouse_connect
import pytest
from clickhouse_connect.driver.asyncclient import AsyncClient
from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import DatabaseError

from services.ledger.embedded.sizing import this_machine
from tests.integration.embedded.embedded_process import (
    BASIC,
    INSERT_SETTINGS,
    PASSWORD,
    USER,
    EmbeddedClickHouse,
    free_port,
    launch,
)

AT = dt.datetime(2026, 1, 2, 3, 4, 5, 678000, tzinfo=dt.UTC).replace(tzinfo=None)  # the client leaves UTC unsaid
QUERY_SLOTS = this_machine().query_slots


def test_a_query_brings_typed_rows_and_column_names(client: Client) -> None:
    result = client.query(
        "SELECT {n:UInt64} AS n, {name:String} AS name, toDecimal128('0.000000075', 12) AS cost,"
        " toDateTime64('2026-01-02 03:04:05.678', 3, 'UTC') AS at",
        parameters={"n": 2**63, "name": "a\tb\n'c'\\ ü FORMAT Native"},
    )
    assert result.column_names == ("n", "name", "cost", "at")
    assert result.result_rows == [
        (
            2**63,
            "a\tb\n'c'\\ ü FORMAT Native",
            Decimal("0.000000075000"),
            AT,
        )
    ]


def test_the_database_of_the_client_is_the_default_one(client: Client, table: str) -> None:
    assert client.command("SELECT currentDatabase()") == "gw"
    assert client.command("SELECT engine FROM system.databases WHERE name = 'gw'") == "Atomic"
    assert client.query(f"SELECT count() FROM {table}").first_row == (0,)


def test_a_database_that_is_not_there_is_named(clickhouse: EmbeddedClickHouse) -> None:
    reply = clickhouse.ask("SELECT 1", database="no`; where")
    assert (reply.status, reply.headers["x-clickhouse-exception-code"]) == (404, "81")
    assert "; where` does not exist" in reply.text


def test_an_empty_result_keeps_its_columns(client: Client, table: str) -> None:
    result = client.query(
        f"SELECT n, name AS `tab\tbed`, cost * 2 AS twice FROM {table} WHERE n = {{n:UInt64}} -- none",
        parameters={"n": 1},
        settings={"max_threads": 1},
    )
    assert result.result_rows == []
    assert result.column_names == ("n", "tab\tbed", "twice")
    assert [kind.name for kind in result.column_types] == ["UInt64", "String", "Decimal(38, 12)"]
    assert client.query(f"SELECT * FROM {table} LIMIT 0").column_names == ("n", "name", "cost")
    assert client.query("SHOW TABLES LIKE 'nosuch'").column_names == ("name",)
    assert client.query(f"WITH x AS (SELECT n FROM {table}) SELECT n AS m FROM x").column_names == ("m",)


def test_broken_sql_is_told_with_code_and_text(client: Client, clickhouse: EmbeddedClickHouse) -> None:
    with pytest.raises(DatabaseError, match="Syntax error") as failed:
        client.command("SELEC 1")
    assert (failed.value.code, failed.value.name) == (62, "SYNTAX_ERROR")
    with pytest.raises(DatabaseError, match="nosuch") as failed:
        client.query("SELECT * FROM nosuch")
    assert (failed.value.code, failed.value.name) == (60, "UNKNOWN_TABLE")
    reply = clickhouse.ask("SELECT throwIf(1, 'too bad')")
    assert (reply.status, reply.headers["x-clickhouse-exception-code"]) == (500, "395")
    assert "too bad" in reply.text
    assert reply.text.startswith("Code: 395. DB::Exception: ")
    assert "(version " in reply.text


@pytest.mark.parametrize(
    ("sql", "code"),
    [
        ("", 62),
        ("SELECT 1; SELECT 2", 62),
        ("INSERT INTO rows SELECT 1, '', 0; DROP TABLE rows", 62),
        ("SELECT 1 INTO OUTFILE '/tmp/x'", 358),
        ("INSERT INTO rows FROM INFILE '/etc/passwd' FORMAT CSV", 78),
        ("INSERT INTO rows SELECT * FROM input('n UInt64') FORMAT CSV 1", 48),
        ("CREATE TEMPORARY TABLE t (n UInt8)", 48),
        ("broken", 62),
    ],
)
def test_what_is_not_for_http_is_refused(clickhouse: EmbeddedClickHouse, table: str, sql: str, code: int) -> None:
    reply = clickhouse.ask(sql, database="gw")
    assert reply.headers["x-clickhouse-exception-code"] == str(code), reply.text
    assert clickhouse.ask(f"SELECT count() FROM {table}", database="gw").text == "0\n"


def test_a_wrong_password_is_refused_everywhere(clickhouse: EmbeddedClickHouse) -> None:
    with pytest.raises(DatabaseError) as failed:
        clickhouse_connect.get_client(host="127.0.0.1", port=clickhouse.port, username=USER, password="wrong")
    assert failed.value.code == 516
    for headers in ({"X-ClickHouse-User": USER, "X-ClickHouse-Key": "no"}, {"Authorization": "Bearer x"}):
        reply = clickhouse.ask("SELECT 1", headers=headers)
        assert (reply.status, reply.headers["x-clickhouse-exception-code"]) == (403, "516")
    reply = clickhouse.ask("SELECT 1", headers={})
    assert (reply.status, reply.headers["x-clickhouse-exception-code"]) == (401, "516")
    assert reply.headers["www-authenticate"].startswith("Basic ")


def test_the_password_may_come_in_three_ways(clickhouse: EmbeddedClickHouse) -> None:
    headers = {"X-ClickHouse-User": USER, "X-ClickHouse-Key": PASSWORD.encode().decode("latin-1")}
    assert clickhouse.ask("SELECT 1", headers=headers).text == "1\n"
    assert clickhouse.ask("SELECT 1", headers={}, user=USER, password=PASSWORD).text == "1\n"
    assert clickhouse.ask("SELECT 1").text == "1\n"


def test_settings_and_read_only_end_with_their_request(clickhouse: EmbeddedClickHouse, table: str) -> None:
    setting = "SELECT getSetting('max_block_size'), getSetting('readonly')"
    assert clickhouse.ask(setting, max_block_size="1234", readonly="1").text == "1234\t1\n"
    assert clickhouse.ask(setting, max_block_size="1235", readonly="2").text == "1235\t2\n"
    for _ in range(5):
        assert clickhouse.ask(setting).text.endswith("\t0\n")
        assert "1234" not in clickhouse.ask(setting).text
    refused = clickhouse.ask("INSERT INTO rows (n) VALUES (1)", database="gw", readonly="2")
    assert refused.headers["x-clickhouse-exception-code"] == "164"
    unknown = clickhouse.ask("SELECT 1", no_such_setting="1")
    assert (unknown.status, unknown.headers["x-clickhouse-exception-code"]) == (404, "115")
    malformed = clickhouse.ask("SELECT 1", **{"a = 1; b": "1"})
    assert (malformed.status, malformed.headers["x-clickhouse-exception-code"]) == (400, "36")


def test_a_get_changes_nothing(clickhouse: EmbeddedClickHouse, table: str) -> None:
    reply = clickhouse.ask(method="GET", query="INSERT INTO rows (n) VALUES (1)", database="gw")
    assert reply.headers["x-clickhouse-exception-code"] == "164"
    reply = clickhouse.ask(
        method="GET", query=f"SELECT count() AS n FROM {table}", database="gw", default_format="JSON"
    )
    assert reply.headers["x-clickhouse-format"] == "JSON"
    assert json.loads(reply.body)["data"] == [{"n": 0}]


def test_what_a_session_sets_lasts_as_long_as_the_session(client: Client, clickhouse: EmbeddedClickHouse) -> None:
    client.command("SET max_block_size = 4321")
    assert client.command("SELECT getSetting('max_block_size')") == 4321
    assert client.query("SELECT getSetting('max_block_size')", settings={"max_block_size": 77}).first_row == (77,)
    assert client.command("SELECT getSetting('max_block_size')") == 4321
    assert clickhouse.ask("SELECT getSetting('max_block_size')").text != "4321\n"
    over = clickhouse.ask("SELECT 1", session_id="never-seen", session_check="1")
    assert over.headers["x-clickhouse-exception-code"] == "372"


def test_the_headers_tell_what_happened(clickhouse: EmbeddedClickHouse, table: str) -> None:
    reply = clickhouse.ask("SELECT number FROM numbers(10) FORMAT JSONEachRow", query_id="my-id")
    assert reply.headers["x-clickhouse-query-id"] == "my-id"
    assert reply.headers["x-clickhouse-format"] == "JSONEachRow"
    assert reply.headers["x-clickhouse-timezone"] == "UTC"
    assert reply.headers["x-clickhouse-server-display-name"] == "meterhouse"
    summary = json.loads(reply.headers["x-clickhouse-summary"])
    assert (summary["read_rows"], summary["written_rows"]) == ("10", "0")
    reply = clickhouse.ask("INSERT INTO rows (n) SELECT number FROM numbers(7)", database="gw")
    assert json.loads(reply.headers["x-clickhouse-summary"])["written_rows"] == "7"
    assert "x-clickhouse-format" not in reply.headers


def test_large_answers_are_compressed_when_asked(clickhouse: EmbeddedClickHouse, client: Client) -> None:
    sql = "SELECT number FROM numbers(300000)"
    plain = clickhouse.ask(sql)
    assert "content-encoding" not in plain.headers
    for encoding in ("gzip", "zstd", "lz4"):
        headers = BASIC | {"Accept-Encoding": encoding}
        packed = clickhouse.ask(sql, headers=headers, enable_http_compression="1")
        assert packed.headers["content-encoding"] == encoding
        assert len(packed.body) < len(plain.body)
    assert (
        gzip.decompress(
            clickhouse.ask(sql, headers=BASIC | {"Accept-Encoding": "gzip"}, enable_http_compression="1").body
        )
        == plain.body
    )
    assert sum(client.query(sql).result_columns[0]) == 300_000 * 299_999 // 2


def test_long_parameters_travel_as_a_form(client: Client) -> None:
    long = "x\ty" * 20_000
    assert client.query("SELECT length({long:String})", parameters={"long": long}).first_row == (len(long),)


async def test_queries_run_in_parallel_and_inserts_do_not_wait_for_them(async_client: AsyncClient, table: str) -> None:
    sleeping = [
        asyncio.create_task(async_client.query("SELECT sleepEachRow(2), {n:UInt8}", parameters={"n": n}))
        for n in range(QUERY_SLOTS - 1)
    ]
    running = "SELECT count() FROM system.processes WHERE query LIKE 'SELECT sleepEachRow(2)%'"
    while (await async_client.query(running)).first_row != (len(sleeping),):
        assert not any(task.done() for task in sleeping), "they did not all run at once"
    last = asyncio.create_task(async_client.query("SELECT sleepEachRow(3)"))
    await asyncio.sleep(0.1)
    # every slot for queries is taken, those for inserts are free
    await async_client.raw_insert(table, insert_block=b"1\ta\t1\n", fmt="TSV", settings=INSERT_SETTINGS)
    assert not last.done()
    results = await asyncio.gather(*sleeping)
    assert [result.first_row for result in results] == [(0, n) for n in range(QUERY_SLOTS - 1)]
    assert (await last).first_row == (0,)
    assert (await async_client.query(f"SELECT count() FROM {table}")).first_row == (1,)


async def test_the_async_client_does_all_that_the_sync_one_does(async_client: AsyncClient, table: str) -> None:
    block = b'{"n":1,"name":"a","cost":"0.5"}\n'
    await async_client.raw_insert(table, insert_block=block, fmt="JSONEachRow", settings=INSERT_SETTINGS)
    assert await async_client.command(f"SELECT sum(cost) FROM {table}") == "0.5"
    result = await async_client.query(f"SELECT * FROM {table} WHERE n > 5")
    assert (result.result_rows, result.column_names) == ([], ("n", "name", "cost"))
    with pytest.raises(DatabaseError) as failed:
        await async_client.query("SELECT nosuch FROM rows")
    assert failed.value.code == 47


def test_a_query_is_stopped_when_its_client_leaves(clickhouse: EmbeddedClickHouse) -> None:
    sql = "SELECT count() FROM system.numbers WHERE NOT ignore(sipHash64(number))"
    fields = {"cancel_http_readonly_queries_on_client_close": "1"}

    connection = HTTPConnection("127.0.0.1", clickhouse.port, timeout=0.3)
    connection.request("POST", "/?" + urlencode(fields), sql.encode(), BASIC)
    with pytest.raises(TimeoutError):
        connection.getresponse()
    connection.close()
    running = "SELECT count() FROM system.processes WHERE query LIKE '%NOT ignore%' AND query NOT LIKE '%processes%'"
    deadline = time.monotonic() + 5
    while clickhouse.ask(running).text != "0\n":
        assert time.monotonic() < deadline, "it still runs"
        time.sleep(0.05)


def test_a_query_that_takes_too_much_memory_fails_alone(clickhouse: EmbeddedClickHouse) -> None:
    sql = "SELECT length(groupArray(toString(number))) FROM numbers(20000000)"
    reply = clickhouse.ask(sql, max_memory_usage="50000000")
    assert reply.headers["x-clickhouse-exception-code"] == "241"
    assert clickhouse.ask("SELECT 1").text == "1\n"


def test_paths_and_methods_that_are_not_served_are_told(clickhouse: EmbeddedClickHouse) -> None:
    assert clickhouse.ask(path="/ping", method="GET", headers={}).text == "Ok.\n"
    assert clickhouse.ask(path="/replicas_status", method="GET", headers={}).status == 200
    assert clickhouse.ask(path="/play", method="GET").status == 404
    assert clickhouse.ask(method="DELETE").status == 405


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed here")
def test_curl_works_as_the_documentation_shows_it(clickhouse: EmbeddedClickHouse) -> None:
    url = f"http://127.0.0.1:{clickhouse.port}/?query=SELECT%201%20AS%20n&default_format=JSONEachRow"
    command = ["curl", "-sS", "--noproxy", "*", "-u", f"{USER}:{PASSWORD}", url]
    assert subprocess.run(command, capture_output=True, text=True, timeout=20).stdout == '{"n":1}\n'
    command = ["curl", "-sS", "--noproxy", "*", "-u", f"{USER}:{PASSWORD}", url.partition("?")[0], "-d", "SELECT 2"]
    assert subprocess.run(command, capture_output=True, text=True, timeout=20).stdout == "2\n"


def test_a_second_process_on_the_same_directory_or_port_says_why_it_ends(
    clickhouse: EmbeddedClickHouse, tmp_path_factory: pytest.TempPathFactory
) -> None:
    for data, port, why in (
        (clickhouse.data, free_port(), "another process has"),
        (tmp_path_factory.mktemp("other"), clickhouse.port, "cannot listen on"),
    ):
        second = launch(data, port)
        _, said = second.process.communicate(timeout=20)
        assert second.process.returncode == 1
        assert why in said
        assert "Traceback" not in said
    assert clickhouse.ask("SELECT 1").text == "1\n"
