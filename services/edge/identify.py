"""Who calls: the key out of the headers, and what is known of it."""

import hmac
from collections.abc import Callable, Mapping
from urllib.parse import parse_qsl

from shared.errors import AuthenticationFailed
from shared.identity.keys import MASTER_KEY_ID, Key, accepts, as_token, token_of
from shared.identity.owner_names import owner_of

_BARE_KEY_HEADERS = (b"api-key", b"x-api-key", b"x-goog-api-key", b"ocp-apim-subscription-key")


def key_in(headers: Mapping[bytes, bytes], custom: bytes | None = None) -> str:
    """Return the key a client sent. `headers` have lower-case names; `custom` is the operator's own header.

    Where several headers could hold one, LiteLLM's order decides: its own headers, Authorization, then those that
    SDKs of other APIs send.

    Raises:
        AuthenticationFailed: there is none.
    """
    if custom is not None and custom in headers:
        return _without_scheme(headers[custom])
    if b"x-litellm-api-key" in headers:
        return _without_scheme(headers[b"x-litellm-api-key"])
    authorization = headers.get(b"authorization")
    if authorization is not None:
        scheme, _, key = authorization.decode("latin-1").partition(" ")
        if not key or scheme.lower() not in ("bearer", "basic"):
            raise AuthenticationFailed(
                "Authentication Error, Malformed API Key passed in. Ensure Key has `Bearer ` prefix."
            )
        return key.strip()
    for name in _BARE_KEY_HEADERS:
        if name in headers:
            return _without_scheme(headers[name])
    raise AuthenticationFailed("Authentication Error, No api key passed in.")


def with_key_of_query(headers: dict[bytes, bytes], query: bytes) -> dict[bytes, bytes]:
    """Return the headers with the key that Google's clients may write into the address, unless a header has one."""
    if b"key=" not in query or b"authorization" in headers or any(name in headers for name in _BARE_KEY_HEADERS):
        return headers
    found = dict(parse_qsl(query)).get(b"key")
    return {**headers, b"x-goog-api-key": found} if found else headers


class Identities:
    """Turns a key into whom it belongs to: the master, or a virtual key of the view."""

    def __init__(self, keys: Mapping[str, Key], master_key: str, clock: Callable[[], float]) -> None:
        """`clock` tells the time in seconds since 1970, for keys that have had several secrets."""
        self._keys = keys
        self._clock = clock
        self._master_token = token_of(master_key)

    def of(self, key: str) -> Key | None:
        """Return the virtual key, or None for the master key.

        Raises:
            AuthenticationFailed: no such key, or it is not written as a key is. A master key may be anything.
        """
        token = token_of(key)
        if hmac.compare_digest(token, self._master_token):
            return None
        found = self._keys.get(token)
        if found is not None and (not found.secret or accepts(found, token, self._clock())):
            return found
        if not key.startswith("sk-"):
            raise AuthenticationFailed("LiteLLM Virtual Key expected. Received=****, expected to start with 'sk-'.")
        raise AuthenticationFailed(
            f"Authentication Error, Invalid proxy server token passed. Received API Key = sk-...{key[-4:]}, "
            f"Key Hash (Token) ={token}. Unable to find token in cache or `LiteLLM_VerificationTokenTable`",
            type="token_not_found_in_db",
            param="key",
        )

    def by_token(self, token: str) -> Key | None:
        """Return the key that a token stands for, None for the master key's "".

        Raises:
            AuthenticationFailed: it was deleted.
        """
        if not token:
            return None
        found = self._keys.get(token)
        if found is None:
            raise AuthenticationFailed(
                "Authentication Error, the key of the client secret was deleted.",
                type="token_not_found_in_db",
                param="key",
            )
        return found

    def token(self, name: str) -> str:
        """Return the token of a key that is given as itself, or as the SHA-256 of one of its secrets."""
        secret = as_token(name)
        found = self._keys.get(secret)
        return secret if found is None else found.token


def key_id(key: Key | None) -> str:
    return MASTER_KEY_ID if key is None else key.token


def owner_of_key(key: Key | None) -> str:
    """Return whose it is what the key makes at a provider."""
    return owner_of(key_id(key), (key.user_id or "") if key else "", (key.team_id or "") if key else "")


def _without_scheme(value: bytes) -> str:
    sent = value.decode("latin-1").strip()
    scheme, _, key = sent.partition(" ")
    return key.strip() if key and scheme.lower() == "bearer" else sent
