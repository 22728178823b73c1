"""What edge asks of policy's control plane over `cmd.control.<verb>`, and what it gets back. All of it is JSON.

A request is `{"actor": {...}, "body": {...}}`, the body with LiteLLM's names for the fields of a key. An answer is
`{"status": 200, "body": ...}` or `{"status": ..., "error": GatewayError.to_dict()}`.
"""

from typing import Any, Literal

import msgspec

from shared.identity.holders import Holder
from shared.identity.keys import Key

ControlVerb = Literal[
    "key_generate",
    "key_update",
    "key_delete",
    "key_block",
    "key_unblock",
    "key_info",
    "key_find",
    "key_list",
    "key_regenerate",
    "key_reset_spend",
    "team_new",
    "team_update",
    "team_models_add",
    "team_models_delete",
    "team_delete",
    "team_block",
    "team_unblock",
    "team_info",
    "team_list",
    "member_add",
    "member_update",
    "member_delete",
    "organization_new",
    "organization_update",
    "organization_delete",
    "organization_block",
    "organization_unblock",
    "organization_info",
    "organization_list",
    "organization_member_add",
    "organization_member_update",
    "organization_member_delete",
    "user_new",
    "user_update",
    "user_delete",
    "user_block",
    "user_unblock",
    "user_info",
    "user_list",
    "budget_new",
    "budget_update",
    "budget_delete",
    "budget_block",
    "budget_unblock",
    "budget_info",
    "budget_list",
    "customer_new",
    "customer_update",
    "customer_delete",
    "customer_block",
    "customer_unblock",
    "customer_info",
    "customer_list",
    "tag_new",
    "tag_update",
    "tag_delete",
    "tag_block",
    "tag_unblock",
    "tag_info",
    "tag_list",
    "provider_budgets",
]


class Actor(msgspec.Struct, frozen=True):
    """Who asks: the id that stands in `created_by`, and whether it may manage."""

    id: str
    admin: bool


class ControlRequest(msgspec.Struct, frozen=True):
    actor: Actor
    body: dict[str, Any]


class ControlReply(msgspec.Struct, omit_defaults=True, frozen=True):
    """`body`, or `error`. The body is as written, to be read as the type its verb has."""

    status: int
    body: msgspec.Raw = msgspec.Raw()
    error: dict[str, Any] | None = None


class AccountFigures(msgspec.Struct, frozen=True):
    """What the owner of an account's partition says of it: pico-dollars of the current window, seconds since 1970.

    The question is `{"accounts": [...]}` to `subjects.account(partition_of(holder.tenant))`, the names as
    `holders.account_of` makes them, one for each window of the holder; the answer is name -> figures. An account
    that nothing was counted in yet has figures of 0. `held_pico` is what requests in flight may cost at most, and what
    other partitions have borrowed and not yet spent.
    """

    spend_pico: int
    held_pico: int
    window_start: float | None = None
    window_end: float | None = None


class ProviderAnswer(msgspec.Struct, frozen=True):
    """A provider's budget in its present window. Pico-dollars; `reset_at` in seconds since 1970."""

    provider: str
    duration: str
    limit_pico: int | None
    soft_pico: int | None
    figures: AccountFigures | None  # None: nobody could say them
    reset_at: float | None


class CorrectAccount(msgspec.Struct, frozen=True):
    """What the owner of an account's partition is told at `subjects.correct`: `holders.Correction` of it.

    The answer is `{"stored": true}` once it counts.
    """

    account: str
    serial: int
    pico: int
    at_ms: int
    at_least: bool = False


class SpendWasReset(msgspec.Struct, frozen=True):
    """A key whose spend was set, and what it was before. Pico-dollars."""

    answer: "KeyAnswer"
    previous_pico: int


class WindowAnswer(msgspec.Struct, frozen=True):
    """What is spent in one window, and when the next one begins; None where it is not known, or where none does."""

    figures: AccountFigures | None
    reset_at: float | None


class KeyAnswer(msgspec.Struct, frozen=True):
    """A key as it is now. `figures` is None when the owner of its partition did not say what was spent."""

    entry: Key
    figures: AccountFigures | None
    budget_reset_at: float | None = None
    windows: tuple[WindowAnswer, ...] = ()  # of the entry's `budgets`, one each


class GeneratedKey(msgspec.Struct, frozen=True):
    """`key` is the key itself: this is the only time it is told."""

    key: str
    answer: KeyAnswer


class DeletedKey(msgspec.Struct, frozen=True, omit_defaults=True):
    """`name` is the key, token or alias by which its deletion was asked; `secrets` what its entry was under, too."""

    name: str
    token: str
    secrets: tuple[str, ...] = ()


class KeyQuery(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Which keys to list, LiteLLM's names. Text is compared whole unless `substring_matching`."""

    page: int = 1
    size: int = 10
    user_id: str | None = None
    team_id: str | None = None
    organization_id: str | None = None
    project_id: str | None = None
    agent_id: str | None = None
    access_group_id: str | None = None
    key_hash: str | None = None
    key_alias: str | None = None
    search: str | None = None  # part of an alias, of a shown name, or of a token, whatever its case
    substring_matching: bool = False
    include_created_by_keys: bool = False  # with user_id: also keys that user made for others
    only_aliased: bool = False
    status: Literal["active", "expired", "revoked"] | None = None
    sort_by: Literal["spend", "max_budget", "created_at", "updated_at", "token", "key_alias"] = "created_at"
    sort_order: Literal["asc", "desc"] = "desc"
    figures: bool = False  # whether to ask what was spent


class KeyPage(msgspec.Struct, frozen=True):
    """One page of a list; `total` counts all that match."""

    keys: list[KeyAnswer]
    total: int


class HolderAnswer(msgspec.Struct, frozen=True):
    """A holder as it is now. `figures` count all its spend, None where nobody says it or nobody counts it; `windows`
    stand for the entry's `budgets`, one each.
    """

    entry: Holder
    figures: AccountFigures | None
    budget_reset_at: float | None = None
    windows: tuple[WindowAnswer, ...] = ()
    shared: Holder | None = None  # the budget it names by its budget_id
    counted: bool = True  # by the owner of its partition; else only the ledger knows what it spent


class TeamAnswer(msgspec.Struct, frozen=True):
    """A team with its members, those who were there first before the others, and with its keys where asked for."""

    team: HolderAnswer
    members: list[HolderAnswer]
    keys: list[KeyAnswer] = []
    users: list[HolderAnswer] = []  # those of the members that a change was about
    changed: tuple[str, ...] = ()  # ids of the memberships that it was about


class TeamQuery(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Which teams to list. An alias may be a part of it, whatever its case; without `page` all are given."""

    page: int | None = None
    page_size: int = 10
    team_id: str | None = None
    team_alias: str | None = None
    organization_id: str | None = None
    user_id: str | None = None  # those this user is a member of
    sort_by: Literal["team_id", "team_alias", "created_at"] = "created_at"
    sort_order: Literal["asc", "desc"] = "asc"
    keys: bool = False  # whether to ask what their keys have spent


class TeamPage(msgspec.Struct, frozen=True):
    """One page of a list; `total` counts all that match."""

    teams: list[TeamAnswer]
    total: int


class UserAnswer(msgspec.Struct, frozen=True):
    """A user, the teams it is in, and, where asked for, its memberships, keys and those teams."""

    user: HolderAnswer
    team_ids: list[str]
    memberships: list[HolderAnswer] = []
    keys: list[KeyAnswer] = []
    teams: list[TeamAnswer] = []
    key_count: int = 0


class NewUser(msgspec.Struct, frozen=True):
    """`generated` is the user's first key, told this once."""

    user: HolderAnswer
    team_ids: list[str]
    generated: GeneratedKey | None


class UserQuery(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Which users to list, LiteLLM's names. An e-mail address may be a part of one, whatever its case."""

    page: int = 1
    page_size: int = 25
    role: str | None = None
    user_ids: tuple[str, ...] = ()
    user_email: str | None = None
    team: str | None = None
    sort_by: Literal["user_id", "user_email", "user_alias", "created_at"] = "created_at"
    sort_order: Literal["asc", "desc"] = "desc"


class UserPage(msgspec.Struct, frozen=True):
    """One page of a list; `total` counts all that match."""

    users: list[UserAnswer]
    total: int


class OrganizationAnswer(msgspec.Struct, frozen=True):
    """An organisation with its members and teams; `users` and `changed` are of the members that a change was about."""

    organization: HolderAnswer
    members: list[HolderAnswer]
    teams: list[TeamAnswer]
    users: list[HolderAnswer] = []
    changed: tuple[str, ...] = ()
