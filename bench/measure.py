"""One case on one target: warm up, look at the processes, put the load on, let the work be finished, look again."""

import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from bench import cpu
from bench.cases import Case, api_base, model_for
from bench.children import Failed
from bench.load import GRACE_S, Load, Outcome, arguments, read_outcome

ROOT = Path(__file__).parent.parent
SETTLE_S = 2.5
"""How long what runs behind the answers (facts, batches, inserts) is given before it is counted as done."""

BEHIND_MAX_S = 60.0
_NO_CALLS_LIMIT = 10_000_000

CALM = 0.06  # of a core
CALM_WITHIN_S = 120


@dataclass(frozen=True, slots=True)
class Target:
    """A gateway under load. `behind` tells how many of so many answered calls it still has to store.

    `keys` are what a load takes, by the `keys` of a case.
    """

    name: str
    url: str
    keys: Mapping[str, str]
    pid: int
    role_of: Callable[[str], str | None]
    main_role: str
    behind: Callable[[int], int]

    def roles(self) -> dict[int, str]:
        return cpu.roles(cpu.read_tree(self.pid), self.role_of, self.main_role)


@dataclass(frozen=True, slots=True)
class Figures:
    """What one case took. CPU in milliseconds a request."""

    case: Case
    outcome: Outcome
    direct: Outcome | None  # the same load straight on the upstream
    cpu_ms: Mapping[str, float]  # by role
    upstream_ms: float
    clients_ms: float
    others_share: float  # CPU that other programs took, in cores
    memory: Mapping[str, cpu.Memory]

    @property
    def total_ms(self) -> float:
        return sum(self.cpu_ms.values())


class Tally:
    """Calls answered so far on one target, with the warm-ups: what must be in its books in the end."""

    def __init__(self) -> None:
        self.plain = 0
        self.streams = 0
        self.failed = 0
        self.of_others = 0  # of the plain ones, those by other keys than the one whose spend is compared

    def add(self, case: Case, outcome: Outcome) -> None:
        if case.stream:
            self.streams += outcome.answered
        else:
            self.plain += outcome.answered
        if case.keys != "bench":
            self.of_others += outcome.answered
        self.failed += outcome.sent - outcome.answered

    @property
    def answered(self) -> int:
        return self.plain + self.streams


def straight(case: Case, upstream_url: str, seconds: float) -> Outcome:
    """Put the load on the upstream itself."""
    return run_load(case, api_base(upstream_url, case.upstream), "none", seconds)


def wait_until_calm(target: Target) -> None:
    """Wait until what making the keys has left to do is done."""
    for _ in range(CALM_WITHIN_S):
        if sum(idle_cpu(target, 1.0).values()) < CALM:
            return
    raise RuntimeError(f"the gateway is not calm after {CALM_WITHIN_S} s without a request")


def idle_cpu(target: Target, seconds: float) -> dict[str, float]:
    """Return the share of a core that each role takes while nobody asks anything."""
    role, before = target.roles(), cpu.read_tree(target.pid)
    began = time.monotonic()
    time.sleep(seconds)
    spent = cpu.spent_s(before, cpu.read_tree(target.pid), role)
    passed = time.monotonic() - began
    return {name: seconds_ / passed for name, seconds_ in spent.items()}


def measure(
    case: Case,
    target: Target,
    *,
    seconds: float,
    idle: Mapping[str, float],
    upstream_pid: int,
    direct: Outcome | None,
    tally: Tally,
) -> Figures:
    """Return the figures of one case.

    The CPU is taken from before the load until all is stored; what the idle gateway takes in the seconds outside of
    the load itself is left out.

    Raises:
        Failed: nothing was answered, or a process was restarted meanwhile.
    """
    endpoint = f"{target.url}/v1"
    key = target.keys[case.keys]
    tally.add(case, run_load(case, endpoint, key, case.warm_up_s))
    _wait_until_stored(target, tally)

    role = target.roles()
    before, upstream_before = cpu.read_tree(target.pid), cpu.read_tree(upstream_pid)
    began, busy_before = time.monotonic(), cpu.busy_s()
    outcome = run_load(case, endpoint, key, seconds)
    tally.add(case, outcome)
    upstream_s = _total(upstream_before, cpu.read_tree(upstream_pid))
    time.sleep(SETTLE_S)
    after, ended, busy_after = cpu.read_tree(target.pid), time.monotonic(), cpu.busy_s()
    while target.behind(tally.answered) > 0 and time.monotonic() - began < seconds + BEHIND_MAX_S:
        time.sleep(1.0)
        after, ended, busy_after = cpu.read_tree(target.pid), time.monotonic(), cpu.busy_s()
    if not outcome.answered:
        raise Failed(f"{target.name}, case {case.name}: nothing was answered: {outcome.errors}")
    try:
        spent = cpu.spent_s(before, after, role)
    except cpu.Restarted as problem:
        raise Failed(f"{target.name}, case {case.name}: {problem}") from None

    waited_s = ended - began - outcome.seconds
    others_s = busy_after - busy_before - sum(spent.values()) - upstream_s - outcome.cpu_s
    return Figures(
        case=case,
        outcome=outcome,
        direct=direct,
        cpu_ms={
            name: 1000 * max(taken - waited_s * idle.get(name, 0.0), 0.0) / outcome.answered
            for name, taken in spent.items()
        },
        upstream_ms=1000 * upstream_s / outcome.answered,
        clients_ms=1000 * outcome.cpu_s / outcome.answered,
        others_share=max(others_s, 0.0) / (ended - began),
        memory=cpu.memory(after, role),
    )


def run_load(case: Case, endpoint: str, key: str, seconds: float) -> Outcome:
    """Run the clients in a process of their own.

    Raises:
        Failed: that process failed.
    """
    load = Load(
        url=f"{endpoint}/{'messages' if case.dialect == 'anthropic' else 'chat/completions'}",
        model=model_for(case.upstream),
        key=key,
        connections=case.connections,
        seconds=seconds,
        calls_max=_NO_CALLS_LIMIT,
        prompt_bytes=case.prompt_bytes,
        stream=case.stream,
        stagger_s=case.stagger_s,
        dialect=case.dialect,
    )
    command = [sys.executable, "-m", "bench.load", *arguments(load)]
    try:
        done = subprocess.run(command, cwd=ROOT, capture_output=True, timeout=seconds + GRACE_S + 30, check=False)
    except subprocess.TimeoutExpired:
        raise Failed(f"case {case.name}: the clients did not end") from None
    if done.returncode:
        raise Failed(f"case {case.name}: the clients failed: {done.stderr[-800:].decode(errors='replace')}")
    return read_outcome(done.stdout)


def _wait_until_stored(target: Target, tally: Tally) -> None:
    time.sleep(SETTLE_S)
    give_up = time.monotonic() + BEHIND_MAX_S
    while target.behind(tally.answered) > 0 and time.monotonic() < give_up:
        time.sleep(0.5)


def _total(before: list[cpu.Process], after: list[cpu.Process]) -> float:
    return sum(process.cpu_s for process in after) - sum(process.cpu_s for process in before)
