"""The kinds of holders: one aggregate class each, alike but for the names of their events in the store.

Those names (topics) are no import paths, so that this module can move. A change of an event's meaning is
`class_version = 2` on its class and an `upcast_v1_v2(state)` beside it: then its kind is written out as a class.
"""

from typing import Any

from services.policy.control.holders.aggregate import HolderAggregate
from shared.identity.holders import HolderKind

_EVENTS = ("Created", "Recreated", "Updated", "Blocked", "Unblocked", "Deleted")

_TOPICS: dict[HolderKind, tuple[str, str]] = {
    "organization": ("Organization", "An organisation: teams and keys of one company or department."),
    "team": ("Team", "A team: keys and members that share budgets."),
    "member": ("Membership", "A user's membership in a team or an organisation: what this user may spend there."),
    "user": ("User", "A user of the gateway, with keys and memberships."),
    "end_user": ("EndUser", "A customer of those who call: named by each request."),
    "tag": ("Tag", "A tag that requests carry."),
    "budget": ("SharedBudget", "Terms that other holders name by `budget_id`; nothing is counted in it itself."),
}


def _aggregate(kind: HolderKind, topic: str, about: str) -> type[HolderAggregate]:
    """Return the class of a kind, whose events inherit what those of HolderAggregate do."""
    event = _class("Event", (HolderAggregate.Event,), topic, "What all its events are.")
    members: dict[str, Any] = {"TOPIC": topic, "KIND": kind, "Event": event}
    for name in _EVENTS:
        what_it_does = getattr(HolderAggregate, name)
        members[name] = _class(name, (event, what_it_does), topic, what_it_does.__doc__, TOPIC=f"{topic}.{name}")
    return _class(topic, (HolderAggregate,), "", about, **members)


def _class(name: str, bases: tuple[type[Any], ...], inside: str, about: str, **members: Any) -> type[Any]:
    qualified = f"{inside}.{name}" if inside else name
    return type(name, bases, {"__module__": __name__, "__qualname__": qualified, "__doc__": about, **members})


KINDS: dict[HolderKind, type[HolderAggregate]] = {
    kind: _aggregate(kind, topic, about) for kind, (topic, about) in _TOPICS.items()
}

Team = KINDS["team"]
SharedBudget = KINDS["budget"]
