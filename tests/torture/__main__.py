"""`make torture`: budgets while everything around them is killed. Exits with 1 when a promise was broken."""

import argparse
import asyncio
import sys
import tempfile
import time
from pathlib import Path

from shared.observe import set_up_logging
from tests.torture.report import lines_of
from tests.torture.run import Plan, torture

SECONDS_MAX = 600.0


def main() -> int:
    parser = argparse.ArgumentParser(prog="make torture", description=__doc__)
    parser.add_argument("--seconds", type=float, default=60.0, help=f"how long to kill, at most {SECONDS_MAX:g}")
    parser.add_argument("--seed", type=int, default=time.time_ns() % 100_000, help="to do a run again")
    parser.add_argument("--budgets", type=int, default=200)
    parser.add_argument("--clients", type=int, default=64)
    wish = parser.parse_args()
    set_up_logging("torture", level="error", as_json=False)
    plan = Plan(min(wish.seconds, SECONDS_MAX), wish.seed, budgets=wish.budgets, clients=wish.clients)
    with tempfile.TemporaryDirectory(prefix="meterhouse-torture-") as directory:
        outcome = asyncio.run(torture(Path(directory), plan))
    print("\n".join(lines_of(outcome)))  # noqa: T201
    return 1 if outcome.verdict.violations else 0


if __name__ == "__main__":
    sys.exit(main())
