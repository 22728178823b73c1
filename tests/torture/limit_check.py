"""Whether limits of requests, of tokens and at a time were kept, counted anew from the steps of a history. Pure."""

from bisect import bisect_left, bisect_right
from collections import Counter, defaultdict, deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple

from tests.torture.history import Finished, Limit, Released, Snapshot, Step, Stopped, Throttled, Took

WRONG_SHARE_MAX = 0.01
ENOUGH_TO_SAY = 300
"""Refusals: of fewer, one more or less would be the share that is too much."""

Wrong = Callable[[str, str], None]
Part = tuple[str, int]
"""A request, and the partition that gave it part of its limits."""


class LimitVerdict(NamedTuple):
    """`most` by account: requests and tokens in a window, and requests at a time. `full`: limits that were reached."""

    took: int
    most: Mapping[str, Limit]
    full: int
    judged: int
    refused_wrongly: int

    @property
    def share_refused_wrongly(self) -> float:
        return self.refused_wrongly / self.judged if self.judged else 0.0


class _Change(NamedTuple):
    """From a moment on, so many more count, or fewer."""

    at_ms: int
    requests: int
    tokens: int
    running: int


class _Usage:
    """What one account's holders use, step by step; and afterwards, at any moment."""

    def __init__(self, window_ms: int) -> None:
        self._window_ms = window_ms
        self._parts: deque[tuple[int, Part]] = deque()
        self.tokens: dict[Part, int] = {}
        self.running: set[Part] = set()
        self.most = Limit(0, 0, 0)

    def take(self, part: Part, took: Took) -> None:
        while self._parts and self._parts[0][0] <= took.at_ms - self._window_ms:
            self.tokens.pop(self._parts.popleft()[1], None)
        self._parts.append((took.at_ms, part))
        self.tokens[part] = took.tokens
        self.running.add(part)
        self.most = Limit(
            max(self.most.rpm or 0, len(self.tokens)),
            max(self.most.tpm or 0, sum(self.tokens.values())),
            max(self.most.parallel or 0, len(self.running)),
        )

    def correct(self, part: Part, tokens: int) -> None:
        if part in self.tokens:
            self.tokens[part] = tokens

    def give_back(self, part: Part) -> None:
        self.tokens.pop(part, None)
        self.running.discard(part)


class _Life(NamedTuple):
    """One part from the moment it was taken, with what became of it. Milliseconds."""

    took: Took
    ended_ms: int | None
    tokens: int
    released_ms: int | None
    stopped_ms: int | None


def check_limits(
    steps: Sequence[Step], limits: Mapping[str, Limit], throttled: Sequence[Throttled], window_ms: int, wrong: Wrong
) -> LimitVerdict:
    """Look at every step; say of each limit that was passed by how much, and of each slot that was never freed."""
    fold = _Fold(steps, limits, window_ms, wrong)
    for step in steps:
        fold.add(step)
    fold.at_the_end()
    most = {account: usage.most for account, usage in fold.usage.items() if account in limits}
    full = 0
    for account, used in most.items():
        for name in Limit._fields:
            maximum, reached = getattr(limits[account], name), getattr(used, name)
            if maximum is None:
                continue
            if reached > maximum:
                wrong("limit", f"{account}: {reached} of {name} {maximum}")
            full += reached >= maximum - (maximum // 20 if name == "tpm" else 0)
    rooms = {account: _Room(fold.lives.get(account, ()), window_ms) for account in limits}
    judged = [one for one in throttled if one.accounts]
    falsely = [
        one
        for one in judged
        if all(
            rooms[account].lasts(limits[account], one.tokens, one.asked_ms, one.answered_ms) for account in one.accounts
        )
    ]
    if falsely and len(falsely) / max(len(judged), ENOUGH_TO_SAY) >= WRONG_SHARE_MAX:
        wrong("refused falsely", f"{len(falsely)} of {len(judged)} refusals by limits, such as {falsely[:3]}")
    return LimitVerdict(len(fold.took), most, full, len(judged), len(falsely))


class _Fold:
    def __init__(self, steps: Iterable[Step], limits: Mapping[str, Limit], window_ms: int, wrong: Wrong) -> None:
        self._finishing = {step.request for step in steps if isinstance(step, Finished)}
        self._limits = limits
        self._window_ms = window_ms
        self._wrong = wrong
        self._of: dict[str, set[int]] = defaultdict(set)  # the partitions a request has parts of
        self._running: dict[int, set[Part]] = defaultdict(set)  # by partition
        self.took: dict[Part, Took] = {}
        self.usage: dict[str, _Usage] = {}
        self.lives: dict[str, list[_Life]] = defaultdict(list)
        self._ended: dict[Part, Finished] = {}
        self._released_ms: dict[Part, int] = {}
        self._stopped_ms: dict[Part, int] = {}

    def add(self, step: Step) -> None:
        match step:
            case Took():
                self._take(step)
            case Finished(request):
                for partition in self._of.get(request, ()):
                    self._finish((request, partition), step)
            case Released(request, partition, at_ms):
                self._give_back((request, partition), at_ms)
            case Stopped(request, partition, at_ms):
                self._stop((request, partition), at_ms)
            case Snapshot():
                self._compare(step)

    def at_the_end(self) -> None:
        for part, took in self.took.items():
            if part in self._running[took.partition]:
                self._wrong("stranded", f"{part[0]} has its slots of {took.accounts} for ever")
            ended = self._ended.get(part)
            life = _Life(
                took,
                ended.at_ms if ended is not None else None,
                ended.tokens if ended is not None else took.tokens,
                self._released_ms.get(part),
                self._stopped_ms.get(part),
            )
            for account in took.accounts:
                self.lives[account].append(life)

    def _take(self, took: Took) -> None:
        part = (took.request, took.partition)
        if part in self.took:
            self._wrong("double", f"{took.request} took part of limits twice in partition {took.partition}")
            return
        self.took[part] = took
        self._of[took.request].add(took.partition)
        self._running[took.partition].add(part)
        for account in took.accounts:
            usage = self.usage.get(account)
            if usage is None:
                usage = self.usage[account] = _Usage(self._window_ms)
            usage.take(part, took)

    def _finish(self, part: Part, end: Finished) -> None:
        if part in self._ended:
            return  # the budgets' fold says so
        self._ended[part] = end
        self._running[part[1]].discard(part)
        for account in self.took[part].accounts:
            self.usage[account].correct(part, end.tokens)
            self.usage[account].running.discard(part)

    def _give_back(self, part: Part, at_ms: int) -> None:
        took = self.took.get(part)
        if took is None or part in self._released_ms:
            return
        self._released_ms[part] = at_ms
        self._running[part[1]].discard(part)
        for account in took.accounts:
            self.usage[account].give_back(part)

    def _stop(self, part: Part, at_ms: int) -> None:
        """Who is told to be dead and ends after all was running all the time: its slot was given away too early."""
        took = self.took.get(part)
        if took is None:
            self._wrong("disagreement", f"{part[0]} was stopped, and had taken nothing")
            return
        self._stopped_ms.setdefault(part, at_ms)
        self._running[part[1]].discard(part)
        if part[0] not in self._finishing:
            for account in took.accounts:
                self.usage[account].running.discard(part)

    def _compare(self, snapshot: Snapshot) -> None:
        """A snapshot stands for entries that were decided while it was written, and are in no group."""
        there = snapshot.taken
        for request in snapshot.stopped:
            if (request, snapshot.partition) in self.took:
                self._stop((request, snapshot.partition), snapshot.at_ms)
        for took in sorted(there.values(), key=lambda one: one.at_ms):
            if (took.request, took.partition) not in self.took:
                self._take(took)
        for part in [part for part in self._running[snapshot.partition] if part[0] not in there]:
            self._give_back(part, snapshot.at_ms)


class _Room:
    """How much of an account was used at any moment, to be asked afterwards."""

    def __init__(self, lives: Iterable[_Life], window_ms: int) -> None:
        changes: list[_Change] = []
        for took, ended_ms, tokens, released_ms, stopped_ms in lives:
            leaves_ms = took.at_ms + window_ms
            changes.append(_Change(took.at_ms, 1, took.tokens, 1))
            left = took.tokens
            if released_ms is not None:
                leaves_ms = min(leaves_ms, released_ms)
            elif ended_ms is not None and ended_ms < leaves_ms:
                changes.append(_Change(ended_ms, 0, tokens - left, 0))
                left = tokens
            changes.append(_Change(leaves_ms, -1, -left, 0))
            free = [at for at in (released_ms, ended_ms, stopped_ms) if at is not None]
            if free:
                changes.append(_Change(min(free), 0, 0, -1))
        changes.sort()
        self._times: list[int] = []
        self._used: list[tuple[int, int, int]] = []
        total: Counter[str] = Counter()
        for change in changes:
            total.update(requests=change.requests, tokens=change.tokens, running=change.running)
            used = (total["requests"], total["tokens"], total["running"])
            if self._times and self._times[-1] == change.at_ms:
                self._used[-1] = used
            else:
                self._times.append(change.at_ms)
                self._used.append(used)

    def lasts(self, limit: Limit, tokens: int, since_ms: int, until_ms: int) -> bool:
        """Return whether there was room for a request of `tokens` all the time."""
        first = max(0, bisect_right(self._times, since_ms) - 1)
        return all(
            (limit.rpm is None or requests < limit.rpm)
            and (limit.tpm is None or used + tokens <= limit.tpm)
            and (limit.parallel is None or running < limit.parallel)
            for requests, used, running in self._used[first : bisect_left(self._times, until_ms)]
        )
