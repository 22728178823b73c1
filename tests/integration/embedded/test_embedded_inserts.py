"""Inserts into the embedded ClickHouse: every way a client may send rows arrives whole, or not at all."""

import gzip
import json
import socket
import time
from decimal import Decimal

import lz4.frame
import pytest
import zstandard
from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import DatabaseError

from tests.integration.embedded.embedded_process import BASIC, INSERT_SETTINGS, EmbeddedClickHouse


def test_rows_inserted_as_native_columns_come_back(client: Client, table: str) -> None:
    columns = [list(range(1000)), [f"näme {n}" for n in range(1000)], [Decimal(n) / 10**12 for n in range(1000)]]
    summary = client.insert(table, columns, column_names=["n", "name", "cost"], column_oriented=True)
    assert summary.written_rows == 1000
    rows = client.query(f"SELECT * FROM {table} ORDER BY n").result_rows
    assert rows == list(zip(*columns, strict=True))


def test_an_insert_of_many_compressed_frames_arrives_whole(client: Client, table: str) -> None:
    count = 200_000  # clickhouse-connect sends a frame for each block
    columns = [list(range(count)), [str(n) for n in range(count)], [Decimal(1)] * count]
    summary = client.insert(table, columns, column_names=["n", "name", "cost"], column_oriented=True)
    assert summary.written_rows == count
    found = client.query(f"SELECT count(), sum(n), sum(cost) FROM {table}").first_row
    assert found == (count, count * (count - 1) // 2, count)


@pytest.mark.parametrize(
    ("encoding", "pack"),
    [
        ("lz4", lz4.frame.compress),
        ("zstd", zstandard.ZstdCompressor().compress),
        ("gzip", gzip.compress),
    ],
)
def test_every_encoding_may_come_in_several_frames(
    clickhouse: EmbeddedClickHouse, table: str, encoding: str, pack: object
) -> None:
    assert callable(pack)
    body = pack(b"INSERT INTO rows FORMAT CSV\n1,one,0.1\n") + pack(b"2,two,0.2\n") + pack(b"3,three,0.3\n")
    reply = clickhouse.ask(body, headers=BASIC | {"Content-Encoding": encoding}, database="gw")
    assert reply.status == 200, reply.text
    assert json.loads(reply.headers["x-clickhouse-summary"])["written_rows"] == "3"
    assert clickhouse.ask(f"SELECT sum(cost) FROM {table}", database="gw").text == "0.6\n"


@pytest.mark.parametrize("encoding", ["lz4", "zstd", "gzip"])
def test_a_body_that_ends_in_the_middle_inserts_nothing(
    clickhouse: EmbeddedClickHouse, table: str, encoding: str
) -> None:
    rows = b"INSERT INTO rows FORMAT CSV\n" + b"".join(b"%d,x%d,0\n" % (n, n * n) for n in range(50_000))
    pack = {"lz4": lz4.frame.compress, "zstd": zstandard.ZstdCompressor().compress, "gzip": gzip.compress}[encoding]
    whole = pack(rows)
    reply = clickhouse.ask(whole[: len(whole) // 2], headers=BASIC | {"Content-Encoding": encoding}, database="gw")
    assert (reply.status, reply.headers["x-clickhouse-exception-code"]) == (400, "33")
    assert clickhouse.ask(f"SELECT count() FROM {table}", database="gw").text == "0\n"


def test_a_client_that_leaves_in_mid_upload_inserts_nothing(clickhouse: EmbeddedClickHouse, table: str) -> None:
    with socket.create_connection(("127.0.0.1", clickhouse.port)) as connection:
        head = f"POST /?database=gw HTTP/1.1\r\nHost: x\r\nAuthorization: {BASIC['Authorization']}\r\n"
        rows = b"INSERT INTO rows FORMAT CSV\n1,one,0.1\n"
        connection.sendall(head.encode() + b"Content-Length: 1000\r\n\r\n" + rows)
        time.sleep(0.1)
    time.sleep(0.2)
    assert clickhouse.ask(f"SELECT count() FROM {table}", database="gw").text == "0\n"


@pytest.mark.parametrize("compression", [None, "lz4", "zstd", "gzip"])
@pytest.mark.parametrize(
    ("format_name", "block"),
    [
        ("JSONEachRow", b'{"n":1,"name":"a","cost":0.000000075}\n{"n":2,"name":"b\\n","cost":"1"}\n'),
        ("TSV", b"1\ta\t0.000000075\n2\tb\\n\t1\n"),
        (
            "RowBinary",
            b"".join(
                n.to_bytes(8, "little") + bytes([len(name)]) + name + cost.to_bytes(16, "little")
                for n, name, cost in ((1, b"a", 75_000), (2, b"b\n", 10**12))
            ),
        ),
    ],
)
def test_raw_inserts_arrive_as_they_are(
    client: Client, table: str, format_name: str, block: bytes, compression: str | None
) -> None:
    sent = block
    if compression:
        pack = {"lz4": lz4.frame.compress, "zstd": zstandard.ZstdCompressor().compress, "gzip": gzip.compress}
        sent = pack[compression](block)
    summary = client.raw_insert(
        table, ["n", "name", "cost"], sent, fmt=format_name, compression=compression, settings=INSERT_SETTINGS
    )
    assert summary.written_rows == 2
    rows = client.query(f"SELECT * FROM {table} ORDER BY n").result_rows
    assert rows == [(1, "a", Decimal("7.5e-8")), (2, "b\n", Decimal(1))]


def test_values_may_look_like_sql(clickhouse: EmbeddedClickHouse, table: str) -> None:
    sql = "INSERT INTO rows (n, name) VALUES (1, 'FORMAT Native'), ({two:UInt8}, '); DROP TABLE rows --')"
    reply = clickhouse.ask(sql, database="gw", param_two="2")
    assert reply.status == 200, reply.text
    names = clickhouse.ask(f"SELECT name FROM {table} ORDER BY n FORMAT JSONCompactColumns", database="gw")
    assert json.loads(names.text) == [["FORMAT Native", "); DROP TABLE rows --"]]


def test_inline_data_may_be_longer_than_a_query(clickhouse: EmbeddedClickHouse, table: str) -> None:
    sql = "INSERT INTO rows (n, name) VALUES " + ",".join(f"({n}, '{'x' * 20}')" for n in range(30_000))
    reply = clickhouse.ask(sql, database="gw")
    assert reply.status == 200, reply.text
    assert clickhouse.ask(f"SELECT count() FROM {table}", database="gw").text == "30000\n"


def test_a_row_that_cannot_be_read_is_told_and_nothing_is_inserted(client: Client, table: str) -> None:
    with pytest.raises(DatabaseError, match="key n") as failed:
        client.raw_insert(table, insert_block=b'{"n":1}\n{"n":"x"}\n', fmt="JSONEachRow")
    assert failed.value.code == 27
    assert "/proc" not in str(failed.value)
    assert client.command(f"SELECT count() FROM {table}") == 0


def test_a_body_over_the_limit_is_refused(clickhouse: EmbeddedClickHouse) -> None:
    reply = clickhouse.ask(headers=BASIC | {"Content-Length": str(2**40)})
    assert (reply.status, reply.headers["x-clickhouse-exception-code"]) == (413, "229")
    bomb = zstandard.ZstdCompressor().compress(bytes(300 * 1024 * 1024))
    reply = clickhouse.ask(bomb, headers=BASIC | {"Content-Encoding": "zstd"})
    assert (reply.status, reply.headers["x-clickhouse-exception-code"]) == (413, "229")
