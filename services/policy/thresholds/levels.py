"""How far a budget is spent, by the thresholds that are to be told. Pure."""

from collections.abc import Sequence
from typing import NamedTuple

SOFT = "soft"
NEARLY_PERCENT = 99
"""What is left of a budget beyond that is seldom enough for a request: once it was not, the budget is spent."""


class Level(NamedTuple):
    """`percent` of the hard limit, None of the soft budget. `name` stands for it in what is kept."""

    name: str
    percent: int | None


def levels_reached(
    spent: int, limit: int | None, soft: int | None, percents: Sequence[int], *, refused: bool
) -> list[Level]:
    """Return the thresholds that `spent` has reached, the lowest first.

    `refused`: a request was refused for good since this was asked the last time. A limit of 0 has no thresholds.
    """
    found = []
    if limit is not None and limit > 0:
        full = refused and spent * 100 >= limit * NEARLY_PERCENT
        found = [
            Level(str(percent), percent)
            for percent in sorted(set(percents))
            if spent * 100 >= limit * percent or (full and percent <= 100)
        ]
    if soft is not None and spent >= soft:
        found.append(Level(SOFT, None))
    return found
