"""What a client is told when its budget says no, in LiteLLM's words and with what it needs to know next."""

from datetime import UTC, datetime
from math import ceil

from services.policy.budgets.admission import Standing
from services.policy.budgets.charges import Charge
from shared.errors import BudgetExceeded, GatewayError
from shared.money import usd_text

SOON_S = 1
"""When to come again for money that requests in flight hold."""

PROVIDERS_STATUS = 429
"""Whatever status other budgets have: LiteLLM's router says that no deployment is left."""


def over_budget(
    charge: Charge, standing: Standing, status: int, now: float, whole_pico: int | None = None
) -> GatewayError:
    """Return the refusal. LiteLLM's clients look for its words and the two figures.

    `whole_pico` is what had to be held, of a request whose cost no shorter answer lowers.
    """
    spent, maximum = usd_text(standing.spent), usd_text(standing.limit)
    message = _words(charge, spent, maximum)
    if standing.only_holds:
        message += f", held by requests in flight: {usd_text(standing.held)}"
    elif standing.spent < standing.limit and whole_pico is not None:
        message += (
            f". What is left does not cover the {usd_text(whole_pico)} that this request may cost at most: ask for "
            "less, or set a lower maximum for what it writes"
        )
    elif standing.spent < standing.limit:
        message += ". What is left does not cover this request's input and one token of answer"
    fields: dict[str, object] = {"spend": spent, "max_budget": maximum, "budget_reset_at": None, "budget": charge.kind}
    retry_after = SOON_S if standing.only_holds else None
    if standing.ends_ms:
        resets = datetime.fromtimestamp(standing.ends_ms / 1000, UTC)
        message += f". Resets at {resets:%Y-%m-%d %H:%M:%S} UTC"
        fields["budget_reset_at"] = resets.isoformat()
        if retry_after is None:
            retry_after = max(SOON_S, ceil(standing.ends_ms / 1000 - now))
    status = PROVIDERS_STATUS if charge.kind == "provider" else status
    return BudgetExceeded(message, status=status, retry_after_s=retry_after, fields=fields)


def _words(charge: Charge, spent: str, maximum: str) -> str:
    """LiteLLM's, which differ by whose budget it is."""
    figures = f"Current cost: {spent}, Max budget: {maximum}"
    if charge.kind == "provider":
        return f"No deployments available - crossed budget: {charge.holder}. {figures}"
    if charge.kind in ("user", "end_user"):
        who = "User" if charge.kind == "user" else "End User"
        of_model = f" for model={charge.model}" if charge.model else ""
        return f"ExceededBudget: {who}={charge.holder} over budget{of_model}. Spend={spent}, Budget={maximum}"
    if charge.kind == "global":
        return f"Budget has been exceeded! {figures}"
    if charge.model:
        return f"{charge.holder}, exceeded budget for model={charge.model}. {figures}"
    return f"Budget has been exceeded! {charge.holder} {figures}"


def unpriced_models(model: str, unpriced: tuple[str, ...]) -> GatewayError:
    """Return why a model without a price, or a call without a model, cannot be had on a budget."""
    if not model:
        return BudgetExceeded(
            "The request names no model, and where a budget counts nothing can be called whose price is not known. "
            "Name the model as the provider's API has it, or allow it with "
            "general_settings.meterhouse.allow_unpriced_models_on_budgets",
            status=400,
            type="model_without_price",
            param="model",
        )
    have = "has" if len(unpriced) == 1 else "have"
    return BudgetExceeded(
        f"The model '{model}' cannot be called where a budget counts: {', '.join(unpriced)} {have} no price. Set "
        "input_cost_per_token and output_cost_per_token in its litellm_params, or allow it with "
        "general_settings.meterhouse.allow_unpriced_models_on_budgets",
        status=400,
        type="model_without_price",
        param="model",
    )


def untold_cost(method: str, target: str) -> GatewayError:
    """Return why work whose cost no answer tells cannot be had on a budget."""
    return BudgetExceeded(
        f"{method} {target.partition('?')[0]} cannot be called where a budget counts: what it costs, no answer tells. "
        "Batches that are counted are made by POST /v1/batches; or allow it with "
        "general_settings.meterhouse.allow_unpriced_models_on_budgets",
        status=400,
        type="model_without_price",
    )
