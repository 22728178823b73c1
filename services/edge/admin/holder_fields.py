"""The fields that every kind of holder can be given: budgets, limits, metadata."""

from math import isfinite
from typing import Annotated, Any, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationInfo, model_validator

from services.edge.admin.requests import BudgetLimit
from shared.errors import InvalidRequest

Whole = int | None
Text = str | None
Names = list[str] | None
Object = dict[str, Any] | None


_UNDER_ANOTHER_NAME = ("max_budget_in_team", "max_budget_in_organization", "team_member_budget")
"""Those that policy, which refuses what is negative, would call by the name of what they are there."""


def _amount(amount: float | None, info: ValidationInfo) -> float | None:
    """Raise InvalidRequest, naming the field, for what is no amount of money."""
    name = info.field_name or ""
    if amount is not None and not (isfinite(amount) and (amount >= 0 or name not in _UNDER_ANOTHER_NAME)):
        message = f"{name} must be a non-negative finite number. Received: {amount}"
        raise InvalidRequest(message, param=name, type="bad_request_error")
    return amount


Usd = Annotated[float | None, AfterValidator(_amount)]


class BudgetFields(BaseModel):
    """Unknown fields are ignored. Durations: 30s, 30m, 24h, 7d, 1w, 1mo."""

    model_config = ConfigDict(extra="ignore")

    max_budget: Usd = Field(None, description="USD that may be spent, in each budget_duration if there is one.")
    soft_budget: Usd = Field(None, description="USD past which somebody should know.")
    budget_duration: Text = Field(None, description="When the spend begins anew: 1d, 7d, 30d, 1mo, ...")
    model_max_budget: Object = Field(None, description="Budgets by model: {model: {budget_limit, time_period}}.")
    budget_timezone: Text = Field(None, description="Where a day begins, such as Europe/Berlin.")
    budget_rolling: bool | None = Field(None, description="Begin each window with the first request in it.")
    temp_budget_increase: Usd = Field(None, description="USD more on each budget, for a time.")
    temp_budget_expiry: Text = Field(None, description="Until when: a date, or a date and time.")
    tpm_limit: Whole = Field(None, description="Tokens a minute.")
    rpm_limit: Whole = Field(None, description="Requests a minute.")
    tpd_limit: Whole = Field(None, description="Tokens a day.")
    max_parallel_requests: Whole = Field(None, description="Requests at a time.")


class NewMember(BaseModel):
    """Who becomes a member, by id or by e-mail address."""

    user_id: Text = Field(None, description="The user's id; one that is not known is made.")
    user_email: Text = Field(None, description="The user's e-mail address, where the id is not known.")

    @model_validator(mode="after")
    def _names_a_user(self) -> Self:
        if self.user_id is None and self.user_email is None:
            raise ValueError("Either user_id or user_email must be provided")
        return self


class OneMember(BaseModel):
    """Which member is meant, by id or by e-mail address."""

    user_id: Text = Field(None, description="The user.")
    user_email: Text = Field(None, description="The user's e-mail address, where the id is not known.")


class HolderFields(BudgetFields):
    budget_limits: list[BudgetLimit] | None = Field(None, description="Several windows at once.")
    model_rpm_limit: Object = Field(None, description="Requests a minute by model; kept in metadata.")
    model_tpm_limit: Object = Field(None, description="Tokens a minute by model; kept in metadata.")
    models: Names = Field(None, description="Model names that may be called, wildcards included; empty: all.")
    metadata: Object = Field(None, description="Anything; tags in it count as the field.")
    tags: Names = Field(None, description="Put on every request; kept in metadata.")
    object_permission: Object = Field(None, description="MCP servers, vector stores, agents. Kept; no effect yet.")
