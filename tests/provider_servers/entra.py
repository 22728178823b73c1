"""Microsoft's Entra ID: the token endpoint for applications, users and federated identities.

Sources: https://learn.microsoft.com/entra/identity-platform/v2-oauth2-client-creds-grant-flow,
https://learn.microsoft.com/entra/identity-platform/certificate-credentials
"""

import base64
import time
from collections.abc import Sequence
from typing import Any
from urllib.parse import parse_qs

import orjson
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from tests.provider_servers.http_server import Behaviour, HttpServer, Received

SCOPE = "https://cognitiveservices.azure.com/.default"
_ASSERTION = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"


class EntraServer(HttpServer):
    """Knows one application of the tenant `contoso`, one user and one federated identity."""

    tenant, client_id, secret = "contoso", "app-1", "app~secret"
    user, password, federated = "ann@contoso.example", "pa ss&word", "eyJmZWQ"

    def __init__(self, *, lifetime_s: int = 3_599) -> None:
        super().__init__()
        self.lifetime_s = lifetime_s
        self.given: list[str] = []
        self.certificate: x509.Certificate | None = None  # the application's, besides its secret
        self.statements: set[str] = set()

    def refusal(self, request: Received) -> tuple[int, Any] | None:
        if request.path != f"/{self.tenant}/oauth2/v2.0/token":
            return 400, _error("invalid_request", "AADSTS90002: Tenant was not found.")
        form = {name: values[0] for name, values in parse_qs(request.raw.decode()).items()}
        if form.get("client_id") != self.client_id:
            return 400, _error("unauthorized_client", "AADSTS700016: Application was not found in the directory.")
        if form.get("scope") != SCOPE:
            return 400, _error("invalid_scope", "AADSTS70011: The provided value for scope is not valid.")
        by_secret = form.get("client_secret") == self.secret
        asserted = form.get("client_assertion", "")
        by_assertion = form.get("client_assertion_type") == _ASSERTION and (
            asserted == self.federated or self._is_signed(asserted, f"{self.origin}{request.path}")
        )
        by_user = (form.get("username"), form.get("password")) == (self.user, self.password)
        accepted = {"client_credentials": by_secret or by_assertion, "password": by_user}
        if not accepted.get(form.get("grant_type", "")):
            return 401, _error("invalid_client", "AADSTS7000215: Invalid client secret provided.")
        return None

    def _is_signed(self, statement: str, audience: str) -> bool:
        """Whether the application signed it, for this endpoint and this time, and it was not shown before."""
        if self.certificate is None or statement.count(".") != 2:
            return False
        signed, _, signature = statement.rpartition(".")
        header, claims = (orjson.loads(_unpacked(part)) for part in signed.split("."))
        key = self.certificate.public_key()
        assert isinstance(key, rsa.RSAPublicKey)
        pss = padding.PSS(mgf=padding.MGF1(hashes.SHA256()), salt_length=32)
        try:
            key.verify(_unpacked(signature), signed.encode(), pss, hashes.SHA256())
        except InvalidSignature:
            return False
        fresh = claims["jti"] not in self.statements
        self.statements.add(claims["jti"])
        thumbprint = _unpacked(header["x5t#S256"]) == self.certificate.fingerprint(hashes.SHA256())
        who = (claims["iss"], claims["sub"], claims["aud"]) == (self.client_id, self.client_id, audience)
        return fresh and thumbprint and who and claims["nbf"] <= time.time() + 1 < claims["exp"] <= time.time() + 601

    def error(self, status: int) -> Any:
        return _error("temporarily_unavailable", f"The server says {status}.")

    def streams(self, request: Received) -> bool:
        return False

    def answer(self, request: Received, behaviour: Behaviour) -> Any:
        self.given.append(f"eyJ0.token-{len(self.given) + 1}")
        return {
            "token_type": "Bearer",
            "expires_in": self.lifetime_s,
            "ext_expires_in": self.lifetime_s,
            "access_token": self.given[-1],
        }

    def events(self, request: Received, behaviour: Behaviour) -> Sequence[bytes]:
        return []

    def error_event(self) -> bytes:
        return b""


def _unpacked(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def _error(kind: str, text: str) -> dict[str, Any]:
    return {"error": kind, "error_description": text, "error_codes": [1], "correlation_id": "c"}
