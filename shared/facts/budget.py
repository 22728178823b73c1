"""What happened to a budget."""

from typing import ClassVar, Literal

from shared.facts.header import Fact


class BudgetThresholdCrossed(Fact):
    """So much of a budget is spent. Told once for each threshold of a budget in each of its windows.

    `percent` is the share of the hard limit; None where it was the soft budget. 100 is told as well when what is left,
    less than a hundredth, was not enough for a request. `window` counts the windows of the account.
    """

    KIND: ClassVar[str] = "budget.threshold_crossed"

    kind: Literal["budget.threshold_crossed"] = "budget.threshold_crossed"
    v: Literal[1] = 1
    account: str
    holder_kind: str  # key, team, member, user, organization, end_user, tag, provider, global
    holder: str  # its id; of a key its token (SHA-256)
    alias: str = ""
    percent: int | None
    spend_pico: int
    limit_pico: int | None
    soft_budget_pico: int | None = None
    window: int
    window_start_ms: int = 0
    window_end_ms: int = 0  # 0: nothing ends it
    duration: str = ""
    model: str = ""  # of a budget for one model
    user_id: str = ""
    team_id: str = ""
    organization_id: str = ""
    partition: int


class BudgetReset(Fact):
    """A window of a budget has ended and the next one begun: told once for each, when its owner notices.

    `spend_pico` is what the ended window, `window`, had spent by then, `held_pico` what requests in flight may still
    cost at most: they count in it, too. `limit_pico` is the limit as it is now, None where there is none.
    """

    KIND: ClassVar[str] = "budget.reset"

    kind: Literal["budget.reset"] = "budget.reset"
    v: Literal[1] = 1
    account: str
    holder_kind: str  # key, team, member, user, organization, end_user, tag, provider, global
    holder: str  # its id; of a key its token (SHA-256)
    alias: str = ""
    spend_pico: int
    held_pico: int
    limit_pico: int | None
    window: int
    window_start_ms: int = 0  # 0: when it was first spent from
    window_end_ms: int  # the boundary
    duration: str = ""
    model: str = ""  # of a budget for one model
    user_id: str = ""
    team_id: str = ""
    organization_id: str = ""
    partition: int
