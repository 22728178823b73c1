"""A virtual key as edge and policy need it: the value of one entry of the KEYS bucket, JSON.

Written by policy's control plane from the key's events, mirrored in memory by whoever watches the bucket. The key
itself is nowhere: `token` is its SHA-256, as LiteLLM's clients know it.
"""

import hashlib
from typing import Any, Literal

import msgspec

from shared.identity.holders import Correction, Limits, Window

Priority = Literal["high", "normal", "low"]
"""Which of the requests that wait for a limit go first."""

MASTER_KEY_ID = "litellm_proxy_master_key"
"""What LiteLLM's spend rows call the master key; ours do the same, so that reports keep working."""


class Key(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """`version` counts the key's events. Money in pico-dollars, times in seconds since 1970, UTC.

    `token` is what all is counted by, and stays when the key gets another secret. The bucket has the entry under it,
    and the same once more under the SHA-256 of each other secret that counts.
    """

    token: str  # SHA-256 of the key's first secret, hex
    version: int
    tenant: str  # whose partition decides for this key: organisation, else team, else the token; never changes
    key_name: str  # "sk-...abcd", safe to show
    created_at: float
    updated_at: float
    created_by: str = ""
    updated_by: str = ""
    key_alias: str | None = None
    user_id: str | None = None
    team_id: str | None = None
    organization_id: str | None = None
    models: tuple[str, ...] = ()  # empty: all
    aliases: dict[str, str] = {}  # model names renamed for this key
    metadata: dict[str, Any] = {}
    tags: tuple[str, ...] = ()
    guardrails: tuple[str, ...] = ()
    allowed_routes: tuple[str, ...] = ()  # empty: all
    expires: float | None = None
    blocked: bool | None = None
    budgets: tuple[Window, ...] = ()  # all its hard ones: max_budget, budget_limits, model_max_budget
    max_budget_pico: int | None = None  # as LiteLLM's fields say it; where it is set it is the first of `budgets`
    budget_duration: str | None = None
    budget_anchor: float = 0.0  # when the duration was set: what a rolling window counts from
    soft_budget_pico: int | None = None
    increase_pico: int = 0  # on top of each window's limit, until `increase_until`
    increase_until: float = 0.0
    limits: Limits = Limits()
    budget_id: str | None = None  # a shared budget that fills in what is not said here
    max_wait_s: float = 0.0  # how long a request may wait for a limit before it is refused
    priority: Priority = "normal"
    secret: str = ""  # SHA-256 of its present secret; "": the token
    retired: tuple[tuple[str, float], ...] = ()  # former secrets that count yet, and until when
    rotations: int = 0
    rotated_at: float | None = None
    correction: Correction | None = None
    taken_off_pico: int = 0  # of what it spent, by all corrections
    key_type: str = "default"
    permissions: dict[str, Any] = {}
    config: dict[str, Any] = {}
    extra: dict[str, Any] = {}  # fields of LiteLLM's API that are kept and shown but have no effect yet


def accepts(key: Key, secret: str, now: float) -> bool:
    """Return whether `secret`, the SHA-256 of what a client sent, is one of `key`'s at `now`."""
    if secret == (key.secret or key.token):
        return True
    return any(secret == former and now < until for former, until in key.retired)


def entry_names(key: Key) -> tuple[str, ...]:
    """Return under which names the bucket has the key."""
    names = (key.token, key.secret or key.token, *[secret for secret, _ in key.retired])
    return tuple(dict.fromkeys(names))


def token_of(key: str) -> str:
    """Return what a key is known by: its SHA-256, hex, as LiteLLM hashes it."""
    return hashlib.sha256(key.encode()).hexdigest()


def as_token(name: str) -> str:
    """Return the token of a key that is given as itself (`sk-...`) or, as LiteLLM also takes it, as its token."""
    return token_of(name) if name.startswith("sk-") else name


encode_key = msgspec.json.Encoder().encode
decode_key = msgspec.json.Decoder(Key).decode
