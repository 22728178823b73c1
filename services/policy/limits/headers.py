"""The headers that tell a client how its limits stand, in OpenAI's form and in LiteLLM's. Pure.

OpenAI's tell of the limit that leaves least, of a minute or of a day; `reset` is when nothing of it would be used any
more. Tokens of a day have headers of their own beside LiteLLM's, which has none for them.
https://platform.openai.com/docs/guides/rate-limits#rate-limits-in-headers
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from services.policy.limits.counters import UNUSED, Counter
from services.policy.limits.room import Limit
from services.policy.limits.sliding import Sliding, day

Header = tuple[str, str]

_UNUSED_DAY = day()
"""It is never written to."""


class _Left(NamedTuple):
    """How much of a maximum is left, and the window it is counted in."""

    left: int
    maximum: int
    window: Sliding


def limit_headers(counters: Mapping[str, Counter], limits: Sequence[Limit], now_ms: int) -> tuple[Header, ...]:
    """Return the headers for limits as they stand at `now_ms`, what has left their windows dropped already."""
    found: list[Header] = []
    requests: _Left | None = None
    tokens: _Left | None = None
    for limit in limits:
        counter = counters.get(limit.account, UNUSED)
        name = f"x-ratelimit-{limit.kind}-"
        if limit.rpm is not None:
            left = max(0, limit.rpm - counter.minute.requests)
            found += ((f"{name}remaining-requests", str(left)), (f"{name}limit-requests", str(limit.rpm)))
            requests = _tighter(requests, _Left(left, limit.rpm, counter.minute))
        if limit.tpm is not None:
            left = max(0, limit.tpm - counter.minute.tokens)
            found += ((f"{name}remaining-tokens", str(left)), (f"{name}limit-tokens", str(limit.tpm)))
            tokens = _tighter(tokens, _Left(left, limit.tpm, counter.minute))
        if limit.tpd is not None:
            window = counter.day if counter.day is not None else _UNUSED_DAY
            left = max(0, limit.tpd - window.tokens)
            found += ((f"{name}remaining-tokens-day", str(left)), (f"{name}limit-tokens-day", str(limit.tpd)))
            tokens = _tighter(tokens, _Left(left, limit.tpd, window))
        if limit.parallel is not None:
            left = max(0, limit.parallel - counter.running)
            found += (
                (f"{name}remaining-max_parallel_requests", str(left)),
                (f"{name}limit-max_parallel_requests", str(limit.parallel)),
            )
        if limit.kind == "api_key":
            if limit.tpm is not None:
                found.append(("x-litellm-key-tpm-limit", str(limit.tpm)))
            if limit.rpm is not None:
                found.append(("x-litellm-key-rpm-limit", str(limit.rpm)))
    for what, tightest in (("requests", requests), ("tokens", tokens)):
        if tightest is not None:
            left, maximum, window = tightest
            found += (
                (f"x-ratelimit-limit-{what}", str(maximum)),
                (f"x-ratelimit-remaining-{what}", str(left)),
                (f"x-ratelimit-reset-{what}", duration_text(max(0, window.all_left_ms() - now_ms))),
            )
    return tuple(found)


def _tighter(one: _Left | None, other: _Left) -> _Left:
    return other if one is None or other.left < one.left else one


def merged_headers(some: tuple[Header, ...], others: tuple[Header, ...]) -> tuple[Header, ...]:
    """Return the headers of limits that two partitions have told: OpenAI's of the one that leaves less."""
    if not others or not some:
        return some or others
    merged, more = dict(some), dict(others)
    for what in ("requests", "tokens"):
        left = f"x-ratelimit-remaining-{what}"
        if left in merged and left in more and int(merged[left]) <= int(more[left]):
            for name in (left, f"x-ratelimit-limit-{what}", f"x-ratelimit-reset-{what}"):
                del more[name]
    return tuple({**merged, **more}.items())


def duration_text(ms: int) -> str:
    """Return a time as OpenAI's headers write it: "120ms", "7.5s", "1m0s", "23h59m0s"."""
    if ms < 1_000:
        return f"{ms}ms"
    minutes, rest_ms = divmod(ms, 60_000)
    text = f"{rest_ms / 1000:.3f}".rstrip("0").rstrip(".") + "s"
    if not minutes:
        return text
    hours, minutes = divmod(minutes, 60)
    return f"{hours}h{minutes}m{text}" if hours else f"{minutes}m{text}"
