"""By which limit of an account a partition has borrowed of it: what a higher one has lent than counts now goes back."""

from math import inf

from services.policy.budgets.charges import Charge


class LentBy:
    """The home lends by a limit only where all that is lent by then keeps to it: so the last loan says it of them all.

    After a change of owner nobody knows it any more, so that all counts as lent by a higher limit.
    """

    def __init__(self) -> None:
        self._limits: dict[str, float] = {}

    def lent(self, charge: Charge, asked_ms: int) -> None:
        """Something was lent that was asked for at `asked_ms`."""
        limit = charge.limit_at(asked_ms)
        self._limits[charge.account] = inf if limit is None else limit

    def is_higher(self, charge: Charge, now_ms: int) -> bool:
        """Return whether what is borrowed may be more than the present limit would have lent."""
        limit = charge.limit_at(now_ms)
        return limit is not None and self._limits.get(charge.account, inf) > limit

    def forget(self, account: str) -> None:
        self._limits.pop(account, None)
