"""Reading statements as far as HTTP needs it: where data begins, which format is asked for."""

import pytest

from services.ledger.embedded.failure import QueryFailed
from services.ledger.embedded.statement import Kind, read_statement


@pytest.mark.parametrize(
    ("sql", "kind", "format_name", "bare"),
    [
        ("SELECT 1", Kind.SELECT, "", "SELECT 1"),
        ("SELECT 1;", Kind.SELECT, "", "SELECT 1"),
        ("-- a note\n/* and\nanother */ SELECT 1 ; ;", Kind.SELECT, "", "-- a note\n/* and\nanother */ SELECT 1"),
        ("SELECT 1\n FORMAT Native", Kind.SELECT, "Native", "SELECT 1\n "),
        ("select 1 format JSON settings max_threads=1", Kind.SELECT, "JSON", "select 1  settings max_threads=1"),
        ("SELECT 1 SETTINGS max_threads=1 FORMAT JSON -- x", Kind.SELECT, "JSON", "SELECT 1 SETTINGS max_threads=1 "),
        ("SELECT ' FORMAT JSON'", Kind.SELECT, "", "SELECT ' FORMAT JSON'"),
        ("SELECT 1 -- FORMAT JSON", Kind.SELECT, "", "SELECT 1"),
        ("SELECT format FROM t", Kind.SELECT, "", "SELECT format FROM t"),
        ("SELECT format, 1 FROM t FORMAT CSV", Kind.SELECT, "CSV", "SELECT format, 1 FROM t "),
        ("SELECT 'a;b', `c;d`, \"e;'f\", 'it''s \\';'", Kind.SELECT, "", "SELECT 'a;b', `c;d`, \"e;'f\", 'it''s \\';'"),
        ("(SELECT 1) UNION ALL (SELECT 2 FORMAT x)", Kind.SELECT, "", "(SELECT 1) UNION ALL (SELECT 2 FORMAT x)"),
        ("WITH 1 AS x SELECT x FORMAT TSV", Kind.SELECT, "TSV", "WITH 1 AS x SELECT x "),
        ("WITH 1 AS x INSERT INTO t SELECT x", Kind.OTHER, "", "WITH 1 AS x INSERT INTO t SELECT x"),
        ("SHOW TABLES FORMAT JSON", Kind.ROWS, "JSON", "SHOW TABLES "),
        ("DESC t", Kind.ROWS, "", "DESC t"),
        ("set max_threads = 1", Kind.SESSION, "", "set max_threads = 1"),
        ("USE gw", Kind.SESSION, "", "USE gw"),
        ("CREATE TABLE t (a UInt8) ENGINE = Memory", Kind.OTHER, "", "CREATE TABLE t (a UInt8) ENGINE = Memory"),
        ("INSERT INTO t SELECT input FROM u;", Kind.OTHER, "", "INSERT INTO t SELECT input FROM u"),
        ("(SELECT 1", Kind.OTHER, "", "(SELECT 1"),
    ],
)
def test_a_statement_is_told_apart(sql: str, kind: Kind, format_name: str, bare: str) -> None:
    statement = read_statement(sql.encode())
    assert (statement.kind, statement.format, statement.bare.decode()) == (kind, format_name, bare)


@pytest.mark.parametrize(
    ("text", "sql", "format_name", "data"),
    [
        ("INSERT INTO t FORMAT CSV\n1,2\n", "INSERT INTO t ", "CSV", "1,2\n"),
        ("INSERT INTO t FORMAT CSV \t\r\n\n1", "INSERT INTO t ", "CSV", "\n1"),
        ("INSERT INTO t FORMAT CSV 1,2", "INSERT INTO t ", "CSV", "1,2"),
        ("insert into t (a, `format`) values (1, 2)", "insert into t (a, `format`) ", "Values", " (1, 2)"),
        ("INSERT INTO gw.values VALUES(1)", "INSERT INTO gw.values ", "Values", "(1)"),
        ("INSERT INTO values VALUES (1)", "INSERT INTO values ", "Values", " (1)"),
        ("INSERT INTO TABLE t FORMAT Native\n\x01; SELECT '", "INSERT INTO TABLE t ", "Native", "\x01; SELECT '"),
        ("INSERT INTO t VALUES ('); DROP TABLE t')", "INSERT INTO t ", "Values", " ('); DROP TABLE t')"),
        ("INSERT INTO FUNCTION null('a UInt8') FORMAT TSV\n1", "INSERT INTO FUNCTION null('a UInt8') ", "TSV", "1"),
        ("INSERT INTO t FORMAT JSONEachRow", "INSERT INTO t ", "JSONEachRow", ""),
        (
            "/* FORMAT x */ INSERT INTO t -- VALUES\n FORMAT TSV\n1",
            "/* FORMAT x */ INSERT INTO t -- VALUES\n ",
            "TSV",
            "1",
        ),
    ],
)
def test_an_insert_ends_where_its_data_begins(text: str, sql: str, format_name: str, data: str) -> None:
    encoded = text.encode()
    statement = read_statement(encoded)
    assert statement.kind is Kind.LOAD
    assert (statement.sql.decode(), statement.format) == (sql, format_name)
    assert encoded[statement.data_at :].decode() == data


def test_a_file_goes_before_the_settings_of_an_insert() -> None:
    statement = read_statement(b"INSERT INTO t (a) SETTINGS async_insert = 0 FORMAT CSV\n1")
    assert statement.sql[: statement.file_at] == b"INSERT INTO t (a) "
    assert statement.sql[statement.file_at :] == b"SETTINGS async_insert = 0 "
    without = read_statement(b"INSERT INTO t (a) FORMAT CSV\n1")
    assert without.file_at == len(without.sql)


@pytest.mark.parametrize(
    ("sql", "code"),
    [
        ("", 62),
        (" \n", 62),
        ("SELECT 1; SELECT 2", 62),
        ("INSERT INTO t SELECT 1; DROP TABLE t", 62),
        ("INSERT INTO t FORMAT CSV;\n1", 62),
        ("INSERT INTO t FORMAT", 62),
        ("SELECT 1 INTO OUTFILE 'x'", 358),
        ("INSERT INTO t FROM INFILE 'x' FORMAT CSV", 78),
        ("INSERT INTO t SELECT * FROM input('a UInt8') FORMAT CSV 1", 48),
        ("CREATE OR REPLACE TEMPORARY TABLE t (a UInt8)", 48),
    ],
)
def test_what_is_not_for_http_is_refused(sql: str, code: int) -> None:
    with pytest.raises(QueryFailed) as failed:
        read_statement(sql.encode())
    assert failed.value.code == code


def test_reading_an_insert_does_not_look_into_its_data() -> None:
    data = b"('" * 5_000_000  # never closed: whoever scans it takes seconds
    assert read_statement(b"INSERT INTO t VALUES " + data).data_at == 20
