"""Secrets for browsers: a key's right to open sessions with one model, for a short time, that needs no memory of it.

What a secret says is signed, and not hidden: whose it is (by the key's hash), the model, until when, and how a session
begins. It works at this gateway alone, so whoever has it passes the same door as the key.
"""

import base64
import hmac
from hashlib import sha256

import msgspec

from shared.errors import AuthenticationFailed, InvalidRequest

PREFIX = "ek_"
SESSION_MAX_BYTES = 4_000
"""A secret goes in one header, and servers take 8 KB of one."""

SECONDS_LEAST, SECONDS_MOST, SECONDS_USUAL = 10, 7_200, 600
"""https://platform.openai.com/docs/api-reference/realtime-sessions/create-realtime-client-secret"""

_PURPOSE = b"meterhouse: secrets of realtime sessions"


class Grant(msgspec.Struct, array_like=True, frozen=True):
    """`key` is the token of the key that made it, "" for the master key. `session` is JSON, b"" for none."""

    key: str
    model: str
    expires_s: int
    session: bytes


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Grant).decode


class Secrets:
    """Makes secrets and reads them: all edges with one master key alike."""

    def __init__(self, master_key: str) -> None:
        self._signing_key = hmac.digest(master_key.encode(), _PURPOSE, "sha256")

    def seal(self, grant: Grant) -> str:
        """Return the secret.

        Raises:
            InvalidRequest: its session is too long.
        """
        if len(grant.session) > SESSION_MAX_BYTES:
            raise InvalidRequest(
                f"'session' must have at most {SESSION_MAX_BYTES} bytes as JSON; say the rest by session.update.",
                param="session",
            )
        said = _encode(grant)
        return f"{PREFIX}{_text(said)}.{_text(self._signature(said))}"

    def unseal(self, secret: str, now: float) -> Grant:
        """Return what the secret grants; `now` in seconds since 1970.

        Raises:
            AuthenticationFailed: it is none of ours, or its time is over.
        """
        said, _, signature = secret.removeprefix(PREFIX).partition(".")
        try:
            payload = _bytes(said)
            if not hmac.compare_digest(_bytes(signature), self._signature(payload)):
                raise ValueError("another signature")
            grant = _decode(payload)
        except (ValueError, msgspec.DecodeError) as error:
            raise AuthenticationFailed(
                "Authentication Error, the client secret is none of this gateway.", type="token_not_found_in_db"
            ) from error
        if grant.expires_s <= now:
            raise AuthenticationFailed(
                "Authentication Error, the client secret has expired: ask for a new one.", type="expired_key"
            )
        return grant

    def _signature(self, said: bytes) -> bytes:
        return hmac.new(self._signing_key, said, sha256).digest()


def _text(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _bytes(text: str) -> bytes:
    return base64.b64decode(text.encode() + b"=" * (-len(text) % 4), b"-_", validate=True)
