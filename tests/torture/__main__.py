"""`make torture`: budgets while everything around them is killed. Exits with 1 when a promise was broken."""

import argparse
import asyncio
import sys
import tempfile
import time
from pathlib import Path

from shared.observe import set_up_logging
from tests.torture.document import with_report
from tests.torture.report import lines_of
from tests.torture.run import Plan, torture

SECONDS, SECONDS_MAX = 60.0, 600.0
PAGE = Path("docs/budgets.md")


def main() -> int:
    parser = argparse.ArgumentParser(prog="make torture", description=__doc__)
    parser.add_argument("--seconds", type=float, default=SECONDS, help=f"how long to kill, at most {SECONDS_MAX:g}")
    parser.add_argument("--seed", type=int, default=time.time_ns() % 100_000, help="to do a run again")
    parser.add_argument("--budgets", type=int, default=200)
    parser.add_argument("--clients", type=int, default=64)
    parser.add_argument("--write", action="store_true", help=f"put the report into {PAGE}, if nothing was broken")
    wish = parser.parse_args()
    set_up_logging("torture", level="error", as_json=False)
    plan = Plan(min(wish.seconds, SECONDS_MAX), wish.seed, budgets=wish.budgets, clients=wish.clients)
    with tempfile.TemporaryDirectory(prefix="meterhouse-torture-") as directory:
        outcome = asyncio.run(torture(Path(directory), plan))
    lines = lines_of(outcome)
    print("\n".join(lines))  # noqa: T201
    if outcome.verdict.violations:
        return 1
    if wish.write:
        seconds = "" if wish.seconds == SECONDS else f"--seconds {wish.seconds:g} "
        command = f'make torture ARGS="{seconds}--seed {wish.seed}"'
        PAGE.write_text(with_report(PAGE.read_text(encoding="utf-8"), command, lines), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
