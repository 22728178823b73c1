"""What a provider says a call cost. Whether it is believed is for shared/prices to say."""

from typing import Any

from shared.usage.reading import count, pico

TICK_PICO = 100
"""xAI's unit: ten thousand millionths of a dollar. https://docs.x.ai/docs/api-reference"""


def reported_cost(usage: dict[str, Any]) -> int | None:
    """Return pico-dollars, None where nothing is said.

    OpenRouter: `cost`, to which the upstream's own bill is added where the call ran on the caller's key there
    (https://openrouter.ai/docs/use-cases/usage-accounting). Perplexity: `cost.total_cost`. xAI: `cost_in_usd_ticks`.
    DeepInfra: `estimated_cost`.
    """
    ticks = count(usage, "cost_in_usd_ticks")
    if ticks is not None:
        return ticks * TICK_PICO
    cost = usage.get("cost")
    if cost is None:
        return pico(usage.get("estimated_cost"))
    if isinstance(cost, dict):
        return pico(cost.get("total_cost"))
    said = pico(cost)
    if said is not None and usage.get("is_byok") is True:
        details = usage.get("cost_details")
        upstream = pico(details.get("upstream_inference_cost")) if isinstance(details, dict) else None
        return None if upstream is None else said + upstream
    return said
