"""What the /team routes take: LiteLLM's fields. Unknown ones are ignored, a wrong type is a 422."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from services.edge.admin.holder_fields import (
    BudgetFields,
    HolderFields,
    Names,
    NewMember,
    Object,
    OneMember,
    Text,
    Usd,
    Whole,
)
from services.edge.admin.requests import BudgetLimit

KEPT = " Kept and shown; it has no effect yet."


class Member(NewMember):
    role: Literal["admin", "user"] = Field(description="admin or user.")


class TeamFields(HolderFields):
    """What a team can be given."""

    team_alias: Text = Field(None, description="A name for people.")
    organization_id: Text = Field(None, description="Which organisation's team it is.")
    blocked: bool | None = Field(None, description="All its keys are refused while true.")
    model_aliases: Object = Field(None, description="Model names that mean another one for its keys.")
    guardrails: Names = Field(None, description="Guardrails run on its requests; kept in metadata.")
    policies: Names = Field(None, description="Guardrail policies." + KEPT)
    prompts: Names = Field(None, description="Prompts it may use." + KEPT)
    router_settings: Object = Field(None, description="Routing of its requests." + KEPT)
    access_group_ids: Names = Field(None, description="Access groups of models." + KEPT)
    team_member_permissions: Names = Field(None, description="Key routes its members may call." + KEPT)
    default_team_member_models: Names = Field(None, description="Models of members that have none of their own.")
    team_member_budget: Usd = Field(None, description="USD each member may spend that has no budget of its own.")
    team_member_budget_duration: Text = Field(None, description="When that begins anew.")
    team_member_rpm_limit: Whole = Field(None, description="Requests a minute of each member.")
    team_member_tpm_limit: Whole = Field(None, description="Tokens a minute of each member.")
    team_member_key_duration: Text = Field(None, description="How long members' keys count." + KEPT)
    allow_team_guardrail_config: bool | None = Field(None, description="Members may set guardrails." + KEPT)
    allowed_passthrough_routes: Names = Field(None, description="Pass-through paths." + KEPT)
    secret_manager_settings: Object = Field(None, description="Where its credentials are." + KEPT)


class NewTeam(TeamFields):
    team_id: Text = Field(None, description="An id of your own. Without it one is made.")
    members_with_roles: list[Member] | None = Field(None, description="Who is in it; whoever asks is added as admin.")


class UpdateTeam(TeamFields):
    """Fields that are left out stay as they are, null clears one. Metadata is replaced, not merged."""

    team_id: str = Field(description="The team.")


class OneTeam(BaseModel):
    team_id: str = Field(description="The team.")


class SomeTeams(BaseModel):
    team_ids: list[str] = Field(description="The teams.")


class TeamModels(BaseModel):
    team_id: str = Field(description="The team.")
    models: list[str] = Field(description="Model names.")


class MemberTerms(BudgetFields):
    """What a member may do and spend in the team."""

    max_budget_in_team: Usd = Field(None, description="USD this member may spend in the team.")
    budget_limits: list[BudgetLimit] | None = Field(None, description="Several windows at once.")
    allowed_models: Names = Field(None, description="Models this member may call; empty: the team's.")


class AddMembers(MemberTerms):
    team_id: str = Field(description="The team.")
    member: Member | list[Member] = Field(description="One, or several: all are added or none.")


class UpdateMember(MemberTerms, OneMember):
    team_id: str = Field(description="The team.")
    role: Literal["admin", "user"] | None = Field(None, description="admin or user.")


class DeleteMember(OneMember):
    team_id: str = Field(description="The team.")


class ListTeams(BaseModel):
    """Query of /team/list and /v2/team/list."""

    model_config = ConfigDict(extra="ignore")

    page: int = Field(1, ge=1, description="Page number, from 1.")
    page_size: int = Field(10, ge=1, le=100, description="Teams on a page.")
    user_id: Text = Field(None, description="Teams of this user.")
    organization_id: Text = Field(None, description="Teams of this organisation.")
    team_id: Text = Field(None, description="The team with this id.")
    team_alias: Text = Field(None, description="Part of an alias, whatever its case.")
    sort_by: Literal["team_id", "team_alias", "created_at"] = Field("created_at", description="In which order.")
    sort_order: Literal["asc", "desc"] = Field("asc", description="asc or desc.")
