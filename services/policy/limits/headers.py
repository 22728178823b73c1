"""The headers that tell a client how its limits stand, in OpenAI's form and in LiteLLM's. Pure.

OpenAI's tell of the limit that leaves least; `reset` is when nothing of it would be used any more.
https://platform.openai.com/docs/guides/rate-limits#rate-limits-in-headers
"""

from collections.abc import Mapping, Sequence

from services.policy.limits.counters import UNUSED, Counter
from services.policy.limits.room import Limit

Header = tuple[str, str]


def limit_headers(counters: Mapping[str, Counter], limits: Sequence[Limit], now_ms: int) -> tuple[Header, ...]:
    """Return the headers for limits as they stand at `now_ms`, what has left their windows dropped already."""
    found: list[Header] = []
    requests: tuple[int, int, Counter] | None = None
    tokens: tuple[int, int, Counter] | None = None
    for limit in limits:
        counter = counters.get(limit.account, UNUSED)
        name = f"x-ratelimit-{limit.kind}-"
        if limit.rpm is not None:
            left = max(0, limit.rpm - counter.minute.requests)
            found += ((f"{name}remaining-requests", str(left)), (f"{name}limit-requests", str(limit.rpm)))
            if requests is None or left < requests[0]:
                requests = (left, limit.rpm, counter)
        if limit.tpm is not None:
            left = max(0, limit.tpm - counter.minute.tokens)
            found += ((f"{name}remaining-tokens", str(left)), (f"{name}limit-tokens", str(limit.tpm)))
            if tokens is None or left < tokens[0]:
                tokens = (left, limit.tpm, counter)
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
            left, maximum, counter = tightest
            found += (
                (f"x-ratelimit-limit-{what}", str(maximum)),
                (f"x-ratelimit-remaining-{what}", str(left)),
                (f"x-ratelimit-reset-{what}", duration_text(max(0, counter.minute.all_left_ms() - now_ms))),
            )
    return tuple(found)


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
    """Return a time as OpenAI's headers write it: "120ms", "7.5s", "1m0s"."""
    if ms < 1_000:
        return f"{ms}ms"
    minutes, rest_ms = divmod(ms, 60_000)
    seconds = f"{rest_ms / 1000:.3f}".rstrip("0").rstrip(".")
    return f"{minutes}m{seconds}s" if minutes else f"{seconds}s"
