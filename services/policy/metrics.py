"""What policy counts for /metrics: who waits and how long, and what was refused by whose budget or limit.

Every label has a fixed set of values, so that what is counted has a bound, whoever asks for whatever.
"""

import time
from bisect import bisect_left
from typing import Literal, NamedTuple

from services.policy.budgets.charges import Charge
from services.policy.limits.room import Over
from shared.policy_counts import WAIT_BUCKETS_S, PolicyCounts, Waited

PRIORITIES = ("high", "normal", "low")
"""By level: the lowest goes first."""

Reason = Literal["money", "limit"]
Outcome = Literal["served", "expired", "refused", "left", "closed"]

_AS_LIMITS = {"key": "api_key", "member": "team_member"}
"""Kinds of holders whose limits LiteLLM names otherwise than their budgets."""


class Wait(NamedTuple):
    """One that waits; `since_s` by the monotonic clock."""

    reason: Reason
    level: int
    since_s: float


class Counts:
    """One instance serves all partitions of a process."""

    def __init__(self) -> None:
        self._waiting: dict[tuple[Reason, int], int] = {}
        self._waited: dict[tuple[Reason, int, Outcome], Waited] = {}
        self._refused: dict[tuple[str, str], int] = {}

    def begin(self, reason: Reason, level: int) -> Wait:
        self._waiting[(reason, level)] = self._waiting.get((reason, level), 0) + 1
        return Wait(reason, level, time.monotonic())

    def end(self, wait: Wait, outcome: Outcome) -> None:
        reason, level, since_s = wait
        self._waiting[(reason, level)] -= 1
        waited = self._waited.get((reason, level, outcome))
        if waited is None:
            empty = [0] * (len(WAIT_BUCKETS_S) + 1)
            waited = self._waited[(reason, level, outcome)] = Waited(reason, PRIORITIES[level], outcome, empty, 0.0)
        seconds = time.monotonic() - since_s
        waited.counts[bisect_left(WAIT_BUCKETS_S, seconds)] += 1
        waited.total_s += seconds

    def over_budget(self, charge: Charge) -> None:
        holder = _AS_LIMITS.get(charge.kind, charge.kind)
        if charge.model:
            holder = f"model_per_{charge.kind if charge.kind == 'key' else holder}"
        self._refuse("budget", holder)

    def over_limit(self, over: Over) -> None:
        self._refuse("tokens_day" if over.daily else over.type, over.limit.kind)

    def told(self) -> PolicyCounts:
        """Return all of it, for a heartbeat."""
        return PolicyCounts(
            tuple((reason, PRIORITIES[level], count) for (reason, level), count in self._waiting.items()),
            tuple(self._waited.values()),
            tuple((kind, holder, count) for (kind, holder), count in self._refused.items()),
        )

    def _refuse(self, kind: str, holder: str) -> None:
        self._refused[(kind, holder)] = self._refused.get((kind, holder), 0) + 1
