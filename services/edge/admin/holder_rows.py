"""What the rows of all kinds of holders have in common. Pure."""

from uuid import UUID, uuid5

from services.edge.admin.values import Row, iso, usd
from services.edge.admin.window_rows import window_terms_of
from shared.control import HolderAnswer
from shared.identity.holders import Holder

_BUDGET_NAMESPACE = UUID("c2f0e6b4-3a0e-5c40-8a2e-5a9f6a7d1c02")


def spend_of(answer: HolderAnswer) -> Row:
    """Return `spend`, null and marked as unavailable where nobody could say it."""
    if answer.figures is None:
        return {"spend": None, "spend_unavailable": True}
    return {"spend": usd(answer.figures.spend_pico)}


def spends_of(answer: HolderAnswer) -> Row:
    """Return `spend` of the current window and `total_spend`, known as long as that is the first one."""
    spent = spend_of(answer)
    first = answer.figures is not None and answer.figures.window_start is None
    return {**spent, "total_spend": spent["spend"] if first else None}


def limits_of(entry: Holder) -> Row:
    return {
        "max_parallel_requests": entry.limits.parallel,
        "tpm_limit": entry.limits.tpm,
        "rpm_limit": entry.limits.rpm,
        "tpd_limit": entry.limits.tpd,
    }


def max_budget_of(entry: Holder) -> int | None:
    pico: int | None = entry.extra.get("max_budget_pico")
    return pico


def budget_id_of(answer: HolderAnswer) -> str | None:
    """Return the shared budget's id, or one for the terms of its own, which LiteLLM keeps in a row beside."""
    entry = answer.entry
    if entry.budget_id is not None:
        return entry.budget_id
    return str(uuid5(_BUDGET_NAMESPACE, f"{entry.kind}:{entry.id}")) if _has_terms(entry) else None


def budget_table_of(answer: HolderAnswer) -> Row | None:
    """Return the row in which LiteLLM keeps the terms of members and customers; None where there are none."""
    entry = answer.entry
    terms = answer.shared if answer.shared is not None and not _has_terms(entry) else entry
    if terms is entry and not _has_terms(entry):
        return None
    return {
        "budget_id": budget_id_of(answer),
        **terms_row(terms),
        "budget_reset_at": iso(answer.budget_reset_at),
        "created_at": iso(terms.created_at),
    }


def terms_row(terms: Holder) -> Row:
    """Return the terms alone, under the names that a budget's row has."""
    return {
        "soft_budget": usd(terms.soft_budget_pico),
        "max_budget": usd(max_budget_of(terms)),
        **limits_of(terms),
        "model_max_budget": terms.extra.get("model_max_budget"),
        "budget_duration": terms.extra.get("budget_duration"),
        **window_terms_of(terms),
        "allowed_models": terms.models if terms.kind in ("budget", "member") else (),
        "temp_budget_increase": terms.metadata.get("temp_budget_increase"),
        "temp_budget_expiry": terms.metadata.get("temp_budget_expiry"),
    }


def _has_terms(entry: Holder) -> bool:
    named = ("budget_duration", "model_max_budget", "budget_limits")
    return bool(
        entry.budgets
        or entry.soft_budget_pico is not None
        or entry.limits != type(entry.limits)()
        or any(entry.extra.get(name) for name in named)
        or (entry.kind == "member" and entry.models)
    )
