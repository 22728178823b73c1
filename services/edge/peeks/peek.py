"""What every peek tells, and the fields of a JSON body that speak to the gateway, whatever the endpoint."""

from typing import Any

import msgspec

from shared.errors import InvalidRequest
from shared.usage import tier_of

NUMBER_MAX = 2_147_483_647
RETRIES_MAX = 100
NAME_MAX = 2_000
"""Characters of a model's or user's name: it stands in every fact of the request."""
NAMES_MAX = 16_000
"""Characters of all tags, and of all guardrails' names."""

Units = tuple[tuple[str, int], ...]


class Peek(msgspec.Struct, frozen=True):
    """`text_bytes` bounds the tokens of the text; `images` counts images and other media that are read.

    `units` bounds what is used of classes that are not tokens: (a usage class of shared.usage, at most so many).
    """

    model: str | None
    text_bytes: int
    stream: bool = False
    include_usage: bool = False
    max_tokens: int | None = None
    max_tokens_field: str = ""
    n: int = 1
    user: str = ""
    has_tools: bool = False
    tags: tuple[str, ...] = ()
    guardrails: tuple[str, ...] = ()
    metadata: dict[str, Any] | None = None
    num_retries: int | None = None
    timeout_s: float | None = None
    disable_fallbacks: bool = False
    images: int = 0
    units: Units = ()
    tier: str = ""  # the service tier that is asked for, shared.usage.tier_of
    priority: int = 0
    tells_cost: bool = False
    drop_params: bool | None = None


class UsageWish(msgspec.Struct):
    """OpenRouter's `usage: {"include": true}`."""

    include: bool | None = None


class Ours(msgspec.Struct, kw_only=True):
    """The fields that any endpoint's body may have; an endpoint's own struct inherits them."""

    model: str | None = None
    user: str | None = None
    tags: list[str] | None = None
    metadata: dict[str, Any] | None = None
    guardrails: list[Any] | None = None
    num_retries: int | None = None
    timeout: float | None = None
    disable_fallbacks: bool | None = None
    service_tier: Any = None
    speed: Any = None  # Anthropic's fast mode
    priority: int | None = None
    usage: UsageWish | None = None
    drop_params: bool | None = None


def peek_of(
    ours: Ours,
    route: str,
    text_bytes: int,
    *,
    stream: bool = False,
    include_usage: bool = False,
    max_tokens: int | None = None,
    max_tokens_field: str = "",
    n: int = 1,
    user: str | None = None,
    has_tools: bool = False,
    images: int = 0,
    units: Units = (),
) -> Peek:
    """Return the peek; `user` where the dialect has another field for it.

    Raises:
        InvalidRequest: a number that makes no sense, or a name that is too long.
    """
    if max_tokens is not None:
        within(1, max_tokens, max_tokens_field, route)
    if n != 1:
        within(1, n, "n", route)
    if ours.num_retries is not None:
        within(0, ours.num_retries, "num_retries", route, RETRIES_MAX)
    if ours.timeout is not None and ours.timeout <= 0:
        raise InvalidRequest(f"{route}: 'timeout' must be more than 0 seconds.", param="timeout")
    if ours.priority is not None:
        within(-NUMBER_MAX, ours.priority, "priority", route)
    model, metadata = ours.model, ours.metadata
    user = user or ours.user or ""
    if not user and metadata and isinstance(metadata.get("user_id"), str):
        user = metadata["user_id"]  # as LiteLLM has it, where no field names the end user
    if model is not None and len(model) > NAME_MAX:
        raise _too_long("model", NAME_MAX, route)
    if len(user) > NAME_MAX:
        raise _too_long("user", NAME_MAX, route)
    return Peek(
        model,
        text_bytes,
        stream,
        include_usage,
        max_tokens,
        max_tokens_field,
        n,
        user,
        has_tools,
        _tags(ours.tags, metadata, route) if ours.tags or metadata else (),
        _guardrail_names(ours.guardrails, route) if ours.guardrails else (),
        _logged_metadata(metadata) if metadata else None,
        ours.num_retries,
        ours.timeout,
        bool(ours.disable_fallbacks),
        images,
        units,
        "" if ours.service_tier is None and ours.speed is None else tier_of(ours.speed) or tier_of(ours.service_tier),
        0 if ours.priority is None else ours.priority,
        ours.usage is not None and bool(ours.usage.include),
        ours.drop_params,
    )


def within(least: int, value: int, field: str, route: str, most: int = NUMBER_MAX) -> None:
    """Raises: InvalidRequest."""
    if not least <= value <= most:
        bound = f"at least {least}" if value < least else f"at most {most}"
        raise InvalidRequest(f"{route}: '{field}' must be {bound}.", param=field)


def _too_long(field: str, most: int, route: str) -> InvalidRequest:
    return InvalidRequest(f"{route}: '{field}' must have at most {most} characters.", param=field)


def _tags(tags: list[str] | None, metadata: dict[str, Any] | None, route: str) -> tuple[str, ...]:
    """Return what stands in LiteLLM's two places for tags; what is no text in `metadata` is none."""
    more = metadata.get("tags") if metadata else None
    found = (*(tags or ()), *(tag for tag in (more if isinstance(more, list) else ()) if isinstance(tag, str)))
    if sum(map(len, found)) > NAMES_MAX:
        raise _too_long("tags", NAMES_MAX, route)
    return found


def _guardrail_names(guardrails: list[Any], route: str) -> tuple[str, ...]:
    names = []
    for entry in guardrails:
        names.extend([entry] if isinstance(entry, str) else list(entry) if isinstance(entry, dict) else [])
    if sum(map(len, names)) > NAMES_MAX:
        raise _too_long("guardrails", NAMES_MAX, route)
    return tuple(names)


def _logged_metadata(metadata: dict[str, Any]) -> dict[str, Any] | None:
    logged = metadata.get("spend_logs_metadata")
    return logged if isinstance(logged, dict) else None
