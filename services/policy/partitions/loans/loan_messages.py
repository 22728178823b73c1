"""What partitions say to each other about loans: JSON over core NATS, and a lost message is said again.

JSON as the journal is: 64 bits, all that msgpack has for an integer, end at 18 million USD.
"""

import msgspec

from services.policy.budgets.charges import Charge


class Ask(msgspec.Struct, array_like=True, frozen=True):
    """Partition `borrower` asks to spend of `charge`'s account. Pico-dollars, milliseconds since 1970.

    In `window` it knows to have been lent `lent`. It needs `need` now, `least` would do where no more is left, and
    `want` would serve others that are coming. `waits`: what is only held is worth waiting for, until `give_up_ms`.
    """

    borrower: int
    charge: Charge
    window: int
    lent: int
    need: int
    least: int
    want: int
    now_ms: int
    give_up_ms: int
    waits: bool


class Granted(msgspec.Struct, array_like=True, frozen=True, tag=1):
    """What the borrower was lent in all in this window. `short`: no more is left, though it asked for more.

    `over`: all that is spent and held is more than the limit it asked by, so that a higher one has lent this.
    """

    window: int
    lent: int
    starts_ms: int
    ends_ms: int
    duration: str
    short: bool = False
    over: bool = False


class Refusal(msgspec.Struct, array_like=True, frozen=True, tag=2):
    """The account as it stands at home. `only_holds`: there may be more in a moment."""

    spent: int
    held: int
    limit: int
    ends_ms: int
    only_holds: bool


class Recall(msgspec.Struct, array_like=True, frozen=True):
    """Home needs what is not needed elsewhere. `granted` is what it has lent, should nobody have heard of it."""

    account: str
    home: int
    granted: Granted


class Report(msgspec.Struct, array_like=True, frozen=True):
    """What a borrower has returned in all and spent in `window`, as it has written it down. It is said until heard."""

    borrower: int
    account: str
    window: int
    version: int
    returned: int
    used: int


HEARD = b"+"

encode = msgspec.json.Encoder().encode
decode_ask = msgspec.json.Decoder(Ask).decode
decode_answer: msgspec.json.Decoder[Granted | Refusal] = msgspec.json.Decoder(Granted | Refusal)
decode_recall = msgspec.json.Decoder(Recall).decode
decode_report = msgspec.json.Decoder(Report).decode
