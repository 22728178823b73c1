"""What happened to budgets, one step at a time, in the order in which the server stored it: what the check looks at."""

from collections.abc import Mapping
from typing import NamedTuple


class Place(NamedTuple):
    """A budget in one of its windows. `window` tells windows of the same account apart."""

    account: str
    window: str


class Held(NamedTuple):
    """A request was admitted: `amount` is set aside in each of its places."""

    request: str
    partition: int
    amount: int
    places: tuple[Place, ...]


class Expired(NamedTuple):
    """Nobody told the end in time: the hold counts as spent."""

    request: str


class Released(NamedTuple):
    """The request never reached a router."""

    request: str


class Snapshot(NamedTuple):
    """A partition as its owner wrote it down: the holds that are open, and those that expired."""

    partition: int
    open: Mapping[str, Held]
    lost: Mapping[str, Held]


class Admitted(NamedTuple):
    """The fact that a request with a hold was sent on."""

    request: str
    amount: int


class Finished(NamedTuple):
    """The fact of its end, with what it cost in truth."""

    request: str
    cost: int


class Lost(NamedTuple):
    """The fact that its end is unknown, with what is assumed."""

    request: str
    cost: int


class Crossed(NamedTuple):
    """The fact that a threshold of a budget was reached; `percent` None: the soft budget."""

    place: Place
    percent: int | None


Step = Held | Expired | Released | Snapshot | Admitted | Finished | Lost | Crossed


class Row(NamedTuple):
    """An end of a request in ClickHouse's archive of facts, in the order of `seq`."""

    seq: int
    request: str
    cost: int
    is_loss: bool


class Refusal(NamedTuple):
    """A budget was said to be exceeded. `least` is what the shortest answer would have cost, `most` the whole one."""

    places: tuple[Place, ...]
    least: int
    most: int
