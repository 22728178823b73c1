"""Whether a run kept the promise: journal, facts, policy, ClickHouse and clients held against each other. Pure."""

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from tests.torture.fold import Fold
from tests.torture.history import PROVIDER, Crossed, Limit, Place, Refusal, Row, Step, Throttled, costs
from tests.torture.limit_check import LimitVerdict, check_limits
from tests.torture.set_spend import Attempt, Said

FALSE_REFUSALS_MAX = 0.01
ENOUGH_TO_SAY = 1_000
"""Requests: of fewer, one more or less would be the share that is too much."""

TAKEOVER_MAX_S, TAKEOVER_WORK_S = 5.0, 1.0  # the work is CPU, which takes longer while others want it, too
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
    sums: Mapping[str, int] = field(default_factory=dict)  # ClickHouse's cost by account, of all windows
    said: Said = field(default_factory=dict)
    attempts: Sequence[Attempt] = ()
    refusals: Sequence[Refusal] = ()
    percents: Sequence[int] = ()  # that are told of each budget
    passing: Collection[str] = ()  # accounts whose window may have ended before the last cent was settled
    soft: Mapping[str, int] = field(default_factory=dict)  # soft budgets by account
    crossings: Collection[str] = ()  # ids of the facts that say that a threshold was reached
    hooked: Mapping[str, int] = field(default_factory=dict)  # how often a hook was called for each of them
    deaths: int = 0  # each may have come between a hook's answer and the note of it
    rates: Mapping[str, Limit] = field(default_factory=dict)  # limits by account
    throttled: Sequence[Throttled] = ()
    window_ms: int = 60_000  # of limits
    unknown_keys: int = 0  # requests that were told that nobody knows their key
    takeover_max_s: float = TAKEOVER_MAX_S
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
    limits: LimitVerdict
    hooked_again: int

    @property
    def share_refused_falsely(self) -> float:
        return self.false_refusals / self.affordable if self.affordable else 0.0

    def count(self, kind: str) -> int:
        return len(self.violations.get(kind, ()))


def check(observed: Observed) -> Verdict:
    steps = list(observed.steps)
    fold = Fold(observed.limits, observed.said)
    for step in steps:
        fold.add(step)
    fold.at_the_end()
    fold.sets.missing(observed.attempts)
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
    for account, cost in observed.sums.items():
        counted = sum(spent for place, spent in fold.spent.items() if place.account == account)
        if account.startswith(PROVIDER):
            counted -= fold.assumed(account)  # nobody knows whom it was paid to
        counted -= fold.sets.beyond[account]
        if counted != cost:
            wrong("disagreement", f"{account}: {cost} in ClickHouse, journal and facts come to {counted}")
    _look_at_thresholds(fold, observed, wrong)
    hooked_again = _look_at_hooks(observed, wrong)
    limits = check_limits(steps, observed.rates, observed.throttled, observed.window_ms, wrong)
    over = _in_clickhouse(fold, observed.rows, wrong)
    _compare_totals(fold, observed.totals, wrong)
    false = _refused_falsely(fold, observed.refusals)
    affordable = len(fold.finished) + false
    if false and false / max(affordable, ENOUGH_TO_SAY) >= FALSE_REFUSALS_MAX:
        wrong("refused falsely", f"{false} of {affordable} requests that the budgets covered")
    if observed.unknown_keys:
        wrong("refused falsely", f"{observed.unknown_keys} requests, with a secret that counts")
    for seconds in observed.takeovers_s:
        if seconds > observed.takeover_max_s:
            wrong("takeover", f"a partition had no owner for {seconds:.1f} s")
    over_pico = max([0, *fold.over.values()])
    return Verdict(violations, fold, over_pico, over, false, affordable, limits, hooked_again)


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
            counts = row.cost if row.is_loss else costs(place, row.cost, row.provider)
            spent[place] += counts - (before.cost if before else 0)
            limit = fold.limits.get(place.account)
            if limit is not None:
                limit += max(0, -fold.sets.by[place])  # what was taken off is in no row
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

    What was left of the windows when all had ended is given to those that were refused, in their order: as long as one
    of them could have had the shortest answer, its refusal was false.
    """
    left: dict[Place, int] = {}
    false = 0
    for refusal in refusals:
        for place in (*refusal.places, *refusal.providers):
            left.setdefault(place, fold.limits[place.account] - fold.spent[place])
        affordable = min([left[place] for place in refusal.places], default=refusal.most)
        paid: list[Place] = []
        if refusal.providers:
            paid = [max(refusal.providers, key=lambda place: left[place])]
            affordable = min(affordable, left[paid[0]])
        if refusal.least <= affordable:
            for place in (*refusal.places, *paid):
                left[place] -= min(refusal.most, affordable)
            false += 1
    return false


def _look_at_thresholds(fold: Fold, observed: Observed, wrong: Wrong) -> None:
    """What was reached in the present windows must have been told, and nothing that was never reached."""
    for account, window in observed.current.items():
        place, limit = Place(account, window), fold.limits[account]
        for percent in observed.percents if account not in observed.passing else ():
            if fold.spent[place] * 100 >= limit * percent and Crossed(place, percent) not in fold.crossed:
                wrong("untold", f"{account}: nobody was told of {percent} %")
        soft = observed.soft.get(account)
        is_told = account in observed.passing or Crossed(place, None) in fold.crossed
        if soft is not None and fold.spent[place] >= soft and not is_told:
            wrong("untold", f"{account}: nobody was told of its soft budget")
    for place, percent in fold.crossed:
        if percent is None and fold.most[place] < observed.soft.get(place.account, 0):
            wrong("untold", f"{place.account}: its soft budget was told, and never reached")
        limit = fold.limits.get(place.account)
        if limit is not None and percent is not None and fold.most[place] * 100 < limit * min(percent, 99):
            wrong("untold", f"{place.account}: {percent} % was told, and never reached")


def _look_at_hooks(observed: Observed, wrong: Wrong) -> int:
    """Return how many calls came a second time, which only a death between call and note excuses."""
    for crossing in observed.crossings:
        if not observed.hooked.get(crossing):
            wrong("untold", f"no hook was called for {crossing}")
    again = sum(times - 1 for times in observed.hooked.values())
    if again > observed.deaths:
        wrong("double", f"{again} calls of hooks came again, after {observed.deaths} deaths")
    for crossing in observed.hooked.keys() - set(observed.crossings):
        wrong("disagreement", f"a hook was called for {crossing}, and no fact says so")
    return again
