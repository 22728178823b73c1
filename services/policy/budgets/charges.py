"""In which accounts a request is counted, and which limits they have. Pure."""

from typing import NamedTuple

from shared.identity.holders import Correction, Window


class Charge(NamedTuple):
    """One account a request is counted in. Pico-dollars; `anchor` in seconds since 1970.

    `pattern` says all of how its windows follow each other; where it changes, the present window's end moves.
    """

    account: str
    limit: int | None  # None: only counted
    home: int  # the partition that decides for it
    kind: str  # "key", "team", ..., "provider", "global"
    holder: str  # as a refusal names it
    model: str = ""  # counts calls to this model alone
    pattern: str = ""
    anchor: float = 0.0
    increase: int = 0  # on top of the limit
    increase_until_ms: int = 0
    tracked: bool = False  # held and counted as if it had a limit: for a soft budget, or for one it may get again
    correction: Correction | None = None  # what the control plane has said of its spend

    def limit_at(self, now_ms: int) -> int | None:
        if self.limit is None or not self.increase or now_ms >= self.increase_until_ms:
            return self.limit
        return self.limit + self.increase


class Charges(NamedTuple):
    """All of `must` must have room, the key's account first; and one of the `providers` where there are any.

    `budgeted`: one of them is limited or tracked, so that the request needs a hold. `spread`: some of them are at home
    in other partitions than the key's. `limited`: one of them has a limit. `windows`: one of `must` begins anew at
    times.
    """

    must: tuple[Charge, ...]
    providers: tuple[Charge, ...] = ()
    budgeted: bool = False
    spread: bool = False
    limited: bool = False
    windows: bool = False


def charges_of(must: tuple[Charge, ...], providers: tuple[Charge, ...] = ()) -> Charges:
    home, limited = must[0].home, any(charge.limit is not None for charge in (*must, *providers))
    return Charges(
        must,
        providers,
        limited or bool(providers) or any(charge.tracked for charge in must),
        any(charge.home != home for charge in must) or any(charge.home != home for charge in providers),
        limited,
        any(charge.pattern for charge in must),
    )


def pattern_of(window: Window, timezone: str) -> str:
    """Return how windows like it follow each other, as one text: "1d", "1d Europe/Berlin", "5h rolling".

    `timezone` is that of windows that do not say one.
    """
    if not window.duration:
        return ""
    pattern = window.duration
    if window.rolling:
        return f"{pattern} rolling"
    zone = window.timezone or timezone
    return pattern if zone == "UTC" else f"{pattern} {zone}"
