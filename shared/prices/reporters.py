"""Providers whose own word on what a call cost is taken, where the operator has set no price of their own.

What another server behind an OpenAI-compatible address writes under the same name may be anything: credits, another
currency, a zero.
"""

REPORTERS = frozenset(
    (
        "openrouter",  # https://openrouter.ai/docs/use-cases/usage-accounting
        "perplexity",  # https://docs.perplexity.ai/api-reference/chat-completions-post (usage.cost)
        "xai",  # https://docs.x.ai/docs/api-reference (usage.cost_in_usd_ticks)
        "deepinfra",  # https://deepinfra.com/docs/openai_api (usage.estimated_cost)
    )
)
