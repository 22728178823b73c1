"""What edge asks of ledger over `cmd.query.<name>`, and what it gets back. All of it is JSON.

A request is `{"body": {...}}`. An answer is `{"status": 200, "body": ...}` or `{"error": GatewayError.to_dict()}`; a
body too large for a message is read from `body_ref` in parts, see shared.payloads.bodies.
"""

from typing import Any, Literal

import msgspec

QueryName = Literal[
    "health",
    "spend_logs",
    "spend_summary",
    "spend_keys",
    "spend_users",
    "spend_end_users",
    "spend_tags",
    "global_spend",
    "global_spend_keys",
    "global_spend_teams",
    "global_spend_models",
    "global_spend_tags",
    "global_spend_provider",
    "global_spend_logs",
    "global_activity",
    "global_activity_model",
    "daily_activity",
]

LOGS_MAX = 10_000
"""Rows of one spend_logs answer at most; the newest ones are given."""


class SpendFilter(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """Which requests count: those that fit every field; of several values in one field any fits, of none all do.

    Milliseconds since 1970, UTC; the end is exclusive.
    """

    start_ms: int | None = None
    end_ms: int | None = None
    keys: tuple[str, ...] = ()  # tokens, or MASTER_KEY_ID
    users: tuple[str, ...] = ()
    teams: tuple[str, ...] = ()
    organizations: tuple[str, ...] = ()
    end_users: tuple[str, ...] = ()
    models: tuple[str, ...] = ()  # as the client asked for them
    tags: tuple[str, ...] = ()
    request_id: str = ""  # ours, or the provider's response id
    visible_key: str = ""  # with visible_user: only what this key or this user asked for
    visible_user: str = ""
    limit: int | None = None  # of the rows of the answer
    entity: Literal["user", "team", "tag", "organization", "customer"] = "user"  # of daily_activity


class QueryRequest(msgspec.Struct, frozen=True):
    body: SpendFilter = SpendFilter()


class QueryReply(msgspec.Struct, omit_defaults=True, frozen=True):
    """One of `body`, `body_ref` (with `size`) and `error`."""

    status: int = 200
    body: msgspec.Raw = msgspec.Raw(b"null")
    body_ref: str = ""
    size: int = 0
    truncated: bool = False  # there is more than was given
    error: dict[str, Any] | None = None


class LedgerHealth(msgspec.Struct, frozen=True):
    """Answer of "health". The lag counts facts stored and not yet written; its seconds are those of the oldest."""

    clickhouse: str  # "connected", or what is wrong
    applied_batch: int
    lag_facts: int
    lag_s: float
    unreadable_facts: int  # since the process started
