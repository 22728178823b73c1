"""What a team gives to each of its members: a shared budget that memberships name where they say nothing themselves."""

from collections.abc import Mapping
from typing import Any

from services.policy.control.holders.aggregate import HolderAggregate
from services.policy.control.holders.commands import Holders
from services.policy.control.terms.amounts import window_of

_DURATION = "team_member_budget_duration"
_OF_MEMBERS = {
    "team_member_budget": "max_budget",
    _DURATION: "budget_duration",
    "team_member_rpm_limit": "rpm_limit",
    "team_member_tpm_limit": "tpm_limit",
}


def split_defaults(fields: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the fields of the team itself, and those of each member under a budget's names.

    Raises:
        InvalidRequest: the duration cannot be meant; under a budget's name the field would not be known again.
    """
    if fields.get(_DURATION) is not None:
        window_of(_DURATION, fields[_DURATION])
    own = {name: value for name, value in fields.items() if name not in _OF_MEMBERS}
    return own, {_OF_MEMBERS[name]: fields[name] for name in _OF_MEMBERS if name in fields}


async def default_budget(holders: Holders, team_id: str, fields: Mapping[str, Any], *, by: str) -> HolderAggregate:
    """Return the shared budget of a team's members with `fields` in it, unsaved."""
    budget_id = f"team_member_budget:{team_id}"
    found = await holders.find("budget", budget_id)
    if found is None:
        return await holders.made("budget", budget_id, fields, by=by)
    holders.changed(found, fields, by=by, at=holders.moment())
    return found
