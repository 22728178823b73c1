"""Who may ask: one user, one password, sent in any of the ways ClickHouse's clients have."""

import binascii
import hmac
from base64 import b64decode
from collections.abc import Mapping
from dataclasses import dataclass

from services.ledger.embedded.failure import AUTHENTICATION_FAILED, refused


@dataclass(frozen=True, slots=True)
class Credentials:
    """The one user this process knows."""

    user: str
    password: str

    def check(self, headers: Mapping[bytes, bytes], fields: Mapping[str, str]) -> None:
        """Let the right user pass.

        Raises:
            QueryFailed: 516; status 401 if no credentials were sent at all, else 403.
        """
        sent = _sent(headers, fields)
        if sent is None:
            reason = (
                "Authentication failed: send the user and the password (Basic, X-ClickHouse-User and -Key, or URL)."
            )
            raise refused(AUTHENTICATION_FAILED, "AUTHENTICATION_FAILED", reason, status=401)
        user, password = sent
        # both are always compared, so that the time taken does not tell a right user from a wrong one
        right_user = hmac.compare_digest(user, self.user.encode())
        right_password = hmac.compare_digest(password, self.password.encode())
        if not (right_user and right_password):
            name = user.decode("utf-8", "replace")
            reason = f"{name}: Authentication failed: password is incorrect, or there is no user with such name."
            raise refused(AUTHENTICATION_FAILED, "AUTHENTICATION_FAILED", reason)


def _sent(headers: Mapping[bytes, bytes], fields: Mapping[str, str]) -> tuple[bytes, bytes] | None:
    if b"x-clickhouse-user" in headers or b"x-clickhouse-key" in headers:
        return headers.get(b"x-clickhouse-user", b"default"), headers.get(b"x-clickhouse-key", b"")
    if b"authorization" in headers:
        scheme, _, value = headers[b"authorization"].partition(b" ")
        if scheme.lower() != b"basic":
            return b"", b""
        try:
            user, _, password = b64decode(value.strip(), validate=True).partition(b":")
        except binascii.Error:
            return b"", b""
        return user, password
    if "user" in fields or "password" in fields:
        user_field, password_field = fields.get("user", "default"), fields.get("password", "")
        return user_field.encode("utf-8", "surrogateescape"), password_field.encode("utf-8", "surrogateescape")
    return None
