"""`python -m bench`: Meterhouse and LiteLLM Proxy under the same loads, one after the other, on this machine."""

import argparse
import contextlib
import shlex
import shutil
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from bench import cpu, machine
from bench.bars import own_ms
from bench.cases import CASES, Case
from bench.children import LOOPBACK, Failed, call_json, free_port, running, wait_until_200
from bench.gateway import ROLES, meterhouse
from bench.litellm import install, litellm
from bench.load import Outcome
from bench.measure import ROOT, Figures, Tally, Target, idle_cpu, measure, straight, wait_until_calm
from bench.proof import checks
from bench.report import Run, render, write_into

SECONDS = 4.0
ROUNDS = 3
QUICK_SECONDS = 2.0
DIRECT_SECONDS_MAX = 3.0
IDLE_S = 5.0
DISTURBED_CORES = 0.15
PAGE = ROOT / "docs" / "performance.md"


def main(argv: Sequence[str] | None = None) -> int:
    options = _parser().parse_args(argv)
    chosen = [case for case in CASES if not options.case or case.name in options.case]
    seconds = options.seconds or (QUICK_SECONDS if options.quick else SECONDS)
    rounds = options.rounds or (1 if options.quick else ROUNDS)
    (ROOT / ".bench").mkdir(exist_ok=True)
    # On the disk of the checkout: a temporary directory is memory on many machines, and fsync would cost nothing.
    work = Path(tempfile.mkdtemp(prefix="run-", dir=ROOT / ".bench"))
    try:
        run = _run(options, chosen, seconds, rounds, work)
    except Failed as problem:
        print(f"The benchmark failed: {problem}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    finally:
        if not options.keep:
            shutil.rmtree(work, ignore_errors=True)
    tables = render(run)
    print(f"\n{tables}")
    if options.write:
        write_into(options.write, tables)
        print(f"Written to {options.write}.")
    wrong = [check for check in run.checks if not check.holds]
    for check in wrong:
        print(f"Not all work was done: {check.what}: {check.expected} expected, {check.found} found.", file=sys.stderr)
    return 1 if wrong else 0


def _run(options: argparse.Namespace, chosen: Sequence[Case], seconds: float, rounds: int, work: Path) -> Run:
    calibration_ms = machine.calibrate_ms()
    run = Run(
        day=f"{datetime.now(UTC):%Y-%m-%d}",
        command=_command(),
        machine=machine.describe(),
        versions=machine.versions(),
        calibration_ms=(calibration_ms, calibration_ms),
        roles=ROLES,
    )
    _say(f"{run.machine}; calibration {calibration_ms:.1f} ms")
    with _upstream(work) as (upstream_url, upstream_pid):
        rig = _Rig(chosen, seconds, work, upstream_url, upstream_pid)
        _measure_upstream(run, rig)
        if not options.direct:
            _measure_ours(run, rig, rounds)
            if not (options.no_peer or options.quick):
                _measure_peer(run, rig)
    run.calibration_ms = (calibration_ms, machine.calibrate_ms())
    return run


@dataclass
class _Rig:
    """What all targets are measured with."""

    cases: Sequence[Case]
    seconds: float
    work: Path
    upstream_url: str
    upstream_pid: int
    direct: dict[str, Outcome] = field(default_factory=dict)  # by case


def _measure_upstream(run: Run, rig: _Rig) -> None:
    for case in rig.cases:
        before = cpu.read_tree(rig.upstream_pid)
        outcome = straight(case, rig.upstream_url, min(rig.seconds, DIRECT_SECONDS_MAX))
        spent = cpu.spent_s(before, cpu.read_tree(rig.upstream_pid), {rig.upstream_pid: "upstream"})
        rig.direct[case.name] = outcome
        run.direct.append((case.title, outcome, 1000 * sum(spent.values()) / max(outcome.answered, 1)))
        _say_outcome("upstream", case, outcome)


def _measure_ours(run: Run, rig: _Rig, rounds: int) -> None:
    _say("Meterhouse: starting")
    with meterhouse(rig.work, rig.upstream_url, {case.keys for case in rig.cases}) as (target, books):
        calls_before = _upstream_calls(rig.upstream_url)
        tally = Tally()
        wait_until_calm(target)
        run.idle = idle_cpu(target, IDLE_S)
        _say(f"Meterhouse: ready; idle {100 * sum(run.idle.values()):.1f} % of a core")
        for number in range(rounds):
            _say(f"Meterhouse: round {number + 1} of {rounds}")
            # Every other time from the end: what a case leaves behind for the next is not always on the same one.
            order = rig.cases if number % 2 == 0 else rig.cases[::-1]
            run.rounds.append([_measure_case(case, rig, target, run.idle, tally) for case in order])
        calls = _upstream_calls(rig.upstream_url) - calls_before
        run.checks = checks(tally, upstream_calls=calls, stored=books.read())


def _measure_peer(run: Run, rig: _Rig) -> None:
    """Measure LiteLLM; where it cannot be had, a note says so."""
    with _noting(run):
        _say("LiteLLM: looking for it, else installing it")
        run.peer_name = f"LiteLLM Proxy {install()}"
        with litellm(rig.work, rig.upstream_url) as target:
            idle = idle_cpu(target, IDLE_S)
            run.peer_idle = sum(idle.values())
            for case in rig.cases:
                if case.keys in target.keys:
                    with _noting(run):
                        run.peer.append(_measure_case(case, rig, target, idle, Tally()))


@contextlib.contextmanager
def _noting(run: Run) -> Iterator[None]:
    """Note what failed, and go on without it."""
    try:
        yield
    except Failed as problem:
        run.notes.append(str(problem))
        _say(str(problem))


def _measure_case(case: Case, rig: _Rig, target: Target, idle: Mapping[str, float], tally: Tally) -> Figures:
    """Measure a case; one that other programs disturbed is repeated once, and the quieter of the two counts."""

    def once() -> Figures:
        figures = measure(
            case,
            target,
            seconds=rig.seconds,
            idle=idle,
            upstream_pid=rig.upstream_pid,
            direct=rig.direct.get(case.name),
            tally=tally,
        )
        _say_outcome(target.name, case, figures.outcome, f", {own_ms(figures):.3f} ms CPU each")
        return figures

    figures = once()
    if figures.others_share > DISTURBED_CORES:
        _say(f"  others took {figures.others_share:.2f} cores meanwhile: once more")
        figures = min(figures, once(), key=lambda one: one.others_share)
    return figures


@contextlib.contextmanager
def _upstream(work: Path) -> Iterator[tuple[str, int]]:
    port = free_port()
    url, log = f"http://{LOOPBACK}:{port}", work / "upstream.log"
    command = [sys.executable, "-m", "bench.upstream", "--port", str(port)]
    with running("The upstream", command, log=log, cwd=ROOT, stop_within_s=5.0) as process:
        wait_until_200("The upstream", f"{url}/count", process, log=log, within_s=10.0)
        yield url, process.pid


def _upstream_calls(url: str) -> int:
    return int(call_json("GET", f"{url}/count")["calls"])


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def _say_outcome(name: str, case: Case, outcome: Outcome, more: str = "") -> None:
    latency = f", p50 {outcome.latency.p50:.2f} ms" if outcome.latency else ""
    errors = f", ERRORS {outcome.errors}" if outcome.errors else ""
    _say(f"{name}: {case.name}: {outcome.answered} answers, {outcome.per_second:,.0f}/s{latency}{more}{errors}")


def _command() -> str:
    return shlex.join(["python", "-m", "bench", *sys.argv[1:]])


def _at_least_one(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is no number of rounds: give 1 or more")
    return int(text)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="bench", description=__doc__)
    parser.add_argument("--case", action="append", choices=[case.name for case in CASES], help="only this one; repeat")
    parser.add_argument("--seconds", type=float, help=f"of each case; {SECONDS:g} if not given")
    parser.add_argument("--rounds", type=_at_least_one, help=f"over all cases of Meterhouse; {ROUNDS} if not given")
    parser.add_argument("--quick", action="store_true", help=f"{QUICK_SECONDS:g} s a case, one round, without the peer")
    parser.add_argument("--no-peer", action="store_true", help="without LiteLLM Proxy")
    parser.add_argument("--direct", action="store_true", help="only the upstream and the clients, without any gateway")
    parser.add_argument("--keep", action="store_true", help="keep data and logs of the run in .bench/")
    parser.add_argument(
        "--write", nargs="?", type=Path, const=PAGE, metavar="PAGE", help="write the tables into docs/performance.md"
    )
    return parser


if __name__ == "__main__":
    raise SystemExit(main())
