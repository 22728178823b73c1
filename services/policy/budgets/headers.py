"""What the answer of a key with a budget says of it, in LiteLLM's headers, as lines. Pure."""

from services.policy.budgets.account import Account
from services.policy.budgets.charges import Charge
from shared.money import usd_text


def key_budget_lines(key: Charge, account: Account, now_ms: int) -> str:
    """Return the lines; none for a key without a budget. What is spent is without the request that is answered."""
    limit = key.limit_at(now_ms)
    if limit is None:
        return ""
    return f"x-litellm-key-spend: {usd_text(account.spent)}\r\nx-litellm-key-max-budget: {usd_text(limit)}\r\n"
