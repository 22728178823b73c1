"""The journal's messages: what was written is what is read, in as many parts as it takes."""

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.policy.budgets.account import Account
from services.policy.budgets.accounts import Books
from services.policy.budgets.entries import Entry, Expired, Held, Hold, Lost, Opened, Released
from services.policy.partitions.journal import journal
from services.policy.partitions.journal.not_understood import NotUnderstood

names = st.text(min_size=1, max_size=80)
times = st.integers(0, 2**53)
amounts = st.integers(0, 10**24)  # more than 64 bits hold
holds = st.builds(Hold, names, names, st.integers(1, 9), amounts, times, times, names, names)
entries: st.SearchStrategy[Entry] = st.one_of(
    st.builds(Held, holds),
    st.builds(Opened, names, st.integers(1, 9), times, times, st.sampled_from(["", "1d"])),
    st.builds(Expired, names, times),
    st.builds(Released, names),
)
books = st.builds(
    Books,
    st.dictionaries(names, st.builds(Account, st.integers(1, 9), times, times, names, amounts, amounts), max_size=5),
    st.dictionaries(names, holds, max_size=5),
    st.dictionaries(names, st.builds(Lost, holds, times, st.booleans()), max_size=5),
    times,
)


@given(st.lists(entries, max_size=10))
def test_a_group_is_read_as_it_was_written(written: list[Entry]) -> None:
    message = journal.encode_group("policy-1", 7, [journal.encode_entry(entry) for entry in written])
    assert journal.decode(message) == journal.Group("policy-1", 7, written)


@given(books, st.integers(1, 2_000))
def test_a_snapshot_in_parts_of_any_size_gives_the_same_books(written: Books, bytes_max: int) -> None:
    replay = journal.Replay()
    for message in journal.encode_snapshot("policy-1", 7, written, bytes_max=bytes_max):
        replay.add(journal.decode(message))
    assert replay.books == written
    assert replay.groups == 0


def a_snapshot_in_parts() -> list[bytes]:
    many = Books({f"key{number}": Account(spent=number) for number in range(5)})
    return journal.encode_snapshot("policy-1", 7, many, bytes_max=1)


def some_group() -> bytes:
    return journal.encode_group("policy-1", 7, [journal.encode_entry(Opened("key", 2, 3, 4, "1d"))])


def read(*messages: bytes) -> journal.Replay:
    replay = journal.Replay()
    for message in messages:
        replay.add(journal.decode(message))
    return replay


def test_messages_stay_within_what_a_server_takes() -> None:
    many = Books({f"{number:064x}": Account(spent=10**12, duration="30d") for number in range(20_000)})
    messages = journal.encode_snapshot("policy-1", 7, many)
    assert len(messages) > 1
    assert max(map(len, messages)) < journal.MESSAGE_BYTES_MAX + 1_000 < 1024 * 1024


def test_a_snapshot_that_was_not_finished_counts_for_nothing() -> None:
    replay = read(some_group(), *a_snapshot_in_parts()[:-1], some_group())
    assert replay.books == Books({"key": Account(2, 3, 4, "1d")})
    assert replay.groups == 2


def test_a_snapshot_replaces_what_was_before_it() -> None:
    replay = read(some_group(), *a_snapshot_in_parts())
    assert sorted(replay.books.accounts) == ["key0", "key1", "key2", "key3", "key4"]
    assert replay.groups == 0


def test_parts_that_do_not_follow_each_other_are_no_snapshot() -> None:
    parts = a_snapshot_in_parts()
    assert not read(*parts[:2], some_group(), *parts[2:]).books.accounts.keys() - {"key"}
    assert not read(*parts[:2], *parts[3:]).books.accounts
    assert not read(*parts[1:]).books.accounts


def test_a_snapshot_after_one_that_was_not_finished_is_whole() -> None:
    parts = a_snapshot_in_parts()
    assert len(read(*parts[:2], *parts).books.accounts) == 5


def a_group_of(*entries: bytes) -> bytes:
    return journal.encode_group("policy-9", 7, entries)


OPENED = journal.encode_entry(Opened("key", 2, 3, 4, "1d"))
HELD = journal.encode_entry(Held(Hold("req", "key", 1, 5, 9, 7, "t", "m")))


@pytest.mark.parametrize(
    ("message", "what"),
    [
        (a_group_of(OPENED, b'{"type":"pledged","account":"key"}'), "an entry of the kind 'pledged', which"),
        (a_group_of(OPENED[:-1] + b',"slack":3}'), "an entry of the kind 'opened' with what this version does not"),
        (a_group_of(HELD.replace(b'"m"', b'"m",[],null,17')), "an entry of the kind 'held' with what this version"),
        (a_group_of(b"[1]"), "an entry of the kind None"),
        (
            journal.encode_snapshot("policy-9", 7, Books())[0].replace(b'"facts_seq"', b'"pledges":{},"facts_seq"'),
            "a s",
        ),
        (b'{"type":"chapter","owner":"policy-9","at_ms":7}', "a message of the kind 'chapter', which this version"),
    ],
)
def test_what_a_newer_version_wrote_is_named_with_who_wrote_it_and_what_to_do(message: bytes, what: str) -> None:
    with pytest.raises(NotUnderstood) as refused:
        journal.decode(message)
    said = str(refused.value)
    assert said.startswith(f"policy-9 wrote {what}")
    assert "run that version in all policy processes" in said
    assert "docs/deployment.md, Upgrades" in said


@pytest.mark.parametrize("message", [b"", b"[]", b'{"type":"group","entr'])
def test_a_damaged_message_is_called_damaged(message: bytes) -> None:
    with pytest.raises(NotUnderstood, match="a message of it is damaged"):
        journal.decode(message)


def test_no_type_of_the_journal_passes_over_what_it_does_not_know() -> None:
    """A field that is passed over is money that is not counted."""
    seen: set[type] = set()

    def look(at: Any) -> None:
        if isinstance(at, msgspec.inspect.StructType) and at.cls not in seen:
            seen.add(at.cls)
            for field in at.fields:
                look(field.type)
        for name in ("types", "item_types"):
            for one in getattr(at, name, ()):
                look(one)
        for name in ("item_type", "key_type", "value_type"):
            if hasattr(at, name):
                look(getattr(at, name))

    look(msgspec.inspect.type_info(journal.Group | journal.Snapshot))
    assert {Hold, Account, Opened, Lost, Books} < seen
    around = {journal.Group, journal.Snapshot}  # say who wrote it and when: nothing of that counts
    assert {one for one in seen if not one.__struct_config__.forbid_unknown_fields} == around


@pytest.mark.parametrize("message", [b"", b"{}", b'{"type":"group"}', b'{"type":"other","owner":"x","at_ms":1}'])
def test_what_is_no_message_of_a_journal_is_refused(message: bytes) -> None:
    with pytest.raises(msgspec.DecodeError):
        journal.decode(message)
