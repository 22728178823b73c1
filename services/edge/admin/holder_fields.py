"""The fields that every kind of holder can be given: budgets, limits, metadata."""

from math import isfinite
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator

from services.edge.admin.requests import BudgetLimit
from shared.errors import InvalidRequest

Whole = int | None
Text = str | None
Names = list[str] | None
Object = dict[str, Any] | None
Usd = float | None

_AMOUNTS = ("max_budget", "soft_budget", "max_budget_in_team", "team_member_budget", "temp_budget_increase")


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

    @field_validator(*_AMOUNTS, check_fields=False)
    @classmethod
    def _is_finite(cls, amount: float | None, info: ValidationInfo) -> float | None:
        if amount is not None and not isfinite(amount):
            name = info.field_name or ""
            message = f"{name} must be a non-negative finite number. Received: {amount}"
            raise InvalidRequest(message, param=name, type="bad_request_error")
        return amount


class HolderFields(BudgetFields):
    budget_limits: list[BudgetLimit] | None = Field(None, description="Several windows at once.")
    model_rpm_limit: Object = Field(None, description="Requests a minute by model; kept in metadata.")
    model_tpm_limit: Object = Field(None, description="Tokens a minute by model; kept in metadata.")
    models: Names = Field(None, description="Model names that may be called, wildcards included; empty: all.")
    metadata: Object = Field(None, description="Anything; tags in it count as the field.")
    tags: Names = Field(None, description="Put on every request; kept in metadata.")
    object_permission: Object = Field(None, description="MCP servers, vector stores, agents. Kept; no effect yet.")
