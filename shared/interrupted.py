"""What becomes of a stream whose client has left: cut off, read to its end, or read on for a while."""

from typing import Any, Literal, get_args

import msgspec

Mode = Literal["drain", "cancel", "drain_capped"]
CAP_S = 30.0
FIELD = "interrupted_stream"


class Interrupted(msgspec.Struct, array_like=True, frozen=True):
    """`cap_s` and `cap_tokens` end a `drain_capped` stream, whichever comes first."""

    mode: Mode
    cap_s: float = CAP_S
    cap_tokens: int | None = None


DRAIN = Interrupted("drain")


def interrupted_of(value: Any, default: Interrupted = DRAIN) -> Interrupted:
    """Return what `metadata.interrupted_stream` of a key says: a mode, or {"mode", "seconds", "tokens"}.

    The caps that it leaves out are those of `default`.

    Raises:
        ValueError: it cannot be meant; the text says what can.
    """
    fields = {"mode": value} if isinstance(value, str) else value
    modes = get_args(Mode)
    if not isinstance(fields, dict) or fields.get("mode") not in modes or fields.keys() - {"mode", "seconds", "tokens"}:
        raise ValueError(f"{FIELD} must be one of {', '.join(modes)}, or an object of mode, seconds and tokens")
    seconds, tokens = fields.get("seconds", default.cap_s), fields.get("tokens", default.cap_tokens)
    if isinstance(seconds, bool) or not isinstance(seconds, int | float) or not 0 < seconds <= 3_600:
        raise ValueError(f"{FIELD}.seconds must be more than 0 and at most 3600")
    if tokens is not None and (isinstance(tokens, bool) or not isinstance(tokens, int) or tokens < 1):
        raise ValueError(f"{FIELD}.tokens must be a whole number of at least 1, or null")
    return Interrupted(fields["mode"], float(seconds), tokens)
