"""What the answer of a key with a budget says of it, in LiteLLM's headers. Pure."""

from services.policy.budgets.account import Account
from services.policy.budgets.charges import Charge
from shared.money import usd_text


def key_budget_headers(key: Charge, account: Account, now_ms: int) -> tuple[tuple[str, str], ...]:
    """Return the headers; none for a key without a budget. What is spent is without the request that is answered."""
    limit = key.limit_at(now_ms)
    if limit is None:
        return ()
    return (("x-litellm-key-spend", usd_text(account.spent)), ("x-litellm-key-max-budget", usd_text(limit)))
