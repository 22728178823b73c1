"""What happened to budgets and limits, one step at a time, as the server stored it: what the check looks at."""

from collections.abc import Collection, Mapping
from typing import NamedTuple


class Place(NamedTuple):
    """A budget in one of its windows. `window` tells windows of the same account apart."""

    account: str
    window: str


class Opened(NamedTuple):
    """A window of a budget began, at its home. Milliseconds since 1970; `ends_ms` 0: nothing ends it."""

    place: Place
    starts_ms: int
    ends_ms: int


class Closed(NamedTuple):
    """A window was left for the next one, and that has to be told."""

    place: Place


class Reset(NamedTuple):
    """The fact that says so: what was spent in it by then, and what requests in flight might still cost."""

    place: Place
    spent: int
    held: int


class Held(NamedTuple):
    """A request was admitted: `amount` is set aside in each of its places. `at_ms` is when, by its owner's clock."""

    request: str
    partition: int
    amount: int
    places: tuple[Place, ...]
    at_ms: int = 0


class Expired(NamedTuple):
    """Nobody told the end in time: the hold counts as spent."""

    request: str


class Released(NamedTuple):
    """The request never reached a router: a partition gives back what it held and took."""

    request: str
    partition: int = 0
    at_ms: int = 0


class Took(NamedTuple):
    """A request took its part of limits that are at home in a partition: one of the requests, a slot, and tokens."""

    request: str
    partition: int
    at_ms: int
    tokens: int
    accounts: tuple[str, ...]


class Stopped(NamedTuple):
    """Nobody works on a request any more: its slots are somebody else's, whatever it used."""

    request: str
    partition: int
    at_ms: int = 0


class Set(NamedTuple):
    """What is spent of a key's budget was set, and changed `by` that. `serial` tells what is said of one key apart.

    What the requests `settles` were assumed to cost is in what was said: their ends correct nothing there any more.
    """

    place: Place
    serial: int
    by: int
    settles: tuple[str, ...] = ()


class Stood(NamedTuple):
    """How an account stood in a snapshot: the last that was said of its spend, and what was spent by then."""

    serial: int
    spent: int
    facts_seq: int


class Snapshot(NamedTuple):
    """A partition as its owner wrote it down: open holds, those that expired, and who has taken part of limits.

    `stopped` are those of `taken` that have no slot any more; `stood` has the accounts of whose spend something was
    said, and `settled` those of `lost` that are in what was said.
    """

    partition: int
    open: Mapping[str, Held]
    lost: Mapping[str, Held]
    taken: Mapping[str, Took] = {}
    stopped: Collection[str] = ()
    at_ms: int = 0
    stood: Mapping[Place, Stood] = {}
    settled: Collection[str] = ()


class Admitted(NamedTuple):
    """The fact that a request with a hold was sent on."""

    request: str
    amount: int


class Finished(NamedTuple):
    """The fact of its end, with what it cost and used in truth, and whom the cost was paid to."""

    request: str
    cost: int
    provider: str = ""
    tokens: int = 0
    at_ms: int = 0
    seq: int = 0


class Lost(NamedTuple):
    """The fact that its end is unknown, with what is assumed."""

    request: str
    cost: int


class Crossed(NamedTuple):
    """The fact that a threshold of a budget was reached; `percent` None: the soft budget."""

    place: Place
    percent: int | None


Step = (
    Opened
    | Closed
    | Reset
    | Held
    | Expired
    | Released
    | Took
    | Stopped
    | Set
    | Snapshot
    | Admitted
    | Finished
    | Lost
    | Crossed
)

PROVIDER = "provider:"
"""What the name of a provider's account begins with. Of those that hold a request, only who served it is paid."""


class Row(NamedTuple):
    """An end of a request in ClickHouse's archive of facts, in the order of `seq`."""

    seq: int
    request: str
    cost: int
    is_loss: bool
    provider: str = ""


class Refusal(NamedTuple):
    """A budget was said to be exceeded. `least` is what the shortest answer would have cost, `most` the whole one.

    Of the `providers` one must have had room, of the places all.
    """

    places: tuple[Place, ...]
    least: int
    most: int
    providers: tuple[Place, ...] = ()


class Limit(NamedTuple):
    """What one holder may use in a window, and at a time. None: as much as it likes."""

    rpm: int | None = None
    tpm: int | None = None
    parallel: int | None = None


class Throttled(NamedTuple):
    """A limit was said to have no room for a request of `tokens`, between these two moments. Milliseconds."""

    accounts: tuple[str, ...]
    asked_ms: int
    answered_ms: int
    tokens: int


def costs(place: Place, cost: int, provider: str) -> int:
    """Return what an end that cost so much, paid to `provider`, counts in `place`."""
    return 0 if place.account.startswith(PROVIDER) and place.account != PROVIDER + provider else cost
