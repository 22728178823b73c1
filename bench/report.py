"""The tables, in Markdown, as they are printed and as they stand in docs/performance.md."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from bench.bars import added_first_chunk_ms, added_ms, bars, middle, own_ms
from bench.cpu import Memory
from bench.latency import Spread
from bench.load import Outcome
from bench.measure import Figures
from bench.proof import Check

BEGIN = "<!-- figures: written by `make bench ARGS=--write`, do not edit -->"
END = "<!-- end of figures -->"
_NONE = "–"


@dataclass
class Run:
    """All that one run found out."""

    day: str
    command: str
    machine: str
    versions: str
    calibration_ms: tuple[float, float]  # before and after
    direct: list[tuple[str, Outcome, float]] = field(default_factory=list)  # case title, outcome, upstream CPU ms
    rounds: list[list[Figures]] = field(default_factory=list)
    roles: Sequence[str] = ()
    idle: Mapping[str, float] = field(default_factory=dict)
    checks: list[Check] = field(default_factory=list)
    peer: list[Figures] = field(default_factory=list)
    peer_name: str = ""
    peer_idle: float = 0.0
    notes: list[str] = field(default_factory=list)

    @property
    def ours(self) -> list[Figures]:
        """The figures of each case, from its round in the middle."""
        return [middle(same) for same in self._by_case()]

    @property
    def spreads(self) -> list[tuple[float, float]]:
        """The lowest and the highest CPU of a request without ClickHouse that a round found, by case."""
        return [(min(map(own_ms, same)), max(map(own_ms, same))) for same in self._by_case()]

    def _by_case(self) -> list[list[Figures]]:
        names = [one.case.name for one in self.rounds[0]] if self.rounds else []
        return [[one for figures in self.rounds for one in figures if one.case.name == name] for name in names]


def render(run: Run) -> str:
    """Return the whole of the tables."""
    before, after = run.calibration_ms
    parts = [
        f"Measured {run.day} with `{run.command}`.",
        f"Machine: {run.machine}. Versions: {run.versions}.\n"
        f"Calibration (a fixed piece of Python work, best of several): {before:.1f} ms before, {after:.1f} ms after.",
    ]
    if run.rounds:
        parts += ["### To reach", _rounds_line(len(run.rounds)), _bars(run.rounds)]
        parts += ["### CPU milliseconds a request, by process", _cpu_table(run), _idle_line(run)]
        parts += ["### Speed (milliseconds: p50 / p99)", _speed_table(run.ours)]
        parts += ["### Memory after the last case, MB", _memory_table(run.rounds[-1][-1].memory, run.roles)]
    if run.peer:
        parts += [f"### Beside {run.peer_name}, same run", _peer_table(run)]
        parts += [f"Idle, {run.peer_name} takes {100 * run.peer_idle:.1f} % of a core."]
        parts += [_speed_table(run.peer)]
    if run.direct:
        parts += ["### The upstream and the clients alone", _direct_table(run.direct)]
    if run.checks:
        parts += ["### Was all the work done?", _check_table(run.checks)]
    parts += [f"Note: {note}" for note in run.notes]
    return "\n\n".join(parts) + "\n"


def write_into(page: Path, tables: str) -> None:
    """Replace what stands between the markers of the page.

    Raises:
        ValueError: it has no markers.
    """
    text = page.read_text()
    begin, end = text.find(BEGIN), text.find(END)
    if begin < 0 or end < begin:
        raise ValueError(f"{page} lacks the lines {BEGIN!r} and {END!r}: put them where the tables belong")
    page.write_text(f"{text[: begin + len(BEGIN)]}\n\n{tables}\n{text[end:]}")


def _rounds_line(count: int) -> str:
    if count == 1:
        return "Of one round: what the host did meanwhile is in it."
    return f"Of {count} rounds over all cases: the one in the middle, and the lowest and the highest."


def _bars(rounds: Sequence[Sequence[Figures]]) -> str:
    rows = []
    for bar in bars(rounds):
        digits = ".2f" if bar.unit else ",.0f"
        found = _NONE if bar.found is None else format(bar.found, digits)
        spread = _NONE if bar.spread is None else " to ".join(format(value, digits) for value in bar.spread)
        limit = f"{'at most' if bar.most else 'at least'} {bar.limit:,g} {bar.unit}".strip()
        rows.append([bar.what, limit, found, spread, bar.verdict])
    return _table(["", "to reach", "measured", "rounds", ""], rows)


def _cpu_table(run: Run) -> str:
    header = ["case", "without ClickHouse", "rounds", *run.roles, "all", "in calibrations", "others' cores"]
    loop_ms = sum(run.calibration_ms) / 2
    rows = [
        [
            one.case.title,
            f"**{own_ms(one):.3f}**",
            f"{least:.2f} to {greatest:.2f}",
            *(f"{one.cpu_ms.get(role, 0.0):.3f}" for role in run.roles),
            f"{one.total_ms:.3f}",
            f"{one.total_ms / loop_ms:.4f}",
            f"{one.others_share:.2f}",
        ]
        for one, (least, greatest) in zip(run.ours, run.spreads, strict=True)
    ]
    return _table(header, rows)


def _idle_line(run: Run) -> str:
    shares = ", ".join(f"{role} {100 * run.idle.get(role, 0.0):.1f}" for role in run.roles)
    return f"Idle, the whole gateway takes {100 * sum(run.idle.values()):.1f} % of a core ({shares})."


def _speed_table(figures: Sequence[Figures]) -> str:
    header = [
        "case",
        "answers/s",
        "whole answer",
        "added",
        "first chunk",
        "added",
        "gap",
        "errors",
    ]
    rows = [
        [
            one.case.title,
            f"{one.outcome.per_second:,.0f}",
            _spread(one.outcome.latency),
            _spread(added_ms(one)),
            _spread(one.outcome.first_chunk),
            _spread(added_first_chunk_ms(one)),
            _spread(one.outcome.gap),
            str(one.outcome.error_count),
        ]
        for one in figures
    ]
    return _table(header, rows)


def _memory_table(memory: Mapping[str, Memory], roles: Iterable[str]) -> str:
    shown = [role for role in roles if role in memory]
    rss = [f"{memory[role].rss_mb:.0f}" for role in shown]
    pss = [f"{memory[role].pss_mb:.0f}" for role in shown]
    total = [sum(one.rss_mb for one in memory.values()), sum(one.pss_mb for one in memory.values())]
    return _table(
        ["", *shown, "all"],
        [["resident", *rss, f"{total[0]:.0f}"], ["shared pages divided", *pss, f"{total[1]:.0f}"]],
    )


def _peer_table(run: Run) -> str:
    theirs = {one.case.name: one for one in run.peer}
    rows = []
    for ours in run.ours:
        peer = theirs.get(ours.case.name)
        if peer is None:
            continue
        rows.append(
            [
                ours.case.title,
                f"{ours.total_ms:.2f}",
                f"{peer.total_ms:.2f}",
                f"**{peer.total_ms / ours.total_ms:.1f}x**" if ours.total_ms else _NONE,
                f"{ours.outcome.per_second:,.0f} / {peer.outcome.per_second:,.0f}",
                f"{_spread(ours.outcome.latency)} vs {_spread(peer.outcome.latency)}",
                f"{_rss(ours):.0f} / {_rss(peer):.0f}",
                str(peer.outcome.error_count),
            ]
        )
    name = run.peer_name
    header = [
        "case",
        "CPU ms, all of Meterhouse",
        f"CPU ms, {name}",
        "ratio",
        "answers/s, ours / theirs",
        "p50 / p99 ms",
        "resident MB",
        "their errors",
    ]
    return _table(header, rows)


def _direct_table(direct: Sequence[tuple[str, Outcome, float]]) -> str:
    header = [
        "case",
        "answers/s",
        "p50 / p99 ms",
        "first chunk p50 / p99",
        "upstream CPU ms",
        "clients CPU ms",
        "errors",
    ]
    rows = [
        [
            title,
            f"{outcome.per_second:,.0f}",
            _spread(outcome.latency),
            _spread(outcome.first_chunk),
            f"{upstream_ms:.3f}",
            f"{1000 * outcome.cpu_s / max(outcome.answered, 1):.3f}",
            str(outcome.error_count),
        ]
        for title, outcome, upstream_ms in direct
    ]
    return _table(header, rows)


def _check_table(found: Sequence[Check]) -> str:
    rows = [[check.what, check.expected, check.found, "yes" if check.holds else "**no**"] for check in found]
    return _table(["", "expected", "found", "agree"], rows)


def _rss(figures: Figures) -> float:
    return sum(one.rss_mb for one in figures.memory.values())


def _spread(spread: Spread | None) -> str:
    return _NONE if spread is None else f"{spread.p50:.2f} / {spread.p99:.2f}"


def _table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines: list[Sequence[str]] = [header, ["---", *["---:"] * (len(header) - 1)], *rows]
    if len({len(line) for line in lines}) > 1:
        raise ValueError(f"the rows of the table {header[0]!r} differ in length")
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)
