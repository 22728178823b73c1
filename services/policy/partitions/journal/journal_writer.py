"""A partition's journal as its owner writes it: in groups, each fenced by the sequence of the one before.

Everything that is written while one group is being stored forms the next, so under load one message serves many
requests. The first write whose end is not known to be good is the last one: another owner wrote, or nobody knows what
became of it, and the journal has to be read anew.
"""

import asyncio
import time
from collections import deque
from collections.abc import Callable, Sequence

import structlog

from services.policy.budgets.accounts import Books
from services.policy.budgets.entries import Entry
from services.policy.partitions.journal import journal
from shared import subjects
from shared.bus import Bus, BusError, Outcome

log = structlog.get_logger()

SNAPSHOT_EVERY_GROUPS = 2_000
SNAPSHOT_EVERY_FACTS = 10_000
RECORDS_PER_GROUP = 10
"""Books of so many records are worth a group's delay: large books are written down less often."""

Then = Callable[[bool], None]
"""Called once: True when the entry is stored, False when it is not, or nobody knows."""


class JournalWriter:
    """All calls come from one event loop."""

    def __init__(
        self,
        bus: Bus,
        partition: int,
        books: Books,
        *,
        last_seq: int,
        groups: int,
        on_failure: Callable[[BaseException], None],
        snapshot_every_groups: int = SNAPSHOT_EVERY_GROUPS,
    ) -> None:
        """`books` are what a snapshot writes down: every entry is applied to them before it is written here."""
        self._bus = bus
        self._partition = partition
        self._subject = subjects.journal(partition)
        self._books = books
        self._last_seq = last_seq
        self._on_failure = on_failure
        self._snapshot_every_groups = snapshot_every_groups
        self._groups = groups
        self._facts = 0
        self._queue: deque[tuple[bytes, Then | None]] = deque()
        self._scheduled = False
        self._storing: list[Then] | None = None
        self._idle = asyncio.Event()
        self._idle.set()
        self._closed = False
        self._tasks: set[asyncio.Task[None]] = set()

    def write(self, entry: Entry, then: Then | None = None) -> None:
        """Store `entry`, soon and together with others."""
        if self._closed:
            if then is not None:
                _call(then, stored=False)
            return
        self._queue.append((journal.encode_entry(entry), then))
        self._idle.clear()
        self._store_soon()

    async def is_stored(self) -> bool:
        """Return whether the journal has all that is written by now; wait until that is known."""
        known: asyncio.Future[bool] = asyncio.get_running_loop().create_future()

        def then(stored: bool) -> None:
            if not known.done():
                known.set_result(stored)

        self.after(then)
        return await known

    def after(self, then: Then) -> None:
        """Call `then` once it is known whether the journal has all that is written by now: at once where it is."""
        if self._queue:
            entry, before = self._queue[-1]
            self._queue[-1] = (entry, then if before is None else _both(before, then))
        elif self._storing is not None:
            self._storing.append(then)
        else:
            then(not self._closed)

    def count_facts(self, facts: int) -> None:
        """So many facts have changed the books, or might have: a reader would have to read them again."""
        self._facts += facts
        if self._snapshot_due():
            self._store_soon()

    @property
    def backlog(self) -> int:
        """How many entries wait for the group that is being stored."""
        return len(self._queue)

    def close(self) -> None:
        """Take nothing more. What waits or is on its way is still stored, and answered as that ends."""
        self._closed = True

    async def finished(self) -> None:
        """Wait until nothing waits and nothing is on its way."""
        await self._idle.wait()

    def _store_soon(self) -> None:
        if self._storing is None and not self._scheduled:
            self._scheduled = True
            self._bus.before_write(self._store_next)

    def _store_next(self) -> None:
        self._scheduled = False
        now_ms = time.time_ns() // 1_000_000
        if self._snapshot_due():
            # The books hold all that waits already: the snapshot stands for it.
            entries, thens = self._take(None)
            messages = deque(journal.encode_snapshot(self._bus.process, now_ms, self._books))
            self._groups = self._facts = 0
            is_snapshot = True
        else:
            entries, thens = self._take(journal.MESSAGE_BYTES_MAX)
            if not entries:
                return
            messages = deque([journal.encode_group(self._bus.process, now_ms, entries)])
            self._groups += 1
            is_snapshot = False
        self._storing = thens
        self._idle.clear()
        self._store(messages, first_seq=0, is_snapshot=is_snapshot)

    def _take(self, bytes_max: int | None) -> tuple[Sequence[bytes], list[Then]]:
        """Return what waits, up to `bytes_max`, at least one entry."""
        entries: list[bytes] = []
        thens: list[Then] = []
        size = 0
        while self._queue:
            entry, then = self._queue[0]
            size += len(entry) + 1
            if bytes_max is not None and entries and size > bytes_max:
                break
            self._queue.popleft()
            entries.append(entry)
            if then is not None:
                thens.append(then)
        return entries, thens

    def _store(self, messages: deque[bytes], *, first_seq: int, is_snapshot: bool) -> None:
        """Store the messages one after the other, each only if the one before is the journal's last."""
        message = messages.popleft()

        def then(outcome: Outcome) -> None:
            self._stored(outcome, messages, first_seq, is_snapshot)

        self._bus.store_then(self._subject, message, then, expected_last=self._last_seq)

    def _stored(self, outcome: Outcome, messages: deque[bytes], first_seq: int, is_snapshot: bool) -> None:
        if not isinstance(outcome, int):
            self._fail(outcome)
            return
        self._last_seq = outcome
        first_seq = first_seq or self._last_seq
        if messages:
            self._store(messages, first_seq=first_seq, is_snapshot=is_snapshot)
            return
        self._end(stored=True)
        if is_snapshot:
            task = asyncio.get_running_loop().create_task(self._remove_before(first_seq))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        if self._queue or self._snapshot_due():
            self._store_soon()

    def _fail(self, error: BaseException) -> None:
        """The end: nothing that waits can be stored after a write of which nobody knows what became."""
        self._closed = True
        waiting, self._queue = self._queue, deque()
        self._end(stored=False)
        for _, then in waiting:
            if then is not None:
                _call(then, stored=False)
        self._on_failure(error)

    def _end(self, *, stored: bool) -> None:
        thens, self._storing = self._storing or [], None
        if not self._queue:
            self._idle.set()
        for then in thens:
            _call(then, stored=stored)

    def _snapshot_due(self) -> bool:
        if self._closed:
            return False
        records = self._books.records
        return (self._groups >= self._snapshot_every_groups and self._groups * RECORDS_PER_GROUP >= records) or (
            self._facts >= SNAPSHOT_EVERY_FACTS and self._facts >= 2 * records
        )

    async def _remove_before(self, seq: int) -> None:
        """The snapshot that begins at `seq` is whole: what was before it is not needed any more."""
        try:
            await self._bus.api(f"STREAM.PURGE.{subjects.JOURNAL}", {"filter": self._subject, "seq": seq})
        except (BusError, TimeoutError) as error:
            log.info("a journal is left longer than it need be", partition=self._partition, error=str(error))


def _both(first: Then, second: Then) -> Then:
    def call(stored: bool) -> None:
        _call(first, stored=stored)
        _call(second, stored=stored)

    return call


def _call(then: Then, *, stored: bool) -> None:
    """Whatever one of many callbacks does must not keep the others from being called."""
    try:
        then(stored)
    except Exception:
        log.exception("a decision's answer failed", stored=stored)
