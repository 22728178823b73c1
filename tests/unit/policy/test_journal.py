"""The journal's messages: what was written is what is read, in as many parts as it takes."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.policy.budgets.account import Account
from services.policy.budgets.accounts import Books, Entry, Expired, Held, Hold, Lost, Opened, Released
from services.policy.partitions.journal import journal

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


@pytest.mark.parametrize("message", [b"", b"{}", b'{"type":"group"}', b'{"type":"other","owner":"x","at_ms":1}'])
def test_what_is_no_message_of_a_journal_is_refused(message: bytes) -> None:
    with pytest.raises(msgspec.DecodeError):
        journal.decode(message)
