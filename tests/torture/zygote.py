"""A process that has loaded the services and makes others of itself: a killed part is back at once, not in a second.

What it starts is the real service, in a process of its own, from `main` on. Commands come as JSON lines on stdin, and
the process id is the answer. When stdin ends, all that it started is killed.
"""

import asyncio
import ctypes
import importlib
import json
import os
import signal
import sys
from typing import NoReturn

from shared import tokens

MODULES = ("services.edge", "services.policy", "services.router", "services.ledger")
SNAPSHOT_EVERY_GROUPS = 60  # so that some are written
_PR_SET_PDEATHSIG = 1
SILENT_MS, REPORT_EVERY_S = 5_000, 0.5
REMOVE_AFTER_S = 10.0
"""What a snapshot stands for is removed that much later: the run wants to see it, even if nats-server was just away."""


def main() -> None:
    mains = {name: importlib.import_module(f"{name}.__main__").main for name in MODULES}
    _write_snapshots_often()
    _shorten_limits(int(sys.argv[1]))
    tokens.count("")  # loaded once for all, as the modules are
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # the dead are not waited for
    print("ready", flush=True)  # noqa: T201
    children: set[int] = set()
    for line in sys.stdin:
        wish = json.loads(line)
        pid = os.fork()
        if pid == 0:
            _become(mains[wish["module"]], wish["environment"], wish["log"])
        children.add(pid)
        print(pid, flush=True)  # noqa: T201
    for pid in children:
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            continue


def _write_snapshots_often() -> None:
    from services.policy.partitions.journal.journal_writer import JournalWriter
    from services.policy.partitions.partition import Partition

    defaults = Partition.__init__.__kwdefaults__
    assert "snapshot_every_groups" in defaults
    defaults["snapshot_every_groups"] = SNAPSHOT_EVERY_GROUPS
    at_once = JournalWriter._remove_before

    async def later(writer: JournalWriter, seq: int) -> None:
        await asyncio.sleep(REMOVE_AFTER_S)
        await at_once(writer, seq)

    JournalWriter._remove_before = later


def _shorten_limits(window_ms: int) -> None:
    """A window of limits passes many times in a run, and a slot whose router was killed is free within it."""
    from services.policy.limits import counters
    from services.policy.limits.sliding import Sliding
    from services.policy.partitions import slot_watch
    from services.router import endpoints

    usual = counters.minute()
    assert usual.length_ms > window_ms
    counters.minute = lambda: Sliding(window_ms, usual.grain_ms)
    assert slot_watch.SILENT_MS > SILENT_MS
    slot_watch.SILENT_MS = SILENT_MS
    assert endpoints.REPORT_EVERY_S > REPORT_EVERY_S
    endpoints.REPORT_EVERY_S = REPORT_EVERY_S


def _become(service: object, environment: dict[str, str], log: str) -> NoReturn:
    code = 1
    try:
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        os.setsid()
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)  # a run that is killed leaves nothing behind
        os.environ.clear()
        os.environ.update(environment)
        nothing = os.open(os.devnull, os.O_RDONLY)
        output = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        for number, target in ((nothing, 0), (output, 1), (output, 2)):
            os.dup2(number, target)
        assert callable(service)
        code = service()
    finally:
        os._exit(code)


if __name__ == "__main__":
    main()
