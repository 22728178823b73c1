"""Budgets while everything around them is killed, for a few seconds; `make torture` does it for a minute, with more."""

import time
from pathlib import Path

import pytest

from tests.torture.report import lines_of
from tests.torture.run import Plan, torture


@pytest.mark.timeout(120)
async def test_no_budget_is_passed_and_no_end_is_lost_whatever_is_killed(tmp_path: Path) -> None:
    plan = Plan(4.0, time.time_ns() % 100_000, clients=32, budgets=40, partitions=4, pause_s=(0.2, 0.7), takeovers=1)
    outcome = await torture(tmp_path, plan)
    report = "\n".join(lines_of(outcome))
    print(report)  # noqa: T201
    assert not outcome.verdict.violations, report
    assert outcome.kills.counts.total() >= 4, report
    assert len(outcome.verdict.fold.ended) > 50, f"too few requests to say anything:\n{report}"
