"""One account, as it stands in its present window."""

import msgspec


class Account(msgspec.Struct, omit_defaults=True, forbid_unknown_fields=True):
    """`spent` and `held` in pico-dollars, of the current window alone. `ends_ms` is 0 where nothing resets it."""

    window: int = 1
    starts_ms: int = 0
    ends_ms: int = 0
    duration: str = ""
    spent: int = 0
    held: int = 0
    corrected: int = 0  # the last correction that counts in it
    since_ms: int = 0  # when its window was opened, or its end was moved; 0: not known
