"""What a policy process has counted since its start: its heartbeats carry it, and every edge shows it at /metrics."""

import msgspec

WAIT_BUCKETS_S = (0.01, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0)


class Waited(msgspec.Struct, array_like=True):
    """Requests that waited for `reason` (money, limit) with a `priority`, by how that ended.

    `counts` are by WAIT_BUCKETS_S, and what took longer; `total_s` is their sum.
    """

    reason: str
    priority: str
    outcome: str  # served, expired, refused, left, closed
    counts: list[int]
    total_s: float


class PolicyCounts(msgspec.Struct, array_like=True, frozen=True):
    """`waiting`: by reason and priority, how many wait now. `refused`: by what refused and whose it is."""

    waiting: tuple[tuple[str, str, int], ...] = ()
    waited: tuple[Waited, ...] = ()
    refused: tuple[tuple[str, str, int], ...] = ()
