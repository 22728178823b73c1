"""Whoever budgets and limits belong to besides keys: one entry of the HOLDERS bucket each, JSON.

Written by policy's control plane from the events of teams, members, users, organisations, end users, tags and shared
budgets; mirrored in memory by whoever watches the bucket. Providers' budgets and the global one stand in the
configuration instead.
"""

import hashlib
from typing import Any, Literal
from urllib.parse import quote

import msgspec

HolderKind = Literal["organization", "team", "member", "user", "end_user", "tag", "budget"]
"""`budget` is a shared set of terms that others name by `budget_id`; nothing is counted in it itself."""


AccountKind = HolderKind | Literal["key", "provider"]


class Window(msgspec.Struct, frozen=True, omit_defaults=True):
    """A hard limit on what is spent in one window. Pico-dollars; `anchor` in seconds since 1970, UTC."""

    limit_pico: int
    duration: str = ""  # "30d", "1mo", ...; "": never begins anew
    anchor: float = 0.0  # when it was set: what rolling windows count from
    model: str = ""  # counts calls to this model name alone; "": all calls
    timezone: str = ""  # IANA name: where a day begins; "": the configuration's
    rolling: bool = False  # begins with the first request after its end, instead of at the calendar's boundary
    listed: bool = False  # one of `budget_limits`: counted by its duration, beside the main one (`max_budget`)


class Limits(msgspec.Struct, frozen=True, omit_defaults=True):
    """Requests and tokens in a sliding minute or day, and requests at a time. None: not limited; 0: nothing."""

    rpm: int | None = None
    tpm: int | None = None
    tpd: int | None = None
    parallel: int | None = None
    model_rpm: dict[str, int] = {}  # by model name
    model_tpm: dict[str, int] = {}


class Correction(msgspec.Struct, frozen=True, array_like=True):
    """What the control plane has said of an account's spend, pico-dollars: it counts once, however often it is read.

    A later one has a higher `serial`. `at_ms` is when it was said: it belongs to the window that ran then. `at_least`:
    what is counted already stays where it is more.
    """

    serial: int
    pico: int
    at_ms: int
    at_least: bool = False


class Holder(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """`version` counts its events. Money in pico-dollars, times in seconds since 1970, UTC."""

    kind: HolderKind
    id: str  # a member's is member_id(team, user)
    version: int
    tenant: str  # whose partition counts for it; never changes
    created_at: float
    updated_at: float
    created_by: str = ""
    updated_by: str = ""
    alias: str | None = None
    blocked: bool = False
    models: tuple[str, ...] = ()  # empty: all
    budgets: tuple[Window, ...] = ()
    soft_budget_pico: int | None = None
    increase_pico: int = 0  # on top of each window's limit, until `increase_until`
    increase_until: float = 0.0
    limits: Limits = Limits()
    budget_id: str | None = None  # a shared budget that fills in what is not said here
    organization_id: str | None = None
    team_id: str | None = None
    user_id: str | None = None
    correction: Correction | None = None
    counted: bool = False  # it once had a budget: its spend is counted, whether it has one now or not
    tags: tuple[str, ...] = ()
    metadata: dict[str, Any] = {}
    extra: dict[str, Any] = {}  # what LiteLLM's API keeps and shows besides


def member_id(team_id: str, user_id: str) -> str:
    """Return the id of a user's membership in a team, of whatever characters the two consist."""
    return hashlib.sha256(f"{len(team_id)}:{team_id}:{user_id}".encode()).hexdigest()


def organization_member_id(organization_id: str, user_id: str) -> str:
    """Return the id of a user's membership in an organisation; no team's has the same, as no id holds a NUL."""
    return member_id(f"\0organization:{organization_id}", user_id)


def home_of(kind: HolderKind, holder_id: str, *, parent: str | None = None) -> str:
    """Return the tenant in whose partition a new holder is counted: its parent's where it has one."""
    if parent:
        return parent
    return holder_id if kind in ("organization", "team") else f"{kind}:{holder_id}"


def entry_name(kind: HolderKind, holder_id: str) -> str:
    """Return the name of an entry in the bucket: legal for every id."""
    return f"{kind}.{hashlib.sha256(holder_id.encode()).hexdigest()}"


GLOBAL_ACCOUNT = "global"
"""The account of the one budget for all there is, and the tenant in whose partition it is counted."""

_ID_MAX = 128


def account_of(kind: AccountKind, holder_id: str, window: Window | None = None) -> str:
    """Return the name of the account in which `window` of a holder is counted; None is the main one.

    The main account of a holder counts all its spend, and keeps what is spent when the duration of its budget is
    changed: `team:<id>`, and for a key its token alone. A listed window has an account by its duration,
    `team@1h:<id>`, and a window of one model an account by the model, `team~gpt-4o:<id>`.
    """
    place: str = kind
    if window is not None and window.model:
        place += "~" + quote(window.model, safe="")
    if window is not None and window.listed:
        place += "@" + window.duration
    if len(holder_id) > _ID_MAX:
        holder_id = "~" + hashlib.sha256(holder_id.encode()).hexdigest()
    return holder_id if place == "key" else f"{place}:{holder_id}"


def account_of_model(model: str) -> str:
    """Return the account in which all calls of a model are counted for its own limits."""
    return f"model:{model}"


def home_of_provider(provider: str) -> str:
    """Return the tenant in whose partition a provider's budget is counted."""
    return f"provider:{provider}"


encode_holder = msgspec.json.Encoder().encode
decode_holder = msgspec.json.Decoder(Holder).decode
