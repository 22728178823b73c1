"""Budgets while everything around them is killed, for a few seconds; `make torture` does it for a minute, with more."""

import time
from pathlib import Path

import pytest

from tests.torture.report import lines_of
from tests.torture.run import Plan, torture


@pytest.mark.timeout(120)
async def test_no_budget_is_passed_and_no_end_is_lost_whatever_is_killed(tmp_path: Path) -> None:
    plan = Plan(
        2.0,
        time.time_ns() % 100_000,
        edges=3,
        clients=16,
        budgets=50,
        partitions=4,
        pause_s=(0.2, 0.8),
        takeovers=("asleep",),
        timeout_s=1.5,
        limit_window_s=1.5,
        answers=(8, 60),
        requests_a_second=80,
    )
    outcome = await torture(tmp_path, plan)
    report = "\n".join(lines_of(outcome))
    print(report)  # noqa: T201
    assert not outcome.verdict.violations, report
    assert outcome.kills.counts.total() >= 3, report
    assert len(outcome.verdict.fold.ended) > 50, f"too few requests to say anything:\n{report}"
