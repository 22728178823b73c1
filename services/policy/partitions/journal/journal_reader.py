"""A partition's journal, read from its beginning to its end."""

import time
from typing import NamedTuple

from services.policy.budgets.accounts import Books
from services.policy.partitions.journal import journal
from shared import subjects
from shared.bus import Bus, NotStored, Reader

PATIENCE_S = 10.0
"""How long nothing at all may come before the reading is given up."""


class ReadJournal(NamedTuple):
    """The books it comes to, the sequence of its last message (0: it has none), and the groups since a snapshot."""

    books: Books
    last_seq: int
    groups: int


async def read_journal(bus: Bus, partition: int) -> ReadJournal:
    """Return what the journal of `partition` says.

    Raises:
        NotStored: it could not be read to its end.
        NotUnderstood: a message of it cannot be read, or is a newer version's.
    """
    replay, last_seq = journal.Replay(), 0
    reader = Reader(bus, subjects.JOURNAL, subject=subjects.journal(partition), deliver="all")
    try:
        deadline = time.monotonic() + PATIENCE_S
        while not reader.is_caught_up:
            if time.monotonic() > deadline:
                raise NotStored(f"journal {partition} gave nothing for {PATIENCE_S:g} s")
            for message in await reader.next_batch(500, 0.05):
                replay.add(journal.decode(message.data))
                last_seq = message.seq
                deadline = time.monotonic() + PATIENCE_S
    finally:
        await reader.close()
    return ReadJournal(replay.books, last_seq, replay.groups)
