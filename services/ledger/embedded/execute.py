"""One request from SQL to answer, on a handle of its own. Blocks; runs in a worker thread."""

from collections.abc import Sequence
from dataclasses import dataclass

import orjson

from services.ledger.embedded.bodies import compress_answer, decompress_onto
from services.ledger.embedded.engine import Engine, Handle, Result, quoted, quoted_name
from services.ledger.embedded.failure import QueryFailed
from services.ledger.embedded.native import empty_block
from services.ledger.embedded.request import Request
from services.ledger.embedded.sizing import Sizing
from services.ledger.embedded.statement import Kind, Statement, read_statement
from services.ledger.embedded.upload import readable_file

_DEFAULT_FORMAT = "TabSeparated"


@dataclass(frozen=True, slots=True)
class Answer:
    """What goes back. `format` is "" when the statement answers nothing."""

    body: bytes
    encoding: str
    format: str
    summary: dict[str, str]


def prepare(request: Request, body: bytes, encoding: str, *, limit_bytes: int) -> tuple[Statement, bytearray]:
    """Return the statement, and the text that it and its data stand in.

    Raises:
        QueryFailed: the body cannot be read, or the statement is not for HTTP.
    """
    text = bytearray(request.query)
    if request.query and body:
        text += b"\n"
    decompress_onto(text, body, encoding, limit_bytes=limit_bytes)
    return read_statement(text), text


def execute(
    engine: Engine,
    request: Request,
    statement: Statement,
    text: bytearray,
    session: Sequence[bytes],
    sizing: Sizing,
) -> Answer:
    """Run it. Of a LOAD the data is taken out of `text`.

    Raises:
        QueryFailed
    """
    with engine.handle() as handle:
        _set_up(handle, request, statement, session, sizing)
        if statement.kind is Kind.LOAD:
            result = _load(engine, handle, request, statement, text)
            return Answer(b"", "", "", _summary(result, loaded=True))
        format_name = statement.format or request.default_format or _DEFAULT_FORMAT
        result = handle.run(statement.sql, format=format_name, parameters=request.parameters)
        if statement.kind not in (Kind.SELECT, Kind.ROWS):
            return Answer(b"", "", "", _summary(result))
        answer = result.body
        if not answer and format_name == "Native":
            answer = _empty_native(handle, request, statement)
    answer, encoding = compress_answer(answer, request.accept_encoding)
    return Answer(answer, encoding, format_name, _summary(result))


def _set_up(handle: Handle, request: Request, statement: Statement, session: Sequence[bytes], sizing: Sizing) -> None:
    for line in session:
        handle.run(line)
    if request.database:
        handle.run(f"USE {quoted_name(request.database)}")
    settings = {"log_comment": request.query_id, **request.settings}
    if statement.kind is Kind.SELECT:
        settings.setdefault("max_execution_time", str(sizing.query_s))
    # last and alone: from then on nothing more may be set
    read_only = settings.pop("readonly", "2" if request.read_only else "0")
    handle.apply(settings)
    if read_only != "0":
        handle.apply({"readonly": read_only})


def _load(engine: Engine, handle: Handle, request: Request, statement: Statement, text: bytearray) -> Result:
    with readable_file(text, statement.data_at, engine.scratch) as path:
        source = f"\nFROM INFILE {quoted(path)} COMPRESSION 'none'\n".encode()
        head, tail = statement.sql[: statement.file_at], statement.sql[statement.file_at :]
        sql = head + source + tail + f"\nFORMAT {statement.format}".encode()
        try:
            return handle.run(sql, parameters=request.parameters)
        except QueryFailed as failure:
            message = failure.text.replace(f"(in file/uri {path})", "(in the body)")
            raise QueryFailed(failure.code, message) from failure


def _empty_native(handle: Handle, request: Request, statement: Statement) -> bytes:
    """Ask again for the columns alone. A SELECT is not run a second time; SHOW and the like cost nothing."""
    if statement.kind is Kind.SELECT:
        sql = b"DESCRIBE TABLE (" + statement.bare + b"\n)"
        described = handle.run(sql, format="JSONCompactEachRow", parameters=request.parameters).body
        return empty_block([(row[0], row[1]) for row in map(orjson.loads, described.splitlines())])
    named = handle.run(statement.bare, format="JSONCompactEachRowWithNamesAndTypes", parameters=request.parameters)
    names, types = (orjson.loads(line) for line in named.body.splitlines()[:2])
    return empty_block(list(zip(names, types, strict=True)))


def _summary(result: Result, *, loaded: bool = False) -> dict[str, str]:
    """Return X-ClickHouse-Summary. As on a server, rows written to the targets of views count as written."""
    read_rows = result.result_rows if loaded else result.read_rows
    return {
        "read_rows": str(read_rows),
        "read_bytes": str(result.read_bytes),
        "written_rows": str(result.written_rows),
        "written_bytes": str(result.written_bytes),
        "total_rows_to_read": str(read_rows),
        "result_rows": str(result.written_rows if loaded else result.result_rows),
        "result_bytes": str(result.written_bytes if loaded else len(result.body)),
        "elapsed_ns": str(int(result.elapsed_s * 1e9)),
    }
