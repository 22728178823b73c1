"""Whether a run kept the promise: journal, facts, policy, ClickHouse and clients held against each other. Pure."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from tests.torture.fold import Fold
from tests.torture.history import Place, Refusal, Row, Step

FALSE_REFUSALS_MAX = 0.01
TAKEOVER_MAX_S = 5.0
Wrong = Callable[[str, str], None]


@dataclass
class Observed:
    """What a run left behind. Money in pico-dollars."""

    steps: Iterable[Step]
    limits: Mapping[str, int]
    figures: Mapping[str, int] = field(default_factory=dict)  # what policy says each account has spent in its window
    current: Mapping[str, str] = field(default_factory=dict)  # the window that is
    rows: Sequence[Row] = ()  # ClickHouse's archive
    totals: Mapping[str, int] = field(default_factory=dict)  # ClickHouse's cost by request
    answers: Mapping[str, int] = field(default_factory=dict)  # what each whole answer told a client it used
    refusals: Sequence[Refusal] = ()
    takeovers_s: Sequence[float] = ()  # how long partitions had no owner after a policy process was killed


@dataclass
class Verdict:
    """`violations`: sentences by kind; none means that the promise was kept."""

    violations: dict[str, list[str]]
    fold: Fold
    overshoot_pico: int
    overshoot_in_clickhouse_pico: int
    false_refusals: int
    affordable: int

    @property
    def share_refused_falsely(self) -> float:
        return self.false_refusals / self.affordable if self.affordable else 0.0

    def count(self, kind: str) -> int:
        return len(self.violations.get(kind, ()))


def check(observed: Observed) -> Verdict:
    fold = Fold(observed.limits)
    for step in observed.steps:
        fold.add(step)
    fold.at_the_end()
    violations = {kind: list(sentences) for kind, sentences in fold.violations.items()}

    def wrong(kind: str, sentence: str) -> None:
        violations.setdefault(kind, []).append(sentence)

    for request, cost in observed.answers.items():
        if request not in fold.finished:
            wrong("lost", f"{request} was answered, and no fact says so")
        elif fold.finished[request] != cost:
            wrong("disagreement", f"{request} used {cost} by its answer, {fold.finished[request]} by its fact")
    for account, spent in observed.figures.items():
        place = Place(account, observed.current[account])
        if fold.spent[place] != spent:
            wrong("disagreement", f"{account}: policy counts {spent}, journal and facts come to {fold.spent[place]}")
    over = _in_clickhouse(fold, observed.rows, wrong)
    _compare_totals(fold, observed.totals, wrong)
    false = _refused_falsely(fold, observed.refusals)
    affordable = len(fold.finished) + false
    if affordable and false / affordable >= FALSE_REFUSALS_MAX:
        wrong("refused falsely", f"{false} of {affordable} requests that the budgets covered")
    for seconds in observed.takeovers_s:
        if seconds > TAKEOVER_MAX_S:
            wrong("takeover", f"a partition had no owner for {seconds:.1f} s")
    return Verdict(violations, fold, max([0, *fold.over.values()]), over, false, affordable)


def _in_clickhouse(fold: Fold, rows: Sequence[Row], wrong: Wrong) -> int:
    """Add up ClickHouse's rows one after the other; return by how much a budget was passed at most."""
    counted: dict[str, Row] = {}
    spent: Counter[Place] = Counter()
    over = 0
    for row in sorted(rows):
        before = counted.get(row.request)
        if before is not None and before.is_loss == row.is_loss:
            wrong("double", f"{row.request} is in ClickHouse twice")
            continue
        if before is not None and row.is_loss:
            continue  # its end was stored first
        counted[row.request] = row
        hold = fold.hold_of(row.request)
        if hold is None:
            wrong("disagreement", f"{row.request} is in ClickHouse, and in no journal")
            continue
        for place in hold.places:
            spent[place] += row.cost - (before.cost if before else 0)
            limit = fold.limits.get(place.account)
            if limit is not None and spent[place] > limit:
                if over == 0:
                    wrong("overshoot", f"{place.account} passed its limit {limit} in ClickHouse")
                over = max(over, spent[place] - limit)
    return over


def _compare_totals(fold: Fold, totals: Mapping[str, int], wrong: Wrong) -> None:
    counted = {request: ended.cost for request, ended in fold.ended.items()}
    for request in counted.keys() - totals.keys():
        wrong("lost", f"{request} is not in ClickHouse")
    for request in totals.keys() - counted.keys():
        wrong("disagreement", f"{request} is in ClickHouse, and has not ended by journal and facts")
    for request in counted.keys() & totals.keys():
        if counted[request] != totals[request]:
            wrong("disagreement", f"{request}: {totals[request]} in ClickHouse, {counted[request]} in the facts")


def _refused_falsely(fold: Fold, refusals: Sequence[Refusal]) -> int:
    """Return how many more requests somebody would have served who knew every cost beforehand.

    What was left of a window when all had ended is given to those it refused, in their order: as long as one of them
    could have had the shortest answer, its refusal was false.
    """
    left: dict[Place, int] = {}
    false = 0
    for refusal in refusals:
        place = refusal.place
        if place not in left:
            left[place] = fold.limits[place.account] - fold.spent[place]
        if refusal.least <= left[place]:
            left[place] -= min(refusal.most, left[place])
            false += 1
    return false
