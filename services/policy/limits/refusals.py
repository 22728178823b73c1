"""What a client is told when a limit says no: LiteLLM's words and headers, and when to come again in truth."""

from datetime import UTC, datetime
from math import ceil

from services.policy.limits.room import Over
from shared.errors import RateLimited
from shared.header_lines import Header


def over_limit_error(over: Over, now_ms: int, headers: tuple[Header, ...] = ()) -> RateLimited:
    """Return the refusal. `headers` are those that say how all limits of the request stand."""
    message = (
        f"Rate limit exceeded for {over.limit.kind}: {over.limit.holder}. Limit type: {over.type}. "
        f"Current limit: {over.maximum}, Remaining: {over.remaining}"
    )
    fields: dict[str, object] = {"limit": over.maximum, "remaining": over.remaining, "reset_at": None}
    if over.daily:
        fields["window"] = "1d"
    own: list[Header] = [("rate_limit_type", over.type)]
    if over.frees_ms is None:
        if over.maximum:
            message += ". The request alone may use more than that: lower max_tokens, or ask for a higher limit"
        return RateLimited(message, fields=fields, headers=(*own, *headers))
    resets = f"{datetime.fromtimestamp(ceil(over.frees_ms / 1000), UTC):%Y-%m-%d %H:%M:%S} UTC"
    fields["reset_at"] = resets
    return RateLimited(
        f"{message}. Limit resets at: {resets}",
        retry_after_s=max(1, ceil((over.frees_ms - now_ms) / 1000)),
        fields=fields,
        headers=(*own, ("reset_at", resets), *headers),
    )
