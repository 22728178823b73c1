"""The journal's messages, JSON: groups of entries decided together, and snapshots that replace all before them.

A snapshot may be too large for one message. Its parts follow each other without a group in between; a reader that
does not find all of them goes on from the groups before, which are removed only when the last part is stored.
"""

from collections.abc import Iterator, Sequence

import msgspec

from services.policy.budgets.accounts import Books
from services.policy.budgets.entries import Entry
from services.policy.partitions.journal.not_understood import not_understood

MESSAGE_BYTES_MAX = 512 * 1024
"""Of one message, about: half of what a NATS server takes by default, since whoever sends more is disconnected."""


class Group(msgspec.Struct, tag="group", frozen=True):
    """`owner` is the process that wrote it: for people who read the journal."""

    owner: str
    at_ms: int
    entries: list[Entry]


class Snapshot(msgspec.Struct, tag="snapshot", frozen=True):
    """Part `part` of `parts`, from 0; each record of the books stands in one of them."""

    owner: str
    at_ms: int
    books: Books
    part: int = 0
    parts: int = 1


class _WrittenGroup(msgspec.Struct, tag="group", frozen=True):
    owner: str
    at_ms: int
    entries: Sequence[msgspec.Raw]


class _WrittenBooks(msgspec.Struct, omit_defaults=True):
    accounts: dict[str, msgspec.Raw]
    holds: dict[str, msgspec.Raw]
    lost: dict[str, msgspec.Raw]
    loans: dict[str, msgspec.Raw]
    credits: dict[str, msgspec.Raw]
    facts_seq: int
    counters: dict[str, msgspec.Raw] = {}
    taken: dict[str, msgspec.Raw] = {}
    taken_ms: int = 0
    resets: dict[str, msgspec.Raw] = {}


class _WrittenSnapshot(msgspec.Struct, tag="snapshot", frozen=True):
    owner: str
    at_ms: int
    books: _WrittenBooks
    part: int
    parts: int


_decoder: msgspec.json.Decoder[Group | Snapshot] = msgspec.json.Decoder(Group | Snapshot)
_encode = msgspec.json.Encoder().encode
_RECORD_OVERHEAD = 4  # quotes, colon and comma around a record's name


def encode_entry(entry: Entry) -> bytes:
    return _encode(entry)


def encode_group(owner: str, at_ms: int, entries: Sequence[bytes]) -> bytes:
    """Return the message of entries that are encoded already."""
    return _encode(_WrittenGroup(owner, at_ms, [msgspec.Raw(entry) for entry in entries]))


def encode_snapshot(owner: str, at_ms: int, books: Books, *, bytes_max: int = MESSAGE_BYTES_MAX) -> list[bytes]:
    """Return the messages that together say what `books` are."""
    parts = [_empty(books)]
    size = 0
    for kind, name, record in _records(books):
        size += len(name) + len(record) + _RECORD_OVERHEAD
        if size > bytes_max:
            parts.append(_empty(books))
            size = len(name) + len(record) + _RECORD_OVERHEAD
        getattr(parts[-1], kind)[name] = msgspec.Raw(record)
    return [_encode(_WrittenSnapshot(owner, at_ms, part, number, len(parts))) for number, part in enumerate(parts)]


def _empty(books: Books) -> _WrittenBooks:
    return _WrittenBooks({}, {}, {}, {}, {}, books.facts_seq, {}, {}, books.taken_ms, {})


def decode(message: bytes) -> Group | Snapshot:
    """Return what a journal message says.

    Raises:
        NotUnderstood: it is not one; the partition must not be served from a journal that cannot be read.
    """
    try:
        return _decoder.decode(message)
    except msgspec.DecodeError as error:
        raise not_understood(message, Entry, error) from error


class Replay:
    """Folds a journal's messages in their order: `books` as they stand, `groups` since the last snapshot."""

    def __init__(self) -> None:
        self.books = Books()
        self.groups = 0
        self._parts: list[Snapshot] = []

    def add(self, message: Group | Snapshot) -> None:
        if isinstance(message, Group):
            self._parts = []
            self.groups += 1
            for entry in message.entries:
                self.books.apply(entry)
            return
        if message.part == 0:
            self._parts = []
        self._parts.append(message)
        if [(part.part, part.parts, part.owner, part.at_ms) for part in self._parts] != [
            (number, message.parts, message.owner, message.at_ms) for number in range(message.part + 1)
        ]:
            self._parts = []
        elif message.part + 1 == message.parts:
            self.books, self.groups, self._parts = _joined(self._parts), 0, []


def _records(books: Books) -> Iterator[tuple[str, str, bytes]]:
    for kind in ("accounts", "holds", "lost", "loans", "credits", "counters", "taken", "resets"):
        for name, record in getattr(books, kind).items():
            yield kind, name, _encode(record)


def _joined(parts: Sequence[Snapshot]) -> Books:
    books = Books(facts_seq=parts[0].books.facts_seq, taken_ms=parts[0].books.taken_ms)
    for part in parts:
        books.accounts |= part.books.accounts
        books.holds |= part.books.holds
        books.lost |= part.books.lost
        books.loans |= part.books.loans
        books.credits |= part.books.credits
        books.counters |= part.books.counters
        books.taken |= part.books.taken
        books.resets |= part.books.resets
    return books
