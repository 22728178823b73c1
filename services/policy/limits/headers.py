"""The headers that tell a client how its limits stand, in OpenAI's form and in LiteLLM's, as lines. Pure.

OpenAI's tell of the limit that leaves least, of a minute or of a day; `reset` is when nothing of it would be used any
more. Tokens of a day have headers of their own beside LiteLLM's, which has none for them.
https://platform.openai.com/docs/guides/rate-limits#rate-limits-in-headers
"""

from collections.abc import Mapping, Sequence
from functools import reduce
from typing import NamedTuple

from services.policy.limits.counters import UNUSED, Counter
from services.policy.limits.room import Limit
from services.policy.limits.sliding import Sliding, day
from shared.header_lines import headers_in, lines_of

_UNUSED_DAY = day()
"""It is never written to."""


class _Left(NamedTuple):
    """How much of a maximum is left, and the window it is counted in."""

    left: int
    maximum: int
    window: Sliding


def limit_lines(counters: Mapping[str, Counter], limits: Sequence[Limit], now_ms: int) -> str:
    """Return the headers for limits as they stand at `now_ms`, what has left their windows dropped already."""
    parts: list[str] = []
    requests: _Left | None = None
    tokens: _Left | None = None
    for limit in limits:
        counter = counters.get(limit.account, UNUSED)
        kind = limit.kind
        if limit.rpm is not None:
            left = max(0, limit.rpm - counter.minute.requests)
            parts.append(_of_kind(kind, "requests", left, limit.rpm))
            requests = _tighter(requests, left, limit.rpm, counter.minute)
        if limit.tpm is not None:
            left = max(0, limit.tpm - counter.minute.tokens)
            parts.append(_of_kind(kind, "tokens", left, limit.tpm))
            tokens = _tighter(tokens, left, limit.tpm, counter.minute)
        if limit.tpd is not None:
            window = counter.day if counter.day is not None else _UNUSED_DAY
            left = max(0, limit.tpd - window.tokens)
            parts.append(_of_kind(kind, "tokens-day", left, limit.tpd))
            tokens = _tighter(tokens, left, limit.tpd, window)
        if limit.parallel is not None:
            left = max(0, limit.parallel - counter.running)
            parts.append(_of_kind(kind, "max_parallel_requests", left, limit.parallel))
        if kind == "api_key":
            if limit.tpm is not None:
                parts.append(f"x-litellm-key-tpm-limit: {limit.tpm}\r\n")
            if limit.rpm is not None:
                parts.append(f"x-litellm-key-rpm-limit: {limit.rpm}\r\n")
    if requests is not None:
        parts.append(_openais("requests", requests, now_ms))
    if tokens is not None:
        parts.append(_openais("tokens", tokens, now_ms))
    if len(limits) > 1 and len({limit.kind for limit in limits}) < len(limits):
        return reduce(merged_lines, parts, "")  # several tags, or a model by its name and by its group's
    return "".join(parts)


def _of_kind(kind: str, what: str, left: int, maximum: int) -> str:
    return f"x-ratelimit-{kind}-remaining-{what}: {left}\r\nx-ratelimit-{kind}-limit-{what}: {maximum}\r\n"


def _openais(what: str, tightest: _Left, now_ms: int) -> str:
    left, maximum, window = tightest
    return (
        f"x-ratelimit-limit-{what}: {maximum}\r\n"
        f"x-ratelimit-remaining-{what}: {left}\r\n"
        f"x-ratelimit-reset-{what}: {duration_text(max(0, window.all_left_ms() - now_ms))}\r\n"
    )


def _tighter(one: _Left | None, left: int, maximum: int, window: Sliding) -> _Left:
    return _Left(left, maximum, window) if one is None or left < one.left else one


def merged_lines(some: str, others: str) -> str:
    """Return the headers of limits that two have told; what both tell, of the one that leaves less."""
    if not others or not some:
        return some or others
    merged, more = dict(headers_in(some)), dict(headers_in(others))
    for left in [name for name in more if "-remaining-" in name and name in merged]:
        if int(merged[left]) <= int(more[left]):
            for word in ("-remaining-", "-limit-", "-reset-"):
                more.pop(left.replace("-remaining-", word), None)
    return lines_of({**merged, **more}.items())


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
