"""CPU time and memory of a tree of processes, grouped by role, as /proc tells them (Linux only)."""

import contextlib
import os
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from bench.children import Failed

TICKS_PER_S = os.sysconf("SC_CLK_TCK")
"""CPU times have steps of one tick, 10 ms as a rule: too coarse for runs of a few hundred requests."""

_PROC = Path("/proc")


@dataclass(frozen=True, slots=True)
class Process:
    pid: int
    parent: int
    command: str
    cpu_s: float  # user and system time since it started


@dataclass(frozen=True, slots=True)
class Memory:
    rss_mb: float
    pss_mb: float  # pages that several processes share are divided among them


class Restarted(Failed):
    """A process of the tree died or came during a measurement, which is worth nothing then."""


def parse_stat(text: str) -> tuple[int, float]:
    """Return parent and CPU seconds from a `/proc/PID/stat` line. The command in it may hold spaces and brackets."""
    fields = text[text.rindex(")") + 2 :].split()
    return int(fields[1]), (int(fields[11]) + int(fields[12])) / TICKS_PER_S


def parse_rollup(text: str) -> Memory:
    """Return what `/proc/PID/smaps_rollup` says, 0 where it says nothing."""
    kb = {"Rss": 0, "Pss": 0}
    for line in text.splitlines():
        name, _, value = line.partition(":")
        if name in kb:
            kb[name] = int(value.split()[0])
    return Memory(rss_mb=kb["Rss"] / 1024, pss_mb=kb["Pss"] / 1024)


def parse_busy(text: str) -> float:
    """Return the seconds that the cores were not idle, from `/proc/stat`; time stolen by the host counts as busy."""
    user, nice, system, _idle, _iowait, irq, softirq, steal = (int(ticks) for ticks in text.split()[1:9])
    return (user + nice + system + irq + softirq + steal) / TICKS_PER_S


def read_tree(root: int) -> list[Process]:
    """Return the process `root` and all its descendants, parents before their children."""
    everyone = {process.pid: process for process in _everyone()}
    children: dict[int, list[int]] = defaultdict(list)
    for process in everyone.values():
        children[process.parent].append(process.pid)
    found: list[Process] = []
    waiting = [root]
    while waiting:
        pid = waiting.pop(0)
        if pid in everyone:
            found.append(everyone[pid])
            waiting += children[pid]
    return found


def roles(tree: Iterable[Process], role_of: Callable[[str], str | None], default: str) -> dict[int, str]:
    """Return the role of each process by its command; one without its own has that of the process that started it."""
    found: dict[int, str] = {}
    for process in tree:
        found[process.pid] = role_of(process.command) or found.get(process.parent, default)
    return found


def spent_s(before: Iterable[Process], after: Iterable[Process], role: Mapping[int, str]) -> dict[str, float]:
    """Return the CPU seconds between two looks at a tree, by role.

    Raises:
        Restarted: it is not the same processes any more.
    """
    earlier = {process.pid: process.cpu_s for process in before}
    later = {process.pid: process for process in after}
    if earlier.keys() != later.keys():
        changed = sorted(role.get(pid, "a new process") for pid in earlier.keys() ^ later.keys())
        raise Restarted(f"processes came or went during the measurement: {', '.join(changed)}")
    spent: dict[str, float] = defaultdict(float)
    for pid, process in later.items():
        spent[role[pid]] += process.cpu_s - earlier[pid]
    return dict(spent)


def memory(tree: Iterable[Process], role: Mapping[int, str]) -> dict[str, Memory]:
    """Return the memory by role, now."""
    total: dict[str, Memory] = {}
    for process in tree:
        with contextlib.suppress(FileNotFoundError, ProcessLookupError, PermissionError):
            one = parse_rollup((_PROC / str(process.pid) / "smaps_rollup").read_text())
            sum_ = total.get(role[process.pid], Memory(0.0, 0.0))
            total[role[process.pid]] = Memory(sum_.rss_mb + one.rss_mb, sum_.pss_mb + one.pss_mb)
    return total


def busy_s() -> float:
    """Return the CPU seconds that all processes of the machine took since it started."""
    with (_PROC / "stat").open() as file:
        return parse_busy(file.readline())


def _everyone() -> Iterable[Process]:
    for entry in _PROC.iterdir():
        if not entry.name.isdigit():
            continue
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):  # it ended meanwhile
            parent, cpu_s = parse_stat((entry / "stat").read_text())
            command = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()
            yield Process(int(entry.name), parent, command, cpu_s)
