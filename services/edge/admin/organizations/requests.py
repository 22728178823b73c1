"""What the /organization routes take: LiteLLM's fields. Unknown ones are ignored, a wrong type is a 422."""

from typing import Literal

from pydantic import BaseModel, Field

from services.edge.admin.holder_fields import HolderFields, Names, NewMember, OneMember, Text, Usd

Role = Literal["org_admin", "internal_user", "internal_user_viewer"]


class OrganizationFields(HolderFields):
    organization_alias: Text = Field(None, description="A name for people.")
    budget_id: Text = Field(None, description="A shared budget, where there are no terms of its own.")
    blocked: bool | None = Field(None, description="Keys of the organisation and of its teams are refused while true.")
    policies: Names = Field(None, description="Guardrail policies. Kept and shown; no effect yet.")


class NewOrganization(OrganizationFields):
    organization_id: Text = Field(None, description="An id of your own. Without it one is made.")


class UpdateOrganization(OrganizationFields):
    """Fields that are left out stay as they are, null clears one. Metadata is replaced, not merged."""

    organization_id: str = Field(description="The organisation.")


class OneOrganization(BaseModel):
    organization_id: str = Field(description="The organisation.")


class SomeOrganizations(BaseModel):
    organization_ids: list[str] = Field(description="The organisations.")


class OrganizationMember(NewMember):
    role: Role = Field(description="org_admin, internal_user or internal_user_viewer.")


class AddMembers(BaseModel):
    organization_id: str = Field(description="The organisation.")
    member: OrganizationMember | list[OrganizationMember] = Field(description="One, or several: all are added or none.")
    max_budget_in_organization: Usd = Field(None, description="USD a member may spend with the organisation's keys.")


class UpdateMember(OneMember):
    organization_id: str = Field(description="The organisation.")
    role: Role | None = Field(None, description="org_admin, internal_user or internal_user_viewer.")
    max_budget_in_organization: Usd = Field(None, description="USD a member may spend with the organisation's keys.")


class DeleteMember(OneMember):
    organization_id: str = Field(description="The organisation.")
