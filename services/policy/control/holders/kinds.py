"""The kinds of holders. The topics of their events are names, not import paths, so that this module can move.

A change of an event's meaning is `class_version = 2` on its class and an `upcast_v1_v2(state)` beside it.
"""

from services.policy.control.holders.aggregate import HolderAggregate
from shared.holders import HolderKind


class Organization(HolderAggregate):
    """An organisation: teams and keys of one company or department."""

    TOPIC = "Organization"
    KIND = "organization"

    class Event(HolderAggregate.Event):
        """What all its events are."""

    class Created(Event, HolderAggregate.Created):
        TOPIC = "Organization.Created"

    class Recreated(Event, HolderAggregate.Recreated):
        TOPIC = "Organization.Recreated"

    class Updated(Event, HolderAggregate.Updated):
        TOPIC = "Organization.Updated"

    class Blocked(Event, HolderAggregate.Blocked):
        TOPIC = "Organization.Blocked"

    class Unblocked(Event, HolderAggregate.Unblocked):
        TOPIC = "Organization.Unblocked"

    class Deleted(Event, HolderAggregate.Deleted):
        TOPIC = "Organization.Deleted"


class Team(HolderAggregate):
    """A team: keys and members that share budgets."""

    TOPIC = "Team"
    KIND = "team"

    class Event(HolderAggregate.Event):
        """What all its events are."""

    class Created(Event, HolderAggregate.Created):
        TOPIC = "Team.Created"

    class Recreated(Event, HolderAggregate.Recreated):
        TOPIC = "Team.Recreated"

    class Updated(Event, HolderAggregate.Updated):
        TOPIC = "Team.Updated"

    class Blocked(Event, HolderAggregate.Blocked):
        TOPIC = "Team.Blocked"

    class Unblocked(Event, HolderAggregate.Unblocked):
        TOPIC = "Team.Unblocked"

    class Deleted(Event, HolderAggregate.Deleted):
        TOPIC = "Team.Deleted"


class Membership(HolderAggregate):
    """A user's membership in a team: what this user may spend there."""

    TOPIC = "Membership"
    KIND = "member"

    class Event(HolderAggregate.Event):
        """What all its events are."""

    class Created(Event, HolderAggregate.Created):
        TOPIC = "Membership.Created"

    class Recreated(Event, HolderAggregate.Recreated):
        TOPIC = "Membership.Recreated"

    class Updated(Event, HolderAggregate.Updated):
        TOPIC = "Membership.Updated"

    class Blocked(Event, HolderAggregate.Blocked):
        TOPIC = "Membership.Blocked"

    class Unblocked(Event, HolderAggregate.Unblocked):
        TOPIC = "Membership.Unblocked"

    class Deleted(Event, HolderAggregate.Deleted):
        TOPIC = "Membership.Deleted"


class User(HolderAggregate):
    """A user of the gateway, with keys and memberships."""

    TOPIC = "User"
    KIND = "user"

    class Event(HolderAggregate.Event):
        """What all its events are."""

    class Created(Event, HolderAggregate.Created):
        TOPIC = "User.Created"

    class Recreated(Event, HolderAggregate.Recreated):
        TOPIC = "User.Recreated"

    class Updated(Event, HolderAggregate.Updated):
        TOPIC = "User.Updated"

    class Blocked(Event, HolderAggregate.Blocked):
        TOPIC = "User.Blocked"

    class Unblocked(Event, HolderAggregate.Unblocked):
        TOPIC = "User.Unblocked"

    class Deleted(Event, HolderAggregate.Deleted):
        TOPIC = "User.Deleted"


class EndUser(HolderAggregate):
    """A customer of those who call: named by each request."""

    TOPIC = "EndUser"
    KIND = "end_user"

    class Event(HolderAggregate.Event):
        """What all its events are."""

    class Created(Event, HolderAggregate.Created):
        TOPIC = "EndUser.Created"

    class Recreated(Event, HolderAggregate.Recreated):
        TOPIC = "EndUser.Recreated"

    class Updated(Event, HolderAggregate.Updated):
        TOPIC = "EndUser.Updated"

    class Blocked(Event, HolderAggregate.Blocked):
        TOPIC = "EndUser.Blocked"

    class Unblocked(Event, HolderAggregate.Unblocked):
        TOPIC = "EndUser.Unblocked"

    class Deleted(Event, HolderAggregate.Deleted):
        TOPIC = "EndUser.Deleted"


class Tag(HolderAggregate):
    """A tag that requests carry."""

    TOPIC = "Tag"
    KIND = "tag"

    class Event(HolderAggregate.Event):
        """What all its events are."""

    class Created(Event, HolderAggregate.Created):
        TOPIC = "Tag.Created"

    class Recreated(Event, HolderAggregate.Recreated):
        TOPIC = "Tag.Recreated"

    class Updated(Event, HolderAggregate.Updated):
        TOPIC = "Tag.Updated"

    class Blocked(Event, HolderAggregate.Blocked):
        TOPIC = "Tag.Blocked"

    class Unblocked(Event, HolderAggregate.Unblocked):
        TOPIC = "Tag.Unblocked"

    class Deleted(Event, HolderAggregate.Deleted):
        TOPIC = "Tag.Deleted"


class SharedBudget(HolderAggregate):
    """Terms that other holders name by `budget_id`; nothing is counted in it itself."""

    TOPIC = "SharedBudget"
    KIND = "budget"

    class Event(HolderAggregate.Event):
        """What all its events are."""

    class Created(Event, HolderAggregate.Created):
        TOPIC = "SharedBudget.Created"

    class Recreated(Event, HolderAggregate.Recreated):
        TOPIC = "SharedBudget.Recreated"

    class Updated(Event, HolderAggregate.Updated):
        TOPIC = "SharedBudget.Updated"

    class Blocked(Event, HolderAggregate.Blocked):
        TOPIC = "SharedBudget.Blocked"

    class Unblocked(Event, HolderAggregate.Unblocked):
        TOPIC = "SharedBudget.Unblocked"

    class Deleted(Event, HolderAggregate.Deleted):
        TOPIC = "SharedBudget.Deleted"


KINDS: dict[HolderKind, type[HolderAggregate]] = {
    kind.KIND: kind for kind in (Organization, Team, Membership, User, EndUser, Tag, SharedBudget)
}
