"""From the messages of a journal and the facts, as JetStream stored them, to the steps of a history. Pure."""

import json
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from services.policy.budgets import entries
from services.policy.limits import counters
from services.policy.partitions.journal import journal
from shared.bus import Stored
from tests.torture.history import (
    Admitted,
    Closed,
    Crossed,
    Expired,
    Finished,
    Held,
    Lost,
    Opened,
    Place,
    Released,
    Reset,
    Set,
    Snapshot,
    Step,
    Stood,
    Stopped,
    Took,
)


class Window(NamedTuple):
    """One window of an account; `ends_ms` 0: nothing ends it."""

    number: str
    starts_ms: int
    ends_ms: int


class Translator:
    """`windows` by account, in their order, as the journals opened them; `owners` by partition, as they wrote."""

    def __init__(self) -> None:
        self.windows: dict[str, list[Window]] = {}
        self.owners: dict[int, list[str]] = {}
        self.groups = 0
        self.snapshots = 0
        self._parts: dict[int, list[journal.Snapshot]] = {}

    def steps(self, messages: Iterable[Stored]) -> Iterator[Step]:
        """Yield the steps of all `messages`, whatever stream they are of, by the time at which they were stored."""
        for message in sorted(messages, key=lambda one: one.time_ns):
            if message.subject.startswith("evt."):
                yield from _fact(message)
            elif not message.subject.endswith(".layout"):
                partition, at_ms = int(message.subject.rsplit(".", 1)[1]), message.time_ns // 1_000_000
                yield from self._journal(partition, journal.decode(message.data), at_ms)

    def window_of(self, account: str, starts_ms: int) -> str:
        """Return the number of the window that began then; one that no journal opened has none."""
        windows = self.windows.get(account)
        if windows is None:
            return "1"
        return next((window.number for window in windows if window.starts_ms == starts_ms), "none")

    def window_at(self, account: str, at_ms: int, margin_ms: int) -> str | None:
        """Return the window that `at_ms` lies in, None where it is too near to a boundary to tell."""
        windows = self.windows.get(account)
        if windows is None:
            return "1"
        for window in windows:
            if window.starts_ms + margin_ms <= at_ms and (not window.ends_ms or at_ms <= window.ends_ms - margin_ms):
                return window.number
        return None

    def _journal(self, partition: int, message: journal.Group | journal.Snapshot, at_ms: int) -> Iterator[Step]:
        owners = self.owners.setdefault(partition, [])
        if not owners or owners[-1] != message.owner:
            owners.append(message.owner)
        if isinstance(message, journal.Group):
            self.groups += 1
            self._parts.pop(partition, None)
            for entry in message.entries:
                yield from self._entry(partition, entry, at_ms)
            return
        parts = self._parts.setdefault(partition, [])
        if message.part == 0:
            parts.clear()
        parts.append(message)
        if len(parts) == message.parts:
            self.snapshots += 1
            yield from self._whole(partition, parts, at_ms)
            self._parts.pop(partition)

    def _entry(self, partition: int, entry: entries.Entry, at_ms: int) -> Iterator[Step]:
        match entry:
            case entries.Held(hold):
                yield _held(partition, hold)
            case entries.Opened(account, window, starts_ms, ends_ms):
                yield from self._opened(account, Window(str(window), starts_ms, ends_ms))
                if entry.closed is not None:
                    yield Closed(Place(account, str(entry.closed.window)))
            case entries.Adjusted(account, number, serial, by, settles):
                yield Set(Place(account, str(number)), serial, by, settles)
            case entries.Expired(request):
                yield Expired(request)
            case entries.Released(request):
                yield Released(request, partition, at_ms)
            case counters.Taken(request):
                yield _took(partition, entry)
            case counters.Stopped(request):
                yield Stopped(request, partition, at_ms)

    def _whole(self, partition: int, parts: list[journal.Snapshot], at_ms: int) -> Iterator[Step]:
        open_holds: dict[str, Held] = {}
        lost: dict[str, Held] = {}
        taken: dict[str, counters.Taken] = {}
        stood: dict[Place, Stood] = {}
        settled: list[str] = []
        for part in parts:
            open_holds |= {request: _held(partition, hold) for request, hold in part.books.holds.items()}
            lost |= {request: _held(partition, loss.hold) for request, loss in part.books.lost.items()}
            settled += [name for name, loss in part.books.lost.items() if loss.hold.window == entries.NO_WINDOW]
            for name, account in part.books.accounts.items():
                if account.corrected:
                    place = Place(name, str(account.window))
                    stood[place] = Stood(account.corrected, account.spent, part.books.facts_seq)
                if account.ends_ms:
                    yield from self._opened(name, Window(str(account.window), account.starts_ms, account.ends_ms))
            taken |= part.books.taken
            for reset in part.books.resets.values():
                yield Closed(Place(reset.account, str(reset.closed.window)))
        yield Snapshot(
            partition,
            open_holds,
            lost,
            {request: _took(partition, entry) for request, entry in taken.items()},
            [request for request, entry in taken.items() if not entry.reservation.running],
            at_ms,
            stood,
            settled,
        )

    def _opened(self, account: str, window: Window) -> Iterator[Opened]:
        """Note it; who borrows of an account may still be in an older window than its home."""
        windows = self.windows.setdefault(account, [])
        if windows and int(window.number) < int(windows[-1].number):
            return
        if windows and window.number == windows[-1].number:
            if window == windows[-1]:
                return
            windows[-1] = window  # only its end has moved
        else:
            windows.append(window)
        yield Opened(Place(account, window.number), window.starts_ms, window.ends_ms)


def _held(partition: int, hold: entries.Hold) -> Held:
    places = [Place(hold.account, str(hold.window)), *[Place(share.account, str(share.window)) for share in hold.also]]
    return Held(hold.request, partition, hold.amount, tuple(places), hold.admitted_ms)


def _took(partition: int, entry: counters.Taken) -> Took:
    reservation = entry.reservation
    return Took(entry.request, partition, reservation.at_ms, reservation.tokens, reservation.accounts)


def _fact(message: Stored) -> Iterator[Step]:
    fact = json.loads(message.data)
    match fact["kind"]:
        case "completion.finished":
            tokens = fact["prompt_tokens"] + fact["completion_tokens"]
            stored_ms = message.time_ns // 1_000_000
            yield Finished(fact["request_id"], fact["cost_pico"], fact["provider"], tokens, stored_ms, message.seq)
        case "completion.lost":
            yield Lost(fact["request_id"], fact["cost_pico"])
        case "budget.reset":
            yield Reset(Place(fact["account"], str(fact["window"])), fact["spend_pico"], fact["held_pico"])
        case "budget.threshold_crossed":
            yield Crossed(Place(fact["account"], str(fact["window"])), fact["percent"])
        case "request.admitted" if fact["hold_pico"]:
            yield Admitted(fact["request_id"], fact["hold_pico"])
