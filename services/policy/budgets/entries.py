"""What a partition's journal has of its accounts: holds and windows, and what becomes of them."""

import msgspec

from services.policy.budgets.loans import LoanEntry
from services.policy.limits.counters import Stopped, Taken

NO_WINDOW = 0
"""Of an account that a hold does not count in any more; windows are numbered from 1."""


class Share(msgspec.Struct, array_like=True, frozen=True, forbid_unknown_fields=True):
    """An account that a hold is placed in besides its key's, and the window it was placed in."""

    account: str
    window: int


class Whom(msgspec.Struct, array_like=True, frozen=True, forbid_unknown_fields=True):
    """Who besides the key's token a request is counted to, and what it asked: what a fact of its loss has to say.

    A hold that was placed before its type was noted is taken for a chat's.
    """

    key_alias: str = ""
    user_id: str = ""
    team_id: str = ""
    organization_id: str = ""
    end_user: str = ""
    tags: tuple[str, ...] = ()
    call_type: str = "acompletion"


class Hold(msgspec.Struct, array_like=True, frozen=True, forbid_unknown_fields=True):
    """What a request may cost at most, until it is settled: the whole amount in each of its accounts.

    `account` is the key's, `window` its window the hold was placed in; the others are in `also`.
    """

    request: str
    account: str
    window: int
    amount: int
    expires_ms: int
    admitted_ms: int
    tenant: str
    model: str
    also: tuple[Share, ...] = ()
    whom: Whom | None = None

    @property
    def accounts(self) -> list[str]:
        """The names of all its accounts, the key's first."""
        return [self.account, *[share.account for share in self.also]]


class Held(msgspec.Struct, tag="held", frozen=True, forbid_unknown_fields=True):
    """Journal: a hold was placed."""

    hold: Hold


class Closed(msgspec.Struct, array_like=True, frozen=True, forbid_unknown_fields=True):
    """A window that was left for the next one, as it stood then: `held`, in flight, still counts in it."""

    window: int
    starts_ms: int
    ends_ms: int
    spent: int
    held: int


class Opened(msgspec.Struct, tag="opened", frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """Journal: an account's window began, or only its end moved (same `window`): then what is spent stays.

    `closed` is the window that it takes the place of, where there is to be told of it; `at_ms` is when it was decided.
    """

    account: str
    window: int
    starts_ms: int
    ends_ms: int
    duration: str
    closed: Closed | None = None
    at_ms: int = 0


class Adjusted(msgspec.Struct, tag="adjusted", frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """Journal: the control plane has said what was spent. `by` is what that comes to: sums fold in any order.

    `settles`: requests that had expired by then. What they were assumed to cost is in what was said; their ends, should
    they come, correct nothing any more in this account, which is the key's.
    """

    account: str
    window: int
    serial: int
    by: int
    settles: tuple[str, ...] = ()


class ResetTold(msgspec.Struct, tag="reset_told", frozen=True, forbid_unknown_fields=True):
    """Journal: the fact of a reset is stored."""

    reset: str


class Forgotten(msgspec.Struct, tag="forgotten", frozen=True, forbid_unknown_fields=True):
    """Journal: an account in which nothing counts any more. The number of its window is not used again."""

    account: str


class Expired(msgspec.Struct, tag="expired", frozen=True, forbid_unknown_fields=True):
    """Journal: nobody settled a hold in time; it counts as spent."""

    request: str
    at_ms: int


class Released(msgspec.Struct, tag="released", frozen=True, forbid_unknown_fields=True):
    """Journal: a request never reached a router; nothing was spent, and nothing of its limits used."""

    request: str


Entry = Held | Opened | Adjusted | ResetTold | Forgotten | Expired | Released | LoanEntry | Taken | Stopped


class Lost(msgspec.Struct, array_like=True, frozen=True, forbid_unknown_fields=True):
    """A hold that expired. `told`: the fact that says so is stored."""

    hold: Hold
    at_ms: int
    told: bool = False


class Reset(msgspec.Struct, array_like=True, frozen=True, forbid_unknown_fields=True):
    """A window that was left, and of which no fact tells yet."""

    account: str
    closed: Closed
