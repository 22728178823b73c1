"""What the /budget, /customer and /tag routes take. Unknown fields are ignored, a wrong type is a 422."""

from typing import Literal

from pydantic import BaseModel, Field

from services.edge.admin.holder_fields import BudgetFields, HolderFields, Names, Object, Text
from services.edge.admin.requests import BudgetLimit


class BudgetTerms(BudgetFields):
    allowed_models: Names = Field(None, description="Models that members with this budget may call; empty: all.")
    budget_limits: list[BudgetLimit] | None = Field(None, description="Several windows at once.")


class NewBudget(BudgetTerms):
    """Terms that keys, members, users, customers and tags name by `budget_id`."""

    budget_id: Text = Field(None, description="An id of your own. Without it one is made.")


class UpdateBudget(BudgetTerms):
    """Fields that are left out stay as they are, null clears one. Whoever names it has the new terms at once."""

    budget_id: str = Field(description="The budget.")


class SomeBudgets(BaseModel):
    budgets: list[str] = Field(description="Their ids.")


class OneBudget(BaseModel):
    id: str = Field(description="The budget's id.")


class CustomerFields(HolderFields):
    alias: Text = Field(None, description="A name for people.")
    blocked: bool | None = Field(None, description="Requests that name this customer are refused while true.")
    budget_id: Text = Field(None, description="A shared budget, where there are no terms of its own.")
    allowed_model_region: Literal["eu", "us"] | None = Field(None, description="Kept and shown; no effect yet.")
    default_model: Text = Field(None, description="Kept and shown; no effect yet.")


class NewCustomer(CustomerFields):
    user_id: str = Field(min_length=1, description="What requests name as `user`, or in x-litellm-end-user-id.")


class UpdateCustomer(CustomerFields):
    """Fields that are left out stay as they are, null clears one."""

    user_id: str = Field(description="The customer.")


class SomeCustomers(BaseModel):
    user_ids: list[str] = Field(description="The customers.")


class TagFields(HolderFields):
    name: str = Field(min_length=1, description="The tag as requests carry it.")
    description: Text = Field(None, description="What it is for.")
    budget_id: Text = Field(None, description="A shared budget, where there are no terms of its own.")
    model_info: Object = Field(None, description="Names of its models. Kept and shown.")


class SomeTags(BaseModel):
    names: list[str] = Field(description="The tags.")


class OneTag(BaseModel):
    name: str = Field(description="The tag.")
