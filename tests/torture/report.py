"""What a run came to, in lines to print."""

from collections import Counter

from tests.torture.run import Outcome

_BARE = {"global": "global"}
SHOWN = 8  # violations of a kind


def lines_of(outcome: Outcome) -> list[str]:
    plan, seen, verdict = outcome.plan, outcome.seen, outcome.verdict
    fold = verdict.fold
    statuses = ", ".join(f"{status} {count}" for status, count in sorted(seen.statuses.items()))
    kills = ", ".join(f"{kind} {count}" for kind, count in sorted(outcome.kills.counts.items()))
    by_kind = Counter(_kind_of(account) for account in fold.limits)
    kinds = ", ".join(f"{kind} {count}" for kind, count in sorted(by_kind.items()))
    exhausted = sum(1 for place, spent in fold.spent.items() if spent >= 0.9 * fold.limits.get(place.account, 10**30))
    limited = list(outcome.world.rates.values())
    rpm, tpm = sum(one.rpm is not None for one in limited), sum(one.tpm is not None for one in limited)
    parallel = sum(one.parallel is not None for one in limited)
    soft = sum(1 for place, spent in fold.spent.items() if spent >= outcome.world.soft.get(place.account, 10**30))
    lines = [
        f"seed                        {plan.seed}, {plan.seconds:g} s, {plan.edges} edges, {plan.policies} policies, "
        f"{plan.routers} routers, {plan.clients} clients, {len(fold.limits)} budgets",
        f"requests                    {seen.requests} ({statuses})",
        f"kills with -9, long sleeps  {outcome.kills.counts.total()} ({kills})",
        f"holds                       {len(fold.ended) + len(fold.released) + len(fold.open)}, expired "
        f"{len(fold.expired)}, of them corrected by a late end {fold.late_ends}, given back {len(fold.released)}",
        f"journal                     {outcome.translator.groups} groups, {outcome.translator.snapshots} snapshots, "
        f"{fold.steps} steps looked at",
        f"budgets                     {len(fold.spent)} windows were spent from, {exhausted} of them to nine tenths",
        f"of                          {kinds}",
        f"soft budgets                {len(outcome.world.soft)}, {soft} windows passed them",
        f"windows that ended          {len(fold.resets)} told",
        f"keys given another secret   {outcome.world.rotations}",
        f"spend of keys that was set  {sum(one.confirmed for one in outcome.world.attempts)} times, "
        f"{sum(not one.confirmed for one in outcome.world.attempts)} more without an answer",
        f"limits                      {len(limited)} of {_some(requests=rpm, tokens=tpm, **{'at a time': parallel})}, "
        f"{verdict.limits.full} reached, {verdict.limits.took} parts taken",
        f"overshoot, any budget, any step, by journal and facts    {verdict.overshoot_pico}",
        f"overshoot, any budget, any row, by ClickHouse            {verdict.overshoot_in_clickhouse_pico}",
        f"settles lost                                             {verdict.count('lost')}",
        f"settles and admissions counted twice                     {verdict.count('double')}",
        f"money and slots stranded                                 {verdict.count('stranded')}",
        f"admitted by two owners                                   {verdict.count('two owners')}",
        f"disagreement of journal, facts, policy and ClickHouse    {verdict.count('disagreement')}",
        f"counted in a window that it was not admitted in          {verdict.count('window')}",
        f"over a limit of requests, tokens or at a time            {verdict.count('limit')}",
        f"thresholds told                                          {len(fold.crossed)}, twice or not at all "
        f"{verdict.count('untold')}; hooks called again after a kill {verdict.hooked_again}",
        f"refused falsely by budgets                               {verdict.false_refusals} of {verdict.affordable} "
        f"that the budgets covered ({verdict.share_refused_falsely:.2%})",
        f"refused falsely by limits                                {verdict.limits.refused_wrongly} of "
        f"{verdict.limits.judged} refusals ({verdict.limits.share_refused_wrongly:.2%})",
        f"without an owner, of {len(outcome.takeovers_s)} partitions whose policy fell out       at most "
        f"{max(outcome.takeovers_s, default=0.0):.1f} s",
    ]
    for kind, sentences in verdict.violations.items():
        lines += [f"VIOLATION: {kind}: {sentence}" for sentence in sentences[:SHOWN]]
        if len(sentences) > SHOWN:
            lines.append(f"VIOLATION: {kind}: and {len(sentences) - SHOWN} more")
    return lines


def _kind_of(account: str) -> str:
    head = account.partition(":")[0].partition("@")[0] if ":" in account else _BARE.get(account, "key")
    return head


def _some(**counts: int) -> str:
    return ", ".join(f"{name} {count}" for name, count in counts.items())
