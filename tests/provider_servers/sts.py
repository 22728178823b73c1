"""AWS's Security Token Service: AssumeRole and AssumeRoleWithWebIdentity.

Source: https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html
"""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs

from tests.provider_servers.aws_signature import why_refused
from tests.provider_servers.http_server import Behaviour, HttpServer, Received

_NAMESPACE = "https://sts.amazonaws.com/doc/2011-06-15/"


class StsServer(HttpServer):
    """Gives out the credentials `given`, which hold for `lifetime_s`."""

    answer_type = "text/xml"

    def __init__(self, *, key: str = "AKIABASE", secret: str = "base-secret", lifetime_s: float = 3_600) -> None:
        super().__init__()
        self.key, self.secret, self.lifetime_s = key, secret, lifetime_s
        self.given = ("ASIAGIVEN", "given-secret", "given-token//==")
        self.web_identity = "eyJ0b2tlbiI"
        self.external_id: str | None = None

    def refusal(self, request: Received) -> tuple[int, Any] | None:
        form = _form(request)
        if form.get("Action") == "AssumeRoleWithWebIdentity":
            if form.get("WebIdentityToken") != self.web_identity:
                return 400, _error("InvalidIdentityToken", "The web identity token could not be validated.")
            return None
        why = why_refused(request, key=self.key, secret=self.secret, token=None, service="sts")
        if why is not None:
            return 403, _error("SignatureDoesNotMatch", why)
        if form.get("ExternalId") != self.external_id:
            return 403, _error("AccessDenied", f"Not authorized to perform sts:AssumeRole on {form.get('RoleArn')}")
        return None

    def streams(self, request: Received) -> bool:
        return False

    def answer(self, request: Received, behaviour: Behaviour) -> Any:
        form = _form(request)
        action = form["Action"]
        key, secret, token = self.given
        ends = datetime.now(UTC) + timedelta(seconds=self.lifetime_s)
        return (
            f'<{action}Response xmlns="{_NAMESPACE}"><{action}Result>'
            f"<AssumedRoleUser><Arn>{form['RoleArn']}/{form['RoleSessionName']}</Arn>"
            f"<AssumedRoleId>AROA:{form['RoleSessionName']}</AssumedRoleId></AssumedRoleUser>"
            f"<Credentials><AccessKeyId>{key}</AccessKeyId><SecretAccessKey>{secret}</SecretAccessKey>"
            f"<SessionToken>{token}</SessionToken><Expiration>{ends:%Y-%m-%dT%H:%M:%SZ}</Expiration></Credentials>"
            f"</{action}Result><ResponseMetadata><RequestId>r</RequestId></ResponseMetadata></{action}Response>"
        ).encode()

    def error(self, status: int) -> Any:
        return _error("InternalFailure", f"The server says {status}.")

    def events(self, request: Received, behaviour: Behaviour) -> Sequence[bytes]:
        return []

    def error_event(self) -> bytes:
        return b""


def _form(request: Received) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(request.raw.decode()).items()}


def _error(code: str, message: str) -> bytes:
    return (
        f'<ErrorResponse xmlns="{_NAMESPACE}"><Error><Type>Sender</Type><Code>{code}</Code>'
        f"<Message>{message}</Message></Error><RequestId>r</RequestId></ErrorResponse>"
    ).encode()
