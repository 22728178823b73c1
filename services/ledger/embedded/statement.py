"""What a statement is, seen from its text: a query, an insert with its data, or something else.

Only as much SQL as HTTP needs: where an INSERT's data begins, which FORMAT is asked for, what is not for HTTP. All else
is the engine's to judge.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from services.ledger.embedded.failure import (
    INTO_OUTFILE_NOT_ALLOWED,
    NOT_IMPLEMENTED,
    SYNTAX_ERROR,
    UNKNOWN_TYPE_OF_QUERY,
    refused,
)


class Kind(StrEnum):
    """What running a statement takes."""

    SELECT = "select"  # answers rows; DESCRIBE can tell its columns
    ROWS = "rows"  # answers rows
    LOAD = "load"  # an INSERT that brings its data along
    SESSION = "session"  # SET, USE: concerns the session only
    OTHER = "other"  # answers nothing


_KINDS = {
    **dict.fromkeys(("select", "with", "from", "("), Kind.SELECT),
    **dict.fromkeys(("show", "describe", "desc", "exists", "explain", "check", "kill", "backup", "restore"), Kind.ROWS),
    **dict.fromkeys(("set", "use"), Kind.SESSION),
}


@dataclass(frozen=True, slots=True)
class Statement:
    """A statement without its data.

    `format` is the FORMAT it names, else "". `bare` is `sql` without that clause. Of a LOAD, `sql` ends before
    FORMAT or VALUES, `file_at` is where `FROM INFILE ...` belongs in it, and the data begins at `data_at` of the text.
    """

    kind: Kind
    sql: bytes
    format: str = ""
    bare: bytes = b""
    file_at: int = 0
    data_at: int = 0


class _Token(NamedTuple):
    word: str  # lower case; a punctuation mark is itself; of quoted names and strings only the opening quote
    start: int
    end: int


_TOKEN = re.compile(
    rb"""
      (?P<blank>    \s+ | --[^\n]* | \#[\ !][^\n]* | /\*.*?(?:\*/|\Z) )
    | (?P<quoted>   '(?:[^'\\]|\\.)*' | `(?:[^`\\]|\\.)*` | "(?:[^"\\]|\\.)*" | \$(?P<tag>\w*)\$.*?\$(?P=tag)\$ )
    | (?P<word>     [A-Za-z_0-9\x80-\xff]+ )
    | (?P<open>     [(\[{] )
    | (?P<close>    [)\]}] )
    | (?P<mark>     . )
    """,
    re.DOTALL | re.VERBOSE,
)


def read_statement(text: bytes | bytearray) -> Statement:
    """Return what `text` asks for.

    Raises:
        QueryFailed: several statements, or one that reads or writes files of the server.
    """
    tokens = _outer_tokens(text)
    first = next(tokens, None)
    if first is None:
        if not text.strip():
            raise refused(SYNTAX_ERROR, "SYNTAX_ERROR", "Empty query: send SQL in the body or as ?query=.")
        return Statement(Kind.OTHER, bytes(text), bare=bytes(text))
    if first.word == "insert":
        return _read_insert(text, tokens)
    rest = list(tokens)
    words = [token.word for token in rest]
    if ";" in words:
        ends = words.index(";")
        if any(word != ";" for word in words[ends:]):
            raise refused(SYNTAX_ERROR, "SYNTAX_ERROR", "Multi-statements are not allowed: send one per request.")
        rest, words = rest[:ends], words[:ends]
    end = rest[-1].end if rest else first.end
    sql = bytes(text[:end])
    if "outfile" in words and words[words.index("outfile") - 1] == "into":
        raise refused(INTO_OUTFILE_NOT_ALLOWED, "INTO_OUTFILE_NOT_ALLOWED", "INTO OUTFILE is not for HTTP.")
    if first.word == "create" and "temporary" in words[:3]:
        raise refused(
            NOT_IMPLEMENTED, "NOT_IMPLEMENTED", "Temporary tables are not kept here: use a table of your database."
        )
    if first.word == "with" and "insert" in words:
        return Statement(Kind.OTHER, sql, bare=sql)
    kind = _KINDS.get(first.word, Kind.OTHER)
    clause = _format_clause(rest) if kind in (Kind.SELECT, Kind.ROWS) else None
    if clause is None:
        return Statement(kind, sql, bare=sql)
    keyword, name = clause
    bare = sql[: keyword.start] + sql[name.end :]
    return Statement(kind, sql, format=bytes(text[name.start : name.end]).decode("ascii", "replace"), bare=bare)


def _outer_tokens(text: bytes | bytearray) -> Iterator[_Token]:
    """Yield what stands outside brackets and comments; a bracketed part is one token, "("."""
    depth = 0
    opened = 0
    for match in _TOKEN.finditer(text):
        group = match.lastgroup
        if group == "blank":
            continue
        if group == "open":
            if depth == 0:
                opened = match.start()
            depth += 1
        elif group == "close":
            depth -= 1
            if depth <= 0:
                depth = 0
                yield _Token("(", opened, match.end())
        elif depth == 0:
            word = match[0].decode("utf-8", "replace").lower() if group in ("word", "mark") else match[0][:1].decode()
            yield _Token(word, match.start(), match.end())


def _format_clause(tokens: list[_Token]) -> tuple[_Token, _Token] | None:
    """Return the tokens `FORMAT name`: at the end, or with SETTINGS after them. Elsewhere `format` is a column."""
    for at in range(len(tokens) - 2, -1, -1):
        keyword, name = tokens[at], tokens[at + 1]
        if keyword.word == "format" and name.word[0].isalpha():
            after = tokens[at + 2].word if at + 2 < len(tokens) else "settings"
            return (keyword, name) if after == "settings" else None
    return None


def _read_insert(text: bytes | bytearray, tokens: Iterator[_Token]) -> Statement:
    """Read up to the data, never into it: it may be large, and may look like SQL."""
    file_at = 0
    before = ""
    target_named = False
    for token in tokens:
        word = token.word
        if not target_named:
            target_named = word not in ("into", "table", "function")
        elif word == "." or before == ".":
            pass
        elif word in ("select", "with"):
            return _read_insert_select(text, tokens)
        elif word == "infile":
            raise refused(UNKNOWN_TYPE_OF_QUERY, "UNKNOWN_TYPE_OF_QUERY", "FROM INFILE is not for HTTP: send the data.")
        elif word == "settings":
            file_at = token.start
        elif word == "values":
            return _load(text, file_at, token.start, "Values", token.end)
        elif word == "format":
            name = next(tokens, None)
            if name is None:
                raise refused(SYNTAX_ERROR, "SYNTAX_ERROR", "FORMAT needs a name, as in FORMAT JSONEachRow.")
            format_name = text[name.start : name.end].decode("utf-8", "replace")
            return _load(text, file_at, token.start, format_name, _skip_line(text, name))
        before = word
    return Statement(Kind.OTHER, bytes(text), bare=bytes(text))


def _read_insert_select(text: bytes | bytearray, tokens: Iterator[_Token]) -> Statement:
    end = len(text)
    before = ""
    for token in tokens:
        if before == ";" and token.word != ";":
            raise refused(SYNTAX_ERROR, "SYNTAX_ERROR", "Multi-statements are not allowed: send one per request.")
        if before == "input" and token.word == "(":
            reason = "input() is not supported: insert into a table, then select from it."
            raise refused(NOT_IMPLEMENTED, "NOT_IMPLEMENTED", reason)
        if token.word == ";" and before != ";":
            end = token.start
        before = token.word
    sql = bytes(text[:end])
    return Statement(Kind.OTHER, sql, bare=sql)


def _load(text: bytes | bytearray, file_at: int, cut: int, format_name: str, data_at: int) -> Statement:
    sql = bytes(text[:cut])
    return Statement(Kind.LOAD, sql, format=format_name, bare=sql, file_at=file_at or cut, data_at=data_at)


def _skip_line(text: bytes | bytearray, name: _Token) -> int:
    """Return where data begins after FORMAT's name: behind blanks and at most one end of line."""
    at = name.end
    while text[at : at + 1] in (b" ", b"\t", b"\f"):
        at += 1
    if text[at : at + 1] == b";":
        raise refused(SYNTAX_ERROR, "SYNTAX_ERROR", "There is a ';' before the data of the INSERT: remove it.")
    if text[at : at + 1] == b"\r":
        at += 1
    return at + 1 if text[at : at + 1] == b"\n" else at
