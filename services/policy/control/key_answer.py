"""A key as the control plane tells it: its entry, what it has spent, and when its budgets begin anew. Pure."""

from services.policy.budgets.budget_window import window
from shared.control import AccountFigures, KeyAnswer
from shared.keys import Key


def answer_of(entry: Key, figures: AccountFigures | None, now: float) -> KeyAnswer:
    duration = entry.budget_duration
    return KeyAnswer(
        entry,
        figures,
        budget_reset_at=window(duration, now, entry.budget_anchor)[1] if duration else None,
        limits_reset_at=tuple(
            window(limit["budget_duration"], now, entry.created_at)[1]
            for limit in entry.extra.get("budget_limits") or ()
        ),
    )
