"""What was done to organisations, teams, members, users, end users, tags and shared budgets.

Published from the control plane's events, in their order; `id` is `control_<sequence>`.
"""

from typing import Any, ClassVar, Literal

from pydantic import BaseModel, ConfigDict

from shared.facts.control import BudgetTerms
from shared.facts.header import Fact


class HolderTerms(BaseModel):
    """What a holder may do and spend. Money in pico-dollars; None where there is no limit, empty where all is allowed.

    `others` are the fields of LiteLLM's API that are kept and shown besides.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    models: tuple[str, ...] = ()
    budgets: tuple[BudgetTerms, ...] = ()
    soft_budget_pico: int | None = None
    increase_pico: int = 0
    increase_until_ms: int = 0
    budget_id: str = ""
    spent_before_pico: int = 0  # counted by its first budget, though it was spent before that was set
    rpm_limit: int | None = None
    tpm_limit: int | None = None
    tpd_limit: int | None = None
    max_parallel_requests: int | None = None
    model_rpm_limit: dict[str, int] = {}
    model_tpm_limit: dict[str, int] = {}
    blocked: bool = False
    tags: tuple[str, ...] = ()
    metadata: dict[str, Any] = {}
    others: dict[str, Any] = {}


class OfHolder(Fact):
    """A fact about a holder. `holder_version` counts its events, `by` is who did it."""

    holder_id: str
    holder_version: int
    alias: str = ""
    user_id: str = ""
    team_id: str = ""
    organization_id: str = ""
    by: str


class OfHolderTerms(OfHolder):
    """A fact after which the terms are others: `terms` as they are then."""

    terms: HolderTerms
    changed: tuple[str, ...] = ()


class OrganizationCreated(OfHolderTerms):
    KIND: ClassVar[str] = "organization.created"

    kind: Literal["organization.created"] = "organization.created"
    v: Literal[1] = 1


class OrganizationUpdated(OfHolderTerms):
    KIND: ClassVar[str] = "organization.updated"

    kind: Literal["organization.updated"] = "organization.updated"
    v: Literal[1] = 1


class OrganizationBlocked(OfHolder):
    KIND: ClassVar[str] = "organization.blocked"

    kind: Literal["organization.blocked"] = "organization.blocked"
    v: Literal[1] = 1


class OrganizationUnblocked(OfHolder):
    KIND: ClassVar[str] = "organization.unblocked"

    kind: Literal["organization.unblocked"] = "organization.unblocked"
    v: Literal[1] = 1


class OrganizationDeleted(OfHolder):
    KIND: ClassVar[str] = "organization.deleted"

    kind: Literal["organization.deleted"] = "organization.deleted"
    v: Literal[1] = 1


class TeamCreated(OfHolderTerms):
    KIND: ClassVar[str] = "team.created"

    kind: Literal["team.created"] = "team.created"
    v: Literal[1] = 1


class TeamUpdated(OfHolderTerms):
    KIND: ClassVar[str] = "team.updated"

    kind: Literal["team.updated"] = "team.updated"
    v: Literal[1] = 1


class TeamBlocked(OfHolder):
    KIND: ClassVar[str] = "team.blocked"

    kind: Literal["team.blocked"] = "team.blocked"
    v: Literal[1] = 1


class TeamUnblocked(OfHolder):
    KIND: ClassVar[str] = "team.unblocked"

    kind: Literal["team.unblocked"] = "team.unblocked"
    v: Literal[1] = 1


class TeamDeleted(OfHolder):
    KIND: ClassVar[str] = "team.deleted"

    kind: Literal["team.deleted"] = "team.deleted"
    v: Literal[1] = 1


class MemberCreated(OfHolderTerms):
    KIND: ClassVar[str] = "member.created"

    kind: Literal["member.created"] = "member.created"
    v: Literal[1] = 1


class MemberUpdated(OfHolderTerms):
    KIND: ClassVar[str] = "member.updated"

    kind: Literal["member.updated"] = "member.updated"
    v: Literal[1] = 1


class MemberDeleted(OfHolder):
    KIND: ClassVar[str] = "member.deleted"

    kind: Literal["member.deleted"] = "member.deleted"
    v: Literal[1] = 1


class UserCreated(OfHolderTerms):
    KIND: ClassVar[str] = "user.created"

    kind: Literal["user.created"] = "user.created"
    v: Literal[1] = 1


class UserUpdated(OfHolderTerms):
    KIND: ClassVar[str] = "user.updated"

    kind: Literal["user.updated"] = "user.updated"
    v: Literal[1] = 1


class UserBlocked(OfHolder):
    KIND: ClassVar[str] = "user.blocked"

    kind: Literal["user.blocked"] = "user.blocked"
    v: Literal[1] = 1


class UserUnblocked(OfHolder):
    KIND: ClassVar[str] = "user.unblocked"

    kind: Literal["user.unblocked"] = "user.unblocked"
    v: Literal[1] = 1


class UserDeleted(OfHolder):
    KIND: ClassVar[str] = "user.deleted"

    kind: Literal["user.deleted"] = "user.deleted"
    v: Literal[1] = 1


class EndUserCreated(OfHolderTerms):
    KIND: ClassVar[str] = "end_user.created"

    kind: Literal["end_user.created"] = "end_user.created"
    v: Literal[1] = 1


class EndUserUpdated(OfHolderTerms):
    KIND: ClassVar[str] = "end_user.updated"

    kind: Literal["end_user.updated"] = "end_user.updated"
    v: Literal[1] = 1


class EndUserBlocked(OfHolder):
    KIND: ClassVar[str] = "end_user.blocked"

    kind: Literal["end_user.blocked"] = "end_user.blocked"
    v: Literal[1] = 1


class EndUserUnblocked(OfHolder):
    KIND: ClassVar[str] = "end_user.unblocked"

    kind: Literal["end_user.unblocked"] = "end_user.unblocked"
    v: Literal[1] = 1


class EndUserDeleted(OfHolder):
    KIND: ClassVar[str] = "end_user.deleted"

    kind: Literal["end_user.deleted"] = "end_user.deleted"
    v: Literal[1] = 1


class TagCreated(OfHolderTerms):
    KIND: ClassVar[str] = "tag.created"

    kind: Literal["tag.created"] = "tag.created"
    v: Literal[1] = 1


class TagUpdated(OfHolderTerms):
    KIND: ClassVar[str] = "tag.updated"

    kind: Literal["tag.updated"] = "tag.updated"
    v: Literal[1] = 1


class TagBlocked(OfHolder):
    KIND: ClassVar[str] = "tag.blocked"

    kind: Literal["tag.blocked"] = "tag.blocked"
    v: Literal[1] = 1


class TagUnblocked(OfHolder):
    KIND: ClassVar[str] = "tag.unblocked"

    kind: Literal["tag.unblocked"] = "tag.unblocked"
    v: Literal[1] = 1


class TagDeleted(OfHolder):
    KIND: ClassVar[str] = "tag.deleted"

    kind: Literal["tag.deleted"] = "tag.deleted"
    v: Literal[1] = 1


class BudgetCreated(OfHolderTerms):
    KIND: ClassVar[str] = "budget.created"

    kind: Literal["budget.created"] = "budget.created"
    v: Literal[1] = 1


class BudgetUpdated(OfHolderTerms):
    KIND: ClassVar[str] = "budget.updated"

    kind: Literal["budget.updated"] = "budget.updated"
    v: Literal[1] = 1


class BudgetBlocked(OfHolder):
    KIND: ClassVar[str] = "budget.blocked"

    kind: Literal["budget.blocked"] = "budget.blocked"
    v: Literal[1] = 1


class BudgetUnblocked(OfHolder):
    KIND: ClassVar[str] = "budget.unblocked"

    kind: Literal["budget.unblocked"] = "budget.unblocked"
    v: Literal[1] = 1


class BudgetDeleted(OfHolder):
    KIND: ClassVar[str] = "budget.deleted"

    kind: Literal["budget.deleted"] = "budget.deleted"
    v: Literal[1] = 1


HOLDER_FACTS: tuple[type[OfHolder], ...] = (
    OrganizationCreated,
    OrganizationUpdated,
    OrganizationBlocked,
    OrganizationUnblocked,
    OrganizationDeleted,
    TeamCreated,
    TeamUpdated,
    TeamBlocked,
    TeamUnblocked,
    TeamDeleted,
    MemberCreated,
    MemberUpdated,
    MemberDeleted,
    UserCreated,
    UserUpdated,
    UserBlocked,
    UserUnblocked,
    UserDeleted,
    EndUserCreated,
    EndUserUpdated,
    EndUserBlocked,
    EndUserUnblocked,
    EndUserDeleted,
    TagCreated,
    TagUpdated,
    TagBlocked,
    TagUnblocked,
    TagDeleted,
    BudgetCreated,
    BudgetUpdated,
    BudgetBlocked,
    BudgetUnblocked,
    BudgetDeleted,
)
