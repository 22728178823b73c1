"""How many may wait for room in limits, who is refused beyond that, and when: at once."""

import asyncio
import time
from collections.abc import Callable
from typing import Any

import pytest

from services.policy.budgets.admission import Placed
from services.policy.limits.counters import Counter
from services.policy.limits.need import Need
from services.policy.limits.room import Limit, Over
from services.policy.metrics import Counts
from services.policy.partitions.decision import Answer, Done, Left, NoRoom, Part, Wanted
from services.policy.partitions.queues import limit_queue
from services.policy.partitions.queues.limit_queue import WAITING_MAX, LimitQueue
from tests.budgets import cost, key_of_budget, wanted

KEY = key_of_budget(None)
FULL = Limit("key", 0, "api_key", "key", rpm=1)


class Line:
    """A queue in front of a limit that has no room for ten seconds, and what became of each request."""

    def __init__(self) -> None:
        self.counters: dict[str, Counter] = {}
        self.answers: dict[str, Answer] = {}
        self.caught_up: list[Callable[[], None]] = []
        self.tried = 0
        self.fits: set[str] = set()
        self.stored = True
        self.counts = Counts()
        self.queue = LimitQueue(
            self.counters,
            try_again=self.try_again,
            catch_up=self.caught_up.append,
            after_journal=lambda then: then(self.stored),
            clock=time.time,
            counts=self.counts,
        )

    def try_again(self, wanted: Wanted, done: Done) -> Over | None:
        self.tried += 1
        if wanted.request not in self.fits:
            return self.over()
        done(Placed(0, None))
        return None

    def over(self, *, by_ends: bool = False) -> Over:
        return Over(FULL, "requests", 1, 0, int(time.time() * 1000) + 10_000, by_ends)

    def put(self, request: str, *, tenant: str = "t", level: int = 1, waits_s: float = 20, **over: Any) -> bool:
        """Whether it is answered."""
        give_up_ms = int((time.time() + waits_s) * 1000) if waits_s else 0
        part = Part((FULL,), Need(0), "total", give_up_ms, level, 0, lambda: (FULL,))
        asked: Wanted = wanted(KEY, cost(0), request=request)._replace(part=part, tenant=tenant)
        return self.queue.put(asked, part, lambda said: self.answers.update({request: said}), self.over(**over))

    def refused(self) -> list[str]:
        return [request for request, said in self.answers.items() if isinstance(said, NoRoom)]


@pytest.fixture
def line(monkeypatch: pytest.MonkeyPatch) -> Line:
    monkeypatch.setattr(limit_queue, "WAITING_MAX", 3)
    return Line()


async def test_who_comes_when_all_places_are_taken_is_refused_at_once(line: Line) -> None:
    assert [line.put(f"r{number}") for number in range(5)] == [False, False, False, True, True]
    assert line.refused() == ["r3", "r4"]
    refusal = line.answers["r3"]
    assert isinstance(refusal, NoRoom)
    assert refusal.over.frees_ms is not None
    assert line.queue.size == 3


async def test_a_place_that_is_left_is_somebody_elses(line: Line) -> None:
    for number in range(3):
        line.put(f"r{number}")
    assert line.queue.leave("r1")
    assert line.answers == {"r1": Left(for_limit=True)}
    assert not line.put("r3")
    assert line.put("r4")


async def test_who_is_only_kept_until_the_ends_of_others_are_known_has_a_place_too(line: Line) -> None:
    assert not any(line.put(f"r{number}", waits_s=0, by_ends=True) for number in range(3))
    assert line.put("r3", waits_s=0, by_ends=True)
    line.caught_up.pop()()
    line.caught_up.pop()()
    assert line.refused() == ["r3", "r0", "r1", "r2"]
    assert line.queue.size == 0


async def test_who_stood_behind_one_that_is_refused_is_tried_before_it_is_refused(line: Line) -> None:
    line.fits = {"small"}
    for request in ("large", "small", "larger"):
        assert not line.put(request, waits_s=0, by_ends=True)
    line.caught_up.pop()()  # of the first; the others have come since
    assert line.refused() == ["large"]
    assert line.answers["small"] == Placed(0, None)
    line.caught_up.pop()()
    assert line.refused() == ["large", "larger"]


async def test_who_stood_behind_one_whose_ends_are_not_known_yet_waits_with_it(line: Line) -> None:
    line.fits = {"low"}
    assert not line.put("low", waits_s=0, by_ends=True, level=2)
    assert not line.put("high", waits_s=0, by_ends=True, level=0)
    line.caught_up.pop()()
    assert line.answers == {}
    line.caught_up.pop()()
    assert line.refused() == ["high"]
    assert line.answers["low"] == Placed(0, None)


async def test_who_stood_behind_one_that_may_wait_is_refused(line: Line) -> None:
    line.fits = {"behind"}
    assert not line.put("waits")
    assert not line.put("behind", waits_s=0, by_ends=True)
    line.caught_up.pop()()
    assert line.refused() == ["behind"]
    assert line.queue.size == 1


async def test_who_stood_behind_one_that_has_waited_long_enough_is_tried(line: Line) -> None:
    line.fits = {"second"}
    for request in ("first", "second", "third"):
        assert not line.put(request, waits_s=0.05, by_ends=True)
    await asyncio.sleep(0.06)
    line.queue.serve_all()
    assert line.refused() == ["first", "third"]
    assert line.answers["second"] == Placed(0, None)


async def test_a_tenant_that_took_all_places_leaves_one_to_another(line: Line) -> None:
    for number in range(3):
        line.put(f"flood{number}", tenant="loud")
    assert not line.put("quiet", tenant="quiet")
    assert line.refused() == ["flood2"]
    assert line.put("flood3", tenant="loud")
    assert line.put("louder", tenant="quiet"), "it has no fewer then"
    assert not line.put("third", tenant="third")
    assert line.refused() == ["flood2", "flood3", "louder", "flood1"]
    assert line.queue.size == 3


async def test_a_higher_priority_takes_the_place_of_a_lower_one(line: Line) -> None:
    for number in range(3):
        line.put(f"low{number}", level=2)
    assert not line.put("high", level=0)
    assert line.refused() == ["low2"]
    assert line.put("low3", level=2)
    assert set(line.counts.told().waiting) == {("limit", "high", 1), ("limit", "low", 2)}


async def test_a_thousand_wait_and_the_next_one_does_not(monkeypatch: pytest.MonkeyPatch) -> None:
    assert WAITING_MAX == 1_000
    line = Line()
    assert not any(line.put(f"r{number}") for number in range(WAITING_MAX))
    assert line.put("one-too-many")
    assert (line.tried, line.caught_up) == (0, []), "nobody else was looked at for it"
    assert line.refused() == ["one-too-many"]
    line.queue.close()
    assert len(line.answers) == WAITING_MAX + 1
    assert sum(said is None for said in line.answers.values()) == WAITING_MAX


async def test_a_refusal_for_what_the_journal_has_lost_is_none(line: Line) -> None:
    line.stored = False
    assert line.put("r", waits_s=0)
    assert line.answers == {"r": None}
