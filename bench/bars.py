"""The figures that were asked for, and what is computed from a case's figures to compare with them."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from statistics import median

from bench.cases import FEW, MANY
from bench.latency import Spread
from bench.measure import Figures


@dataclass(frozen=True, slots=True)
class Bar:
    """A figure to reach. `most`: the value may not pass it; else it may not stay below.

    `spread` holds the lowest and the highest that a round found.
    """

    what: str
    limit: float
    unit: str
    found: float | None
    most: bool = True
    spread: tuple[float, float] | None = None

    @property
    def verdict(self) -> str:
        if self.found is None:
            return "not measured"
        return "reached" if (self.found <= self.limit if self.most else self.found >= self.limit) else "**missed**"


def bars(rounds: Sequence[Sequence[Figures]]) -> list[Bar]:
    """Return what was asked for, with what the round in the middle found; of an even number, the mean of the two there.

    A difference is one of cases of the same round: what a host is faster or slower an hour later does not come in.
    """
    return [_over_rounds(same) for same in zip(*(_bars(figures) for figures in rounds), strict=True)]


def middle(rounds: Sequence[Figures]) -> Figures:
    """Return the round of a case that took the CPU in the middle; of an even number, the lower of the two there."""
    return sorted(rounds, key=own_ms)[(len(rounds) - 1) // 2]


def _over_rounds(same: Sequence[Bar]) -> Bar:
    found = [bar.found for bar in same if bar.found is not None]
    return replace(same[0], found=median(found), spread=(min(found), max(found))) if found else same[0]


def _bars(figures: Sequence[Figures]) -> list[Bar]:
    """Return what one round found. Without ClickHouse, where not said otherwise."""
    by_name = {one.case.name: one for one in figures}

    def cpu(case: str) -> float | None:
        return own_ms(by_name[case]) if case in by_name else None

    def p50(case: str) -> float | None:
        latency = by_name[case].outcome.latency if case in by_name else None
        return latency.p50 if latency else None

    def rate(case: str) -> float | None:
        return by_name[case].outcome.per_second if case in by_name else None

    saturated, alone = by_name.get("saturated"), by_name.get("alone")
    added = added_ms(alone) if alone else None
    native, streamed = _least(cpu("saturated"), cpu("messages")), _least(cpu("stream"), cpu("stream-messages"))
    database = saturated.cpu_ms.get("clickhouse", 0.0) if saturated else None
    return [
        Bar("CPU of a request, saturated (32 connections)", 0.50, "ms", cpu("saturated")),
        Bar("ClickHouse's share on top of it", 0.10, "ms", database),
        Bar("CPU of a request when alone", 1.4, "ms", cpu("alone")),
        Bar("CPU of a 50-chunk stream", 0.9, "ms", cpu("stream")),
        Bar("added latency alone, p50", 1.5, "ms", added.p50 if added else None),
        Bar(
            "requests a second, clients and upstream on the same cores",
            2500,
            "",
            saturated.outcome.per_second if saturated else None,
            most=False,
        ),
        Bar("CPU of a request in Anthropic's dialect to Anthropic, saturated", 0.50, "ms", cpu("messages")),
        Bar("CPU that a translation adds, Anthropic to OpenAI", 0.15, "ms", _more(cpu("messages-chat"), native)),
        Bar("CPU that a translation adds, OpenAI to Anthropic", 0.15, "ms", _more(cpu("chat-messages"), native)),
        Bar(
            "CPU that translating a 50-chunk stream adds, Anthropic to OpenAI",
            0.4,
            "ms",
            _more(cpu("stream-messages-chat"), streamed),
        ),
        Bar(
            "CPU that translating a 50-chunk stream adds, OpenAI to Anthropic",
            0.4,
            "ms",
            _more(cpu("stream-chat-messages"), streamed),
        ),
        Bar("CPU that 3 budgets and 2 limits add, saturated", 0.10, "ms", _more(cpu("held"), cpu("plain"))),
        Bar("latency that they add alone, p50", 0.6, "ms", _more(p50("held-alone"), p50("plain-alone"))),
        Bar("requests a second on one hot team with them", 2000, "", rate("held"), most=False),
        Bar(f"CPU that {MANY:,} budgets in use take more than {FEW}", 0.02, "ms", _more(cpu("many"), cpu("few"))),
    ]


def _more(one: float | None, other: float | None) -> float | None:
    return None if one is None or other is None else one - other


def _least(*values: float | None) -> float | None:
    """Return the least of what was measured: a translation is held against the cheaper of the two dialects."""
    return min((value for value in values if value is not None), default=None)


def own_ms(figures: Figures) -> float:
    """Return the CPU of a request without ClickHouse's."""
    return figures.total_ms - figures.cpu_ms.get("clickhouse", 0.0)


def added_ms(figures: Figures) -> Spread | None:
    """Return latency less that of the bare upstream under the same load, where that says something."""
    return _difference(figures, figures.outcome.latency, figures.direct.latency if figures.direct else None)


def added_first_chunk_ms(figures: Figures) -> Spread | None:
    """Return the same for the time to the first chunk of a stream."""
    return _difference(figures, figures.outcome.first_chunk, figures.direct.first_chunk if figures.direct else None)


def _difference(figures: Figures, with_it: Spread | None, without: Spread | None) -> Spread | None:
    if not figures.case.added or with_it is None or without is None:
        return None
    return Spread(with_it.p50 - without.p50, with_it.p99 - without.p99)
