"""What a hook is sent: LiteLLM's webhook event, or a text for Slack and what understands its format. Pure.

Source: https://docs.litellm.ai/docs/proxy/alerting
"""

from datetime import UTC, datetime
from typing import Any

from shared.facts import BudgetThresholdCrossed
from shared.money import usd_text

_LABELS = {
    "key": "Key",
    "team": "Team",
    "member": "Team Member",
    "user": "User",
    "organization": "Organization",
    "end_user": "End User",
    "tag": "Tag",
    "provider": "Provider",
    "global": "Proxy",
}


def webhook_event(fact: BudgetThresholdCrossed) -> dict[str, Any]:
    """Return LiteLLM's event, its names and types. `id` is ours: the same for every delivery of the same crossing."""
    return {
        "spend": fact.spend_pico / 10**12,
        "max_budget": None if fact.limit_pico is None else fact.limit_pico / 10**12,
        "soft_budget": None if fact.soft_budget_pico is None else fact.soft_budget_pico / 10**12,
        "token": fact.holder if fact.holder_kind == "key" else None,
        "customer_id": fact.holder if fact.holder_kind == "end_user" else None,
        "user_id": fact.user_id or None,
        "team_id": fact.team_id or None,
        "team_alias": (fact.alias or None) if fact.holder_kind == "team" else None,
        "organization_id": fact.organization_id or None,
        "user_email": None,
        "key_alias": (fact.alias or None) if fact.holder_kind == "key" else None,
        "projected_exceeded_date": None,
        "projected_spend": None,
        "event": _event(fact),
        "event_group": _group(fact),
        "event_message": event_message(fact),
        "id": fact.id,
    }


def event_message(fact: BudgetThresholdCrossed) -> str:
    """Return "Key Budget: Budget Crossed" and the like."""
    budget = f"{_LABELS.get(fact.holder_kind, fact.holder_kind)} Budget"
    if fact.percent is None:
        return f"Soft Budget Crossed: {budget}"
    if fact.percent >= 100:
        return f"{budget}: Budget Crossed"
    return f"{budget}: {fact.percent}% Threshold Crossed"


def slack_text(fact: BudgetThresholdCrossed) -> str:
    """Return the text of a message, in Slack's markup."""
    whose = _escaped(fact.alias or fact.holder)
    limit = fact.soft_budget_pico if fact.percent is None else fact.limit_pico
    lines = [f"*{event_message(fact)}*"]
    if whose:
        lines.append(f"{_LABELS.get(fact.holder_kind, fact.holder_kind)}: `{whose}`")
    if fact.model:
        lines.append(f"Model: `{_escaped(fact.model)}`")
    lines.append(f"Spend: `${usd_text(fact.spend_pico)}` of `${usd_text(limit or 0)}`")
    if fact.window_end_ms:
        resets = datetime.fromtimestamp(fact.window_end_ms / 1000, UTC)
        lines.append(f"Resets: `{resets:%Y-%m-%d %H:%M:%S} UTC`")
    return "\n".join(lines)


def _group(fact: BudgetThresholdCrossed) -> str:
    if fact.holder_kind == "member":
        return "team_member" if fact.team_id else "organization_member"
    return "proxy" if fact.holder_kind == "global" else fact.holder_kind


def _event(fact: BudgetThresholdCrossed) -> str:
    if fact.percent is None:
        return "soft_budget_crossed"
    return "budget_crossed" if fact.percent >= 100 else "threshold_crossed"


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace("`", "'")
