"""What was done to keys. Published from the control plane's events, in their order; `id` is `control_<sequence>`."""

from typing import Any, ClassVar, Literal

from pydantic import BaseModel, ConfigDict

from shared.facts.header import Fact


class BudgetTerms(BaseModel):
    """One hard window. `anchor` is when it was set, in seconds since 1970; `model` is empty where all calls count.

    `timezone` is the one it was given; empty: that of `litellm_settings.timezone`, UTC without it.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    limit_pico: int
    duration: str = ""
    anchor: float = 0.0
    model: str = ""
    timezone: str = "UTC"
    rolling: bool = False
    listed: bool = False  # one of budget_limits


class KeyTerms(BaseModel):
    """What a key may do. Money in pico-dollars; None where there is no limit, empty where all is allowed."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    models: tuple[str, ...] = ()
    aliases: dict[str, str] = {}
    allowed_routes: tuple[str, ...] = ()
    max_budget_pico: int | None = None
    soft_budget_pico: int | None = None
    budget_duration: str | None = None
    expires_ms: int | None = None
    rpm_limit: int | None = None
    tpm_limit: int | None = None
    max_parallel_requests: int | None = None
    budgets: tuple[BudgetTerms, ...] = ()
    increase_pico: int = 0
    increase_until_ms: int = 0
    budget_id: str = ""
    tpd_limit: int | None = None
    model_rpm_limit: dict[str, int] = {}
    model_tpm_limit: dict[str, int] = {}
    blocked: bool = False
    tags: tuple[str, ...] = ()
    guardrails: tuple[str, ...] = ()
    metadata: dict[str, Any] = {}


class OfKey(Fact):
    """A fact about a key. `key` is its token (SHA-256), `key_version` counts its events, `by` is who did it."""

    key: str
    key_version: int
    key_name: str
    key_alias: str = ""
    user_id: str = ""
    team_id: str = ""
    organization_id: str = ""
    by: str


class KeyGenerated(OfKey):
    """The key exists."""

    KIND: ClassVar[str] = "key.generated"

    kind: Literal["key.generated"] = "key.generated"
    v: Literal[1] = 1
    terms: KeyTerms


class KeyUpdated(OfKey):
    """Its terms are others now: `terms` as they are after it, `changed` the names of the fields that were set."""

    KIND: ClassVar[str] = "key.updated"

    kind: Literal["key.updated"] = "key.updated"
    v: Literal[1] = 1
    changed: tuple[str, ...]
    terms: KeyTerms


class KeyBlocked(OfKey):
    """It is refused until it is unblocked."""

    KIND: ClassVar[str] = "key.blocked"

    kind: Literal["key.blocked"] = "key.blocked"
    v: Literal[1] = 1


class KeyUnblocked(OfKey):
    """It is served again."""

    KIND: ClassVar[str] = "key.unblocked"

    kind: Literal["key.unblocked"] = "key.unblocked"
    v: Literal[1] = 1


class KeyDeleted(OfKey):
    """It is gone for good."""

    KIND: ClassVar[str] = "key.deleted"

    kind: Literal["key.deleted"] = "key.deleted"
    v: Literal[1] = 1


class KeyRegenerated(OfKey):
    """It has another secret, whose end `key_name` shows; `key`, by which all is counted, stays.

    The secret before counts until `grace_until_ms` (0: no more). `rotations` counts its secrets after the first.
    """

    KIND: ClassVar[str] = "key.regenerated"

    kind: Literal["key.regenerated"] = "key.regenerated"
    v: Literal[1] = 1
    rotations: int
    grace_until_ms: int = 0
    changed: tuple[str, ...] = ()
    terms: KeyTerms


class KeySpendReset(OfKey):
    """What its budget counts in the present window was set. What it ever spent stays what it was. Pico-dollars."""

    KIND: ClassVar[str] = "key.spend_reset"

    kind: Literal["key.spend_reset"] = "key.spend_reset"
    v: Literal[1] = 1
    spend_pico: int
    previous_pico: int


CONTROL_FACTS: tuple[type[Fact], ...] = (
    KeyGenerated,
    KeyUpdated,
    KeyBlocked,
    KeyUnblocked,
    KeyDeleted,
    KeyRegenerated,
    KeySpendReset,
)
