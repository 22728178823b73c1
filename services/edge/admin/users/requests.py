"""What the /user routes take: LiteLLM's fields. Unknown ones are ignored, a wrong type is a 422."""

from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from services.edge.admin.holder_fields import HolderFields, Names, Object, Text, Usd

Role = Literal["proxy_admin", "proxy_admin_viewer", "internal_user", "internal_user_viewer"]

KEPT = " Kept and shown; it has no effect yet."


class InTeam(BaseModel):
    """A team that a new user begins in."""

    team_id: str = Field(description="The team.")
    max_budget_in_team: Usd = Field(None, description="USD the user may spend in it.")
    user_role: Literal["admin", "user"] = Field("user", description="As what.")


class UserFields(HolderFields):
    """What a user can be given."""

    user_email: Text = Field(None, description="No two users have the same.")
    user_alias: Text = Field(None, description="A name for people.")
    user_role: Role | None = Field(None, description="`proxy_admin`: keys of this user administer the gateway.")
    blocked: bool | None = Field(None, description="All keys of the user are refused while true.")
    budget_id: Text = Field(None, description="A shared budget, where there are no terms of its own.")
    organization_id: Text = Field(None, description="Which organisation's user it is.")
    sso_user_id: Text = Field(None, description="The id at the identity provider." + KEPT)
    policies: Names = Field(None, description="Guardrail policies." + KEPT)
    allowed_cache_controls: Names = Field(None, description="Cache controls it may send." + KEPT)
    permissions: Object = Field(None, description="Free-form." + KEPT)
    config: Object = Field(None, description="Free-form." + KEPT)
    aliases: dict[str, str] | None = Field(None, description="Model names that mean another one for its first key.")


class NewUser(UserFields):
    user_id: Text = Field(None, description="An id of your own. Without it one is made.")
    teams: list[str | InTeam] | None = Field(None, description="Teams it begins in.")
    organizations: Names = Field(None, description="Organisations it begins in.")
    auto_create_key: bool = Field(True, description="Make a key of the user too; it is shown once.")
    key_alias: Text = Field(None, description="A name for that key.")
    duration: Text = Field(None, description="How long that key counts.")
    team_id: Text = Field(None, description="Which team's key that is.")
    key_type: Literal["default", "llm_api", "management", "read_only"] | None = Field(
        None, description="What that key may call."
    )
    allowed_routes: Names = Field(None, description="Paths that key may call.")
    guardrails: Names = Field(None, description="Guardrails run on requests of that key.")
    prompts: Names = Field(None, description="Prompts that key may use." + KEPT)
    send_invite_email: bool | None = Field(None, description="Accepted; no mail is sent.")
    budget_fallbacks: Object = Field(None, description="Cheaper models for when a model's budget is gone." + KEPT)


class UpdateUser(UserFields):
    """Fields that are left out stay as they are, null clears one. Metadata is replaced, not merged."""

    user_id: Text = Field(None, description="The user. Without it, user_email names one.")

    @model_validator(mode="after")
    def _names_a_user(self) -> Self:
        if self.user_id is None and self.user_email is None:
            raise ValueError("either user_id or user_email must be provided")
        return self


class UpdateUsers(BaseModel):
    users: list[UpdateUser] = Field(description="Up to 500 updates; each is made or fails by itself.")


class OneUser(BaseModel):
    user_id: str = Field(description="The user.")


class SomeUsers(BaseModel):
    user_ids: list[str] = Field(description="The users.")


class ListUsers(BaseModel):
    """Query of /user/list."""

    model_config = ConfigDict(extra="ignore")

    page: int = Field(1, ge=1, description="Page number, from 1.")
    page_size: int = Field(25, ge=1, le=100, description="Users on a page.")
    role: Text = Field(None, description="Users with this role.")
    user_ids: Text = Field(None, description="These users; separated by commas.")
    user_email: Text = Field(None, description="Part of an e-mail address.")
    team: Text = Field(None, description="Members of this team.")
    sort_by: Literal["user_id", "user_email", "user_alias", "created_at"] = Field("created_at", description="Order.")
    sort_order: Literal["asc", "desc"] = Field("desc", description="asc or desc.")

    def as_query(self) -> dict[str, Any]:
        asked = self.model_dump(exclude_none=True, exclude={"user_ids"})
        ids = [name for name in (self.user_ids or "").split(",") if name]
        return {**asked, "user_ids": ids} if ids else asked
