"""Is there room for one more request in all the limits that concern it, and if not, when will there be? Pure."""

from collections.abc import Mapping, Sequence
from typing import Literal, NamedTuple

from services.policy.limits.counters import UNUSED, Counter
from services.policy.limits.need import SHARE, Need, answer_within, least_answer

LimitType = Literal["requests", "tokens", "max_parallel_requests"]
"""As LiteLLM's header `rate_limit_type` names them."""

SOON_MS = 1_000
"""When to come again for what frees when a request in flight ends."""


class Limit(NamedTuple):
    """What one holder may use in a minute, in a day, and at a time. None: as much as it likes; 0: nothing."""

    account: str  # where it is counted
    home: int  # the partition that counts it
    kind: str  # as LiteLLM names holders in headers and refusals: "api_key", "team", "model_per_key", ...
    holder: str  # as a refusal names it
    rpm: int | None = None
    tpm: int | None = None
    tpd: int | None = None
    parallel: int | None = None
    spans_tenants: bool = False  # whether several tenants share it


class Over(NamedTuple):
    """Which limit has no room. `frees_ms` is when it will have; None: never, the request alone is more than all of it.

    `by_ends`: the end of a request in flight may make room before that.
    """

    limit: Limit
    type: LimitType
    maximum: int
    remaining: int
    frees_ms: int | None
    by_ends: bool
    daily: bool = False


def over_limit(counters: Mapping[str, Counter], limits: Sequence[Limit], need: Need, now_ms: int) -> Over | None:
    """Return None where all `limits` have room for a request with this need, else the one that will have it last.

    What has left the windows is dropped from the counters that are looked at.
    """
    worst: Over | None = None
    for limit in limits:
        counter = counters.get(limit.account, UNUSED)
        if counter is not UNUSED:
            counter.drop(now_ms)
        minute = counter.minute
        if need.requests and limit.rpm is not None and minute.requests >= limit.rpm:
            worst = _later(worst, _requests(limit, limit.rpm, counter))
        if limit.tpm is not None:
            tokens = need.with_answers_of(least_answer(need, limit.tpm))
            if minute.tokens + tokens > limit.tpm or limit.tpm == 0:
                worst = _later(worst, _tokens(limit, limit.tpm, counter, tokens, daily=False))
        if need.requests and limit.parallel is not None and counter.running >= limit.parallel:
            worst = _later(worst, _parallel(limit, limit.parallel, now_ms))
        if limit.tpd is not None:
            used = counter.day.tokens if counter.day is not None else 0
            tokens = need.with_answers_of(least_answer(need, limit.tpd))
            if used + tokens > limit.tpd or limit.tpd == 0:
                worst = _later(worst, _tokens(limit, limit.tpd, counter, tokens, daily=True))
    return worst


def counts_tokens(limits: Sequence[Limit]) -> bool:
    return any(limit.tpm is not None or limit.tpd is not None for limit in limits)


def longest_answer(counters: Mapping[str, Counter], limits: Sequence[Limit], need: Need) -> int:
    """Return how many tokens each answer may have; `over_limit` has said that all limits have room for the least."""
    longest = need.output
    if not longest:
        return 0
    for limit in limits:
        counter = counters.get(limit.account, UNUSED)
        if limit.tpm is not None:
            longest = min(longest, answer_within(need, limit.tpm, limit.tpm - counter.minute.tokens))
        if limit.tpd is not None:
            used = counter.day.tokens if counter.day is not None else 0
            longest = min(longest, answer_within(need, limit.tpd, limit.tpd - used))
    return longest


def gains_by_counting(counters: Mapping[str, Counter], limits: Sequence[Limit], need: Need) -> bool:
    """Whether a closer bound of the input may matter: it is a good part of what a limit leaves.

    What another partition counts is not in `counters`, so that all of it counts as free.
    """
    for limit in limits:
        counter = counters.get(limit.account, UNUSED)
        if limit.tpm is not None and need.input * SHARE > limit.tpm - counter.minute.tokens:
            return True
        if limit.tpd is not None:
            used = counter.day.tokens if counter.day is not None else 0
            if need.input * SHARE > limit.tpd - used:
                return True
    return False


def seems_more_than_all(limits: Sequence[Limit], need: Need, least: Need) -> bool:
    """Whether the bytes of a text make a request look like more than a whole limit that its tokens may keep to."""
    maxima = [maximum for limit in limits for maximum in (limit.tpm, limit.tpd) if maximum is not None]
    return any(least.most <= maximum < need.most for maximum in maxima)


def may_fit_in(over: Over, need: Need) -> bool:
    """Whether what the limit of tokens leaves may be enough for this need."""
    return need.with_answers_of(least_answer(need, over.maximum)) <= over.remaining


def _later(one: Over | None, other: Over) -> Over:
    if one is None:
        return other
    if one.frees_ms is None or (other.frees_ms is not None and other.frees_ms <= one.frees_ms):
        return one
    return other


def _requests(limit: Limit, maximum: int, counter: Counter) -> Over:
    minute = counter.minute
    frees_ms = minute.requests_leave_ms(minute.requests - maximum + 1) if maximum else None
    return Over(limit, "requests", maximum, 0, frees_ms, False)


def _parallel(limit: Limit, maximum: int, now_ms: int) -> Over:
    return Over(limit, "max_parallel_requests", maximum, 0, now_ms + SOON_MS if maximum else None, maximum > 0)


def _tokens(limit: Limit, maximum: int, counter: Counter, tokens: int, *, daily: bool) -> Over:
    window = counter.day if daily else counter.minute
    used = window.tokens if window is not None else 0
    remaining = max(0, maximum - used)
    if window is None or tokens > maximum or not maximum:
        return Over(limit, "tokens", maximum, remaining, None, False, daily)
    frees_ms = window.tokens_leave_ms(used + tokens - maximum)
    return Over(limit, "tokens", maximum, remaining, frees_ms, used - counter.reserved + tokens <= maximum, daily)
